"""Training with Keras: `keras.Model.fit`, told by callbacks what all engines do alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sentiment_rnn.architectures.builder import build_network, vectors_layer
from sentiment_rnn.architectures.embedded import EmbeddedNetwork, distinct_ids
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.training.batches import TextBatches, WindowBatches
from sentiment_rnn.training.fit import AfterEpoch, BestEpoch, FitResult, Task
from sentiment_rnn.training.progress import Progress

# Units of a layer from which products are so large that bfloat16 saves more than conversions cost.
_WIDE = 256


def fit_with_keras(
    task: Task,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    after_epoch: AfterEpoch | None = None,
    verbose: bool = False,
) -> FitResult:
    """Trains a network and gives back the weights of its best epoch.

    Args:
        task: what is to be trained.
        callbacks: more Keras callbacks. They find ``val_loss`` and ``val_accuracy`` in their logs.
        after_epoch: called after each epoch, which may be the last by what it answers.
        verbose: whether to show a progress bar on standard error.

    Returns:
        Weights and history.
    """
    config, trainable = task.config, task.trainable_vectors
    keras.utils.set_random_seed(task.seed)
    network = build_network(task.network, task.weights)
    matrix = task.preprocessor.embedding_matrix()
    model = EmbeddedNetwork(
        vectors_layer(matrix, trainable=trainable),
        network,
        precision=chosen_precision(config.precision, task.network),
    )
    batches = task.batches()
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, config.epochs * len(batches))
    optimizer = keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": rate}}
    )
    # Weighted metrics leave out the rows of a stateful batch that belong to no text.
    accuracy = keras.metrics.MeanMetricWrapper(_right, name="accuracy")
    model.compile(optimizer, task.loss, weighted_metrics=[accuracy])
    epochs = _Epochs(task, network, batches, after_epoch, verbose=verbose)
    history = model.fit(
        _Dataset(batches, len(matrix)),
        epochs=config.epochs,
        shuffle=False,
        callbacks=[epochs, *callbacks],
        verbose=0,
    )
    return FitResult(
        {name: [float(value) for value in values] for name, values in history.history.items()},
        epochs.best.epoch,
        network.get_weights(),
        model.word_vectors.get_weights()[0] if trainable else None,
    )


def _right(targets: Any, outputs: Any) -> Any:
    """Which rows are right, ``(batch,)``. A target may be what a teacher says, between 0 and 1."""
    if outputs.shape[-1] == 1:
        right = keras.ops.equal(outputs > 0.5, targets > 0.5)[:, 0]
    else:
        right = keras.ops.equal(
            keras.ops.argmax(outputs, axis=-1), keras.ops.argmax(targets, axis=-1)
        )
    return keras.ops.cast(right, outputs.dtype)


def chosen_precision(chosen: str, network: NetworkSpec) -> str:
    """The type in which products are computed.

    Args:
        chosen: one of `PRECISIONS`.
        network: the layers, whose width decides where that is "auto".
    """
    if chosen != "auto":
        return chosen
    units = max(layer.units for layer in network.layers if layer.cell.is_recurrent)
    return "bfloat16" if units >= _WIDE and _has_bfloat16() else "float32"


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16; only Linux says so."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


class _Dataset(keras.utils.PyDataset):
    """Batches as `EmbeddedNetwork` takes them."""

    def __init__(self, batches: TextBatches | WindowBatches, ids: int) -> None:
        super().__init__()
        self._batches = batches
        self._ids = ids

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, batch: int) -> tuple[Any, ...]:
        ids, *others = self._batches[batch]
        return distinct_ids(ids, self._ids), *others


class _Epochs(keras.callbacks.Callback):
    """What happens between the batches and epochs of Keras's ``fit``."""

    def __init__(
        self,
        task: Task,
        network: keras.Sequential,
        batches: TextBatches | WindowBatches,
        after_epoch: AfterEpoch | None,
        *,
        verbose: bool,
    ) -> None:
        super().__init__()
        self._task = task
        self._network = network
        self._batches = batches
        self._after_epoch = after_epoch
        self._progress = Progress(task.config.epochs, len(batches)) if verbose else None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        task = self._task
        self.best = BestEpoch(task.config.patience, task.initial_accuracy, self._trained())

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches.begin_epoch(epoch)
        if self._progress is not None:
            self._progress.begin_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._task.network.is_stateful and self._batches.begins_texts(batch):
            for layer in self._network.layers:
                if getattr(layer, "stateful", False):
                    layer.reset_state()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._progress is not None:
            self._progress.end_batch()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        trainable = self._task.trainable_vectors
        vectors = self.model.word_vectors.get_weights()[0] if trainable else None
        scores = self._task.validate(self._network.get_weights(), vectors)
        # The dictionary is shared by all callbacks, that of the history included.
        assert logs is not None
        logs.update(scores)
        if self._progress is not None:
            self._progress.end_epoch(logs)
        if self.best.end_epoch(scores["val_accuracy"], self._trained()):
            self.model.stop_training = True
        if self._after_epoch is not None and self._after_epoch(epoch + 1, dict(logs)):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        for variable, value in zip(self.model.trainable_variables, self.best.weights, strict=True):
            variable.assign(value)

    def _trained(self) -> list[np.ndarray]:
        return [
            np.array(keras.ops.convert_to_numpy(variable))
            for variable in self.model.trainable_variables
        ]
