"""The layers around the recurrent ones as pure functions, each followed by its way back."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from sentiment_rnn.numpy_rnn.activations import ACTIVATIONS
from sentiment_rnn.numpy_rnn.memory import empty, empty_like
from sentiment_rnn.numpy_rnn.projection import project, project_backward, sum_rows

Array = np.ndarray


def masking(x: Array, mask_value: float = 0.0) -> tuple[Array, Array]:
    """Finds the time steps that are nothing but `mask_value`, and sets them to zero.

    Args:
        x: floats ``(batch, time, features)``.
        mask_value: what padding consists of.

    Returns:
        The input with zeros where it is masked, and the mask ``(batch, time)``: true where a step
        is to be read. The gradient of the input is that of the output times the mask.

    Example:
        >>> masking(np.array([[[1.0, 0.0], [0.0, 0.0]]]))[1]
        array([[ True, False]])
    """
    mask = (x != mask_value).any(axis=-1)
    return np.where(mask[..., np.newaxis], x, x.dtype.type(0)), mask


@dataclass(frozen=True)
class ChanceOfRows:
    """Chance for some rows of a batch: what they would get if all of it were here.

    Args:
        rng: where chance comes from.
        start: the first of the rows.
        batch: rows of the whole batch.
    """

    rng: np.random.Generator
    start: int
    batch: int


def dropout(x: Array, rate: float, rng: np.random.Generator | ChanceOfRows) -> tuple[Array, Array]:
    """Drops values by chance and enlarges the others, so that the expected sum stays.

    Args:
        x: floats of any shape; with `ChanceOfRows` ``(rows, ...)``.
        rate: share to drop, at least 0 and below 1.
        rng: where chance comes from.

    Returns:
        The result and the factor of each value, 0 or ``1 / (1 - rate)``: the gradient of the input
        is that of the output times the factors.

    Example:
        >>> dropped, _ = dropout(np.ones(1000), 0.2, np.random.default_rng(0))
        >>> sorted(set(dropped.tolist()))
        [0.0, 1.25]

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", 2014; dividing while training is known as inverted dropout.
    """
    factors = empty_like(x)
    kept = _bits(x.shape, rng) >= round(rate * (1 << 16))
    np.multiply(kept, x.dtype.type(1 / (1 - rate)), out=factors)
    return np.multiply(x, factors, out=empty_like(x)), factors


def _bits(shape: tuple[int, ...], rng: np.random.Generator | ChanceOfRows) -> Array:
    """16 bits of chance for each number: a rate is a multiple of 1 / 65,536 then.

    They are drawn with time first, which is how the outputs of a recurrent layer lie in memory.
    """
    rows = slice(None)
    if isinstance(rng, ChanceOfRows):
        rows = slice(rng.start, rng.start + shape[0])
        shape, rng = (rng.batch, *shape[1:]), rng.rng
    size = prod(shape)
    bits = rng.integers(0, 1 << 64, -(-size // 4), np.uint64).view(np.uint16)[:size]
    if len(shape) == 3:
        batch, time, features = shape
        return bits.reshape(time, batch, features).swapaxes(0, 1)[rows]
    return bits.reshape(shape)[rows]


def flatten(x: Array) -> Array:
    """``(batch, ...)`` → ``(batch, all the rest)``. Its way back is ``reshape``.

    Example:
        >>> flatten(np.ones((2, 5, 3))).shape
        (2, 15)
    """
    return x.reshape(len(x), -1)


def mean_pooling(x: Array, mask: Array | None = None) -> Array:
    """The mean over time.

    Args:
        x: floats ``(batch, time, features)``.
        mask: ``(batch, time)``, true for the steps that count; None for all. A row without any
            becomes nan, as in Keras.

    Returns:
        ``(batch, features)``.

    Example:
        >>> mean_pooling(np.array([[[1.0], [3.0], [8.0]]]), np.array([[True, True, False]]))
        array([[2.]])
    """
    weights = _shares(x, mask)
    if mask is not None:
        x = np.where(mask[..., np.newaxis], x, x.dtype.type(0))
    # (batch, 1, time) @ (batch, time, features)
    return np.matmul(weights[:, np.newaxis], x)[:, 0]


def mean_pooling_backward(x: Array, mask: Array | None, gradient: Array) -> Array:
    """The gradient of the input of `mean_pooling`, ``(batch, time, features)``.

    Args:
        x: what went in.
        mask: likewise.
        gradient: of the result, ``(batch, features)``.

    Example:
        >>> mean_pooling_backward(np.ones((1, 2, 1)), None, np.array([[3.0]]))
        array([[[1.5],
                [1.5]]])
    """
    return _shares(x, mask)[..., np.newaxis] * gradient[:, np.newaxis]


def max_pooling(x: Array) -> Array:
    """The maximum over time, ``(batch, time, features)`` → ``(batch, features)``.

    It knows of no mask, as Keras's doesn't.

    Example:
        >>> max_pooling(np.array([[[1.0, 5.0], [2.0, 4.0]]]))
        array([[2., 5.]])
    """
    return x.max(axis=1)


def max_pooling_backward(x: Array, y: Array, gradient: Array) -> Array:
    """The gradient of the input of `max_pooling`, ``(batch, time, features)``.

    Steps that share the maximum share its gradient, as in TensorFlow.

    Args:
        x: what went in.
        y: what came out, ``(batch, features)``.
        gradient: of `y`.

    Example:
        >>> x = np.array([[[1.0], [2.0], [2.0]]])
        >>> max_pooling_backward(x, max_pooling(x), np.array([[3.0]]))
        array([[[0. ],
                [1.5],
                [1.5]]])
    """
    chosen = x == y[:, np.newaxis]
    share = gradient / chosen.sum(axis=1, dtype=x.dtype)
    return chosen * share[:, np.newaxis]


def masked_pooling(x: Array, mask: Array | None, mode: str) -> Array:
    """The mean or the maximum over the steps that count, or both side by side.

    Args:
        x: floats ``(batch, time, features)``, finite also where they don't count.
        mask: ``(batch, time)``, true for the steps that count; None for all. Of a row without any
            mean and maximum are zeros.
        mode: "mean", "max" or "mean_max".

    Returns:
        ``(batch, features)``, twice as many for both.

    Example:
        >>> x, mask = np.array([[[1.0], [3.0], [8.0]]]), np.array([[True, True, False]])
        >>> masked_pooling(x, mask, "mean_max")
        array([[2., 3.]])

    Source: as of `sentiment_rnn.architectures.pooling.MaskedPooling1D`.
    """
    found = []
    if "mean" in mode:
        found.append(np.matmul(_shares_or_zeros(x, mask)[:, np.newaxis], x)[:, 0])
    if "max" in mode:
        found.append(_masked_max(x, mask))
    return np.concatenate(found, axis=1)


def masked_pooling_backward(
    x: Array, mask: Array | None, y: Array, mode: str, gradient: Array
) -> Array:
    """The gradient of the input of `masked_pooling`, with time first in memory.

    Steps that share the maximum share its gradient, as in TensorFlow.

    Args:
        x: what went in.
        mask: likewise.
        y: what came out.
        mode: as of `masked_pooling`.
        gradient: of `y`.

    Example:
        >>> x, mask = np.array([[[1.0], [3.0], [8.0]]]), np.array([[True, True, False]])
        >>> y = masked_pooling(x, mask, "mean_max")
        >>> masked_pooling_backward(x, mask, y, "mean_max", np.array([[2.0, 5.0]])).tolist()
        [[[1.0], [6.0], [0.0]]]
    """
    features = x.shape[2]
    of_x = empty_like(x)
    if "mean" in mode:
        shares = _shares_or_zeros(x, mask)
        np.multiply(shares[..., np.newaxis], gradient[:, np.newaxis, :features], out=of_x)
    if "max" in mode:
        chosen = x == y[:, np.newaxis, -features:]
        if mask is not None:
            chosen &= mask[..., np.newaxis]
        # Of a row without any step nothing is chosen.
        count = np.maximum(chosen.sum(axis=1, dtype=np.int32), 1)
        share = gradient[:, -features:] / count.astype(x.dtype)
        if mode == "max":
            np.multiply(chosen, share[:, np.newaxis], out=of_x)
        else:
            of_x += chosen * share[:, np.newaxis]
    return of_x


def _masked_max(x: Array, mask: Array | None) -> Array:
    if mask is None or mask.all():
        return x.max(axis=1)
    counts = mask[..., np.newaxis]
    highest = np.where(counts, x, x.dtype.type(-np.inf)).max(axis=1)
    return np.where(mask.any(axis=1, keepdims=True), highest, x.dtype.type(0))


def dense(x: Array, kernel: Array, bias: Array | None, activation: str = "linear") -> Array:
    """``activation(x @ kernel + bias)`` on the last axis.

    Args:
        x: floats ``(..., features)``.
        kernel: ``(features, units)``.
        bias: ``(units,)`` or None.
        activation: a key of `ACTIVATIONS`.

    Returns:
        ``(..., units)``.

    Example:
        >>> dense(np.ones((1, 2)), np.array([[1.0], [-3.0]]), np.array([1.0]), "relu")
        array([[0.]])
    """
    y = project(x, kernel, bias)
    return ACTIVATIONS[activation].function(y, out=y)


def dense_backward(
    x: Array,
    kernel: Array,
    y: Array,
    gradient: Array,
    activation: str = "linear",
    *,
    of_sum: bool = False,
    input_gradient: bool = True,
) -> tuple[Array, Array, Array | None]:
    """The gradients of `dense`.

    Args:
        x: what went in, ``(..., features)``.
        kernel: ``(features, units)``.
        y: what came out, ``(..., units)``.
        gradient: of `y`.
        activation: a key of `ACTIVATIONS`.
        of_sum: whether `gradient` is that of ``x @ kernel + bias`` already, as a loss that is
            taken together with the activation gives it.
        input_gradient: whether the gradient of `x` is wanted.

    Returns:
        The gradients of kernel, bias and `x` (or None).

    Example:
        >>> x, kernel = np.ones((1, 2)), np.ones((2, 1))
        >>> dense_backward(x, kernel, dense(x, kernel, None), np.ones((1, 1)))[1]
        array([1.])
    """
    if not of_sum:
        gradient = ACTIVATIONS[activation].backward(y, gradient)
    of_kernel, of_x = project_backward(x, kernel, gradient, input_gradient=input_gradient)
    return of_kernel, sum_rows(gradient), of_x


def dense_of_steps(
    x: Array, kernel: Array, bias: Array | None, activation: str = "linear"
) -> Array:
    """``dense(flatten(x), ...)`` without putting the time steps side by side first.

    That is a sum over time, ``activation(sum_t x_t @ kernel_t + bias)``, each step with rows of
    the kernel of its own.

    Args:
        x: floats ``(batch, time, features)``; fastest with time first in memory.
        kernel: ``(time * features, units)``.
        bias: ``(units,)`` or None.
        activation: a key of `ACTIVATIONS`.

    Returns:
        ``(batch, units)``.

    Example:
        >>> x, kernel = np.arange(12.0).reshape(2, 3, 2), np.ones((6, 1))
        >>> np.array_equal(dense_of_steps(x, kernel, None), dense(flatten(x), kernel, None))
        True
    """
    y = np.matmul(x.swapaxes(0, 1), _kernel_of_steps(x, kernel)).sum(axis=0)
    if bias is not None:
        y += bias
    return ACTIVATIONS[activation].function(y, out=y)


def dense_of_steps_backward(
    x: Array,
    kernel: Array,
    y: Array,
    gradient: Array,
    activation: str = "linear",
    *,
    of_sum: bool = False,
    input_gradient: bool = True,
) -> tuple[Array, Array, Array | None]:
    """The gradients of `dense_of_steps`, as `dense_backward` gives them.

    That of `x`, ``(batch, time, features)``, has time first in memory.

    Example:
        >>> x, kernel = np.ones((1, 3, 2)), np.ones((6, 1))
        >>> y = dense_of_steps(x, kernel, None)
        >>> dense_of_steps_backward(x, kernel, y, np.ones((1, 1)))[2].shape
        (1, 3, 2)
    """
    if not of_sum:
        gradient = ACTIVATIONS[activation].backward(y, gradient)
    by_time = x.swapaxes(0, 1)
    of_kernel = np.matmul(by_time.swapaxes(1, 2), gradient).reshape(kernel.shape)
    of_bias = gradient.sum(axis=0)
    if not input_gradient:
        return of_kernel, of_bias, None
    of_x = empty(by_time.shape, x.dtype)
    steps = _kernel_of_steps(x, kernel)
    if kernel.shape[1] == 1:
        np.multiply(gradient, steps.swapaxes(1, 2), out=of_x)
    else:
        np.matmul(gradient, steps.swapaxes(1, 2), out=of_x)
    return of_kernel, of_bias, of_x.swapaxes(0, 1)


def _kernel_of_steps(x: Array, kernel: Array) -> Array:
    """The kernel's rows for each step, ``(time, features, units)``."""
    return kernel.reshape(x.shape[1], x.shape[2], -1)


def _shares(x: Array, mask: Array | None) -> Array:
    """By how much each step counts in a mean over time, ``(batch, time)``."""
    if mask is None:
        return np.full(x.shape[:2], 1 / x.shape[1], x.dtype)
    with np.errstate(invalid="ignore"):
        return mask.astype(x.dtype) / mask.sum(axis=1, keepdims=True, dtype=x.dtype)


def _shares_or_zeros(x: Array, mask: Array | None) -> Array:
    """As `_shares`; zeros in a row without any step that counts."""
    if mask is None:
        return _shares(x, None)
    counts = mask.astype(x.dtype)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), x.dtype.type(1))
