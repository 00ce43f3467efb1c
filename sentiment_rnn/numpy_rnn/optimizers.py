"""Gradients → changed weights: the optimizers as Keras 3 defines them, and clipping.

An optimizer is a small frozen config. What it remembers from step to step is an `OptimizerState`,
plain arrays that can be saved; weights and state are changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from math import inf, sqrt

import numpy as np

Array = np.ndarray

# Numbers that are changed at a time.
_PIECE = 1 << 15


@dataclass
class OptimizerState:
    """What an optimizer remembers.

    Args:
        iterations: steps done.
        slots: by name, an array for each weight, of its shape.
    """

    iterations: int = 0
    slots: dict[str, list[Array]] = field(default_factory=dict)


# Settings that are no share of what was before.
_ANY_SIZE = ("epsilon", "initial_accumulator_value")


@dataclass(frozen=True)
class Optimizer:
    """What the optimizers share.

    Args:
        learning_rate: how large the steps are.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name == "learning_rate":
                _check_rate(value)
            elif isinstance(setting.default, float):
                is_rate = setting.name not in _ANY_SIZE
                if not 0 <= value < (1 if is_rate else inf):
                    most = "below 1" if is_rate else "finite"
                    raise ValueError(
                        f"{setting.name} must be at least 0 and {most}. Received: {value!r}"
                    )

    def start(self, weights: Sequence[Array]) -> OptimizerState:
        """Makes the memory for training these weights.

        Args:
            weights: float arrays; not changed.

        Example:
            >>> sorted(Adam().start([np.zeros(2)]).slots)
            ['momentum', 'velocity']
        """
        return OptimizerState(
            slots={
                name: [np.full_like(weight, value) for weight in weights]
                for name, value in self._memory().items()
            }
        )

    def update(
        self,
        weights: Sequence[Array],
        gradients: Sequence[Array],
        state: OptimizerState,
        *,
        learning_rate: float | None = None,
    ) -> None:
        """Does one step.

        Args:
            weights: float arrays, changed in place.
            gradients: arrays of the same shapes; not changed.
            state: of `start`, changed in place.
            learning_rate: for this step, where a schedule sets it; the config's if None.

        Raises:
            ValueError: if the shapes differ.

        Example:
            >>> weights = [np.array([1.0, 2.0])]
            >>> optimizer = SGD(learning_rate=0.5)
            >>> optimizer.update(weights, [np.array([1.0, -1.0])], optimizer.start(weights))
            >>> weights
            [array([0.5, 2.5])]
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        _check_rate(rate)
        shapes, came = [w.shape for w in weights], [np.shape(g) for g in gradients]
        remembered = [[array.shape for array in arrays] for arrays in state.slots.values()]
        if shapes != came or any(slot != shapes for slot in remembered):
            raise ValueError(
                f"Expected gradients and a state for weights of the shapes {shapes}. Received "
                f"gradients: {came}, state: {remembered}"
            )
        state.iterations += 1
        for place, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            slots = [arrays[place] for arrays in state.slots.values()]
            for pieces in _in_pieces(weight, np.asarray(gradient), *slots):
                weight_piece, gradient_piece, *slot_pieces = pieces
                self._step(weight_piece, gradient_piece, rate, state.iterations, *slot_pieces)

    def _memory(self) -> dict[str, float]:
        """What is remembered of each weight, by name, and the value that it starts with."""
        return {}

    def _step(
        self, weight: Array, gradient: Array, rate: float, iteration: int, *slots: Array
    ) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: ``w -= rate * g``; with momentum ``v = m v - rate * g; w += v``.

    Args:
        learning_rate: how large the steps are.
        momentum: share of the last step that is kept, at least 0 and below 1.
        nesterov: whether to take the gradient's step from where the momentum leads.

    Raises:
        ValueError: if a setting is out of range.

    Sources: Robbins and Monro, "A Stochastic Approximation Method", 1951; Sutskever et al., "On the
    importance of initialization and momentum in deep learning", 2013.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def _memory(self) -> dict[str, float]:
        return {"momentum": 0} if self.momentum else {}

    def _step(
        self, weight: Array, gradient: Array, rate: float, iteration: int, *slots: Array
    ) -> None:
        step = gradient * rate
        if not self.momentum:
            weight -= step
            return
        (velocity,) = slots
        velocity *= self.momentum
        velocity -= step
        weight += velocity * self.momentum - step if self.nesterov else velocity


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """``v = rho v + (1 - rho) g^2; w -= rate * g / sqrt(v + epsilon)``.

    Args:
        learning_rate: how large the steps are.
        rho: how much of the mean of squares is kept.
        momentum: share of the last step that is kept.
        epsilon: keeps the root from zero.

    Raises:
        ValueError: if a setting is out of range.

    Source: Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012.
    """

    learning_rate: float = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7

    def _memory(self) -> dict[str, float]:
        return {"velocity": 0, "momentum": 0} if self.momentum else {"velocity": 0}

    def _step(
        self, weight: Array, gradient: Array, rate: float, iteration: int, *slots: Array
    ) -> None:
        velocity = slots[0]
        velocity *= self.rho
        velocity += (1 - self.rho) * np.square(gradient)
        step = rate * gradient / np.sqrt(velocity + self.epsilon)
        if self.momentum:
            momentum = slots[1]
            momentum *= self.momentum
            momentum += step
            step = momentum
        weight -= step


@dataclass(frozen=True)
class Adam(Optimizer):
    """``m`` and ``v``, the means of gradients and squares; ``w -= a * m / (sqrt(v) + epsilon)``.

    ``a = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`` makes up for the means starting at zero.

    Args:
        learning_rate: how large the steps are.
        beta_1: how much of the mean of gradients is kept.
        beta_2: how much of the mean of squares is kept.
        epsilon: keeps the root from zero.

    Raises:
        ValueError: if a setting is out of range.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, the formulation just
    before section 2.1, with "epsilon hat".
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _memory(self) -> dict[str, float]:
        return {"momentum": 0, "velocity": 0}

    def _step(
        self, weight: Array, gradient: Array, rate: float, iteration: int, *slots: Array
    ) -> None:
        momentum, velocity = slots
        momentum += (gradient - momentum) * (1 - self.beta_1)
        velocity += (np.square(gradient) - velocity) * (1 - self.beta_2)
        rate *= sqrt(1 - self.beta_2**iteration) / (1 - self.beta_1**iteration)
        weight -= rate * momentum / (np.sqrt(velocity) + self.epsilon)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """``a += g^2; w -= rate * g / sqrt(a + epsilon)``.

    Args:
        learning_rate: how large the steps are.
        initial_accumulator_value: with which ``a`` starts.
        epsilon: keeps the root from zero.

    Raises:
        ValueError: if a setting is out of range.

    Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", 2011.
    """

    learning_rate: float = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def _memory(self) -> dict[str, float]:
        return {"accumulator": self.initial_accumulator_value}

    def _step(
        self, weight: Array, gradient: Array, rate: float, iteration: int, *slots: Array
    ) -> None:
        (accumulator,) = slots
        accumulator += np.square(gradient)
        weight -= rate * gradient / np.sqrt(accumulator + self.epsilon)


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps as large as the last ones were: ``d = -sqrt(u + epsilon) / sqrt(a + epsilon) * g``.

    ``a`` and ``u`` are the means of the squares of ``g`` and ``d``; ``w += rate * d``.

    Args:
        learning_rate: how large the steps are; 1 in the paper.
        rho: how much of the means is kept.
        epsilon: keeps the roots from zero, and lets the first step be taken.

    Raises:
        ValueError: if a setting is out of range.

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
    """

    learning_rate: float = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7

    def _memory(self) -> dict[str, float]:
        return {"accumulated_gradient": 0, "accumulated_step": 0}

    def _step(
        self, weight: Array, gradient: Array, rate: float, iteration: int, *slots: Array
    ) -> None:
        gradients, steps = slots
        gradients *= self.rho
        gradients += (1 - self.rho) * np.square(gradient)
        step = np.sqrt(steps + self.epsilon) / np.sqrt(gradients + self.epsilon) * gradient
        steps *= self.rho
        steps += (1 - self.rho) * np.square(step)
        weight -= rate * step


# By Keras's names.
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
}


def clip_by_value(gradients: Sequence[Array], limit: float) -> list[Array]:
    """Cuts every number to ``[-limit, limit]``.

    Args:
        gradients: arrays; not changed.
        limit: above 0.

    Returns:
        New arrays.

    Raises:
        ValueError: if the limit isn't above 0.

    Example:
        >>> clip_by_value([np.array([-3.0, 0.5])], 1)
        [array([-1. ,  0.5])]
    """
    _check_limit(limit)
    return [np.clip(gradient, -limit, limit) for gradient in gradients]


def clip_by_global_norm(gradients: Sequence[Array], limit: float) -> tuple[list[Array], float]:
    """Scales all gradients by the same number, so that their common norm is at most `limit`.

    A norm that is infinite or not a number turns all gradients into nan, as in TensorFlow and
    Keras, so that it can't be missed.

    Args:
        gradients: arrays; not changed.
        limit: above 0.

    Returns:
        The arrays, scaled ones if their norm is above the limit; and the norm that they had.

    Raises:
        ValueError: if the limit isn't above 0.

    Example:
        >>> clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1)
        ([array([0.6]), array([0.8])], 5.0)

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", 2013.
    """
    _check_limit(limit)
    norm = sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients))
    if norm <= limit:
        return list(gradients), norm
    scale = limit / norm if np.isfinite(norm) else float("nan")
    return [gradient * scale for gradient in gradients], norm


def _in_pieces(*arrays: Array) -> Iterator[list[Array]]:
    """Views of arrays of one shape, piece by piece: what a step makes stays in the cache."""
    if not all(array.flags.c_contiguous for array in arrays):
        yield list(arrays)
        return
    rows = [array.reshape(-1) for array in arrays]
    for start in range(0, len(rows[0]), _PIECE):
        yield [row[start : start + _PIECE] for row in rows]


def _check_limit(limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"The limit must be above 0. Received: {limit!r}")


def _check_rate(rate: float) -> None:
    if not 0 <= rate < float("inf"):
        raise ValueError(f"learning_rate must be a finite number of at least 0. Received: {rate!r}")
