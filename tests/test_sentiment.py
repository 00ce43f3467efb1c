import itertools
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier, WordVectors
from sentiment_rnn.architectures import sentiment_network
from sentiment_rnn.errors import DataError, ModelError, UsageError
from sentiment_rnn.persistence import SavedModel
from sentiment_rnn.persistence.folders import write_checksums
from sentiment_rnn.preprocessing import TreebankTokenizer
from sentiment_rnn.training.splits import validation_split
from tests.conftest import ROOT

TEXTS = ["A joy from start to finish.", "Dull, slow and far too long.", "", "Qwxz."]


def run_python(code, *arguments):
    """Runs code in a new process and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def small(**options):
    return SentimentClassifier(**{"units": 3, "maxlen": 40, "epochs": 1, **options})


# Predicting


def test_probabilities_are_those_of_the_classes(trained, sample):
    _, test = sample
    probabilities = trained.predict_proba(test.texts)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(trained.predict(test.texts), probabilities.argmax(axis=1))
    assert trained.score(test.texts, test.labels) == np.mean(
        probabilities.argmax(axis=1) == test.labels
    )
    assert np.ptp(probabilities) > 0.1


def test_a_text_is_predicted_the_same_alone_and_among_others(trained, sample):
    _, test = sample
    together = trained.predict_proba(test.texts[:5])
    for number in range(5):
        alone = trained.predict_proba(test.texts[number : number + 1])
        np.testing.assert_allclose(alone[0], together[number], atol=1e-6)


def test_predictions_say_whether_a_text_is_longer_than_the_model_reads(trained):
    long = "a good film " * 100
    predictions = trained.predictions([*TEXTS, long])
    assert [prediction.truncated for prediction in predictions] == [False] * 4 + [True]
    assert [prediction.text for prediction in predictions] == [*TEXTS, long]
    probabilities = trained.predict_proba([*TEXTS, long])[:, 1]
    for prediction, probability in zip(predictions, probabilities, strict=True):
        assert prediction.probability == pytest.approx(probability, abs=1e-6)
        assert prediction.label == ("positive" if probability > 0.5 else "negative")


def test_no_texts_give_no_predictions(trained):
    assert trained.predict_proba([]).shape == (0, 2)
    assert trained.predictions([]) == []


# Documents in pieces


def with_random_weights(preset="textbook", **options):
    """A classifier as it would be trained, but for the training."""
    classifier = SentimentClassifier(preset, **{"units": 5, **options})
    settings = classifier._settings()
    network = sentiment_network(
        settings.architecture, maxlen=settings.preprocessing.maxlen, vector_size=300
    )
    random = np.random.default_rng(0)
    # Word vectors are of length 1: what a neuron takes in has a spread of 1 this way.
    weights = [
        random.normal(0, 1 if 300 in weight.shape else 0.4, weight.shape).astype(np.float32)
        for weight in network.weights()
    ]
    classifier._trained_with = None
    classifier._restore(
        SavedModel(
            network=network,
            weights=weights,
            word_vectors=WordVectors.load(ROOT / "models" / "imdb_vectors" / "word_vectors.npz"),
            preprocessing=settings.preprocessing,
            classes=(0, 1),
            provenance={"converted_from": "random numbers"},
        )
    )
    return classifier


ANY_LENGTH = {"maxlen": 0, "head": "last", "masking": True}
CUT_OFF = [
    {"truncating": truncating, **options}
    for truncating in ("post", "pre")
    for options in (
        {},
        {"head": "last", "cell": "lstm", "masking": True, "unknown": "vector"},
        {"head": "mean", "bidirectional": True},
        {"head": "max", "go_backwards": True, "lowercase": True, "keep_break_tags": True},
    )
]


@pytest.mark.parametrize(
    "options",
    [
        ANY_LENGTH,
        {**ANY_LENGTH, "cell": "lstm", "layers": 2, "unknown": "vector"},
        {**ANY_LENGTH, "cell": "gru", "lowercase": True, "keep_break_tags": True},
        {"preset": "stateful"},
        {"preset": "stateful", "cell": "lstm", "window": 7, "layers": 2},
        *CUT_OFF,
    ],
    ids=str,
)
def test_a_document_in_pieces_is_predicted_as_the_whole(sample, options):
    classifier = with_random_weights(**options)
    _, test = sample
    random = np.random.default_rng(0)
    documents = [*TEXTS, " ".join(test.texts[:9]), "".join(test.texts), *test.texts[:9]]
    probabilities = classifier.predict_proba(documents)
    assert np.ptp(probabilities) > 0.05
    for document, expected in zip(documents, probabilities, strict=True):
        for count in (0, 1, 50):
            cuts = np.sort(random.integers(0, len(document) + 1, count)).tolist()
            pieces = [document[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
            before = list(pieces)
            actual = classifier.predict_stream(pieces)
            assert actual.dtype == np.float64
            assert actual.shape == (2,)
            np.testing.assert_allclose(actual, expected, atol=1e-6)
            assert pieces == before
            prediction = classifier.document_prediction(iter(pieces), "a name")
            (whole,) = classifier.predictions([document])
            assert prediction.text == "a name"
            assert (prediction.label, prediction.truncated) == (whole.label, whole.truncated)
            assert prediction.known == whole.known
            assert prediction.probability == actual[1]
    np.testing.assert_array_equal(classifier.predict_stream([]), classifier.predict_stream([""]))
    np.testing.assert_allclose(classifier.predict_stream([]), probabilities[2], atol=1e-6)


def test_a_document_without_an_end_is_read_as_far_as_the_network_reads(trained):
    endless = itertools.repeat("a good film ")
    expected = trained.predict_proba(["a good film " * 100])[0]
    np.testing.assert_allclose(trained.predict_stream(endless), expected, atol=1e-6)
    assert trained.document_prediction(endless, "").truncated


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"bidirectional": True}, "Bidirectional"),
        ({"go_backwards": True, "cell": "gru"}, "GRU that goes backwards"),
    ],
)
def test_networks_that_need_the_end_first_refuse_documents_without_one(options, received):
    classifier = with_random_weights(**ANY_LENGTH, **options)
    message = (
        "This network needs a text's end before it can begin. A network that is read step by step "
        f".* Received: {received}\nGive the text to predict_proba in one piece."
    )
    with pytest.raises(UsageError, match=message):
        classifier.predict_stream(itertools.repeat("a good film "))


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ("one text", "Expected a document in pieces. Received one text: put it in a list."),
        (["a", "b", None], "Expected pieces of type str. Received NoneType at index 2."),
        (iter([b"a"]), "Expected pieces of type str. Received bytes at index 0."),
        (["a" * 3_000_000], "white space between words. Received more than 1,000,000 characters"),
    ],
)
def test_bad_pieces(pieces, message):
    classifier = with_random_weights(**ANY_LENGTH)
    with pytest.raises(DataError, match=message):
        classifier.predict_stream(pieces)
    if not isinstance(pieces, list):
        return
    with pytest.raises(DataError, match=message):
        classifier.document_prediction(pieces, "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("options", [{**ANY_LENGTH, "units": 50}, {"preset": "stateful"}], ids=str)
def test_a_document_of_100_megabytes_takes_no_more_memory_than_one_of_5(tmp_path, options):
    with_random_weights(**options).save(tmp_path / "model")
    code = """
import itertools, json, sys, time
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.datasets import load_data

texts = [text.encode() for text in load_data("sample")[0].texts]
classifier = SentimentClassifier.load(sys.argv[1])
found = []
for megabytes in (5, 100):
    left, started = megabytes * 10**6, time.perf_counter()
    def pieces():
        global left
        for text in itertools.cycle(texts):
            if left <= 0:
                return
            left -= len(text)
            # A word of each review is new, as in a long document.
            yield f"{text.decode()} w{left} "
    probabilities = classifier.predict_stream(pieces()).tolist()
    # getrusage would count what the process that started this one had.
    status = dict(line.split(":") for line in open("/proc/self/status"))
    peak = int(status["VmHWM"].removesuffix("kB\\n")) / 1000
    found.append([probabilities, peak, time.perf_counter() - started])
print(json.dumps(found))
"""
    (_, small, _), (probabilities, large, seconds) = json.loads(
        run_python(code, tmp_path / "model")
    )
    print(f"100 MB: {seconds:.0f} s, {large:.0f} MB")
    assert sum(probabilities) == pytest.approx(1)
    assert large < 250
    assert large < small + 60


# Saving and loading


def test_a_new_process_predicts_the_same_numbers(trained, saved):
    code = (
        "import sys, json; from sentiment_rnn import SentimentClassifier;"
        "c = SentimentClassifier.load(sys.argv[1]);"
        "print(json.dumps(c.predict_proba(json.loads(sys.argv[2])).tolist()))"
    )
    output = json.loads(run_python(code, saved, json.dumps(TEXTS)))
    np.testing.assert_allclose(output, trained.predict_proba(TEXTS), atol=1e-7)


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "stateful", "cell": "lstm", "window": 20, "batch_size": 8, "maxlen": 0},
        {"unknown": "vector", "trainable_vectors": True},
        {"engine": "numpy", "cell": "gru", "bidirectional": True, "trainable_vectors": True},
        # Each imports TensorFlow in a process of its own.
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (
                {},
                {"cell": "gru", "head": "last", "masking": True, "maxlen": 0},
                {"go_backwards": True, "layers": 2, "head": "mean"},
                {
                    "engine": "numpy",
                    "preset": "stateful",
                    "window": 9,
                    "batch_size": 8,
                    "maxlen": 0,
                },
            )
        ),
    ],
)
def test_plain_keras_gives_the_same_probabilities(sample, tmp_path, options):
    """Another process, without this package, feeds the saved network with word vectors."""
    train, test = sample
    classifier = small(**options).fit(train.texts, train.labels)
    classifier.save(tmp_path / "model")
    preprocessor = classifier.preprocessor
    encoded = preprocessor.truncate(preprocessor.encode(test.texts[:8]))
    stateful = options.get("preset") == "stateful"
    if stateful:
        # Whole windows, as many for each text.
        encoded = [np.resize(ids, 60) for ids in encoded]
    ids = preprocessor.pad(encoded)
    np.save(tmp_path / "vectors.npy", preprocessor.embedding_matrix()[ids])
    code = """
import sys, keras, numpy as np
folder = sys.argv[1]
model = keras.models.model_from_json(open(folder + "/model/model.json").read())
model.load_weights(folder + "/model/model.weights.h5")
vectors = np.load(folder + "/vectors.npy")
for window in np.split(vectors, int(sys.argv[2]), axis=1):
    output = model.predict(window, verbose=0)
assert "sentiment_rnn" not in sys.modules
np.save(folder + "/output.npy", output)
"""
    run_python(code, tmp_path, 3 if stateful else 1)
    expected = np.load(tmp_path / "output.npy")
    np.testing.assert_allclose(classifier._output(encoded), expected, atol=1e-5)
    loaded = SentimentClassifier.load(tmp_path / "model")
    np.testing.assert_allclose(loaded._output(encoded), expected, atol=1e-5)
    np.testing.assert_allclose(
        loaded.predict_proba(test.texts), classifier.predict_proba(test.texts), atol=1e-6
    )


def test_a_loaded_model_knows_how_it_was_made(trained, saved):
    loaded = SentimentClassifier.load(saved)
    assert loaded.history_ == trained.history_
    assert loaded.metrics_ == trained.metrics_
    assert loaded.provenance_ == trained.provenance_
    assert loaded.provenance_["trained_on"]["validated_by"] == "film"
    assert loaded.summary() == trained.summary()
    assert "bidirectional" in loaded.summary()
    assert loaded._settings() == trained._settings()
    assert loaded.get_params()["units"] == 4


def test_a_loaded_model_saves_the_same_files(saved, tmp_path):
    SentimentClassifier.load(saved).save(tmp_path / "small")
    for name in ("model.json", "config.json", "word_vectors.npz", "metrics.json", "history.csv"):
        assert (tmp_path / "small" / name).read_bytes() == (saved / name).read_bytes()


# Training


def test_inputs_stay_as_they_are(sample):
    train, _ = sample
    texts, labels = list(train.texts), train.labels.copy()
    small().fit(texts, labels)
    assert texts == train.texts
    np.testing.assert_array_equal(labels, train.labels)


def test_the_same_seed_gives_the_same_numbers(sample):
    train, test = sample
    first, second, other = (
        small(seed=seed).fit(train.texts, train.labels).predict_proba(test.texts)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_classes_can_have_names(sample):
    train, _ = sample
    names = np.where(train.labels == 1, "praise", "blame")
    classifier = small().fit(train.texts, names)
    assert classifier.classes_.tolist() == ["blame", "praise"]
    assert set(classifier.predict(TEXTS)) <= {"blame", "praise"}
    assert classifier.predictions(TEXTS)[0].label in ("blame", "praise")
    assert classifier.evaluate(train.texts, names)["accuracy"] == classifier.score(
        train.texts, names
    )


def test_vectors_trained_on_the_texts(sample):
    train, _ = sample
    classifier = small(vectors="train").fit(train.texts, train.labels)
    counts: dict[str, int] = {}
    tokenizer = TreebankTokenizer()
    for text in train.texts:
        for token in tokenizer.tokenize(text):
            counts[token] = counts.get(token, 0) + 1
    assert set(classifier.word_vectors.words) == {w for w, count in counts.items() if count >= 5}


def test_vectors_of_a_file_are_kept_for_the_words_of_the_texts(sample, tmp_path):
    train, _ = sample
    path = tmp_path / "vectors.txt"
    path.write_text("3 2\nthe 1 0\nzebra 0 1\nfilm 1 1\n")
    classifier = small(vectors=path).fit(train.texts, train.labels)
    assert classifier.word_vectors.words == ("the", "film")


@pytest.mark.parametrize("engine", ["numpy", "keras"])
def test_vectors_are_scaled_before_training_and_saved_so(sample, tmp_path, engine):
    train, _ = sample
    vectors = WordVectors(["the", "film", "good"], np.diag([1.0, 2.0, 3.0]).repeat(100, axis=1))
    classifier = small(vectors=vectors, vector_length=2.5, engine=engine)
    classifier.fit(train.texts, train.labels)
    classifier.save(tmp_path / "model")
    loaded = SentimentClassifier.load(tmp_path / "model")
    lengths = np.linalg.norm(loaded.word_vectors.matrix(), axis=1)
    np.testing.assert_allclose(lengths, 2.5, rtol=1e-6)
    assert np.linalg.norm(vectors.matrix(), axis=1).max() == 30
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), classifier.predict_proba(TEXTS))


def test_continuing_goes_on_from_the_saved_weights(trained, saved, sample):
    train, _ = sample
    before = trained.metrics_["validation"]["accuracy"]
    loaded = SentimentClassifier.load(saved).set_params(warm_start=True, epochs=2)
    loaded.fit(train.texts, train.labels, groups=train.groups)
    assert loaded.history_["loss"][:2] == trained.history_["loss"]
    assert len(loaded.history_["loss"]) == 4
    assert loaded.history_["loss"][2] < trained.history_["loss"][0]
    # The validation part is the same, and the best weights so far are kept.
    assert loaded.metrics_["validation"]["accuracy"] >= before
    assert loaded.provenance_["epochs"] == 4
    assert loaded.provenance_["vectors"] == "imdb"
    assert loaded.provenance_["continued"]


def test_continuing_keeps_the_best_epoch_if_none_is_better():
    texts = ["a wonderful film", "a terrible film"] * 40
    labels = [1, 0] * 40
    classifier = small(epochs=9).fit(texts, labels)
    assert classifier.metrics_["validation"]["accuracy"] == 1
    before, best_epoch = classifier.predict_proba(TEXTS), classifier.provenance_["best_epoch"]
    classifier.set_params(warm_start=True, epochs=2, learning_rate=9.0, optimizer="sgd")
    classifier.fit(texts, labels)
    assert classifier.provenance_["best_epoch"] == best_epoch
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS), before)


# Learning from a teacher


@pytest.mark.parametrize("engine", ["numpy", "keras"])
def test_a_teacher_s_probabilities_are_learned_from(engine):
    texts, labels = ["a wonderful film", "a terrible film"] * 20, [1, 0] * 20
    # Of these words the labelled texts know nothing.
    taught, said = ["a dull story", "a moving story"] * 40, np.array([0.1, 0.9] * 40)
    before = (list(taught), said.copy())
    options = {"engine": engine, "epochs": 20, "learning_rate": 0.01, "batch_size": 8}
    alone = small(**options).fit(texts, labels)
    student = small(**options).fit(texts, labels, taught_texts=taught, taught_probabilities=said)
    assert (list(taught), said.tolist()) == (before[0], before[1].tolist())
    # Not only which it is, but how sure the teacher was.
    off = [
        np.abs(one.predict_proba(taught[:2])[:, 1] - said[:2]).mean() for one in (student, alone)
    ]
    assert off[0] < 0.06 < 0.09 < off[1]
    assert student.history_["accuracy"][-1] == 1
    # None of them validates.
    assert student.provenance_["trained_on"]["validation"] == 8
    assert student.provenance_["trained_on"]["taught"] == 80
    assert alone.provenance_["trained_on"]["taught"] == 0


def test_what_validates_is_not_taught(capsys):
    texts = [f"a {word} film number {n}" for n in range(20) for word in ("wonderful", "terrible")]
    labels, options = [1, 0] * 20, {"engine": "numpy", "epochs": 2, "seed": 3}
    _, validation = validation_split(np.array(labels), 0.2, seed=3)
    more = ["a dull story", texts[validation[0]], "a moving story", texts[validation[5]]]
    student = small(**options).fit(
        texts, labels, taught_texts=more, taught_probabilities=[0.1, 0.7, 0.9, 0.6], verbose=True
    )
    assert "leaving out 2 of them that validate" in capsys.readouterr().err
    expected = small(**options).fit(
        texts, labels, taught_texts=more[::2], taught_probabilities=[0.1, 0.9]
    )
    assert student.history_ == expected.history_
    assert student.provenance_["trained_on"]["taught"] == 2


def test_texts_of_another_language(capsys):
    texts = ["замечательный фильм", "скучный фильм"] * 20
    with pytest.raises(DataError, match="None of these 40 texts has a word that the word vectors"):
        small(engine="numpy").fit(texts, [1, 0] * 20)
    known = ["a wonderful film", "a terrible film"] * 20
    small(engine="numpy").fit([*known, texts[0]], [1, 0] * 20 + [1], verbose=True)
    assert "1 texts have no word that the word vectors know" in capsys.readouterr().err


def test_it_says_where_films_are_not_looked_at(capsys):
    texts, films = ["a wonderful film", "a terrible film"] * 20, np.arange(40) // 4
    small(engine="numpy").fit(texts, [1, 0] * 20, groups=films, verbose=True)
    said = "validating on random texts, whose films may be among the others"
    assert said in capsys.readouterr().err
    small(engine="numpy", validate_by="film").fit(texts, [1, 0] * 20, groups=films, verbose=True)
    assert said not in capsys.readouterr().err


def test_tables_are_no_texts(trained):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": ["A joy.", "Dull.", "Fine."], "label": [1, 0, 1]})
    for wrong in (table, table[["text"]], {"text": ["A joy."]}):
        for call in (trained.predict, trained.predict_proba, trained.transform):
            with pytest.raises(DataError, match=r"Received a (DataFrame|dict): take the column of"):
                call(wrong)
    assert trained.predict(table["text"]).shape == (3,)
    np.testing.assert_array_equal(
        trained.predict_proba(table["text"]), trained.predict_proba(table["text"].tolist())
    )


@pytest.mark.parametrize(
    ("texts", "probabilities", "message"),
    [
        (["a film"], [], r"a probability for each of 1 taught texts\. Received: \(0,\)"),
        (["a", "b"], [0.5, 1.5], r"from 0 to 1\. Received: 1\.5 for taught text 1"),
        (["a"], [np.nan], r"from 0 to 1\. Received: nan for taught text 0"),
        ([3], [0.5], "Expected texts of type str. Received int at index 0"),
    ],
)
def test_what_no_teacher_says(texts, probabilities, message):
    with pytest.raises(DataError, match=message):
        small().fit(
            ["a", "b"] * 9, [0, 1] * 9, taught_texts=texts, taught_probabilities=probabilities
        )


def test_callbacks_are_called(sample):
    train, _ = sample
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    small(epochs=2).fit(train.texts, train.labels, callbacks=[callback])
    assert seen == [0, 1]
    with pytest.raises(UsageError, match="Callbacks are Keras's: the engine numpy calls none"):
        small(engine="numpy").fit(train.texts, train.labels, callbacks=[callback])


def test_a_model_of_one_engine_is_continued_with_the_other(sample):
    train, _ = sample
    classifier = small(engine="numpy", epochs=1).fit(train.texts, train.labels)
    before = classifier.metrics_["validation"]["accuracy"]
    classifier.set_params(engine="keras", warm_start=True).fit(train.texts, train.labels)
    assert len(classifier.history_["loss"]) == 2
    assert classifier.metrics_["validation"]["accuracy"] >= before


# More than two classes

STARS = {1: "awful dreadful worst", 3: "average fair middling", 5: "superb perfect wonderful"}


@pytest.fixture(scope="module")
def of_stars():
    """A classifier of three classes, and what it was trained on."""
    random = np.random.default_rng(0)
    labels = [1 + 2 * (number % 3) for number in range(90)]
    texts = [" ".join(random.choice(STARS[label].split(), 5)) for label in labels]
    settings = {"maxlen": 8, "epochs": 8, "learning_rate": 0.01, "batch_size": 8}
    return small(engine="numpy", **settings).fit(texts, labels), texts, labels


def test_stars_are_told_apart(of_stars):
    classifier, texts, labels = of_stars
    assert classifier.classes_.tolist() == [1, 3, 5]
    assert classifier.class_names == ("1", "3", "5")
    assert classifier.score(texts, labels) > 0.9
    probabilities = classifier.predict_proba(["perfect superb", "worst dreadful"])
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert classifier.predict(["perfect superb", "worst dreadful"]).tolist() == [5, 1]
    (found,) = classifier.predictions(["perfect superb"])
    assert found.label == "5"
    assert found.as_dict()["probabilities"] == [round(one, 6) for one in probabilities[0].tolist()]
    assert found.probability == max(found.probabilities)
    scores = classifier.evaluate(texts, labels)
    assert np.array(scores["confusion_matrix"]).shape == (3, 3)
    assert scores["accuracy"] == classifier.score(texts, labels)
    stream = classifier.predict_stream(["perf", "ect superb"])
    np.testing.assert_allclose(stream, probabilities[0], atol=1e-6)
    assert classifier.transform(texts).shape == (90, 3)


def test_stars_in_another_process(of_stars, tmp_path):
    classifier, texts, _ = of_stars
    classifier.save(tmp_path / "model")
    code = (
        "import sys, json; from sentiment_rnn import SentimentClassifier as C;"
        "model = C.load(sys.argv[1]); print(json.dumps([model.predict_proba(sys.argv[2:]).tolist(),"
        "model.predict(sys.argv[2:]).tolist()])); assert 'keras' not in sys.modules"
    )
    probabilities, labels = json.loads(run_python(code, tmp_path / "model", *texts[:7]))
    np.testing.assert_allclose(probabilities, classifier.predict_proba(texts[:7]), atol=1e-12)
    assert labels == classifier.predict(texts[:7]).tolist()


def test_plain_keras_says_the_same_of_stars(of_stars, tmp_path):
    classifier, texts, _ = of_stars
    classifier.save(tmp_path / "model")
    text = (tmp_path / "model" / "model.json").read_text(encoding="utf-8")
    model = keras.models.model_from_json(text)
    model.load_weights(tmp_path / "model" / "model.weights.h5")
    preprocessor = classifier.preprocessor
    ids = preprocessor.pad(preprocessor.encode(texts[:9]))
    expected = model.predict(preprocessor.embedding_matrix()[ids], verbose=0)
    np.testing.assert_allclose(classifier.predict_proba(texts[:9]), expected, atol=1e-5)


def test_the_temperature_of_stars(of_stars, tmp_path):
    trained, texts, labels = of_stars
    trained.save(tmp_path / "model")
    classifier = SentimentClassifier.load(tmp_path / "model")
    before = classifier.predict_proba(texts)
    wrong = [{1: 3, 3: 5, 5: 1}[label] if n % 4 == 0 else label for n, label in enumerate(labels)]
    classifier.calibrate(texts, wrong)
    after = classifier.predict_proba(texts)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    temperature = classifier.provenance_["temperature"]
    powers = np.exp(np.log(before) / temperature)
    np.testing.assert_allclose(after, powers / powers.sum(axis=1, keepdims=True), atol=2e-4)
    assert temperature != pytest.approx(1, abs=0.05)


def test_teachers_of_stars(of_stars):
    classifier, texts, labels = of_stars
    copy = SentimentClassifier(**classifier.get_params())
    copy.fit(texts, labels, taught_texts=texts, taught_probabilities=np.eye(3)[[0] * 90])
    assert copy.predict_proba(texts)[:, 0].mean() > classifier.predict_proba(texts)[:, 0].mean()
    with pytest.raises(DataError, match=r"probabilities of 3 classes for each of 2 .* \(2,\)"):
        copy.fit(texts, labels, taught_texts=["a", "b"], taught_probabilities=[0.5, 0.5])


def test_a_folder_whose_classes_are_not_the_networks(of_stars, tmp_path):
    of_stars[0].save(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    for classes, message in (
        ([1, 3], "an output a class, .* outputs .3,. for 2 classes"),
        ([1, 1, 3], "at least two labels, each once"),
    ):
        text = config.read_text(encoding="utf-8")
        changed = json.loads(text) | {"classes": classes}
        config.write_text(json.dumps(changed), encoding="utf-8")
        (tmp_path / "model" / "checksums.json").unlink()
        write_checksums(tmp_path / "model")
        with pytest.raises(ModelError, match=message):
            SentimentClassifier.load(tmp_path / "model")


# Errors


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ("one text", [1], "Expected a sequence of texts. Received one text: put it in a list"),
        (["a", None], [0, 1], "Expected texts of type str. Received NoneType at index 1"),
        (["a", "b"], [0], r"one label for each of 2 texts. Received: \(1,\)"),
        (["a", "b"], [1, 1], r"labels of two to 1,000 classes. Received 1: \[1\]"),
        (["a"] * 1001, range(1001), r"two to 1,000 classes. Received 1,001: \[0, 1, 2, 3, 4\]"),
        (["a", "b"], [0.5, 1], r"all whole numbers, or all strings. Received: \[0.5, 1.0\]"),
        (["a", "b"], np.array([1, "b"], object), r"all strings. Received: \[1, 'b'\]"),
        (["a", "b"], [1, "b"], r"all strings. Received: \[1, 'b'\]"),
        (["a", "b"], ["b", float("nan")], r"all strings. Received: \['b', nan\]"),
        (["a", "b"], [1e300, 2.0], r"all whole numbers, .* Received: \[1e\+300, 2.0\]"),
        (["a", "b", "c"], [0, 1, 2], "one of the parts would be empty"),
        (["a", "b", "c"], [0, 1, 1], "part .* has no text of class"),
    ],
)
def test_bad_data(texts, labels, message):
    with pytest.raises(DataError, match=message):
        small().fit(texts, labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "lstm"}, "Unknown preset 'lstm'. Expected one of: textbook, bidirectional"),
        ({"preset": "nbsvm"}, r'counts words, and has no network.*\n.*BaselineClassifier."nbsvm"'),
        ({"units": 0}, "units must be a whole number from 1"),
        ({"maxlen": 0}, "Texts of any length .maxlen 0. need masking"),
        ({"seed": -1}, "The seed must be a whole number"),
        ({"preset": "stateful", "padding": "pre"}, "padding must be post"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(UsageError, match=message):
        SentimentClassifier(**options).fit(["a", "b"], [0, 1])


def test_an_untrained_classifier_says_so(tmp_path):
    for call in (
        lambda: small().predict(["a"]),
        lambda: small().predictions(["a"]),
        lambda: small().predict_stream(["a"]),
        lambda: small().class_names,
        lambda: small().save(tmp_path / "model"),
    ):
        with pytest.raises(ModelError, match="not trained yet: call fit or load first"):
            call()
    assert not (tmp_path / "model").exists()


def test_continuing_keeps_the_architecture(saved, sample):
    train, _ = sample
    loaded = SentimentClassifier.load(saved).set_params(warm_start=True, units=99)
    with pytest.raises(UsageError, match="architecture, such as units, 4.\nReceived: 99. Give"):
        loaded.fit(train.texts, train.labels)
    loaded.set_params(units=4, seed=2)
    with pytest.raises(UsageError, match="keeps its seed, 1, so that .* Received: 2"):
        loaded.fit(train.texts, train.labels)
    loaded.set_params(seed=1)
    with pytest.raises(DataError, match=r"trained on the classes \[0, 1\]. Received: \[3, 4\]"):
        loaded.fit(train.texts, train.labels + 3)
    with pytest.raises(UsageError, match="no parameter 'unit'"):
        loaded.set_params(unit=3)


def test_evaluating_an_unknown_label(trained):
    with pytest.raises(DataError, match=r"knows the classes \[0, 1\]. Received: 2$"):
        trained.evaluate(["a"], [2])


def test_vectors_of_another_size(saved, tmp_path):
    with pytest.raises(ModelError, match="takes vectors of 300 numbers. Received .* of 2"):
        SentimentClassifier.from_keras_files(
            saved / "model.json",
            saved / "model.weights.h5",
            vectors=WordVectors(["a"], np.ones((1, 2))),
        )


def test_calibration_changes_how_sure_it_is_and_no_class(sample, tmp_path):
    train, test = sample
    classifier = SentimentClassifier("bidirectional", units=4, maxlen=60, epochs=4, seed=1)
    classifier.set_params(engine="numpy", learning_rate=0.01)
    classifier.fit(train.texts, train.labels, groups=train.groups)
    # Some that it has learned by heart, and some that it knows little of.
    texts, labels = [*train.texts, *test.texts], np.concatenate([train.labels, test.labels])
    before = classifier.predict_proba(texts)
    scores = classifier.evaluate(texts, labels)
    assert classifier.calibrate(texts, labels) is classifier
    after = classifier.predict_proba(texts)
    temperature = classifier.provenance_["temperature"]
    assert 0.1 < temperature < 10
    assert abs(temperature - 1) > 0.05
    odds = [np.log(one[:, 1] / one[:, 0]) for one in (before, after)]
    np.testing.assert_allclose(odds[1], odds[0] / temperature, rtol=1e-3, atol=1e-4)
    assert classifier.evaluate(texts, labels)["log_loss"] < scores["log_loss"]
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    classifier.save(tmp_path / "model")
    assert "- Temperature: " in (tmp_path / "model" / "README.md").read_text()
    loaded = SentimentClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(texts), after)
    loaded.calibrate(texts, labels)
    assert loaded.provenance_["temperature"] == pytest.approx(temperature, abs=0.01)
    np.testing.assert_allclose(loaded.predict_proba(texts), after, atol=1e-3)
    with pytest.raises(DataError, match="knows the classes"):
        loaded.calibrate(texts, labels + 1)


def test_temperature_scaling_is_a_calibration_on_the_validation_part(sample, tmp_path):
    train, test = sample
    plain = SentimentClassifier("bidirectional", units=4, maxlen=60, epochs=4, seed=1)
    plain.set_params(engine="numpy", learning_rate=0.01)
    scaled = SentimentClassifier(**{**plain.get_params(), "temperature_scaling": True})
    for classifier in (plain, scaled):
        classifier.fit(train.texts, train.labels, groups=train.groups)
    assert scaled.history_ == plain.history_
    _, rows = validation_split(
        train.labels, scaled.settings().training.validation_fraction, seed=1, groups=train.groups
    )
    held_out = train.select(rows)
    plain.calibrate(held_out.texts, held_out.labels)
    np.testing.assert_array_equal(scaled.predict_proba(test.texts), plain.predict_proba(test.texts))
    assert scaled.provenance_["temperature"] == plain.provenance_["temperature"] != 1
    assert scaled.provenance_["calibrated_on"] == {"validation": len(held_out)}
    measured = scaled.evaluate(held_out.texts, held_out.labels)
    assert scaled.metrics_["validation"]["log_loss"] == measured["log_loss"]
    scaled.save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "--temperature-scaling" in card
    assert "Then calibrated" not in card


def test_weights_that_further_training_keeps_stay_as_calibrated_as_they_are(sample, tmp_path):
    train, test = sample
    classifier = SentimentClassifier("bidirectional", units=4, maxlen=60, epochs=4, seed=1)
    classifier.set_params(engine="numpy", learning_rate=0.01, temperature_scaling=True)
    classifier.fit(train.texts, train.labels, groups=train.groups)
    before = classifier.predict_proba(test.texts)
    known = {name: classifier.provenance_[name] for name in ("temperature", "calibrated_on")}
    worse = {"warm_start": True, "epochs": 1, "learning_rate": 9.0, "optimizer": "sgd"}
    for scaling in (False, True):
        classifier.set_params(**worse, temperature_scaling=scaling)
        classifier.fit(train.texts, train.labels, groups=train.groups)
        # Scaled again, they are as they were.
        np.testing.assert_allclose(classifier.predict_proba(test.texts), before, rtol=1e-3)
        assert classifier.provenance_["calibrated_on"] == known["calibrated_on"]
        assert classifier.provenance_["temperature"] == pytest.approx(known["temperature"], 1e-3)
    # Other weights are calibrated no more.
    classifier.set_params(learning_rate=0.05, epochs=9, temperature_scaling=False, optimizer="adam")
    classifier.fit(train.texts, train.labels, groups=train.groups)
    assert classifier.provenance_["best_epoch"] > 4
    assert "temperature" not in classifier.provenance_


def test_temperature_scaling_of_too_few_texts_or_of_those_that_say_nothing(sample):
    train, _ = sample
    few = SentimentClassifier(temperature_scaling=True, validation_fraction=0.1)
    with pytest.raises(UsageError, match="at least 20 validation texts. Received: 18 of 180 texts"):
        few.fit(train.texts, train.labels)
    # Learned at once, with certainty.
    texts = [f"{word} {n}" for n in range(60) for word in ("wonderful", "awful")]
    sure = SentimentClassifier(
        "recommended", units=8, epochs=3, learning_rate=0.02, temperature_scaling=True
    )
    sure.fit(texts, [1, 0] * 60)
    assert sure.metrics_["validation"]["accuracy"] == 1
    assert "temperature" not in sure.provenance_


def test_scores_of_before_a_calibration_are_forgotten(sample, tmp_path):
    classifier = SentimentClassifier.load("textbook")
    assert classifier.metrics_
    _, test = sample
    classifier.calibrate(test.texts, test.labels)
    classifier.save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "log loss" not in card
    assert "- Calibrated on: texts 60" in card
    assert "Then calibrated in Python" in card
    assert SentimentClassifier.load("textbook").metrics_


def test_texts_that_say_nothing_of_how_sure_to_be(sample):
    classifier = SentimentClassifier.load("textbook")
    _, test = sample
    before = classifier.predict_proba(test.texts)
    right = np.flatnonzero(classifier.predict(test.texts) == test.labels)
    for texts, labels, message in (
        ([], [], "at least 20 texts. Received: 0"),
        (test.texts[:19], test.labels[:19], "at least 20 texts. Received: 19"),
        (test.texts[:30], test.labels[:29], r"one label for each of 30 texts. Received: \(29,\)"),
        (
            [test.texts[place] for place in right],
            test.labels[right],
            r"These \d+ texts don't tell how sure to be, .* always right",
        ),
        (
            test.texts,
            1 - classifier.predict(test.texts),
            "These 60 texts don't tell how sure to be, .* no better than chance",
        ),
    ):
        with pytest.raises(DataError, match=message):
            classifier.calibrate(texts, labels)
    with pytest.raises(ModelError, match="not trained yet"):
        SentimentClassifier().calibrate(test.texts, test.labels)
    np.testing.assert_array_equal(classifier.predict_proba(test.texts), before)
