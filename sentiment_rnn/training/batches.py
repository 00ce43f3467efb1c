"""Encoded texts → the batches that a network is fed with.

A network that isn't stateful reads a batch of whole texts (`TextBatches`). A stateful network
reads them window by window (`WindowBatches`): row i of a batch goes on where row i of the batch
before ended, until all texts of the batch are read and the next ones begin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from sentiment_rnn.preprocessing.padding import pad_sequences


class TextBatches(keras.utils.PyDataset):
    """Batches of whole texts, shuffled anew for each epoch on request.

    Args:
        encoded: int32 ids of each text; not changed.
        labels: the class of each text ``(texts,)``, or None to predict.
        pad: makes int32 ids ``(batch, time)`` of the ids of a batch's texts.
        batch_size: texts in a batch; the last batch has the rest.
        shuffle: random numbers that shuffle the texts, or None to keep their order.
    """

    def __init__(
        self,
        encoded: Sequence[np.ndarray],
        labels: np.ndarray | None,
        pad: Callable[[Sequence[np.ndarray]], np.ndarray],
        batch_size: int,
        shuffle: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self._encoded = encoded
        self._labels = labels
        self._pad = pad
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._order = np.arange(len(encoded))
        self._reorder()

    def _reorder(self) -> None:
        if self._shuffle is not None:
            self._order = self._shuffle.permutation(len(self._encoded))

    def __len__(self) -> int:
        return -(-len(self._encoded) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, ...]:
        rows = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        ids = self._pad([self._encoded[row] for row in rows])
        if self._labels is None:
            return (ids,)
        return ids, self._labels[rows, None].astype(np.float32)

    def on_epoch_end(self) -> None:
        """Shuffles for the next epoch."""
        self._reorder()


class WindowBatches(keras.utils.PyDataset):
    """Windows of texts for a stateful network.

    Args:
        encoded: int32 ids of each text; not changed.
        labels: the class of each text ``(texts,)``.
        window: tokens in a window.
        batch_size: rows in every batch. Where there are fewer texts than that left, the rows
            beyond them are padding with weight 0.
        final_only: whether only a text's last window has weight, as it does to score a network;
            in training each window of a text learns the text's label.
        shuffle: random numbers that shuffle the batches of texts, or None to keep their order.
    """

    def __init__(
        self,
        encoded: Sequence[np.ndarray],
        labels: np.ndarray,
        window: int,
        batch_size: int,
        *,
        final_only: bool = False,
        shuffle: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self._encoded = encoded
        self._labels = labels
        self._window = window
        self._batch_size = batch_size
        self._final_only = final_only
        self._shuffle = shuffle
        # A text without a known word has a window too: it is all padding.
        self._windows = np.array([max(1, -(-len(ids) // window)) for ids in encoded], dtype=int)
        self._arrange()

    def _arrange(self) -> None:
        """Puts texts with as many windows into a batch together, so that few rows run empty."""
        order = np.arange(len(self._encoded))
        if self._shuffle is not None:
            order = self._shuffle.permutation(order)
            order = order[np.argsort(self._windows[order], kind="stable")]
        batches = [
            order[start : start + self._batch_size]
            for start in range(0, len(order), self._batch_size)
        ]
        if self._shuffle is not None:
            batches = [batches[number] for number in self._shuffle.permutation(len(batches))]
        self._steps = [
            (texts, number) for texts in batches for number in range(self._windows[texts].max())
        ]

    def __len__(self) -> int:
        return len(self._steps)

    def begins_texts(self, batch: int) -> bool:
        """Whether batch number `batch` is the first of its texts, so that states must be reset."""
        return self._steps[batch][1] == 0

    def texts(self, batch: int) -> np.ndarray:
        """Which text each row of batch number `batch` belongs to, without the rows beyond them."""
        return self._steps[batch][0]

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        texts, number = self._steps[batch]
        start = number * self._window
        ids = np.zeros((self._batch_size, self._window), np.int32)
        labels = np.zeros((self._batch_size, 1), np.float32)
        weights = np.zeros(self._batch_size, np.float32)
        ids[: len(texts)] = pad_sequences(
            [self._encoded[text][start : start + self._window] for text in texts], self._window
        )
        labels[: len(texts), 0] = self._labels[texts]
        left = self._windows[texts] - number
        weights[: len(texts)] = left == 1 if self._final_only else left >= 1
        return ids, labels, weights

    def on_epoch_end(self) -> None:
        """Shuffles for the next epoch."""
        self._arrange()
