"""The JSON of a Keras model, of any Keras version → a network description.

Keras itself makes a model of JSON by looking up the classes that the JSON names, and running what
they say. Here nothing is looked up: each layer class that may occur has a table of the keys that
may occur in its config, for each of the three formats (Keras 1, Keras 2 with tf.keras, Keras 3),
and what comes out is plain data (`NetworkSpec`). Whatever the tables don't know is refused, as a
key that is skipped unread may be the one that changes the result.

Source of the formats: what ``Model.to_json`` of Keras 1.2.2, 2.2.4, 2.3.1, tf-keras 2.20.1 and
Keras 3.15.1 writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from sentiment_rnn._trusted import (
    as_flag,
    as_list,
    as_number,
    as_object,
    as_share,
    as_text,
    as_whole,
    check_keys,
    read_json,
    shown,
)
from sentiment_rnn.architectures.layers import (
    ACTIVATIONS,
    LAYER_DEFAULTS,
    MERGE_MODES,
    MOST_PARAMETERS,
    OWN_LAYERS,
    POOLING_MODES,
    RECURRENT_GATES,
    LayerSpec,
    NetworkSpec,
)
from sentiment_rnn.errors import ModelError

LARGEST_JSON = 1 << 20
# A file of a few bytes can claim any size; these are far above what can be trained on texts.
LARGEST_SIZE = 1_000_000
MOST_LAYERS = 100
MOST_OUTPUTS = 100_000_000

_MODULES = ("keras", "keras.layers", "keras.models")


@dataclass(frozen=True)
class SavedNetwork:
    """A network as a file describes it, and what is needed to read its weights.

    Args:
        network: the layers, as Keras 3 would build them.
        keras_version: the Keras that wrote the file: 1, 2 or 3.
        layer_names: the name that each layer of the network has in the file.
    """

    network: NetworkSpec
    keras_version: int
    layer_names: tuple[str, ...]

    @property
    def has_old_hard_sigmoid(self) -> bool:
        """Whether the file's Keras computed hard_sigmoid in the old way.

        The old one is ``clip(0.2 x + 0.5, 0, 1)``, that of Keras 3 ``clip(x / 6 + 0.5, 0, 1)``. The
        old one of x is the new one of 1.2 x, which `keras_weights` puts into the weights.
        """
        return self.keras_version < 3


def read_network(path: str | Path) -> SavedNetwork:
    """Reads the JSON that ``Model.to_json`` of any Keras version wrote.

    Args:
        path: the file.

    Raises:
        ModelError: if it is missing, damaged, not a ``Sequential`` of the layers that this
            package knows, or too large to be true.
    """
    return parse_network(read_json(path, max_bytes=LARGEST_JSON), where=str(path))


def parse_network(document: object, where: str = "network") -> SavedNetwork:
    """Makes a network description of parsed JSON.

    Args:
        document: what a JSON parser made of the text.
        where: the file that errors name.

    Raises:
        ModelError: as for `read_network`.

    Example:
        >>> saved = parse_network({"class_name": "Sequential", "keras_version": "1.2.2", "config": [
        ...     {"class_name": "LSTM", "config": {"name": "lstm_1", "output_dim": 4,
        ...         "batch_input_shape": [None, 7, 3]}},
        ...     {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 1}}]})
        >>> saved.network.layers[0]["recurrent_activation"], saved.network.count_params()
        ('hard_sigmoid', 133)
    """
    model = as_object(document, where)
    class_name = as_text(model.get("class_name"), f"{where}: class_name")
    if class_name != "Sequential":
        raise ModelError(
            f"{where}: expected a Sequential model, a plain stack of layers. "
            f"Received: {shown(class_name)}"
        )
    check_keys(model, _OUTER_KEYS | {"compile_config", "keras_version", "backend"}, where)
    _check_origin(model, where)
    entries, build_shape = _sequential_config(model.get("config"), where)
    release = _keras_release(model, entries, where)
    return _Reader(release, where).network(entries, build_shape)


_OUTER_KEYS = frozenset({"class_name", "config", "module", "registered_name", "build_config"})
_SEQUENTIAL_KEYS = frozenset({"name", "layers", "build_input_shape", "trainable", "dtype"})


def _check_origin(entry: dict[str, object], where: str) -> None:
    """Expects that an object says to be Keras's own, or this package's, or nothing."""
    module = entry.get("module")
    class_name = str(entry.get("class_name"))
    if class_name in OWN_LAYERS:
        origin = module, entry.get("registered_name")
        expected = OWN_LAYERS[class_name], f"sentiment_rnn>{class_name}"
        if origin != expected:
            raise ModelError(
                f"{where}: expected {expected[1]} of {expected[0]}. Received: "
                f"{shown(origin[1])} of {shown(origin[0])}"
            )
        return
    if module is not None and module not in _MODULES:
        raise ModelError(f"{where}: expected a class of Keras's. Received module {shown(module)}")
    registered = entry.get("registered_name")
    if registered is not None and registered != entry.get("class_name"):
        raise ModelError(
            f"{where}: expected a class of Keras's. Received the custom class {shown(registered)}"
        )


def _sequential_config(config: object, where: str) -> tuple[list[object], object]:
    """The layers' entries, and the input shape that the whole model was built for, if any."""
    if isinstance(config, list):  # Keras 1 and 2 up to 2.2.2
        layers: object = config
        build_shape = None
    else:
        settings = as_object(config, f"{where}: config")
        check_keys(settings, _SEQUENTIAL_KEYS, f"{where}: config")
        _check_dtype(settings.get("dtype"), f"{where}: config")
        layers, build_shape = settings.get("layers"), settings.get("build_input_shape")
    # An InputLayer and Activation layers come on top of the layers that count.
    return as_list(layers, f"{where}: layers", longest=2 * MOST_LAYERS), build_shape


def _keras_release(model: dict[str, object], entries: list[object], where: str) -> tuple[int, int]:
    """The Keras that wrote a file, as far as its releases differ: (2, 2) for 2.2.4."""
    version = model.get("keras_version")
    if version is not None:
        text = as_text(version, f"{where}: keras_version")
        match = re.match(r"([123])\.(\d{1,3})\b", text)
        if not match:
            raise ModelError(f"{where}: expected Keras 1, 2 or 3. Received: {shown(text)}")
        if text in ("2.2.4-tf", "2.3.0-tf"):  # TensorFlow 2.0 to 2.2, newer than Keras 2.3
            return 2, 4
        return int(match[1]), int(match[2])
    if "module" in model:
        return 3, 0
    # A shortened file: some keys were written by one version only.
    keys: set[str] = set()
    for entry in entries:
        config = entry.get("config") if isinstance(entry, dict) else None
        keys.update(config if isinstance(config, dict) else ())
    if "output_dim" in keys:
        return 1, 0
    if "batch_input_shape" in keys and "units" in keys:
        return 2, 0
    raise ModelError(
        f"{where}: expected a keras_version. Received none, and nothing else that tells which "
        "Keras wrote this; the versions compute some layers differently."
    )


def _check_dtype(value: object, where: str) -> None:
    """Expects float32 as every Keras version says it: a name, a policy or nothing."""
    if isinstance(value, dict):
        check_keys(
            value,
            {"module", "class_name", "config", "registered_name", "shared_object_id"},
            f"{where}, dtype",
        )
        config = value.get("config")
        if value.get("class_name") in ("DTypePolicy", "Policy") and isinstance(config, dict):
            check_keys(config, {"name"}, f"{where}, dtype")
            value = config.get("name")
    if value not in (None, "float32"):
        raise ModelError(f"{where}, dtype: expected float32. Received: {shown(value)}")


# --- which keys a layer's config may have ---------------------------------------------------------


@dataclass(frozen=True)
class _Keys:
    """The keys of a layer's config in one format.

    Args:
        settings: those that say something about the network, with Keras 3's name for each.
        fixed: those that have to have one of the given values, as any other changes the result.
        ignored: those that matter for training or speed alone. They are not looked at.
    """

    settings: Mapping[str, str]
    fixed: Mapping[str, tuple[object, ...]]
    ignored: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


_ANY_LAYER = _words("name trainable dtype batch_input_shape input_dtype input_dim input_length")
_RECURRENT = _same(
    "activation dropout recurrent_dropout return_sequences go_backwards stateful use_bias units"
)
_TRAINING = _words(
    "kernel_initializer recurrent_initializer bias_initializer unit_forget_bias seed "
    "kernel_regularizer recurrent_regularizer bias_regularizer activity_regularizer "
    "kernel_constraint recurrent_constraint bias_constraint"
)
_FORMAT_2_RECURRENT = _Keys(
    {**_RECURRENT, "zero_output_for_mask": "zero_output_for_mask"},
    {"return_state": (False,), "time_major": (False,), "num_constants": (None,)},
    _TRAINING | {"unroll", "implementation"},
)
_POOLING = _Keys({}, {"data_format": ("channels_last",), "keepdims": (False,)}, frozenset())
_FORMAT_2 = {
    "Masking": _Keys(_same("mask_value"), {}, frozenset()),
    "SimpleRNN": _FORMAT_2_RECURRENT,
    "LSTM": _Keys(
        {**_FORMAT_2_RECURRENT.settings, **_same("recurrent_activation")},
        _FORMAT_2_RECURRENT.fixed,
        _FORMAT_2_RECURRENT.ignored,
    ),
    "GRU": _Keys(
        {**_FORMAT_2_RECURRENT.settings, **_same("recurrent_activation reset_after")},
        _FORMAT_2_RECURRENT.fixed,
        _FORMAT_2_RECURRENT.ignored,
    ),
    "HiddenFeedbackRNN": _Keys(
        _same(
            "activation return_sequences go_backwards stateful use_bias units zero_output_for_mask"
        ),
        {"return_state": (False,)},
        _words("unroll"),
    ),
    "OutputFeedbackRNN": _Keys(
        _same("activation return_sequences stateful use_bias units output_size"),
        {"return_state": (False,), "go_backwards": (False,), "zero_output_for_mask": (False,)},
        _words("unroll"),
    ),
    "Bidirectional": _Keys(_same("merge_mode"), {}, _words("layer backward_layer")),
    "Dropout": _Keys(_same("rate"), {"noise_shape": (None,)}, _words("seed")),
    "Flatten": _Keys({}, {"data_format": ("channels_last",)}, frozenset()),
    "GlobalAveragePooling1D": _POOLING,
    "GlobalMaxPooling1D": _POOLING,
    "MaskedPooling1D": _Keys(_same("mode"), {}, frozenset()),
    "Dense": _Keys(
        _same("units activation use_bias"),
        {"quantization_config": (None,), "lora_rank": (None,), "lora_alpha": (None,)},
        _TRAINING,
    ),
    "Activation": _Keys(_same("activation"), {}, frozenset()),
}
_FORMAT_1_RECURRENT = _Keys(
    {
        "output_dim": "units",
        "dropout_W": "dropout",
        "dropout_U": "recurrent_dropout",
        **_same("activation return_sequences go_backwards stateful"),
    },
    # How the work is split up: the same numbers come out.
    {"consume_less": ("cpu", "mem", "gpu")},
    _words("init inner_init forget_bias_init W_regularizer U_regularizer b_regularizer unroll"),
)
_FORMAT_1_GATED = _Keys(
    {**_FORMAT_1_RECURRENT.settings, "inner_activation": "recurrent_activation"},
    _FORMAT_1_RECURRENT.fixed,
    _FORMAT_1_RECURRENT.ignored,
)
_FORMAT_1 = {
    **{name: _Keys({}, {}, frozenset()) for name in _FORMAT_2},
    "Masking": _FORMAT_2["Masking"],
    "SimpleRNN": _FORMAT_1_RECURRENT,
    "LSTM": _FORMAT_1_GATED,
    "GRU": _FORMAT_1_GATED,
    "Bidirectional": _FORMAT_2["Bidirectional"],
    "Dropout": _Keys({"p": "rate"}, {}, frozenset()),
    "Dense": _Keys(
        {"output_dim": "units", "activation": "activation", "bias": "use_bias"},
        {},
        _words("init W_regularizer b_regularizer activity_regularizer W_constraint b_constraint"),
    ),
    "Activation": _FORMAT_2["Activation"],
}
_KNOWN = frozenset({*LAYER_DEFAULTS, "Activation", "InputLayer"})
# What passes a mask on, and what leaves the masked time steps out.
_MASK_PASSES = ("Dropout", "Dense")
_MASK_STOPS = ("GlobalAveragePooling1D",)
_INPUT_KEYS = _words(
    "name batch_shape batch_input_shape dtype input_dtype sparse ragged optional trainable"
)
# What a key means when it is not there, where that differs from Keras 3.
_OLD_DEFAULTS: Mapping[tuple[int, str], Mapping[str, object]] = {
    (1, "LSTM"): {"recurrent_activation": "hard_sigmoid"},
    (1, "GRU"): {"recurrent_activation": "hard_sigmoid", "reset_after": False},
    (2, "GRU"): {"reset_after": False},
}


def _setting(name: str, value: object, where: str) -> object:
    """Checks a setting's value before anything is done with it."""
    if name in ("units", "output_size"):
        return as_whole(value, where, least=1, most=LARGEST_SIZE)
    if name in ("activation", "recurrent_activation"):
        return _choice(value, ACTIVATIONS, where)
    if name == "merge_mode":
        return _choice(value, MERGE_MODES, where)
    if name == "mode":
        return _choice(value, POOLING_MODES, where)
    if name in ("rate", "dropout", "recurrent_dropout"):
        return as_share(value, where)
    if name == "mask_value":
        return as_number(value, where, least=-1e30, most=1e30)
    return as_flag(value, where)


def _choice(value: object, choices: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ModelError(f"{where}: expected one of {', '.join(choices)}. Received: {shown(value)}")
    return value


# --- layer by layer -------------------------------------------------------------------------------


class _Reader:
    """Reads the layers of one file, all of one Keras version."""

    def __init__(self, release: tuple[int, int], where: str) -> None:
        self.release = release
        self.version = release[0]
        self.where = where
        self.keys = _FORMAT_1 if self.version == 1 else _FORMAT_2

    def network(self, entries: list[object], build_shape: object) -> SavedNetwork:
        shape: object = None
        layers: list[LayerSpec] = []
        names: list[str] = []
        for number, entry in enumerate(entries, 1):
            class_name, config, where = self._entry(entry, f"{self.where}: layer {number}")
            if class_name == "InputLayer":
                if number > 1:
                    raise ModelError(f"{where}: expected an input only as the first layer.")
                shape = self._input_shape(config, where)
                continue
            if number == 1:
                shape = self._first_shape(config)
            if class_name == "Activation":
                self._fold_activation(layers, self._settings(class_name, config, where), where)
                continue
            names.append(self._name(config, where))
            layers.append(self._layer(class_name, config, where))
        if len(names) != len(set(names)):
            raise ModelError(f"{self.where}: expected each layer to have a name of its own.")
        if len(layers) > MOST_LAYERS:
            raise ModelError(
                f"{self.where}: expected at most {MOST_LAYERS} layers. Received: {len(layers)}"
            )
        batch_shape = self._batch_shape(build_shape if shape is None else shape)
        try:
            network = NetworkSpec(batch_shape, tuple(layers))
        except ValueError as error:
            raise ModelError(f"{self.where}: {error}") from error
        self._check_size(network)
        self._check_masks(layers)
        return SavedNetwork(network, self.version, tuple(names))

    def _entry(self, value: object, where: str) -> tuple[str, dict[str, object], str]:
        entry = as_object(value, where)
        class_name = as_text(entry.get("class_name"), f"{where}, class_name")
        if class_name not in _KNOWN:
            raise ModelError(
                f"{where}: expected one of {', '.join(sorted(_KNOWN))}. "
                f"Received: {shown(class_name)}"
            )
        where = f"{where} ({class_name})"
        check_keys(entry, _OUTER_KEYS, where)
        _check_origin(entry, where)
        return class_name, as_object(entry.get("config"), f"{where}, config"), where

    def _name(self, config: dict[str, object], where: str) -> str:
        name = as_text(config.get("name"), f"{where}, name")
        if not name.isprintable() or not name:
            raise ModelError(f"{where}, name: expected a name. Received: {shown(name)}")
        return name

    def _settings(
        self, class_name: str, config: dict[str, object], where: str
    ) -> dict[str, object]:
        """The settings in a layer's config under Keras 3's names; each key is accounted for."""
        keys = self.keys[class_name]
        check_keys(
            config, keys.settings.keys() | keys.fixed.keys() | keys.ignored | _ANY_LAYER, where
        )
        for key in ("dtype", "input_dtype"):
            _check_dtype(config.get(key), where)
        for key, accepted in keys.fixed.items():
            value = config.get(key, accepted[0])
            if not any(type(value) is type(one) and value == one for one in accepted):
                raise ModelError(
                    f"{where}, {key}: expected {' or '.join(map(shown, accepted))}. "
                    f"Received: {shown(value)}"
                )
        settings = dict(_OLD_DEFAULTS.get((self.version, class_name), {}))
        for key, name in keys.settings.items():
            if key in config:
                settings[name] = _setting(name, config[key], f"{where}, {key}")
            elif name in ("units", "output_size", "rate", "mode") or (class_name == "Activation"):
                raise ModelError(f"{where}, {key}: expected a value. It is missing.")
        gated = class_name in ("LSTM", "GRU")
        if gated and self.version == 2 and "recurrent_activation" not in settings:
            # Its default changed from one release of Keras 2 to another.
            raise ModelError(f"{where}, recurrent_activation: expected a value. It is missing.")
        return settings

    def _layer(self, class_name: str, config: dict[str, object], where: str) -> LayerSpec:
        settings = self._settings(class_name, config, where)
        if class_name == "Bidirectional":
            settings["layer"] = self._direction(config, where)
        if (
            class_name == "LSTM"
            and self.version < 3
            and settings.get("activation") == "hard_sigmoid"
        ):
            # An LSTM applies it to its state too, where no weight can make up for the difference.
            raise ModelError(
                f"{where}, activation: expected another one than hard_sigmoid, which Keras 3 "
                "computes differently from the Keras that wrote this."
            )
        try:
            return LayerSpec(class_name, settings)
        except ValueError as error:
            raise ModelError(f"{where}: {error}") from error

    def _direction(self, config: dict[str, object], where: str) -> LayerSpec:
        """The layer that reads forwards, if the other one differs in its direction alone."""
        found = []
        for key in ("layer", "backward_layer"):
            if key == "backward_layer" and config.get(key) is None:
                continue
            class_name, inner, place = self._entry(config.get(key), f"{where}, {key}")
            if class_name not in RECURRENT_GATES:
                raise ModelError(
                    f"{place}: expected one of {', '.join(RECURRENT_GATES)} in a Bidirectional."
                )
            found.append(self._layer(class_name, inner, place))
        forward = found[0]
        if forward["go_backwards"]:
            raise ModelError(f"{where}, layer: expected go_backwards to be false.")
        # Keras does so itself when it makes a Bidirectional, whatever its layers say.
        settings = {**forward.config, "zero_output_for_mask": forward["return_sequences"]}
        mirrored = {**settings, "go_backwards": True}
        if len(found) == 2:
            backward = found[1]
            received = {**backward.config, "zero_output_for_mask": backward["return_sequences"]}
            if (backward.class_name, received) != (forward.class_name, mirrored):
                raise ModelError(
                    f"{where}, backward_layer: expected the same settings as those of layer, and "
                    "go_backwards. Received others."
                )
        return LayerSpec(forward.class_name, settings)

    def _fold_activation(
        self, layers: list[LayerSpec], settings: dict[str, object], where: str
    ) -> None:
        """Puts an Activation layer into the Dense layer before it, which then does the same."""
        if settings["activation"] == "linear":
            return
        if not layers or layers[-1].class_name != "Dense" or layers[-1]["activation"] != "linear":
            raise ModelError(
                f"{where}: expected an Activation only right after a Dense layer without one."
            )
        dense = layers.pop()
        layers.append(LayerSpec("Dense", {**dense.config, **settings}))

    def _check_masks(self, layers: list[LayerSpec]) -> None:
        """Refuses the two networks in which Keras before tf.keras gave other outputs for padding.

        They are rare: what follows has to take such an output, and not skip it as padding.
        """
        if self.release >= (2, 4) or not any(layer.class_name == "Masking" for layer in layers):
            return
        for index, layer in enumerate(layers):
            if self.release < (2, 3) and layer.cell.config.get("stateful"):
                raise ModelError(
                    f"{self.where}: expected no Masking with a stateful layer: Keras 3 computes "
                    "it differently from the Keras that wrote this."
                )
            if layer.class_name != "Bidirectional" or not layer.cell["return_sequences"]:
                continue
            readers = [one for one in layers[index + 1 :] if one.class_name not in _MASK_PASSES]
            if not readers or not (
                readers[0].cell.is_recurrent or readers[0].class_name in _MASK_STOPS
            ):
                raise ModelError(
                    f"{self.where}: expected no Masking with a Bidirectional that returns "
                    "sequences: Keras 3 computes it differently from the Keras that wrote this."
                )

    # --- sizes ---

    def _input_shape(self, config: dict[str, object], where: str) -> object:
        check_keys(config, _INPUT_KEYS, where)
        _check_dtype(config.get("dtype"), where)
        _check_dtype(config.get("input_dtype"), where)
        for key in ("sparse", "ragged", "optional"):
            if config.get(key) not in (None, False):
                raise ModelError(f"{where}, {key}: expected false. Received: {shown(config[key])}")
        return config.get("batch_shape", config.get("batch_input_shape"))

    def _first_shape(self, config: dict[str, object]) -> object:
        """The input shape in the config of a first layer; none in Keras 3."""
        if "batch_input_shape" in config or "input_dim" not in config:
            return config.get("batch_input_shape")
        return [None, config.get("input_length"), config["input_dim"]]

    def _batch_shape(self, value: object) -> tuple[int | None, int | None, int]:
        where = f"{self.where}: input shape"
        if value is None:
            raise ModelError(f"{where}: expected [batch, time, features]. Received none.")
        sizes = as_list(value, where, longest=8)
        if len(sizes) != 3:
            raise ModelError(
                f"{where}: expected [batch, time, features]. Received {len(sizes)} sizes."
            )
        batch, time = (
            None if size is None else as_whole(size, where, least=1, most=LARGEST_SIZE)
            for size in sizes[:2]
        )
        return batch, time, as_whole(sizes[2], where, least=1, most=LARGEST_SIZE)

    def _check_size(self, network: NetworkSpec) -> None:
        if network.is_stateful and network.batch_shape[0] is None:
            raise ModelError(
                f"{self.where}: expected a fixed batch size, as a layer is stateful. Received none."
            )
        if network.count_params() > MOST_PARAMETERS:
            raise ModelError(
                f"{self.where}: expected at most {MOST_PARAMETERS:,} parameters. "
                f"Received: {network.count_params():,}"
            )
        # Weights are few and outputs many when a small layer reads a long text.
        outputs = [network.batch_shape] + [
            NetworkSpec(network.batch_shape, network.layers[: count + 1]).output_shape
            for count in range(len(network.layers))
        ]
        largest = max(prod(size or 1 for size in shape) for shape in outputs)
        if largest > MOST_OUTPUTS:
            raise ModelError(
                f"{self.where}: expected layers with at most {MOST_OUTPUTS:,} outputs. "
                f"Received: {largest:,}"
            )
