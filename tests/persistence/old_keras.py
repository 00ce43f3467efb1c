"""Writes networks as Keras 1, Keras 2 and tf.keras wrote them, by hand: none of them runs today.

A network is a list of `Layer`; the functions here say how each format spells it, and `predict`
what it computes. Compared with what Keras 1.2.2, 2.2.4, 2.3.1 and tf-keras 2.20.1 write.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.reference import (
    ACTIVATIONS,
    gru_reset_after_step,
    gru_step,
    lstm_step,
    merge,
    old_hard_sigmoid,
    read,
    simple_rnn_step,
)

GATES = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "zrh"}
# The order in which Keras 1 lists the arrays of the gates.
KERAS_1_GATES = {"LSTM": "icfo", "GRU": "zrh"}
ACTIVATION = {**ACTIVATIONS, "hard_sigmoid": old_hard_sigmoid}


@dataclass
class Direction:
    """The weights of one recurrent layer, by gate."""

    W: dict[str, np.ndarray]
    U: dict[str, np.ndarray]
    b: dict[str, np.ndarray]
    recurrent_b: dict[str, np.ndarray] | None = None


@dataclass
class Layer:
    """A layer of any kind; what doesn't concern its kind is not looked at."""

    kind: str
    units: int = 0
    activation: str = "tanh"
    gate: str = "hard_sigmoid"
    return_sequences: bool = False
    go_backwards: bool = False
    stateful: bool = False
    reset_after: bool = False
    use_bias: bool = True
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    rate: float = 0.0
    merge_mode: str | None = None  # of a Bidirectional around the layer
    directions: list[Direction] = field(default_factory=list)
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    number: int = 0

    @property
    def is_recurrent(self) -> bool:
        return self.kind in GATES


def with_weights(
    layers: list[Layer], batch_shape: tuple[int | None, int | None, int], seed: int = 0
) -> list[Layer]:
    """Draws weights large enough for the hard sigmoids to reach both their ends."""
    rng = np.random.default_rng(seed)
    _, time, features = batch_shape
    for number, layer in enumerate(layers, 1):
        layer.number = number
        if layer.is_recurrent:
            gates, units = GATES[layer.kind], layer.units

            def draw(*shape: int, gates: str = gates) -> dict[str, np.ndarray]:
                return {gate: rng.normal(size=shape).astype(np.float32) for gate in gates}

            layer.directions = [
                Direction(
                    draw(features, units),
                    draw(units, units),
                    draw(units),
                    draw(units) if layer.reset_after else None,
                )
                for _ in range(2 if layer.merge_mode else 1)
            ]
            if not layer.use_bias:
                for direction in layer.directions:
                    direction.b = {gate: np.zeros(units, np.float32) for gate in gates}
            features = units * (2 if layer.merge_mode == "concat" else 1)
            if not layer.return_sequences:
                time = None
        elif layer.kind == "Flatten":
            assert time is not None
            features *= time
        elif layer.kind == "Dense":
            layer.kernel = rng.normal(size=(features, layer.units)).astype(np.float32)
            if layer.use_bias:
                layer.bias = rng.normal(size=layer.units).astype(np.float32)
            features = layer.units
    return layers


# --- what a network computes ---------------------------------------------------------------------


def predict(layers: list[Layer], x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    for layer in layers:
        if layer.is_recurrent:
            x = _recurrent(layer, x)
        elif layer.kind == "Flatten":
            x = x.reshape(len(x), -1)
        elif layer.kind == "GlobalAveragePooling1D":
            x = x.mean(axis=1)
        elif layer.kind == "GlobalMaxPooling1D":
            x = x.max(axis=1)
        elif layer.kind == "Activation":
            x = ACTIVATION[layer.activation](x)
        elif layer.kind == "Dense":
            assert layer.kernel is not None
            x = ACTIVATION[layer.activation](
                x @ layer.kernel + (0 if layer.bias is None else layer.bias)
            )
    return x


def _recurrent(layer: Layer, x: np.ndarray) -> np.ndarray:
    outputs = []
    for index, weights in enumerate(layer.directions):
        settings: dict[str, Any] = {
            "W": weights.W,
            "U": weights.U,
            "b": weights.b,
            "activation": ACTIVATION[layer.activation],
        }
        if layer.kind != "SimpleRNN":
            settings["gate"] = ACTIVATION[layer.gate]
        if layer.reset_after:
            settings["recurrent_b"] = weights.recurrent_b
        steps: dict[str, Callable] = {
            "SimpleRNN": simple_rnn_step,
            "LSTM": lstm_step,
            "GRU": gru_reset_after_step if layer.reset_after else gru_step,
        }
        output = read(
            functools.partial(steps[layer.kind], **settings),
            x,
            layer.units,
            states=2 if layer.kind == "LSTM" else 1,
            backwards=layer.go_backwards or index == 1,
        )
        if not layer.return_sequences:
            output = output[:, -1]
        elif index == 1:
            output = output[:, ::-1]
        outputs.append(output)
    return merge(outputs[0], outputs[1], layer.merge_mode) if layer.merge_mode else outputs[0]


# --- Keras 1 --------------------------------------------------------------------------------------


def keras_1_json(layers: list[Layer], batch_shape: tuple[int | None, int | None, int]) -> dict:
    entries = []
    for layer in layers:
        name = f"{layer.kind.lower()}_{layer.number}"
        if layer.is_recurrent:
            config: dict[str, Any] = {
                "name": name,
                "trainable": True,
                "return_sequences": layer.return_sequences,
                "go_backwards": layer.go_backwards,
                "stateful": layer.stateful,
                "unroll": False,
                "consume_less": "cpu",
                "input_dim": None,
                "input_length": None,
                "output_dim": layer.units,
                "init": "glorot_uniform",
                "inner_init": "orthogonal",
                "activation": layer.activation,
                "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01},
                "U_regularizer": None,
                "b_regularizer": None,
                "dropout_W": layer.dropout,
                "dropout_U": layer.recurrent_dropout,
            }
            if layer.kind != "SimpleRNN":
                config["inner_activation"] = layer.gate
            if layer.kind == "LSTM":
                config["forget_bias_init"] = "one"
        elif layer.kind == "Dense":
            config = {
                "name": name,
                "trainable": True,
                "output_dim": layer.units,
                "init": "glorot_uniform",
                "activation": layer.activation,
                "W_regularizer": None,
                "b_regularizer": None,
                "activity_regularizer": None,
                "W_constraint": None,
                "b_constraint": None,
                "bias": layer.use_bias,
                "input_dim": None,
            }
        else:
            config = {"name": name, "trainable": True}
            if layer.kind == "Dropout":
                config["p"] = layer.rate
            if layer.kind == "Masking":
                config["mask_value"] = 0.0
            if layer.kind == "Activation":
                config["activation"] = layer.activation
        entry = {"class_name": layer.kind, "config": config}
        entries.append(_wrapped(layer, entry, {"trainable": True}))
    entries[0]["config"] |= {"batch_input_shape": list(batch_shape), "input_dtype": "float32"}
    return {"class_name": "Sequential", "config": entries, "keras_version": "1.2.2"}


def keras_1_weights(path: Path, layers: list[Layer], *, joined: bool = False) -> None:
    """A list of arrays a layer: those of each gate, or, with consume_less="gpu", joined ones."""
    with h5py.File(path, "w") as file:
        names = [_outer_name(layer, f"{layer.kind.lower()}_{layer.number}") for layer in layers]
        file.attrs["layer_names"] = np.array(names, dtype="S")
        for name, layer in zip(names, layers, strict=True):
            _write_list(file, name, dict(_keras_1_arrays(layer, joined)))


def _keras_1_arrays(layer: Layer, joined: bool) -> Iterator[tuple[str, np.ndarray]]:
    name = f"{layer.kind.lower()}_{layer.number}"
    if layer.kind == "Dense":
        assert layer.kernel is not None
        yield f"{name}_W:0", layer.kernel
        if layer.bias is not None:
            yield f"{name}_b:0", layer.bias
    for prefix, weights in _prefixed(layer):
        if joined or layer.kind == "SimpleRNN":
            for key, gates in (("W", weights.W), ("U", weights.U), ("b", weights.b)):
                yield f"{prefix}{name}_{key}:0", _join(layer, gates)
        else:
            for gate in KERAS_1_GATES[layer.kind]:
                for key, gates in (("W", weights.W), ("U", weights.U), ("b", weights.b)):
                    yield f"{prefix}{name}_{key}_{gate}:0", gates[gate]


# --- Keras 2 and tf.keras -------------------------------------------------------------------------


def keras_2_json(
    layers: list[Layer],
    batch_shape: tuple[int | None, int | None, int],
    *,
    tensorflow: bool = False,
    version: str | None = None,
) -> dict:
    """As Keras 2.2.4 writes it, or with `tensorflow` as the tf.keras of TensorFlow 2 does."""
    entries = []
    for layer in layers:
        name = _keras_2_name(layer)
        config: dict[str, Any] = {"name": name, "trainable": True}
        if tensorflow:
            config["dtype"] = "float32"
        if layer.is_recurrent:
            config |= {
                "return_sequences": layer.return_sequences,
                "return_state": False,
                "go_backwards": layer.go_backwards,
                "stateful": layer.stateful,
                "unroll": False,
                "units": layer.units,
                "activation": layer.activation,
                "use_bias": layer.use_bias,
                "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0}},
                "recurrent_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.0}},
                "bias_initializer": {"class_name": "Zeros", "config": {}},
                "kernel_regularizer": None,
                "recurrent_regularizer": None,
                "bias_regularizer": None,
                "activity_regularizer": None,
                "kernel_constraint": None,
                "recurrent_constraint": None,
                "bias_constraint": None,
                "dropout": layer.dropout,
                "recurrent_dropout": layer.recurrent_dropout,
            }
            if tensorflow:
                config["time_major"] = False
            if layer.kind != "SimpleRNN":
                config |= {"recurrent_activation": layer.gate, "implementation": 1}
            if layer.kind == "LSTM":
                config["unit_forget_bias"] = True
            if layer.reset_after or (layer.kind == "GRU" and tensorflow):
                config["reset_after"] = layer.reset_after
        elif layer.kind == "Dense":
            config |= {
                "units": layer.units,
                "activation": layer.activation,
                "use_bias": layer.use_bias,
                "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0}},
                "bias_initializer": {"class_name": "Zeros", "config": {}},
                "kernel_regularizer": None,
                "bias_regularizer": None,
                "activity_regularizer": None,
                "kernel_constraint": None,
                "bias_constraint": None,
            }
        elif layer.kind == "Dropout":
            config |= {"rate": layer.rate, "noise_shape": None, "seed": None}
        elif layer.kind == "Masking":
            config["mask_value"] = 0.0
        elif layer.kind == "Activation":
            config["activation"] = layer.activation
        else:
            config["data_format"] = "channels_last"
        entry = {"class_name": layer.kind, "config": config}
        common = {"trainable": True, "dtype": "float32"} if tensorflow else {"trainable": True}
        entries.append(_wrapped(layer, entry, common))
    entries[0]["config"] |= {"batch_input_shape": list(batch_shape), "dtype": "float32"}
    if tensorflow:
        source = {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": list(batch_shape),
                "dtype": "float32",
                "sparse": False,
                "ragged": False,
                "name": "input_1",
            },
        }
        entries.insert(0, source)
    return {
        "class_name": "Sequential",
        "config": {"name": "sequential_1", "layers": entries},
        "keras_version": version or ("2.4.0" if tensorflow else "2.2.4"),
        "backend": "tensorflow",
    }


def keras_2_weights(
    path: Path, layers: list[Layer], *, tensorflow: bool = False, whole_model: bool = False
) -> None:
    """As Keras 2.2.4 writes it; tf.keras has one more group, for the cell of a recurrent layer."""
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights") if whole_model else file
        names = [_outer_name(layer, _keras_2_name(layer)) for layer in layers]
        # With h5py 3 the names became strings of variable length.
        group.attrs["layer_names"] = names if tensorflow else np.array(names, dtype="S")
        group.attrs["keras_version"] = "2.4.0" if tensorflow else "2.2.4"
        for name, layer in sorted(zip(names, layers, strict=True), key=lambda pair: pair[0]):
            arrays = {}
            if layer.kind == "Dense":
                arrays[f"{name}/kernel:0"] = layer.kernel
                if layer.bias is not None:
                    arrays[f"{name}/bias:0"] = layer.bias
            for prefix, weights in _prefixed(layer):
                place = f"{name}/{prefix}{_keras_2_name(layer)}" if prefix else name
                if tensorflow:
                    place += f"/{_snake(layer.kind)}_cell_3"
                arrays[f"{place}/kernel:0"] = _join(layer, weights.W)
                arrays[f"{place}/recurrent_kernel:0"] = _join(layer, weights.U)
                if layer.use_bias:
                    bias = _join(layer, weights.b)
                    if weights.recurrent_b is not None:
                        bias = np.stack([bias, _join(layer, weights.recurrent_b)])
                    arrays[f"{place}/bias:0"] = bias
            _write_list(group, name, arrays)
        if tensorflow:
            _write_list(group, "top_level_model_weights", {})


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# --- what they have in common ---------------------------------------------------------------------


def _snake(kind: str) -> str:
    return {
        "SimpleRNN": "simple_rnn",
        "GlobalAveragePooling1D": "global_average_pooling1d",
        "GlobalMaxPooling1D": "global_max_pooling1d",
    }.get(kind, kind.lower())


def _keras_2_name(layer: Layer) -> str:
    return f"{_snake(layer.kind)}_{layer.number}"


def _outer_name(layer: Layer, name: str) -> str:
    return f"bidirectional_{layer.number}" if layer.merge_mode else name


def _wrapped(layer: Layer, entry: dict, common: dict) -> dict:
    if not layer.merge_mode:
        return entry
    config = {"name": _outer_name(layer, ""), "layer": entry, "merge_mode": layer.merge_mode}
    return {"class_name": "Bidirectional", "config": common | config}


def _prefixed(layer: Layer) -> Iterator[tuple[str, Direction]]:
    prefixes = ("forward_", "backward_") if layer.merge_mode else ("",)
    return zip(prefixes, layer.directions, strict=False)


def _join(layer: Layer, gates: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([gates[gate] for gate in GATES[layer.kind]], axis=-1)


def _write_list(group: h5py.Group, name: str, arrays: dict[str, Any]) -> None:
    folder = group.create_group(name)
    folder.attrs["weight_names"] = np.array([key.encode() for key in arrays])
    for key, array in arrays.items():
        folder.create_dataset(key, data=array)
