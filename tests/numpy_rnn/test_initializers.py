import keras
import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.numpy_rnn import Network, glorot_uniform, initial_weights, orthogonal
from tests.numpy_rnn.checks import CELLS, cell, network


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("direction", ["forward", "concat"])
def test_a_network_starts_like_that_of_keras(name, direction):
    """The same shapes and types, and the same numbers where no chance is in them."""
    spec = network(name, direction=direction)
    theirs = build_network(spec).get_weights()
    ours = initial_weights(spec, np.random.default_rng(0))
    for weight, our, their in zip(spec.weights(), ours, theirs, strict=True):
        assert our.shape == their.shape
        assert our.dtype == their.dtype
        if weight.name == "bias":
            np.testing.assert_array_equal(our, their)
        if weight.name == "recurrent_kernel":
            for matrix in (our, their):
                np.testing.assert_allclose(matrix @ matrix.T, np.eye(4), atol=1e-6)
    Network(spec, ours)


@pytest.mark.parametrize("shape", [(300, 50), (50, 300)])
def test_glorot_uniform_has_the_distribution_of_keras(shape):
    ours = glorot_uniform(shape, np.random.default_rng(0))
    theirs = np.asarray(keras.initializers.GlorotUniform(seed=0)(shape))
    limit = np.sqrt(6 / 350)
    assert limit * 0.999 < np.abs(ours).max() <= limit
    quantiles = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=limit * 0.03
    )


@pytest.mark.parametrize("shape", [(40, 40), (40, 160), (160, 40)])
def test_orthogonal_has_the_distribution_of_keras(shape):
    ours = orthogonal(shape, np.random.default_rng(0), np.float64)
    short = ours if shape[0] <= shape[1] else ours.T
    np.testing.assert_allclose(short @ short.T, np.eye(40), atol=1e-12)
    theirs = np.asarray(keras.initializers.Orthogonal(seed=0)(shape))
    spread = np.sqrt(1 / max(shape))
    quantiles = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=spread * 0.12
    )


def test_orthogonal_prefers_no_sign():
    """A bare QR decomposition gives a first column of one sign."""
    random = np.random.default_rng(0)
    corners = [orthogonal((3, 3), random)[0, 0] for _ in range(400)]
    assert 0.4 < np.mean(np.array(corners) > 0) < 0.6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_generator_alone_decides(dtype):
    spec = NetworkSpec((None, None, 3), (cell("LSTM"), LayerSpec("Dense", {"units": 2})))
    first, again, other = (
        initial_weights(spec, np.random.default_rng(seed), dtype) for seed in (0, 0, 1)
    )
    for one, same, different, weight in zip(first, again, other, spec.weights(), strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.dtype == dtype
        assert one.flags.c_contiguous
        assert (one == different).all() == (weight.name == "bias")
