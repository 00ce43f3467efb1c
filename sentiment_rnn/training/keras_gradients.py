"""Gradients by what Keras's layers are fed with.

Keras has no word for them. This is the only place that asks its backends, each in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any


def gradient(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """How fast what a function gives rises with each of its inputs, on any backend.

    Args:
        function: from an array to one number. It may call layers.
        values: where it is asked for.

    Returns:
        An array of the shape of `values`, a constant to all that is computed of it.

    Example:
        >>> gradient(lambda x: ops.sum(x * x), ops.convert_to_tensor([1.0, 3.0])).numpy().tolist()
        [2.0, 6.0]
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(values)
            result = function(values)
        return ops.stop_gradient(tape.gradient(result, values))
    if backend == "jax":
        import jax

        return ops.stop_gradient(jax.grad(function)(values))
    import torch

    values = values.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(values), values)
    return found


def misleading(gradient: Tensor, words: Tensor, length: float) -> Tensor:
    """The change of each row's word vectors, of a given length, by which the loss rises fastest.

    It is what `sentiment_rnn.numpy_rnn.adversarial.adversarial_perturbation` makes of sums.

    Args:
        gradient: of the loss with respect to the vectors ``(batch, time, features)``.
        words: how many words of each row are read ``(batch,)``.
        length: of the change that a word gets on average.

    Returns:
        What to add ``(batch, time, features)``; zeros for a row whose gradient is zero.

    Example:
        >>> found = misleading(ops.convert_to_tensor([[[3.0], [4.0]]]), ops.array([2.0]), 1.0)
        >>> found.numpy().round(2)
        array([[[0.85],
                [1.13]]], dtype=float32)

    Source: Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text
    Classification", 2017, equation 5.
    """
    lengths = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2)))
    # No division by zero, of which a gradient would be no number where it isn't asked for either.
    divisors = ops.where(lengths > 0, lengths, 1.0)
    factors = length * ops.sqrt(words) / divisors
    return gradient * ops.reshape(factors, (-1, 1, 1))
