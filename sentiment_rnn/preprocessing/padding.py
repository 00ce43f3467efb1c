"""Sequences of ids of any length → one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PADDING_ID = 0


def pad_sequences(
    sequences: Sequence[np.ndarray],
    maxlen: int = 0,
    *,
    padding: str = "post",
    truncating: str = "post",
) -> np.ndarray:
    """Cuts and fills sequences of ids to one length.

    Args:
        sequences: ids of each text; not changed.
        maxlen: length of the result in tokens; 0 for the length of the longest sequence (at
            least 1).
        padding: "post" puts the padding after the ids, "pre" before them.
        truncating: "post" drops ids at the end of a text, "pre" at its beginning.

    Returns:
        int32 ids ``(len(sequences), maxlen)``; `PADDING_ID` fills what is empty.

    Example:
        >>> pad_sequences([np.array([5, 6, 7]), np.array([], int)], 2)
        array([[5, 6],
               [0, 0]], dtype=int32)
    """
    length = maxlen or max((len(sequence) for sequence in sequences), default=1) or 1
    padded = np.full((len(sequences), length), PADDING_ID, dtype=np.int32)
    for row, sequence in zip(padded, sequences, strict=True):
        kept = sequence[:length] if truncating == "post" else sequence[-length:]
        if padding == "post":
            row[: len(kept)] = kept
        else:
            row[length - len(kept) :] = kept
    return padded
