"""Whole processes from their start: what a user waits for who classifies one text."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Call, Comparison, Run, Side
from benchmarks.settings import Settings
from benchmarks.worker import run_command
from sentiment_rnn._shipped import shipped

TEXT = "A moving, beautifully acted film."
_READ = """
import sys
import numpy as np
from nltk.tokenize import TreebankWordTokenizer
folder, text = sys.argv[1:]
with np.load(folder + "/word_vectors.npz") as file:
    words = file["words"].tobytes().decode().split("\\n")
    vectors = file["vectors"] * file["scales"][:, None]
index = {word: row for row, word in enumerate(words)}
rows = [index[token] for token in TreebankWordTokenizer().tokenize(text) if token in index][:400]
x = np.zeros((1, 400, 300), "float32")
x[0, : len(rows)] = vectors[rows]
"""
WITH_KERAS = f"""{_READ}
import keras
with open(folder + "/model.json") as file:
    model = keras.models.model_from_json(file.read())
model.load_weights(folder + "/model.weights.h5")
print(model.predict(x, verbose=0))
"""
WITH_TORCH = f"""{_READ}
import h5py, torch
arrays = []
with h5py.File(folder + "/model.weights.h5") as file:
    file.visititems(
        lambda name, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None
    )
by_shape = {{array.shape: torch.from_numpy(array) for array in arrays}}
rnn, dense = torch.nn.RNN(300, 50, batch_first=True), torch.nn.Linear(20_000, 1)
with torch.inference_mode():
    rnn.weight_ih_l0.copy_(by_shape[300, 50].T)
    rnn.weight_hh_l0.copy_(by_shape[50, 50].T)
    rnn.bias_ih_l0.copy_(by_shape[50,])
    rnn.bias_hh_l0.zero_()
    dense.weight.copy_(by_shape[20_000, 1].T)
    dense.bias.copy_(by_shape[1,])
    print(torch.sigmoid(dense(rnn(torch.from_numpy(x))[0].flatten(1))))
"""


def comparisons(settings: Settings) -> list[Comparison]:
    model = str(shipped("models") / "textbook")
    package = [sys.executable, "-m", "sentiment_rnn"]
    return [
        Comparison(
            "a cold start",
            "a new process that classifies one text with the model that comes with the package",
            [
                Side(
                    "this package, predict", _command(*package, "predict", "--model", model, TEXT)
                ),
                Side(
                    "Keras and nltk, the same files",
                    _command(sys.executable, "-c", WITH_KERAS, model, TEXT),
                    needs=("tensorflow", "nltk"),
                ),
                Side(
                    "torch and nltk, the same files",
                    _command(sys.executable, "-c", WITH_TORCH, model, TEXT),
                    needs=("torch", "nltk"),
                ),
            ],
            warm_up=not settings.quick,
        ),
        Comparison(
            "the command line",
            "a new process that prints its help",
            [
                Side("this package, --help", _command(*package, "--help")),
                Side("Python, nothing", _command(sys.executable, "-c", "pass")),
            ],
            warm_up=not settings.quick,
        ),
        _first_step(settings),
        _whole(settings),
    ]


def _first_step(settings: Settings) -> Comparison:
    """What was read and tokenized once is kept."""
    cache = Path(settings.folder) / "cache"
    command = [sys.executable, "-m", "benchmarks.first_step", settings.data, str(cache)]

    def first() -> Call:
        def run() -> Run:
            shutil.rmtree(cache, ignore_errors=True)
            return run_command(command)

        return run

    return Comparison(
        "the first step of training",
        "a new process that reads and tokenizes the train reviews and learns from a batch",
        [
            Side("a second start on the same data", _command(*command)),
            Side("a first start", first),
        ],
        warm_up=True,
    )


def _whole(settings: Settings) -> Comparison:
    """All that lies between an archive and a tested model, in one process."""
    ours, theirs = (Path(settings.folder) / name for name in ("model", "model.keras"))
    package = [sys.executable, "-m", "sentiment_rnn", "train", "--data", settings.data]
    package += ["--no-cache", "--overwrite", "--out", str(ours)]
    vectors = str(shipped("models") / "imdb_vectors" / "word_vectors.npz")
    plain = [sys.executable, "-m", "benchmarks.plain_keras", settings.data, vectors, str(theirs)]
    return Comparison(
        "from reviews to a tested model",
        "a new process that reads and tokenizes all labelled reviews, trains the textbook's "
        "network for two epochs, validates, saves it and classifies the test reviews",
        [
            Side("this package, NumPy engine", _command(*package, "--engine", "numpy")),
            Side(
                "this package, Keras engine",
                _command(*package, "--engine", "keras"),
                needs=("tensorflow",),
            ),
            Side(
                "plain Keras, dense batches, nltk",
                _command(*plain),
                needs=("tensorflow", "nltk", "gensim"),
            ),
        ],
        rounds=3,
        warm_up=False,
    )


def _command(*command: str) -> Callable[[], Call]:
    return lambda: functools.partial(run_command, list(command))
