import shutil

import pytest

from sentiment_rnn.errors import ModelError
from sentiment_rnn.persistence import load_model
from sentiment_rnn.persistence.folders import MODEL_FILES


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


@pytest.mark.parametrize("name", ["checksums.json", *MODEL_FILES])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name}.* is missing"):
        load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "history.csv", "model.json", "model.weights.h5"])
def test_a_damaged_file(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is not as it was saved: its checksum differs"):
        load_model(folder)
