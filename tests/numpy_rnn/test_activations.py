import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.layers import ACTIVATIONS as NAMES
from sentiment_rnn.numpy_rnn.activations import ACTIVATIONS
from tests.numpy_rnn.checks import assert_gradient, by_differences

# Large ones too, and those where a function has its corners.
X = np.array([[-1000.0, -90.0, -20.0, -3.0, -0.7], [0.3, 2.0, 20.0, 90.0, 1000.0]])


def test_there_is_one_for_each_name_that_a_layer_may_have():
    assert set(ACTIVATIONS) == set(NAMES)
    assert all(ACTIVATIONS[name].name == name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_those_of_keras(name, dtype):
    x = X.astype(dtype)
    actual = ACTIVATIONS[name].function(x)
    assert actual.dtype == dtype
    expected = keras.ops.convert_to_numpy(getattr(keras.activations, name)(x.astype(np.float32)))
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-37)
    np.testing.assert_array_equal(x, X.astype(dtype))


@pytest.mark.parametrize("name", NAMES)
def test_they_write_into_an_array_or_into_their_input(name):
    expected = ACTIVATIONS[name].function(X)
    out = np.empty_like(X)
    assert ACTIVATIONS[name].function(X, out=out) is out
    np.testing.assert_array_equal(out, expected)
    x = X.copy()
    assert ACTIVATIONS[name].function(x, out=x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives(name):
    x = np.random.default_rng(0).normal(0, 3, (4, 5))
    gradient = np.random.default_rng(1).normal(size=x.shape)
    activation = ACTIVATIONS[name]
    expected = by_differences(lambda: (activation.function(x) * gradient).sum(), x)
    assert_gradient(activation.backward(activation.function(x), gradient), expected)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_keep_their_type_and_write_into_an_array(name, dtype):
    activation = ACTIVATIONS[name]
    assert activation.slope is not None
    y = activation.function(X.astype(dtype))
    slope = activation.slope(y)
    assert slope.dtype == dtype
    out = np.empty_like(y)
    assert activation.slope(y, out=out) is out
    np.testing.assert_array_equal(out, slope)
