"""Training a network on encoded texts: what is the same whichever engine does the mathematics.

An engine (`keras_engine`, `numpy_engine`) turns batches into better weights. Which batches come,
what is measured after each epoch, when to stop and which weights stay is said here, so that both
engines train the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.numpy_rnn.losses import LOSSES, is_right
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.preprocessing.preprocessor import Preprocessor
from sentiment_rnn.preprocessing.word_vectors import WordVectors
from sentiment_rnn.training.batches import TextBatches, WindowBatches
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
        output = Predictor(self.network, weights, preprocessor).predict(self.validation.encoded)
        targets = self.validation.targets
        return {
            "val_accuracy": float(is_right(targets, output).mean()),
            "val_loss": LOSSES[self.loss](targets, output),
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
        patience: epochs without a better validation accuracy before training stops.
        accuracy: of the weights that training starts from, if they are trained ones.
        weights: these weights; copied.

    Example:
        >>> best = BestEpoch(patience=2)
        >>> [best.end_epoch(accuracy, []) for accuracy in (0.6, 0.7, 0.7, 0.5)]
        [False, False, False, True]
        >>> best.epoch
        2
    """

    patience: int
    accuracy: float | None = None
    weights: Sequence[np.ndarray] = ()
    epoch: int = 0
    _epochs: int = 0

    def __post_init__(self) -> None:
        self.weights = [array.copy() for array in self.weights]

    def end_epoch(self, accuracy: float, weights: Sequence[np.ndarray]) -> bool:
        """Notes an epoch's result.

        Args:
            accuracy: on the validation texts.
            weights: copied if they are the best so far.

        Returns:
            Whether to stop.
        """
        self._epochs += 1
        if self.accuracy is None or accuracy > self.accuracy:
            self.accuracy, self.epoch = accuracy, self._epochs
            self.weights = [array.copy() for array in weights]
        return self._epochs - self.epoch >= self.patience


def with_vectors(preprocessor: Preprocessor, vectors: np.ndarray) -> Preprocessor:
    """The same preprocessor with other vectors for its words.

    Args:
        preprocessor: not changed.
        vectors: a row for each id ``(ids, vector_size)``, the padding's first.
    """
    words = preprocessor.word_vectors.words
    return Preprocessor(preprocessor.config, WordVectors(words, vectors[1:]))
