"""What learns from a window: the same network in NumPy, or in Keras.

Both begin with the same weights and take the same steps. What dropout drops differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.numpy_rnn import OPTIMIZERS, clip_by_global_norm
from sentiment_rnn.training.config import CharacterTrainingConfig
from sentiment_rnn.training.gradients import (
    BatchGradients,
    Objective,
    count_processes,
    remembered,
    restore_remembered,
)


class Learner(Protocol):
    """A network that learns from one window after the other, its state carried along."""

    def learn(
        self, inputs: np.ndarray, targets: np.ndarray, *, step: int, learning_rate: float
    ) -> float:
        """Takes a step.

        Args:
            inputs: ids ``(batch, time)``.
            targets: the ids that come next, ``(batch, time)``.
            step: windows that were learned from before.
            learning_rate: how large the step is.

        Returns:
            The mean cross-entropy before it, nats a character.
        """

    def weights(self) -> list[np.ndarray]:
        """The network's arrays as they are now; not to be changed."""

    def memory(self) -> dict[str, np.ndarray]:
        """By name, all else that the next step depends on."""

    def restore(self, weights: Sequence[np.ndarray], memory: Mapping[str, np.ndarray]) -> None:
        """Takes up what `weights` and `memory` gave.

        Raises:
            KeyError: if something is missing.
            ValueError: if a shape doesn't fit.
        """

    def at_work(self) -> AbstractContextManager[None]:
        """What window after window is learned in."""

    def close(self) -> None:
        """Lets go of what only learning needs."""


def make_learner(
    network: NetworkSpec,
    weights: Sequence[np.ndarray],
    config: CharacterTrainingConfig,
    seed: int,
    *,
    windows: int,
) -> Learner:
    """Makes what the config asks for.

    Args:
        network: the layers.
        weights: their arrays to begin with; copied.
        config: engine, optimizer and clipping.
        seed: of dropout.
        windows: of an epoch.
    """
    if config.engine == "keras":
        return _KerasLearner(network, weights, config, seed)
    processes = count_processes(
        network, rows=config.batch_size, time=config.window, batches=windows
    )
    return _NumpyLearner(network, weights, config, seed, processes)


class _NumpyLearner:
    """A learner without Keras."""

    def __init__(
        self,
        network: NetworkSpec,
        weights: Sequence[np.ndarray],
        config: CharacterTrainingConfig,
        seed: int,
        processes: int,
    ) -> None:
        self._config = config
        self._seed = seed
        self._gradients = BatchGradients(
            Objective(network, "sparse_categorical_crossentropy"),
            weights,
            np.eye(network.batch_shape[2], dtype=np.float32),
            processes=processes,
        )
        self._weights = self._gradients.weights
        self._optimizer = OPTIMIZERS[config.optimizer](learning_rate=config.learning_rate)
        self._state = self._optimizer.start(self._weights)

    def learn(
        self, inputs: np.ndarray, targets: np.ndarray, *, step: int, learning_rate: float
    ) -> float:
        done = self._gradients.compute(inputs, targets, chance=[self._seed, 1, step])
        gradients, _ = clip_by_global_norm(done.gradients, self._config.clip_norm)
        self._optimizer.update(self._weights, gradients, self._state, learning_rate=learning_rate)
        return done.loss

    def weights(self) -> list[np.ndarray]:
        return self._weights

    def memory(self) -> dict[str, np.ndarray]:
        return remembered(self._gradients, self._state)

    def restore(self, weights: Sequence[np.ndarray], memory: Mapping[str, np.ndarray]) -> None:
        for array, saved in zip(self._weights, weights, strict=True):
            array[...] = saved
        restore_remembered(self._gradients, self._state, memory)

    def at_work(self) -> AbstractContextManager[None]:
        return self._gradients.at_work(self._config.batch_size)

    def close(self) -> None:
        self._gradients.close()


class _KerasLearner:
    """A learner on Keras's backend, with a GPU where there is one."""

    def __init__(
        self,
        network: NetworkSpec,
        weights: Sequence[np.ndarray],
        config: CharacterTrainingConfig,
        seed: int,
    ) -> None:
        import keras

        from sentiment_rnn.architectures.builder import build_network

        keras.utils.set_random_seed(seed)
        self._one_hot = np.eye(network.batch_shape[2], dtype=np.float32)
        self._model = build_network(network, weights)
        self._optimizer = keras.optimizers.get(
            {
                "class_name": config.optimizer,
                "config": {
                    "learning_rate": config.learning_rate,
                    "global_clipnorm": config.clip_norm,
                },
            }
        )
        self._model.compile(self._optimizer, "categorical_crossentropy")
        self._optimizer.build(self._model.trainable_variables)

    def learn(
        self, inputs: np.ndarray, targets: np.ndarray, *, step: int, learning_rate: float
    ) -> float:
        self._optimizer.learning_rate = learning_rate
        loss = self._model.train_on_batch(self._one_hot[inputs], self._one_hot[targets])
        return float(loss)

    def weights(self) -> list[np.ndarray]:
        return self._model.get_weights()

    def memory(self) -> dict[str, np.ndarray]:
        import keras

        return {
            name: keras.ops.convert_to_numpy(variable)
            for name, variable in self._variables().items()
        }

    def restore(self, weights: Sequence[np.ndarray], memory: Mapping[str, np.ndarray]) -> None:
        self._model.set_weights(list(weights))
        for name, variable in self._variables().items():
            variable.assign(memory[name])

    def at_work(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        pass

    def _variables(self) -> dict:
        """Carried states, the seeds of dropout, and all that the optimizer remembers."""
        found: dict = {}
        for place, layer in enumerate(self._model.layers):
            # Keras doesn't count the states among a layer's variables.
            carried = [*(getattr(layer, "states", None) or []), *layer.non_trainable_variables]
            found |= {f"layer-{place}-{number}": one for number, one in enumerate(carried)}
        for number, one in enumerate(self._optimizer.variables):
            found[f"optimizer-{number}"] = one
        return found
