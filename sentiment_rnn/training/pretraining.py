"""A recurrent layer learns which word comes next, before it learns to classify.

Texts without labels teach it what follows from what. Where the layer reads from both ends, its
forward half says the next word and its backward half the one before. What is said is a vector,
whose products with all word vectors tell the words apart, so that these learn as well; a training
step takes the products with some words only, drawn at random.

Sources: Dai and Le, "Semi-supervised Sequence Learning", 2015; Howard and Ruder, "Universal
Language Model Fine-tuning for Text Classification", 2018; one matrix for both ends: Press and Wolf,
"Using the Output Embedding to Improve Language Models", 2017.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from sentiment_rnn.architectures.builder import build_network, vectors_layer
from sentiment_rnn.architectures.embedded import EmbeddedNetwork, distinct_ids
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import UsageError
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.training.batches import TextBatches
from sentiment_rnn.training.checkpoints import (
    CheckpointWriter,
    check_task,
    fingerprint,
    has_checkpoint,
    read_checkpoint,
)
from sentiment_rnn.training.config import PretrainingConfig
from sentiment_rnn.training.keras_engine import chosen_precision
from sentiment_rnn.training.keras_variables import assign, values, variables
from sentiment_rnn.training.progress import Progress

Tensor = Any

# Options that a run may go on with others of.
_MAY_CHANGE = ("epochs",)
# Texts that are measured at a time; fewer than in training, as all words are told apart.
_MEASURED = 16
# Log odds of a candidate that is the word itself: as if it weren't there.
_NEVER = -1e9


@dataclass(frozen=True)
class PretrainingTask:
    """What is to be pretrained, on what, and how.

    Args:
        network: the layers of the classifier, of which those up to the last recurrent one learn.
        weights: arrays in the order of ``network.weights()`` to begin with; not changed.
        vectors: of each id, ``(ids, features)``, those of frequent words first; not changed.
        encoded: int32 ids of each text, cut to the length that is read.
        config: epochs, batches and candidates.
        seed: of the order of the texts, of dropout and of candidates.
    """

    network: NetworkSpec
    weights: Sequence[np.ndarray]
    vectors: np.ndarray
    encoded: Sequence[np.ndarray]
    config: PretrainingConfig
    seed: int

    def fingerprint(self) -> str:
        """A hash of all that decides what training gives, but for the epochs."""
        config = {**dataclasses.asdict(self.config), **dict.fromkeys(_MAY_CHANGE)}
        return fingerprint(
            [repr(self.network), config, self.seed], [*self.weights, self.vectors, *self.encoded]
        )


@dataclass(frozen=True)
class PretrainingResult:
    """What pretraining gave.

    Args:
        weights: the network's arrays; those behind the last recurrent layer as they were.
        vectors: of each id, ``(ids, features)``.
        history: of each epoch, in nats a word, ``loss``, among candidates, and ``val_loss``, of the
            texts held out and among all words.
    """

    weights: list[np.ndarray]
    vectors: np.ndarray
    history: dict[str, list[float]]


def pretrain(
    task: PretrainingTask, *, checkpoint: Path | None = None, verbose: bool = False
) -> PretrainingResult:
    """Lets a network learn which words come next.

    Args:
        task: what is to be pretrained.
        checkpoint: a file to go on from if it is there, written as training goes.
        verbose: whether to show progress on standard error.

    Returns:
        Weights, vectors and history.

    Raises:
        UsageError: for a network that the words to come could leak into, or if the loss is no
            finite number any more.
        ModelError: if the checkpoint is of another task.
    """
    config = task.config
    keras.utils.set_random_seed(task.seed)
    order = np.random.default_rng([task.seed, 0]).permutation(len(task.encoded))
    held_out = order[: max(1, round(len(order) * config.held_out))]
    learned = [task.encoded[row] for row in order[len(held_out) :]]
    measured = [task.encoded[row] for row in held_out]
    model = NextWords(task)
    batches = TextBatches(
        learned,
        np.zeros((len(learned), 0)),  # The words themselves say what comes next.
        pad_sequences,
        config.batch_size,
        task.seed,
        by_length=True,
    )
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.epochs * len(batches)
    )
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=config.clip_norm)
    model.compile(optimizer)
    optimizer.build(model.trainable_variables)
    run = _Run(model, task, checkpoint)
    progress = Progress(config.epochs, len(batches), done=run.epoch) if verbose else None
    with run.writer.at_work():
        while run.epoch < config.epochs:
            first = run.step - run.epoch * len(batches)
            batches.begin_epoch(run.epoch)
            if progress is not None:
                progress.begin_epoch()
                progress.end_batch(first)
            for number in range(first, len(batches)):
                with run.writer.step():
                    ids, _ = batches[number]
                    random = np.random.default_rng([task.seed, 1, run.step])
                    model.reset_metrics()
                    loss = model.train_on_batch(
                        (*distinct_ids(ids, len(task.vectors)), model.draw(random)), ids
                    )
                    run.end_step(float(loss))
                run.writer.after_step(float(loss))
                if progress is not None:
                    progress.end_batch()
            scores = {"loss": run.mean_loss(), "val_loss": model.nats(measured)}
            run.writer.check(scores["val_loss"])
            with run.writer.step():
                run.end_epoch(scores)
            if progress is not None:
                progress.end_epoch(scores)
        run.writer.write()
    return PretrainingResult(*model.weights_and_vectors(task), run.history)


class NextWords(keras.Model):
    """A recurrent layer that says which words come next.

    Args:
        task: network, weights, vectors and config.

    Raises:
        UsageError: for a network that the words to come could leak into.
    """

    def __init__(self, task: PretrainingTask) -> None:
        super().__init__()
        spec = _recurrent_part(task.network)
        last = spec.layers[-1]
        count, features = task.vectors.shape
        self.network = build_network(spec, task.weights[: len(spec.weights())])
        self.embedded = EmbeddedNetwork(
            vectors_layer(task.vectors, trainable=True),
            self.network,
            precision=chosen_precision(task.config.precision, spec),
        )
        directions = 2 if last.class_name == "Bidirectional" else 1
        self.dropout = keras.layers.Dropout(
            max(
                [float(str(x["rate"])) for x in task.network.layers if x.class_name == "Dropout"],
                default=0,
            )
        )
        self.heads = [keras.layers.Dense(features, name=f"head_{n}") for n in range(directions)]
        for head in self.heads:
            head.build((None, None, last.units))
        self._candidates = task.config.candidates
        # How often a word is drawn, and expected before anything is learned: as Zipf's law has it
        # for words in the order of their frequency. The padding, which never is, counts as 1.
        chances = np.log1p(1 / np.arange(1, count)) / np.log(count)
        logs = np.log(np.concatenate([[1], chances])).astype(np.float32)
        self._expected = ops.convert_to_tensor(logs + np.float32(np.log(self._candidates)))
        self.bias = self.add_weight(shape=(count,), initializer="zeros", name="bias")
        self.bias.assign(logs)
        self.built = True

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Draws candidates: int32 ids ``(candidates,)``, those of frequent words more often."""
        count = self.bias.shape[0]
        powers = random.random(self._candidates) * np.log(count)
        return np.minimum(np.exp(powers), count - 1).astype(np.int32)

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
        candidates = x[-1]
        vectors = self.embedded.word_vectors.embeddings
        losses, counts = [], []
        for said, targets in _with_targets(y_pred, y):
            read = ops.cast(targets > 0, said.dtype)
            loss = sampled_loss(said, targets, candidates, vectors, self.bias, self._expected)
            losses.append(ops.sum(loss * read))
            counts.append(ops.sum(read))
        return sum(losses) / ops.maximum(sum(counts), 1)

    def nats(self, encoded: Sequence[np.ndarray]) -> float:
        """The mean over the words of texts, each told from all other words, nats."""
        vectors = ops.convert_to_numpy(self.embedded.word_vectors.embeddings)[1:]
        bias = ops.convert_to_numpy(self.bias)[1:]
        total, count = 0.0, 0
        ordered = sorted(encoded, key=len)
        for start in range(0, len(ordered), _MEASURED):
            ids = pad_sequences(ordered[start : start + _MEASURED])
            nothing = np.zeros(1, np.int32)
            said = self.predict_on_batch((*distinct_ids(ids, len(bias) + 1), nothing))
            for vector, targets in _with_targets(said, ids):
                rows = np.asarray(vector)[targets > 0]
                odds = rows @ vectors.T + bias
                highest = odds.max(axis=1, initial=-np.inf, keepdims=True)
                sums = np.log(np.exp(odds - highest).sum(axis=1)) + highest[:, 0]
                of_targets = odds[np.arange(len(rows)), targets[targets > 0] - 1]
                total += float((sums - of_targets).sum())
                count += len(rows)
        return total / max(count, 1)

    def weights_and_vectors(self, task: PretrainingTask) -> tuple[list[np.ndarray], np.ndarray]:
        """The arrays of the whole network, and the word vectors."""
        learned = self.network.get_weights()
        vectors = self.embedded.word_vectors.get_weights()[0]
        return [*learned, *(array.copy() for array in task.weights[len(learned) :])], vectors


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
            candidate stands for as many words as it is rare, so that the loss is that of all words
            but for chance.

    Returns:
        Nats ``(...)``.

    Source: Jean, Cho, Memisevic and Bengio, "On Using Very Large Target Vocabulary for Neural
    Machine Translation", 2015.
    """
    of_targets = ops.sum(said * ops.take(vectors, targets, axis=0), axis=-1)
    of_targets += ops.take(bias, targets)
    others = ops.matmul(said, ops.transpose(ops.take(vectors, candidates, axis=0)))
    others += ops.take(bias - expected, candidates)
    others = ops.where(ops.expand_dims(targets, -1) == candidates, _NEVER, others)
    both = ops.concatenate([ops.expand_dims(of_targets, -1), others], axis=-1)
    return ops.logsumexp(both, axis=-1) - of_targets


def _with_targets(said: Sequence[Any], ids: Any) -> list[tuple[Any, Any]]:
    """What each direction says, beside the ids of the words that it is said of.

    Example:
        >>> ids = np.array([[5, 6, 7]])
        >>> [(a.tolist(), b.tolist()) for a, b in _with_targets([ids, -ids], ids)]
        [([[5, 6]], [[6, 7]]), ([[-6, -7]], [[5, 6]])]
    """
    pairs = [(said[0][:, :-1], ids[:, 1:])]
    if len(said) > 1:
        pairs.append((said[1][:, 1:], ids[:, :-1]))
    return pairs


def _recurrent_part(network: NetworkSpec) -> NetworkSpec:
    """The layers up to the last recurrent one, which gives all its outputs."""
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


class _Run:
    """How far pretraining has come."""

    def __init__(self, model: NextWords, task: PretrainingTask, checkpoint: Path | None) -> None:
        self._model = model
        self.writer = CheckpointWriter(checkpoint, self._state, advice=task.config.advice)
        self.step = 0
        self.history: dict[str, list[float]] = {}
        # Of the epoch so far.
        self._losses: list[float] = []
        self._fingerprint = "" if checkpoint is None else task.fingerprint()
        if checkpoint is not None and has_checkpoint(checkpoint):
            self._restore(checkpoint)

    @property
    def epoch(self) -> int:
        """The number of epochs that have ended, and were measured."""
        return len(self.history.get("loss", []))

    def end_step(self, loss: float) -> None:
        self.step += 1
        self._losses.append(loss)

    def mean_loss(self) -> float:
        return float(np.mean(self._losses))

    def end_epoch(self, scores: dict[str, float]) -> None:
        for name, value in scores.items():
            self.history.setdefault(name, []).append(value)
        self._losses = []

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        progress = {
            "settings": {},
            "fingerprint": self._fingerprint,
            "step": self.step,
            "history": self.history,
            "losses": self._losses,
        }
        return progress, values(variables(self._model, self._model.network))

    def _restore(self, path: Path) -> None:
        with read_checkpoint(path) as (progress, saved):
            check_task(
                path,
                progress,
                settings={},
                fingerprint=self._fingerprint,
                may_change=_MAY_CHANGE,
            )
            assign(variables(self._model, self._model.network), saved)
            self.step, self.history = progress["step"], progress["history"]
            self._losses = progress["losses"]
