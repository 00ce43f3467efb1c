"""Training with NumPy alone: the same task as Keras's engine, several times as fast on a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn.numpy_rnn import OPTIMIZERS, initial_weights
from sentiment_rnn.training.checkpoints import (
    CheckpointWriter,
    from_numbered,
    has_checkpoint,
    numbered,
    read_checkpoint,
)
from sentiment_rnn.training.fit import AfterEpoch, FitResult, Run, Task
from sentiment_rnn.training.gradients import (
    BatchGradients,
    Objective,
    count_processes,
    remembered,
    restore_remembered,
)
from sentiment_rnn.training.progress import Progress


def fit_with_numpy(
    task: Task,
    *,
    after_epoch: AfterEpoch | None = None,
    checkpoint: Path | None = None,
    verbose: bool = False,
) -> FitResult:
    """Trains a network and gives back the weights of its best epoch.

    Args:
        task: what is to be trained.
        after_epoch: called after each epoch, which may be the last by what it answers.
        checkpoint: a file to go on from if it is there, written as training goes.
        verbose: whether to show a progress bar on standard error.

    Returns:
        Weights and history.

    Raises:
        UsageError: if the loss is no finite number any more.
        ModelError: if the checkpoint is of another task.
    """
    trainer = Trainer(task)
    # Also when it is interrupted: a traceback may keep the trainer for long.
    with closing(trainer.gradients):
        return _fit(task, trainer, after_epoch, checkpoint, verbose)


def _fit(
    task: Task,
    trainer: Trainer,
    after_epoch: AfterEpoch | None,
    checkpoint: Path | None,
    verbose: bool,
) -> FitResult:
    batches = task.batches()
    run = Run(task, trainer.weights)
    # Of each batch of the epoch: loss, how many are right, their weight and the rows.
    totals = np.zeros(4)

    def state() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        progress, best = run.state()
        return progress, {**best, **trainer.state(), "totals": totals}

    writer = CheckpointWriter(checkpoint, state, advice=task.config.advice)
    if checkpoint is not None and has_checkpoint(checkpoint):
        with read_checkpoint(checkpoint) as (progress_before, saved):
            run.restore(checkpoint, progress_before, saved)
            trainer.restore(saved)
            totals[...] = saved["totals"]
    progress = Progress(task.config.epochs, len(batches), done=run.epoch) if verbose else None
    with writer.at_work():
        while not run.is_done():
            batches.begin_epoch(run.epoch)
            if progress is not None:
                progress.begin_epoch()
                progress.end_batch(run.batch)
            with trainer.gradients.at_work(task.config.batch_size):
                for number in range(run.batch, len(batches)):
                    with writer.step():
                        if batches.begins_texts(number):
                            trainer.gradients.reset_states()
                        gave = trainer.train_batch(*batches[number])
                        totals += gave
                        run.batch += 1
                    writer.after_step(gave[0])
                    if progress is not None:
                        progress.end_batch()
            loss, right, weight, rows = totals.tolist()
            scores = {"accuracy": right / weight, "loss": loss / rows}
            scores |= task.validate(*trainer.weights_and_vectors())
            writer.check(scores["val_loss"])
            with writer.step():
                run.end_epoch(scores, trainer.weights)
                totals[...] = 0
            if progress is not None:
                progress.end_epoch(scores)
            if after_epoch is not None and after_epoch(run.epoch, scores):
                break
        writer.write()
    weights, vectors = list(run.best.weights), None
    if task.trainable_vectors:
        *weights, vectors = weights
    return FitResult(run.history, run.best.epoch, weights, vectors)


class Trainer:
    """A network that learns batch by batch.

    Args:
        task: what is to be trained.

    Attributes:
        gradients: what computes them.
        weights: the arrays that are trained: the network's and, where they are, the word vectors.
    """

    def __init__(self, task: Task) -> None:
        # Apart from the order of the texts, so that this is the same for both engines.
        self._seed, self._step, self._config = task.seed, 0, task.config
        weights = task.weights
        if weights is None:
            rng = np.random.default_rng([task.seed, 1])
            weights = initial_weights(task.network, rng, np.float32)
        self._objective = Objective(
            task.network,
            task.loss,
            task.trainable_vectors,
            adversarial=task.config.adversarial,
        )
        encoded, size = task.training.encoded, task.config.batch_size
        time = task.network.batch_shape[1] or int(np.mean([len(ids) for ids in encoded]))
        self._steps = task.config.epochs * len(task.batches())
        self.gradients = BatchGradients(
            self._objective,
            weights,
            task.preprocessor.embedding_matrix(),
            processes=count_processes(
                task.network, rows=size, time=time, batches=len(encoded) // size
            ),
        )
        self.weights = self.gradients.weights
        self._optimizer = OPTIMIZERS[task.config.optimizer](learning_rate=task.config.learning_rate)
        self._state = self._optimizer.start(self.weights)

    def train_batch(
        self, ids: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> np.ndarray:
        """Learns from a batch.

        Args:
            ids: int32 ``(batch, time)``.
            targets: what the network is to say, floats ``(batch, outputs)``.
            sample_weight: how much each row counts, ``(batch,)``; None for all alike.

        Returns:
            Loss times rows, the weight of the rows that are right before learning, the weight of
            all rows, and the number of rows.
        """
        rows = len(ids)
        done = self.gradients.compute(
            ids, targets, chance=[self._seed, 2, self._step], sample_weight=sample_weight
        )
        rate = self._config.learning_rate_at(self._step, self._steps)
        self._step += 1
        self._optimizer.update(self.weights, done.gradients, self._state, learning_rate=rate)
        weight = rows if sample_weight is None else sample_weight.sum()
        return np.array([done.loss * rows, done.right, weight, rows])

    def weights_and_vectors(self) -> tuple[list[np.ndarray], np.ndarray | None]:
        """The network's arrays, and the word vectors where they are trained; else None."""
        if not self._objective.trains_vectors:
            return self.weights, None
        return self.weights[:-1], self.weights[-1]

    def state(self) -> dict[str, np.ndarray]:
        """By name, all that the next batch depends on; not to be changed."""
        memory = remembered(self.gradients, self._state)
        return {**numbered("weight", self.weights), **memory, "step": np.array(self._step)}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Takes up what `state` gave.

        Raises:
            KeyError: if something is missing.
            ValueError: if a shape doesn't fit.
        """
        weights = from_numbered("weight", saved, len(self.weights))
        for array, value in zip(self.weights, weights, strict=True):
            array[...] = value
        restore_remembered(self.gradients, self._state, saved)
        self._step = int(saved["step"])
