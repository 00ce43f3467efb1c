"""From ids to probabilities without Keras: the engine that `predict` runs on.

The first recurrent layer multiplies word vectors with its kernel, and the same words come again
and again. So the product is taken once for every word of the vocabulary: ``vectors @ kernel +
bias`` is a table, and a token costs one of its rows and the small recurrent product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sentiment_rnn._threads import count_processors, one_thread
from sentiment_rnn.architectures.layers import POOLING, NetworkSpec
from sentiment_rnn.errors import UsageError
from sentiment_rnn.numpy_rnn.memory import reuse
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.projection import take_rows
from sentiment_rnn.numpy_rnn.stepping import RNN
from sentiment_rnn.preprocessing.padding import PADDING_ID, pad_sequences
from sentiment_rnn.preprocessing.preprocessor import Preprocessor

# Texts in a batch, and steps of it that are read at once: large enough for the work of each step
# to outweigh the call that does it, small enough for all its numbers to stay near the processor.
BATCH_SIZE = 384
_STEPS = 32
# Numbers of a step's gates that stay there: of wide layers fewer texts share a batch.
_NEAR = 200_000
# Where all texts are padded to the same length, more of them cost no more padding. Threads get into
# each other's way less, the longer a step takes.
_EVEN_BATCH_SIZE = 1000
# Where a network must be read whole, the outputs of all steps are kept.
_WHOLE_BATCH_SIZE = 256
# Fewer texts aren't worth another thread.
_FEWEST = 64
# Steps of a stream that are read at once, one text being a small batch.
_STREAM_STEPS = 1024


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
        self._table = _Table(self._network, preprocessor.embedding_matrix())
        # Why the network can't be read forwards, some steps at a time; None if it can.
        self._refusal: str | None = None
        try:
            RNN(spec, weights)
        except ValueError as error:
            self._refusal = str(error)

    def predict(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """The network's output for each text, in the order given.

        Args:
            encoded: int32 ids of each text; not changed.

        Returns:
            float32 ``(texts, outputs)``.
        """
        size = self._network.spec.output_shape[-1]
        assert size is not None
        outputs = np.zeros((len(encoded), size), np.float32)
        texts = self._preprocessor.truncate(encoded)
        threads = max(1, min(count_processors(), len(texts) // _FEWEST))
        batches = self._batches([len(ids) for ids in texts], most=-(-len(texts) // threads))

        def predict_batches(part: Sequence[np.ndarray]) -> None:
            reader = self._reader()
            with reuse():
                for rows in part:
                    outputs[rows] = reader.read([texts[row] for row in rows])

        with one_thread():
            if threads == 1:
                predict_batches(batches)
                return outputs
            with ThreadPoolExecutor(threads) as pool:
                for done in [
                    pool.submit(predict_batches, batches[first::threads])
                    for first in range(threads)
                ]:
                    done.result()
        return outputs

    def predict_prefixes(self, ids: np.ndarray) -> np.ndarray:
        """The network's output for every beginning of a text, from none of it to all.

        A network that reads forwards and skips padding says it as it goes. Any other reads each
        beginning for itself.

        Args:
            ids: int32 ids of the text, at most ``maxlen``; not changed.

        Returns:
            float32 ``(tokens + 1, outputs)``: what `predict` gives for ``ids[:0]``, ``ids[:1]``,
            and so on.
        """
        spec = self._network.spec
        # Pooling sees the steps of a window only.
        windowed = spec.is_stateful and any(layer.class_name in POOLING for layer in spec.layers)
        if self._refusal is not None or windowed or not spec.skips_padding:
            return self.predict([ids[:count] for count in range(len(ids) + 1)])
        rnn = RNN(spec, self._network.weights)
        steps = [self._table.read(rnn, ids[np.newaxis, t : t + 1]) for t in range(len(ids))]
        return np.concatenate([self.predict([ids[:0]]), *steps])

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
        reader = self._reader()
        if spec.is_stateful and spec.batch_shape[1]:
            return reader.read_in_turn(_windows(parts, spec.batch_shape[1]))[0]
        if self._refusal is not None:
            raise UsageError(
                f"This network needs a text's end before it can begin. {self._refusal}\n"
                "Give the text to predict_proba in one piece."
            )
        return reader.read_in_turn(ids[np.newaxis] for ids in _slices(parts, _STREAM_STEPS))[0]

    def _reader(self) -> _Reader:
        stepwise = self._refusal is None and not self._network.spec.is_stateful
        return _Reader(self._network, self._preprocessor, self._table, stepwise=stepwise)

    def _batches(self, lengths: Sequence[int], most: int) -> list[np.ndarray]:
        """Rows of like length together, so that little padding is read."""
        spec = self._network.spec
        order = np.argsort(lengths, kind="stable")
        together = None
        if spec.is_stateful:
            together = [_count_windows(spec, length) for length in lengths]
        elif spec.batch_shape[1] is None and not spec.skips_masked_ends:
            # Padding would count: only texts of the same length go together.
            together = [max(length, 1) for length in lengths]
        columns = [layer.cell.columns for layer in spec.layers if layer.cell.is_recurrent]
        near = max(_FEWEST, _NEAR // max(columns, default=1))
        size = min(BATCH_SIZE, near) if spec.skips_masked_ends else _EVEN_BATCH_SIZE
        size = min(most, size if self._refusal is None else _WHOLE_BATCH_SIZE)
        batches = []
        start = 0
        while start < len(order):
            stop = min(start + size, len(order))
            if together is not None:
                while together[order[stop - 1]] != together[order[start]]:
                    stop -= 1
            batches.append(order[start:stop])
            start = stop
        return batches


class _Table:
    """What each id is to the network: its vector, whether it is masked, and its projection."""

    def __init__(self, network: Network, vectors: np.ndarray) -> None:
        self._vectors = vectors
        names = [layer.class_name for layer in network.spec.layers]
        self.is_masked: np.ndarray | None = None
        if names[0] == "Masking":
            self.is_masked = ~(vectors != network.spec.layers[0]["mask_value"]).any(axis=1)
        self._projected: list[np.ndarray] | None = None
        first = network.spec.layers[1 if names[0] == "Masking" and len(names) > 1 else 0]
        if first.cell.is_recurrent:
            self._projected = network.project_inputs(vectors)

    def read(self, network: Network | RNN, ids: np.ndarray) -> np.ndarray:
        """The output of a network for ids ``(batch, time)``."""
        if self._projected is None:
            x = self._vectors[ids]
            return network.read(x) if isinstance(network, RNN) else network.forward(x)
        # Time first in memory, which is the order in which the steps are read.
        by_time = np.ascontiguousarray(ids.T)
        projected = [take_rows(table, by_time).swapaxes(0, 1) for table in self._projected]
        mask = None if self.is_masked is None else ~self.is_masked[ids]
        if mask is not None and mask.all():
            mask = None  # Nothing to skip, nor to keep apart.
        if isinstance(network, RNN):
            return network.read_projected(projected[0], mask)
        return network.forward_projected(projected, mask=mask)


class _Reader:
    """Reads batches with a network of its own: each thread has one, as a network has states."""

    def __init__(
        self, network: Network, preprocessor: Preprocessor, table: _Table, *, stepwise: bool
    ) -> None:
        self._spec = network.spec
        self._preprocessor = preprocessor
        self._table = table
        self._network = (RNN if stepwise else Network)(network.spec, network.weights)

    def read(self, texts: Sequence[np.ndarray]) -> np.ndarray:
        """The output for each of some texts: of a stateful network, with as many windows."""
        self._network.reset_states()
        if isinstance(self._network, RNN) and self._spec.skips_masked_ends:
            return self._read_while_they_last(texts, self._network)
        return self.read_in_turn(self._parts(texts))

    def _read_while_they_last(self, texts: Sequence[np.ndarray], rnn: RNN) -> np.ndarray:
        """As `read`: a text is read to its end, not to that of the longest."""
        lengths = np.array([len(ids) for ids in texts])
        order = np.argsort(-lengths, kind="stable")
        longest = max(1, int(lengths.max()))
        ids = pad_sequences([texts[row] for row in order], longest)
        outputs = np.empty((len(texts), self._spec.output_shape[-1] or 0), np.float32)
        for start in range(0, longest, _STEPS):
            # A text of no token is read once, for what the network says of none.
            reading = int((lengths > start).sum()) if start else len(texts)
            rnn.keep_rows(reading)
            part = ids[:reading, start : start + _STEPS]
            outputs[order[:reading]] = self._table.read(rnn, part)
        return outputs

    def read_in_turn(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        """The output after the last of some parts ``(batch, time)`` of the same texts."""
        for ids in parts:
            output = self._table.read(self._network, ids)
        return output

    def _parts(self, texts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """The padded ids of a batch as the network reads them: in windows, in steps or at once."""
        if self._spec.is_stateful:
            window = self._spec.batch_shape[1] or max(1, *map(len, texts))
            ids = pad_sequences(texts, window * _count_windows(self._spec, max(map(len, texts))))
        else:
            ids = self._trimmed(self._preprocessor.pad(texts))
            window = _STEPS if isinstance(self._network, RNN) else ids.shape[1]
        for start in range(0, ids.shape[1], window):
            yield ids[:, start : start + window]

    def _trimmed(self, ids: np.ndarray) -> np.ndarray:
        is_masked = self._table.is_masked
        if is_masked is None or not self._spec.skips_masked_ends:
            return ids
        # Masked steps at either end of all texts change nothing.
        read = np.flatnonzero(~is_masked[ids].all(axis=0))
        return ids[:, read[0] : read[-1] + 1] if len(read) else ids[:, :1]


def _count_windows(spec: NetworkSpec, length: int) -> int:
    window = spec.batch_shape[1]
    return max(1, -(-length // window)) if window else 1


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
