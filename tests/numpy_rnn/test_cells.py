from collections.abc import Callable

import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec
from sentiment_rnn.numpy_rnn import scan, split_bias
from tests.numpy_rnn.checks import CELLS, UNITS, cell
from tests.reference import (
    ACTIVATIONS,
    gru_reset_after_step,
    gru_step,
    lstm_step,
    new_hard_sigmoid,
    read,
    simple_rnn_step,
)

GATES = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "zrh"}
STEPS: dict[str, Callable] = {
    "SimpleRNN": simple_rnn_step,
    "LSTM": lstm_step,
    "GRU": gru_step,
    "GRU reset after": gru_reset_after_step,
}
FUNCTIONS = {**ACTIVATIONS, "hard_sigmoid": new_hard_sigmoid}


def by_reference(layer, x, kernel, recurrent_kernel, bias):
    """The outputs of every step by the plain equations of `tests.reference`."""
    names = GATES[layer.class_name]

    def gates(array):
        return dict(zip(names, np.split(array, len(names), axis=-1), strict=True))

    options = {"W": gates(kernel), "U": gates(recurrent_kernel)}
    input_bias, recurrent_bias = split_bias(layer, bias)
    zeros = np.zeros(kernel.shape[1])
    options["b"] = gates(zeros if input_bias is None else input_bias)
    options["activation"] = FUNCTIONS[layer["activation"]]
    name = layer.class_name
    if name != "SimpleRNN":
        options["gate"] = FUNCTIONS[layer["recurrent_activation"]]
    if name == "GRU" and layer["reset_after"]:
        options["recurrent_b"] = gates(zeros if recurrent_bias is None else recurrent_bias)
        name = "GRU reset after"
    step = STEPS[name]
    return read(
        lambda *arrays: step(*arrays, **options),
        x,
        layer.units,
        states=2 if layer.class_name == "LSTM" else 1,
        backwards=layer["go_backwards"],
    )


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "sigmoid", "softmax"])
@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid", "softmax", "tanh"])
@pytest.mark.parametrize("keep", [False, True])
def test_cells_compute_the_equations(name, activation, gate, keep):
    options = {} if name == "SimpleRNN" else {"recurrent_activation": gate}
    layer = cell(name, activation=activation, return_sequences=True, **options)
    check(layer, keep=keep)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_biases_and_directions(name, use_bias, go_backwards):
    check(cell(name, use_bias=use_bias, go_backwards=go_backwards, return_sequences=True))


def check(layer: LayerSpec, keep: bool = True) -> None:
    random = np.random.default_rng(0)
    columns = UNITS * len(GATES[layer.class_name])
    x = random.normal(size=(3, 6, 2))
    # Small enough for linear gates not to blow up the last digit.
    kernel, recurrent_kernel = (random.normal(0, 0.5, (rows, columns)) for rows in (2, UNITS))
    two_biases = layer.class_name == "GRU" and layer["reset_after"]
    shape = (2, columns) if two_biases else (columns,)
    bias = random.normal(size=shape) if layer["use_bias"] else None
    expected = by_reference(layer, x, kernel, recurrent_kernel, bias)
    input_bias, recurrent_bias = split_bias(layer, bias)
    projected = x @ kernel + (0 if input_bias is None else input_bias)
    done = scan(layer, projected, recurrent_kernel, recurrent_bias, keep=keep)
    assert done.outputs is not None
    np.testing.assert_allclose(done.outputs, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(done.last, expected[:, -1], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(done.state[0], done.last)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_too_large_for_a_power_give_the_limits(name, dtype):
    """Warnings are errors here."""
    layer = cell(name, return_sequences=True)
    columns = layer.columns
    projected = np.where(np.arange(2 * 3 * columns) % 3, 2000, -2000).reshape(2, 3, columns)
    kernel = np.zeros((UNITS, columns), dtype)
    bias = None if name == "LSTM" or not layer["reset_after"] else np.zeros(columns, dtype)
    outputs = scan(layer, projected.astype(dtype), kernel, bias).outputs
    assert outputs is not None
    assert np.isfinite(outputs).all()
    assert np.abs(outputs).max() <= 1
    # All gates are 0 or 1, and all candidates -1 or 1.
    if name == "GRU":
        assert set(np.unique(outputs)) <= {-1, 0, 1}
