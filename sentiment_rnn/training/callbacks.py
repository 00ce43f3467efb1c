"""What happens between the batches and epochs of Keras's ``fit``."""

from __future__ import annotations

import sys
from typing import Any

import keras

from sentiment_rnn.training.batches import WindowBatches


class BestEpoch(keras.callbacks.EarlyStopping):
    """Stops when the validation accuracy no longer rises, and always ends with the best weights.

    Args:
        patience: epochs without a better validation accuracy before training stops.
        initial: accuracy of the weights that training starts from, if they are trained ones: they
            stay if no epoch beats them.
    """

    def __init__(self, patience: int, initial: float | None = None) -> None:
        super().__init__(
            monitor="val_accuracy", mode="max", patience=patience, restore_best_weights=True
        )
        self.initial = initial

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Counts the weights that training starts from, if they are trained ones."""
        super().on_train_begin(logs)
        if self.initial is not None:
            self.best = self.initial
            self.best_weights = self.model.get_weights()
            self.best_epoch = -1


class ResetStates(keras.callbacks.Callback):
    """Sets the states of a stateful network to zero before the first window of new texts.

    Args:
        network: the stateful network.
        training: the batches of ``fit``.
        validation: the batches that it validates with.
    """

    def __init__(
        self, network: keras.Sequential, training: WindowBatches, validation: WindowBatches
    ) -> None:
        super().__init__()
        self._network = network
        self._training = training
        self._validation = validation

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Resets where texts begin."""
        if self._training.begins_texts(batch):
            reset_states(self._network)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Resets where texts begin."""
        if self._validation.begins_texts(batch):
            reset_states(self._network)


def reset_states(network: keras.Sequential) -> None:
    """Sets the states of a network's stateful layers to zero."""
    for layer in network.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()


class Progress(keras.callbacks.Callback):
    """A progress bar for each epoch on standard error, which keeps standard output for results."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Opens the epoch's bar."""
        from tqdm import tqdm

        self._bar = tqdm(
            total=self.params["steps"],
            desc=f"epoch {epoch + 1}/{self.params['epochs']}",
            unit="batch",
            file=sys.stderr,
            mininterval=1.0,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar on."""
        self._bar.update(1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch's figures behind the bar."""
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items()})
        self._bar.close()
