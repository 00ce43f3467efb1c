"""Labelled reviews: what every loader of this room gives and what the pipeline begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment_rnn.errors import DataError, UsageError

# Up to here a floating-point number is one whole number and no other.
_EXACT = 2**53


@dataclass(frozen=True, eq=False)
class Reviews:
    """Texts, the label of each, and what else is known of them.

    Args:
        texts: the reviews.
        labels: 0 for negative, 1 for positive; or other classes, whole numbers or strings. Becomes
            an array of shape (len(texts),).
        ratings: the number that each label was made from, such as 1 to 10 stars;
            shape (len(texts),).
        groups: which film each review is of, as a string or a number; shape (len(texts),). The
            reviews of one film belong on the same side of a split.
        unsupervised: further texts without labels.
        names: where each review came from, for messages.

    Raises:
        DataError: if the lengths differ, or labels are neither whole numbers nor strings.

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
        _check_length("labels", np.shape(self.labels), len(self.texts))
        labels = checked_labels(self.labels, len(self.texts))
        labels = labels.astype(np.int64) if labels.dtype == bool else labels.copy()
        object.__setattr__(self, "labels", labels)
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
        """A random subset of `n` reviews with the shares of the classes, in the order of all.

        There is at least one review of each class. With the same seed, a smaller subset is part of
        any larger one.

        Args:
            n: number of reviews, at least one a class; no fewer than there are gives all of them.
            seed: of the choice.

        Raises:
            UsageError: if `n` is less than the number of classes.

        Example:
            >>> reviews = Reviews(["Dull.", "A joy.", "Tedious.", "Dire."], [0, 1, 0, 0])
            >>> reviews.limit(2, seed=0).labels.sum()
            np.int64(1)
        """
        classes = np.unique(self.labels)
        if n < max(2, len(classes)):
            raise UsageError(
                f"The limit must be at least {max(2, len(classes))}, one review a class. "
                f"Received: {n}"
            )
        if n >= len(self):
            return self
        random = np.random.default_rng(seed)
        of_class = [random.permutation(np.flatnonzero(self.labels == one)) for one in classes]
        counts = _shares(n, [len(part) for part in of_class])
        chosen = [part[:count] for part, count in zip(of_class, counts, strict=True)]
        return self.select(np.sort(np.concatenate(chosen)))

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the texts and labels in their order.

        Example:
            >>> Reviews(["Dull.", "A joy."], [0, 1]).fingerprint()[:8]
            '0c10ddcc'
        """
        return fingerprint_of(self.texts, self.labels)


def fingerprint_of(texts: Sequence[str], labels: np.ndarray) -> str:
    """SHA-256, in hexadecimal, of texts and labels in their order.

    Args:
        texts: the texts.
        labels: the number of each text's class ``(texts,)``.
    """
    digest = hashlib.sha256()
    for text, label in zip(texts, labels.tolist(), strict=True):
        data = text.encode("utf-8", "surrogatepass")
        # The length keeps ["ab", "c"] apart from ["a", "bc"].
        digest.update(f"{label} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()


def checked_labels(labels: object, texts: int) -> np.ndarray:
    """Labels as an array of whole numbers or of strings.

    Args:
        labels: the class of each text.
        texts: how many texts there are.

    Returns:
        int64, truth values or strings ``(texts,)``.

    Raises:
        DataError: if there are others than `texts`, or of another kind.

    Example:
        >>> checked_labels([4.0, 5.0], texts=2)
        array([4, 5])
    """
    found = np.asarray(labels)
    if found.shape != (texts,):
        raise DataError(f"Expected one label for each of {texts} texts. Received: {found.shape}")
    if found.dtype == object and len(set(map(type, found))) == 1:
        found = np.array(found.tolist())
    kind = found.dtype.kind
    if kind == "f" and np.array_equal(found, np.round(found)) and (np.abs(found) < _EXACT).all():
        kind = "i"
    # NumPy makes strings of all that stands in a list beside a string.
    mixed = kind == "U" and not all(isinstance(label, str) for label in labels)  # type: ignore[attr-defined]
    if kind in "iu":
        return found.astype(np.int64)
    if kind not in "bU" or mixed:
        raise DataError(
            "Expected labels that are all whole numbers, or all strings. Received: "
            f"{[*labels][:5] if mixed else found[:5].tolist()}"  # type: ignore[misc]
        )
    return found


def _shares(total: int, sizes: list[int]) -> list[int]:
    """How many to take of each class, as these are to each other, and at least one of each.

    Example:
        >>> _shares(20, [900, 100, 1]), _shares(5, [100, 100])
        ([17, 2, 1], [2, 3])

    Source: the method of Sainte-Laguë (Webster), by which more in all is never less of one class.
    """
    class_of = np.repeat(np.arange(len(sizes)), sizes)
    turns = np.concatenate([(2 * np.arange(size) + 1) / size for size in sizes])
    turns[np.cumsum([0, *sizes[:-1]])] = 0
    order = np.lexsort((-class_of, turns))
    return np.bincount(class_of[order[:total]], minlength=len(sizes)).tolist()


def _check_length(field: str, shape: tuple[int, ...], texts: int) -> None:
    if shape != (texts,):
        raise DataError(f"Expected {field} of shape ({texts},), one a text. Received: {shape}")
