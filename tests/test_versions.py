"""What a model's card says it was made with."""

import platform
from importlib.metadata import PackageNotFoundError, version

import sentiment_rnn
from sentiment_rnn import SentimentClassifier
from sentiment_rnn._versions import versions


def test_versions_are_those_of_what_is_installed():
    found = versions("numpy", "no-such-package", "keras")
    assert found == {
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "keras": version("keras"),
    }


def test_the_package_says_its_own():
    assert sentiment_rnn.__version__ == version("sentiment_rnn")
    assert {"SentimentClassifier", "load_imdb", "__version__"} <= {*dir(sentiment_rnn)}


def test_training_ends_where_tensorflow_has_another_name(monkeypatch, tmp_path):
    def installed(name):
        if name == "tensorflow":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("sentiment_rnn._versions.version", installed)
    classifier = SentimentClassifier(engine="numpy", units=2, maxlen=10, epochs=1)
    classifier.fit(["a good film", "a bad film"] * 10, [1, 0] * 10).save(tmp_path / "model")
    assert "tensorflow" not in classifier.provenance_["versions"]
    assert SentimentClassifier.load(tmp_path / "model").provenance_ == classifier.provenance_
