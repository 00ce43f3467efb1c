"""From ids to probabilities without Keras: the engine that `predict` runs on.

The first recurrent layer multiplies word vectors with its kernel, and the same words come again
and again. So the product is taken once for every word of the vocabulary: ``vectors @ kernel +
bias`` is a table, and a token costs one of its rows and the small recurrent product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import UsageError
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.stepping import RNN
from sentiment_rnn.preprocessing.padding import PADDING_ID, pad_sequences
from sentiment_rnn.preprocessing.preprocessor import Preprocessor

# Texts in a batch: large enough for the matrix product of a step, small enough for its outputs at
# all steps to stay near the processor.
BATCH_SIZE = 64
# Steps of a stream that are read at once: enough for what goes before the first not to count.
_STEPS = 1024
_COUNTS_ALL_STEPS = ("Flatten", "GlobalMaxPooling1D")


class Predictor:
    """A network and a vocabulary, ready to predict.

    Args:
        network: the layers.
        weights: their arrays in the order of ``network.weights()``.
        preprocessor: what encodes the texts.

    Example:
        >>> from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
        >>> from sentiment_rnn.preprocessing import PreprocessingConfig, WordVectors
        >>> vectors = WordVectors(["bad", "good"], np.array([[-1.0], [1.0]]))
        >>> preprocessor = Preprocessor(PreprocessingConfig(maxlen=2), vectors)
        >>> network = sentiment_network(ArchitectureConfig(units=1), maxlen=2, vector_size=1)
        >>> weights = [np.ones(weight.shape, np.float32) for weight in network.weights()]
        >>> predictor = Predictor(network, weights, preprocessor)
        >>> predictor.predict(preprocessor.encode(["bad", "good good"])).round(2)
        array([[0.85],
               [0.95]], dtype=float32)
    """

    def __init__(
        self, network: NetworkSpec, weights: Sequence[np.ndarray], preprocessor: Preprocessor
    ) -> None:
        self._preprocessor = preprocessor
        # The batch size that a stateful network was trained with doesn't matter here.
        spec = dataclasses.replace(network, batch_shape=(None, *network.batch_shape[1:]))
        self._network = Network(spec, weights)
        self._vectors = preprocessor.embedding_matrix()
        names = [layer.class_name for layer in spec.layers]
        self._is_masked: np.ndarray | None = None
        if names[0] == "Masking":
            self._is_masked = ~(self._vectors != spec.layers[0]["mask_value"]).any(axis=1)
        self._counts_all_steps = any(name in _COUNTS_ALL_STEPS for name in names)
        first = spec.layers[1 if names[0] == "Masking" and len(names) > 1 else 0]
        self._tables: list[np.ndarray] | None = None
        if first.cell.is_recurrent:
            self._tables = self._network.project_inputs(self._vectors)

    def predict(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """The network's output for each text, in the order given.

        Args:
            encoded: int32 ids of each text; not changed.

        Returns:
            float32 ``(texts, outputs)``.
        """
        spec = self._network.spec
        size = spec.output_shape[-1]
        assert size is not None
        outputs = np.zeros((len(encoded), size), np.float32)
        texts = self._preprocessor.truncate(encoded)
        for rows in self._batches([len(ids) for ids in texts]):
            batch = [texts[row] for row in rows]
            outputs[rows] = (
                self._read_windows(batch) if spec.is_stateful else self._read(self._padded(batch))
            )
        return outputs

    def predict_stream(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        """The network's output for one text that comes in parts, in constant memory.

        Args:
            parts: int32 ids of the text in order; not changed. Of a text that is cut to
                ``maxlen`` at its end, no more is read than says whether it is cut.

        Returns:
            float32 ``(outputs,)``: what `predict` gives for all ids in one array.

        Raises:
            UsageError: if a text of any length goes into the network, and a layer needs the end
                of it first.
        """
        spec = self._network.spec
        if self._preprocessor.config.maxlen:
            return self.predict([self._preprocessor.truncate_stream(parts)])[0]
        if spec.is_stateful and spec.batch_shape[1]:
            return self._read_in_turn(_windows(parts, spec.batch_shape[1]))[0]
        try:
            rnn = RNN(spec, self._network.weights)
        except ValueError as error:
            raise UsageError(
                f"This network needs a text's end before it can begin. {error}\n"
                "Give the text to predict_proba in one piece."
            ) from error
        for ids in _slices(parts, _STEPS):
            if self._tables is None:
                output = rnn.read(self._vectors[ids[np.newaxis]])
            else:
                mask = None if self._is_masked is None else ~self._is_masked[ids[np.newaxis]]
                output = rnn.read_projected(self._tables[0][ids[np.newaxis]], mask)
        return output[0]

    def _batches(self, lengths: Sequence[int]) -> Iterator[np.ndarray]:
        """Rows of like length together, so that little padding is read."""
        order = np.argsort(lengths, kind="stable")
        together = None
        if self._network.spec.is_stateful:
            together = [self._count_windows(length) for length in lengths]
        elif self._network.spec.batch_shape[1] is None and self._is_masked is None:
            # Without a mask padding would count: only texts of the same length go together.
            together = [max(length, 1) for length in lengths]
        start = 0
        while start < len(order):
            stop = min(start + BATCH_SIZE, len(order))
            if together is not None:
                while together[order[stop - 1]] != together[order[start]]:
                    stop -= 1
            yield order[start:stop]
            start = stop

    def _padded(self, texts: Sequence[np.ndarray]) -> np.ndarray:
        ids = self._preprocessor.pad(texts)
        if self._is_masked is None or self._counts_all_steps:
            return ids
        # Masked steps at either end of all texts change nothing.
        read = np.flatnonzero(~self._is_masked[ids].all(axis=0))
        return ids[:, read[0] : read[-1] + 1] if len(read) else ids[:, :1]

    def _read(self, ids: np.ndarray) -> np.ndarray:
        """The output for padded ids ``(batch, time)``."""
        if self._tables is None:
            return self._network.forward(self._vectors[ids])
        # Time first in memory, which is the order in which the steps are read.
        by_time = np.ascontiguousarray(ids.T)
        projected = [table[by_time].swapaxes(0, 1) for table in self._tables]
        mask = None if self._is_masked is None else ~self._is_masked[ids]
        return self._network.forward_projected(projected, mask=mask)

    def _count_windows(self, length: int) -> int:
        window = self._network.spec.batch_shape[1]
        return max(1, -(-length // window)) if window else 1

    def _read_windows(self, texts: Sequence[np.ndarray]) -> np.ndarray:
        """The output after the last window of texts that have the same number of windows."""
        window = self._network.spec.batch_shape[1] or max(1, *map(len, texts))
        count = self._count_windows(max(len(ids) for ids in texts))
        ids = np.zeros((len(texts), count * window), np.int32)
        for row, text in zip(ids, texts, strict=True):
            row[: len(text)] = text
        return self._read_in_turn(np.split(ids, count, axis=1))

    def _read_in_turn(self, windows: Iterable[np.ndarray]) -> np.ndarray:
        """The output after the last of some windows ``(batch, window)``."""
        self._network.reset_states()
        for window in windows:
            output = self._read(window)
        return output


def _slices(parts: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same ids in arrays of `size`, the last one shorter; in place of no ids one of padding.

    Example:
        >>> [ids.tolist() for ids in _slices([np.array([5, 6, 7]), np.array([8, 9])], 2)]
        [[5, 6], [7, 8], [9]]
    """
    waiting = np.empty(0, np.int32)
    nothing = True
    for part in parts:
        waiting = np.concatenate([waiting, part], dtype=np.int32)
        whole = len(waiting) - len(waiting) % size
        yield from waiting[:whole].reshape(-1, size)
        waiting = waiting[whole:]
        nothing = nothing and not whole
    if len(waiting) or nothing:
        yield waiting if len(waiting) else np.full(1, PADDING_ID, np.int32)


def _windows(parts: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Ids in windows ``(1, size)``, the last one padded.

    Example:
        >>> [ids.tolist() for ids in _windows([np.array([5, 6, 7])], 2)]
        [[[5, 6]], [[7, 0]]]
    """
    for ids in _slices(parts, size):
        yield pad_sequences([ids], size)
