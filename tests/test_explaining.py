"""Explanations, held to what the classifier says of other texts: an oracle of its own."""

import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier
from sentiment_rnn.architectures import (
    ArchitectureConfig,
    LayerSpec,
    NetworkSpec,
    sentiment_network,
)
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.explaining import (
    Explainer,
    goes_backwards,
    logits_network,
    thought_network,
)
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors

WORDS = [f"w{n}" for n in range(12)]
VECTORS = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)
TEXT = 'w3 unknown "w1"\n<br />w7 w5, w2 w9'
READ = ["w3", "w1", "w7", "w5", "w2", "w9"]
NETWORKS = [
    {},
    {"cell": "lstm", "head": "last", "masking": True},
    {"cell": "gru", "head": "mean_max", "masking": True, "bidirectional": True},
    {"cell": "lstm", "head": "mean_max", "masking": True, "layers": 2},
    {"cell": "simple", "head": "max"},
    {"cell": "gru", "head": "last", "masking": True, "go_backwards": True},
    {"cell": "simple", "head": "mean", "go_backwards": True},
    {"stateful": True, "window": 4, "head": "last", "masking": True},
]


def made(options, vectors=VECTORS, padding="post", **preprocessing):
    """A network with its weights, and a preprocessor for it."""
    stateful = "stateful" in options
    preprocessing.setdefault("maxlen", 0 if stateful else 9)
    config = PreprocessingConfig(padding="post" if stateful else padding, **preprocessing)
    network = sentiment_network(
        ArchitectureConfig(units=5, **options), maxlen=config.maxlen, vector_size=6
    )
    random = np.random.default_rng(1)
    weights = [
        (random.normal(size=weight.shape) / np.sqrt(weight.shape[0])).astype(np.float32)
        for weight in network.weights()
    ]
    return network, weights, Preprocessor(config, WordVectors(WORDS, vectors))


def explain_by(network, weights, preprocessor, text=TEXT, method="gradient"):
    predictor = Predictor(network, weights, preprocessor)
    explainer = Explainer(network, weights, preprocessor, predictor, method=method)
    return explainer.explain(text, ("bad", "good"))


def explain(options, text=TEXT, method="gradient", **more):
    network, weights, preprocessor = made(options, **more)
    return explain_by(network, weights, preprocessor, text, method)


def log_odds(options, texts, **more):
    network, weights, preprocessor = made(options, **more)
    predictor = Predictor(logits_network(network), weights, preprocessor)
    return predictor.predict(preprocessor.encode(texts))[:, 0].astype(float)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("padding", ["post", "pre"])
def test_the_verdict_after_each_token_is_that_of_the_text_so_far(options, padding):
    found = explain(options, padding=padding)
    network, weights, preprocessor = made(options, padding=padding)
    predictor = Predictor(network, weights, preprocessor)
    so_far = ["", *(TEXT[: token.end] for token in found.tokens)]
    expected = predictor.predict(preprocessor.encode(so_far))[:, 0]
    actual = [found.before, *(token.probability for token in found.tokens)]
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert np.ptp(expected) > 0.01
    assert found.probability == actual[-1]
    assert found.label == ("good" if expected[-1] > 0.5 else "bad")
    assert (found.text, found.truncated) == (TEXT, False)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("padding", ["post", "pre"])
def test_a_gradient_is_the_slope_as_a_vector_grows(options, padding):
    found = explain(options, padding=padding)
    assert [token.token for token in found.tokens if token.contribution is not None] == READ
    for token in found.tokens:
        if token.contribution is None:
            continue
        odds = []
        for factor in (0.99, 1.01):
            vectors = VECTORS.copy()
            vectors[WORDS.index(token.token)] *= factor
            odds += log_odds(options, [TEXT], vectors=vectors, padding=padding).tolist()
        assert token.contribution == pytest.approx((odds[1] - odds[0]) / 0.02, abs=2e-3)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_occlusion_leaves_a_token_out(options):
    found = explain(options, method="occlusion")
    whole, *rest = log_odds(options, [TEXT, *(TEXT.replace(word, " ") for word in READ)])
    contributions = {token.token: token.contribution for token in found.tokens}
    assert {word for word, one in contributions.items() if one is not None} == set(READ)
    for word, without in zip(READ, rest, strict=True):
        assert contributions[word] == pytest.approx(whole - without, abs=1e-5)


def test_of_a_network_that_adds_up_both_methods_say_what_a_token_is_worth():
    """A recurrent layer without recurrence, and the mean of what it makes of each token."""
    network, _, preprocessor = made({"head": "mean", "masking": True}, maxlen=len(READ))
    linear = LayerSpec("SimpleRNN", {**network.layers[1].config, "activation": "linear"})
    network = type(network)(network.batch_shape, (network.layers[0], linear, *network.layers[2:]))
    random = np.random.default_rng(3)
    kernel, dense = random.normal(size=(6, 5)), random.normal(size=(5, 1))
    weights = [kernel, np.zeros((5, 5)), np.zeros(5), dense, np.array([0.3])]
    weights = [array.astype(np.float32) for array in weights]
    for token in explain_by(network, weights, preprocessor).tokens:
        if token.contribution is not None:
            worth = VECTORS[WORDS.index(token.token)] @ kernel @ dense / len(READ)
            assert token.contribution == pytest.approx(float(worth[0]), abs=1e-5)


def test_of_two_outputs_the_second_is_the_positive_class():
    network, weights, preprocessor = made({"head": "mean", "masking": True})
    rest = network.layers[:-1]
    two = LayerSpec("Dense", {"units": 2, "activation": "softmax"})
    softmax = type(network)(network.batch_shape, (*rest, two))
    kernel, bias = weights[-2:]
    split = [np.hstack([-kernel / 2, kernel / 2]), np.concatenate([-bias / 2, bias / 2])]
    for method in ("gradient", "occlusion"):
        found = [
            explain_by(spec, arrays, preprocessor, method=method)
            for spec, arrays in ((network, weights), (softmax, [*weights[:-2], *split]))
        ]
        assert found[0].label == found[1].label
        for one, other in zip(found[0].tokens, found[1].tokens, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-6)
            assert one.contribution == pytest.approx(other.contribution, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_of_three_classes_the_likeliest_is_explained_against_the_others(seed):
    network, weights, preprocessor = made({"cell": "gru", "head": "mean_max", "masking": True})
    three = LayerSpec("Dense", {"units": 3, "activation": "softmax"})
    network = type(network)(network.batch_shape, (*network.layers[:-1], three))
    random = np.random.default_rng(seed)
    weights = [*weights[:-2], random.normal(size=(10, 3)).astype(np.float32), np.zeros(3, "f")]
    names = ("joy", "rage", "fear")

    def said(text, vectors=VECTORS):
        reader = Preprocessor(preprocessor.config, WordVectors(WORDS, vectors))
        return Predictor(network, weights, reader).predict(reader.encode([text]))[0].astype(float)

    expected = said(TEXT)
    best = int(expected.argmax())
    for method in ("gradient", "occlusion"):
        predictor = Predictor(network, weights, preprocessor)
        explainer = Explainer(network, weights, preprocessor, predictor, method=method)
        found = explainer.explain(TEXT, names)
        assert found.label == names[best]
        assert found.classes == (f"not {names[best]}", names[best])
        np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
        assert found.probability == pytest.approx(expected[best])
        for token in found.tokens:
            so_far = said(TEXT[: token.end])
            assert token.probability == pytest.approx(so_far[best], abs=1e-6)
            if token.contribution is None:
                continue
            odds = []
            if method == "occlusion":
                texts = [TEXT.replace(token.token, " "), TEXT]
                odds = [said(text) for text in texts]
            else:
                for factor in (0.99, 1.01):
                    vectors = VECTORS.copy()
                    vectors[WORDS.index(token.token)] *= factor
                    odds.append(said(TEXT, vectors))
            low, high = (np.log(one[best] / (1 - one[best])) for one in odds)
            worth = high - low if method == "occlusion" else (high - low) / 0.02
            assert token.contribution == pytest.approx(worth, abs=4e-3)


@pytest.mark.parametrize("side", ["pre", "post"])
@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_tokens_that_a_model_does_not_read(side, method):
    found = explain({"head": "last", "masking": True}, method=method, maxlen=4, truncating=side)
    assert found.truncated
    read = READ[:4] if side == "post" else READ[-4:]
    assert [token.token for token in found.tokens if token.contribution is not None] == read
    # What isn't read changes nothing.
    last = found.before
    for token, state in zip(found.tokens, found.states, strict=True):
        assert (token.contribution is None) == (token.probability == last)
        last = token.probability
        if last == found.before:
            assert not state.any()


@pytest.mark.parametrize("name", ["textbook", "distilled"])
def test_mean_states_are_means_of_what_is_said_at_each_token(name):
    classifier = SentimentClassifier.load(name)
    texts = ["A dull start zzzzq, but a wonderful, moving end.", "zzzzq", "Dull."]
    before = list(texts)
    means = classifier.mean_states(texts)
    for found, explanation in zip(means, classifier.explanations(texts), strict=True):
        read = [token.contribution is not None for token in explanation.tokens]
        expected = explanation.states[read].mean(axis=0) if any(read) else 0
        np.testing.assert_allclose(found[0], np.broadcast_to(expected, found[0].shape), atol=1e-5)
    assert texts == before


# Of a text as long as the network reads there is no padding, which would be read too.
WHOLE = [
    *NETWORKS,
    {"cell": "gru", "go_backwards": True, "layers": 2},
    {"cell": "lstm", "go_backwards": True, "layers": 2, "head": "mean"},
    {"stateful": True, "window": 4, "head": "last", "layers": 2},
]


@pytest.mark.parametrize("options", WHOLE, ids=str)
def test_states_of_whole_texts(options):
    maxlen = 0 if "stateful" in options else len(READ)
    network, weights, preprocessor = made(options, maxlen=maxlen)
    classifier = SentimentClassifier(vectors=preprocessor.word_vectors)
    classifier.classes_ = np.array([0, 1])
    classifier._set_model(network, weights, preprocessor)
    (explanation,) = classifier.explanations([TEXT])
    is_read = [token.contribution is not None for token in explanation.tokens]
    states = explanation.states[is_read]
    assert len(states) == len(READ)

    # What a layer says at a token is of what it has read, and of nothing else.
    for place in (1, 4):
        words = [word for word in READ if word != READ[place]]
        without = [*words[:place], "w11", *words[place:]]
        (other,) = classifier.explanations([" ".join(without)])
        same = np.isclose(states, other.states, atol=1e-6).all(axis=1).tolist()
        backwards = options.get("go_backwards", False)
        before, after = [True] * place, [True] * (len(READ) - 1 - place)
        if options.get("bidirectional"):
            assert not any(same)
        elif backwards:
            assert same == [*(not one for one in before), False, *after]
        else:
            assert same == [*before, False, *(not one for one in after)]

    mean = classifier.mean_states([TEXT])[0, 0]
    np.testing.assert_allclose(mean, states.mean(axis=0), atol=1e-6)
    if options.get("head", "flatten") == "flatten":
        last = states[0 if options.get("go_backwards") else -1]
        np.testing.assert_allclose(classifier.transform([TEXT])[0], last, atol=1e-6)


def test_only_a_first_layer_that_goes_backwards_may_read_forwards_instead():
    def network(*ways):
        options = {"units": 2, "return_sequences": True}
        layers = [LayerSpec("GRU", {**options, "go_backwards": way}) for way in ways]
        return NetworkSpec((None, None, 3), (*layers, LayerSpec("Dense", {"units": 1})))

    assert [goes_backwards(network(*ways)) for ways in ([], [False], [True], [True, False])] == [
        *(False, False, True, True)
    ]
    assert not goes_backwards(network(True, True))
    assert not goes_backwards(network(False, True))


@pytest.mark.parametrize("head", ["flatten", "mean", "max"])
def test_what_a_stateful_network_says_of_its_last_window_only(head):
    options = {"stateful": True, "window": 4, "head": head, "cell": "gru"}
    network, weights, preprocessor = made(options)
    predictor = Predictor(network, weights, preprocessor)
    (ids,) = preprocessor.encode([TEXT])
    expected = predictor.predict([ids[:length] for length in range(len(ids) + 1)])
    np.testing.assert_allclose(predictor.predict_prefixes(ids), expected, atol=1e-6)
    with pytest.raises(UsageError, match="a head other than last sees the last window alone"):
        Explainer(network, weights, preprocessor, predictor)


def test_a_neuron_at_each_character_is_that_of_the_token_it_belongs_to():
    text = "  A dull zzzzq start."
    (found,) = SentimentClassifier.load("textbook").explanations([text])
    values = found.by_character(3)
    assert values.shape == (len(text),)
    assert values[:2].tolist() == [0, 0]
    for token, state in zip(found.tokens, found.states, strict=True):
        assert set(values[token.start : token.end].tolist()) == {float(state[3])}
    # Between tokens it stays as it was.
    assert values[3] == values[2] != values[4]


def test_states_are_the_outputs_of_the_recurrent_layer():
    found = explain({})
    _, (kernel, recurrent, bias, *_), _ = made({})
    state, expected = np.zeros(5), []
    for token in found.tokens:
        if token.contribution is not None:
            x = VECTORS[WORDS.index(token.token)]
            state = np.tanh(x @ kernel + state @ recurrent + bias)
        expected.append(state)
    np.testing.assert_allclose(found.states, expected, atol=1e-6)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("text", ["", " \n<br />", "unknown words"])
def test_a_text_of_which_nothing_is_read(options, text):
    for method in ("gradient", "occlusion"):
        found = explain(options, text, method)
        assert found.probability == found.before
        assert [token.token for token in found.tokens] == text.replace("<br />", "").split()
        assert {token.contribution for token in found.tokens} <= {None}
        assert found.states.shape[0] == len(found.tokens)


# The classifier


@pytest.fixture(scope="module")
def classifier():
    return SentimentClassifier.load("textbook")


def test_explanations_agree_with_predictions(classifier):
    texts = ["A dull start, a wonderful end.", "", "Not bad at all.<br /><br />I'd go again!"]
    before = list(texts)
    for method in ("gradient", "occlusion"):
        explained = classifier.explanations(texts, method=method)
        for one, other in zip(explained, classifier.predictions(texts), strict=True):
            assert (one.text, one.label, one.truncated) == (
                other.text,
                other.label,
                other.truncated,
            )
            assert one.probability == pytest.approx(other.probability, abs=1e-6)
    assert texts == before
    token, start, end, probability, contribution = classifier.explain(texts[0])[1]
    assert (token, texts[0][start:end]) == ("dull", "dull")
    assert probability < 0.5
    assert contribution < 0


def test_thought_vectors_are_what_the_last_layer_decides_by():
    classifier = SentimentClassifier.load()
    texts = ["A dull film.", "A wonderful, moving film.", "", "a film " * 900]
    vectors = classifier.transform(texts)
    kernel, bias = classifier._weights[-2:]
    odds = (vectors @ kernel + bias)[:, 0]
    np.testing.assert_allclose(
        1 / (1 + np.exp(-odds)), classifier.predict_proba(texts)[:, 1], atol=1e-6
    )


def test_behind_a_flatten_the_last_state_is_the_thought_vector(classifier):
    text = "A wonderful film"
    found = classifier.transform([text, f"{text} unheardof"])
    assert found.shape == (2, 50)
    states = classifier.explanations([text])[0].states
    np.testing.assert_allclose(found[0], states[-1], atol=1e-6)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_every_network_has_thought_vectors(options):
    network, weights, preprocessor = made(options)
    thought = thought_network(network)
    arrays = weights[: len(thought.weights())]
    found = Predictor(thought, arrays, preprocessor).predict(preprocessor.encode([TEXT, "w1"]))
    assert found.shape[1] == thought.output_shape[-1]
    assert np.ptp(found, axis=0).any()


def test_wrong_use(classifier):
    with pytest.raises(
        UsageError, match="Expected a method among gradient, occlusion. Received: 'magic'"
    ):
        classifier.explain("A film.", method="magic")
    for call in (SentimentClassifier().explain, SentimentClassifier().transform):
        with pytest.raises(ModelError, match="not trained yet"):
            call("A film.")
    network, weights, preprocessor = made({})
    predictor = Predictor(network, weights, preprocessor)
    *rest, last = network.layers
    for activation in ("linear", "tanh"):
        changed = LayerSpec("Dense", {**last.config, "activation": activation})
        other = type(network)(network.batch_shape, (*rest, changed))
        with pytest.raises(
            UsageError, match=f"sigmoid or softmax. Received: Dense with {activation}"
        ):
            Explainer(other, weights, preprocessor, predictor)
