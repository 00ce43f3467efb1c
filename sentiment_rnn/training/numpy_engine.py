"""Training with NumPy alone: the same task as Keras's engine, several times as fast on a CPU."""

from __future__ import annotations

from contextlib import closing

import numpy as np

from sentiment_rnn.numpy_rnn import OPTIMIZERS, initial_weights
from sentiment_rnn.training.fit import AfterEpoch, BestEpoch, FitResult, Task
from sentiment_rnn.training.gradients import BatchGradients, Objective, count_processes
from sentiment_rnn.training.progress import Progress


def fit_with_numpy(
    task: Task, *, after_epoch: AfterEpoch | None = None, verbose: bool = False
) -> FitResult:
    """Trains a network and gives back the weights of its best epoch.

    Args:
        task: what is to be trained.
        after_epoch: called after each epoch, which may be the last by what it answers.
        verbose: whether to show a progress bar on standard error.

    Returns:
        Weights and history.
    """
    trainer = Trainer(task)
    # Also when it is interrupted: a traceback may keep the trainer for long.
    with closing(trainer.gradients):
        return _fit(task, trainer, after_epoch, verbose)


def _fit(task: Task, trainer: Trainer, after_epoch: AfterEpoch | None, verbose: bool) -> FitResult:
    batches = task.batches()
    progress = Progress(task.config.epochs, len(batches)) if verbose else None
    best = BestEpoch(task.config.patience, task.initial_accuracy, trainer.weights)
    history: dict[str, list[float]] = {}
    for epoch in range(task.config.epochs):
        batches.begin_epoch(epoch)
        if progress is not None:
            progress.begin_epoch()
        # Of each batch: loss, how many are right, their weight and the rows.
        totals = np.zeros(4)
        with trainer.gradients.at_work(task.config.batch_size):
            for number in range(len(batches)):
                if batches.begins_texts(number):
                    trainer.gradients.reset_states()
                totals += trainer.train_batch(*batches[number])
                if progress is not None:
                    progress.end_batch()
        loss, right, weight, rows = totals.tolist()
        scores = {"accuracy": right / weight, "loss": loss / rows}
        scores |= task.validate(*trainer.weights_and_vectors())
        for name, value in scores.items():
            history.setdefault(name, []).append(value)
        if progress is not None:
            progress.end_epoch(scores)
        stop = best.end_epoch(scores["val_accuracy"], trainer.weights)
        if after_epoch is not None and after_epoch(epoch + 1, scores):
            stop = True
        if stop:
            break
    weights, vectors = list(best.weights), None
    if task.trainable_vectors:
        *weights, vectors = weights
    return FitResult(history, best.epoch, weights, vectors)


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
        self._objective = Objective(task.network, task.loss, task.trainable_vectors)
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
