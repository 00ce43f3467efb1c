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
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import DataError
from sentiment_rnn.numpy_rnn.next_words import with_targets
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
from sentiment_rnn.training.pretraining_learners import Learner, make_learner, recurrent_part
from sentiment_rnn.training.progress import Progress

# Batches whose texts are sorted by length together: 6 % of what is read of the IMDB reviews is
# padding then, instead of the 22 % of training. What speaks for fewer there are the labels.
_SORTED = 25
# Texts that are measured at a time.
_MEASURED = 16


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
        settings: options by name besides those of `config`, all of JSON's types, from which the
            caller made the task. The checkpoint keeps both for `checkpoint_settings`.
    """

    network: NetworkSpec
    weights: Sequence[np.ndarray]
    vectors: np.ndarray
    encoded: Sequence[np.ndarray]
    config: PretrainingConfig
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """A hash of all that decides what training gives."""
        settings = [repr(self.network), dataclasses.asdict(self.config), self.seed]
        return fingerprint(settings, [*self.weights, self.vectors, *self.encoded])


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
        DataError: for texts in which no word follows another.
        ModelError: if the checkpoint is of another task.
    """
    config = task.config
    spec = recurrent_part(task.network)
    order = np.random.default_rng([task.seed, 0]).permutation(len(task.encoded))
    # One at least on either side.
    held_out = order[: min(max(1, round(len(order) * config.held_out)), len(order) - 1)]
    learned = [task.encoded[row] for row in order[len(held_out) :]]
    measured = [task.encoded[row] for row in held_out]
    for part, texts in (("learned from", learned), ("held out", measured)):
        # The first word of a text comes after none, and the last before none.
        if not any(np.count_nonzero(ids) > 1 for ids in texts):
            raise DataError(
                f"Expected texts of words that follow each other. Received {len(texts):,} that are "
                f"{part}, none of them with two words that the vectors know."
            )
    batches = TextBatches(
        learned,
        np.zeros((len(learned), 0)),  # The words themselves say what comes next.
        pad_sequences,
        config.batch_size,
        task.seed,
        by_length=True,
        sorted_together=_SORTED,
    )
    learner = make_learner(
        spec,
        task.weights[: len(spec.weights())],
        task.vectors,
        config,
        task.seed,
        dropout=_dropout_rate(task.network),
        time=int(np.mean([len(ids) for ids in learned])),
        batches=len(batches),
    )
    # Also when it is interrupted: a traceback may keep the learner for long.
    with closing(learner):
        return _pretrain(task, learner, batches, measured, checkpoint, verbose)


def _pretrain(
    task: PretrainingTask,
    learner: Learner,
    batches: TextBatches,
    measured: Sequence[np.ndarray],
    checkpoint: Path | None,
    verbose: bool,
) -> PretrainingResult:
    config = task.config
    run = _Run(learner, task, checkpoint)
    progress = Progress(config.epochs, len(batches), done=run.epoch) if verbose else None
    with run.writer.at_work(), learner.at_work():
        while run.epoch < config.epochs:
            first = run.step - run.epoch * len(batches)
            batches.begin_epoch(run.epoch)
            if progress is not None:
                progress.begin_epoch()
                progress.end_batch(first)
            for number in range(first, len(batches)):
                with run.writer.step():
                    rate = config.learning_rate_at(run.step, config.epochs * len(batches))
                    ids, _ = batches[number]
                    loss = learner.learn(ids, step=run.step, learning_rate=rate)
                    run.end_step(loss)
                run.writer.after_step(loss)
                if progress is not None:
                    progress.end_batch()
            scores = {"loss": run.mean_loss(), "val_loss": nats(learner, measured)}
            run.writer.check(scores["val_loss"])
            with run.writer.step():
                run.end_epoch(scores)
            if progress is not None:
                progress.end_epoch(scores)
        run.writer.write()
    weights, vectors, _ = learner.learned()
    behind = task.weights[len(weights) :]
    return PretrainingResult(
        [array.copy() for array in (*weights, *behind)], vectors.copy(), run.history
    )


def nats(learner: Learner, encoded: Sequence[np.ndarray]) -> float:
    """How surely a learner says the words of texts, each told from all other words.

    Args:
        learner: what has learned.
        encoded: int32 ids of each text.

    Returns:
        The mean cross-entropy of the words, nats.
    """
    total, count = 0.0, 0
    ordered = sorted(encoded, key=len)
    for start in range(0, len(ordered), _MEASURED):
        ids = pad_sequences(ordered[start : start + _MEASURED])
        for said, targets in with_targets(learner.say(ids), ids, np.sign(ids)):
            is_said = targets > 0
            total += learner.loss(said[is_said], targets[is_said])
            count += int(is_said.sum())
    return total / max(count, 1)


def _dropout_rate(network: NetworkSpec) -> float:
    """The largest share that a layer of the classifier drops."""
    rates = [float(str(one["rate"])) for one in network.layers if one.class_name == "Dropout"]
    return max(rates, default=0.0)


class _Run:
    """How far pretraining has come."""

    def __init__(self, learner: Learner, task: PretrainingTask, checkpoint: Path | None) -> None:
        self._learner = learner
        self._settings = {**task.settings, **dataclasses.asdict(task.config)}
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
            "settings": self._settings,
            "fingerprint": self._fingerprint,
            "step": self.step,
            "history": self.history,
            "losses": self._losses,
        }
        return progress, self._learner.state()

    def _restore(self, path: Path) -> None:
        with read_checkpoint(path) as (progress, saved):
            check_task(
                path,
                progress,
                settings=self._settings,
                fingerprint=self._fingerprint,
            )
            self._learner.restore(saved)
            self.step, self.history = progress["step"], progress["history"]
            self._losses = progress["losses"]
