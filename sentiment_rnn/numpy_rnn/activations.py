"""The functions that a neuron's sum passes through, and their derivatives.

A derivative is expressed by the function's *output*: the forward pass has it at hand already, so
that backpropagation keeps nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


def linear(x: Array, out: Array | None = None) -> Array:
    """The identity, ``f(x) = x``.

    Args:
        x: float array of any shape.
        out: an array of the same shape to write into; it may be `x` itself.

    Returns:
        `out`, or a new array of the type of `x`.

    Example:
        >>> linear(np.array([-1.0, 2.0]))
        array([-1.,  2.])
    """
    if out is None:
        return x.copy()
    if out is not x:
        np.copyto(out, x)
    return out


def relu(x: Array, out: Array | None = None) -> Array:
    """The rectifier, ``f(x) = max(x, 0)``. Arguments and result as in `linear`.

    Example:
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])

    Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", 2010.
    """
    return np.maximum(x, 0, out=out)


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """The logistic function, ``f(x) = 1 / (1 + exp(-x))``. Arguments and result as in `linear`.

    It keeps its relative precision down to the smallest numbers, where the form with a tanh is 0.

    Example:
        >>> sigmoid(np.array([-1000.0, -30.0, 0.0, 1000.0]))
        array([0.00000000e+00, 9.35762297e-14, 5.00000000e-01, 1.00000000e+00])
    """
    out = np.negative(x, out=out)
    # Where exp(-x) is too large for a float, its infinity gives the limit: 1 / inf = 0.
    with np.errstate(over="ignore"):
        np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.reciprocal(out, out=out)


def hard_sigmoid(x: Array, out: Array | None = None) -> Array:
    """Three straight lines near the sigmoid, ``f(x) = clip(x / 6 + 0.5, 0, 1)``.

    This is Keras 3's; that of Keras 1 and 2 rose by 0.2. Arguments and result as in `linear`.

    Example:
        >>> hard_sigmoid(np.array([-4.0, 0.0, 1.5, 4.0]))
        array([0.  , 0.5 , 0.75, 1.  ])
    """
    out = np.multiply(x, 1 / 6, out=out)
    np.add(out, 0.5, out=out)
    return np.clip(out, 0, 1, out=out)


def tanh(x: Array, out: Array | None = None) -> Array:
    """The hyperbolic tangent. Arguments and result as in `linear`.

    Example:
        >>> tanh(np.array([0.0, 1000.0]))
        array([0., 1.])
    """
    return np.tanh(x, out=out)


def softmax(x: Array, out: Array | None = None) -> Array:
    """Probabilities over the last axis, ``f(x)_i = exp(x_i) / sum_j exp(x_j)``.

    Arguments and result as in `linear`.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0], [0.0, -1000.0]]))
        array([[0.5, 0.5],
               [1. , 0. ]])
    """
    # A constant added to every x_j changes nothing but the size of the powers.
    out = np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    return np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative.

    Args:
        name: Keras's name.
        function: ``function(x, out=None)``.
        slope: ``slope(y, out=None)``, the derivative at the place whose output is ``y``; None for
            softmax, where every output depends on every input.

    Example:
        >>> ACTIVATIONS["tanh"].function(np.zeros(2))
        array([0., 0.])
        >>> ACTIVATIONS["tanh"].slope(np.array([0.0, 0.5]))
        array([1.  , 0.75])
    """

    name: str
    function: Callable[..., Array]
    slope: Callable[..., Array] | None

    def backward(self, y: Array, gradient: Array) -> Array:
        """Carries a gradient from the function's output to its input.

        Args:
            y: what the function gave, of any shape.
            gradient: the gradient of the loss with respect to `y`, of the same shape.

        Returns:
            The gradient with respect to the input, of the same shape.

        Example:
            >>> y = softmax(np.array([0.0, 0.0]))
            >>> ACTIVATIONS["softmax"].backward(y, np.array([1.0, 0.0]))
            array([ 0.25, -0.25])
        """
        if self.name == "linear":
            return gradient
        if self.slope is None:
            return y * (gradient - (gradient * y).sum(axis=-1, keepdims=True))
        slope = self.slope(y)
        return np.multiply(slope, gradient, out=slope)


def _linear_slope(y: Array, out: Array | None = None) -> Array:
    if out is None:
        return np.ones_like(y)
    out.fill(1)
    return out


def _relu_slope(y: Array, out: Array | None = None) -> Array:
    out = np.empty_like(y) if out is None else out
    return np.greater(y, 0, out=out, casting="unsafe")


def _sigmoid_slope(y: Array, out: Array | None = None) -> Array:
    out = np.subtract(1, y, out=out)
    return np.multiply(out, y, out=out)


def _hard_sigmoid_slope(y: Array, out: Array | None = None) -> Array:
    return np.multiply((y > 0) & (y < 1), y.dtype.type(1 / 6), out=out)


def _tanh_slope(y: Array, out: Array | None = None) -> Array:
    out = np.multiply(y, y, out=out)
    return np.subtract(1, out, out=out)


# By the names that `LayerSpec` allows.
ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("linear", linear, _linear_slope),
        Activation("relu", relu, _relu_slope),
        Activation("sigmoid", sigmoid, _sigmoid_slope),
        Activation("hard_sigmoid", hard_sigmoid, _hard_sigmoid_slope),
        Activation("softmax", softmax, None),
        Activation("tanh", tanh, _tanh_slope),
    )
}
