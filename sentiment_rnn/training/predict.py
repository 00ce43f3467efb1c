"""Asking a trained network for probabilities with Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from sentiment_rnn.architectures.builder import build_network, with_embedding
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.preprocessing.preprocessor import Preprocessor
from sentiment_rnn.training.batches import TextBatches, WindowBatches
from sentiment_rnn.training.callbacks import reset_states

# Large enough to keep the matrix products busy, small enough for the outputs of long texts.
PREDICTION_BATCH_SIZE = 128


class KerasPredictor:
    """A network that predicts from ids.

    Args:
        network: the layers. A stateful network predicts with another batch size than it was
            trained with: 1 for a single text.
        weights: their arrays in the order of ``network.weights()``.
        preprocessor: what encodes the texts.
    """

    def __init__(
        self, network: NetworkSpec, weights: Sequence[np.ndarray], preprocessor: Preprocessor
    ) -> None:
        self._network = network
        self._weights = weights
        self._preprocessor = preprocessor
        self._models: dict[int | None, keras.Sequential] = {}

    def predict(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """The network's output: float32 ``(texts, outputs)``.

        Args:
            encoded: int32 ids of each text; not changed.
        """
        outputs = self._network.output_shape[-1]
        assert outputs is not None
        if not len(encoded):
            return np.zeros((0, outputs), np.float32)
        if self._network.is_stateful:
            return self._predict_windows(encoded, outputs)
        batches = TextBatches(encoded, None, self._preprocessor.pad, PREDICTION_BATCH_SIZE)
        return self._model(None).predict(batches, verbose=0)

    def _predict_windows(self, encoded: Sequence[np.ndarray], outputs: int) -> np.ndarray:
        batch_size = min(len(encoded), PREDICTION_BATCH_SIZE)
        model = self._model(batch_size)
        window = self._network.batch_shape[1]
        assert window is not None
        windows = WindowBatches(
            self._preprocessor.truncate(encoded),
            np.zeros(len(encoded)),
            window,
            batch_size,
            final_only=True,
        )
        probabilities = np.zeros((len(encoded), outputs), np.float32)
        for number in range(len(windows)):
            if windows.begins_texts(number):
                reset_states(model.layers[-1])
            ids, _, is_final = windows[number]
            rows = np.flatnonzero(is_final)
            probabilities[windows.texts(number)[rows]] = model.predict_on_batch(ids)[rows]
        return probabilities

    def _model(self, batch_size: int | None) -> keras.Sequential:
        if batch_size not in self._models:
            shape = (batch_size, *self._network.batch_shape[1:])
            network = dataclasses.replace(self._network, batch_shape=shape)
            self._models[batch_size] = with_embedding(
                build_network(network, self._weights), self._preprocessor.embedding_matrix()
            )
        return self._models[batch_size]


def is_stateful(network: keras.Sequential) -> bool:
    """Whether any layer of a network carries its state from batch to batch."""
    return any(getattr(layer, "stateful", False) for layer in network.layers)
