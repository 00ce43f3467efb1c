import itertools

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sentiment_rnn.architectures import (
    ArchitectureConfig,
    LayerSpec,
    NetworkSpec,
    sentiment_network,
)
from sentiment_rnn.architectures.builder import build_network, with_embedding
from sentiment_rnn.errors import UsageError
from sentiment_rnn.numpy_rnn import prediction
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

POOLED: list[dict[str, object]] = [
    {"cell": cell, "head": head, "masking": True, **direction}
    for cell, head, direction in itertools.product(
        ("simple", "lstm"), ("mean", "mean_max"), ({}, {"bidirectional": True})
    )
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
def real_reviews(imdb):
    from sentiment_rnn import SentimentClassifier

    _, test = imdb
    preprocessor = SentimentClassifier.load("textbook").preprocessor
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


@pytest.mark.parametrize("head", ["mean", "max", "mean_max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling_of_texts_of_any_length(head, bidirectional):
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), VECTORS)
    config = ArchitectureConfig(
        units=5, cell="lstm", head=head, masking=True, bidirectional=bidirectional
    )
    network = sentiment_network(config, maxlen=0, vector_size=6)
    weights, encoded = weights_of(network), [*encoded_texts(200), np.empty(0, np.int32)]
    actual = Predictor(network, weights, preprocessor).predict(encoded)
    assert np.isfinite(actual).all()
    np.testing.assert_allclose(
        actual, keras_output(network, weights, preprocessor, encoded), atol=1e-5
    )
    for ids, probability in zip(encoded[:20], actual, strict=False):
        alone = Predictor(network, weights, preprocessor).predict([ids])
        np.testing.assert_allclose(alone[0], probability, atol=1e-6)


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


@pytest.mark.parametrize("sides", ["post", "pre"])
@pytest.mark.parametrize(
    "upper", [LayerSpec("GlobalAveragePooling1D"), LayerSpec("LSTM", {"units": 4})]
)
def test_a_mask_that_keras_does_not_reverse_with_the_outputs(sides, upper):
    """No settings make such a network, but it may come from Keras, where padding counts too."""
    backwards = {"units": 5, "return_sequences": True, "go_backwards": True}
    layers = (
        LayerSpec("Masking"),
        LayerSpec("SimpleRNN", backwards),
        upper,
        LayerSpec("Dense", {"units": 1}),
    )
    network = NetworkSpec((None, 9, 6), layers)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=9, padding=sides), VECTORS)
    weights, encoded = weights_of(network), encoded_texts(10, longest=8)[2:]
    actual = Predictor(network, weights, preprocessor).predict(encoded)
    expected = keras_output(network, weights, preprocessor, encoded)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


# Streams


def reset_states(model):
    for layer in model.layers[-1].layers:
        if hasattr(layer, "reset_states"):
            layer.reset_states()


def read_whole(*head):
    """A network for texts of any length, one at a time, as Keras wants it of a stateful one."""
    return NetworkSpec((1, None, 6), (*head, LayerSpec("Dense", {"units": 2})))


def recurrent(name, **options):
    return LayerSpec(name, {"units": 5, **options})


STREAMED = {
    "last": [recurrent("SimpleRNN")],
    "stacked": [
        recurrent("GRU", return_sequences=True),
        LayerSpec("Dropout", {"rate": 0.2}),
        recurrent("LSTM"),
    ],
    "mean": [recurrent("LSTM", return_sequences=True), LayerSpec("GlobalAveragePooling1D")],
    "max": [recurrent("GRU", return_sequences=True), LayerSpec("GlobalMaxPooling1D")],
    "mean and max": [
        recurrent("GRU", return_sequences=True),
        LayerSpec("MaskedPooling1D", {"mode": "mean_max"}),
    ],
    "not recurrent at first": [LayerSpec("Dense", {"units": 4}), recurrent("GRU")],
    "not recurrent": [LayerSpec("Dense", {"units": 4}), LayerSpec("GlobalMaxPooling1D")],
    "stateful without windows": [recurrent("SimpleRNN", stateful=True)],
}
# One word has the vector of the padding, which a mask skips within a text too.
WITH_ZEROS = WordVectors(
    VECTORS.words, np.where(np.arange(40)[:, np.newaxis] == 7, 0, VECTORS.matrix())
)


@pytest.mark.filterwarnings("ignore:Layer 'globalmaxpooling1d:UserWarning")
@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("steps", [1, 3, 1024])
def test_a_stream_is_read_as_the_whole_is(name, masked, steps, monkeypatch):
    monkeypatch.setattr(prediction, "_STEPS", steps)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), WITH_ZEROS)
    network = read_whole(*([LayerSpec("Masking")] if masked else []), *STREAMED[name])
    weights = weights_of(network)
    predictor = Predictor(network, weights, preprocessor)
    model = with_embedding(build_network(network, weights), preprocessor.embedding_matrix())
    outputs = []
    for ids in [*encoded_texts(6), np.array([8, 8, 3, 8, 8]), np.array([8, 8])]:
        ids = ids.astype(np.int32)
        if masked and name == "mean" and not (ids != 8).any():
            continue  # not a number
        before = ids.copy()
        for parts in ([ids], np.split(ids, range(1, len(ids))), np.array_split(ids, 4)):
            outputs.append(predictor.predict_stream(iter(parts)))
            assert outputs[-1].dtype == np.float32
            assert outputs[-1].shape == (2,)
            np.testing.assert_allclose(outputs[-1], predictor.predict([ids])[0], atol=1e-6)
        reset_states(model)
        expected = model.predict_on_batch(preprocessor.pad([ids]))[0]
        np.testing.assert_allclose(outputs[-1], expected, atol=1e-5)
        np.testing.assert_array_equal(ids, before)
    assert np.ptp(outputs) > 0.01


@pytest.mark.parametrize(
    ("head", "masking"), [("last", True), ("last", False), ("flatten", False), ("mean", False)]
)
@pytest.mark.parametrize("cell", ["simple", "lstm"])
def test_a_stream_is_read_in_windows(cell, head, masking):
    options = ArchitectureConfig(
        units=5, cell=cell, head=head, masking=masking, stateful=True, window=4
    )
    network = sentiment_network(options, maxlen=0, vector_size=6, batch_size=1)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), WITH_ZEROS)
    weights = weights_of(network)
    predictor = Predictor(network, weights, preprocessor)
    model = with_embedding(build_network(network, weights), preprocessor.embedding_matrix())
    ids = np.random.default_rng(3).integers(1, 41, 13).astype(np.int32)
    outputs = []
    for length in range(14):
        reset_states(model)
        text = ids[:length]
        # Filled at the end to whole windows, at least one.
        padded = np.zeros((1, max(4, -(-length // 4) * 4)), np.int32)
        padded[0, :length] = text
        for window in np.split(padded, padded.shape[1] // 4, axis=1):
            expected = model.predict_on_batch(window)[0]
        for parts in ([text], np.array_split(text, 5)):
            outputs.append(predictor.predict_stream(iter(parts)))
            np.testing.assert_allclose(outputs[-1], expected, atol=1e-5)
            np.testing.assert_allclose(outputs[-1], predictor.predict([text])[0], atol=1e-6)
    assert np.ptp(outputs) > 0.01


@pytest.mark.parametrize("options", NETWORKS[::2], ids=str)
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_every_network_of_fixed_length_reads_a_stream(options, truncating):
    config = PreprocessingConfig(maxlen=17, truncating=truncating)
    network = sentiment_network(ArchitectureConfig(units=5, **options), maxlen=17, vector_size=6)
    predictor = Predictor(network, weights_of(network), Preprocessor(config, VECTORS))
    for ids in encoded_texts(8, longest=60):
        actual = predictor.predict_stream(iter(np.array_split(ids, 5)))
        np.testing.assert_array_equal(actual, predictor.predict([ids])[0])


def test_an_endless_stream_is_read_no_further_than_maxlen():
    network = sentiment_network(ArchitectureConfig(units=5), maxlen=17, vector_size=6)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=17), VECTORS)
    endless = itertools.repeat(np.arange(1, 6, dtype=np.int32))
    actual = Predictor(network, weights_of(network), preprocessor).predict_stream(endless)
    assert actual.shape == (1,)


@pytest.mark.parametrize(
    ("layer", "received"),
    [
        (recurrent("GRU", go_backwards=True), "GRU that goes backwards"),
        (LayerSpec("Bidirectional", {"layer": recurrent("LSTM")}), "Bidirectional"),
    ],
)
def test_networks_that_need_the_end_first_refuse_a_stream_before_it_is_read(layer, received):
    network = read_whole(LayerSpec("Masking"), layer)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), VECTORS)
    predictor = Predictor(network, weights_of(network), preprocessor)
    parts = iter([np.array([1], np.int32)])
    message = rf"needs a text's end before .* Received: {received}\nGive the text to predict_proba"
    with pytest.raises(UsageError, match=message):
        predictor.predict_stream(parts)
    assert len(list(parts)) == 1


@pytest.mark.parametrize("options", [*NETWORKS, *POOLED], ids=str)
@pytest.mark.parametrize("padding", ["pre", "post"])
def test_every_beginning_of_a_text(options, padding):
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=17, padding=padding), VECTORS)
    network = sentiment_network(ArchitectureConfig(units=5, **options), maxlen=17, vector_size=6)
    predictor = Predictor(network, weights_of(network), preprocessor)
    for ids in encoded_texts(4, longest=17):
        found = predictor.predict_prefixes(ids)
        expected = predictor.predict([ids[:count] for count in range(len(ids) + 1)])
        assert found.shape == (len(ids) + 1, 1)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("cell", ["simple", "lstm"])
def test_every_beginning_of_a_text_of_windows(cell):
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=0), VECTORS)
    config = ArchitectureConfig(
        units=5, cell=cell, stateful=True, window=4, head="last", masking=True
    )
    network = sentiment_network(config, maxlen=0, vector_size=6, batch_size=3)
    predictor = Predictor(network, weights_of(network), preprocessor)
    (ids,) = encoded_texts(3)[2:]
    expected = predictor.predict([ids[:count] for count in range(len(ids) + 1)])
    np.testing.assert_allclose(predictor.predict_prefixes(ids), expected, atol=1e-6)


def test_no_texts():
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=9), VECTORS)
    network = sentiment_network(ArchitectureConfig(units=2), maxlen=9, vector_size=6)
    assert Predictor(network, weights_of(network), preprocessor).predict([]).shape == (0, 1)


@pytest.mark.parametrize("count", [2, 50, 200])
def test_products_of_steps_do_not_wait_for_other_threads(count, monkeypatch):
    """One thread a product, however many texts: the waiting can take many times as long."""
    options = ArchitectureConfig(cell="lstm", units=4, head="mean", masking=True)
    network = sentiment_network(options, maxlen=30, vector_size=6)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=30), VECTORS)
    predictor = Predictor(network, weights_of(network), preprocessor)
    seen: set[int] = set()
    read = prediction._Reader.read

    def watched(self, texts):
        seen.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return read(self, texts)

    monkeypatch.setattr(prediction._Reader, "read", watched)
    with threadpool_limits(3, "blas"):
        predictor.predict(encoded_texts(count))
    assert seen == {1}
