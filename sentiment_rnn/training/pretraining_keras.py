"""What learns which words come next on any backend of Keras, with a GPU where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from sentiment_rnn.architectures.builder import build_network, vectors_layer
from sentiment_rnn.architectures.embedded import EmbeddedNetwork, distinct_ids
from sentiment_rnn.numpy_rnn.next_words import NEVER, with_targets
from sentiment_rnn.training.keras_engine import chosen_precision
from sentiment_rnn.training.keras_variables import assign, values, variables

if TYPE_CHECKING:
    from sentiment_rnn.training.pretraining_learners import Beginning, Learner

Tensor = Any

# Words that are told from all others at a time.
_TOLD = 1024


def make_keras_learner(begun: Beginning) -> Learner:
    """Makes a learner of what it is to begin with."""
    return _KerasLearner(begun)


class _KerasLearner:
    """The learner."""

    def __init__(self, begun: Beginning) -> None:
        keras.utils.set_random_seed(begun.seed)
        self._head, self._seed, self._ids = begun.head, begun.seed, len(begun.vectors)
        self._model = NextWords(begun)
        config = begun.config
        self._optimizer = keras.optimizers.Adam(
            config.learning_rate, global_clipnorm=config.clip_norm
        )
        self._model.compile(self._optimizer)
        self._optimizer.build(self._model.trainable_variables)

    def learn(self, ids: np.ndarray, *, step: int, learning_rate: float) -> float:
        self._optimizer.learning_rate = learning_rate
        self._model.reset_metrics()
        drawn = self._head.candidates.draw([self._seed, 1, step])
        return float(self._model.train_on_batch((*distinct_ids(ids, self._ids), drawn), ids))

    def say(self, ids: np.ndarray) -> list[np.ndarray]:
        nothing = np.zeros(1, np.int32)
        said = self._model.predict_on_batch((*distinct_ids(ids, self._ids), nothing))
        return [np.asarray(one) for one in said]

    def loss(self, said: np.ndarray, targets: np.ndarray) -> float:
        embeddings, bias = self._model.embedded.word_vectors.embeddings, self._model.bias
        vectors, bias = (ops.stop_gradient(one)[1:] for one in (embeddings, bias))
        total = 0.0
        for first in range(0, len(said), _TOLD):
            these = slice(first, first + _TOLD)
            odds = ops.matmul(ops.convert_to_tensor(said[these]), ops.transpose(vectors)) + bias
            of_words = ops.take_along_axis(odds, targets[these, np.newaxis] - 1, axis=1)[:, 0]
            losses = ops.logsumexp(odds, axis=1) - of_words
            total += float(ops.sum(losses))
        return total

    def learned(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        return (
            self._model.network.get_weights(),
            self._model.embedded.word_vectors.get_weights()[0],
            ops.convert_to_numpy(self._model.bias),
        )

    def state(self) -> dict[str, np.ndarray]:
        return values(variables(self._model, self._model.network))

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        assign(variables(self._model, self._model.network), saved)

    def at_work(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        pass


class NextWords(keras.Model):
    """A recurrent layer that says which words come next.

    Args:
        begun: its layers, what says the words, and their arrays.
    """

    def __init__(self, begun: Beginning) -> None:
        super().__init__()
        network, head = begun.network, begun.head
        count = len(network.weights())
        *ends, bias = begun.weights[count:]
        self.network = build_network(network, begun.weights[:count])
        self.embedded = EmbeddedNetwork(
            vectors_layer(begun.vectors, trainable=True),
            self.network,
            precision=chosen_precision(begun.config.precision, network),
        )
        self.dropout = keras.layers.Dropout(begun.dropout)
        self.heads = []
        for number in range(head.directions):
            layer = keras.layers.Dense(head.features, name=f"head_{number}")
            layer.build((None, None, head.units))
            layer.set_weights(ends[2 * number :][:2])
            self.heads.append(layer)
        self._expected = ops.convert_to_tensor(head.candidates.expected)
        self.bias = self.add_weight(shape=bias.shape, initializer="zeros", name="bias")
        self.bias.assign(bias)
        self.built = True

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> list[Tensor]:
        """What each direction says, ``(batch, time, features)`` each; Keras calls it."""
        *words, _ = inputs
        states = self.dropout(self.embedded(tuple(words)), training=training)
        parts = ops.split(states, len(self.heads), axis=-1)
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]

    def compute_loss(
        self,
        x: Any = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The mean over all words, nats; Keras calls it."""
        candidates, y = ops.convert_to_tensor(x[-1]), ops.convert_to_tensor(y)
        # As one array: of a variable TensorFlow keeps each place's gradient for itself, and a word
        # that is said often would count for less when gradients are clipped together.
        vectors = ops.convert_to_tensor(self.embedded.word_vectors.embeddings) * 1.0
        losses, counts = [], []
        is_word = ops.cast(y > 0, y.dtype)
        for said, targets in with_targets(y_pred, y, is_word):
            read = ops.cast(targets > 0, said.dtype)
            loss = sampled_loss(said, targets, candidates, vectors, self.bias, self._expected)
            losses.append(ops.sum(loss * read))
            counts.append(ops.sum(read))
        return sum(losses) / ops.maximum(sum(counts), 1)


def sampled_loss(
    said: Tensor,
    targets: Tensor,
    candidates: Tensor,
    vectors: Tensor,
    bias: Tensor,
    expected: Tensor,
) -> Tensor:
    """How surely words are told from candidates: the cross-entropy of a sampled softmax.

    Args:
        said: a vector for each word ``(..., features)``.
        targets: the words' ids ``(...)``.
        candidates: ids of the words that each is told from ``(candidates,)``.
        vectors: of all ids ``(ids, features)``.
        bias: of all ids ``(ids,)``.
        expected: the logarithm of how often each id is expected among candidates ``(ids,)``. A
            candidate stands for as many words as it is rare. On average the loss is a little lower
            than that of all words, the less so the more candidates there are.

    Returns:
        Nats ``(...)``.

    Source: Jean, Cho, Memisevic and Bengio, "On Using Very Large Target Vocabulary for Neural
    Machine Translation", 2015.
    """
    of_targets = ops.sum(said * ops.take(vectors, targets, axis=0), axis=-1)
    of_targets += ops.take(bias, targets)
    others = ops.matmul(said, ops.transpose(ops.take(vectors, candidates, axis=0)))
    others += ops.take(bias - expected, candidates)
    others = ops.where(ops.expand_dims(targets, -1) == candidates, NEVER, others)
    both = ops.concatenate([ops.expand_dims(of_targets, -1), others], axis=-1)
    return ops.logsumexp(both, axis=-1) - of_targets
