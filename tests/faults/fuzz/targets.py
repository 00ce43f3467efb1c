"""What reads files of strangers, each as a function of bytes that ends well or raises its error.

`test_properties` feeds them with hypothesis, and ``python -m tests.faults.fuzz`` with atheris.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sentiment_rnn._trusted import parse_json
from sentiment_rnn.architectures.layers import MOST_PARAMETERS
from sentiment_rnn.datasets import load_imdb
from sentiment_rnn.datasets.plain_text import load_text
from sentiment_rnn.datasets.tables import load_table
from sentiment_rnn.errors import DataError, ModelError
from sentiment_rnn.persistence.keras_json import SavedNetwork, parse_network
from sentiment_rnn.persistence.keras_weights import read_weights
from sentiment_rnn.persistence.keras_writer import network_json, write_weights
from sentiment_rnn.preprocessing import WordVectors
from tests.faults.models import sentiment_model

Target = Callable[[bytes], None]
TARGETS: dict[str, tuple[Target, list[bytes]]] = {}


def target(*seeds: bytes) -> Callable[[Target], Target]:
    """Notes a target, and files that are as they should be, to be spoilt."""

    def note(function: Target) -> Target:
        TARGETS[function.__name__] = function, list(seeds)
        return function

    return note


def _in_file(data: bytes, name: str, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        with contextlib.suppress(DataError, ModelError):
            read(path)


_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
_MODEL = sentiment_model()


def _weights() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        write_weights(path, _MODEL.network, _MODEL.weights)
        return path.read_bytes()


def _vectors() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _MODEL.word_vectors.save(Path(folder, "vectors.npz"))
        return Path(folder, "vectors.npz").read_bytes()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for part in ("train/neg/0_2", "train/pos/0_9", "test/neg/0_2", "test/pos/0_9"):
            member = tarfile.TarInfo(f"aclImdb/{part}.txt")
            member.size = 7
            archive.addfile(member, io.BytesIO(b"A film."))
    return stream.getvalue()


@target(b'{"a": [1, 2.5, {"b": null}], "c": "\\u00e9"}', json.dumps({"x": [[[1]]]}).encode())
def json_reader(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        assert parse_json(data, "model.json", max_depth=8) == json.loads(data)


@target(json.dumps(network_json(_MODEL.network)).encode())
def network_reader(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        saved = parse_network(parse_json(data, "model.json"))
        assert saved.network.count_params() <= MOST_PARAMETERS


@target(_weights())
def weights_reader(data: bytes) -> None:
    saved = SavedNetwork(_MODEL.network, 3, ("simplernn_0", "flatten_1", "dense_2"))

    def read(path: Path) -> None:
        found = read_weights(path, saved)
        assert [array.shape for array in found] == [one.shape for one in _MODEL.network.weights()]
        assert all(np.isfinite(array).all() for array in found)

    _in_file(data, "model.weights.h5", read)


@target(_vectors())
def vectors_reader(data: bytes) -> None:
    def read(path: Path) -> None:
        found = WordVectors.load(path)
        assert len(found) == len(found.vectors)
        assert np.isfinite(found.matrix()).all()

    _in_file(data, "vectors.npz", read)


@target(b"2 3\ngood " + bytes(12) + b"\nbad " + bytes(12))
def word2vec_binary_reader(data: bytes) -> None:
    _in_file(data, "vectors.bin", lambda path: WordVectors.from_word2vec(path).matrix())


@target(b"2 3\ngood 1 2 3\nbad -1 0 .5\n", b"good 1 2 3\nbad -1 0 .5\n")
def word2vec_text_reader(data: bytes) -> None:
    _in_file(data, "vectors.txt", lambda path: WordVectors.from_word2vec(path).matrix())


@target(_tar())
def archive_reader(data: bytes) -> None:
    """Of the tar inside: what is wrong with the gzip around it, its checksum tells."""
    _in_file(gzip.compress(data, 1), "corpus.tar.gz", load_imdb)


@target(gzip.compress(b"to be or not to be"))
def gzip_reader(data: bytes) -> None:
    _in_file(data, "text.gz", load_text)


@target(b'text,label\n"a ""good"" film",1\nbad,0\n')
def csv_reader(data: bytes) -> None:
    _in_file(data, "table.csv", load_table)


@target(b'{"text": "good", "label": 1}\n{"text": "bad", "label": "neg"}\n')
def json_lines_reader(data: bytes) -> None:
    _in_file(data, "table.jsonl", load_table)
