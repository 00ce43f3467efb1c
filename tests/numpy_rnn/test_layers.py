import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.pooling import MaskedPooling1D
from sentiment_rnn.numpy_rnn.layers import (
    ChanceOfRows,
    dense,
    dense_backward,
    dense_of_steps,
    dense_of_steps_backward,
    dropout,
    flatten,
    masked_pooling,
    masked_pooling_backward,
    masking,
    max_pooling,
    max_pooling_backward,
    mean_pooling,
    mean_pooling_backward,
)
from sentiment_rnn.numpy_rnn.projection import is_time_major
from tests.numpy_rnn.checks import assert_gradient, by_differences

RANDOM = np.random.default_rng(0)


def test_masking_finds_steps_that_are_nothing_but_its_value():
    x = RANDOM.normal(size=(2, 5, 3)).astype(np.float32)
    x[0, 1] = 7
    x[1, 2, :2] = 7
    y, mask = masking(x, 7)
    np.testing.assert_array_equal(y, keras.layers.Masking(7)(x))
    expected = np.ones((2, 5), bool)
    expected[0, 1] = False
    np.testing.assert_array_equal(mask, expected)
    assert y.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_keeps_the_expected_value(dtype):
    x = np.full((50, 40, 30), 3, dtype)
    y, factors = dropout(x, 0.25, np.random.default_rng(0))
    assert y.dtype == factors.dtype == dtype
    np.testing.assert_allclose(np.unique(y), [0, 4])
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(y, x * factors)
    assert (x == 3).all()


def test_dropout_has_its_seed_and_leaves_the_order_in_memory():
    x = np.ones((5, 2, 3)).swapaxes(0, 1)
    first, again, other = (dropout(x, 0.5, np.random.default_rng(n))[0] for n in (0, 0, 1))
    assert is_time_major(first)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(dropout(x, 0.0, np.random.default_rng(0))[0], x)


@pytest.mark.parametrize("masked", [False, True])
def test_mean_pooling(masked):
    x = RANDOM.normal(size=(3, 5, 2))
    mask = np.array([[1, 0, 0, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]], bool) if masked else None
    expected = keras.layers.GlobalAveragePooling1D()(x.astype(np.float32), mask=mask)
    np.testing.assert_allclose(mean_pooling(x, mask), expected, atol=1e-6)
    gradient = RANDOM.normal(size=(3, 2))
    numbers = by_differences(lambda: (mean_pooling(x, mask) * gradient).sum(), x)
    assert_gradient(mean_pooling_backward(x, mask, gradient), numbers)


def test_the_mean_of_nothing_is_not_a_number_as_in_keras():
    x, mask = np.ones((2, 3, 1)), np.array([[False] * 3, [True] * 3])
    np.testing.assert_array_equal(mean_pooling(x, mask), [[np.nan], [1]])
    expected = keras.layers.GlobalAveragePooling1D()(x.astype(np.float32), mask=mask)
    np.testing.assert_array_equal(mean_pooling(x, mask), expected)


@pytest.mark.parametrize("mode", ["mean", "max", "mean_max"])
@pytest.mark.parametrize("masked", [False, True])
def test_masked_pooling(mode, masked):
    x = RANDOM.normal(size=(4, 5, 2))
    rows = [[1, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    mask = np.array(rows, bool) if masked else None
    before = x.copy()
    y = masked_pooling(x, mask, mode)
    theirs = None if mask is None else keras.ops.convert_to_tensor(mask)
    expected = MaskedPooling1D(mode)(x.astype(np.float32), mask=theirs)
    np.testing.assert_allclose(y, expected, atol=1e-6)
    if masked:
        assert not y[1].any()
    gradient = RANDOM.normal(size=y.shape)
    numbers = by_differences(lambda: (masked_pooling(x, mask, mode) * gradient).sum(), x)
    assert_gradient(masked_pooling_backward(x, mask, y, mode, gradient), numbers)
    np.testing.assert_array_equal(x, before)


def test_a_masked_step_is_never_the_highest():
    x, mask = np.array([[[-2.0], [-1.0], [5.0]]]), np.array([[True, True, False]])
    assert masked_pooling(x, mask, "mean_max").tolist() == [[-1.5, -1.0]]


def test_steps_that_share_the_maximum_share_its_gradient():
    x, mask = np.ones((1, 4, 1)), np.array([[True, False, True, True]])
    y = masked_pooling(x, mask, "max")
    gradient = masked_pooling_backward(x, mask, y, "max", np.array([[3.0]]))
    assert gradient.ravel().tolist() == [1, 0, 1, 1]


def test_max_pooling():
    x = RANDOM.normal(size=(3, 5, 2))
    gradient = RANDOM.normal(size=(3, 2))
    numbers = by_differences(lambda: (max_pooling(x) * gradient).sum(), x)
    assert_gradient(max_pooling_backward(x, max_pooling(x), gradient), numbers)


@pytest.mark.parametrize("shape", [(3, 2), (3, 5, 2)])
@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid", "softmax", "tanh"])
def test_dense(shape, activation):
    x, kernel, bias = (RANDOM.normal(size=size) for size in (shape, (2, 4), 4))
    y = dense(x, kernel, bias, activation)
    expected = keras.ops.convert_to_numpy(
        getattr(keras.activations, activation)((x @ kernel + bias).astype(np.float32))
    )
    np.testing.assert_allclose(y, expected, atol=1e-6)
    gradient = RANDOM.normal(size=y.shape)
    found = dense_backward(x, kernel, y, gradient, activation)
    for array, actual in zip((kernel, bias, x), found, strict=True):
        numbers = by_differences(
            lambda: (dense(x, kernel, bias, activation) * gradient).sum(), array
        )
        assert_gradient(actual, numbers)


def test_dense_takes_a_gradient_of_its_sums():
    x, kernel = RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(2, 4))
    y = dense(x, kernel, None, "sigmoid")
    gradient = RANDOM.normal(size=y.shape)
    of_sum = gradient * y * (1 - y)
    for one, other in zip(
        dense_backward(x, kernel, y, gradient, "sigmoid"),
        dense_backward(x, kernel, y, of_sum, "sigmoid", of_sum=True),
        strict=True,
    ):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("time_first", [False, True])
@pytest.mark.parametrize("activation", ["linear", "sigmoid", "softmax"])
def test_dense_of_steps_is_dense_of_the_flattened(units, time_first, activation):
    x = RANDOM.normal(size=(4, 5, 3))
    if time_first:
        x = np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)
    kernel, bias = RANDOM.normal(size=(15, units)), RANDOM.normal(size=units)
    y = dense_of_steps(x, kernel, bias, activation)
    np.testing.assert_allclose(y, dense(flatten(x), kernel, bias, activation), atol=1e-12)
    gradient = RANDOM.normal(size=y.shape)
    for of_sum in (False, True):
        found = dense_of_steps_backward(x, kernel, y, gradient, activation, of_sum=of_sum)
        expected = dense_backward(flatten(x), kernel, y, gradient, activation, of_sum=of_sum)
        assert found[2] is not None
        assert expected[2] is not None
        assert is_time_major(found[2])
        np.testing.assert_allclose(found[0], expected[0], atol=1e-12)
        np.testing.assert_allclose(found[1], expected[1], atol=1e-12)
        np.testing.assert_allclose(flatten(found[2]), expected[2], atol=1e-12)
    found = dense_of_steps_backward(x, kernel, y, gradient, input_gradient=False)
    assert found[2] is None


@pytest.mark.parametrize("by_time", [False, True])
def test_rows_drop_what_they_would_drop_in_the_whole_batch(by_time):
    x = np.ones((7, 5, 3), np.float32)
    if by_time:
        x = np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)
    whole, _ = dropout(x, 0.4, np.random.default_rng(1))
    parts = []
    for start, stop in ((0, 2), (2, 6), (6, 7)):  # one row lies in memory both ways
        part = x[start:stop]
        if by_time:
            part = np.ascontiguousarray(part.swapaxes(0, 1)).swapaxes(0, 1)
        chance = ChanceOfRows(np.random.default_rng(1), start, 7)
        parts.append(dropout(part, 0.4, chance)[0])
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert 0 < (whole == 0).mean() < 1
