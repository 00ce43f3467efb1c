"""A network as plain data: which layers, in which order, with which settings.

This description stands between everything that makes a network and everything that runs one.
`sentiment_network` makes it from a config and `persistence` from a saved file of any Keras
version; `build_network` makes a `keras.Sequential` of it. Nothing here imports Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

Shape = tuple[int | None, ...]

RECURRENT_GATES: Mapping[str, int] = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
FEEDBACK = ("HiddenFeedbackRNN", "OutputFeedbackRNN")
# The layers that are this package's own, and the module of each.
OWN_LAYERS: Mapping[str, str] = {
    **dict.fromkeys(FEEDBACK, "sentiment_rnn.architectures.feedback"),
    "MaskedPooling1D": "sentiment_rnn.architectures.pooling",
}
# Far above what can be trained on texts; a file of a few bytes can claim any size.
MOST_PARAMETERS = 500_000_000
POOLING = ("GlobalAveragePooling1D", "GlobalMaxPooling1D", "MaskedPooling1D")
POOLING_MODES = ("mean", "max", "mean_max")
ACTIVATIONS = ("linear", "relu", "sigmoid", "hard_sigmoid", "softmax", "tanh")

_RECURRENT_DEFAULTS: Mapping[str, object] = {
    "activation": "tanh",
    "use_bias": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "return_sequences": False,
    "go_backwards": False,
    "stateful": False,
    # Keras turns this on for the two directions of a Bidirectional that returns sequences.
    "zero_output_for_mask": False,
}
# The settings that a layer takes, with the value each has when it is not given. Keras's names and
# Keras 3's defaults: a layer's config can be passed to its class as keyword arguments.
LAYER_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "Masking": {"mask_value": 0.0},
    "SimpleRNN": {"units": None, **_RECURRENT_DEFAULTS},
    "LSTM": {"units": None, **_RECURRENT_DEFAULTS, "recurrent_activation": "sigmoid"},
    "GRU": {
        "units": None,
        **_RECURRENT_DEFAULTS,
        "recurrent_activation": "sigmoid",
        "reset_after": True,
    },
    "HiddenFeedbackRNN": {
        "units": None,
        "activation": "relu",
        "use_bias": True,
        "return_sequences": False,
        "go_backwards": False,
        "stateful": False,
        "zero_output_for_mask": False,
    },
    "OutputFeedbackRNN": {
        "units": None,
        "output_size": None,
        "activation": "tanh",
        "use_bias": True,
        "return_sequences": False,
        "go_backwards": False,
        "stateful": False,
    },
    "Bidirectional": {"layer": None, "merge_mode": "concat"},
    "Dropout": {"rate": None},
    "Flatten": {},
    "GlobalAveragePooling1D": {},
    "GlobalMaxPooling1D": {},
    "MaskedPooling1D": {"mode": None},
    "Dense": {"units": None, "activation": "linear", "use_bias": True},
}
MERGE_MODES = ("concat", "sum", "mul", "ave")


@dataclass(frozen=True)
class LayerSpec:
    """One layer: its Keras class and every setting of it.

    Args:
        class_name: a key of `LAYER_DEFAULTS`.
        config: the settings; those left out take Keras 3's defaults. The ``layer`` of a
            ``Bidirectional`` is a `LayerSpec` itself.

    Raises:
        ValueError: for an unknown class or setting, a missing one, or a value out of range.

    Example:
        >>> LayerSpec("SimpleRNN", {"units": 50, "return_sequences": True})["go_backwards"]
        False
    """

    class_name: str
    config: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.class_name not in LAYER_DEFAULTS:
            raise ValueError(
                f"Unknown layer class {self.class_name!r}. Expected one of: "
                + ", ".join(LAYER_DEFAULTS)
            )
        defaults = LAYER_DEFAULTS[self.class_name]
        unknown = sorted(set(self.config) - set(defaults))
        if unknown:
            raise ValueError(f"{self.class_name} has no setting {unknown[0]!r}.")
        complete = {**defaults, **self.config}
        for key, value in complete.items():
            _check_setting(self.class_name, key, value)
        object.__setattr__(self, "config", complete)

    def __getitem__(self, key: str) -> object:
        return self.config[key]

    @property
    def is_recurrent(self) -> bool:
        """Whether this reads step by step itself (a Bidirectional holds a layer that does)."""
        return self.class_name in RECURRENT_GATES or self.class_name in FEEDBACK

    @property
    def units(self) -> int:
        """Outputs of a Dense or recurrent layer at each time step."""
        cell = self.cell
        if cell.class_name == "OutputFeedbackRNN":
            return cell._whole("output_size")
        # What comes from the input and what comes from the state before stand side by side.
        return cell._whole("units") * (2 if cell.class_name == "HiddenFeedbackRNN" else 1)

    @property
    def columns(self) -> int:
        """Columns of a recurrent layer's kernel: what a step's input becomes."""
        cell = self.cell
        if cell.class_name == "OutputFeedbackRNN":
            return 2 * cell._whole("units")
        return RECURRENT_GATES.get(cell.class_name, 1) * cell._whole("units")

    def _whole(self, key: str) -> int:
        number = self.config[key]
        assert isinstance(number, int)
        return number

    @property
    def cell(self) -> LayerSpec:
        """The recurrent layer itself, also where a Bidirectional wraps it."""
        if self.class_name == "Bidirectional":
            inner = self.config["layer"]
            assert isinstance(inner, LayerSpec)
            return inner
        return self


@dataclass(frozen=True)
class WeightSpec:
    """Where a weight array belongs and its shape.

    Args:
        layer: index of the layer in the network.
        direction: "" or, inside a Bidirectional, "forward" or "backward".
        name: ``kernel``, ``recurrent_kernel`` or ``bias``; of an OutputFeedbackRNN also
            ``output_kernel`` or ``output_bias``.
        shape: sizes of the array.
    """

    layer: int
    direction: str
    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class NetworkSpec:
    """A stack of layers on word vectors.

    Args:
        batch_shape: ``(batch, time, features)`` of the input; batch and time may be None.
        layers: the layers in the order in which the data passes them.

    Raises:
        ValueError: if a layer can't follow the one before it.

    Example:
        >>> network = NetworkSpec((None, 400, 300), (
        ...     LayerSpec("SimpleRNN", {"units": 50, "return_sequences": True}),
        ...     LayerSpec("Dropout", {"rate": 0.2}),
        ...     LayerSpec("Flatten"),
        ...     LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
        ... ))
        >>> network.count_params()
        37551
        >>> network.output_shape
        (None, 1)
    """

    batch_shape: tuple[int | None, int | None, int]
    layers: tuple[LayerSpec, ...]

    def __post_init__(self) -> None:
        batch, time, features = self.batch_shape
        for name, size in (("batch", batch), ("time", time), ("features", features)):
            if size is not None and size < 1:
                raise ValueError(f"The {name} size must be at least 1. Received: {size}")
        if not self.layers:
            raise ValueError("A network needs at least one layer.")
        for _ in self._walk():
            pass
        names = [layer.class_name for layer in self.layers]
        if "Masking" in names and "OutputFeedbackRNN" in names:
            raise ValueError("OutputFeedbackRNN reads all steps: there can be no Masking.")

    def _walk(self) -> Iterator[tuple[int, LayerSpec, Shape, Shape]]:
        """Yields each layer with its index and the shapes, without batch, going in and out."""
        shape: Shape = self.batch_shape[1:]
        for index, layer in enumerate(self.layers):
            out = _output_shape(layer, shape)
            yield index, layer, shape, out
            shape = out

    def layers_with_input_shapes(self) -> list[tuple[LayerSpec, Shape]]:
        """Each layer with the shape of what it takes, the batch size first."""
        return [(layer, (self.batch_shape[0], *shape)) for _, layer, shape, _ in self._walk()]

    @property
    def output_shape(self) -> Shape:
        """Shape of the network's output, the batch size first."""
        *_, (_, _, _, out) = self._walk()
        return (self.batch_shape[0], *out)

    @property
    def is_stateful(self) -> bool:
        """Whether any layer carries its state from one batch to the next."""
        return any(layer.cell.config.get("stateful", False) for layer in self.layers)

    @property
    def skips_masked_ends(self) -> bool:
        """Whether more or fewer masked steps at the ends of a text change nothing."""
        names = {layer.class_name for layer in self.layers}
        # Keras reverses the outputs of such a layer, but not the mask that goes with them.
        reversed_only = any(
            layer.is_recurrent and layer["go_backwards"] and layer["return_sequences"]
            for layer in self.layers
        )
        # These two don't know of masks.
        knows_none = names & {"Flatten", "GlobalMaxPooling1D"}
        return self.layers[0].class_name == "Masking" and not knows_none and not reversed_only

    @property
    def skips_padding(self) -> bool:
        """Whether more or less padding, of zeros, at the ends of a text changes nothing."""
        return self.skips_masked_ends and self.layers[0]["mask_value"] == 0

    def weights(self) -> list[WeightSpec]:
        """Every weight array in the order of `keras.Model.get_weights`."""
        found = []
        for index, layer, inputs, _ in self._walk():
            features = inputs[-1]
            assert features is not None
            if layer.class_name == "Dense":
                shapes = {"kernel": (features, layer.units), "bias": (layer.units,)}
                directions = [""]
            elif layer.cell.is_recurrent:
                shapes = _recurrent_shapes(layer.cell, features)
                directions = [""] if layer.is_recurrent else ["forward", "backward"]
            else:
                continue
            if not layer.cell["use_bias"]:
                shapes = {name: size for name, size in shapes.items() if "bias" not in name}
            for direction in directions:
                for name, shape in shapes.items():
                    found.append(WeightSpec(index, direction, name, shape))
        return found

    def count_params(self) -> int:
        """Number of trained numbers in the network."""
        return sum(prod(weight.shape) for weight in self.weights())


def _recurrent_shapes(cell: LayerSpec, features: int) -> dict[str, tuple[int, ...]]:
    columns = cell.columns
    if cell.class_name == "OutputFeedbackRNN":
        return {
            "kernel": (features, columns),
            "bias": (columns,),
            "output_kernel": (columns, cell.units),
            "output_bias": (cell.units,),
        }
    return {
        "kernel": (features, columns),
        "recurrent_kernel": (cell.units, columns),
        "bias": (2, columns) if has_two_biases(cell) else (columns,),
    }


def has_two_biases(cell: LayerSpec) -> bool:
    """Whether a recurrent layer's bias has two rows, the second for the recurrent product."""
    return cell.class_name == "HiddenFeedbackRNN" or (
        cell.class_name == "GRU" and bool(cell["reset_after"])
    )


def _output_shape(layer: LayerSpec, shape: Shape) -> Shape:
    name = layer.class_name
    if layer.cell.is_recurrent or name in (*POOLING, "Masking"):
        if len(shape) != 2:
            raise ValueError(
                f"{name} expects an input of (batch, time, features). Received: {('batch', *shape)}"
            )
        if name == "Masking":
            return shape
        if name in POOLING:
            features = shape[1]
            assert features is not None
            return (features * (2 if layer.config.get("mode") == "mean_max" else 1),)
        if name == "OutputFeedbackRNN" and shape[1] != layer.units:
            raise ValueError(
                "OutputFeedbackRNN reads its outputs as it reads inputs, so that it has as many. "
                f"Expected an output_size of {shape[1]}. Received: {layer.units}"
            )
        concatenates = name == "Bidirectional" and layer["merge_mode"] == "concat"
        units = layer.units * (2 if concatenates else 1)
        return (shape[0], units) if layer.cell["return_sequences"] else (units,)
    if name == "Flatten":
        if None in shape:
            raise ValueError(
                "Flatten needs an input of known length, as the layer after it has one weight for "
                "each time step. Received a network without maxlen."
            )
        return (prod(size for size in shape if size is not None),)
    if name == "Dense":
        return (*shape[:-1], layer.units)
    return shape


def _check_setting(class_name: str, key: str, value: object) -> None:
    where = f"{class_name} {key}"
    if key in ("units", "output_size"):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{where} must be a whole number of at least 1. Received: {value!r}")
    elif key in ("rate", "dropout", "recurrent_dropout"):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
            raise ValueError(f"{where} must be at least 0 and below 1. Received: {value!r}")
    elif key in ("activation", "recurrent_activation"):
        if value not in ACTIVATIONS:
            raise ValueError(
                f"{where} must be one of {', '.join(ACTIVATIONS)}. Received: {value!r}"
            )
    elif key == "mode":
        if value not in POOLING_MODES:
            raise ValueError(
                f"{where} must be one of {', '.join(POOLING_MODES)}. Received: {value!r}"
            )
    elif key == "merge_mode":
        if value not in MERGE_MODES:
            raise ValueError(
                f"{where} must be one of {', '.join(MERGE_MODES)}. Received: {value!r}"
            )
    elif key == "layer":
        if not isinstance(value, LayerSpec) or value.class_name not in RECURRENT_GATES:
            raise ValueError(f"{where} must be a SimpleRNN, LSTM or GRU. Received: {value!r}")
    elif key == "mask_value":
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError(f"{where} must be a number. Received: {value!r}")
    elif not isinstance(value, bool):
        raise ValueError(f"{where} must be true or false. Received: {value!r}")
