"""Training a network on encoded texts: what is the same whichever engine does the mathematics.

An engine (`keras_engine`, `numpy_engine`) turns batches into better weights. Which batches come,
what is measured after each epoch, when to stop and which weights stay is said here, so that both
engines train the same way.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.numpy_rnn.losses import LOSSES, is_right
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.preprocessing.preprocessor import Preprocessor
from sentiment_rnn.preprocessing.word_vectors import WordVectors
from sentiment_rnn.training.batches import TextBatches, WindowBatches
from sentiment_rnn.training.checkpoints import check_task, fingerprint, from_numbered, numbered
from sentiment_rnn.training.config import TrainingConfig

# Told the number of an epoch that has ended, from 1, and its scores by name, as `FitResult.history`
# has them. Training stops if it answers true.
AfterEpoch = Callable[[int, Mapping[str, float]], bool | None]


@dataclass(frozen=True)
class EncodedTexts:
    """Texts that a network can learn from.

    Args:
        encoded: int32 ids of each text.
        targets: what the network is to say of each text, floats ``(texts, outputs)``: the
            probability of the second of two classes, or of each class; 0 or 1, or what a teacher
            says.
    """

    encoded: Sequence[np.ndarray]
    targets: np.ndarray

    def take(self, rows: np.ndarray) -> EncodedTexts:
        """The texts with these indices, in this order."""
        return EncodedTexts([self.encoded[row] for row in rows], self.targets[rows])


@dataclass(frozen=True)
class Task:
    """What is to be trained, on what, and how.

    Args:
        network: the layers.
        weights: arrays in the order of ``network.weights()`` to begin with; the engine's initial
            ones if None. Not changed.
        preprocessor: what encoded the texts; its vectors are the network's input.
        training: texts to learn from.
        validation: texts that tell which epoch is best.
        config: optimizer, epochs and batches.
        seed: of the order of the texts, of dropout and of initial weights.
        trainable_vectors: whether the word vectors are trained too.
        initial_accuracy: validation accuracy of weights that are trained already: they stay if no
            epoch beats them.
        settings: options by name, all of JSON's types, from which the caller made the task. The
            checkpoint keeps them for `checkpoint_settings`.
    """

    network: NetworkSpec
    weights: Sequence[np.ndarray] | None
    preprocessor: Preprocessor
    training: EncodedTexts
    validation: EncodedTexts
    config: TrainingConfig
    seed: int
    trainable_vectors: bool = False
    initial_accuracy: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def may_change(self) -> tuple[str, ...]:
        """Settings that a run may go on with others of: what it has learned isn't theirs."""
        return ("epochs",) if self.config.schedule == "constant" else ()

    def fingerprint(self) -> str:
        """A hash of all that decides what training gives, but for what `may_change`."""
        config = {**dataclasses.asdict(self.config), **dict.fromkeys(self.may_change)}
        preprocessing = dataclasses.asdict(self.preprocessor.config)
        settings = [repr(self.network), config, preprocessing, self.seed, self.trainable_vectors]
        texts = (self.training, self.validation)
        return fingerprint(
            [*settings, self.initial_accuracy],
            [
                *(self.weights or []),
                self.preprocessor.embedding_matrix(),
                *(part.targets for part in texts),
                *(ids for part in texts for ids in part.encoded),
            ],
        )

    @property
    def loss(self) -> str:
        """What is made small, by Keras's name."""
        is_one = self.network.output_shape[-1] == 1
        return "binary_crossentropy" if is_one else "categorical_crossentropy"

    def batches(self) -> TextBatches | WindowBatches:
        """The training batches, in an order that follows from seed and epoch."""
        encoded, targets = self.training.encoded, self.training.targets
        size, seed, dropped = self.config.batch_size, self.seed, self.config.word_dropout
        window = self.network.batch_shape[1]
        if self.network.is_stateful and window is not None:
            cut = self.preprocessor.truncate(encoded)
            return WindowBatches(cut, targets, window, size, seed)
        if self.network.skips_padding:
            cut = self.preprocessor.truncate(encoded)
            pad = partial(pad_sequences, padding=self.preprocessor.config.padding)
            return TextBatches(cut, targets, pad, size, seed, by_length=True, word_dropout=dropped)
        pad_to_maxlen = self.preprocessor.pad
        return TextBatches(encoded, targets, pad_to_maxlen, size, seed, word_dropout=dropped)

    def validate(
        self, weights: Sequence[np.ndarray], vectors: np.ndarray | None
    ) -> dict[str, float]:
        """Loss and accuracy on the validation texts, each read whole and without dropout.

        Args:
            weights: the network's arrays.
            vectors: the embedding's rows ``(ids, vector_size)`` if they are trained; else None.

        Returns:
            ``val_accuracy``, and ``val_loss`` in nats a text.
        """
        preprocessor = self.preprocessor
        if vectors is not None:
            preprocessor = with_vectors(preprocessor, vectors)
        predictor = Predictor(self.network, weights, preprocessor)
        return self.scores(predictor.predict(self.validation.encoded))

    def scores(self, output: np.ndarray) -> dict[str, float]:
        """Loss and accuracy, as of `validate`, of what is said of the validation texts.

        Args:
            output: of the network ``(texts, outputs)``.
        """
        targets = self.validation.targets
        return {
            "val_accuracy": float(is_right(targets, output).mean()),
            "val_loss": LOSSES[self.loss][0](targets, output),
        }


@dataclass(frozen=True)
class FitResult:
    """What training gave.

    Args:
        history: for each epoch its ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``.
        best_epoch: number, from 1, of the epoch that the weights are those of; 0 if they are the
            ones that training began with.
        weights: the network's arrays.
        vectors: the embedding's rows ``(ids, vector_size)`` where they were trained too.
    """

    history: dict[str, list[float]]
    best_epoch: int
    weights: list[np.ndarray]
    vectors: np.ndarray | None


@dataclass
class BestEpoch:
    """Keeps the best weights and says when to stop.

    Args:
        patience: epochs without a better one before training stops.
        accuracy: of the weights that training starts from, if they are trained ones.
        weights: these weights; copied.
        epoch: number of the best, from 1; 0 if it is what training starts from.
        epochs: how many have ended.
        loss: of the best; what training starts from stays where an epoch is as accurate.

    Example:
        >>> best = BestEpoch(patience=2)
        >>> scores = [(0.6, 0.66), (0.7, 0.61), (0.7, 0.59), (0.7, 0.6), (0.5, 0.7)]
        >>> [best.end_epoch(accuracy, loss, []) for accuracy, loss in scores]
        [False, False, False, False, True]
        >>> best.epoch
        3
    """

    patience: int
    accuracy: float | None = None
    weights: Sequence[np.ndarray] = ()
    epoch: int = 0
    epochs: int = 0
    loss: float = -math.inf

    def __post_init__(self) -> None:
        self.weights = [array.copy() for array in self.weights]

    def end_epoch(self, accuracy: float, loss: float, weights: Sequence[np.ndarray]) -> bool:
        """Notes an epoch's result.

        Args:
            accuracy: on the validation texts.
            loss: on them too. Where they are few, many epochs are as accurate as each other: of
                these the one with the lowest loss is the best.
            weights: copied if they are the best so far.

        Returns:
            Whether to stop.
        """
        self.epochs += 1
        if self.accuracy is None or (accuracy, -loss) > (self.accuracy, -self.loss):
            self.accuracy, self.loss, self.epoch = accuracy, loss, self.epochs
            self.weights = [array.copy() for array in weights]
        return self.is_over()

    def is_over(self) -> bool:
        """Whether too many epochs have ended since the best."""
        return self.epochs - self.epoch >= self.patience


class Run:
    """How far training has come, whichever engine it is that trains.

    Args:
        task: what is trained.
        weights: what it begins with, all that is trained; copied.

    Attributes:
        best: the best weights so far.
        history: what was measured after each epoch, by name.
        batch: batches of the epoch that were learned from.
    """

    def __init__(self, task: Task, weights: Sequence[np.ndarray]) -> None:
        self._task = task
        self.best = BestEpoch(task.config.patience, task.initial_accuracy, weights)
        self.history: dict[str, list[float]] = {}
        self.batch = 0
        # Made when there is a checkpoint to write.
        self._fingerprint: str | None = None

    @property
    def epoch(self) -> int:
        """The number of epochs that have ended."""
        return self.best.epochs

    def is_done(self) -> bool:
        """Whether all epochs have ended, or too many since the best."""
        return self.epoch >= self._task.config.epochs or self.best.is_over()

    def end_epoch(self, scores: Mapping[str, float], weights: Sequence[np.ndarray]) -> None:
        """Notes what an epoch gave.

        Args:
            scores: by name, ``val_accuracy`` and ``val_loss`` among them.
            weights: all that is trained, as of now; copied if they are the best so far.
        """
        for name, value in scores.items():
            self.history.setdefault(name, []).append(value)
        self.best.end_epoch(scores["val_accuracy"], scores["val_loss"], weights)
        self.batch = 0

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a checkpoint keeps of it."""
        progress = {
            "settings": dict(self._task.settings),
            "fingerprint": self._made_fingerprint(),
            "epoch": self.epoch,
            "batch": self.batch,
            "history": self.history,
            "best_accuracy": self.best.accuracy,
            "best_loss": self.best.loss,
            "best_epoch": self.best.epoch,
        }
        return progress, numbered("best", self.best.weights)

    def restore(
        self, path: Path, progress: Mapping[str, Any], saved: Mapping[str, np.ndarray]
    ) -> None:
        """Takes up what `state` gave.

        Raises:
            ModelError: if the checkpoint at `path`, which it comes from, is of another task.
        """
        check_task(
            path,
            progress,
            settings=self._task.settings,
            fingerprint=self._made_fingerprint(),
            may_change=self._task.may_change,
        )
        self.history, self.batch = progress["history"], progress["batch"]
        best = self.best
        best.accuracy, best.epoch = progress["best_accuracy"], progress["best_epoch"]
        # Checkpoints of earlier versions don't say it.
        best.loss = progress.get("best_loss", -math.inf)
        best.epochs = progress["epoch"]
        best.weights = from_numbered("best", saved, len(best.weights))

    def _made_fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = self._task.fingerprint()
        return self._fingerprint


def with_vectors(preprocessor: Preprocessor, vectors: np.ndarray) -> Preprocessor:
    """The same preprocessor with other vectors for its words.

    Args:
        preprocessor: not changed.
        vectors: a row for each id ``(ids, vector_size)``, the padding's first.
    """
    words = preprocessor.word_vectors.words
    return Preprocessor(preprocessor.config, WordVectors(words, vectors[1:]))
