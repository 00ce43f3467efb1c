import numpy as np
import pytest

from sentiment_rnn.numpy_rnn import step_product as module
from sentiment_rnn.numpy_rnn.step_product import step_product

RANDOM = np.random.default_rng(0)


@pytest.fixture(params=["AVX-512", "other processors"])
def _processor(request, monkeypatch):
    monkeypatch.setattr(module, "_leaves_small_ones", lambda: request.param == "AVX-512")


@pytest.mark.usefixtures("_processor")
@pytest.mark.parametrize("gates", [1, 3, 4])
@pytest.mark.parametrize("steps", [1, 100])
@pytest.mark.parametrize(
    ("rows", "features", "width"),
    [
        (1, 3, 5),
        (32, 50, 50),
        (16, 128, 128),
        # In blocks of 64 columns, of 32, in two parts, in four, and too large for any of it.
        (32, 256, 256),
        (32, 512, 128),
        (32, 1024, 128),
        (64, 1024, 64),
        (300, 400, 96),
        (30, 301, 130),
    ],
)
def test_it_is_the_product(rows, features, width, steps, gates):
    kernel = RANDOM.standard_normal((features, gates * width)).astype(np.float32)
    before = kernel.copy()
    product = step_product(kernel, rows=rows, steps=steps, gates=gates)
    shape = (gates, rows, width) if gates > 1 else (rows, width)
    for _ in range(2):
        x = RANDOM.standard_normal((rows, features)).astype(np.float32)
        out = np.full(shape, np.nan, np.float32)
        product(x, out)
        expected = x.astype(float) @ kernel.astype(float)
        by_gate = expected.reshape(rows, gates, width).swapaxes(0, 1)
        np.testing.assert_allclose(out, by_gate.reshape(shape), atol=1e-3)
    np.testing.assert_array_equal(kernel, before)


@pytest.mark.usefixtures("_processor")
@pytest.mark.parametrize("features", [128, 2048])
def test_rows_and_kernels_may_be_parts_of_others(features):
    """As the gradients of a GRU's gates are."""
    wide = RANDOM.standard_normal((32, 3 * features)).astype(np.float32)
    kernel = RANDOM.standard_normal((features, 3 * 128)).astype(np.float32)[:, 128:]
    x, out = wide[:, features : 2 * features], np.empty((2, 32, 128), np.float32)
    step_product(kernel, rows=32, steps=10, gates=2)(x, out)
    np.testing.assert_allclose(np.hstack(list(out)), x @ kernel, atol=1e-3)
