import json
import os
import shutil
import stat

import numpy as np
import pytest

from sentiment_rnn._cache import hash_of_file
from sentiment_rnn.errors import ModelError, ResourceError
from sentiment_rnn.persistence import load_model, save_model

FILES = {
    "README.md",
    "checksums.json",
    "config.json",
    "history.csv",
    "history.png",
    "metrics.json",
    "model.json",
    "model.weights.h5",
    "word_vectors.npz",
}


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def rewrite(folder, name, change):
    """Changes a JSON file and its checksum, as somebody would who wants to be believed."""
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    seal(folder, name)


def seal(folder, name):
    checksums = json.loads((folder / "checksums.json").read_text())
    checksums[name] = hash_of_file(folder / name)
    (folder / "checksums.json").write_text(json.dumps(checksums))


def test_the_folder_holds_the_files_of_the_contract(saved):
    assert {file.name for file in saved.iterdir()} == FILES
    checksums = json.loads((saved / "checksums.json").read_text())
    assert set(checksums) == FILES - {"checksums.json"}
    history = (saved / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,accuracy,loss,val_accuracy,val_loss"
    assert len(history) == 3


def test_files_are_as_readable_as_any_other(saved, tmp_path):
    (tmp_path / "plain").write_text("")
    expected = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE((saved / "config.json").stat().st_mode) == expected
    assert os.access(saved, os.R_OK | os.X_OK)


def test_saving_again_replaces_the_folder_and_leaves_nothing_else(saved, folder):
    (folder / "history.png").unlink()
    save_model(load_model(saved), folder)
    assert {file.name for file in folder.iterdir()} == FILES
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def test_a_failure_leaves_the_old_folder(saved, folder, monkeypatch):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sentiment_rnn.persistence.model_folder.write_history", fail)
    with pytest.raises(ResourceError, match="Could not write .*model: No space left on device"):
        save_model(load_model(saved), folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def test_what_is_no_model_folder_is_not_overwritten(saved, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    with pytest.raises(ResourceError, match="is no model folder: it is not overwritten"):
        save_model(load_model(saved), tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.png").read_bytes() == b"cat"


def test_a_missing_folder(tmp_path):
    with pytest.raises(ModelError, match="Expected a model folder. There is none at .*nowhere"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(format=2), "expected model format 1. Received: 2"),
        (lambda config: config.pop("classes"), "'classes' is missing"),
        (lambda config: config.update(classes=[1]), "at least two labels"),
        (lambda config: config.update(classes=["a", "a"]), "at least two labels, each once"),
        (lambda config: config.update(classes=[{}, "a"]), "expected a string. Received: an obj"),
        (lambda config: config.update(classes=["a", "\ud800"]), r"expected Unicode text. .*ud800"),
        (lambda config: config.update(classes=["a", "b", "c"]), "an output a class, or one output"),
        (lambda config: config["preprocessing"].update(maxlen=-3), "maxlen must be a whole"),
        (
            lambda config: config["preprocessing"].update(maxlen=1_000_000),
            r"the network reads \d+ tokens of a text. Received: maxlen 1000000$",
        ),
        (lambda config: config["preprocessing"].update(code="x"), "expected no key 'code'"),
        (lambda config: config.update(architecture=3), "expected an object. Received: 3"),
        (
            lambda config: config.update(provenance=[]),
            "provenance: expected an object. Received: an array",
        ),
    ],
)
def test_a_config_that_makes_no_sense(folder, change, message):
    rewrite(folder, "config.json", change)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_vectors_that_do_not_fit_the_network(folder):
    vectors = load_model(folder).word_vectors
    type(vectors)(["a"], np.ones((1, 3))).save(folder / "word_vectors.npz")
    seal(folder, "word_vectors.npz")
    with pytest.raises(ModelError, match="takes vectors of 300 numbers. Received word vectors of"):
        load_model(folder)


def test_vectors_with_pickled_objects(folder):
    with (folder / "word_vectors.npz").open("wb") as file:
        np.savez(file, words=np.array([print]), vectors=np.array([print]))
    seal(folder, "word_vectors.npz")
    with pytest.raises(ModelError, match="is no word vectors file of this package"):
        load_model(folder)


def test_loading_imports_neither_keras_nor_tensorflow(saved):
    import subprocess
    import sys

    code = (
        "import sys; from sentiment_rnn.persistence import load_model; load_model(sys.argv[1]);"
        "print({'keras', 'tensorflow', 'gensim', 'nltk', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, saved], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
