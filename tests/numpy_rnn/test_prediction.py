import itertools

import numpy as np
import pytest

from sentiment_rnn import load_imdb
from sentiment_rnn.architectures import (
    ArchitectureConfig,
    LayerSpec,
    NetworkSpec,
    sentiment_network,
)
from sentiment_rnn.architectures.builder import build_network, with_embedding
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors

RANDOM = np.random.default_rng(0)
VECTORS = WordVectors([f"w{n}" for n in range(40)], RANDOM.normal(size=(40, 6)))
DIRECTIONS: tuple[dict[str, object], ...] = ({}, {"go_backwards": True}, {"bidirectional": True})
NETWORKS = [
    {"cell": cell, "head": head, **direction, **masking}
    for cell, head, direction in itertools.product(
        ("simple", "lstm", "gru"), ("flatten", "last", "mean", "max"), DIRECTIONS
    )
    for masking in ({}, {"masking": True})[: 2 if head == "last" else 1]
]


def weights_of(network):
    random = np.random.default_rng(1)
    return [
        (random.normal(size=weight.shape) / np.sqrt(weight.shape[0])).astype(np.float32)
        for weight in network.weights()
    ]


def encoded_texts(count, longest=30):
    random = np.random.default_rng(2)
    lengths = [0, 1, *random.integers(1, longest, count - 2)]
    return [random.integers(1, 41, length).astype(np.int32) for length in lengths]


def keras_output(network, weights, preprocessor, encoded):
    model = with_embedding(build_network(network, weights), preprocessor.embedding_matrix())
    return model.predict(preprocessor.pad(encoded), verbose=0, batch_size=64)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("sides", ["post", "pre"])
def test_equal_to_keras(options, sides):
    config = PreprocessingConfig(maxlen=17, padding=sides, truncating=sides)
    preprocessor = Preprocessor(config, VECTORS)
    network = sentiment_network(ArchitectureConfig(units=5, **options), maxlen=17, vector_size=6)
    weights, encoded = weights_of(network), encoded_texts(70)
    before = [ids.copy() for ids in encoded]
    actual = Predictor(network, weights, preprocessor).predict(encoded)
    expected = keras_output(network, weights, preprocessor, encoded)
    assert actual.dtype == np.float32
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    for ids, copy in zip(encoded, before, strict=True):
        np.testing.assert_array_equal(ids, copy)


@pytest.mark.slow
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_equal_to_keras_on_a_thousand_real_reviews(options, real_reviews):
    preprocessor, encoded = real_reviews
    network = sentiment_network(ArchitectureConfig(units=8, **options), maxlen=400, vector_size=300)
    # Their vectors are of length 1: what a neuron takes in has a spread of 1 this way.
    weights = [array * np.float32(17 if len(array) == 300 else 1) for array in weights_of(network)]
    actual = Predictor(network, weights, preprocessor).predict(encoded)
    expected = keras_output(network, weights, preprocessor, encoded)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.fixture(scope="module")
def real_reviews(real_data):
    from sentiment_rnn import SentimentClassifier

    _, test = load_imdb(real_data / "aclImdb_v1.tar.gz")
    preprocessor = SentimentClassifier.load().preprocessor
    return preprocessor, preprocessor.encode(test.limit(1000, seed=0).texts)


def test_texts_of_any_length_are_read_without_padding():
    """A network without maxlen or mask says of a text what it says of it alone."""
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), VECTORS)
    network = NetworkSpec(
        (None, None, 6),
        (
            LayerSpec("LSTM", {"units": 5, "return_sequences": True}),
            LayerSpec("GlobalAveragePooling1D"),
            LayerSpec("Dense", {"units": 2, "activation": "softmax"}),
        ),
    )
    weights, encoded = weights_of(network), encoded_texts(40)
    actual = Predictor(network, weights, preprocessor).predict(encoded)
    model = with_embedding(build_network(network, weights), preprocessor.embedding_matrix())
    for ids, probabilities in zip(encoded, actual, strict=True):
        alone = model.predict_on_batch(preprocessor.pad([ids]))
        np.testing.assert_allclose(probabilities, alone[0], atol=1e-5)


def test_masked_texts_of_any_length():
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), VECTORS)
    config = ArchitectureConfig(units=5, cell="gru", head="last", masking=True, layers=2)
    network = sentiment_network(config, maxlen=0, vector_size=6)
    weights, encoded = weights_of(network), encoded_texts(200)
    np.testing.assert_allclose(
        Predictor(network, weights, preprocessor).predict(encoded),
        keras_output(network, weights, preprocessor, encoded),
        atol=1e-5,
    )


def test_networks_that_do_not_begin_with_a_recurrent_layer():
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=9), VECTORS)
    for first in (LayerSpec("Dropout", {"rate": 0.2}), LayerSpec("Dense", {"units": 4})):
        layers = (first, LayerSpec("GRU", {"units": 3}), LayerSpec("Dense", {"units": 1}))
        network = NetworkSpec((None, 9, 6), layers)
        weights, encoded = weights_of(network), encoded_texts(10)
        np.testing.assert_allclose(
            Predictor(network, weights, preprocessor).predict(encoded),
            keras_output(network, weights, preprocessor, encoded),
            atol=1e-5,
        )


def test_no_texts():
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=9), VECTORS)
    network = sentiment_network(ArchitectureConfig(units=2), maxlen=9, vector_size=6)
    assert Predictor(network, weights_of(network), preprocessor).predict([]).shape == (0, 1)
