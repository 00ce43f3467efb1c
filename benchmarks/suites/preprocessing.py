"""Text → input: tokens, the arrays that a network takes, and word vectors from a file."""

from __future__ import annotations

import functools
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.measuring import Call, Comparison, Side
from benchmarks.networks import FEATURES, MAXLEN
from benchmarks.settings import Settings
from sentiment_rnn.preprocessing import TreebankTokenizer, WordVectors
from sentiment_rnn.preprocessing.tokenized import Corpus


def comparisons(settings: Settings) -> list[Comparison]:
    return [_tokens(settings), _inputs(settings), *_vector_files(settings)]


def _tokens(settings: Settings) -> Comparison:
    count = settings.size(25_000, 180)

    @functools.cache
    def texts() -> list[str]:
        return settings.reviews("train", count).texts

    def here(cold: bool) -> Call:
        ours = TreebankTokenizer(keep_break_tags=True)

        def tokenize() -> dict[str, float]:
            if cold:
                networks.forget_tokens()
            return {"tokens": sum(len(ours.tokenize(text)) for text in texts())}

        return tokenize

    def with_nltk() -> Call:
        from nltk.tokenize import TreebankWordTokenizer

        theirs = TreebankWordTokenizer()
        return lambda: {"tokens": sum(len(theirs.tokenize(text)) for text in texts())}

    def on_all_processors() -> Call:
        ours = TreebankTokenizer(keep_break_tags=True)

        def tokenize() -> dict[str, float]:
            networks.forget_tokens()
            return {"tokens": len(Corpus(texts(), ours).tokenized.numbers)}

        return tokenize

    def same_count(outputs: Mapping[str, Any]) -> None:
        counts = {name: output["tokens"] for name, output in outputs.items()}
        assert len(set(counts.values())) <= 1, f"Expected as many tokens each. Received: {counts}"

    return Comparison(
        "tokenizing",
        f"the Treebank tokens of {count:,} reviews; cold is a tokenizer that has seen no text",
        [
            Side("this package, cold", lambda: here(cold=True)),
            Side("this package, warm", lambda: here(cold=False)),
            Side("this package, cold, all processors", on_all_processors),
            Side("nltk, TreebankWordTokenizer", with_nltk, ("nltk",)),
        ],
        amount=count,
        unit="reviews",
        check=same_count,
    )


def _inputs(settings: Settings) -> Comparison:
    count = settings.size(1000, 180)

    @functools.cache
    def texts() -> list[str]:
        return settings.reviews("train", count).texts

    def here() -> Call:
        encoder = networks.preprocessor()

        def encode() -> dict[str, float]:
            return {"array, MB": encoder.pad(encoder.encode(texts())).nbytes / 1e6}

        return encode

    def textbook_way() -> Call:
        from benchmarks import textbook

        vectors = textbook.keyed_vectors(networks.preprocessor().word_vectors)
        return lambda: {"array, MB": textbook.arrays(texts(), vectors, MAXLEN).nbytes / 1e6}

    return Comparison(
        "inputs of the network",
        f"the array that a network of {MAXLEN} steps takes, from {count:,} reviews",
        [
            Side("this package, ids", here),
            Side("the textbook's way, floats", textbook_way, ("nltk", "gensim")),
        ],
        amount=count,
        unit="reviews",
    )


def _vector_files(settings: Settings) -> list[Comparison]:
    """A word2vec file as large as GoogleNews's, filled with noise around the words that we need."""
    words = settings.size(3_000_000, 20_000)
    path = Path(settings.folder) / "vectors.bin"
    size = words * (FEATURES * 4 + 12)
    free = shutil.disk_usage(settings.folder).free + (path.stat().st_size if path.exists() else 0)
    cannot_forget = "" if hasattr(os, "posix_fadvise") else "needs a system that forgets a file"
    no_room = "" if free > 2 * size else f"needs {2 * size / 1e9:.1f} GB of disk"

    def file() -> Path:
        if not path.exists():
            write_word2vec(path, words)
        return path

    def wanted() -> set[str]:
        return set(networks.preprocessor().word_vectors.words)

    def here(keep: bool, *, from_disk: bool = False) -> Call:
        kept, source = wanted() if keep else None, file()
        if from_disk:
            forget(source)
        return lambda: {"words": len(WordVectors.from_word2vec(source, keep=kept))}

    def read_only(*, from_disk: bool = False) -> Call:
        source = file()
        if from_disk:
            forget(source)

        def read() -> dict[str, int]:
            buffer, size = bytearray(1 << 20), 0
            with source.open("rb", buffering=0) as opened:
                while count := opened.readinto(buffer):
                    size += count
            return {"bytes": size}

        return read

    def with_gensim() -> Call:
        from gensim.models import KeyedVectors

        source = str(file())
        return lambda: {"words": len(KeyedVectors.load_word2vec_format(source, binary=True))}

    return [
        Comparison(
            "loading word vectors",
            f"a word2vec file of {words:,} words of {FEATURES} numbers, {size / 1e9:.2f} GB, that "
            "has been read before; each time in a new process",
            [
                Side(
                    "this package, words of a corpus",
                    lambda: here(keep=True),
                    skip=no_room,
                    process="fresh",
                ),
                Side("reading the file, nothing else", read_only, skip=no_room, process="fresh"),
                Side(
                    "this package, all words",
                    lambda: here(keep=False),
                    skip=no_room,
                    process="fresh",
                ),
                Side(
                    "gensim, load_word2vec_format",
                    with_gensim,
                    ("gensim",),
                    skip=no_room,
                    process="fresh",
                ),
            ],
            amount=words,
            unit="words",
            rounds=3,
        ),
        Comparison(
            "loading word vectors from disk",
            f"the same file of {size / 1e9:.2f} GB, of which nothing is in the system's memory",
            [
                Side(
                    "this package, words of a corpus",
                    lambda: here(keep=True, from_disk=True),
                    skip=no_room or cannot_forget,
                    process="fresh",
                ),
                Side(
                    "reading the file, nothing else",
                    lambda: read_only(from_disk=True),
                    skip=no_room or cannot_forget,
                    process="fresh",
                ),
            ],
            amount=words,
            unit="words",
            rounds=3,
        ),
    ]


def forget(path: Path) -> None:
    """Lets the system forget what it keeps of a file in memory."""
    with path.open("rb") as file:
        # What isn't written to the disk yet can't be forgotten.
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_word2vec(path: Path, count: int) -> None:
    """Writes a file in word2vec's binary format: our words, spread over others, with noise.

    Args:
        path: the file.
        count: how many words.
    """
    own = networks.preprocessor().word_vectors.words[:count]
    step = math.ceil(count / max(1, len(own)))
    noise = np.random.default_rng(0).standard_normal((997, FEATURES), dtype=np.float32)
    rows = [row.tobytes() for row in noise]
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb", buffering=1 << 22) as file:
        file.write(b"%d %d\n" % (count, FEATURES))
        for number in range(count):
            place, rest = divmod(number, step)
            is_ours = rest == 0 and place < len(own)
            word = own[place] if is_ours else f"word_{number}"
            file.write(word.encode() + b" " + rows[number % len(rows)] + b"\n")
    unfinished.replace(path)
