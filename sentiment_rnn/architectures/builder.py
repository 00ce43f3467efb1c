"""A network description → a Keras model. The only place where the layers of one are made."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from sentiment_rnn.architectures import feedback, pooling
from sentiment_rnn.architectures.layers import OWN_LAYERS, LayerSpec, NetworkSpec


def build_network(
    network: NetworkSpec, weights: Sequence[np.ndarray] | None = None
) -> keras.Sequential:
    """Makes the Keras model of a network: word vectors in, probability out.

    Args:
        network: the layers.
        weights: arrays in the order of ``network.weights()``; Keras's initial ones if None.

    Returns:
        A model from float vectors ``(batch, time, features)`` to ``network.output_shape``. Plain
        Keras reads its JSON and its weights; the layers that are not Keras's own are registered
        by the modules that `OWN_LAYERS` names.

    Example:
        >>> network = NetworkSpec((None, 7, 3), (LayerSpec("LSTM", {"units": 4}),))
        >>> build_network(network).output_shape
        (None, 4)
    """
    # Named by place: Keras's own names count all layers that the process has ever made.
    model = keras.Sequential(
        [keras.Input(batch_shape=network.batch_shape, name="vectors")], name="network"
    )
    for place, layer in enumerate(network.layers):
        model.add(_keras_layer(layer, f"{layer.class_name.lower()}_{place}"))
    if weights is not None:
        model.set_weights(list(weights))
    return model


def with_embedding(
    model: keras.Sequential, vectors: np.ndarray, *, trainable: bool = False
) -> keras.Sequential:
    """Puts an embedding in front of a network, so that it takes ids instead of vectors.

    A review is then 400 ids (1.6 kB) instead of 400 x 300 floats (480 kB), and the network behind
    the embedding stays the same object: training one trains the other.

    Args:
        model: a network from `build_network`.
        vectors: row i is the vector of id i, ``(ids, features)``; row 0, the padding, is zeros.
        trainable: whether training changes the vectors too.

    Returns:
        A model from ids ``(batch, time)`` to the output of `model`.
    """
    batch, time, _ = model.input_shape
    embedding = vectors_layer(vectors, trainable=trainable)
    return keras.Sequential(
        [keras.Input(batch_shape=(batch, time), dtype="int32"), embedding, model]
    )


def vectors_layer(vectors: np.ndarray, *, trainable: bool = False) -> keras.layers.Embedding:
    """The layer that makes vectors of ids; arguments as of `with_embedding`.

    Example:
        >>> vectors_layer(np.eye(4, 2))(np.array([[1, 0]])).shape
        TensorShape([1, 2, 2])
    """
    layer = keras.layers.Embedding(
        *vectors.shape,
        weights=[vectors],
        trainable=trainable,
        embeddings_constraint=_ZeroPadding() if trainable else None,
        name="word_vectors",
    )
    layer.build((None,))
    return layer


class _ZeroPadding(keras.constraints.Constraint):
    """Keeps the vector of the padding at zero, which is what every saved network is fed with."""

    def __call__(self, value: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.concatenate([keras.ops.zeros_like(value[:1]), value[1:]])


def _keras_layer(layer: LayerSpec, name: str) -> keras.layers.Layer:
    settings = dict(layer.config)
    if layer.class_name == "Bidirectional":
        settings["layer"] = _keras_layer(layer.cell, layer.cell.class_name.lower())
    own = OWN_LAYERS.get(layer.class_name)
    module = next((one for one in (feedback, pooling) if one.__name__ == own), keras.layers)
    return getattr(module, layer.class_name)(**settings, name=name)
