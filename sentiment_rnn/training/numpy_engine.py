"""Training with NumPy alone: the same task as Keras's engine, several times as fast on a CPU."""

from __future__ import annotations

import numpy as np

from sentiment_rnn.numpy_rnn import OPTIMIZERS, initial_weights, loss_and_gradient
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from sentiment_rnn.numpy_rnn.memory import reuse
from sentiment_rnn.numpy_rnn.threads import threads_for
from sentiment_rnn.training.fit import BestEpoch, FitResult, Task
from sentiment_rnn.training.progress import Progress


def fit_with_numpy(task: Task, *, verbose: bool = False) -> FitResult:
    """Trains a network and gives back the weights of its best epoch.

    Args:
        task: what is to be trained.
        verbose: whether to show a progress bar on standard error.

    Returns:
        Weights and history.
    """
    trainer = Trainer(task)
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
        with reuse(), threads_for(task.network, task.config.batch_size):
            for number in range(len(batches)):
                if batches.begins_texts(number):
                    trainer.reset_states()
                totals += trainer.train_batch(*batches[number])
                if progress is not None:
                    progress.end_batch()
        loss, right, weight, rows = totals.tolist()
        scores = {"accuracy": right / weight, "loss": loss / rows}
        scores |= task.validate(trainer.network.weights, trainer.trained_vectors)
        for name, value in scores.items():
            history.setdefault(name, []).append(value)
        if progress is not None:
            progress.end_epoch(scores)
        if best.end_epoch(scores["val_accuracy"], trainer.weights):
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
        network: the network with its weights.
        weights: the arrays that are trained: the network's and, where they are, the word vectors.
    """

    def __init__(self, task: Task) -> None:
        # Apart from the order of the texts, so that this is the same for both engines.
        self._rng = np.random.default_rng([task.seed, 1])
        weights = task.weights
        if weights is None:
            weights = initial_weights(task.network, self._rng, np.float32)
        self._embedded = EmbeddedNetwork(
            task.network, weights, task.preprocessor.embedding_matrix()
        )
        self.network = self._embedded.network
        self.trained_vectors = self._embedded.vectors if task.trainable_vectors else None
        self.weights = list(self.network.weights)
        if self.trained_vectors is not None:
            self.weights.append(self.trained_vectors)
        self._optimizer = OPTIMIZERS[task.config.optimizer](learning_rate=task.config.learning_rate)
        self._state = self._optimizer.start(self.weights)

    def train_batch(
        self, ids: np.ndarray, labels: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> np.ndarray:
        """Learns from a batch.

        Args:
            ids: int32 ``(batch, time)``.
            labels: 0 or 1, ``(batch, 1)``.
            sample_weight: how much each row counts, ``(batch,)``; None for all alike.

        Returns:
            Loss times rows, the weight of the rows that are right before learning, the weight of
            all rows, and the number of rows.
        """
        rows = len(ids)
        output = self._embedded.forward(ids, training=True, rng=self._rng)
        done = loss_and_gradient(
            "binary_crossentropy",
            labels,
            output,
            activation="sigmoid",
            sample_weight=sample_weight,
        )
        gradients, of_vectors = self._embedded.backward(
            done.gradient, of_sum=done.of_sum, vector_gradient=self.trained_vectors is not None
        )
        if of_vectors is not None:
            # The padding stays zero, which is what every saved network is fed with.
            of_vectors[0] = 0
            gradients.append(of_vectors)
        self._optimizer.update(self.weights, gradients, self._state)
        weight = np.ones(rows) if sample_weight is None else sample_weight
        right = weight[(output[:, 0] > 0.5) == (labels[:, 0] > 0.5)].sum()
        return np.array([done.loss * rows, right, weight.sum(), rows])

    def reset_states(self) -> None:
        """Lets a stateful network begin with new texts."""
        self.network.reset_states()
