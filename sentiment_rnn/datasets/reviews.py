"""Labelled reviews: what every loader of this room gives and what the pipeline begins with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from sentiment_rnn.errors import DataError, UsageError


@dataclass(frozen=True, eq=False)
class Reviews:
    """Texts, the label of each, and what else is known of them.

    Args:
        texts: the reviews.
        labels: 0 for negative, 1 for positive; becomes int64 of shape (len(texts),).
        ratings: the number that each label was made from, such as 1 to 10 stars;
            shape (len(texts),).
        groups: which film each review is of, as a string or a number; shape (len(texts),). The
            reviews of one film belong on the same side of a split.
        unsupervised: further texts without labels.
        names: where each review came from, for messages.

    Raises:
        DataError: if the lengths differ or a label is neither 0 nor 1.

    Example:
        >>> reviews = Reviews(["Dull.", "A joy.", "Tedious."], [0, 1, 0])
        >>> len(reviews), reviews.labels
        (3, array([0, 1, 0]))
    """

    texts: list[str]
    labels: np.ndarray
    ratings: np.ndarray | None = None
    groups: np.ndarray | None = None
    unsupervised: list[str] | None = None
    names: list[str] | None = None

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        _check_length("labels", labels.shape, len(self.texts))
        wrong = np.flatnonzero((labels != 0) & (labels != 1))
        if wrong.size:
            raise DataError(
                "A label must be 0 (negative) or 1 (positive). "
                f"Received: {labels[wrong[0]]} for review {wrong[0]}"
            )
        object.__setattr__(self, "labels", labels.astype(np.int64))
        for field in ("ratings", "groups"):
            if getattr(self, field) is not None:
                values = np.asarray(getattr(self, field))
                _check_length(field, values.shape, len(self.texts))
                object.__setattr__(self, field, values)
        if self.names is not None:
            _check_length("names", (len(self.names),), len(self.texts))

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: np.ndarray) -> Reviews:
        """The reviews at `indices`, in that order; the unsupervised texts stay as they are.

        Args:
            indices: whole numbers from 0 to ``len(self) - 1``; shape (chosen,).

        Example:
            >>> Reviews(["Dull.", "A joy."], [0, 1]).select([1]).texts
            ['A joy.']
        """
        indices = np.asarray(indices, dtype=np.int64)
        return Reviews(
            texts=[self.texts[index] for index in indices],
            labels=self.labels[indices],
            ratings=None if self.ratings is None else self.ratings[indices],
            groups=None if self.groups is None else self.groups[indices],
            unsupervised=self.unsupervised,
            names=None if self.names is None else [self.names[index] for index in indices],
        )

    def limit(self, n: int, seed: int) -> Reviews:
        """A random subset of `n` reviews, half of them positive, in the order they have here.

        An odd one is positive. Where one class has too few, all of it is taken and the other
        fills up. With the same seed, a smaller subset is part of any larger one.

        Args:
            n: number of reviews, at least 2; no fewer than there are gives all of them.
            seed: of the choice.

        Raises:
            UsageError: if `n` is below 2.

        Example:
            >>> reviews = Reviews(["Dull.", "A joy.", "Tedious.", "Dire."], [0, 1, 0, 0])
            >>> reviews.limit(2, seed=0).labels.sum()
            np.int64(1)
        """
        if n < 2:
            raise UsageError(f"The limit must be at least 2, one review a class. Received: {n}")
        if n >= len(self):
            return self
        random = np.random.default_rng(seed)
        negative = random.permutation(np.flatnonzero(self.labels == 0))
        positive = random.permutation(np.flatnonzero(self.labels == 1))
        negatives = min(max(n // 2, n - positive.size), negative.size)
        chosen = np.concatenate([negative[:negatives], positive[: n - negatives]])
        return self.select(np.sort(chosen))

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the texts and labels in their order.

        Example:
            >>> Reviews(["Dull.", "A joy."], [0, 1]).fingerprint()[:8]
            '0c10ddcc'
        """
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels.tolist(), strict=True):
            data = text.encode("utf-8", "surrogatepass")
            # The length keeps ["ab", "c"] apart from ["a", "bc"].
            digest.update(f"{label} {len(data)} ".encode())
            digest.update(data)
        return digest.hexdigest()


def _check_length(field: str, shape: tuple[int, ...], texts: int) -> None:
    if shape != (texts,):
        raise DataError(f"Expected {field} of shape ({texts},), one a text. Received: {shape}")
