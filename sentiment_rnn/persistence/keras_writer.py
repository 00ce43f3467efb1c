"""A network and its weights → the two files that Keras 3 would write, without Keras.

So a model that was trained with NumPy is saved in a moment: importing Keras and TensorFlow takes
seconds and most of a gigabyte.

Source: what ``Model.to_json`` and ``Model.save_weights`` of Keras 3.15.1 write.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from sentiment_rnn.architectures.layers import (
    FEEDBACK,
    OWN_LAYERS,
    POOLING,
    LayerSpec,
    NetworkSpec,
    Shape,
)


def network_json(network: NetworkSpec) -> dict[str, object]:
    """What ``Model.to_json`` says of a network, to be written as JSON.

    Args:
        network: the layers.

    Example:
        >>> network = NetworkSpec((None, 7, 3), (LayerSpec("LSTM", {"units": 4}),))
        >>> [layer["class_name"] for layer in network_json(network)["config"]["layers"]]
        ['InputLayer', 'LSTM']
    """
    batch_shape = list(network.batch_shape)
    layers: list[object] = [
        {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {
                "batch_shape": batch_shape,
                "dtype": "float32",
                "sparse": False,
                "ragged": False,
                "name": "vectors",
                "optional": False,
            },
            "registered_name": None,
        }
    ]
    for place, (layer, shape) in enumerate(network.layers_with_input_shapes()):
        layers.append(_layer(layer, _name(layer, place), shape))
    config = {**_of_any_layer("network"), "layers": layers, "build_input_shape": batch_shape}
    return {
        **_object("keras", "Sequential", config),
        "build_config": {"input_shape": batch_shape},
        "compile_config": {},
    }


def write_weights(path: Path, network: NetworkSpec, weights: Sequence[np.ndarray]) -> None:
    """Writes the HDF5 file that ``Model.save_weights`` would.

    Where 16 bits hold each of the numbers exactly, they are written so, in half the size.

    Args:
        path: a new file that ends with ``.weights.h5``.
        network: the layers.
        weights: their arrays in the order of ``network.weights()``.

    Raises:
        OSError: if it can't be written.
    """
    import h5py

    # In memory: HDF5 itself goes on when the disk is full, and leaves out what it could not write.
    with h5py.File(path, "w", driver="core", backing_store=False) as file:
        file.create_group("vars").attrs["name"] = "network"
        count: Counter[str] = Counter()
        layers = file.create_group("layers")
        kind = np.float16 if all(map(_has_16_bits, weights)) else np.float32
        arrays = _by_layer(network, weights)
        for place, layer in enumerate(network.layers):
            group = _snake_case(layer.class_name)
            number = count[group]
            count[group] += 1
            folder = layers.create_group(f"{group}_{number}" if number else group)
            variables = folder.create_group("vars")
            variables.attrs["name"] = _name(layer, place)
            for direction, found in arrays.get(place, {}).items():
                inside = folder
                if direction:
                    inside = folder.create_group(f"{direction}_layer")
                    name = f"{direction}_{layer.cell.class_name.lower()}"
                    inside.create_group("vars").attrs["name"] = name
                into = variables
                if layer.cell.is_recurrent:
                    into = inside.create_group("cell").create_group("vars")
                    into.attrs["name"] = _cell_name(layer.cell)
                for position, array in enumerate(found):
                    into.create_dataset(str(position), data=np.asarray(array, kind))
        file.flush()
        image = file.id.get_file_image()
    path.write_bytes(image)


def _has_16_bits(array: np.ndarray) -> bool:
    """Whether 16 bits hold each of the numbers exactly."""
    # What is too large becomes infinite, and isn't equal.
    with np.errstate(over="ignore"):
        return np.array_equal(array.astype(np.float16), array)


def _by_layer(
    network: NetworkSpec, weights: Sequence[np.ndarray]
) -> dict[int, dict[str, list[np.ndarray]]]:
    """The arrays of each layer that has any, by direction."""
    pairs = list(zip(network.weights(), weights, strict=True))
    return {
        place: {
            direction: [array for _, array in found]
            for direction, found in groupby(of_layer, lambda pair: pair[0].direction)
        }
        for place, of_layer in groupby(pairs, lambda pair: pair[0].layer)
    }


def _name(layer: LayerSpec, place: int) -> str:
    """As `build_network` calls the layer."""
    return f"{layer.class_name.lower()}_{place}"


def _cell_name(cell: LayerSpec) -> str:
    name = cell.class_name.removesuffix("RNN") if cell.class_name in FEEDBACK else cell.class_name
    return f"{_snake_case(name)}_cell"


def _snake_case(name: str) -> str:
    """As Keras makes the name of a group of a class's name.

    Example:
        >>> [_snake_case(name) for name in ("SimpleRNN", "LSTM", "GlobalMaxPooling1D")]
        ['simple_rnn', 'lstm', 'global_max_pooling1d']
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _object(module: str, class_name: str, config: object, registered: object = None) -> dict:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": registered,
    }


def _of_any_layer(name: str) -> dict[str, object]:
    dtype = _object("keras", "DTypePolicy", {"name": "float32"})
    return {"name": name, "trainable": True, "dtype": dtype}


def _layer(layer: LayerSpec, name: str, shape: Shape) -> dict[str, object]:
    """A layer that takes inputs of a shape, with the batch size first."""
    module, registered = "keras.layers", None
    if layer.class_name in OWN_LAYERS:
        module = OWN_LAYERS[layer.class_name]
        registered = f"sentiment_rnn>{layer.class_name}"
    config = {**_of_any_layer(name), **dict(_settings(layer, shape))}
    found = _object(module, layer.class_name, config, registered)
    has_build = layer.class_name not in ("Masking", "Dropout", *POOLING)
    if has_build or layer.class_name in OWN_LAYERS:
        found["build_config"] = {"input_shape": list(shape)}
    return found


def _settings(layer: LayerSpec, shape: Shape) -> Iterator[tuple[str, object]]:
    """The settings of a layer in Keras's order, those included that are never changed here."""
    if layer.is_recurrent:
        yield from _recurrent_settings(layer)
    elif layer.class_name == "Bidirectional":
        yield "merge_mode", layer["merge_mode"]
        for direction in ("forward", "backward"):
            name = f"{direction}_{layer.cell.class_name.lower()}"
            # Keras turns zero_output_for_mask on for the two.
            changed = {
                "go_backwards": direction == "backward",
                "zero_output_for_mask": layer.cell["return_sequences"],
            }
            inner = LayerSpec(layer.cell.class_name, {**layer.cell.config, **changed})
            key = "layer" if direction == "forward" else "backward_layer"
            yield key, _layer(inner, name, shape)
    elif layer.class_name == "Dense":
        yield from (("units", layer["units"]), ("activation", layer["activation"]))
        yield "use_bias", layer["use_bias"]
        yield from (("kernel_initializer", _GLOROT), ("bias_initializer", _ZEROS))
        for kind in ("regularizer", "constraint"):
            yield from ((f"{part}_{kind}", None) for part in ("kernel", "bias"))
        yield "quantization_config", None
    elif layer.class_name == "Dropout":
        yield from (("rate", layer["rate"]), ("seed", None), ("noise_shape", None))
    elif layer.class_name == "Masking":
        yield "mask_value", layer["mask_value"]
    elif layer.class_name == "MaskedPooling1D":
        yield "mode", layer["mode"]
    else:
        yield "data_format", "channels_last"
        if layer.class_name in POOLING:
            yield "keepdims", False


def _recurrent_settings(layer: LayerSpec) -> Iterator[tuple[str, object]]:
    config = layer.config
    yield from (("return_sequences", config["return_sequences"]), ("return_state", False))
    yield from (("go_backwards", config["go_backwards"]), ("stateful", config["stateful"]))
    yield from (("unroll", False), ("zero_output_for_mask", False))
    if config.get("zero_output_for_mask"):
        yield "zero_output_for_mask", True
    for key in ("units", "activation", "recurrent_activation", "use_bias", "output_size"):
        if key in config:
            yield key, config[key]
    if layer.class_name in FEEDBACK:
        return
    yield "kernel_initializer", _GLOROT
    yield "recurrent_initializer", _initializer("Orthogonal", seed=None, gain=1.0)
    yield "bias_initializer", _ZEROS
    if layer.class_name == "LSTM":
        yield "unit_forget_bias", True
    for part in ("kernel", "recurrent", "bias", "activity"):
        yield f"{part}_regularizer", None
    for part in ("kernel", "recurrent", "bias"):
        yield f"{part}_constraint", None
    for key in ("dropout", "recurrent_dropout", "reset_after"):
        if key in config:
            yield key, config[key]
    if layer.class_name != "SimpleRNN":
        yield "seed", None


def _initializer(class_name: str, **config: object) -> dict[str, object]:
    return _object("keras.initializers", class_name, config)


_GLOROT = _initializer("GlorotUniform", seed=None, input_axes=None, output_axes=None)
_ZEROS = _initializer("Zeros")
