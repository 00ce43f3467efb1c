"""The weights of a Keras model, of any Keras version → arrays in the order of the network.

Three layouts of HDF5 files, in all of which the kernel of a layer is the same matrix:

- Keras 3 and late tf.keras, ``.weights.h5``: ``layers/lstm_1/cell/vars/0``. The names come from
  the layers' classes, the second layer of a class having ``_1``, whatever the layers are called.
- Keras 2, and whole models in HDF5: ``lstm_2/lstm_2/lstm_cell/kernel:0`` with the layers' own
  names, under ``model_weights`` where the model is whole.
- Keras 1: ``lstm_2/lstm_2_W:0``, or one matrix for each gate, ``lstm_2/lstm_2_W_i:0``.

Keras orders the arrays of the latter two by attributes that list their names. They are not needed,
as the names themselves say what the arrays are, and strings of variable length, which is what they
are today, can't be read from a stranger's file in bounded memory: HDF5 believes the length that
the file claims.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._trusted import shown
from sentiment_rnn.architectures.layers import LayerSpec, WeightSpec
from sentiment_rnn.errors import ModelError
from sentiment_rnn.persistence.keras_json import MOST_LAYERS, SavedNetwork

# The order in which a matrix of all gates holds their columns.
GATES: Mapping[str, str] = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "zrh"}
_FOLDER_NAMES = {
    "SimpleRNN": "simple_rnn",
    "LSTM": "lstm",
    "GRU": "gru",
    "HiddenFeedbackRNN": "hidden_feedback_rnn",
    "OutputFeedbackRNN": "output_feedback_rnn",
    "Bidirectional": "bidirectional",
    "Dense": "dense",
}
_KERAS_1_NAMES = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}
# TensorFlow adds :0 to a name, and _1 to one that was there already.
_NUMBERS = r"(?:_\d+)?(?::\d+)?"
_KERAS_2_ARRAY = re.compile(rf"((?:recurrent_|output_)?kernel|(?:output_)?bias){_NUMBERS}")
_KERAS_1_ARRAY = re.compile(rf".*_([WUb])(?:_([ifcozrh]))?{_NUMBERS}", re.DOTALL)
# A Bidirectional of two Keras 1 LSTMs has 24 arrays in a group; one of Keras 3 has 6 in 5 groups.
_MOST_MEMBERS = 100
_LONGEST_NAME = 1024


def read_weights(path: str | Path, saved: SavedNetwork) -> list[np.ndarray]:
    """Reads the weights that belong to a network, and nothing else.

    Args:
        path: an HDF5 file of weights or of a whole model.
        saved: the network, from `read_network`.

    Returns:
        float32 arrays in the order of ``saved.network.weights()``, as Keras 3 needs them to
        compute what the Keras that wrote them computed.

    Raises:
        ModelError: if the file is missing or damaged, reaches outside itself, or doesn't hold
            just the arrays that the network needs, in their shapes and finite.
    """
    import h5py

    path = Path(path)
    if not path.exists():
        raise ModelError(f"{path} is missing.")
    if not path.is_file():
        raise ModelError(f"{path}: expected an HDF5 file. Received something else than a file.")
    size = path.stat().st_size
    least = 2 * saved.network.count_params()
    if size < least:
        raise ModelError(
            f"{path}: expected at least {least:,} bytes for the weights of this network. "
            f"Received: {size:,}"
        )
    try:
        with h5py.File(path, "r") as file:
            weights = _Reader(path, file, size, saved).weights()
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, ModelError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: expected a whole HDF5 file. Received: {reason}") from error
    for weight, array in zip(saved.network.weights(), weights, strict=True):
        layer = saved.network.layers[weight.layer]
        if saved.has_old_hard_sigmoid:
            _make_up_for_old_hard_sigmoid(layer, array)
        if not np.isfinite(array).all():
            raise ModelError(
                f"{path}: expected finite numbers. Received others in {_title(saved, weight)}"
            )
    return weights


def _title(saved: SavedNetwork, weight: WeightSpec) -> str:
    direction = f"{weight.direction} " if weight.direction else ""
    return f"the {direction}{weight.name} of {saved.layer_names[weight.layer]}"


def _make_up_for_old_hard_sigmoid(layer: LayerSpec, array: np.ndarray) -> None:
    """Multiplies by 1.2, in place, what goes into an old hard_sigmoid.

    ``clip(0.2 x + 0.5, 0, 1)`` is ``clip(1.2 x / 6 + 0.5, 0, 1)``, and x is a sum of products each
    with one factor from the columns of a gate, or from its bias. That holds for both kinds of GRU:
    in the one that resets after, all of the candidate's sum but r comes from its columns too.
    """
    cell = layer.cell
    gates = GATES.get(cell.class_name, "h")
    hard = {
        gate: cell["activation" if gate in "ch" else "recurrent_activation"] == "hard_sigmoid"
        for gate in gates
    }
    if any(hard.values()):
        factors = np.array([1.2 if hard[gate] else 1.0 for gate in gates])
        columns = np.repeat(factors, array.shape[-1] // len(gates))
        # What is not finite after this is refused, whatever it was before.
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(array, columns, out=array, casting="same_kind")


@dataclass(frozen=True)
class _Piece:
    """A dataset of the file: a weight, or the columns of it that belong to one gate."""

    name: str
    dataset: Any


class _Reader:
    """Reads one open file, following hard links alone."""

    def __init__(self, path: Path, file: Any, size: int, saved: SavedNetwork) -> None:
        self.path = path
        self.file = file
        # Each byte of a file belongs to one array at most, so that the arrays are no larger
        # together than the file. Without this a few bytes could be read a thousand times over.
        self.bytes_left = size
        self.saved = saved

    def weights(self) -> list[np.ndarray]:
        # Whether an attribute is there can be asked without reading it.
        if "layer_names" in self.file.attrs or "layer_names0" in self.file.attrs:
            find = self._older_layers(self.file)
        elif self._has(self.file, "model_weights"):
            find = self._older_layers(self._group(self.file, "model_weights"))
        else:
            find = self._keras_3_layers()
        return [self._assemble(weight, pieces) for weight, pieces in find]

    def _layers(self) -> Iterator[tuple[int, list[WeightSpec]]]:
        """The layers that have weights, by their index in the network."""
        for index, weights in groupby(self.saved.network.weights(), lambda weight: weight.layer):
            yield index, list(weights)

    # --- layouts: each finds the pieces of each weight ---

    def _keras_3_layers(self) -> Iterator[tuple[WeightSpec, list[_Piece]]]:
        layers = self._group(self.file, "layers")
        count: Counter[str] = Counter()
        for index, weights in self._layers():
            layer = self.saved.network.layers[index]
            name = _FOLDER_NAMES[layer.class_name]
            number = count[name]
            count[name] += 1
            folder = self._group(layers, f"{name}_{number}" if number else name)
            for direction, directed in groupby(weights, lambda weight: weight.direction):
                place = folder
                if direction:
                    place = self._group(place, f"{direction}_layer")
                if layer.cell.is_recurrent:
                    place = self._group(place, "cell")
                place = self._group(place, "vars")
                expected = list(directed)
                if len(place) != len(expected):
                    raise ModelError(
                        f"{self.path}, {shown(place.name, 200)}: expected {len(expected)} arrays "
                        f"({', '.join(weight.name for weight in expected)}). "
                        f"Received: {len(place)}"
                    )
                for position, weight in enumerate(expected):
                    yield weight, [self._piece(place, str(position))]

    def _older_layers(self, root: Any) -> Iterator[tuple[WeightSpec, list[_Piece]]]:
        layers = list(self._layers())
        names = self._names_in_file(root, [self.saved.layer_names[index] for index, _ in layers])
        for (index, weights), name in zip(layers, names, strict=True):
            layer = self.saved.network.layers[index]
            found = self._named_pieces(self._group(root, name), layer, weights)
            for weight in weights:
                key = (weight.direction, weight.name)
                gates = GATES.get(layer.cell.class_name, "")
                if (*key, "") in found:
                    wanted = [""]
                elif any((*key, gate) in found for gate in gates):
                    wanted = list(gates)
                else:
                    raise ModelError(
                        f"{self.path}: expected {_title(self.saved, weight)}, of shape "
                        f"{weight.shape}. It is missing."
                    )
                missing = [gate for gate in wanted if (*key, gate) not in found]
                if missing:
                    raise ModelError(
                        f"{self.path}: expected the gates {', '.join(gates)} of "
                        f"{_title(self.saved, weight)}. Missing: {', '.join(missing)}"
                    )
                yield weight, [found.pop((*key, gate)) for gate in wanted]
            if found:
                surplus = next(iter(found.values()))
                raise ModelError(
                    f"{self.path}, {shown(surplus.name, 200)}: expected no such array, as the "
                    "network has none."
                )

    def _names_in_file(self, root: Any, names: list[str]) -> list[str]:
        """The groups of the layers with weights: their names, or the n-th for the n-th."""
        absent = [name for name in names if not self._has(root, name)]
        if not absent:
            return names
        # Keras itself goes by the order alone, so that the JSON of one training goes with the
        # weights of another.
        listed = self._listed_names(root)
        if listed is not None:
            filled = [name for name in listed if self._datasets(self._group(root, name))]
            if len(filled) == len(names):
                return filled
        raise ModelError(
            f"{self.path}: expected the weights of the layers {', '.join(names)}. "
            f"Missing: {absent[0]}"
        )

    def _listed_names(self, root: Any) -> list[str] | None:
        """The attribute that lists the layers, where its strings have a fixed length."""
        if "layer_names" not in root.attrs:
            return None
        attribute = root.attrs.get_id("layer_names")
        kind, shape = attribute.dtype, attribute.shape
        if kind.kind != "S" or len(shape) != 1:
            return None
        if shape[0] > 3 * MOST_LAYERS or kind.itemsize > _LONGEST_NAME:
            raise ModelError(
                f"{self.path}, layer_names: expected at most {3 * MOST_LAYERS} names of at most "
                f"{_LONGEST_NAME} bytes. Received: {shape[0]:,} of {kind.itemsize:,}"
            )
        return [bytes(name).decode("utf-8") for name in root.attrs["layer_names"]]

    def _named_pieces(
        self, folder: Any, layer: LayerSpec, weights: list[WeightSpec]
    ) -> dict[tuple[str, str, str], _Piece]:
        """The arrays of a layer by direction, name and gate, as their names in the file say."""
        found: dict[tuple[str, str, str], _Piece] = {}
        for piece in self._datasets(folder):
            parts = piece.name.removeprefix(folder.name).split("/")
            if match := _KERAS_2_ARRAY.fullmatch(parts[-1]):
                name, gate = match[1], ""
            elif match := _KERAS_1_ARRAY.fullmatch(parts[-1]):
                name, gate = _KERAS_1_NAMES[match[1]], match[2] or ""
            else:
                raise ModelError(
                    f"{self.path}, {shown(piece.name, 200)}: expected arrays called "
                    f"{', '.join(weight.name for weight in weights)}."
                )
            direction = ""
            if layer.class_name == "Bidirectional":
                words = [part.split("_")[0] for part in reversed(parts)]
                direction = next((word for word in words if word in ("forward", "backward")), "")
            key = (direction, name, gate)
            if key in found:
                raise ModelError(
                    f"{self.path}, {shown(piece.name, 200)}: expected one {name} for the layer. "
                    f"Received a second one beside {shown(found[key].name, 200)}"
                )
            found[key] = piece
        return found

    # --- HDF5 ---

    def _has(self, group: Any, name: str) -> bool:
        """Whether a group has a member, or a link, of this name; no link is followed."""
        parts = name.encode("utf-8", "surrogateescape").split(b"/")
        # HDF5 takes an empty part, and a dot, as the group itself.
        return parts[0] not in (b"", b".") and group.id.links.exists(parts[0])

    def _child(self, group: Any, name: str) -> Any:
        """A member of a group that lies in the very same file."""
        import h5py

        where = f"{self.path}, {shown(group.name.rstrip('/') + '/' + name, 200)}"
        if "/" in name or not self._has(group, name):
            raise ModelError(f"{where}: expected weights there. They are missing.")
        kind = group.id.links.get_info(name.encode("utf-8", "surrogateescape")).type
        if kind != h5py.h5l.TYPE_HARD:
            raise ModelError(f"{where}: expected weights in the file itself. Received a link.")
        return group[name]

    def _group(self, group: Any, name: str) -> Any:
        import h5py

        for part in name.split("/"):
            group = self._child(group, part)
            if not isinstance(group, h5py.Group):
                raise ModelError(
                    f"{self.path}, {shown(name, 200)}: expected a group. Received something else."
                )
        return group

    def _piece(self, group: Any, name: str) -> _Piece:
        return _Piece(f"{group.name}/{name}", self._child(group, name))

    def _datasets(self, folder: Any) -> list[_Piece]:
        """Everything below a group that is no group itself."""
        import h5py

        found: list[_Piece] = []
        groups, members = [folder], 0
        while groups:
            group = groups.pop()
            # Counted before they are listed, and over all groups, as these may form circles.
            members += len(group)
            if members > _MOST_MEMBERS:
                raise ModelError(
                    f"{self.path}, {shown(folder.name, 200)}: expected at most {_MOST_MEMBERS} "
                    "arrays and groups for a layer. Received more."
                )
            for name in group:
                piece = self._piece(group, name)
                if isinstance(piece.dataset, h5py.Group):
                    groups.append(piece.dataset)
                else:
                    found.append(piece)
        return found

    def _assemble(self, weight: WeightSpec, pieces: list[_Piece]) -> np.ndarray:
        *rows, columns = weight.shape
        shape = (*rows, columns // len(pieces))
        arrays = [self._array(piece, shape) for piece in pieces]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1)

    def _array(self, piece: _Piece, shape: tuple[int, ...]) -> np.ndarray:
        """Reads a dataset once all that the file says of it is as expected."""
        import h5py

        where, dataset = f"{self.path}, {shown(piece.name, 200)}", piece.dataset
        if not isinstance(dataset, h5py.Dataset):
            raise ModelError(f"{where}: expected an array. Received something else.")
        if dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (2, 4, 8):
            raise ModelError(
                f"{where}: expected numbers of 16, 32 or 64 bits. Received: {dataset.dtype}"
            )
        if dataset.shape != shape:
            raise ModelError(f"{where}: expected shape {shape}. Received: {dataset.shape}")
        if dataset.external or dataset.is_virtual:
            raise ModelError(f"{where}: expected numbers in the file itself. Received a reference.")
        layout = dataset.id.get_create_plist()
        # What a filter unpacks to is only known afterwards. Keras compresses nothing.
        if layout.get_nfilters() or (dataset.chunks and prod(dataset.chunks) > prod(shape)):
            raise ModelError(f"{where}: expected uncompressed numbers. Received compressed ones.")
        size = prod(shape) * dataset.id.get_type().get_size()
        self.bytes_left -= size
        if dataset.id.get_storage_size() < size or self.bytes_left < 0:
            raise ModelError(f"{where}: expected {size:,} bytes of its own. Received fewer.")
        array = np.empty(shape, dtype=np.float32)
        dataset.read_direct(array)
        return array
