"""What a batch says about a network's weights: its loss and gradients, from all processors.

A time loop is made of products so small that threads which share them wait more than they work.
So the rows of a batch are dealt out in parts to processes, each with a time loop of its own. The
weights lie in memory that all of them see. The sum of what the parts give is what the whole batch
would have given, but for the rounding of the last digit.

Which process computes a part makes no difference to any bit. So this one doesn't wait until the
others have started, and does the work of one that is gone.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sentiment_rnn._processes import SharedArrays, Worker, answer, can_start_workers, requests
from sentiment_rnn._threads import count_processors, one_thread, threads_for
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn import OptimizerState, loss_and_gradient
from sentiment_rnn.numpy_rnn.adversarial import adversarial_perturbation
from sentiment_rnn.numpy_rnn.embedding import EmbeddedGradients, EmbeddedNetwork
from sentiment_rnn.numpy_rnn.layers import ChanceOfRows
from sentiment_rnn.numpy_rnn.losses import LOSSES, is_right
from sentiment_rnn.numpy_rnn.memory import reuse
from sentiment_rnn.numpy_rnn.next_words import Candidates, NextWordsHead
from sentiment_rnn.training.checkpoints import numbered

# What a step of a layer costs besides its rows, in rows. A rough guess.
_STEP_ROWS = 12
# Places where a batch may be cut, so that a large one is cut as soon as a small one.
_CUTS = 128
# Rows that are worth a process; with fewer, what a step costs whatever its size weighs too much.
_FEWEST_ROWS = 8
# Seconds of an epoch that are worth the start of other processes.
_WORTH = 1.0
# The loss of a network that says at every step which word comes next. Its targets are the words
# that it reads, and `sample_weight` is 1 / words for each row: a word of a longer text counts too.
NEXT_WORDS = "next_words"
# What a worker says when it has started.
_READY = "ready"
# What a step of a layer takes there and back, and operations in a second. Rough guesses.
_STEP_SECONDS, _OPERATIONS = 2e-5, 1e11


@dataclass(frozen=True)
class Objective:
    """A network and what it is to be good at.

    Args:
        network: the layers.
        loss: ``binary_crossentropy`` behind a sigmoid; ``categorical_crossentropy`` behind a
            softmax, or at every step ``sparse_categorical_crossentropy``; or `NEXT_WORDS`.
        trains_vectors: whether the word vectors are trained too, as they are for `NEXT_WORDS`.
        candidates: of `NEXT_WORDS`, how many other words each word is told from.
        adversarial: of the other losses, how far texts are changed, as
            `adversarial_perturbation` takes it, to be learned from a second time; 0 for once.
    """

    network: NetworkSpec
    loss: str
    trains_vectors: bool = False
    candidates: int = 0
    adversarial: float = 0.0

    def head(self, ids: int) -> NextWordsHead | None:
        """What says the words to come, of `ids` words, if that is the objective."""
        if self.loss != NEXT_WORDS:
            return None
        layer = next(one for one in reversed(self.network.layers) if one.cell.is_recurrent)
        return NextWordsHead(
            layer.units,
            2 if layer.class_name == "Bidirectional" else 1,
            self.network.batch_shape[2],
            Candidates(ids, self.candidates),
        )

    def shapes(self, ids: int) -> list[tuple[int, ...]]:
        """Of the weights: the network's, and behind them those of what says the words to come."""
        head = self.head(ids)
        weights: list[tuple[int, ...]] = [weight.shape for weight in self.network.weights()]
        return weights if head is None else [*weights, *head.shapes()]


@dataclass(frozen=True)
class BatchResult:
    """What a batch gave.

    Args:
        loss: the mean over its rows, nats.
        right: the weight of the rows that it had right; 0 where there is an output at every step.
        gradients: of the weights, in their order.
    """

    loss: float
    right: float
    gradients: list[np.ndarray]


class BatchGradients:
    """Computes losses and gradients of batches, in this process or in several.

    Args:
        objective: network and loss.
        weights: arrays of the objective's shapes; copied.
        vectors: the vector of each id, ``(ids, features)``; copied if they are trained.
        processes: how many compute. Where no other can be started, this one does it alone.

    Attributes:
        weights: float32 arrays, to be changed in place: the objective's and, where they are
            trained, the vectors.
        states: of each stateful layer, by index and direction, ``(h,)`` or ``(h, c)``, each
            ``(batch, units)``: what the next batch starts from, to be changed in place.
    """

    def __init__(
        self,
        objective: Objective,
        weights: Sequence[np.ndarray],
        vectors: np.ndarray,
        *,
        processes: int = 1,
    ) -> None:
        self._objective = objective
        self._memory = memory = _Memory.of(objective, weights, vectors, processes)
        self.weights = [*memory.weights, *([memory.vectors] if objective.trains_vectors else [])]
        self.states = memory.states
        self._part = _Part(objective, memory)
        # By their numbers, which begin with 0 for the second part of a batch.
        self._workers = _start(objective, memory)
        self._ready: set[int] = set()
        self._parts = 1 + len(self._workers)
        self._finalizer = weakref.finalize(self, _stop, self._workers)

    def compute(
        self,
        ids: np.ndarray,
        targets: np.ndarray,
        *,
        chance: Sequence[int],
        sample_weight: np.ndarray | None = None,
    ) -> BatchResult:
        """Reads a batch, forwards and back.

        Args:
            ids: int32 ``(batch, time)``.
            targets: what the network is to say, floats ``(batch, outputs)``; for the sparse loss,
                of a network with an output at every step, numbers of classes ``(batch, time)``.
            chance: seeds of what dropout drops.
            sample_weight: how much each row counts, ``(batch,)``; None for all alike.

        Returns:
            Loss and gradients.
        """
        batch, lengths = len(ids), self._lengths(ids)
        parts = [
            _Rows(
                ids[start:stop, : max(1, lengths[start:stop].max())],
                targets[start:stop],
                None if sample_weight is None else sample_weight[start:stop],
                list(chance),
                start,
                batch,
            )
            for start, stop in pairwise(parts_of_like_cost(lengths, min(self._parts, batch)))
        ]
        asked = []
        for number, rows in enumerate(parts[1:]):
            if self._is_ready(number):
                self._workers[number].send(rows.packed())
                asked.append(number)
        loss, right, gradients = self._part.compute(parts[0])
        for number, rows in enumerate(parts[1:]):
            answered = self._workers[number].receive() if number in asked else None
            if answered is not None:
                (more_loss, more_right), more = answered, self._memory.gradients[number]
            else:
                if number in asked:
                    # It may have been killed, for its memory or by hand. All it knew is here.
                    self._workers.pop(number).stop()
                more_loss, more_right, more = self._part.compute(rows)
            loss, right = loss + more_loss, right + more_right
            for gradient, other in zip(gradients, more, strict=True):
                np.add(gradient, other, out=gradient)
        return BatchResult(loss, right, gradients)

    def _lengths(self, ids: np.ndarray) -> np.ndarray:
        """How many steps of each row have to be read, ``(batch,)``."""
        network = self._objective.network
        drops = sum(layer.class_name == "Dropout" for layer in network.layers)
        # What a second Dropout drops depends on how many steps the first one saw.
        if not network.skips_padding or drops > 1:
            return np.full(len(ids), ids.shape[1])
        is_read = ids != 0
        return np.where(is_read.any(axis=1), ids.shape[1] - is_read[:, ::-1].argmax(axis=1), 0)

    def _is_ready(self, number: int) -> bool:
        """Whether a worker is there, and has started."""
        worker = self._workers.get(number)
        if worker is None or number in self._ready:
            return worker is not None
        if not worker.has_answered():
            return False
        if worker.receive() == _READY:
            self._ready.add(number)
            return True
        self._workers.pop(number).stop()
        return False

    def reset_states(self) -> None:
        """Lets a stateful network begin anew."""
        for arrays in self.states.values():
            for array in arrays:
                array[...] = 0

    @contextmanager
    def at_work(self, batch_size: int) -> Iterator[None]:
        """Inside the ``with``, memory is used again and threads are as many as help."""
        network = self._objective.network
        threads = one_thread() if self._parts > 1 else threads_for(network, batch_size)
        with reuse(), threads:
            yield

    def close(self) -> None:
        """Ends the other processes. This one can go on alone."""
        self._finalizer()


def remembered(gradients: BatchGradients, state: OptimizerState) -> dict[str, np.ndarray]:
    """By name, all that the next step depends on besides the weights.

    Args:
        gradients: whose states stateful layers carry on.
        state: what the optimizer remembers.
    """
    found = {"iterations": np.array(state.iterations)}
    for name, slots in state.slots.items():
        found |= numbered(f"slot-{name}", slots)
    for (layer, direction), carried in gradients.states.items():
        found |= numbered(f"state-{layer}{direction}", carried)
    return found


def restore_remembered(
    gradients: BatchGradients, state: OptimizerState, memory: Mapping[str, np.ndarray]
) -> None:
    """Takes up what `remembered` gave.

    Raises:
        KeyError: if something is missing.
        ValueError: if a shape doesn't fit.
    """
    for name, array in remembered(gradients, state).items():
        array[...] = memory[name]
    state.iterations = int(memory["iterations"])


def parts_of_like_cost(lengths: np.ndarray, count: int) -> list[int]:
    """Where to cut a batch so that its parts take as long as each other.

    A part takes as many steps as its longest row has. So of rows that are sorted by length the
    short ones go into a part with more of them.

    Args:
        lengths: steps of each row ``(rows,)``.
        count: of parts, at most as many as rows.

    Returns:
        Where the parts begin, and the end of the last one.

    Example:
        >>> parts_of_like_cost(np.array([9, 9, 9, 9]), 2)
        [0, 2, 4]
        >>> parts_of_like_cost(np.array([50, 60, 70, 80, 90, 200]), 2)
        [0, 5, 6]
    """
    rows = len(lengths)
    if (lengths == lengths[0]).all():
        edges: list[int] = np.linspace(0, rows, count + 1).round().astype(int).tolist()
        return edges
    blocks = min(rows, max(_CUTS, count))
    places = np.linspace(0, rows, blocks + 1).round().astype(int)
    # The cost of blocks i to j is at [i, j].
    of_blocks = np.maximum.reduceat(lengths, places[:-1])
    longest = np.maximum.accumulate(np.triu(np.tile(of_blocks, (blocks, 1))), axis=1)
    sizes = places[1:] - places[:-1, np.newaxis]
    costs = np.where(sizes > 0, longest * (sizes + _STEP_ROWS), np.inf)
    # Of the blocks up to j, in so many parts: the least that the costliest part may cost.
    least, cuts = costs[0], []
    for _ in range(1, count):
        worst = np.maximum(least[:-1, np.newaxis], costs[1:])
        cuts.append(1 + worst.argmin(axis=0))
        least = worst.min(axis=0)
    edges = [blocks]
    for cut in reversed(cuts):
        edges.append(int(cut[edges[-1] - 1]))
    return [int(places[edge]) for edge in (0, *reversed(edges))]


def count_processes(network: NetworkSpec, *, rows: int, time: int, batches: int) -> int:
    """How many processes are worth it; it depends on nothing that changes as training goes.

    Args:
        network: the layers.
        rows: texts in a batch.
        time: steps of a row.
        batches: of an epoch.

    Example:
        >>> from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
        >>> network = sentiment_network(ArchitectureConfig(), maxlen=400, vector_size=300)
        >>> count_processes(network, rows=32, time=400, batches=5)
        1
    """
    if not can_start_workers():
        return 1
    recurrent = [place for place, one in enumerate(network.layers) if one.cell.is_recurrent]
    # The first layer's kernel meets distinct inputs only, and a Dense at the end may meet one step.
    met = sum(
        weight.shape[0] * weight.shape[-1]
        for weight in network.weights()
        if weight.layer in recurrent
        and (weight.name == "recurrent_kernel" or weight.layer != recurrent[0])
    )
    # Each number of them there and twice back, by a multiplication and an addition.
    operations = 6 * rows * time * met
    seconds = batches * (time * len(recurrent) * _STEP_SECONDS + operations / _OPERATIONS)
    if seconds < _WORTH:
        return 1
    return max(1, min(count_processors(), rows // _FEWEST_ROWS))


@dataclass(frozen=True)
class _Rows:
    """Some rows of a batch, and which they are."""

    ids: np.ndarray
    targets: np.ndarray
    sample_weight: np.ndarray | None
    chance: list[int]
    start: int
    batch: int

    def packed(self) -> list[Any]:
        """As `marshal` can write it."""
        weight = self.sample_weight
        return [
            _packed(self.ids),
            _packed(self.targets),
            None if weight is None else _packed(weight),
            self.chance,
            self.start,
            self.batch,
        ]

    @classmethod
    def unpacked(cls, values: list[Any]) -> _Rows:
        ids, targets, weight, chance, start, batch = values
        return cls(
            _unpacked(ids),
            _unpacked(targets),
            None if weight is None else _unpacked(weight),
            chance,
            start,
            batch,
        )


class _Part:
    """Computes the gradients of some rows of a batch, in any process."""

    def __init__(self, objective: Objective, memory: _Memory) -> None:
        # The batch size of a stateful network is that of the whole batch.
        spec = objective.network
        network = NetworkSpec((None, *spec.batch_shape[1:]), spec.layers)
        self._objective, self._states = objective, memory.states
        count = len(network.weights())
        self._embedded = EmbeddedNetwork(network, memory.weights[:count], memory.vectors)
        self._embedded.network.weights = memory.weights[:count]
        self._head, self._of_head = objective.head(len(memory.vectors)), memory.weights[count:]

    def compute(self, rows: _Rows) -> tuple[float, float, list[np.ndarray]]:
        """The loss as a share of the batch's, and of a binary network the weight of those right."""
        objective, network = self._objective, self._embedded.network
        these = slice(rows.start, rows.start + len(rows.ids))
        network.states = {
            key: tuple(array[these] for array in arrays) for key, arrays in self._states.items()
        }
        output = self._forward(rows)
        for key, arrays in network.states.items():
            for array, now in zip(self._states[key], arrays, strict=True):
                array[these] = now
        if self._head is not None:
            return self._compute_next_words(self._head, rows, output)
        loss, (gradients, of_vectors, of_projected) = self._learn(rows, output)
        if objective.adversarial:
            words = np.count_nonzero(rows.ids, axis=1)
            moved = adversarial_perturbation(of_projected, words, objective.adversarial)
            _, (more, more_of_vectors, _) = self._learn(rows, self._forward(rows, moved))
            for gradient, other in zip(gradients, more, strict=True):
                gradient += other
            if of_vectors is not None:
                of_vectors += more_of_vectors
        if of_vectors is not None:
            # The padding stays zero, which is what every saved network is fed with.
            of_vectors[0] = 0
            gradients.append(of_vectors)
        right = 0.0
        if output.ndim == 2:
            weight = np.ones(len(output)) if rows.sample_weight is None else rows.sample_weight
            right = float(weight[is_right(rows.targets, output)].sum())
        return loss, right, gradients

    def _forward(self, rows: _Rows, perturbation: list[np.ndarray] | None = None) -> np.ndarray:
        """The network's output; the same rows lose the same to dropout each time."""
        chance = ChanceOfRows(np.random.default_rng(rows.chance), rows.start, rows.batch)
        return self._embedded.forward(
            rows.ids, training=True, rng=chance, perturbation=perturbation
        )

    def _learn(self, rows: _Rows, output: np.ndarray) -> tuple[float, EmbeddedGradients]:
        """Of what `_forward` gave, the loss as a share of the batch's, and the gradients."""
        objective, share = self._objective, len(rows.ids) / rows.batch
        _, _, goes_with = LOSSES[objective.loss]
        done = loss_and_gradient(
            objective.loss,
            rows.targets,
            output,
            activation=goes_with,
            sample_weight=rows.sample_weight,
        )
        gradients = self._embedded.backward(
            done.gradient * np.float32(share),
            of_sum=done.of_sum,
            vector_gradient=objective.trains_vectors,
        )
        return done.loss * share, gradients

    def _compute_next_words(
        self, head: NextWordsHead, rows: _Rows, states: np.ndarray
    ) -> tuple[float, float, list[np.ndarray]]:
        assert rows.sample_weight is not None
        done = head.loss_and_gradients(
            states,
            rows.ids,
            self._of_head,
            self._embedded.vectors,
            chance=rows.chance,
            scale=float(rows.sample_weight[0]),
        )
        gradients, of_vectors, _ = self._embedded.backward(done.of_states, vector_gradient=True)
        assert of_vectors is not None
        done.add_to(of_vectors)
        of_vectors[0] = 0
        return done.loss, 0.0, [*gradients, *done.gradients, of_vectors]


@dataclass(frozen=True)
class _Memory:
    """Where the arrays lie that all processes see."""

    weights: list[np.ndarray]
    vectors: np.ndarray
    states: dict[tuple[int, str], tuple[np.ndarray, ...]]
    gradients: list[list[np.ndarray]]  # of each worker
    shared: SharedArrays | None = None

    @classmethod
    def of(
        cls,
        objective: Objective,
        weights: Sequence[np.ndarray],
        vectors: np.ndarray,
        processes: int,
    ) -> _Memory:
        """Memory that only this process sees, if it is the only one, or can be no other."""
        if processes > 1:
            try:
                memory = cls.shared_by(objective, len(vectors), processes)
            except OSError:
                pass
            else:
                given = [*weights, vectors]
                for array, value in zip([*memory.weights, memory.vectors], given, strict=True):
                    array[...] = value
                return memory
        return cls(
            [np.array(array, np.float32) for array in weights],
            np.array(vectors, np.float32) if objective.trains_vectors else vectors,
            {
                key: tuple(np.zeros(shape, np.float32) for shape in shapes)
                for key, shapes in _state_shapes(objective.network).items()
            },
            [],
        )

    @classmethod
    def shared_by(
        cls, objective: Objective, ids: int, processes: int, file: int | None = None
    ) -> _Memory:
        """Memory that `processes` see, made here or, where there is a file, by another."""
        spec = objective.network
        weights = objective.shapes(ids)
        vectors = (ids, spec.batch_shape[2])
        states = _state_shapes(spec)
        gradients = [*weights, *([vectors] if objective.trains_vectors else [])]
        shapes = [
            *weights,
            vectors,
            *(shape for shapes in states.values() for shape in shapes),
            *gradients * (processes - 1),
        ]
        shared = SharedArrays(shapes, file)
        coming = iter(shared.arrays)
        return cls(
            [next(coming) for _ in weights],
            next(coming),
            {key: tuple(next(coming) for _ in found) for key, found in states.items()},
            [[next(coming) for _ in gradients] for _ in range(processes - 1)],
            shared,
        )


def _state_shapes(spec: NetworkSpec) -> dict[tuple[int, str], list[tuple[int, int]]]:
    """Of each stateful layer, by index and direction, the shapes of what it carries."""
    found = {}
    for index, layer in enumerate(spec.layers):
        batch, cell = spec.batch_shape[0], layer.cell
        if not cell.config.get("stateful") or batch is None:
            continue
        bidirectional = layer.class_name == "Bidirectional"
        for direction in ("forward", "backward") if bidirectional else ("",):
            found[index, direction] = [(batch, cell.units)] * (
                2 if cell.class_name == "LSTM" else 1
            )
    return found


def _start(objective: Objective, memory: _Memory) -> dict[int, Worker]:
    """Starts the workers, which answer once when they are ready."""
    workers: dict[int, Worker] = {}
    if memory.shared is None:
        return workers
    # As many as the system allows, and a part of a batch for each that there is.
    with suppress(OSError):
        for number in range(len(memory.gradients)):
            workers[number] = Worker(
                "sentiment_rnn.training.gradients",
                files=[memory.shared.file],
                # Told before NumPy is imported, it starts no threads that wait for nothing.
                environment={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
    spec, processes = objective.network, 1 + len(memory.gradients)
    for number, worker in workers.items():
        layers = [_plain(layer) for layer in spec.layers]
        told = [list(spec.batch_shape), layers, objective.loss, objective.trains_vectors]
        told += [objective.candidates, objective.adversarial]
        worker.send([*told, len(memory.vectors), processes, memory.shared.file, number])
    memory.shared.close_file()
    return workers


def _stop(workers: dict[int, Worker]) -> None:
    while workers:
        workers.popitem()[1].stop()


def serve() -> None:
    """What a worker does: it computes the gradients of the rows that come."""
    coming = requests()
    shape, layers, *told, ids, processes, file, number = next(coming)
    batch_shape = tuple(shape)
    spec = NetworkSpec(batch_shape, tuple(_layer(values) for values in layers))
    objective = Objective(spec, *told)
    memory = _Memory.shared_by(objective, ids, processes, file)
    os.close(file)
    part = _Part(objective, memory)
    with reuse(), one_thread():
        answer(_READY)
        for values in coming:
            share, right, gradients = part.compute(_Rows.unpacked(values))
            for array, gradient in zip(memory.gradients[number], gradients, strict=True):
                array[...] = gradient
            answer([share, right])


def _plain(layer: LayerSpec) -> list[Any]:
    """A layer as `marshal` can write it."""
    config: Mapping[str, object] = layer.config
    inner = {
        key: _plain(value) if isinstance(value, LayerSpec) else value
        for key, value in config.items()
    }
    return [layer.class_name, inner]


def _layer(values: list[Any]) -> LayerSpec:
    class_name, config = values
    inner = {
        key: _layer(value) if isinstance(value, list) else value for key, value in config.items()
    }
    return LayerSpec(class_name, inner)


def _packed(array: np.ndarray) -> list[Any]:
    return [array.dtype.str, list(array.shape), array.tobytes()]


def _unpacked(values: list[Any]) -> np.ndarray:
    dtype, shape, data = values
    return np.frombuffer(data, dtype).reshape(shape)
