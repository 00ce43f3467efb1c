"""What recurrent layers compute, as plain as it can be said: one step at a time, gate by gate.

This is the oracle that Keras and the package are compared with. A layer's weights are dicts by
gate, ``W["f"]`` of shape (features, units), ``U["f"]`` of (units, units), ``b["f"]`` of (units,),
so that no order in which some format puts the gates side by side has a part in it.
"""

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Gates = dict[str, Array]


def linear(x: Array) -> Array:
    return x


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def old_hard_sigmoid(x: Array) -> Array:
    """Of Keras 1 and 2."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def new_hard_sigmoid(x: Array) -> Array:
    """Of Keras 3."""
    return np.clip(x / 6 + 0.5, 0, 1)


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": linear,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "softmax": softmax,
    "tanh": np.tanh,
}


def simple_rnn_step(x, h, *, W, U, b, activation):  # noqa: N803
    return activation(x @ W["h"] + h @ U["h"] + b["h"])


def lstm_step(x, h, c, *, W, U, b, activation, gate):  # noqa: N803
    i = gate(x @ W["i"] + h @ U["i"] + b["i"])
    f = gate(x @ W["f"] + h @ U["f"] + b["f"])
    o = gate(x @ W["o"] + h @ U["o"] + b["o"])
    c = f * c + i * activation(x @ W["c"] + h @ U["c"] + b["c"])
    return o * activation(c), c


def gru_step(x, h, *, W, U, b, activation, gate):  # noqa: N803
    """Resets the state before the matrix product: Keras 1, and reset_after=False."""
    z = gate(x @ W["z"] + h @ U["z"] + b["z"])
    r = gate(x @ W["r"] + h @ U["r"] + b["r"])
    candidate = activation(x @ W["h"] + (r * h) @ U["h"] + b["h"])
    return z * h + (1 - z) * candidate


def gru_reset_after_step(x, h, *, W, U, b, recurrent_b, activation, gate):  # noqa: N803
    """Resets the product, which has a bias of its own: reset_after=True."""
    z = gate(x @ W["z"] + b["z"] + h @ U["z"] + recurrent_b["z"])
    r = gate(x @ W["r"] + b["r"] + h @ U["r"] + recurrent_b["r"])
    candidate = activation(x @ W["h"] + b["h"] + r * (h @ U["h"] + recurrent_b["h"]))
    return z * h + (1 - z) * candidate


def read(
    step: Callable, x: Array, units: int, *, states: int = 1, backwards: bool = False
) -> Array:
    """The outputs (batch, time, units) of a layer in the order in which it reads."""
    state = [np.zeros((len(x), units)) for _ in range(states)]
    outputs = []
    for time in range(x.shape[1])[:: -1 if backwards else 1]:
        new = step(x[:, time], *state)
        state = list(new) if isinstance(new, tuple) else [new]
        outputs.append(state[0])
    return np.stack(outputs, axis=1)


def merge(forward: Array, backward: Array, mode: str) -> Array:
    """Two directions, given in the order of the text, as a Bidirectional merges them."""
    if mode == "concat":
        return np.concatenate([forward, backward], axis=-1)
    return {"sum": forward + backward, "mul": forward * backward, "ave": (forward + backward) / 2}[
        mode
    ]
