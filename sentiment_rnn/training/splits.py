"""Which texts train and which validate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sentiment_rnn.errors import DataError


def validation_split(
    labels: np.ndarray,
    fraction: float,
    *,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses a validation part.

    Of more than two classes, each gives its share of the texts where there are no groups, rounded
    down: one that is too rare for it only trains. Of two, each gives one text at least.

    Args:
        labels: the class of each text ``(texts,)``.
        fraction: share of the texts (or, with `groups`, of the films) that validate.
        seed: of the choice.
        groups: the film of each text ``(texts,)``. Where it is given, all texts of a film are on
            one side: a network that learns to know the films would otherwise look better than it
            is on films it has not seen.

    Returns:
        Indices of the training and of the validation part, each ascending.

    Raises:
        DataError: for another number of groups than of texts, or a text without one; if a part
            would be empty, or the training part without one of the classes, or the validation part
            without one of two.

    Example:
        >>> train, validation = validation_split(np.array([0, 1] * 5), 0.4, seed=0)
        >>> len(train), len(validation)
        (6, 4)
    """
    # What validates is chosen among the texts, or among the films. Scikit-learn's train_test_split
    # and GroupShuffleSplit choose the same, but importing them takes half of a second.
    numbers = np.arange(len(labels))
    if groups is not None:
        _, numbers = np.unique(_checked_groups(groups, len(labels)), return_inverse=True)
    count = len(np.unique(numbers))
    random = np.random.RandomState(seed)
    classes = np.unique(labels)
    if groups is None and len(classes) > 2:
        chosen = _of_each_class(labels, fraction, random, least=0)
    else:
        chosen = random.permutation(count)[: math.ceil(count * fraction)]
        if groups is None and len(np.unique(labels[chosen])) < len(classes):
            # By chance, as happens with few texts of a class: then a text of each at least.
            chosen = _of_each_class(labels, fraction, random, least=1)
    is_chosen = np.isin(numbers, chosen)
    train, validation = np.flatnonzero(~is_chosen), np.flatnonzero(is_chosen)
    if not len(train) or not len(validation):
        raise DataError(
            f"{len(labels)} texts can't be divided with a validation_fraction of {fraction}: one "
            "of the parts would be empty."
        )
    of_both = (("training", train), ("validation", validation))
    for name, part in of_both if len(classes) == 2 else of_both[:1]:
        missing = np.setdiff1d(labels, labels[part])
        if len(missing):
            raise DataError(
                f"The {name} part ({len(part)} of {len(labels)} texts) has no text of class "
                f"{missing[0]}. Give more texts, or another validation_fraction."
            )
    return train, validation


def _of_each_class(
    labels: np.ndarray, fraction: float, random: np.random.RandomState, *, least: int
) -> np.ndarray:
    """A share of the texts of each class, rounded down, of more than one text `least` at least."""
    parts = [random.permutation(np.flatnonzero(labels == one)) for one in np.unique(labels)]
    counts = [max(int(len(part) * fraction), min(least, len(part) - 1)) for part in parts]
    return np.concatenate([part[:count] for part, count in zip(parts, counts, strict=True)])


def _checked_groups(groups: Sequence[Any] | np.ndarray, texts: int) -> np.ndarray:
    found = np.asarray(groups)
    if found.shape != (texts,):
        raise DataError(f"Expected a group for each of {texts} texts. Received: {found.shape}")
    # As they were given: NumPy makes strings of all that stands in a list beside a string.
    for text, group in enumerate(groups):
        # Not a number is not itself.
        if group is None or group != group:
            raise DataError(f"Expected a group for each text. Received {group} for text {text}.")
    return np.array(found.tolist()) if found.dtype == object else found
