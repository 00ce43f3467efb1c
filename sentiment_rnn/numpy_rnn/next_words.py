"""Which word comes next: what a recurrent layer says of it, told from some other words.

A Dense head makes a vector of each state, and its product with a word's vector, plus the word's
bias, says how likely that word comes next. All words of a language are too many to tell one from
in each step of training. So it is told from candidates, which are drawn anew for each step, those
of frequent words more often; each stands for as many words as it is rare.

Where a layer reads from both ends, its forward half says the next word and its backward half the
one before.

Sources: Jean, Cho, Memisevic and Bengio, "On Using Very Large Target Vocabulary for Neural Machine
Translation", 2015; one matrix for both ends: Press and Wolf, "Using the Output Embedding to Improve
Language Models", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sentiment_rnn.numpy_rnn.embedding import occurrences
from sentiment_rnn.numpy_rnn.initializers import glorot_uniform
from sentiment_rnn.numpy_rnn.projection import project, sum_rows

Array = np.ndarray

# Words whose candidates are told apart at a time: what that makes stays in the cache.
_PIECE = 512
# Words that are told from all others at a time.
_TOLD = 128
# Log odds of a candidate that is the word itself: as if it weren't there.
NEVER = -1e9


@dataclass(frozen=True)
class Candidates:
    """The words that each next word is told from.

    Args:
        ids: how many there are, with the padding, which is 0. The others are in the order of
            their frequency.
        count: how many are drawn for a step.

    Example:
        >>> candidates = Candidates(ids=1000, count=4)
        >>> drawn = candidates.draw([0])
        >>> drawn.shape, bool((drawn > 0).all()), bool((drawn < 1000).all())
        ((4,), True, True)
    """

    ids: int
    count: int

    def draw(self, chance: Sequence[int]) -> Array:
        """Draws them: int32 ids ``(count,)``, some more than once.

        Args:
            chance: seeds.
        """
        random = np.random.default_rng([*chance, self.count])
        powers = random.random(self.count) * np.log(self.ids)
        return np.minimum(np.exp(powers), self.ids - 1).astype(np.int32)

    @cached_property
    def log_chances(self) -> Array:
        """How often each id comes, as Zipf's law has it, as a logarithm ``(ids,)``.

        The padding, which never is drawn, counts as 1.
        """
        chances = np.log1p(1 / np.arange(1, self.ids)) / np.log(self.ids)
        return np.log(np.concatenate([[1], chances])).astype(np.float32)

    @cached_property
    def expected(self) -> Array:
        """How often each id is expected among those drawn, as a logarithm ``(ids,)``."""
        return self.log_chances + np.float32(np.log(self.count))


def with_targets(said: Sequence[Any], ids: Any, is_word: Any) -> list[tuple[Any, Any]]:
    """What each direction says, beside the ids of the words that it is said of, 0 for none.

    Args:
        said: of each direction ``(batch, time, ...)``.
        ids: of all words ``(batch, time)``, 0 for the padding.
        is_word: 1 for each word and 0 for the padding ``(batch, time)``, of the type of `ids`: who
            has read no word of a text says none of it.

    Example:
        >>> ids = np.array([[5, 6, 7, 0]])
        >>> [(a.tolist(), b.tolist()) for a, b in with_targets([ids, -ids], ids, np.sign(ids))]
        [([[5, 6, 7]], [[6, 7, 0]]), ([[-6, -7, 0]], [[5, 6, 0]])]
    """
    pairs = [(said[0][:, :-1], ids[:, 1:])]
    if len(said) > 1:
        pairs.append((said[1][:, 1:], ids[:, :-1] * is_word[:, 1:]))
    return pairs


def count_targets(ids: Array, directions: int) -> int:
    """How many words are said of a batch.

    Example:
        >>> count_targets(np.array([[5, 6, 7, 0]]), directions=1)
        2
    """
    pairs = with_targets([ids] * directions, ids, np.sign(ids))
    return sum(int(np.count_nonzero(targets)) for _, targets in pairs)


def sampled_softmax(
    said: Array, targets: Array, candidates: Array, vectors: Array, bias: Array, expected: Array
) -> Array:
    """How surely words are told from candidates.

    Args:
        said: a vector for each word ``(words, features)``.
        targets: the words' ids ``(words,)``.
        candidates: ids of the words that each is told from ``(candidates,)``.
        vectors: of all ids ``(ids, features)``.
        bias: of all ids ``(ids,)``.
        expected: `Candidates.expected`, by which a candidate stands for as many words as it is
            rare. On average the loss is a little lower than that of all words, the less so the
            more candidates there are.

    Returns:
        The cross-entropy of each word, nats ``(words,)``.

    Example:
        >>> zeros, vectors = np.zeros(3, np.float32), np.ones((3, 2), np.float32)
        >>> loss = sampled_softmax(vectors[:1], np.array([1]), np.array([2]), vectors, zeros, zeros)
        >>> bool(np.isclose(loss, np.log(2)).all())  # Two words, as likely.
        True
    """
    return _told(said, targets, candidates, vectors, bias, expected).losses


def softmax_loss(said: Array, targets: Array, vectors: Array, bias: Array) -> float:
    """How surely words are told from all other words.

    Args:
        said: a vector for each word ``(words, features)``.
        targets: the words' ids ``(words,)``, none of them the padding.
        vectors: of all ids ``(ids, features)``, that of the padding first.
        bias: of all ids ``(ids,)``.

    Returns:
        The sum of the words' cross-entropies, nats.

    Example:
        >>> zeros, vectors = np.zeros(3, np.float32), np.ones((3, 2), np.float32)
        >>> loss = softmax_loss(vectors[:2], np.array([1, 2]), vectors, zeros)
        >>> bool(np.isclose(loss, 2 * np.log(2)))  # Two words, as likely.
        True
    """
    total, words = 0.0, targets - 1
    odds = np.empty((_TOLD, len(vectors) - 1), said.dtype)
    for first in range(0, len(said), _TOLD):
        these = slice(first, first + _TOLD)
        part = np.matmul(said[these], vectors[1:].T, out=odds[: len(said[these])])
        part += bias[1:]
        of_words = part[np.arange(len(part)), words[these]]
        highest = part.max(axis=1, keepdims=True)
        part -= highest
        np.exp(part, out=part)
        losses = np.log(part.sum(axis=1)) + highest[:, 0] - of_words
        total += float(losses.sum(dtype=np.float64))
    return total


@dataclass(frozen=True)
class _Told:
    """What telling words from candidates gave.

    Args:
        losses: ``(words,)``.
        of_candidates: the gradient of the losses' sum by what candidates score, which is their
            probability ``(words, candidates)``.
        of_targets: the same by what the words themselves score ``(words,)``.
    """

    losses: Array
    of_candidates: Array
    of_targets: Array


def _told(
    said: Array, targets: Array, candidates: Array, vectors: Array, bias: Array, expected: Array
) -> _Told:
    of_targets = np.einsum("ij,ij->i", said, vectors[targets])
    of_targets += bias[targets]
    others = said @ vectors[candidates].T
    others += bias[candidates] - expected[candidates]
    others[targets[:, np.newaxis] == candidates] = NEVER
    highest = np.maximum(others.max(axis=1), of_targets)
    others -= highest[:, np.newaxis]
    np.exp(others, out=others)
    own = np.exp(of_targets - highest)
    sums = others.sum(axis=1)
    sums += own
    losses = np.log(sums) + highest - of_targets
    others /= sums[:, np.newaxis]
    own /= sums
    own -= 1
    return _Told(losses, others, own)


@dataclass(frozen=True)
class SampledSoftmaxGradients:
    """The sum of what `sampled_softmax` gives, and its gradients.

    Args:
        loss: the sum.
        of_said: ``(words, features)``.
        of_vectors: of some words' vectors: ids ``(words,)``, some more than once, and what to add
            to the gradient of each, ``(words, features)``.
        of_bias: ``(ids,)``.
    """

    loss: float
    of_said: Array
    of_vectors: list[tuple[Array, Array]]
    of_bias: Array


def sampled_softmax_gradients(
    said: Array,
    targets: Array,
    candidates: Array,
    vectors: Array,
    bias: Array,
    expected: Array,
    *,
    scale: float = 1.0,
) -> SampledSoftmaxGradients:
    """As `sampled_softmax`, and back.

    Args:
        said: as of `sampled_softmax`, as are all others.
        targets: as there.
        candidates: as there.
        vectors: as there.
        bias: as there.
        expected: as there.
        scale: by what the loss of each word is multiplied.
    """
    loss, factor = 0.0, said.dtype.type(scale)
    of_said, of_targets = np.empty_like(said), np.empty(len(said), said.dtype)
    of_candidates = np.zeros((len(candidates), said.shape[1]), said.dtype)
    of_candidates_bias = np.zeros(len(candidates), said.dtype)
    for start in range(0, len(said), _PIECE):
        these = slice(start, start + _PIECE)
        told = _told(said[these], targets[these], candidates, vectors, bias, expected)
        loss += float(told.losses.sum(dtype=np.float64))
        of_said[these] = told.of_candidates @ vectors[candidates]
        of_said[these] += told.of_targets[:, np.newaxis] * vectors[targets[these]]
        of_targets[these] = told.of_targets
        of_candidates += told.of_candidates.T @ said[these]
        of_candidates_bias += sum_rows(told.of_candidates)
    distinct, places = np.unique(targets, return_inverse=True)
    of_words = occurrences(places, len(distinct), of_targets) @ said
    of_bias = np.bincount(targets, of_targets, len(bias)).astype(said.dtype)
    np.add.at(of_bias, candidates, of_candidates_bias)
    return SampledSoftmaxGradients(
        loss * scale,
        of_said * factor,
        [(candidates, of_candidates * factor), (distinct, of_words * factor)],
        of_bias * factor,
    )


@dataclass(frozen=True)
class NextWordsResult:
    """What saying the words of a batch gave.

    Args:
        loss: the sum over its words, times the scale.
        of_states: the gradient of the states, of their shape.
        gradients: of the head's weights.
        of_vectors: as of `SampledSoftmaxGradients`.
    """

    loss: float
    of_states: Array
    gradients: list[Array]
    of_vectors: list[tuple[Array, Array]]

    def add_to(self, vector_gradient: Array) -> None:
        """Adds what the vectors' gradient gets from here.

        Args:
            vector_gradient: of all words ``(ids, features)``; changed.
        """
        for ids, gradient in self.of_vectors:
            np.add.at(vector_gradient, ids, gradient)


@dataclass(frozen=True)
class NextWordsHead:
    """Says words of a recurrent layer's states.

    Args:
        units: of each direction of the layer.
        directions: 1, or 2 where it reads from both ends.
        features: of the word vectors.
        candidates: that words are told from.
    """

    units: int
    directions: int
    features: int
    candidates: Candidates

    def shapes(self) -> list[tuple[int, ...]]:
        """Of its weights: kernel and bias of each direction, and the bias of all words.

        Example:
            >>> NextWordsHead(4, 1, 3, Candidates(10, 2)).shapes()
            [(4, 3), (3,), (10,)]
        """
        ends = [(self.units, self.features), (self.features,)] * self.directions
        return [*ends, (self.candidates.ids,)]

    def initial_weights(self, rng: np.random.Generator) -> list[Array]:
        """Its weights before it has learned anything, float32.

        Args:
            rng: where their chance comes from.
        """
        ends: list[Array] = []
        for _ in range(self.directions):
            kernel = glorot_uniform((self.units, self.features), rng)
            ends += [kernel, np.zeros(self.features, np.float32)]
        return [*ends, self.candidates.log_chances]

    def say(self, states: Array, weights: Sequence[Array]) -> list[Array]:
        """What each direction says, ``(batch, time, features)`` each.

        Args:
            states: of the layer ``(batch, time, directions * units)``.
            weights: as `shapes` has them.
        """
        return [
            project(self._of_direction(states, direction), *weights[2 * direction :][:2])
            for direction in range(self.directions)
        ]

    def loss_and_gradients(
        self,
        states: Array,
        ids: Array,
        weights: Sequence[Array],
        vectors: Array,
        *,
        chance: Sequence[int],
        scale: float,
    ) -> NextWordsResult:
        """Says the words of a batch, and goes back.

        Args:
            states: of the layer ``(batch, time, directions * units)``.
            ids: of the words ``(batch, time)``; the padding is 0, and isn't said.
            weights: as `shapes` has them.
            vectors: of all ids ``(ids, features)``.
            chance: seeds of the candidates.
            scale: by what the loss of each word is multiplied.
        """
        drawn, expected = self.candidates.draw(chance), self.candidates.expected
        of_states = np.zeros(states.swapaxes(0, 1).shape, states.dtype).swapaxes(0, 1)
        parts = [self._of_direction(states, n) for n in range(self.directions)]
        of_parts = [self._of_direction(of_states, n) for n in range(self.directions)]
        loss, of_bias = 0.0, np.zeros_like(weights[-1])
        gradients: list[Array] = []
        of_vectors: list[tuple[Array, Array]] = []
        is_word = np.sign(ids)
        pairs = with_targets(parts, ids, is_word), with_targets(of_parts, ids, is_word)
        for number, ((part, targets), (of_part, _)) in enumerate(zip(*pairs, strict=True)):
            # In the order of memory, as states lie with time first.
            is_said = targets.T > 0
            rows = part.swapaxes(0, 1)[is_said]
            kernel, offset = weights[2 * number :][:2]
            done = sampled_softmax_gradients(
                project(rows, kernel, offset),
                targets.T[is_said],
                drawn,
                vectors,
                weights[-1],
                expected,
                scale=scale,
            )
            gradients += [rows.T @ done.of_said, sum_rows(done.of_said)]
            of_part.swapaxes(0, 1)[is_said] = done.of_said @ kernel.T
            loss += done.loss
            of_bias += done.of_bias
            of_vectors += done.of_vectors
        return NextWordsResult(loss, of_states, [*gradients, of_bias], of_vectors)

    def _of_direction(self, states: Array, direction: int) -> Array:
        return states[:, :, direction * self.units : (direction + 1) * self.units]
