"""Recurrent layers as pure functions: the scan over time and its way back.

A layer is two steps. `sentiment_rnn.numpy_rnn.projection.project` multiplies all inputs with the
kernel at once; `scan` reads the projected inputs step by step. So an embedding can be folded
away: where inputs are rows of a table of word vectors, the rows of the projected table are what
`scan` takes, and a token costs one row and the small recurrent product.

Arrays are ``(batch, time, ...)`` for the caller. In memory the results have time first, which is
the order of the loop; inputs are read without a copy whichever order they have, a little faster
with time first: ``table[ids.T].swapaxes(0, 1)`` rather than ``table[ids]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment_rnn.architectures.layers import LayerSpec, has_two_biases
from sentiment_rnn.numpy_rnn.cells import Cell, make_cell
from sentiment_rnn.numpy_rnn.memory import empty

Array = np.ndarray


@dataclass(frozen=True)
class Scan:
    """What a recurrent layer gives.

    Args:
        outputs: of every step in the order in which the layer read, ``(batch, time, units)``; None
            if neither the layer returns sequences nor the way back is kept. The way back reads
            the same memory: don't write into it.
        last: the output of the last step read, ``(batch, units)``.
        state: after the last step: ``(h,)``, of an LSTM ``(h, c)``, each ``(batch, units)``.
        kept: what `scan_backward` needs, or None.
    """

    outputs: Array | None
    last: Array
    state: tuple[Array, ...]
    kept: Kept | None


@dataclass(frozen=True)
class Kept:
    """What the way back needs of a scan; for `scan_backward` alone."""

    layer: LayerSpec
    cell: Cell
    states: Sequence[Array]
    reading: _Reading | None


@dataclass(frozen=True)
class ScanGradients:
    """Gradients of the loss with respect to what went into a scan.

    Args:
        projected: ``(batch, time, columns)`` in the order of the text.
        recurrent_kernel: ``(units, columns)``.
        recurrent_bias: ``(columns,)``, of a GRU with ``reset_after`` or a HiddenFeedbackRNN, and a
            bias; else None.
        initial_state: ``(h,)``, of an LSTM ``(h, c)``, each ``(batch, units)``.
    """

    projected: Array
    recurrent_kernel: Array
    recurrent_bias: Array | None
    initial_state: tuple[Array, ...]


def split_bias(layer: LayerSpec, bias: Array | None) -> tuple[Array | None, Array | None]:
    """Tells a layer's bias apart into what is added to its input and to its recurrent product.

    Args:
        layer: a recurrent layer.
        bias: ``(columns,)``; of a GRU with ``reset_after`` or a HiddenFeedbackRNN ``(2, columns)``;
            or None.

    Returns:
        The bias for `project` and the bias for `scan`, each ``(columns,)`` or None.

    Example:
        >>> split_bias(LayerSpec("SimpleRNN", {"units": 2}), np.ones(2))
        (array([1., 1.]), None)
    """
    if bias is not None and bias.ndim == 2:
        return bias[0], bias[1]
    return bias, None


def scan(
    layer: LayerSpec,
    projected: Array,
    recurrent_kernel: Array,
    recurrent_bias: Array | None = None,
    *,
    initial_state: Sequence[Array] | None = None,
    mask: Array | None = None,
    keep: bool = True,
) -> Scan:
    """Reads projected inputs step by step.

    Where the mask is false, a step isn't read: the state stays, and the output is that of the step
    before, zeros before the first one read. With ``zero_output_for_mask`` it is zeros everywhere.
    This is what Keras does.

    Args:
        layer: a SimpleRNN, LSTM, GRU or HiddenFeedbackRNN. Its dropout is not applied.
        projected: ``x @ kernel + bias``, floats ``(batch, time, columns)`` in the order of the
            text, also for a layer that goes backwards. The columns are ``gates * units``, of a
            HiddenFeedbackRNN half as many as its outputs.
        recurrent_kernel: ``(units, columns)``, the gates in Keras's order: i, f, c, o of an LSTM,
            z, r, h of a GRU.
        recurrent_bias: ``(columns,)``, the second row of the bias of a GRU with ``reset_after`` or
            a HiddenFeedbackRNN; else None.
        initial_state: ``(h,)``, of an LSTM ``(h, c)``, each ``(batch, units)``; zeros if None.
        mask: truth values ``(batch, time)``; None to read all.
        keep: whether `scan_backward` will be called. Without, less memory is written.

    Returns:
        Outputs and state.

    Raises:
        ValueError: if shapes or types don't belong together.

    Example:
        >>> layer = LayerSpec("SimpleRNN", {"units": 2, "activation": "relu"})
        >>> scan(layer, np.ones((1, 3, 2)), np.eye(2)).outputs
        array([[[1., 1.],
                [2., 2.],
                [3., 3.]]])

    Sources: of each cell in `sentiment_rnn.numpy_rnn.cells`.
    """
    _check(layer, projected, recurrent_kernel, recurrent_bias, initial_state, mask)
    batch, time, _ = projected.shape
    backwards = bool(layer["go_backwards"])
    steps = _by_time(projected, backwards)
    reading = None if mask is None or mask.all() else _Reading.of(layer, _by_time(mask, backwards))
    cell = make_cell(
        layer,
        recurrent_kernel,
        recurrent_bias,
        batch=batch,
        time=time,
        keep=keep,
        masked=reading is not None,
    )
    every = keep or bool(layer["return_sequences"])
    # Of the cell state of an LSTM only the way back needs more than the present and the next.
    states = [
        empty(((time if needed else 1) + 1, batch, layer.units), projected.dtype)
        for needed in (every, keep)[: _count_states(layer)]
    ]
    for place, state in enumerate(states):
        state[0] = 0 if initial_state is None else initial_state[place]
    # Views of all steps, made once: with one of two places in turn where that is all there is.
    rows = [list(state) if len(state) == time + 1 else _in_turn(state, time) for state in states]
    before: list[Array] = [row[0] for row in rows]
    # Where the power in a sigmoid is too large for a float, infinity gives the limit: 1 / inf = 0.
    with np.errstate(over="ignore"):
        for t, step in enumerate(cell.arrange(steps)):
            after = [row[t + 1] for row in rows]
            if reading is None or reading.all[t]:
                cell.step(t, step, before, after)
            else:
                if reading.any[t]:
                    cell.step(t, step, before, after)
                for old, new in zip(before, after, strict=True):
                    np.copyto(new, old, where=reading.skipped[t])
            before = after

    outputs = states[0][1:] if every else None
    last: Array = before[0].copy()
    final = tuple(array.copy() for array in before)
    if reading is not None:
        if outputs is not None and reading.blank.any():
            outputs = np.where(reading.blank, outputs.dtype.type(0), outputs)
        np.copyto(last, 0, where=reading.blank[-1])
    return Scan(
        None if outputs is None else outputs.swapaxes(0, 1),
        last,
        final,
        Kept(layer, cell, states, reading) if keep else None,
    )


def scan_backward(
    kept: Kept | None,
    output_gradient: Array | None,
    state_gradient: Sequence[Array] | None = None,
) -> ScanGradients:
    """Backpropagation through time.

    What a state did to the loss is the sum of what it did through its own output and what it did
    through the next state: ``dL/dh_t = dL/dy_t + (dh_{t+1}/dh_t)^T dL/dh_{t+1}``, from the last
    step read to the first. `state_gradient` starts the sum where more steps follow. A truncated
    backpropagation leaves it out.

    Args:
        kept: of a `Scan` with ``keep=True``.
        output_gradient: of every output in the order read, ``(batch, time, units)``, or of the
            last one only, ``(batch, units)``, or None.
        state_gradient: of the state after the last step, ``(h,)`` or ``(h, c)``, each
            ``(batch, units)``; zeros if None.

    Returns:
        The gradients of everything that went in.

    Raises:
        ValueError: if nothing was kept, if a shape doesn't fit, or if an activation of the layer
            is softmax.

    Example:
        >>> layer = LayerSpec("SimpleRNN", {"units": 1, "activation": "linear"})
        >>> done = scan(layer, np.ones((1, 3, 1)), np.array([[0.5]]))
        >>> scan_backward(done.kept, np.ones((1, 1))).projected
        array([[[0.25],
                [0.5 ],
                [1.  ]]])

    Source: Werbos, "Backpropagation Through Time: What It Does and How to Do It", 1990.
    """
    if kept is None:
        raise ValueError("There is nothing to go back through: expected a scan with keep=True.")
    cell, states, reading = kept.cell, kept.states, kept.reading
    time, batch, units = len(states[0]) - 1, *states[0].shape[1:]
    dtype = states[0].dtype
    shapes = ((batch, time, units), (batch, units))
    if output_gradient is not None and output_gradient.shape not in shapes:
        raise ValueError(
            f"Expected the gradient of the outputs {shapes[0]} or of the last one {shapes[1]}. "
            f"Received: {output_gradient.shape}"
        )
    _check_state("state_gradient", state_gradient, len(states), shapes[1])
    if state_gradient is None:
        gradients = [np.zeros((batch, units), dtype) for _ in states]
    else:
        gradients = [np.array(array, dtype) for array in state_gradient]

    of_steps = None
    if output_gradient is not None:
        of_steps = output_gradient.swapaxes(0, 1) if output_gradient.ndim == 3 else None
        if reading is not None:
            # An output of zeros in place of the state depends on nothing.
            if of_steps is not None:
                of_steps = np.where(reading.blank, dtype.type(0), of_steps)
            else:
                output_gradient = np.where(reading.blank[-1], dtype.type(0), output_gradient)
        if of_steps is None:
            np.add(gradients[0], output_gradient, out=gradients[0])

    cell.prepare(states)
    for t in reversed(range(time)):
        if of_steps is not None:
            np.add(gradients[0], of_steps[t], out=gradients[0])
        if reading is None or reading.all[t]:
            cell.step_back(t, gradients)
        elif not reading.any[t]:
            cell.skip_back(t)
        else:
            # The state of a row that skips the step goes round the cell, and so its gradient.
            skipped = reading.skipped[t]
            around = [np.where(skipped, gradient, dtype.type(0)) for gradient in gradients]
            for gradient in gradients:
                np.copyto(gradient, 0, where=skipped)
            cell.step_back(t, gradients)
            for gradient, old in zip(gradients, around, strict=True):
                np.add(gradient, old, out=gradient)
    result, recurrent_kernel, recurrent_bias = cell.finish(states)
    if kept.layer["go_backwards"]:
        result = result[::-1]
    return ScanGradients(result.swapaxes(0, 1), recurrent_kernel, recurrent_bias, tuple(gradients))


@dataclass(frozen=True)
class _Reading:
    """A mask in the order of reading, ``(time, batch, 1)``, and what the loop asks of it."""

    skipped: Array  # (time, batch, 1)
    blank: Array  # where the output is zeros, (time, batch, 1)
    all: Array  # whether all rows of the batch read the step, (time,)
    any: Array  # whether any does, (time,)

    @classmethod
    def of(cls, layer: LayerSpec, mask: Array) -> _Reading:
        mask = mask.astype(bool)
        read_before = np.logical_or.accumulate(mask, axis=0)
        blank = ~(mask if layer["zero_output_for_mask"] else read_before)
        return cls(
            ~mask[..., np.newaxis],
            blank[..., np.newaxis],
            np.logical_and.reduce(mask, axis=1),
            np.logical_or.reduce(mask, axis=1),
        )


def _by_time(array: Array, backwards: bool) -> Array:
    by_time = array.swapaxes(0, 1)
    return by_time[::-1] if backwards else by_time


def _in_turn(pair: Array, time: int) -> list[Array]:
    places = list(pair)
    return [places[t % 2] for t in range(time + 1)]


def _count_states(layer: LayerSpec) -> int:
    return 2 if layer.class_name == "LSTM" else 1


def _check(
    layer: LayerSpec,
    projected: Array,
    recurrent_kernel: Array,
    recurrent_bias: Array | None,
    initial_state: Sequence[Array] | None,
    mask: Array | None,
) -> None:
    if not layer.is_recurrent or layer.class_name == "OutputFeedbackRNN":
        raise ValueError(
            f"Expected a SimpleRNN, LSTM, GRU or HiddenFeedbackRNN. Received: {layer.class_name}"
        )
    units, columns = layer.units, layer.columns
    if projected.ndim != 3 or projected.shape[2] != columns or projected.shape[1] < 1:
        raise ValueError(
            f"Expected projected inputs (batch, time of at least 1, {columns}). Received: "
            f"{projected.shape}"
        )
    if recurrent_kernel.shape != (units, columns):
        raise ValueError(
            f"Expected a recurrent kernel {(units, columns)}. Received: {recurrent_kernel.shape}"
        )
    two_biases = has_two_biases(layer)
    if recurrent_bias is not None and (not two_biases or recurrent_bias.shape != (columns,)):
        expected = f"a recurrent bias {(columns,)}" if two_biases else "no recurrent bias"
        raise ValueError(f"Expected {expected}. Received: {recurrent_bias.shape}")
    if projected.dtype != recurrent_kernel.dtype or projected.dtype.kind != "f":
        raise ValueError(
            "Expected projected inputs and a recurrent kernel of the same float type. Received: "
            f"{projected.dtype} and {recurrent_kernel.dtype}"
        )
    batch, time, _ = projected.shape
    if mask is not None and mask.shape != (batch, time):
        raise ValueError(f"Expected a mask {(batch, time)}. Received: {mask.shape}")
    _check_state("initial_state", initial_state, _count_states(layer), (batch, units))


def _check_state(
    name: str, state: Sequence[Array] | None, count: int, shape: tuple[int, ...]
) -> None:
    shapes = None if state is None else [np.shape(array) for array in state]
    if shapes is not None and shapes != [shape] * count:
        raise ValueError(f"Expected {name} to be {count} arrays {shape}. Received: {shapes}")
