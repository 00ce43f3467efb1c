"""Word vectors in front of a network: ids in, and gradients back, at the cost of distinct words.

The same words come again and again: of the 12,800 tokens of a batch of 32 reviews, some 2,000 are
distinct. So the first layer's kernel meets each distinct word's vector once, a token costs a row
of the result, and on the way back the gradients of all places of a word are added up before they
meet the vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.numpy_rnn.layers import ChanceOfRows
from sentiment_rnn.numpy_rnn.memory import empty_like
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.projection import take_rows

if TYPE_CHECKING:
    from scipy import sparse

Array = np.ndarray


class EmbeddedGradients(NamedTuple):
    """Gradients of the loss.

    Args:
        weights: with respect to the network's weights, in their order.
        vectors: with respect to the vectors, ``(ids, features)``; None if it wasn't asked for.
        projected: for each direction of the first layer, with respect to what its kernel made of
            the vectors at each place, ``(batch, time, columns)``.
    """

    weights: list[Array]
    vectors: Array | None
    projected: list[Array]


class EmbeddedNetwork:
    """A network that is fed with ids, and trained so.

    Args:
        spec: the layers; the first, after a Masking or not, is recurrent.
        weights: arrays in the order of ``spec.weights()``; copied.
        vectors: the vector of each id, ``(ids, features)``; not copied.

    Attributes:
        network: the network behind the vectors, with its own weights.
        vectors: the vectors.

    Raises:
        ValueError: if vectors and network don't go together.

    Example:
        >>> from sentiment_rnn.architectures import LayerSpec
        >>> spec = NetworkSpec((None, None, 2), (LayerSpec("SimpleRNN", {"units": 3}),))
        >>> weights = [np.full(weight.shape, 0.5) for weight in spec.weights()]
        >>> embedded = EmbeddedNetwork(spec, weights, np.eye(4, 2))
        >>> ids = np.array([[1, 2, 1]])
        >>> output = embedded.forward(ids, training=True)
        >>> bool(np.allclose(output, embedded.network.forward(embedded.vectors[ids])))
        True
    """

    def __init__(self, spec: NetworkSpec, weights: Sequence[Array], vectors: Array) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != spec.batch_shape[2]:
            raise ValueError(
                f"Expected vectors (ids, {spec.batch_shape[2]}). Received: {vectors.shape}"
            )
        self.network = Network(spec, weights)
        self.vectors = vectors
        first = spec.layers[0]
        self._mask_value = first["mask_value"] if first.class_name == "Masking" else None
        # The place of each id among the distinct ones; only those of the last batch mean anything.
        self._places = np.zeros(len(vectors), np.int32)

    def forward(
        self,
        ids: Array,
        *,
        training: bool = False,
        rng: np.random.Generator | ChanceOfRows | None = None,
        perturbation: Sequence[Array] | None = None,
    ) -> Array:
        """The network's output.

        Args:
            ids: whole numbers ``(batch, time)``; not changed.
            training: as in `Network.forward`, as is `rng`. It is to be gone back then.
            rng: where the chance of Dropout comes from.
            perturbation: what is added, for each direction of the first layer, to what its kernel
                makes of the vectors at each place, ``(batch, time, columns)``; None for nothing.

        Returns:
            As `Network.forward`.
        """
        batch, time = ids.shape
        # Time first, which is the order in which the steps are read.
        flat = ids.T.ravel()
        occurs = np.zeros(len(self.vectors), bool)
        occurs[flat] = True
        self._distinct = np.flatnonzero(occurs)
        self._places[self._distinct] = np.arange(len(self._distinct), dtype=np.int32)
        self._rows = self._places[flat]
        self._inputs = take_rows(self.vectors, self._distinct)
        projected = [
            take_rows(table, self._rows).reshape(time, batch, -1).swapaxes(0, 1)
            for table in self.network.project_inputs(self._inputs)
        ]
        if perturbation is not None:
            for array, change in zip(projected, perturbation, strict=True):
                array += change
        mask = None
        if self._mask_value is not None:
            is_read = (self._inputs != self._mask_value).any(axis=1)
            mask = is_read[self._rows].reshape(time, batch).T
        return self.network.forward_projected(projected, mask=mask, training=training, rng=rng)

    def backward(
        self, output_gradient: Array, *, of_sum: bool = False, vector_gradient: bool = False
    ) -> EmbeddedGradients:
        """Carries a gradient back from the output of the last `forward` with ``training=True``.

        Args:
            output_gradient: as in `Network.backward`, as is `of_sum`.
            of_sum: whether it is that of the sums before the last activation.
            vector_gradient: whether the gradient of the vectors is wanted.

        Returns:
            Those of weights, vectors and projected inputs.
        """
        found, of_projected = self.network.backward_projected(output_gradient, of_sum=of_sum)
        adding = occurrences(self._rows, len(self._distinct))
        sums = [
            adding @ gradient.swapaxes(0, 1).reshape(len(self._rows), -1)
            for gradient in of_projected
        ]
        kernels = [place for place, gradient in enumerate(found) if gradient is None]
        of_inputs = None
        for place, of_table in zip(kernels, sums, strict=True):
            found[place] = self._inputs.T @ of_table
            if vector_gradient:
                more = of_table @ self.network.weights[place].T
                of_inputs = more if of_inputs is None else of_inputs + more
        of_vectors = None
        if of_inputs is not None:
            of_vectors = empty_like(self.vectors)
            of_vectors[...] = 0
            of_vectors[self._distinct] = of_inputs
        of_weights = [gradient for gradient in found if gradient is not None]
        return EmbeddedGradients(of_weights, of_vectors, of_projected)


def occurrences(rows: Array, count: int, factors: Array | None = None) -> sparse.csc_array:
    """A sparse matrix whose product with an array sums those of its rows that belong together.

    Args:
        rows: of each row of the array the place of its sum ``(rows,)``.
        count: how many sums there are.
        factors: by what each row is multiplied ``(rows,)``; None for 1.

    Returns:
        ``(count, rows)``.

    Example:
        >>> (occurrences(np.array([0, 1, 0]), 2) @ np.array([[1.0], [2.0], [3.0]])).tolist()
        [[4.0], [2.0]]
    """
    from scipy import sparse

    if factors is None:
        factors = np.ones(len(rows), np.float32)
    return sparse.csc_array((factors, rows, np.arange(len(rows) + 1)), (count, len(rows)))
