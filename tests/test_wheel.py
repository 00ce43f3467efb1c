"""An installed wheel has everything that a clone has."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the built wheel was installed into, without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, as setuptools leaves a build folder behind and packs what an older one still holds.
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    return target


def run(installed, tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_predicts_with_the_shipped_model_from_any_folder(installed, tmp_path):
    code = "import sentiment_rnn; print(sentiment_rnn.__file__)"
    assert run(installed, tmp_path, "-c", code).startswith(str(installed))
    output = run(installed, tmp_path, "-m", "sentiment_rnn", "predict", "A wonderful film.")
    assert output.split("\t")[0] in ("positive", "negative")


def test_carries_the_corpus_and_the_vectors(installed, tmp_path):
    code = """
from sentiment_rnn.datasets import load_data
from sentiment_rnn._shipped import shipped
from sentiment_rnn import WordVectors
train, test = load_data("sample")
vectors = WordVectors.load(shipped("models") / "imdb_vectors/word_vectors.npz")
print(len(train), len(test), len(vectors))
"""
    assert run(installed, tmp_path, "-c", code).split() == ["180", "60", "30000"]


def test_every_package_is_listed(installed):
    def modules(root):
        return {path.relative_to(root) for path in root.rglob("*.py")}

    assert modules(installed / "sentiment_rnn") == modules(ROOT / "sentiment_rnn")
