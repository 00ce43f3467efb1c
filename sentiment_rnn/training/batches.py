"""Encoded texts → the batches that a network learns from, whichever engine trains it.

A network that isn't stateful reads a batch of whole texts (`TextBatches`). A stateful network
reads them window by window (`WindowBatches`): row i of a batch goes on where row i of the batch
before ended, until all texts of the batch are read and the next ones begin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sentiment_rnn.preprocessing.padding import pad_sequences

# Batches whose texts are sorted by length together. With 50 there is hardly any padding, but a GRU
# on film reviews ended an epoch's validation 0.01 lower, and less steadily, than without sorting;
# with 6 it doesn't, and is nearly as fast.
_SORTED = 6
# Known words of a text that loses none to word dropout. Of a sentence it may be the word that
# decides, such as *not*, and what the sentence is to mean stays.
_SHORT = 20


class TextBatches:
    """Batches of whole texts, shuffled anew for each epoch.

    Args:
        encoded: int32 ids of each text; not changed.
        targets: what the network is to say of each text ``(texts, outputs)``.
        pad: makes int32 ids ``(batch, time)`` of the ids of a batch's texts.
        batch_size: texts in a batch; the last batch has the rest.
        seed: the order of the texts follows from it and from the number of the epoch; None keeps
            the order in which they were given.
        by_length: whether texts of like length share a batch, where there is a seed, so that
            there is little padding.
        sorted_together: the texts of how many batches are sorted then.
        word_dropout: share of the words of each text that are skipped, others in each epoch; a text
            of a sentence loses none.

    Example:
        >>> encoded = [np.array([1, 2]), np.array([3]), np.array([4])]
        >>> batches = TextBatches(encoded, np.array([[0], [1], [1]]), pad_sequences, batch_size=2)
        >>> ids, targets = batches[0]
        >>> len(batches), ids.tolist(), targets.tolist()
        (2, [[1, 2], [3, 0]], [[0.0], [1.0]])
    """

    def __init__(
        self,
        encoded: Sequence[np.ndarray],
        targets: np.ndarray,
        pad: Callable[[Sequence[np.ndarray]], np.ndarray],
        batch_size: int,
        seed: int | None = None,
        *,
        by_length: bool = False,
        sorted_together: int = _SORTED,
        word_dropout: float = 0.0,
    ) -> None:
        self._encoded = encoded
        self._targets = targets.astype(np.float32)
        self._pad = pad
        self._batch_size = batch_size
        self._seed = seed
        self._word_dropout = word_dropout
        self._lengths = np.array([len(ids) for ids in encoded]) if by_length else None
        self._sorted = sorted_together * batch_size
        self.begin_epoch(0)

    def __len__(self) -> int:
        return -(-len(self._encoded) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self._batches[batch]
        texts = [self._encoded[row] for row in rows]
        if self._word_dropout:
            # From the number of the batch, as some may be made ahead of others.
            random = np.random.default_rng([self._seed or 0, self._epoch, batch])
            kept = [random.random(len(ids)) >= self._word_dropout for ids in texts]
            texts = [
                ids if len(ids) < _SHORT else ids[those]
                for ids, those in zip(texts, kept, strict=True)
            ]
        return self._pad(texts), self._targets[rows]

    def begins_texts(self, batch: int) -> bool:
        """Whether batch number `batch` begins with new texts, as all batches of whole texts do."""
        return True

    def begin_epoch(self, epoch: int) -> None:
        """Puts the texts into the order of an epoch, numbered from 0."""
        self._epoch = epoch
        order = np.arange(len(self._encoded))
        if self._seed is None:
            self._batches = _cut(order, self._batch_size)
            return
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(order)
        if self._lengths is not None:
            # Not all texts at once, so that a text meets others in each epoch.
            parts = _cut(order, self._sorted)
            order = np.concatenate(
                [part[np.argsort(self._lengths[part], kind="stable")] for part in parts]
            )
        self._batches = _cut(order, self._batch_size)
        if self._lengths is not None:
            self._batches = [self._batches[n] for n in random.permutation(len(self._batches))]


class WindowBatches:
    """Windows of texts for a stateful network. Each window of a text learns the text's target.

    Args:
        encoded: int32 ids of each text; not changed.
        targets: what the network is to say of each text ``(texts, outputs)``.
        window: tokens in a window.
        batch_size: rows in every batch. Where there are fewer texts than that left, the rows
            beyond them, and those whose text has ended, are padding with weight 0.
        seed: as of `TextBatches`, for the batches of texts.
    """

    def __init__(
        self,
        encoded: Sequence[np.ndarray],
        targets: np.ndarray,
        window: int,
        batch_size: int,
        seed: int | None = None,
    ) -> None:
        self._encoded = encoded
        self._targets = targets
        self._window = window
        self._batch_size = batch_size
        self._seed = seed
        # A text without a known word has a window too: it is all padding.
        self._windows = np.array([max(1, -(-len(ids) // window)) for ids in encoded], dtype=int)
        self.begin_epoch(0)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        texts, number = self._steps[batch]
        start = number * self._window
        ids = np.zeros((self._batch_size, self._window), np.int32)
        targets = np.zeros((self._batch_size, self._targets.shape[1]), np.float32)
        weights = np.zeros(self._batch_size, np.float32)
        ids[: len(texts)] = pad_sequences(
            [self._encoded[text][start : start + self._window] for text in texts], self._window
        )
        targets[: len(texts)] = self._targets[texts]
        weights[: len(texts)] = number < self._windows[texts]
        return ids, targets, weights

    def begins_texts(self, batch: int) -> bool:
        """Whether batch number `batch` is the first of its texts, so that states must be reset."""
        return self._steps[batch][1] == 0

    def begin_epoch(self, epoch: int) -> None:
        """Puts the batches of texts into the order of an epoch, numbered from 0."""
        order = np.arange(len(self._encoded))
        if self._seed is not None:
            random = np.random.default_rng([self._seed, epoch])
            order = random.permutation(order)
            # Texts with as many windows go together, so that few rows run empty.
            order = order[np.argsort(self._windows[order], kind="stable")]
        batches = _cut(order, self._batch_size)
        if self._seed is not None:
            batches = [batches[number] for number in random.permutation(len(batches))]
        self._steps = [
            (texts, number) for texts in batches for number in range(self._windows[texts].max())
        ]


def _cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cuts an array into parts of a size; the last has the rest."""
    return [order[start : start + size] for start in range(0, len(order), size)]
