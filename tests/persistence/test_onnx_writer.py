"""ONNX Runtime computes what the NumPy engine does, which is held to Keras elsewhere."""

import dataclasses
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from sentiment_rnn._shipped import shipped
from sentiment_rnn.architectures import (
    ArchitectureConfig,
    LayerSpec,
    NetworkSpec,
    sentiment_network,
)
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.persistence import SavedModel, load_model
from sentiment_rnn.persistence.onnx_writer import make_graph, write_onnx
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors
from sentiment_rnn.preprocessing.padding import pad_sequences
from tests.conftest import ROOT

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

RANDOM = np.random.default_rng(0)
VECTORS = WordVectors([f"w{n}" for n in range(20)], RANDOM.normal(size=(20, 6)))
NETWORKS = [
    *(
        {"cell": cell, "head": head, **direction}
        for cell, head, direction in itertools.product(
            ("simple", "lstm", "gru"),
            ("flatten", "last", "mean", "max", "mean_max"),
            ({}, {"go_backwards": True}, {"bidirectional": True}),
        )
    ),
    *(
        {"cell": cell, "head": head, "masking": True, "layers": layers, **direction}
        for cell, (head, layers, direction) in itertools.product(
            ("simple", "lstm", "gru"),
            (
                ("last", 1, {}),
                ("last", 1, {"go_backwards": True}),
                ("mean", 2, {}),
                ("max", 1, {"bidirectional": True}),
                ("mean_max", 2, {"bidirectional": True}),
            ),
        )
    ),
    {"stateful": True, "window": 4, "head": "last", "masking": True},
]


def saved(network, maxlen=9, vectors=VECTORS, classes=(0, 1)):
    random = np.random.default_rng(1)
    weights = [
        (random.normal(size=weight.shape) / np.sqrt(weight.shape[0])).astype(np.float32)
        for weight in network.weights()
    ]
    config = PreprocessingConfig(maxlen=maxlen)
    return SavedModel(network, weights, vectors, config, classes=classes)


def made(options):
    maxlen = 0 if "stateful" in options else 9
    network = sentiment_network(
        ArchitectureConfig(units=5, **options), maxlen=maxlen, vector_size=6
    )
    return saved(network, maxlen)


def computed(graph, texts, length):
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    ids = np.zeros((len(texts), length), np.int64)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    return session.run(["probability"], {"ids": ids})[0]


TEXTS = [RANDOM.integers(1, 21, length).astype(np.int32) for length in (0, 1, 9, 4, 7, 9, 2)]


def compared(model, atol=1e-5):
    preprocessor = Preprocessor(model.preprocessing, model.word_vectors)
    expected = Predictor(model.network, model.weights, preprocessor).predict(TEXTS)
    graph = make_graph(model)
    assert unused(graph) == []
    found = computed(graph, TEXTS, 9)
    assert np.ptp(expected) > 0.005
    np.testing.assert_allclose(found, expected, atol=atol)


def unused(graph):
    """What no node reads, of which ONNX Runtime complains."""
    made = [name for node in graph.graph.node if len(node.output) == 1 for name in node.output]
    made += [constant.name for constant in graph.graph.initializer]
    read = {name for node in graph.graph.node for name in node.input}
    return sorted(set(made) - read - {output.name for output in graph.graph.output})


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_onnx_runtime_computes_the_same(options):
    compared(made(options))


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("every", [False, True])
def test_what_keras_can_make_beside_the_presets(mode, every):
    inner = {"units": 4, "return_sequences": every, "use_bias": False, "reset_after": False}
    both = {"layer": LayerSpec("GRU", inner), "merge_mode": mode}
    layers = (
        LayerSpec("Dense", {"units": 5, "activation": "hard_sigmoid", "use_bias": False}),
        LayerSpec("Bidirectional", both),
        *([LayerSpec("Dense", {"units": 3, "activation": "relu"})] if every else []),
        *([LayerSpec("GlobalMaxPooling1D")] if every else []),
        LayerSpec("Dense", {"units": 2, "activation": "softmax"}),
    )
    compared(saved(NetworkSpec((None, 9, 6), layers)))


def test_a_text_may_be_padded_or_not():
    model = made({"cell": "lstm", "head": "mean_max", "masking": True})
    graph = make_graph(model)
    alone = computed(graph, TEXTS[3:4], 4)
    np.testing.assert_allclose(alone, computed(graph, TEXTS[3:4], 30), atol=1e-6)


def test_a_folder_predicts_with_what_is_in_it(tmp_path):
    model = load_model(ROOT / "models" / "textbook")
    write_onnx(model, tmp_path / "onnx")
    assert sorted(path.name for path in (tmp_path / "onnx").iterdir()) == [
        "model.onnx",
        "preprocessing.json",
    ]
    # In a process that knows nothing of this package but what the folder says.
    code = """
import json, sys, numpy, onnxruntime
said = json.load(open("onnx/preprocessing.json"))
ids = {word: number for number, word in enumerate(said["words"], said["id_of_first_word"])}
found = [ids[token] for token in sys.argv[1].split() if token in ids][: said["maxlen"]]
padded = numpy.zeros((1, said["length"]), numpy.int64)
padded[0, : len(found)] = found
session = onnxruntime.InferenceSession("onnx/model.onnx", providers=["CPUExecutionProvider"])
print(json.dumps(session.run(None, {"ids": padded})[0].tolist()))
"""
    text = "A wonderful film , but far too long ."
    done = subprocess.run(
        [sys.executable, "-c", code, text], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    preprocessor = Preprocessor(model.preprocessing, model.word_vectors)
    encoded = preprocessor.encode_tokens([text.split()])
    expected = Predictor(model.network, model.weights, preprocessor).predict(encoded)
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "length", "read"),
    [
        ({"head": "flatten"}, 9, "ids: int64 (batch, 9), 0 at the end of short texts"),
        ({"head": "last"}, 9, "ids: int64 (batch, 9), 0 at the end of short texts"),
        ({"head": "last", "masking": True}, None, "ids: int64 (batch, time), 0 at the end of "),
        (NETWORKS[-1], None, "ids: int64 (batch, time), 0 at the end of short texts"),
    ],
)
def test_the_description_says_how_many_ids_there_must_be(tmp_path, options, length, read):
    model = made(options)
    write_onnx(model, tmp_path / "onnx")
    said = json.loads((tmp_path / "onnx" / "preprocessing.json").read_text())
    assert (said["length"], said["input"][: len(read)]) == (length, read)
    assert said["output"] == "probability: float32 (batch, 1), of the last class"
    graph = make_graph(model)
    if length is None:
        assert computed(graph, TEXTS[3:4], 4).shape == computed(graph, TEXTS[3:4], 30).shape
    else:
        with pytest.raises(Exception, match="Got: 4 Expected: 9"):
            computed(graph, TEXTS[3:4], 4)


@pytest.mark.parametrize(
    ("options", "padding", "side"),
    [({"head": "last"}, "pre", "beginning"), ({"head": "last", "masking": True}, "post", "end")],
)
def test_texts_that_are_padded_at_their_beginning(tmp_path, options, padding, side):
    model = made(options)
    before = PreprocessingConfig(maxlen=9, padding="pre")
    model = dataclasses.replace(model, preprocessing=before)
    write_onnx(model, tmp_path / "onnx")
    said = json.loads((tmp_path / "onnx" / "preprocessing.json").read_text())
    assert (said["padding"], said["input"].split(", ")[-1]) == (
        padding,
        f"0 at the {side} of short texts",
    )
    ids = pad_sequences(TEXTS, 9, padding=padding).astype(np.int64)
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx")
    preprocessor = Preprocessor(before, model.word_vectors)
    expected = Predictor(model.network, model.weights, preprocessor).predict(TEXTS)
    np.testing.assert_allclose(session.run(None, {"ids": ids})[0], expected, atol=1e-5)


def test_of_more_classes_each_has_its_probability(tmp_path, capfd):
    options = ArchitectureConfig(units=5, head="max", masking=True, bidirectional=True)
    network = sentiment_network(options, maxlen=9, vector_size=6, classes=3)
    model = saved(network, classes=("bad", "fair", "good"))
    compared(model)
    write_onnx(model, tmp_path / "onnx")
    said = json.loads((tmp_path / "onnx" / "preprocessing.json").read_text())
    assert said["classes"] == ["bad", "fair", "good"]
    assert said["output"] == "probability: float32 (batch, 3), of each class, in their order"
    # ONNX Runtime writes its warnings to standard error.
    assert capfd.readouterr().err == ""


def test_what_onnx_can_not_compute():
    backwards = {"units": 5, "return_sequences": True, "go_backwards": True}
    end = (LayerSpec("GlobalAveragePooling1D"), LayerSpec("Dense", {"units": 1}))
    masked = (LayerSpec("Masking"), LayerSpec("SimpleRNN", backwards), *end)
    with pytest.raises(UsageError, match="ONNX skips what is behind the end of a text"):
        make_graph(saved(NetworkSpec((None, 9, 6), masked)))
    rows = np.where(np.arange(20)[:, None] == 3, 0.0, np.ones((20, 6)))
    network = made({"head": "last", "masking": True}).network
    model = saved(network, vectors=WordVectors(VECTORS.words, rows))
    with pytest.raises(UsageError, match="no word whose vector is zeros"):
        make_graph(model)
    linear = LayerSpec("SimpleRNN", {"units": 5, "activation": "linear"})
    with pytest.raises(UsageError, match="Received: SimpleRNN with linear"):
        make_graph(saved(NetworkSpec((None, 9, 6), (linear, LayerSpec("Dense", {"units": 1})))))


def test_a_graph_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    model = made({})
    other = make_graph(
        saved(model.network, vectors=WordVectors(VECTORS.words, VECTORS.matrix() + 1))
    )
    monkeypatch.setattr("sentiment_rnn.persistence.onnx_writer.make_graph", lambda model: other)
    with pytest.raises(ModelError, match="away from this package's. Expected at most 0.0001"):
        write_onnx(model, tmp_path / "onnx")
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_a_graph_is_written_over(tmp_path):
    model = load_model(shipped("models") / "textbook")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds something else than an ONNX graph"):
        write_onnx(model, folder)
    assert (folder / "thesis.txt").read_text() == "precious"
    for _ in range(2):
        write_onnx(model, tmp_path / "graph")
