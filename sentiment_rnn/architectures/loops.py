"""The loops over time of SimpleRNN, LSTM and GRU, for training on a CPU.

At each step Keras's own loop starts a dozen small operations, and as many again to remember what
the gradient needs: with few units, starting them takes longer than the arithmetic. Here the input
is projected before the loop, each turn of it reads `STEPS` time steps, and the gradient is written
down: what doesn't depend on the step after is done for all steps at once, and the gradient of the
recurrent kernel is one product.

Arrays are ``(time, batch, columns)``, so that a step lies in one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
from keras import ops, tree

Tensor = Any
Tensors = tuple[Tensor, ...]

# Time steps in a turn of the loop. More make the start of training slower and gain little.
STEPS = 16


def has_loop(layer: keras.Layer) -> bool:
    """Whether a layer is a recurrent one that `recurrent_states` can run.

    Example:
        >>> has_loop(keras.layers.GRU(3)), has_loop(keras.layers.GRU(3, reset_after=False))
        (True, False)
    """
    return (
        type(layer) in _CELLS
        and layer.activation is keras.activations.tanh
        and getattr(layer, "recurrent_activation", None) in (None, keras.activations.sigmoid)
        and getattr(layer, "reset_after", True)
        and not (layer.dropout or layer.recurrent_dropout or layer.stateful)
    )


def project(layer: keras.layers.RNN, inputs: Tensor, *, precision: str = "float32") -> Tensor:
    """The part of a recurrent layer's sums that doesn't depend on the step before.

    Args:
        layer: a built layer for which `has_loop` is true.
        inputs: ``(…, features)``.
        precision: the type in which products are computed.

    Returns:
        ``(…, columns)``, with the gates in the order in which `recurrent_states` takes them.
    """
    order = _CELLS[type(layer)].gates
    kernel = ops.cast(_in_order(layer.cell.kernel, order), precision)
    projected = _product(inputs, kernel)
    if not layer.use_bias:
        return projected
    bias = ops.convert_to_tensor(layer.cell.bias)
    if len(bias.shape) == 2:
        # The GRU's second bias belongs to the recurrent product. What of it isn't multiplied by
        # the reset gate is as well added here.
        units = layer.units
        bias = bias[0] + ops.pad(bias[1, : 2 * units], [[0, units]])
    return projected + _in_order(bias, order)


def recurrent_states(
    layer: keras.layers.RNN,
    projected: Tensor,
    mask: Tensor | None = None,
    *,
    precision: str = "float32",
) -> Tensor:
    """The hidden states of a recurrent layer, given the projection of its inputs.

    Args:
        layer: a built layer for which `has_loop` is true.
        projected: what `project` made of the inputs, in the order in which they are to be read,
            ``(time, batch, columns)``.
        mask: true where a step is read ``(time, batch)``; None for everywhere.
        precision: the type in which products are computed; all else is as precise as `projected`.

    Returns:
        The states after each step ``(time, batch, units)``: those before it if it isn't read.

    Example:
        >>> layer = keras.layers.LSTM(4)
        >>> layer.build((None, None, 3))
        >>> recurrent_states(layer, project(layer, ops.ones((5, 2, 3)))).shape
        TensorShape([5, 2, 4])
    """
    cell = _CELLS[type(layer)]
    masks = () if mask is None else (_lengthened(ops.expand_dims(mask, -1)),)
    states = [layer.units] * cell.states

    def run(
        projected: Tensor, kernel: Tensor, *bias: Tensor
    ) -> tuple[Tensor, Callable[..., Tensors]]:
        kernel = ops.cast(kernel, precision)

        def step(before: Tensors, inputs: Tensors) -> tuple[Tensors, Tensors]:
            projected, *mask = inputs
            after, kept = cell.step(before, projected, kernel, *bias)
            after = _where(mask, after, before)
            return after, after + kept

        sizes = states + [layer.units * parts for parts in cell.kept]
        found = _loop(step, states, sizes, (projected, *masks))
        after, kept = found[: cell.states], found[cell.states :]

        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensors:
            before = tuple(
                ops.concatenate([ops.zeros_like(array[:1]), array[:-1]]) for array in after
            )
            transposed = ops.transpose(kernel)

            def step_back(of_after: Tensors, inputs: Tensors) -> tuple[Tensors, Tensors]:
                of_output, slopes, mask = inputs
                of_after = (of_after[0] + of_output, *of_after[1:])
                of_before, of_sums = cell.step_back(of_after, slopes, transposed)
                nothing = ops.zeros_like(of_sums)
                return _where(mask, of_before, of_after), _where(mask, (of_sums,), (nothing,))

            # Keras's backends hand it over in two ways.
            of_outputs = args[0] if upstream is None else upstream
            inputs = (of_outputs, cell.slopes(before, after, kept), masks)
            sizes = [layer.units * cell.sums]
            (of_sums,) = _loop(step_back, states, sizes, inputs, reverse=True)
            columns = projected.shape[-1]
            of_recurrent = of_sums[..., -columns:]
            hidden, sums = (
                ops.cast(_rows(array), precision) for array in (before[0], of_recurrent)
            )
            of_kernel = ops.cast(ops.matmul(ops.transpose(hidden), sums), projected.dtype)
            # The last sums are those that the bias is added to.
            of_bias = [ops.sum(of_recurrent, axis=(0, 1))[-array.shape[0] :] for array in bias]
            return of_sums[..., :columns], of_kernel, *of_bias

        return after[0], gradient

    time = ops.shape(projected)[0]
    found = ops.custom_gradient(run)(_lengthened(projected), *cell.weights(layer))
    return found[:time]


def _loop(
    step: Callable[[Tensors, Any], tuple[Tensors, Tensors]],
    states: Sequence[int],
    kept: Sequence[int],
    inputs: Any,
    *,
    reverse: bool = False,
) -> Tensors:
    """Runs a step over time, `STEPS` steps in each turn of `keras.ops.scan`.

    Args:
        step: from the states ``(batch, size)`` before a step, zeros at first, and its inputs to
            those after it and what to keep of it.
        states: the sizes of the states.
        kept: the sizes of what is kept.
        inputs: nested arrays ``(time, batch, …)``, their time a multiple of `STEPS`.
        reverse: whether to begin at the end.

    Returns:
        What was kept of all steps, each ``(time, batch, size)``.
    """
    flat = tree.flatten(inputs)
    batch, dtype = ops.shape(flat[0])[1], flat[0].dtype
    turns = [ops.reshape(array, (-1, STEPS, batch, array.shape[-1])) for array in flat]

    # What a turn gives has the form of what it hands on, as the scan on TensorFlow asks for.
    def turn(before: list[Tensors], number: Tensor) -> tuple[list[Tensors], list[Tensors]]:
        now = before[0]
        # Taken by number, as that scan can't go over several arrays of unknown length.
        steps = [ops.unstack(ops.take(array, number, axis=0), STEPS) for array in turns]
        found = []
        for arrays in _backwards(zip(*steps, strict=True), reverse):
            now, of_step = step(now, tree.pack_sequence_as(inputs, arrays))
            found.append(of_step)
        kept = zip(*_backwards(found, reverse), strict=True)
        given = [now, tuple(ops.stack(arrays) for arrays in kept)]
        return given, given

    begin = [
        tuple(ops.zeros((batch, size), dtype) for size in states),
        tuple(ops.zeros((STEPS, batch, size), dtype) for size in kept),
    ]
    numbers = ops.arange(ops.shape(turns[0])[0])
    _, (_, found) = ops.scan(turn, begin, numbers, reverse=reverse)
    return tuple(ops.reshape(array, (-1, batch, array.shape[-1])) for array in found)


def _backwards(values: Iterable[Any], reverse: bool) -> list[Any]:
    return list(values)[::-1] if reverse else list(values)


class _SimpleRNN:
    """``h = tanh(x + h_before @ kernel)``.

    All three cells have these parts:

    - ``gates``: the gates' places in Keras's kernel, in the order in which they are taken here;
    - ``weights``: the recurrent kernel and, for some, a bias of the last of its columns;
    - ``states``: how many arrays are handed on from step to step, the hidden state first;
    - ``kept``: the sizes, in units, of what the gradient needs besides the states;
    - ``sums``: that of the gradient of a step's sums: those of the projection at its beginning,
      those of the recurrent product at its end;
    - ``slopes``: what the gradient of a step is multiplied with, for all steps at once.
    """

    gates: tuple[int, ...] = (0,)
    states = 1
    kept: tuple[int, ...] = ()
    sums = 1

    @staticmethod
    def weights(layer: keras.layers.RNN) -> Tensors:
        # A copy: TensorFlow hands variables on as they are, and has its own rules for gradients.
        return (ops.copy(layer.cell.recurrent_kernel),)

    @staticmethod
    def step(
        before: Tensors, projected: Tensor, kernel: Tensor, *bias: Tensor
    ) -> tuple[Tensors, Tensors]:
        return (ops.tanh(projected + _product(before[0], kernel)),), ()

    @staticmethod
    def slopes(before: Tensors, after: Tensors, kept: Tensors) -> Tensors:
        return (1 - after[0] * after[0],)

    @staticmethod
    def step_back(of_after: Tensors, slopes: Tensors, kernel: Tensor) -> tuple[Tensors, Tensor]:
        of_sums = of_after[0] * slopes[0]
        return (_product(of_sums, kernel),), of_sums


class _LSTM(_SimpleRNN):
    """``c = forget * c_before + write * new; h = read * tanh(c)``."""

    # Write, forget, read; then what is new.
    gates = (0, 1, 3, 2)
    states = 2
    kept = (3, 1)
    sums = 4

    @staticmethod
    def weights(layer: keras.layers.RNN) -> Tensors:
        return (_in_order(layer.cell.recurrent_kernel, _LSTM.gates),)

    @staticmethod
    def step(
        before: Tensors, projected: Tensor, kernel: Tensor, *bias: Tensor
    ) -> tuple[Tensors, Tensors]:
        hidden, carried = before
        sums = projected + _product(hidden, kernel)
        units = hidden.shape[-1]
        gates, new = ops.split(sums, [3 * units], axis=-1)
        gates, new = ops.sigmoid(gates), ops.tanh(new)
        write, forget, read = ops.split(gates, 3, axis=-1)
        carried = forget * carried + write * new
        return (read * ops.tanh(carried), carried), (gates, new)

    @staticmethod
    def slopes(before: Tensors, after: Tensors, kept: Tensors) -> Tensors:
        gates, new = kept
        write, forget, read = ops.split(gates, 3, axis=-1)
        seen = ops.tanh(after[1])
        of_gates = gates * (1 - gates) * ops.concatenate([new, before[1], seen], axis=-1)
        of_new = write * (1 - new * new)
        return read * (1 - seen * seen), forget, ops.concatenate([of_gates, of_new], axis=-1)

    @staticmethod
    def step_back(of_after: Tensors, slopes: Tensors, kernel: Tensor) -> tuple[Tensors, Tensor]:
        of_hidden, of_carried = of_after
        of_seen, forget, of_gates = slopes
        of_carried = of_carried + of_hidden * of_seen
        of_sums = of_gates * ops.concatenate(
            [of_carried, of_carried, of_hidden, of_carried], axis=-1
        )
        return (_product(of_sums, kernel), of_carried * forget), of_sums


class _GRU(_SimpleRNN):
    """``h = keep * h_before + (1 - keep) * new``, the reset gate after the recurrent product."""

    # What is new first: the sums of the other two gates are those of the recurrent product too.
    gates = (2, 0, 1)
    kept = (2, 1, 1)
    sums = 4

    @staticmethod
    def weights(layer: keras.layers.RNN) -> Tensors:
        kernel = ops.copy(layer.cell.recurrent_kernel)
        if not layer.use_bias:
            return kernel, ops.zeros_like(kernel[0, : layer.units])
        return kernel, layer.cell.bias[1, 2 * layer.units :]

    @staticmethod
    def step(
        before: Tensors, projected: Tensor, kernel: Tensor, *bias: Tensor
    ) -> tuple[Tensors, Tensors]:
        (hidden,) = before
        units = hidden.shape[-1]
        of_new, of_gates = ops.split(projected, [units], axis=-1)
        recurrent, offered = ops.split(_product(hidden, kernel), [2 * units], axis=-1)
        offered = offered + bias[0]
        gates = ops.sigmoid(of_gates + recurrent)
        keep, reset = ops.split(gates, 2, axis=-1)
        new = ops.tanh(of_new + reset * offered)
        return (new + keep * (hidden - new),), (gates, new, offered)

    @staticmethod
    def slopes(before: Tensors, after: Tensors, kept: Tensors) -> Tensors:
        gates, new, offered = kept
        keep, reset = ops.split(gates, 2, axis=-1)
        of_new = (1 - keep) * (1 - new * new)
        of_keep = (before[0] - new) * keep * (1 - keep)
        of_reset = of_new * offered * reset * (1 - reset)
        return keep, ops.concatenate([of_new, of_keep, of_reset, of_new * reset], axis=-1)

    @staticmethod
    def step_back(of_after: Tensors, slopes: Tensors, kernel: Tensor) -> tuple[Tensors, Tensor]:
        (of_hidden,) = of_after
        keep, of_gates = slopes
        of_sums = of_gates * ops.tile(of_hidden, (1, 4))
        of_recurrent = of_sums[:, of_hidden.shape[-1] :]
        return (_product(of_recurrent, kernel) + of_hidden * keep,), of_sums


_CELLS: dict[type, type[_SimpleRNN]] = {
    keras.layers.SimpleRNN: _SimpleRNN,
    keras.layers.LSTM: _LSTM,
    keras.layers.GRU: _GRU,
}


def _in_order(weights: Tensor, gates: Sequence[int]) -> Tensor:
    """Columns of weights with their gates in another order."""
    parts = ops.split(ops.convert_to_tensor(weights), len(gates), axis=-1)
    return ops.concatenate([parts[gate] for gate in gates], axis=-1)


def _product(values: Tensor, kernel: Tensor) -> Tensor:
    """``values @ kernel``, computed in the kernel's type and given in that of the values."""
    return ops.cast(ops.matmul(ops.cast(values, kernel.dtype), kernel), values.dtype)


def _where(mask: Sequence[Tensor], these: Tensors, those: Tensors) -> Tensors:
    """These where a mask is true, those elsewhere; these where there is no mask."""
    if not mask:
        return these
    return tuple(ops.where(mask[0], a, b) for a, b in zip(these, those, strict=True))


def _rows(array: Tensor) -> Tensor:
    """``(time, batch, columns)`` → ``(time * batch, columns)``."""
    return ops.reshape(array, (-1, array.shape[-1]))


def _lengthened(array: Tensor) -> Tensor:
    """Arrays of zeros after the last step, so that the last turn is as long as the others."""
    time, batch = ops.shape(array)[:2]
    missing = ops.zeros((-time % STEPS, batch, array.shape[-1]), array.dtype)
    return ops.concatenate([array, missing])
