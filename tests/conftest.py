"""Fixtures that every room's tests share."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from sentiment_rnn import Reviews, SentimentClassifier, load_imdb
from sentiment_rnn.cli import main
from sentiment_rnn.datasets import load_data
from tests.pages import BROWSERS, Browser, find_browser

# Keras and TensorFlow read these when they are first imported.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

# The first example of a test may import a library; a busy machine is no defect either.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

ROOT = Path(__file__).parents[1]

# A shell lets what it starts in the background ignore Ctrl-C, which tests send to processes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real corpora, which are not part of the project."""
    folder = Path(os.environ.get("SENTIMENT_RNN_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "aclImdb_v1.tar.gz").is_file():
        pytest.skip(f"no real data in {folder}; SENTIMENT_RNN_DATA names another place")
    return folder


@pytest.fixture(scope="session")
def imdb(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Reviews, Reviews]:
    """The real reviews, train and test; what one process has read, the others take up."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return load_imdb(real_data / "aclImdb_v1.tar.gz", cache=folder / "corpora")


@pytest.fixture(scope="session")
def sample() -> tuple[Reviews, Reviews]:
    """Train and test part of the sample corpus."""
    train, test = load_data("sample")
    assert test is not None
    return train, test


@pytest.fixture(scope="session")
def trained(sample: tuple[Reviews, Reviews]) -> SentimentClassifier:
    """A small classifier, trained on the sample corpus for a moment."""
    train, _ = sample
    classifier = SentimentClassifier("bidirectional", units=4, maxlen=60, epochs=2, seed=1)
    return classifier.fit(train.texts, train.labels, groups=train.groups)


@pytest.fixture(scope="session")
def saved(trained: SentimentClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of `trained`."""
    folder = tmp_path_factory.mktemp("models") / "small"
    trained.save(folder)
    return folder


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command in an empty folder; returns exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments):
        code: object
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def processes_started(monkeypatch):
    """The processes that were started since."""
    processes = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium."""
    program = find_browser()
    if program is None:
        names = ", ".join(BROWSERS)
        pytest.skip(f"no browser to look at the page with: none of {names} is installed")
    found = Browser(program, tmp_path_factory.mktemp("browser"))
    yield found
    found.close()
