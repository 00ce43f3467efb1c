"""A network on ids, to be trained: Keras's layers and weights, run so that a CPU is fast.

Of the 12,800 tokens of a batch of 32 reviews, some 2,000 are distinct. So the first recurrent
layer's kernel meets each distinct word's vector once, and a token costs a row of the result. The
loops over time are those of `sentiment_rnn.architectures.loops`. Layers that they can't run, and
all layers on a GPU, run as Keras does. For a GPU it has the loops of the GPU's maker, which take no
mask on most backends: there the steps that are read are moved to the front, and need none.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from sentiment_rnn.architectures.loops import has_loop, project, recurrent_states
from sentiment_rnn.architectures.pooling import MaskedPooling1D

Tensor = Any

# Distinct ids are filled up to a multiple of this: backends that compile do so for each length.
_DISTINCT = 512
_TAKE_MASKS = (
    keras.layers.RNN,
    keras.layers.Bidirectional,
    keras.layers.GlobalAveragePooling1D,
    MaskedPooling1D,
)
_MERGE = {
    "concat": lambda forward, backward: ops.concatenate([forward, backward], axis=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


def distinct_ids(ids: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Takes a batch of ids apart into the distinct ones and where each of them occurs.

    Args:
        ids: whole numbers ``(batch, time)``.
        count: a number above all of them.

    Returns:
        int32 numbers of the rows ``(batch,)``; for each id, row by row, its place among the
        distinct ones ``(batch * time,)``; the distinct ids ``(distinct,)``, zeros after them.

    Example:
        >>> rows, places, distinct = distinct_ids(np.array([[7, 5], [7, 7]]), 8)
        >>> rows.tolist(), places.tolist(), distinct[:2].tolist()
        ([0, 1], [1, 0, 1, 1], [5, 7])
    """
    occurs = np.zeros(count, bool)
    occurs[ids] = True
    found = np.flatnonzero(occurs)
    place = np.zeros(count, np.int32)
    place[found] = np.arange(len(found))
    distinct = np.zeros(-(-len(found) // _DISTINCT) * _DISTINCT, np.int32)
    distinct[: len(found)] = found
    # Flat: on TensorFlow, `fit` takes the sizes that the first two batches share for those of
    # all, except along the first axis.
    return np.arange(len(ids), dtype=np.int32), place[ids].ravel(), distinct


class EmbeddedNetwork(keras.Model):
    """A network behind word vectors. It takes what `distinct_ids` gives.

    Args:
        word_vectors: makes vectors of ids.
        network: what `build_network` makes. It shares the weights: training one trains the other.
        precision: the type in which the package's own loops compute products, "float32" or
            "bfloat16"; weights and all else are float32.

    Attributes:
        on_cpu: whether it runs on a CPU, and not on a GPU.

    Example:
        >>> network = keras.Sequential([keras.Input((None, 2)), keras.layers.LSTM(3)])
        >>> vectors = keras.layers.Embedding(8, 2)
        >>> vectors.build(None)
        >>> inputs = distinct_ids(np.array([[7, 5, 1], [7, 7, 0]]), 8)
        >>> EmbeddedNetwork(vectors, network)(inputs).shape
        TensorShape([2, 3])
    """

    def __init__(
        self,
        word_vectors: keras.layers.Embedding,
        network: keras.Sequential,
        *,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.word_vectors = word_vectors
        self.network = network
        self._precision = precision
        self.on_cpu = "cpu" in str(word_vectors.embeddings.value.device).lower()

    def call(
        self,
        inputs: tuple[Tensor, Tensor, Tensor],
        moved: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        """The network's output for what `distinct_ids` gives; Keras calls it.

        Args:
            inputs: what `distinct_ids` gives.
            moved: what to add to the vector of each word ``(batch, time, features)``; None for
                nothing.
            training: whether to drop what dropout drops. Keras tells the layers by itself, but in
                training it says so only to a model that has this argument.
        """
        rows, places, distinct = inputs
        batch = self.network.input_shape[0] or ops.shape(rows)[0]
        places = ops.reshape(places, (batch, -1))
        values, mask = self.word_vectors(distinct), None
        layers = list(self.network.layers)
        if isinstance(layers[0], keras.layers.Masking):
            mask = ops.take(layers[0].compute_mask(values), places, axis=0)
            values = layers.pop(0)(values)
        if moved is None and self._runs(layers[0]):
            values = self._read(layers.pop(0), values, places, mask)
        else:
            values = ops.take(values, places, axis=0)
            values = values if moved is None else values + moved
        for layer in layers:
            if isinstance(layer, keras.layers.Masking):
                mask = layer.compute_mask(values)
            if self._runs(layer):
                values = self._read(layer, values, None, mask)
            elif mask is not None and not self.on_cpu and _takes_packed(layer):
                values = _packed_states(layer, values, mask)
            elif isinstance(layer, _TAKE_MASKS):
                values = layer(values, mask=mask)
            else:
                values = layer(values)
        return values

    def _runs(self, layer: keras.Layer) -> bool:
        """Whether the package's own loops run a layer."""
        if isinstance(layer, keras.layers.Bidirectional):
            return self._runs(layer.forward_layer) and self._runs(layer.backward_layer)
        return self.on_cpu and has_loop(layer)

    def _read(
        self, layer: keras.Layer, values: Tensor, places: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        """What a recurrent layer makes of its inputs.

        Args:
            layer: a layer that `_runs`.
            values: its inputs ``(batch, time, features)``; with `places`, the distinct ones.
            places: where the inputs are in ``values``, ``(batch, time)``; None where they are
                given one by one.
            mask: true where a step is read ``(batch, time)``; None for everywhere.
        """
        if isinstance(layer, keras.layers.Bidirectional):
            forward = self._read(layer.forward_layer, values, places, mask)
            backward = self._read(layer.backward_layer, values, places, mask)
            if layer.return_sequences:
                backward = ops.flip(backward, axis=1)
            return _MERGE[layer.merge_mode](forward, backward)
        projected = project(layer, values, precision=self._precision)
        if places is None:
            projected = ops.transpose(projected, (1, 0, 2))
        else:
            projected = ops.take(projected, ops.transpose(places), axis=0)
        if mask is not None:
            mask = ops.transpose(mask)
        if layer.go_backwards:
            projected = ops.flip(projected, axis=0)
            mask = None if mask is None else ops.flip(mask, axis=0)
        states = recurrent_states(layer, projected, mask, precision=self._precision)
        if mask is not None and layer.zero_output_for_mask:
            states = ops.where(ops.expand_dims(mask, -1), states, 0.0)
        return ops.transpose(states, (1, 0, 2)) if layer.return_sequences else states[-1]


def _takes_packed(layer: keras.Layer) -> bool:
    """Whether `_packed_states` can run a layer: one that gives all its states."""
    if isinstance(layer, keras.layers.Bidirectional):
        return _takes_packed(layer.forward_layer) and _takes_packed(layer.backward_layer)
    return has_loop(layer) and layer.return_sequences


def _packed_states(layer: keras.Layer, values: Tensor, mask: Tensor) -> Tensor:
    """What a layer gives that skips steps, though it is told of none.

    Args:
        layer: a layer that `_takes_packed`.
        values: its inputs ``(batch, time, features)``.
        mask: true where a step is read ``(batch, time)``.

    Returns:
        Its states ``(batch, time, units)``: those before a step that isn't read.
    """
    if isinstance(layer, keras.layers.Bidirectional):
        forward = _packed_states(layer.forward_layer, values, mask)
        backward = _packed_states(layer.backward_layer, values, mask)
        return _MERGE[layer.merge_mode](forward, ops.flip(backward, axis=1))
    if layer.go_backwards:
        values, mask = ops.flip(values, axis=1), ops.flip(mask, axis=1)
    steps = ops.arange(ops.shape(mask)[1])
    order = ops.argsort(ops.where(mask, steps, steps + ops.shape(mask)[1]), axis=1)
    packed = _take_steps(values, order)
    # Such a layer turns its inputs around by itself.
    states = layer(ops.flip(packed, axis=1) if layer.go_backwards else packed)
    read = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    states = _take_steps(states, ops.maximum(read - 1, 0))
    given = mask if layer.zero_output_for_mask else read > 0
    return ops.where(ops.expand_dims(given, -1), states, 0.0)


def _take_steps(values: Tensor, steps: Tensor) -> Tensor:
    """Of each row ``(time, features)`` of a batch the steps of these numbers ``(batch, time)``."""
    return ops.take_along_axis(values, ops.expand_dims(steps, -1), axis=1)
