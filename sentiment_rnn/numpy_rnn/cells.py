"""What each kind of recurrent neurons does in one time step, forwards and backwards.

A cell sees only projected inputs, ``x_t @ kernel + bias``, so that a step is the small recurrent
product and what follows it. Some habits keep the time loop, which `recurrent` runs, short:

- all steps write into arrays that were made before the loop;
- the gates of a step lie one behind the other, ``(gates, batch, units)``, not side by side as in
  the products: a function is applied two to three times faster to numbers in a row;
- the factors of the backward step that the forward pass has settled already are multiplied for
  many steps at once, and only what depends on the following step is left in the loop;
- the gradient of the recurrent kernel is one product after the loop.

All arrays here have time first. The states are ``(time + 1, batch, units)``: ``states[0][t]`` is
the state before step ``t`` and ``states[0][t + 1]`` the one after. ``da`` stands for the gradient
of the sum ``a`` that enters an activation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sentiment_rnn.architectures.layers import RECURRENT_GATES, LayerSpec
from sentiment_rnn.numpy_rnn.activations import ACTIVATIONS, Activation
from sentiment_rnn.numpy_rnn.memory import empty
from sentiment_rnn.numpy_rnn.projection import sum_rows
from sentiment_rnn.numpy_rnn.step_product import Product, step_product

Array = np.ndarray

# Bytes that stay near the processor until they are read again.
_NEAR = 1 << 19


class Cell(Protocol):
    """A recurrent cell bound to its weights and to the buffers of one batch."""

    def arrange(self, projected: Array) -> list[Array]:
        """Views of projected inputs ``(time, batch, columns)``, one for each step."""

    def step(self, t: int, projected: Array, before: Sequence[Array], after: list[Array]) -> None:
        """Reads a step as `arrange` gave it: from the states `before`, to those `after`."""

    def prepare(self, states: Sequence[Array]) -> None:
        """Makes ready for going back."""

    def step_back(self, t: int, gradients: list[Array]) -> None:
        """Turns the gradients of the states after step `t`, in place, into those before it."""

    def skip_back(self, t: int) -> None:
        """Notes that no row of the batch read step `t`."""

    def finish(self, states: Sequence[Array]) -> tuple[Array, Array, Array | None]:
        """After the last step back, the gradients of everything but the initial state.

        Returns:
            Those of the projected inputs, ``(time, batch, columns)``, of the recurrent kernel and
            of the recurrent bias or None.
        """


def make_cell(
    layer: LayerSpec,
    recurrent_kernel: Array,
    recurrent_bias: Array | None,
    *,
    batch: int,
    time: int,
    keep: bool,
    masked: bool,
) -> Cell:
    """Makes a cell with its buffers.

    Args:
        layer: a SimpleRNN, LSTM, GRU or HiddenFeedbackRNN.
        recurrent_kernel: ``(units, columns)``, where there are ``gates * units`` columns; of a
            HiddenFeedbackRNN half as many as units.
        recurrent_bias: ``(columns,)``, of a GRU with ``reset_after`` or a HiddenFeedbackRNN; None
            otherwise.
        batch: rows.
        time: steps.
        keep: whether to keep what the way back needs.
        masked: whether there may be steps that no row of the batch reads.

    Returns:
        The cell.
    """
    steps = time if keep else 1

    def buffer(*shape: int) -> Array:
        array = empty((steps, *shape, batch, layer.units), recurrent_kernel.dtype)
        if masked:
            # A step that no row reads leaves its place in the buffers as it is, and chance may
            # have put an infinity there.
            array.fill(0)
        return array

    kernel = _Kernel(recurrent_kernel, batch, time)
    if layer.class_name == "HiddenFeedbackRNN":
        return _HiddenFeedback(layer, kernel, recurrent_bias)
    gates = RECURRENT_GATES[layer.class_name]
    if layer.class_name == "SimpleRNN":
        return _SimpleRNN(layer, kernel)
    if layer.class_name == "LSTM":
        return _LSTM(layer, kernel, buffer(gates), buffer())
    if layer["reset_after"]:
        return _GRUResetAfter(layer, kernel, recurrent_bias, buffer(gates), buffer())
    return _GRUResetBefore(layer, kernel, buffer(gates))


@dataclass(frozen=True)
class _Kernel:
    """A recurrent kernel, ``(units, columns)``, and how many rows it meets in how many steps."""

    array: Array
    rows: int
    steps: int

    def product(self, gates: int = 1) -> Product:
        """``x @ kernel``, by gate."""
        return step_product(self.array, rows=self.rows, steps=self.steps, gates=gates)

    def product_back(self) -> Product:
        """``x @ kernel.T``."""
        return step_product(self.array.T, rows=self.rows, steps=self.steps)


class _SimpleRNN:
    """``h_t = f(x_t @ W + b + h_{t-1} @ U)``: Elman, "Finding Structure in Time", 1990."""

    def __init__(self, layer: LayerSpec, kernel: _Kernel) -> None:
        self._activation = _activation(layer, "activation")
        self._u = kernel
        self._product = kernel.product()

    def arrange(self, projected: Array) -> list[Array]:
        return list(projected)

    def step(self, t: int, projected: Array, before: Sequence[Array], after: list[Array]) -> None:
        h = after[0]
        self._product(before[0], h)
        np.add(h, projected, out=h)
        self._activation.function(h, out=h)

    def prepare(self, states: Sequence[Array]) -> None:
        self._product_back = self._u.product_back()
        self._da = _slope(self._activation, states[0][1:])

    def step_back(self, t: int, gradients: list[Array]) -> None:
        # da_t = dh_t * f'(a_t), and dh_{t-1} = da_t @ U^T. Without the transposition, which a
        # much copied tutorial leaves out, a gradient check fails.
        (dh,) = gradients
        da = self._da[t]
        np.multiply(da, dh, out=da)
        self._product_back(da, dh)

    def skip_back(self, t: int) -> None:
        self._da[t] = 0

    def finish(self, states: Sequence[Array]) -> tuple[Array, Array, Array | None]:
        return self._da, _outer(states[0][:-1], self._da), None


class _HiddenFeedback:
    """``h_t = f([x_t @ W + b, h_{t-1} @ U + b'])``: side by side what a SimpleRNN adds up."""

    def __init__(self, layer: LayerSpec, kernel: _Kernel, recurrent_bias: Array | None) -> None:
        self._activation = _activation(layer, "activation")
        self._u, self._bias = kernel, recurrent_bias
        self._product = kernel.product()
        self._columns = layer.columns
        self._sum = np.empty((kernel.rows, layer.columns), kernel.array.dtype)

    def arrange(self, projected: Array) -> list[Array]:
        return list(projected)

    def step(self, t: int, projected: Array, before: Sequence[Array], after: list[Array]) -> None:
        h = after[0]
        self._product(before[0], self._sum)
        np.copyto(h[:, : self._columns], projected)
        if self._bias is None:
            np.copyto(h[:, self._columns :], self._sum)
        else:
            np.add(self._sum, self._bias, out=h[:, self._columns :])
        self._activation.function(h, out=h)

    def prepare(self, states: Sequence[Array]) -> None:
        self._product_back = self._u.product_back()
        self._da = _slope(self._activation, states[0][1:])
        self._dr = empty((*self._da.shape[:2], self._columns), self._da.dtype)

    def step_back(self, t: int, gradients: list[Array]) -> None:
        (dh,) = gradients
        da, dr = self._da[t], self._dr[t]
        np.multiply(da, dh, out=da)
        np.copyto(dr, da[:, self._columns :])
        self._product_back(dr, dh)

    def skip_back(self, t: int) -> None:
        self._da[t] = 0
        self._dr[t] = 0

    def finish(self, states: Sequence[Array]) -> tuple[Array, Array, Array | None]:
        bias = None if self._bias is None else sum_rows(self._dr)
        of_input = np.ascontiguousarray(self._da[..., : self._columns])
        return of_input, _outer(states[0][:-1], self._dr), bias


class _LSTM:
    """Long short-term memory, the gates in Keras's order i, f, c, o.

    ``i, f, o = s(...)``, ``g = f(...)``, each of ``x_t @ W + b + h_{t-1} @ U``;
    ``c_t = f * c_{t-1} + i * g``; ``h_t = o * f(c_t)``.

    Sources: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the forget gate: Gers,
    Schmidhuber and Cummins, "Learning to Forget: Continual Prediction with LSTM", 2000.
    """

    def __init__(self, layer: LayerSpec, kernel: _Kernel, gates: Array, squashed: Array) -> None:
        self._activation = _activation(layer, "activation")
        self._gate = _activation(layer, "recurrent_activation")
        self._squash = _squash_ifgo(self._gate, self._activation, gates[0])
        self._u = kernel
        self._product = kernel.product(4)
        # i, f, g, o after their activations, (time or 1, 4, batch, units).
        self._gates = gates
        self._squashed = squashed  # f(c_t), (time or 1, batch, units)
        self._scratch = np.empty_like(squashed[0])

    def arrange(self, projected: Array) -> list[Array]:
        return list(_by_gate(projected, 4))

    def step(self, t: int, projected: Array, before: Sequence[Array], after: list[Array]) -> None:
        t = t if len(self._gates) > 1 else 0
        h, c = after
        gates, squashed = self._gates[t], self._squashed[t]
        self._product(before[0], gates)
        np.add(gates, projected, out=gates)
        self._squash(gates)
        i, f, g, o = gates
        np.multiply(f, before[1], out=c)
        np.multiply(i, g, out=self._scratch)
        np.add(c, self._scratch, out=c)
        self._activation.function(c, out=squashed)
        np.multiply(o, squashed, out=h)

    def prepare(self, states: Sequence[Array]) -> None:
        self._product_back = self._u.product_back()
        self._cells = states[1]
        self._da, self._da_by_gate = _result(self._gates)
        steps, *shape = self._gates.shape
        self._block = min(steps, max(1, _NEAR // self._gates[0].nbytes))
        self._factors = empty((self._block, *shape), self._gates.dtype)
        self._dc_dh = empty((self._block, *shape[1:]), self._gates.dtype)
        self._prepared = -1

    def _prepare_block(self, steps: slice) -> None:
        """Multiplies what some steps back need and the forward pass has settled already."""
        gates, squashed = self._gates[steps], self._squashed[steps]
        factors, dc_dh = self._factors[: len(gates)], self._dc_dh[: len(gates)]
        i, g, o = (gates[:, place] for place in (0, 2, 3))
        # Each gate's slope times what the gate is multiplied with in the equations above.
        _slope(self._gate, gates[:, :2], factors[:, :2])
        _slope(self._activation, g, factors[:, 2])
        _slope(self._gate, o, factors[:, 3])
        factors[:, 0] *= g
        factors[:, 1] *= self._cells[steps][: len(gates)]
        factors[:, 2] *= i
        factors[:, 3] *= squashed
        _slope(self._activation, squashed, dc_dh)
        dc_dh *= o

    def step_back(self, t: int, gradients: list[Array]) -> None:
        dh, dc = gradients
        block, place = divmod(t, self._block)
        if block != self._prepared:
            self._prepared = block
            self._prepare_block(slice(t - place, t - place + self._block))
        factors, da = self._factors[place], self._da_by_gate[t]
        np.multiply(factors[3], dh, out=da[3])
        np.multiply(dh, self._dc_dh[place], out=self._scratch)
        np.add(dc, self._scratch, out=dc)
        np.multiply(factors[:3], dc, out=da[:3])
        np.multiply(dc, self._gates[t, 1], out=dc)
        self._product_back(self._da[t], dh)

    def skip_back(self, t: int) -> None:
        self._da[t] = 0

    def finish(self, states: Sequence[Array]) -> tuple[Array, Array, Array | None]:
        return self._da, _outer(states[0][:-1], self._da), None


class _GRUResetAfter:
    """Gated recurrent unit, gates z, r, h; the reset gate acts on the recurrent product.

    ``z, r = s(x_t @ W + b + h_{t-1} @ U + b')``,
    ``g = f(x_t @ W_h + b_h + r * (h_{t-1} @ U_h + b'_h))``, ``h_t = z * h_{t-1} + (1 - z) * g``.

    Source: version 1 of Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
    for Statistical Machine Translation", 2014, which is cuDNN's too.
    """

    def __init__(
        self,
        layer: LayerSpec,
        kernel: _Kernel,
        recurrent_bias: Array | None,
        gates: Array,
        candidates: Array,
    ) -> None:
        self._activation = _activation(layer, "activation")
        self._gate = _activation(layer, "recurrent_activation")
        self._u = kernel
        self._product = kernel.product(3)
        # (3, 1, units), as the sums are.
        self._bias = None if recurrent_bias is None else recurrent_bias.reshape(3, 1, -1)
        # z, r and g after their activations, (time or 1, 3, batch, units).
        self._gates = gates
        # h_{t-1} @ U_h + b'_h, by which the gradient of the reset gate is multiplied.
        self._candidates = candidates
        self._scratch = np.empty_like(candidates[0])
        self._sum = np.empty_like(gates[0])

    def arrange(self, projected: Array) -> list[Array]:
        return list(_by_gate(projected, 3))

    def step(self, t: int, projected: Array, before: Sequence[Array], after: list[Array]) -> None:
        t = t if len(self._gates) > 1 else 0
        gates, candidate = self._gates[t], self._candidates[t]
        self._product(before[0], self._sum)
        if self._bias is not None:
            np.add(self._sum, self._bias, out=self._sum)
        np.add(self._sum[:2], projected[:2], out=gates[:2])
        _in_place(self._gate, gates[:2])
        z, r, g = gates
        np.copyto(candidate, self._sum[2])
        np.multiply(r, candidate, out=g)
        np.add(g, projected[2], out=g)
        self._activation.function(g, out=g)
        _mix(z, before[0], g, after[0], self._scratch)

    def prepare(self, states: Sequence[Array]) -> None:
        self._product_back = self._u.product_back()
        self._factors = _gru_factors(self._gate, self._activation, self._gates, states[0][:-1])
        self._factors[:, 1] *= self._candidates
        self._da, self._da_by_gate = _result(self._gates)
        # The gradient of the recurrent product is that of the input's, but in the candidate the
        # reset gate stands between them.
        self._dr, self._dr_by_gate = _result(self._gates)

    def step_back(self, t: int, gradients: list[Array]) -> None:
        (dh,) = gradients
        factors, (z, r, _) = self._factors[t], self._gates[t]
        da, dr = self._da_by_gate[t], self._dr_by_gate[t]
        np.multiply(factors[::2], dh, out=factors[::2])
        np.multiply(factors[1], factors[2], out=factors[1])
        np.copyto(da, factors)
        np.multiply(factors[2], r, out=factors[2])
        np.copyto(dr, factors)
        np.multiply(dh, z, out=self._scratch)
        self._product_back(self._dr[t], dh)
        np.add(dh, self._scratch, out=dh)

    def skip_back(self, t: int) -> None:
        self._da[t] = 0
        self._dr[t] = 0

    def finish(self, states: Sequence[Array]) -> tuple[Array, Array, Array | None]:
        bias = None if self._bias is None else sum_rows(self._dr)
        return self._da, _outer(states[0][:-1], self._dr), bias


class _GRUResetBefore:
    """Gated recurrent unit, gates z, r, h; the reset gate acts on the state.

    As `_GRUResetAfter`, but with ``g = f(x_t @ W_h + b_h + (r * h_{t-1}) @ U_h)`` and one bias.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
    Machine Translation", 2014.
    """

    def __init__(self, layer: LayerSpec, kernel: _Kernel, gates: Array) -> None:
        self._activation = _activation(layer, "activation")
        self._gate = _activation(layer, "recurrent_activation")
        self._units = units = layer.units
        self._u_gates = replace(kernel, array=kernel.array[:, : 2 * units])
        self._u_candidate = replace(kernel, array=kernel.array[:, 2 * units :])
        self._of_gates = self._u_gates.product(2)
        self._of_candidate = self._u_candidate.product()
        self._gates = gates
        self._scratch = np.empty_like(gates[0, 0])

    def arrange(self, projected: Array) -> list[Array]:
        return list(_by_gate(projected, 3))

    def step(self, t: int, projected: Array, before: Sequence[Array], after: list[Array]) -> None:
        t = t if len(self._gates) > 1 else 0
        gates = self._gates[t]
        z, r, g = gates
        self._of_gates(before[0], gates[:2])
        np.add(gates[:2], projected[:2], out=gates[:2])
        _in_place(self._gate, gates[:2])
        np.multiply(r, before[0], out=self._scratch)
        self._of_candidate(self._scratch, g)
        np.add(g, projected[2], out=g)
        self._activation.function(g, out=g)
        _mix(z, before[0], g, after[0], self._scratch)

    def prepare(self, states: Sequence[Array]) -> None:
        self._of_gates_back = self._u_gates.product_back()
        self._of_candidate_back = self._u_candidate.product_back()
        self._factors = _gru_factors(self._gate, self._activation, self._gates, states[0][:-1])
        self._factors[:, 1] *= states[0][:-1]
        self._da, self._da_by_gate = _result(self._gates)

    def step_back(self, t: int, gradients: list[Array]) -> None:
        (dh,) = gradients
        factors, (z, r, _), of_reset = self._factors[t], self._gates[t], self._scratch
        np.multiply(factors[::2], dh, out=factors[::2])
        self._of_candidate_back(factors[2], of_reset)  # the gradient of r * h
        np.multiply(factors[1], of_reset, out=factors[1])
        np.multiply(dh, z, out=dh)
        np.multiply(of_reset, r, out=of_reset)
        np.add(dh, of_reset, out=dh)
        np.copyto(self._da_by_gate[t], factors)
        self._of_gates_back(self._da[t, :, : 2 * self._units], of_reset)
        np.add(dh, of_reset, out=dh)

    def skip_back(self, t: int) -> None:
        self._da[t] = 0

    def finish(self, states: Sequence[Array]) -> tuple[Array, Array, Array | None]:
        split, before = 2 * self._units, states[0][:-1]
        gradient = np.empty((self._units, self._da.shape[-1]), before.dtype)
        gradient[:, :split] = _outer(before, self._da[..., :split])
        gradient[:, split:] = _outer(self._gates[:, 1] * before, self._da[..., split:])
        return self._da, gradient, None


def _mix(z: Array, h: Array, g: Array, new: Array, product: Array) -> None:
    """``new = z * h + (1 - z) * g``, with one multiplication less."""
    np.subtract(h, g, out=product)
    np.multiply(product, z, out=new)
    np.add(new, g, out=new)


def _gru_factors(gate: Activation, activation: Activation, gates: Array, before: Array) -> Array:
    """What the gradients of z, r and g are multiplied with in both kinds of GRU."""
    z, g = gates[:, 0], gates[:, 2]
    factors = empty(gates.shape, gates.dtype)
    _slope(gate, gates[:, :2], factors[:, :2])
    _slope(activation, g, factors[:, 2])
    factors[:, 0] *= before - g
    factors[:, 2] *= 1 - z
    return factors


def _squash_ifgo(gate: Activation, activation: Activation, like: Array) -> Callable[[Array], None]:
    """A function that applies the activations of an LSTM's i, f, g and o, in arrays like `like`."""
    if (gate.name, activation.name) != ("sigmoid", "tanh"):

        def apart(gates: Array) -> None:
            _in_place(gate, gates[:2])
            _in_place(activation, gates[2])
            _in_place(gate, gates[3])

        return apart
    # tanh(x) = 2 s(2x) - 1, so that all four gates go through the same exp, which NumPy computes in
    # half the time of a tanh where a processor has no AVX-512. The constants are as large as the
    # gates: NumPy multiplies by numbers in a row faster than by the same one again and again.
    scale, one = np.full_like(like, -1), np.ones_like(like)
    scale[2] = -2

    def together(gates: Array) -> None:
        np.multiply(gates, scale, out=gates)
        np.exp(gates, out=gates)
        np.add(gates, one, out=gates)
        np.divide(one, gates, out=gates)
        g = gates[2]
        np.add(g, g, out=g)
        np.subtract(g, one[2], out=g)

    return together


def _in_place(activation: Activation, gates: Array) -> None:
    activation.function(gates, out=gates)


def _activation(layer: LayerSpec, key: str) -> Activation:
    return ACTIVATIONS[str(layer[key])]


def _slope(activation: Activation, y: Array, out: Array | None = None) -> Array:
    if activation.slope is None:
        raise ValueError(
            f"A recurrent layer with the activation {activation.name!r} can be run here, but not "
            "trained. Expected one that treats each neuron by itself."
        )
    return activation.slope(y, empty(y.shape, y.dtype) if out is None else out)


def _by_gate(side_by_side: Array, gates: int) -> Array:
    """``(time, batch, gates * units)`` → ``(time, gates, batch, units)``, the same memory."""
    time, batch, columns = side_by_side.shape
    return side_by_side.reshape(time, batch, gates, columns // gates).swapaxes(1, 2)


def _result(by_gate: Array) -> tuple[Array, Array]:
    """An array ``(time, batch, gates * units)`` for `by_gate`, and it by gate."""
    time, gates, batch, units = by_gate.shape
    result = empty((time, batch, gates * units), by_gate.dtype)
    return result, _by_gate(result, gates)


def _outer(before: Array, gradient: Array) -> Array:
    """The sum over time and batch of the outer products of states and gradients."""
    return before.reshape(-1, before.shape[-1]).T @ gradient.reshape(-1, gradient.shape[-1])
