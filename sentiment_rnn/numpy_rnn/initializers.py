"""The numbers that training starts from, as Keras draws them, without Keras."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import DTypeLike

from sentiment_rnn.architectures.layers import NetworkSpec, WeightSpec

Array = np.ndarray


def glorot_uniform(
    shape: tuple[int, int], rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> Array:
    """Draws evenly from ``[-limit, limit]``, ``limit = sqrt(6 / (rows + columns))``.

    The variance of what passes then stays much the same from layer to layer, both ways.

    Args:
        shape: ``(rows, columns)``.
        rng: where chance comes from.
        dtype: float type of the result.

    Returns:
        An array of that shape.

    Example:
        >>> kernel = glorot_uniform((300, 50), np.random.default_rng(0))
        >>> bool(np.abs(kernel).max() <= np.sqrt(6 / 350))
        True

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """
    limit = sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def orthogonal(
    shape: tuple[int, int], rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> Array:
    """Draws a matrix whose rows, or columns if they are fewer, are orthogonal and of length 1.

    A product with such a matrix keeps lengths, so that a state neither grows nor shrinks by it
    over many steps. Of an LSTM or GRU the matrix is that of all gates side by side, as in Keras.

    Args:
        shape: ``(rows, columns)``.
        rng: where chance comes from.
        dtype: float type of the result.

    Returns:
        An array of that shape.

    Example:
        >>> u = orthogonal((3, 3), np.random.default_rng(0))
        >>> bool(np.allclose(u @ u.T, np.eye(3), atol=1e-6))
        True

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2014.
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    # Without the signs of r the decomposition would prefer some directions to others.
    q *= np.where(np.diag(r) < 0, -1, 1)
    return np.ascontiguousarray(q if rows >= columns else q.T).astype(dtype)


def initial_weights(
    spec: NetworkSpec, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> list[Array]:
    """Draws the weights of a network as Keras's layers do when nothing else is asked of them.

    Kernels are `glorot_uniform`, recurrent kernels `orthogonal`, biases zeros, but ones for the
    forget gate of an LSTM, so that it begins by remembering.

    Args:
        spec: the network.
        rng: where chance comes from.
        dtype: float type of the arrays.

    Returns:
        Arrays in the order of ``spec.weights()``, for `Network` and for Keras's ``set_weights``.

    Example:
        >>> from sentiment_rnn.architectures import LayerSpec
        >>> spec = NetworkSpec((None, None, 3), (LayerSpec("LSTM", {"units": 2}),))
        >>> weights = initial_weights(spec, np.random.default_rng(0))
        >>> weights[2]
        array([0., 0., 1., 1., 0., 0., 0., 0.], dtype=float32)

    Source: of the forget gate's ones, Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration
    of Recurrent Network Architectures", 2015.
    """
    return [_draw(spec, weight, rng, dtype) for weight in spec.weights()]


def _draw(
    spec: NetworkSpec, weight: WeightSpec, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    if weight.name in ("bias", "output_bias"):
        bias = np.zeros(weight.shape, dtype)
        cell = spec.layers[weight.layer].cell
        if cell.class_name == "LSTM":
            bias[cell.units : 2 * cell.units] = 1
        return bias
    rows, columns = weight.shape
    draw = orthogonal if weight.name == "recurrent_kernel" else glorot_uniform
    return draw((rows, columns), rng, dtype)
