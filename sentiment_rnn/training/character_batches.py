"""One long text → the batches that a character model learns from.

The rows of a batch are cursors, spread evenly over the text. Each window goes on where the last
one ended, so that a state carried from batch to batch fits what comes next.
"""

from __future__ import annotations

import numpy as np

from sentiment_rnn._checks import check_whole
from sentiment_rnn.errors import DataError


class CharacterBatches:
    """Windows of a text, and one character further on what is to be said of each character.

    Row r starts at ``r * (len(ids) // batch_size)``. At the end of the text a row goes on at its
    beginning, without an end. What a batch holds follows from its number alone: training that was
    interrupted goes on with the batches that it would have had.

    An epoch is as many windows as it takes until every row has read its part of the text. Where
    that isn't a whole number of windows, rows read a little of the next part too, and in the
    next epoch windows are cut at other places.

    Args:
        ids: the text, whole numbers ``(characters,)`` of any type, small ones if the text is
            long; kept and not changed.
        batch_size: rows.
        window: characters in a window.

    Raises:
        ValueError: for ids of another kind, or sizes below 1.
        DataError: if the text is shorter than a window and one character, or than a character a
            row.

    Example:
        >>> batches = CharacterBatches(np.arange(10, 20), batch_size=2, window=3)
        >>> inputs, targets = batches.batch(0)
        >>> inputs.tolist(), targets.tolist()
        ([[10, 11, 12], [15, 16, 17]], [[11, 12, 13], [16, 17, 18]])
        >>> inputs, targets = batches.batch(1)
        >>> inputs.tolist(), targets.tolist()
        ([[13, 14, 15], [18, 19, 10]], [[14, 15, 16], [19, 10, 11]])
        >>> len(batches), [batches.epoch_of(step) for step in range(5)]
        (2, [0, 0, 1, 1, 2])

    Source: the BatchGenerator of TensorFlow's Udacity course, assignment 6.
    """

    def __init__(self, ids: np.ndarray, batch_size: int, window: int) -> None:
        check_whole("batch_size", batch_size, 1)
        check_whole("window", window, 1)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(
                f"Expected ids as whole numbers (characters,). Received: {ids.dtype} {ids.shape}"
            )
        if len(ids) <= window:
            raise DataError(
                f"Expected a text of at least {window + 1:,} characters: a window of {window:,} "
                f"and the one that comes next. Received: {len(ids):,}"
            )
        if len(ids) < batch_size:
            raise DataError(
                f"Expected a text of at least {batch_size:,} characters: one for each row of a "
                f"batch. Received: {len(ids):,}"
            )
        self._ids = ids
        self._window = window
        self._segment = len(ids) // batch_size
        self._starts = np.arange(batch_size) * self._segment

    def __len__(self) -> int:
        """Windows in an epoch."""
        return -(-self._segment // self._window)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The windows of a step.

        Args:
            step: counted from 0 over all epochs.

        Returns:
            The ids of the windows and the ids that come next, both int32 ``(batch_size, window)``
            and new.

        Raises:
            ValueError: if the step is below 0.
        """
        _check_step(step)
        # As Python's integers, which have no largest one.
        read = step * self._window % len(self._ids)
        places = (self._starts + read)[:, np.newaxis] + np.arange(self._window + 1)
        ids = self._ids.take(places, mode="wrap").astype(np.int32, copy=False)
        return ids[:, :-1].copy(), ids[:, 1:].copy()

    def epoch_of(self, step: int) -> int:
        """The epoch that a step belongs to, both counted from 0.

        Raises:
            ValueError: if the step is below 0.
        """
        _check_step(step)
        return step // len(self)


def _check_step(step: int) -> None:
    if step < 0:
        raise ValueError(f"Expected a step of at least 0. Received: {step}")
