"""Pooling over the steps that were read, as a Keras layer.

Keras's own pooling over time knows of masks where it takes the mean, which is not a number for a
text without any known word, and not where it takes the maximum. Importing this module is all that
plain Keras needs to read models made of the layer: the class is registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="sentiment_rnn")
class MaskedPooling1D(keras.layers.Layer):
    """Mean and maximum over the steps of each text that its mask doesn't leave out.

    Of a text without any step both are zeros.

    Args:
        mode: "mean", "max", or "mean_max" for both side by side.
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: for another mode.

    Example:
        >>> x = keras.ops.convert_to_tensor([[[1.0], [3.0], [8.0]]])
        >>> mask = keras.ops.convert_to_tensor([[True, True, False]])
        >>> MaskedPooling1D("mean_max")(x, mask=mask).numpy()
        array([[2., 3.]], dtype=float32)

    Source: mean and maximum side by side: Howard and Ruder, "Universal Language Model Fine-tuning
    for Text Classification", 2018, section 3.3.
    """

    def __init__(self, mode: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("mean", "max", "mean_max"):
            raise ValueError(f"Expected the mode mean, max or mean_max. Received: {mode!r}")
        self.mode = mode
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(batch, time, features)`` → ``(batch, features)``; Keras calls it."""
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], "bool")
        read = ops.expand_dims(mask, -1)
        found = []
        if "mean" in self.mode:
            counts = ops.cast(read, inputs.dtype)
            count = ops.maximum(ops.sum(counts, axis=1), 1)
            found.append(ops.sum(inputs * counts, axis=1) / count)
        if "max" in self.mode:
            lowest = ops.cast(float("-inf"), inputs.dtype)
            highest = ops.max(ops.where(read, inputs, lowest), axis=1)
            found.append(ops.where(ops.any(read, axis=1), highest, ops.zeros_like(highest)))
        return ops.concatenate(found, axis=-1)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """None, as the steps are gone; Keras calls it."""

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of the output; Keras calls it."""
        batch, _, features = input_shape
        return batch, None if features is None else features * (1 + (self.mode == "mean_max"))

    def get_config(self) -> dict[str, Any]:
        """The settings, to be saved; Keras calls it."""
        return {**super().get_config(), "mode": self.mode}
