"""A model as ONNX, for runtimes in other languages: ids in, probabilities out.

The graph holds word vectors and network. What is left for whoever runs it is to cut a text into
tokens, look them up and pad with 0; a file beside the graph says how. It needs the packages onnx
and onnxruntime: ``pip install "sentiment_rnn[onnx]"``.

Source: the operators' definitions, https://onnx.ai/onnx/operators.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment_rnn._files import atomic_folder
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.persistence.model_folder import SavedModel
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.preprocessing.preprocessor import Preprocessor

if TYPE_CHECKING:
    import onnx

Array = np.ndarray

GRAPH, DESCRIPTION = "model.onnx", "preprocessing.json"
# What all operators used here are in, and what runtimes since 2023 know.
_OPSET, _IR = 18, 9
_CELLS = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
# Where each gate of Keras's comes in ONNX's order.
_GATES = {"SimpleRNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2)}
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
# Texts that the graph is checked with, and how far it may be from what NumPy computes.
_CHECKED, TOLERANCE = 16, 1e-4


def write_onnx(model: SavedModel, folder: Path) -> None:
    """Writes a model as an ONNX graph, after checking that ONNX Runtime computes the same.

    Args:
        model: the model.
        folder: gets ``model.onnx`` and ``preprocessing.json``; it must not be there yet.

    Raises:
        UsageError: for a network that ONNX's operators can't compute.
        ModelError: if ONNX Runtime computes something else.
        ResourceError: if the folder can't be written.
    """
    if folder.exists() and not _is_graph_folder(folder):
        raise UsageError(
            f"{folder} is there and holds something else than an ONNX graph: it is not overwritten."
        )
    graph = make_graph(model)
    _check(graph, model)
    length, padding = _length_of(model.network), _padding_of(model)
    side = "end" if padding == "post" else "beginning"
    outputs = model.network.output_shape[-1]
    of_what = "the last class" if outputs == 1 else "each class, in their order"
    description = {
        "classes": list(model.classes),
        "input": f"ids: int64 (batch, {length or 'time'}), 0 at the {side} of short texts",
        "length": length,
        "output": f"probability: float32 (batch, {outputs}), of {of_what}",
        **dataclasses.asdict(model.preprocessing),
        "padding": padding,
        "words": list(model.word_vectors.words),
        "id_of_first_word": 1,
    }
    with atomic_folder(folder) as temporary:
        (temporary / GRAPH).write_bytes(graph.SerializeToString())
        (temporary / DESCRIPTION).write_text(
            json.dumps(description, ensure_ascii=True), encoding="utf-8"
        )


def _is_graph_folder(folder: Path) -> bool:
    return folder.is_dir() and {file.name for file in folder.iterdir()} == {GRAPH, DESCRIPTION}


def make_graph(model: SavedModel) -> onnx.ModelProto:
    """The ONNX graph of a model; otherwise as `write_onnx`."""
    network = model.network
    preprocessor = Preprocessor(model.preprocessing, model.word_vectors)
    builder = _Builder(network, model.weights, preprocessor.embedding_matrix())
    return builder.build()


def _length_of(network: NetworkSpec) -> int | None:
    """How many ids the graph takes of each text, padding among them; None if any number."""
    skips_padding = network.layers[0].class_name == "Masking"
    return None if skips_padding or network.is_stateful else network.batch_shape[1]


def _padding_of(model: SavedModel) -> str:
    """The side on which short texts are padded: a graph that skips padding looks for it behind."""
    return "post" if _length_of(model.network) is None else model.preprocessing.padding


def _check(graph: onnx.ModelProto, model: SavedModel) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    preprocessor = Preprocessor(model.preprocessing, model.word_vectors)
    random = np.random.default_rng(0)
    words = len(model.word_vectors)
    longest = model.preprocessing.maxlen or 200
    texts = [
        random.integers(1, words + 1, length).astype(np.int32)
        for length in [0, 1, longest, *random.integers(1, longest + 1, _CHECKED - 3)]
    ]
    expected = Predictor(model.network, model.weights, preprocessor).predict(texts)
    length = _length_of(model.network) or 0
    ids = pad_sequences(texts, length, padding=_padding_of(model)).astype(np.int64)
    (found,) = session.run(None, {"ids": ids})
    furthest = float(np.abs(found - expected).max())
    # A comparison that not a number passes, too.
    if not furthest <= TOLERANCE:
        raise ModelError(
            f"ONNX Runtime computes probabilities that are {furthest:.2g} away from this "
            f"package's. Expected at most {TOLERANCE:g}. Nothing was written."
        )


class _Builder:
    """A graph that grows node by node; time comes first in it, as ONNX's layers want it."""

    def __init__(self, network: NetworkSpec, weights: Sequence[Array], vectors: Array) -> None:
        self._network, self._vectors = network, vectors
        self._numbers = count()
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._weights: dict[tuple[int, str], dict[str, Array]] = {}
        for spec, array in zip(network.weights(), weights, strict=True):
            self._weights.setdefault((spec.layer, spec.direction), {})[spec.name] = array
        first = network.layers[0]
        self._is_masked = first.class_name == "Masking"
        if self._is_masked and (
            not network.skips_masked_ends
            or first["mask_value"] != 0
            or not vectors[1:].any(axis=1).all()
        ):
            raise UsageError(
                "ONNX skips what is behind the end of a text, and nothing else. Expected a mask of "
                "padding alone, no word whose vector is zeros, and layers behind that all know it."
            )

    def build(self) -> onnx.ModelProto:
        from onnx import TensorProto, checker, helper

        length = _length_of(self._network)
        by_time = self._node("Transpose", "ids", perm=[1, 0])
        self._read = self._length = ""
        if self._is_masked:
            self._read = self._node("Greater", by_time, self._constant(np.int64(0)))
            counted = self._node("Cast", self._read, to=TensorProto.INT32)
            axes = self._constant(np.array([0]))
            self._length = self._node("ReduceSum", counted, axes, keepdims=0)
        x = self._node("Gather", self._constant(self._vectors), by_time, axis=0)
        has_time = True
        for index, layer in enumerate(self._network.layers):
            name = layer.class_name
            if layer.cell.is_recurrent:
                x = self._recurrent(index, layer, x)
                has_time = bool(layer.cell["return_sequences"])
            elif name == "Dense":
                x = self._dense(index, layer, x)
            elif name == "Flatten" and has_time:
                x = self._node("Transpose", x, perm=[1, 0, 2])
                x = self._node("Reshape", x, self._constant(np.array([0, -1])))
                has_time = False
            elif name in ("GlobalAveragePooling1D", "GlobalMaxPooling1D", "MaskedPooling1D"):
                x = self._pool(layer, x)
                has_time = False
        self._node("Identity", x, output="probability")
        outputs = self._network.output_shape[-1]
        graph = helper.make_graph(
            self._nodes,
            "sentiment_rnn",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", length or "time"])],
            [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", outputs])],
            self._constants,
        )
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR,
            producer_name="sentiment_rnn",
        )
        checker.check_model(made)
        return made

    def _recurrent(self, index: int, layer: LayerSpec, x: str) -> str:
        cell = layer.cell
        operator = _CELLS.get(cell.class_name)
        names = [str(cell["activation"])]
        if "recurrent_activation" in cell.config:
            names.insert(0, str(cell["recurrent_activation"]))
        if operator is None or not set(names) <= set(_ACTIVATIONS):
            raise UsageError(
                f"Expected a SimpleRNN, LSTM or GRU with {', '.join(_ACTIVATIONS)}. Received: "
                f"{cell.class_name} with {', '.join(names)}"
            )
        both = layer.class_name == "Bidirectional"
        directions = ["forward", "backward"] if both else [""]
        arrays = [self._arrays(cell, self._weights[index, name]) for name in directions]
        # The LSTM's second activation is that of the candidate, its third that of the output.
        activations = [_ACTIVATIONS[name] for name in names] + (
            [_ACTIVATIONS[names[1]]] if operator == "LSTM" else []
        )
        backwards = bool(cell["go_backwards"])
        options: dict[str, Any] = {
            "hidden_size": cell.units,
            "activations": activations * len(directions),
            "direction": "bidirectional" if both else "reverse" if backwards else "forward",
        }
        if operator == "GRU":
            options["linear_before_reset"] = int(bool(cell["reset_after"]))
        every, last = self._name(), self._name()
        inputs = [x, *(self._constant(np.stack(one)) for one in zip(*arrays, strict=True))]
        self._add(operator, [*inputs, self._length], [every, last], **options)
        if cell["return_sequences"]:
            merged = self._merged(layer, every, directions, place=1)
            # Keras gives the outputs in the order in which they were read.
            return self._reversed(merged) if backwards else merged
        return self._merged(layer, last, directions, place=0)

    def _arrays(self, cell: LayerSpec, weights: dict[str, Array]) -> list[Array]:
        """W, R and B of one direction, as ONNX has them."""
        gates = len(_GATES[cell.class_name])

        def in_order(array: Array) -> Array:
            """``(..., gates * units)`` → ``(gates * units, ...)``."""
            parts = np.split(array, gates, axis=-1)
            return np.concatenate([parts[gate].T for gate in _GATES[cell.class_name]])

        columns = weights["recurrent_kernel"].shape[1]
        bias = weights.get("bias", np.zeros(columns, np.float32))
        of_input, of_state = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        return [
            in_order(weights["kernel"]),
            in_order(weights["recurrent_kernel"]),
            np.concatenate([in_order(of_input), in_order(of_state)]),
        ]

    def _merged(self, layer: LayerSpec, x: str, directions: Sequence[str], place: int) -> str:
        """What two directions, side by side on an axis of their own, are made to."""
        if len(directions) == 1:
            return self._node("Squeeze", x, self._constant(np.array([place])))
        mode = str(layer["merge_mode"])
        if mode == "concat":
            parts = [
                self._node("Gather", x, self._constant(np.int64(number)), axis=place)
                for number in range(2)
            ]
            return self._node("Concat", *parts, axis=-1)
        operator = {"sum": "ReduceSum", "mul": "ReduceProd", "ave": "ReduceMean"}[mode]
        return self._node(operator, x, self._constant(np.array([place])), keepdims=0)

    def _reversed(self, x: str) -> str:
        ends = (np.array([number]) for number in (-1, np.iinfo(np.int64).min, 0, -1))
        return self._node("Slice", x, *(self._constant(end) for end in ends))

    def _dense(self, index: int, layer: LayerSpec, x: str) -> str:
        weights = self._weights[index, ""]
        x = self._node("MatMul", x, self._constant(weights["kernel"]))
        if "bias" in weights:
            x = self._node("Add", x, self._constant(weights["bias"]))
        activation = str(layer["activation"])
        if activation == "linear":
            return x
        if activation == "softmax":
            return self._node("Softmax", x, axis=-1)
        if activation == "hard_sigmoid":
            return self._node("HardSigmoid", x, alpha=1 / 6, beta=0.5)
        return self._node(_ACTIVATIONS[activation], x)

    def _pool(self, layer: LayerSpec, x: str) -> str:
        """Mean or maximum over time, or both, of what was read."""
        from onnx import TensorProto

        modes = {"GlobalAveragePooling1D": "mean", "GlobalMaxPooling1D": "max"}
        mode = modes.get(layer.class_name) or str(layer["mode"])
        axis = self._constant(np.array([0]))
        found = []
        for one in mode.split("_"):
            operator = {"mean": "ReduceMean", "max": "ReduceMax"}[one]
            if not self._is_masked:
                found.append(self._node(operator, x, axis, keepdims=0))
            elif one == "mean":
                # Behind the end of a text all outputs are zeros.
                total = self._node("ReduceSum", x, axis, keepdims=0)
                steps = self._node("Cast", self._length, to=TensorProto.FLOAT)
                steps = self._node("Max", steps, self._constant(np.float32(1)))
                steps = self._node("Unsqueeze", steps, self._constant(np.array([1])))
                found.append(self._node("Div", total, steps))
            else:
                lowest = self._constant(np.float32(np.finfo(np.float32).min))
                mask = self._node("Unsqueeze", self._read, self._constant(np.array([2])))
                read = self._node("Where", mask, x, lowest)
                highest = self._node(operator, read, axis, keepdims=0)
                # Of a text of which nothing is read it is zero.
                some = self._node("Greater", highest, lowest)
                found.append(self._node("Where", some, highest, self._constant(np.float32(0))))
        return self._node("Concat", *found, axis=-1) if len(found) > 1 else found[0]

    def _constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = self._name()
        self._constants.append(numpy_helper.from_array(np.array(value), name))
        return name

    def _node(self, operator: str, *inputs: str, output: str = "", **options: Any) -> str:
        output = output or self._name()
        self._add(operator, inputs, [output], **options)
        return output

    def _add(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **options: Any
    ) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, list(inputs), list(outputs), **options))

    def _name(self) -> str:
        return f"t{next(self._numbers)}"
