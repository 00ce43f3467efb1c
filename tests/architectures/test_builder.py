import itertools

import keras
import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.architectures.builder import build_network, with_embedding

CELLS = ("SimpleRNN", "LSTM", "GRU")
HEADS = (None, "Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "mean", "mean_max")


def network(cell, head, *, bidirectional=False, **options):
    layer = LayerSpec(cell, {"units": 4, "return_sequences": head is not None, **options})
    if bidirectional:
        layer = LayerSpec("Bidirectional", {"layer": layer})
    layers = [layer, LayerSpec("Dropout", {"rate": 0.2})]
    if head:
        own = head.startswith("mean")
        layers.append(LayerSpec("MaskedPooling1D", {"mode": head}) if own else LayerSpec(head))
    layers.append(LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}))
    return NetworkSpec((None, 7, 3), tuple(layers))


@pytest.mark.parametrize(
    ("cell", "head", "bidirectional"), list(itertools.product(CELLS, HEADS, (False, True)))
)
def test_shapes_are_those_that_keras_makes(cell, head, bidirectional):
    spec = network(cell, head, bidirectional=bidirectional)
    model = build_network(spec)
    assert [weight.shape for weight in spec.weights()] == [w.shape for w in model.get_weights()]
    assert [weight.name for weight in spec.weights()] == [
        variable.path.split("/")[-1] for variable in model.weights
    ]
    assert spec.count_params() == model.count_params()
    assert spec.output_shape == model.output_shape


def test_weights_are_set():
    spec = network("GRU", "Flatten")
    random = np.random.default_rng(0)
    weights = [random.normal(size=w.shape).astype(np.float32) for w in spec.weights()]
    for expected, actual in zip(weights, build_network(spec, weights).get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_the_embedding_feeds_the_same_network():
    model = build_network(network("LSTM", "Flatten"))
    vectors = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    vectors[0] = 0
    ids = np.random.default_rng(1).integers(0, 9, (5, 7))
    from_ids = with_embedding(model, vectors).predict(ids, verbose=0)
    np.testing.assert_allclose(from_ids, model.predict(vectors[ids], verbose=0), atol=1e-6)


def test_a_frozen_embedding_stays_and_a_trained_one_keeps_its_padding_at_zero():
    vectors = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    vectors[0] = 0
    ids = np.random.default_rng(1).integers(0, 9, (16, 7))
    labels = np.arange(16)[:, None] % 2
    for trainable in (False, True):
        model = with_embedding(
            build_network(network("SimpleRNN", "Flatten")), vectors, trainable=trainable
        )
        model.compile("rmsprop", "binary_crossentropy")
        model.fit(ids, labels, epochs=2, verbose=0)
        after = model.layers[0].get_weights()[0]
        assert not after[0].any()
        assert (after[1:] != vectors[1:]).any() == trainable


def test_only_standard_layers_are_saved():
    text = build_network(network("GRU", "Flatten", bidirectional=True)).to_json()
    assert keras.models.model_from_json(text).count_params() > 0
