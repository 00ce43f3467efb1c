"""Small changes of what a network is fed with that mislead it most, to learn from.

A network that says the same of a text and of all that lies close to it relies on nothing that
happens to stand in the train texts alone. Close is meant in the sums that the first recurrent layer
makes of word vectors, since there the gradient is at hand already, and a change costs no product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def adversarial_perturbation(
    gradients: Sequence[Array], words: Array, length: float
) -> list[Array]:
    """The change of each row's inputs, of a given length, by which the loss rises fastest.

    Args:
        gradients: of the loss with respect to the inputs, of each direction ``(batch, time,
            columns)``; they become what is returned, in their own memory.
        words: how many steps of each row are read ``(batch,)``.
        length: of the change that a word gets on average: the root of the mean over the words of
            a row of the squared lengths.

    Returns:
        For each direction what to add ``(batch, time, columns)``; zeros for a row whose gradient
        is zero.

    Example:
        >>> gradient = np.array([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
        >>> adversarial_perturbation([gradient], np.array([2, 0]), 5.0)[0].round(2).tolist()
        [[[4.24, 0.0], [0.0, 5.66]], [[0.0, 0.0], [0.0, 0.0]]]

    Source: Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text
    Classification", 2017, equation 5, there of the word vectors, and of one length for texts of
    any: here a sentence is changed no more by the word than a long text.
    """
    squared = sum(np.einsum("btc,btc->b", gradient, gradient) for gradient in gradients)
    lengths = np.sqrt(squared)
    factors = np.zeros_like(lengths)
    np.divide(length * np.sqrt(words), lengths, out=factors, where=lengths > 0)
    for gradient in gradients:
        gradient *= factors[:, np.newaxis, np.newaxis]
    return list(gradients)
