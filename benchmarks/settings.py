"""What a run of the benchmarks measures on, and the reviews that it takes from there."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from sentiment_rnn.datasets import Reviews, load_data, load_text
from sentiment_rnn.datasets.download import SOURCES, cache_folder

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What all comparisons share; small enough to be told to another process.

    Args:
        data: reviews, as `load_data` takes them.
        folder: a folder for files that comparisons need, made by the run and deleted in the end.
        text: a text for character models; the reviews if empty.
        quick: whether everything is small.
        rounds: how often each side is measured.
        seeds: how many seeds the networks of the suite shortcuts are trained with.
    """

    data: str
    folder: str = ""
    text: str = ""
    quick: bool = False
    rounds: int = 5
    seeds: int = 3

    def size(self, full: T, quick: T) -> T:
        """One or the other."""
        return quick if self.quick else full

    def reviews(self, part: str, count: int) -> Reviews:
        """Some reviews of a part, half of them positive; all if there are no more.

        They are written down too, so that a child process that measures its memory doesn't read
        all the data.

        Args:
            part: ``"train"`` or ``"test"``.
            count: how many.
        """
        path = Path(self.folder) / f"{part}-{count}.json"
        if not path.exists():
            chosen = _parts(self.data)[part].limit(count, seed=0)
            path.write_text(json.dumps([chosen.texts, chosen.labels.tolist()]), encoding="utf-8")
        texts, labels = json.loads(path.read_text(encoding="utf-8"))
        return Reviews(texts, np.array(labels))

    def grouped_reviews(self, count: int) -> Reviews:
        """As `reviews` of the train part, and of which film each is, for this process alone."""
        return _parts(self.data)["train"].limit(count, seed=0)

    def characters(self, count: int) -> str:
        """The first characters of the text."""
        if self.text:
            return load_text(self.text)[:count]
        return "\n".join(self.reviews("train", 1000).texts)[:count]


def default_data() -> str:
    """The IMDB reviews where they are on this machine, else the sample corpus."""
    archive = _given("aclImdb_v1.tar.gz")
    known = SOURCES["imdb"]
    if archive:
        return archive
    return "imdb" if (cache_folder() / known.filename).is_file() else "sample"


def default_text() -> str:
    """A text of Shakespeare where one is on this machine, else none."""
    return _given("tinyshakespeare.txt")


def _given(name: str) -> str:
    """A file of the folder that SENTIMENT_RNN_DATA names, or nothing."""
    folder = os.environ.get("SENTIMENT_RNN_DATA")
    path = Path(folder or ".") / name
    return str(path.resolve()) if folder and path.is_file() else ""


@functools.cache
def _parts(data: str) -> dict[str, Reviews]:
    train, test = load_data(data)
    return {"train": train, "test": train if test is None else test}
