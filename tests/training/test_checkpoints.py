import numpy as np
import pytest

from sentiment_rnn.errors import ModelError
from sentiment_rnn.training.checkpoints import read_checkpoint, write_checkpoint

PROGRESS = {"step": 7, "history": {"loss": [0.5, 0.25]}}
ARRAYS = {"weight-0": np.arange(6, dtype=np.float32).reshape(2, 3), "weight-1": np.array(3)}


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "run.checkpoint.npz"
    for step in (3, 7):
        write_checkpoint(path, {**PROGRESS, "step": step}, ARRAYS)
    with read_checkpoint(path) as (progress, arrays):
        assert progress == PROGRESS
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kept", [0, 0.01, 0.5, 0.99])
def test_what_is_damaged_is_refused(tmp_path, kept):
    path = tmp_path / "run.checkpoint.npz"
    write_checkpoint(path, PROGRESS, ARRAYS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with (
        pytest.raises(ModelError, match="is no checkpoint, or a damaged one"),
        read_checkpoint(path) as (_, arrays),
    ):
        arrays["weight-0"]


def test_what_is_missing_is_said_by_its_file(tmp_path):
    path = tmp_path / "run.checkpoint.npz"
    write_checkpoint(path, PROGRESS, ARRAYS)
    with pytest.raises(ModelError, match=path.name), read_checkpoint(path) as (_, arrays):
        arrays["weight-9"]


def test_a_checkpoint_that_can_not_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "run.checkpoint.npz"
    write_checkpoint(path, PROGRESS, ARRAYS)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_checkpoint(path, {"step": object()}, ARRAYS)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
