"""Training a network on encoded texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from sentiment_rnn.architectures.builder import with_embedding
from sentiment_rnn.preprocessing.preprocessor import Preprocessor
from sentiment_rnn.training.batches import TextBatches, WindowBatches
from sentiment_rnn.training.callbacks import BestEpoch, Progress, ResetStates
from sentiment_rnn.training.config import TrainingConfig

_VALIDATION_BATCH_SIZE = 128


@dataclass(frozen=True)
class EncodedTexts:
    """Texts that a network can learn from.

    Args:
        encoded: int32 ids of each text.
        labels: 0 or 1 of each text ``(texts,)``.
    """

    encoded: Sequence[np.ndarray]
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> EncodedTexts:
        """The texts with these indices, in this order."""
        return EncodedTexts([self.encoded[row] for row in rows], self.labels[rows])


@dataclass(frozen=True)
class FitResult:
    """What training gave.

    Args:
        history: for each epoch its ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``.
        best_epoch: number, from 1, of the epoch whose weights the network has now; 0 if it kept
            the ones that it began with.
        vectors: the embedding's rows ``(ids, vector_size)`` where they were trained too.
    """

    history: dict[str, list[float]]
    best_epoch: int
    vectors: np.ndarray | None


def fit_network(
    network: keras.Sequential,
    preprocessor: Preprocessor,
    training: EncodedTexts,
    validation: EncodedTexts,
    config: TrainingConfig,
    *,
    seed: int,
    trainable_vectors: bool = False,
    initial_accuracy: float | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = False,
) -> FitResult:
    """Trains `network` in place and leaves it with the weights of its best epoch.

    Args:
        network: from word vectors to a probability, made by `build_network`.
        preprocessor: what encoded the texts; its vectors become the embedding in front.
        training: texts to learn from.
        validation: texts that tell which epoch is best.
        config: optimizer, epochs and batches.
        seed: of the order of the texts. Dropout and initial weights follow Keras's own seed.
        trainable_vectors: whether the word vectors are trained too.
        initial_accuracy: validation accuracy of the weights that training goes on from.
        callbacks: more Keras callbacks.
        verbose: whether to show a progress bar on standard error.
    """
    model = with_embedding(network, preprocessor.embedding_matrix(), trainable=trainable_vectors)
    optimizer = keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}}
    )
    shuffle = np.random.default_rng(seed)
    best = BestEpoch(config.patience, initial_accuracy)
    added: list[keras.callbacks.Callback] = [best]
    batches: TextBatches | WindowBatches
    validation_batches: TextBatches | WindowBatches
    if any(getattr(layer, "stateful", False) for layer in network.layers):
        window = network.input_shape[1]
        cut = preprocessor.truncate
        batches = WindowBatches(
            cut(training.encoded), training.labels, window, config.batch_size, shuffle=shuffle
        )
        validation_batches = WindowBatches(
            cut(validation.encoded), validation.labels, window, config.batch_size, final_only=True
        )
        added.append(ResetStates(network, batches, validation_batches))
    else:
        pad = preprocessor.pad
        batches = TextBatches(training.encoded, training.labels, pad, config.batch_size, shuffle)
        validation_batches = TextBatches(
            validation.encoded, validation.labels, pad, _VALIDATION_BATCH_SIZE
        )
    if verbose:
        added.append(Progress())
    # Weighted metrics leave out the rows of a stateful batch that belong to no text.
    model.compile(optimizer, "binary_crossentropy", weighted_metrics=["accuracy"])
    history = model.fit(
        batches,
        validation_data=validation_batches,
        epochs=config.epochs,
        shuffle=False,
        callbacks=[*added, *callbacks],
        verbose=0,
    )
    vectors = model.layers[0].get_weights()[0] if trainable_vectors else None
    return FitResult(
        {name: [float(value) for value in values] for name, values in history.history.items()},
        best.best_epoch + 1,
        vectors,
    )
