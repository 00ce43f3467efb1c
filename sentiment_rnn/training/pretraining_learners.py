"""What learns which words come next: the same network in NumPy, or in Keras.

Both begin with the same weights, tell words from the same candidates and take the same steps. Only
what dropout drops differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.errors import UsageError
from sentiment_rnn.numpy_rnn import Adam, clip_by_global_norm
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from sentiment_rnn.numpy_rnn.next_words import NextWordsHead, count_targets, softmax_loss
from sentiment_rnn.training.checkpoints import from_numbered, numbered
from sentiment_rnn.training.config import PretrainingConfig
from sentiment_rnn.training.gradients import (
    NEXT_WORDS,
    BatchGradients,
    Objective,
    count_processes,
    remembered,
    restore_remembered,
)


class Learner(Protocol):
    """Recurrent layers and word vectors that learn batch by batch which words come next."""

    def learn(self, ids: np.ndarray, *, step: int, learning_rate: float) -> float:
        """Takes a step.

        Args:
            ids: int32 ``(batch, time)``.
            step: batches that were learned from before.
            learning_rate: how large the step is.

        Returns:
            The mean cross-entropy before it, among candidates, nats a word.
        """

    def say(self, ids: np.ndarray) -> list[np.ndarray]:
        """What each direction says of words, ``(batch, time, features)`` each."""

    def loss(self, said: np.ndarray, targets: np.ndarray) -> float:
        """How surely words are told from all others, as `softmax_loss` has it.

        Args:
            said: of what `say` gave, that of each word ``(words, features)``.
            targets: the words' ids ``(words,)``.
        """

    def learned(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """The recurrent layers' arrays, the vectors and the words' bias; not to be changed."""

    def state(self) -> dict[str, np.ndarray]:
        """By name, all that the next step depends on; not to be changed."""

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Takes up what `state` gave.

        Raises:
            KeyError: if something is missing.
            ValueError: if a shape doesn't fit.
        """

    def at_work(self) -> AbstractContextManager[None]:
        """What batch after batch is learned in."""

    def close(self) -> None:
        """Lets go of what only learning needs."""


@dataclass(frozen=True)
class Beginning:
    """What a learner begins with.

    Args:
        network: the layers, as of `recurrent_part`.
        head: what says the words.
        weights: the layers' arrays, and the head's; not changed.
        vectors: of each id ``(ids, features)``; not changed.
        config: engine, clipping and candidates.
        seed: of dropout and candidates.
        dropout: share of the last layer's outputs that is dropped.
    """

    network: NetworkSpec
    head: NextWordsHead
    weights: Sequence[np.ndarray]
    vectors: np.ndarray
    config: PretrainingConfig
    seed: int
    dropout: float


def make_learner(
    network: NetworkSpec,
    weights: Sequence[np.ndarray],
    vectors: np.ndarray,
    config: PretrainingConfig,
    seed: int,
    *,
    dropout: float,
    time: int,
    batches: int,
) -> Learner:
    """Makes what the config asks for.

    Args:
        network: the layers, as of `recurrent_part`.
        weights: their arrays to begin with; copied.
        vectors: of each id ``(ids, features)``; copied.
        config: engine, clipping and candidates.
        seed: of the head's weights, dropout and candidates.
        dropout: share of the last layer's outputs that is dropped.
        time: words of a text.
        batches: of an epoch.
    """
    objective = Objective(network, NEXT_WORDS, trains_vectors=True, candidates=config.candidates)
    head = objective.head(len(vectors))
    assert head is not None
    begun = [*weights, *head.initial_weights(np.random.default_rng([seed, 1]))]
    beginning = Beginning(network, head, begun, vectors, config, seed, dropout)
    if config.engine == "keras":
        from sentiment_rnn.training.pretraining_keras import make_keras_learner

        return make_keras_learner(beginning)
    processes = count_processes(network, rows=config.batch_size, time=time, batches=batches)
    return _NumpyLearner(beginning, objective, processes)


class _NumpyLearner:
    """A learner without Keras."""

    def __init__(self, begun: Beginning, objective: Objective, processes: int) -> None:
        self._network, self._head = begun.network, begun.head
        self._config, self._seed = begun.config, begun.seed
        if begun.dropout:
            layers = (*self._network.layers, LayerSpec("Dropout", {"rate": begun.dropout}))
            network = dataclasses.replace(self._network, layers=layers)
            objective = dataclasses.replace(objective, network=network)
        self._gradients = BatchGradients(
            objective, begun.weights, begun.vectors, processes=processes
        )
        self._weights = self._gradients.weights
        self._optimizer = Adam(learning_rate=self._config.learning_rate)
        self._state = self._optimizer.start(self._weights)

    def learn(self, ids: np.ndarray, *, step: int, learning_rate: float) -> float:
        words = count_targets(ids, self._head.directions)
        share = np.full(len(ids), 1 / max(words, 1))
        done = self._gradients.compute(ids, ids, chance=[self._seed, 1, step], sample_weight=share)
        gradients, _ = clip_by_global_norm(done.gradients, self._config.clip_norm)
        self._optimizer.update(self._weights, gradients, self._state, learning_rate=learning_rate)
        return done.loss

    def say(self, ids: np.ndarray) -> list[np.ndarray]:
        weights, vectors, _ = self.learned()
        states = EmbeddedNetwork(self._network, weights, vectors).forward(ids)
        return self._head.say(states, self._weights[len(weights) : -1])

    def loss(self, said: np.ndarray, targets: np.ndarray) -> float:
        return softmax_loss(said, targets, *self.learned()[1:])

    def learned(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        count = len(self._network.weights())
        return self._weights[:count], self._weights[-1], self._weights[-2]

    def state(self) -> dict[str, np.ndarray]:
        memory = remembered(self._gradients, self._state)
        return {**numbered("weight", self._weights), **memory}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        weights = from_numbered("weight", saved, len(self._weights))
        for array, value in zip(self._weights, weights, strict=True):
            array[...] = value
        restore_remembered(self._gradients, self._state, saved)

    def at_work(self) -> AbstractContextManager[None]:
        return self._gradients.at_work(self._config.batch_size)

    def close(self) -> None:
        self._gradients.close()


def recurrent_part(network: NetworkSpec) -> NetworkSpec:
    """The layers up to the last recurrent one, which gives all its outputs.

    Raises:
        UsageError: for a network that the words to come could leak into.
    """
    recurrent = [place for place, layer in enumerate(network.layers) if layer.cell.is_recurrent]
    last = network.layers[recurrent[-1]]
    kinds = {network.layers[place].class_name for place in recurrent}
    problem = None
    if "Bidirectional" in kinds and (len(recurrent) > 1 or last["merge_mode"] != "concat"):
        problem = "layers that read from both ends, one above the other, tell each other the words"
    elif any(network.layers[place].cell["go_backwards"] for place in recurrent):
        problem = "reading from the end alone is not pretrained: take bidirectional"
    elif network.is_stateful:
        problem = "a stateful network reads windows, and whole texts are read here"
    elif not last.cell["return_sequences"]:
        problem = "the head last keeps one output only: take the head mean_max"
    elif not network.skips_padding:
        problem = "padding must be skipped: take masking, and a head other than flatten"
    if problem is not None:
        raise UsageError(f"This network can't learn which words come next: {problem}.")
    return dataclasses.replace(network, layers=network.layers[: recurrent[-1] + 1])
