"""A recurrent layer whose memory is its last output, as pure functions.

Its two ways of running differ more than training and prediction of other layers do. While it is
trained, the truth stands in for the output before. That truth is the input itself, so that nothing
depends on the step before, and all steps are two matrix products. Afterwards it reads what it said
itself, step by step.

``h_t = f([x_t @ W, y_{t-1} @ W'] + b)`` and ``y_t = softmax(h_t @ V + c)``, with ``W`` and ``W'``
side by side as the layer's kernel. `project` has multiplied the input with both: a step that is
not forced puts another product in the place of the second.

Sources: of `sentiment_rnn.architectures.feedback.OutputFeedbackRNN`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentiment_rnn.architectures.layers import LayerSpec
from sentiment_rnn.numpy_rnn.activations import ACTIVATIONS
from sentiment_rnn.numpy_rnn.layers import dense, dense_backward
from sentiment_rnn.numpy_rnn.memory import empty

Array = np.ndarray


def forced(layer: LayerSpec, projected: Array, weights: Mapping[str, Array]) -> tuple[Array, Array]:
    """Runs the layer with the truth in place of its own outputs.

    Args:
        layer: an OutputFeedbackRNN.
        projected: ``x @ kernel + bias``, floats ``(batch, time, 2 * units)``.
        weights: its arrays by name: ``kernel``, ``bias``, ``output_kernel`` and ``output_bias``.

    Returns:
        The hidden layer, ``(batch, time, 2 * units)``, and the outputs, ``(batch, time, symbols)``.
    """
    hidden = ACTIVATIONS[str(layer["activation"])].function(projected)
    return hidden, dense(hidden, weights["output_kernel"], weights.get("output_bias"), "softmax")


def forced_backward(
    layer: LayerSpec,
    hidden: Array,
    output: Array,
    weights: Mapping[str, Array],
    gradient: Array,
    *,
    of_sum: bool = False,
) -> tuple[Array, Array, Array]:
    """The gradients of `forced`.

    Args:
        layer: an OutputFeedbackRNN.
        hidden: what `forced` gave.
        output: likewise.
        weights: its arrays.
        gradient: of the outputs, ``(batch, time, symbols)``.
        of_sum: whether it is that of the sums in front of the softmax already.

    Returns:
        The gradients of the projected inputs, of the output kernel and of the output bias.
    """
    of_kernel, of_bias, of_hidden = dense_backward(
        hidden, weights["output_kernel"], output, gradient, "softmax", of_sum=of_sum
    )
    assert of_hidden is not None
    assert of_bias is not None
    return ACTIVATIONS[str(layer["activation"])].backward(hidden, of_hidden), of_kernel, of_bias


def free(
    layer: LayerSpec,
    projected: Array,
    weights: Mapping[str, Array],
    initial_state: Array | None = None,
) -> tuple[Array, Array]:
    """Runs the layer step by step on its own outputs.

    Args:
        layer: an OutputFeedbackRNN.
        projected: as in `forced`.
        weights: its arrays.
        initial_state: the output before the first step, ``(batch, symbols)``; zeros if None.

    Returns:
        As `forced`.

    Example:
        >>> layer = LayerSpec("OutputFeedbackRNN", {"units": 1, "output_size": 2})
        >>> weights = {"kernel": np.array([[0.0, 1.0], [0.0, -1.0]]),
        ...     "output_kernel": np.array([[0.0, 0.0], [9.0, -9.0]])}
        >>> before = np.array([[1.0, 0.0]])
        >>> _, output = free(layer, np.zeros((1, 2, 2)), weights, before)
        >>> output.round(3)
        array([[[1., 0.],
                [1., 0.]]])
    """
    batch, time, columns = projected.shape
    units = columns // 2
    activation = ACTIVATIONS[str(layer["activation"])].function
    feedback = np.ascontiguousarray(weights["kernel"][:, units:])
    bias = weights.get("bias")
    into_output = weights["output_kernel"], weights.get("output_bias")
    hidden = empty((time, batch, columns), projected.dtype)
    output = empty((time, batch, layer.units), projected.dtype)
    previous = np.zeros((batch, layer.units), projected.dtype)
    if initial_state is not None:
        previous[...] = initial_state
    for t in range(time):
        hidden[t, :, :units] = projected[:, t, :units]
        np.matmul(previous, feedback, out=hidden[t, :, units:])
        if bias is not None:
            hidden[t, :, units:] += bias[units:]
        activation(hidden[t], out=hidden[t])
        output[t] = dense(hidden[t], *into_output, "softmax")
        previous = output[t]
    return hidden.swapaxes(0, 1), output.swapaxes(0, 1)
