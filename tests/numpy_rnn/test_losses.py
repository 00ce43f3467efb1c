import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment_rnn.numpy_rnn import loss_and_gradient
from sentiment_rnn.numpy_rnn.activations import sigmoid, softmax
from sentiment_rnn.numpy_rnn.losses import (
    binary_crossentropy,
    binary_crossentropy_gradient,
    categorical_crossentropy,
    categorical_crossentropy_gradient,
    sparse_categorical_crossentropy,
    sparse_categorical_crossentropy_gradient,
)
from tests.numpy_rnn.checks import assert_gradient, by_differences

RANDOM = np.random.default_rng(0)
LOSSES = {
    "binary_crossentropy": (binary_crossentropy, binary_crossentropy_gradient, sigmoid),
    "categorical_crossentropy": (
        categorical_crossentropy,
        categorical_crossentropy_gradient,
        softmax,
    ),
    "sparse_categorical_crossentropy": (
        sparse_categorical_crossentropy,
        sparse_categorical_crossentropy_gradient,
        softmax,
    ),
}
SHAPES = [(3, 4), (3, 5, 4)]


def material(name, shape):
    """Sums, target."""
    target = RANDOM.integers(0, 2, shape).astype(float)
    if name == "categorical_crossentropy":
        target = np.eye(shape[-1])[RANDOM.integers(0, shape[-1], shape[:-1])]
    elif name == "sparse_categorical_crossentropy":
        target = RANDOM.integers(0, shape[-1], shape[:-1])
    return RANDOM.normal(0, 0.7, shape), target


def weightings(shape):
    """Sample weights and masks that fit."""
    by_row, by_step = RANDOM.uniform(0, 3, shape[0]), RANDOM.uniform(0, 3, shape[:-1])
    mask = RANDOM.integers(0, 2, shape[:-1]).astype(bool)
    return [(None, None), (by_row, None), (by_step, None), (None, mask), (by_step, mask)]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", range(5))
def test_values_are_those_of_keras(name, shape, case):
    sums, target = material(name, shape)
    weight, mask = weightings(shape)[case]
    value, _, activation = LOSSES[name]
    output = activation(sums).astype(np.float32)
    tensor = tf.constant(output)
    if mask is not None:
        # As a layer that passes a mask on leaves it with its output.
        keras.src.backend.set_keras_mask(tensor, tf.constant(mask))
    theirs = keras.losses.get(name)
    reduced = keras.src.losses.losses.LossFunctionWrapper(theirs)
    # Keras doesn't spread the weights of rows over their steps by itself.
    spread = weight if weight is None or weight.shape == shape[:-1] else np.tile(weight[:, None], 5)
    expected = reduced(target, tensor, sample_weight=spread)
    assert value(target, output, weight, mask) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_certain_probabilities_are_clipped_as_by_keras(name):
    value, gradient, _ = LOSSES[name]
    target = np.array([[0.0, 1.0], [0.0, 1.0]])
    if name == "sparse_categorical_crossentropy":
        target = np.array([1, 1])
    output = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    expected = keras.ops.mean(getattr(keras.losses, name)(target, output))
    assert value(target, output) == pytest.approx(float(expected), rel=1e-6)
    assert np.isfinite(gradient(target, output)).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", range(5))
def test_gradients(name, shape, case):
    sums, target = material(name, shape)
    weight, mask = weightings(shape)[case]
    value, gradient, activation = LOSSES[name]
    output = activation(sums)
    numbers = by_differences(lambda: value(target, output, weight, mask), output)
    assert_gradient(gradient(target, output, weight, mask), numbers)
    of_sums = by_differences(lambda: value(target, activation(sums), weight, mask), sums)
    assert_gradient(gradient(target, output, weight, mask, of_sum=True), of_sums)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_goes_together_with_the_activation_it_belongs_to(name):
    sums, target = material(name, (3, 4))
    value, gradient, activation = LOSSES[name]
    output = activation(sums)
    for last in ("sigmoid", "softmax", "tanh"):
        found = loss_and_gradient(name, target, output, activation=last)
        assert found.of_sum == (last == activation.__name__)
        assert found.loss == value(target, output)
        np.testing.assert_array_equal(found.gradient, gradient(target, output, of_sum=found.of_sum))


@pytest.mark.parametrize("name", LOSSES)
def test_types_stay_and_nothing_is_changed(name):
    sums, target = material(name, (3, 4))
    value, gradient, activation = LOSSES[name]
    output = activation(sums).astype(np.float32)
    copies = output.copy(), target.copy()
    assert isinstance(value(target, output), float)
    for of_sum in (False, True):
        weights = np.array([0.5, 1, 2])
        assert gradient(target, output, weights, of_sum=of_sum).dtype == np.float32
    np.testing.assert_array_equal(output, copies[0])
    np.testing.assert_array_equal(target, copies[1])


def test_nothing_counts_where_all_is_masked():
    mask = np.zeros((3, 5), bool)
    target = output = np.full((3, 5, 4), 0.5)
    assert binary_crossentropy(target, output, None, mask) == 0
    assert not binary_crossentropy_gradient(target, output, None, mask).any()


def test_what_does_not_fit_is_refused():
    output = np.full((3, 5, 4), 0.5)
    with pytest.raises(ValueError, match=r"target of the shape \(3, 5, 4\). Received: \(3, 5\)"):
        binary_crossentropy(output[..., 0], output)
    with pytest.raises(ValueError, match=r"weights of the shape \(3,\) or \(3, 5\).*\(5,\)"):
        binary_crossentropy(output, output, np.ones(5))
    with pytest.raises(ValueError, match=r"mask of the shape \(3, 5\). Received: \(5, 3\)"):
        categorical_crossentropy(output, output, None, np.ones((5, 3), bool))
    classes = np.zeros((3, 5), int)
    with pytest.raises(ValueError, match=r"classes \(3, 5\). Received: int64 \(3, 4\)"):
        sparse_categorical_crossentropy(classes[:, :4], output)
    with pytest.raises(ValueError, match=r"classes \(3, 5\). Received: float64 \(3, 5\)"):
        sparse_categorical_crossentropy(classes / 1, output)
    for number in (-1, 4):
        classes[1, 2] = number
        with pytest.raises(ValueError, match=f"numbers of 4 classes.*: .*{number}"):
            sparse_categorical_crossentropy_gradient(classes, output)
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy. Received: 'hinge'"):
        loss_and_gradient("hinge", output, output)


def test_numbers_of_classes_are_one_hot_rows():
    sums, classes = material("sparse_categorical_crossentropy", (3, 5, 4))
    output, target = softmax(sums), np.eye(4)[classes]
    for activation in ("softmax", "linear"):
        for weight, mask in weightings((3, 5, 4)):
            options = {"activation": activation, "sample_weight": weight, "mask": mask}
            sparse = loss_and_gradient(
                "sparse_categorical_crossentropy", classes, output, **options
            )
            dense = loss_and_gradient("categorical_crossentropy", target, output, **options)
            assert sparse.loss == pytest.approx(dense.loss, rel=1e-12)
            assert sparse.of_sum == dense.of_sum
            np.testing.assert_allclose(sparse.gradient, dense.gradient, rtol=1e-12, atol=1e-15)
