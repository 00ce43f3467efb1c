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
from sentiment_rnn.errors import UsageError
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.training.batches import TextBatches, WindowBatches
from sentiment_rnn.training.checkpoints import (
    CheckpointWriter,
    has_checkpoint,
    read_checkpoint,
)
from sentiment_rnn.training.fit import AfterEpoch, FitResult, Run, Task
from sentiment_rnn.training.keras_gradients import gradient, misleading
from sentiment_rnn.training.keras_variables import assign, values, variables
from sentiment_rnn.training.progress import Progress

# Units of a layer from which products are so large that bfloat16 saves more than conversions cost.
_WIDE = 256
# Texts that a GPU predicts at a time.
_PREDICTED = 256


def fit_with_keras(
    task: Task,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    after_epoch: AfterEpoch | None = None,
    checkpoint: Path | None = None,
    verbose: bool = False,
) -> FitResult:
    """Trains a network and gives back the weights of its best epoch.

    Args:
        task: what is to be trained.
        callbacks: more Keras callbacks. They find ``val_loss`` and ``val_accuracy`` in their logs.
            Weights that they save are those of what `with_embedding` makes of `build_network`.
            What they remember themselves is in no checkpoint: they begin anew when training goes
            on, and once more after the epoch in the midst of which it was interrupted.
        after_epoch: called after each epoch, which may be the last by what it answers.
        checkpoint: a file to go on from if it is there, written as training goes.
        verbose: whether to show a progress bar on standard error.

    Returns:
        Weights and history.

    Raises:
        UsageError: for callbacks that save whole models, or if the loss is no finite number any
            more.
        ModelError: if the checkpoint is of another task.
    """
    _check_callbacks(callbacks)
    config, trainable = task.config, task.trainable_vectors
    keras.utils.set_random_seed(task.seed)
    network = build_network(task.network, task.weights)
    matrix = task.preprocessor.embedding_matrix()
    model = LearningNetwork(
        vectors_layer(matrix, trainable=trainable),
        network,
        precision=chosen_precision(config.precision, task.network),
        adversarial=config.adversarial,
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
    # As Keras's own: callbacks that watch it ask which of two is better.
    accuracy._direction = "up"
    model.compile(optimizer, task.loss, weighted_metrics=[accuracy])
    # Before the first step: a checkpoint may have something for it to remember.
    optimizer.build(model.trainable_variables)
    epochs = _Epochs(task, model, batches, accuracy, after_epoch, checkpoint, verbose=verbose)
    run = epochs.run
    with epochs.writer.at_work():
        model.stop_training = False
        while not run.is_done() and not model.stop_training:
            if run.batch == len(batches):
                # It was interrupted when this epoch was measured.
                epochs.end_epoch_without_batches()
                continue
            model.fit(
                _Dataset(batches, len(matrix), run.batch),
                initial_epoch=run.epoch,
                # What is left of an epoch is one by itself to Keras, which counts batches from 0.
                epochs=run.epoch + 1 if run.batch else config.epochs,
                shuffle=False,
                callbacks=[epochs, *callbacks],
                verbose=0,
            )
        epochs.take_best()
        epochs.writer.write()
    return FitResult(
        run.history,
        run.best.epoch,
        network.get_weights(),
        model.word_vectors.get_weights()[0] if trainable else None,
    )


class LearningNetwork(EmbeddedNetwork):
    """A network that may learn from each text twice, moved to where it misleads most.

    Args:
        *arguments: of `EmbeddedNetwork`.
        adversarial: how far the vector of a word is moved; 0 for learning once.
        **options: of `EmbeddedNetwork`.
    """

    def __init__(self, *arguments: Any, adversarial: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._adversarial = adversarial

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the texts as they are, and the gradient of both times; Keras calls it."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not (training and self._adversarial):
            return loss
        rows, places, distinct = (keras.ops.convert_to_tensor(array) for array in x)
        batch = keras.ops.shape(rows)[0]
        is_word = keras.ops.take(distinct, keras.ops.reshape(places, (batch, -1))) > 0
        words = keras.ops.sum(keras.ops.cast(is_word, self.compute_dtype), axis=1)
        features = self.word_vectors.output_dim
        nothing = keras.ops.zeros((*keras.ops.shape(is_word), features), self.compute_dtype)

        def loss_of(moved: Any) -> Any:
            output = self((rows, places, distinct), moved=moved, training=True)
            return super(LearningNetwork, self).compute_loss(x, y, output, sample_weight, True)

        moved = misleading(gradient(loss_of, nothing), words, self._adversarial)
        of_moved = loss_of(moved)
        return loss + of_moved - keras.ops.stop_gradient(of_moved)


def predict(model: EmbeddedNetwork, encoded: Sequence[np.ndarray]) -> np.ndarray:
    """What a network on a GPU says of texts; on a CPU the package's `Predictor` is faster.

    Args:
        model: a network that skips padding, and is not stateful.
        encoded: int32 ids of each text, cut to what is read.

    Returns:
        ``(texts, outputs)``.
    """
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    outputs = []
    for start in range(0, len(order), _PREDICTED):
        ids = pad_sequences([encoded[row] for row in order[start : start + _PREDICTED]])
        given = distinct_ids(ids, model.word_vectors.input_dim)
        outputs.append(np.asarray(model.predict_on_batch(given)))
    return np.concatenate(outputs)[np.argsort(order)]


def _check_callbacks(callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Refuses those that Keras can't serve here: what trains is no model that it can write."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise UsageError(
                "BackupAndRestore doesn't go with this training, which goes on by itself: give "
                "fit(checkpoint=FILE) instead."
            )
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            raise UsageError(
                "ModelCheckpoint saves weights only here: expected save_weights_only=True, and a "
                f"file that ends in .weights.h5. Received: {callback.filepath}\n"
                "Whole models are what save() writes, and fit(checkpoint=FILE) what goes on."
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
    """Batches as `EmbeddedNetwork` takes them, from one of them on."""

    def __init__(self, batches: TextBatches | WindowBatches, ids: int, first: int) -> None:
        super().__init__()
        self._batches = batches
        self._ids = ids
        self._first = first

    def __len__(self) -> int:
        return len(self._batches) - self._first

    def __getitem__(self, batch: int) -> tuple[Any, ...]:
        ids, *others = self._batches[self._first + batch]
        return distinct_ids(ids, self._ids), *others


class _Epochs(keras.callbacks.Callback):
    """What happens between the batches and epochs of Keras's ``fit``.

    Attributes:
        run: how far training has come.
        writer: writes the checkpoints.
    """

    def __init__(
        self,
        task: Task,
        model: EmbeddedNetwork,
        batches: TextBatches | WindowBatches,
        accuracy: keras.metrics.Metric,
        after_epoch: AfterEpoch | None,
        checkpoint: Path | None,
        *,
        verbose: bool,
    ) -> None:
        super().__init__()
        self.set_model(model)
        self._task = task
        self._network = model.network
        self._batches = batches
        self._after_epoch = after_epoch
        self._metrics = {"accuracy": accuracy, "loss": model.metrics[0]}
        # Of the epoch that goes on: what its metrics have counted.
        self._counted: dict[str, np.ndarray] = {}
        self.run = Run(task, self._trained())
        self.writer = CheckpointWriter(checkpoint, self._state, advice=task.config.advice)
        if checkpoint is not None and has_checkpoint(checkpoint):
            with read_checkpoint(checkpoint) as (progress, saved):
                self.run.restore(checkpoint, progress, saved)
                assign(variables(model, self._network), saved)
                if self.run.batch:
                    self._counted = {name: saved[f"counted-{name}"] for name in self._metrics}
        self._progress = None
        if verbose:
            self._progress = Progress(task.config.epochs, len(batches), done=self.run.epoch)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches.begin_epoch(epoch)
        self._count_on()
        if self._progress is not None:
            self._progress.begin_epoch()
            self._progress.end_batch(self.run.batch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.writer.begin_step()
        if self._task.network.is_stateful and self._batches.begins_texts(self.run.batch):
            for layer in self._network.layers:
                if getattr(layer, "stateful", False):
                    layer.reset_state()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.run.batch += 1
        self.writer.end_step()
        assert logs is not None
        self.writer.after_step(float(logs["loss"]))
        if self._progress is not None:
            self._progress.end_batch()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        scores = self._validate()
        self.writer.check(scores["val_loss"])
        # The dictionary is shared by all callbacks, that of the history included.
        assert logs is not None
        logs.update(scores)
        gave = {name: float(value) for name, value in logs.items()}
        with self.writer.step():
            self.run.end_epoch(gave, self._trained())
        if self._progress is not None:
            self._progress.end_epoch(logs)
        stop = self._after_epoch is not None and self._after_epoch(self.run.epoch, gave)
        if stop or self.run.best.is_over():
            self.model.stop_training = True

    def _validate(self) -> dict[str, float]:
        task = self._task
        if not self.model.on_cpu and task.network.skips_padding and not task.network.is_stateful:
            texts = task.preprocessor.truncate(task.validation.encoded)
            return task.scores(predict(self.model, texts))
        vectors = self.model.word_vectors.get_weights()[0] if task.trainable_vectors else None
        return task.validate(self._network.get_weights(), vectors)

    def end_epoch_without_batches(self) -> None:
        """Ends an epoch of which no batch is left."""
        self.on_epoch_begin(self.run.epoch)
        scores = {name: float(metric.result()) for name, metric in self._metrics.items()}
        self.on_epoch_end(self.run.epoch, scores)
        # Keras resets only metrics that have seen a batch.
        for metric in self._metrics.values():
            metric.reset_state()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.run.is_done():
            self.take_best()

    def take_best(self) -> None:
        """Gives the network its best weights."""
        best = self.run.best.weights
        for variable, value in zip(self.model.trainable_variables, best, strict=True):
            variable.assign(value)

    def _count_on(self) -> None:
        """Lets metrics go on with what they had counted before an interruption."""
        for name, counted in self._counted.items():
            for variable, value in zip(self._metrics[name].variables, counted, strict=True):
                variable.assign(value)
        self._counted = {}

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        progress, best = self.run.state()
        # To ask for the model is to have its variables, which JAX keeps elsewhere meanwhile.
        learned = values(variables(self.model, self._network))
        counted = {
            f"counted-{name}": np.array(
                [keras.ops.convert_to_numpy(one) for one in metric.variables]
            )
            for name, metric in self._metrics.items()
        }
        return progress, {**best, **learned, **counted}

    def _trained(self) -> list[np.ndarray]:
        return [
            np.array(keras.ops.convert_to_numpy(variable))
            for variable in self.model.trainable_variables
        ]
