"""What the tests of this room share: descriptions of networks, and gradients by differences."""

from collections.abc import Callable

import numpy as np

from sentiment_rnn.architectures import LayerSpec, NetworkSpec

# All sizes different, so that an array that is transposed by mistake can't fit.
BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4
CELLS = {
    "SimpleRNN": ("SimpleRNN", {}),
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "GRU reset before": ("GRU", {"reset_after": False}),
}
# The recurrent layer that no Bidirectional takes.
HIDDEN_FEEDBACK = "HiddenFeedbackRNN"
HEADS = (
    "last",
    "every step",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "mean",
    "max",
    "mean_max",
)
# Gaps at the beginning, in the middle and at the end, and a step that no row reads.
MASK = np.array([[0, 1, 0, 1, 1], [1, 1, 0, 1, 0], [1, 0, 0, 1, 1]], bool)


def cell(name, **options):
    class_name, settings = CELLS.get(name, (name, {}))
    return LayerSpec(class_name, {"units": UNITS, **settings, **options})


def pooling(head):
    """A head by its class or, of a MaskedPooling1D, by its mode."""
    if head in ("mean", "max", "mean_max"):
        return LayerSpec("MaskedPooling1D", {"mode": head})
    return LayerSpec(head)


def network(name, *, head="last", direction="forward", mask=False, batch=None, **options):
    """A recurrent layer with a head, and a Dense behind it."""
    recurrent = cell(
        name, return_sequences=head != "last", go_backwards=direction == "backward", **options
    )
    if direction in ("concat", "sum", "mul", "ave"):
        recurrent = LayerSpec("Bidirectional", {"layer": recurrent, "merge_mode": direction})
    layers = [LayerSpec("Masking")] if mask else []
    layers.append(recurrent)
    if head not in ("last", "every step"):
        layers.append(pooling(head))
    layers.append(LayerSpec("Dense", {"units": 3, "activation": "softmax"}))
    return NetworkSpec((batch, TIME, FEATURES), tuple(layers))


def random_weights(spec, dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(0, 0.5, weight.shape).astype(dtype) for weight in spec.weights()]


def random_input(dtype=np.float64, *, mask=False, batch=BATCH, time=TIME, seed=1):
    x = np.random.default_rng(seed).normal(size=(batch, time, FEATURES)).astype(dtype)
    if mask:
        x[~MASK] = 0
    return x


def by_differences(
    function: Callable[[], float], array: np.ndarray, step: float = 5e-5
) -> np.ndarray:
    """The gradient of a function of no arguments with respect to an array that it reads.

    Central differences at two distances, whose errors of third order cancel each other: that
    allows a step above the function's rounding errors, yet too small to turn a corner.
    """
    gradient = np.empty_like(array)
    for place in np.ndindex(array.shape):
        old = array[place]
        values = []
        for steps in (1, -1, 2, -2):
            array[place] = old + steps * step
            values.append(function())
        array[place] = old
        near, far = values[0] - values[1], values[2] - values[3]
        gradient[place] = (8 * near - far) / (12 * step)
    return gradient


def assert_gradient(actual, expected, name=""):
    """Both agree to a relative error of 1e-6, each number by itself.

    Numbers a thousand times smaller than the largest are measured as if they weren't: their
    differences are lost in the rounding of the function.
    """
    assert actual.shape == expected.shape, name
    floor = 1e-3 * np.abs(expected).max(initial=0) + 1e-30
    scale = np.maximum(np.maximum(np.abs(actual), np.abs(expected)), floor)
    error = float((np.abs(actual - expected) / scale).max(initial=0))
    assert error < 1e-6, f"{name}: relative error {error:.1e}"
