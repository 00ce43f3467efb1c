"""Which texts train and which validate."""

from __future__ import annotations

import math

import numpy as np

from sentiment_rnn.errors import DataError


def validation_split(
    labels: np.ndarray, fraction: float, *, seed: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses a validation part.

    Of more than two classes, each gives its share of the texts where there are no groups, rounded
    down: one that is too rare for it only trains.

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
        DataError: for another number of groups than of texts; if a part would be empty, or the
            training part without one of the classes, or the validation part without one of two.

    Example:
        >>> train, validation = validation_split(np.array([0, 1] * 5), 0.4, seed=0)
        >>> len(train), len(validation)
        (6, 4)
    """
    # What validates is chosen among the texts, or among the films. Scikit-learn's train_test_split
    # and GroupShuffleSplit choose the same, but importing them takes half of a second.
    numbers = np.arange(len(labels))
    if groups is not None:
        if len(groups) != len(labels):
            raise DataError(
                f"Expected a group for each of {len(labels)} texts. Received: {len(groups)}"
            )
        _, numbers = np.unique(groups, return_inverse=True)
    count = len(np.unique(numbers))
    random = np.random.RandomState(seed)
    classes = np.unique(labels)
    if groups is None and len(classes) > 2:
        of_class = [random.permutation(np.flatnonzero(labels == one)) for one in classes]
        chosen = np.concatenate([part[: int(len(part) * fraction)] for part in of_class])
    else:
        chosen = random.permutation(count)[: math.ceil(count * fraction)]
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
