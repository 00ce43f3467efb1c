"""How wrong the probabilities are, and the gradient from which backpropagation starts.

Each loss is the mean over the batch (and over time, where there is an output at every step), as
Keras takes it. Logarithms are kept finite by clipping the probabilities to ``[1e-7, 1 - 1e-7]``.

The gradient with respect to a probability is huge where the probability is wrong, and the slope
of the sigmoid or softmax before it is tiny there. Their product is simply ``p - y``, which is why
a network that ends in one of them is trained with the gradient *of the sum* in front of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

EPSILON = 1e-7


@dataclass(frozen=True)
class LossAndGradient:
    """A loss and where to start going back.

    Args:
        loss: the mean.
        gradient: of the shape of the output, for ``Network.backward``.
        of_sum: what ``Network.backward`` takes by this name: whether the gradient is that of the
            sums in front of the last activation.
    """

    loss: float
    gradient: Array
    of_sum: bool


def loss_and_gradient(
    name: str,
    target: Array,
    output: Array,
    *,
    activation: str = "linear",
    sample_weight: Array | None = None,
    mask: Array | None = None,
) -> LossAndGradient:
    """A loss by Keras's name, and its gradient, taken together with the last activation if it can.

    Args:
        name: "binary_crossentropy", "categorical_crossentropy" or
            "sparse_categorical_crossentropy".
        target: numbers of the shape of `output`; one-hot rows for the categorical loss, and the
            numbers of the classes ``(batch, ...)`` for the sparse one.
        output: probabilities ``(batch, ..., units)``.
        activation: of the layer that gave them. The sigmoid goes together with the binary loss,
            the softmax with the others.
        sample_weight: how much a row counts, ``(batch,)``, or ``(batch, time)``. The weighted sum
            is divided by the number of rows, not by the sum of weights, as in Keras.
        mask: ``(batch, time)``, true where an output counts: ``network.output_mask``.

    Returns:
        The loss and the gradient.

    Raises:
        ValueError: for another name, or shapes that don't fit.

    Example:
        >>> done = loss_and_gradient("binary_crossentropy", np.array([[1.0]]), np.array([[0.25]]),
        ...     activation="sigmoid")
        >>> round(done.loss, 4), done.gradient, done.of_sum
        (1.3863, array([[-0.75]]), True)
    """
    if name not in LOSSES:
        raise ValueError(f"Expected one of {', '.join(LOSSES)}. Received: {name!r}")
    function, gradient, goes_with = LOSSES[name]
    loss, fused = function(target, output, sample_weight, mask), activation == goes_with
    return LossAndGradient(
        loss, gradient(target, output, sample_weight, mask, of_sum=fused), of_sum=fused
    )


def binary_crossentropy(
    target: Array, output: Array, sample_weight: Array | None = None, mask: Array | None = None
) -> float:
    """``-(y log p + (1 - y) log(1 - p))``, the mean over everything.

    Args:
        target: 0 or 1, or between, of the shape of `output`.
        output: probabilities ``(batch, ..., units)``.
        sample_weight: ``(batch,)`` or ``(batch, time)``; see `loss_and_gradient`.
        mask: ``(batch, time)``; see `loss_and_gradient`.

    Returns:
        The loss.

    Raises:
        ValueError: if a shape doesn't fit.

    Example:
        >>> round(binary_crossentropy(np.array([[1.0], [0.0]]), np.array([[0.5], [0.0]])), 4)
        0.3466
    """
    target, weights = _prepare(target, output, sample_weight, mask)
    p = _clip(output)
    losses = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(axis=-1)
    return float((losses * weights).sum())


def binary_crossentropy_gradient(
    target: Array,
    output: Array,
    sample_weight: Array | None = None,
    mask: Array | None = None,
    *,
    of_sum: bool = False,
) -> Array:
    """The gradient of `binary_crossentropy`.

    Args:
        target: as there.
        output: likewise.
        sample_weight: likewise.
        mask: likewise.
        of_sum: whether the gradient of the sum is wanted whose sigmoid `output` is, ``p - y``.

    Returns:
        An array of the shape of `output`.

    Example:
        >>> binary_crossentropy_gradient(np.array([[1.0]]), np.array([[0.25]]))
        array([[-4.]])
    """
    target, weights = _prepare(target, output, sample_weight, mask)
    weights = weights[..., np.newaxis] / output.dtype.type(output.shape[-1])
    if of_sum:
        return (output - target) * weights
    p = _clip(output)
    return np.where(p == output, (p - target) / (p * (1 - p)), 0) * weights


def categorical_crossentropy(
    target: Array, output: Array, sample_weight: Array | None = None, mask: Array | None = None
) -> float:
    """``-sum_k y_k log p_k``, the mean over the rows, the ``p_k`` scaled to a sum of 1.

    Args:
        target: one-hot rows, or probabilities, of the shape of `output`.
        output: probabilities ``(batch, ..., classes)``.
        sample_weight: ``(batch,)`` or ``(batch, time)``; see `loss_and_gradient`.
        mask: ``(batch, time)``; see `loss_and_gradient`.

    Returns:
        The loss.

    Raises:
        ValueError: if a shape doesn't fit.

    Example:
        >>> round(categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.75, 0.25]])), 4)
        1.3863
    """
    target, weights = _prepare(target, output, sample_weight, mask)
    p = _clip(output / output.sum(axis=-1, keepdims=True))
    return float((-(target * np.log(p)).sum(axis=-1) * weights).sum())


def categorical_crossentropy_gradient(
    target: Array,
    output: Array,
    sample_weight: Array | None = None,
    mask: Array | None = None,
    *,
    of_sum: bool = False,
) -> Array:
    """The gradient of `categorical_crossentropy`.

    Args:
        target: as there.
        output: likewise.
        sample_weight: likewise.
        mask: likewise.
        of_sum: whether the gradient of the sums is wanted whose softmax `output` is, ``p - y``.

    Returns:
        An array of the shape of `output`.

    Example:
        >>> categorical_crossentropy_gradient(
        ...     np.array([[0.0, 1.0]]), np.array([[0.75, 0.25]]), of_sum=True)
        array([[ 0.75, -0.75]])
    """
    target, weights = _prepare(target, output, sample_weight, mask)
    weights = weights[..., np.newaxis]
    if of_sum:
        return (output * target.sum(axis=-1, keepdims=True) - target) * weights
    total = output.sum(axis=-1, keepdims=True)
    scaled = output / total
    p = _clip(scaled)
    of_scaled = np.where(p == scaled, -target / p, 0)
    return (of_scaled - (of_scaled * scaled).sum(axis=-1, keepdims=True)) / total * weights


def sparse_categorical_crossentropy(
    target: Array, output: Array, sample_weight: Array | None = None, mask: Array | None = None
) -> float:
    """`categorical_crossentropy` of classes that are given by their numbers.

    Args:
        target: whole numbers from 0 ``(batch, ...)``.
        output: probabilities ``(batch, ..., classes)``.
        sample_weight: ``(batch,)`` or ``(batch, time)``; see `loss_and_gradient`.
        mask: ``(batch, time)``; see `loss_and_gradient`.

    Returns:
        The loss.

    Raises:
        ValueError: if a shape doesn't fit, or a number is that of no class.

    Example:
        >>> round(sparse_categorical_crossentropy(np.array([1]), np.array([[0.75, 0.25]])), 4)
        1.3863
    """
    places = _class_places(target, output)
    weights = _row_weights(output, sample_weight, mask)
    p = _clip(np.take_along_axis(output, places, axis=-1)[..., 0] / output.sum(axis=-1))
    return float(-(np.log(p) * weights).sum())


def sparse_categorical_crossentropy_gradient(
    target: Array,
    output: Array,
    sample_weight: Array | None = None,
    mask: Array | None = None,
    *,
    of_sum: bool = False,
) -> Array:
    """The gradient of `sparse_categorical_crossentropy`.

    Args:
        target: as there.
        output: likewise.
        sample_weight: likewise.
        mask: likewise.
        of_sum: whether the gradient of the sums is wanted whose softmax `output` is, ``p - y``.

    Returns:
        An array of the shape of `output`.

    Example:
        >>> sparse_categorical_crossentropy_gradient(
        ...     np.array([1]), np.array([[0.75, 0.25]]), of_sum=True)
        array([[ 0.75, -0.75]])
    """
    places = _class_places(target, output)
    weights = _row_weights(output, sample_weight, mask)[..., np.newaxis]
    if of_sum:
        gradient, at_class = output * weights, -weights
    else:
        total = output.sum(axis=-1, keepdims=True)
        scaled = np.take_along_axis(output, places, axis=-1) / total
        p = _clip(scaled)
        at_class = np.where(p == scaled, -1 / p, 0) / total * weights
        gradient = np.broadcast_to(-at_class * scaled, output.shape).copy()
    before = np.take_along_axis(gradient, places, axis=-1)
    np.put_along_axis(gradient, places, before + at_class, axis=-1)
    return gradient


# By Keras's names: the loss, its gradient, and the activation that it goes together with.
LOSSES: dict[str, tuple[Callable[..., float], Callable[..., Array], str]] = {
    "binary_crossentropy": (binary_crossentropy, binary_crossentropy_gradient, "sigmoid"),
    "categorical_crossentropy": (
        categorical_crossentropy,
        categorical_crossentropy_gradient,
        "softmax",
    ),
    "sparse_categorical_crossentropy": (
        sparse_categorical_crossentropy,
        sparse_categorical_crossentropy_gradient,
        "softmax",
    ),
}


def is_right(target: Array, output: Array) -> Array:
    """Whether the likeliest class is the true one.

    Args:
        target: one-hot rows, or probabilities, of the shape of `output`.
        output: probabilities ``(batch, classes)``; or of the second of two classes ``(batch, 1)``.

    Returns:
        Truth values ``(batch,)``.

    Example:
        >>> is_right(np.array([[0, 1, 0], [0, 0, 1]]), np.array([[0.2, 0.5, 0.3], [0.6, 0, 0.4]]))
        array([ True, False])
        >>> is_right(np.array([[1], [0]]), np.array([[0.7], [0.8]]))
        array([ True, False])
    """
    if output.shape[1] == 1:
        return (output[:, 0] > 0.5) == (target[:, 0] > 0.5)
    return output.argmax(axis=1) == target.argmax(axis=1)


def _clip(p: Array) -> Array:
    return np.clip(p, EPSILON, 1 - EPSILON)


def _prepare(
    target: Array, output: Array, sample_weight: Array | None, mask: Array | None
) -> tuple[Array, Array]:
    """The target as floats, and by what the loss of each row is multiplied before the sum."""
    target = np.asarray(target)
    if target.shape != output.shape:
        raise ValueError(f"Expected a target of the shape {output.shape}. Received: {target.shape}")
    return target.astype(output.dtype, copy=False), _row_weights(output, sample_weight, mask)


def _class_places(target: Array, output: Array) -> Array:
    """The numbers of the classes as places along the last axis of the output."""
    target, classes = np.asarray(target), output.shape[-1]
    if target.shape != output.shape[:-1] or target.dtype.kind not in "iu":
        raise ValueError(
            f"Expected the whole numbers of classes {output.shape[:-1]}. Received: {target.dtype} "
            f"{target.shape}"
        )
    if target.size and not 0 <= target.min() <= target.max() < classes:
        raise ValueError(
            f"Expected the numbers of {classes} classes, from 0. Received: {target.min()} to "
            f"{target.max()}"
        )
    return target[..., np.newaxis]


def _row_weights(output: Array, sample_weight: Array | None, mask: Array | None) -> Array:
    """By what the loss of each row is multiplied before the sum."""
    rows = output.shape[:-1]
    # One number where all count alike: what is multiplied with it stays in the order it lies in.
    weights = np.asarray(1 / np.prod(rows), output.dtype)
    if mask is not None:
        if mask.shape != rows:
            raise ValueError(f"Expected a mask of the shape {rows}. Received: {mask.shape}")
        # The mean over those that count; none at all give 0.
        weights = mask / output.dtype.type(max(mask.sum(), 1))
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight, output.dtype)
        if sample_weight.shape not in (rows, rows[:1]):
            raise ValueError(
                f"Expected sample weights of the shape {rows[:1]} or {rows}. Received: "
                f"{sample_weight.shape}"
            )
        missing = len(rows) - sample_weight.ndim
        weights = weights * sample_weight.reshape(*sample_weight.shape, *[1] * missing)
    return weights
