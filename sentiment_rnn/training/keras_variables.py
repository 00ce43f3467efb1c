"""What of a Keras model a checkpoint keeps: all that its next training step depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np


def variables(model: keras.Model, network: keras.Sequential) -> list[Any]:
    """The weights, the seeds of dropout, carried states, and what the optimizer remembers.

    Args:
        model: compiled, with an optimizer that is built.
        network: the part of it that may be stateful.
    """
    # Keras doesn't count the states among a layer's variables.
    states = [
        state
        for layer in network.layers
        if getattr(layer, "stateful", False)
        for state in layer.states or []
    ]
    return [*model.variables, *model.optimizer.variables, *states]


def values(those: Sequence[Any]) -> dict[str, np.ndarray]:
    """What variables hold, by their places."""
    return {
        f"variable-{place}": np.array(keras.ops.convert_to_numpy(variable))
        for place, variable in enumerate(those)
    }


def assign(those: Sequence[Any], saved: Mapping[str, np.ndarray]) -> None:
    """Takes up what `values` gave.

    Raises:
        KeyError: if something is missing.
        ValueError: if a shape doesn't fit.
    """
    for place, variable in enumerate(those):
        variable.assign(saved[f"variable-{place}"])
