import pytest

from sentiment_rnn.errors import ResourceError

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from sentiment_rnn.training.tensorboard import tensorboard_log


def curves(folder):
    """What TensorBoard reads: by part and chart, the value of each step."""
    found: dict[tuple[str, str], dict[int, object]] = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                curve = found.setdefault((path.parent.name, value.tag), {})
                curve[event.step] = pytest.approx(value.tensor.float_val[0])
    return found


def test_tensorboard_reads_what_is_written(tmp_path):
    with tensorboard_log(tmp_path / "runs" / "a") as after_epoch:
        assert not after_epoch(1, {"loss": 0.7, "val_loss": 0.6, "accuracy": 0.5})
        # While training goes on.
        assert curves(tmp_path)["train", "epoch_loss"] == {1: 0.7}
        after_epoch(2, {"loss": 0.4, "val_loss": 0.3, "accuracy": 0.9})
    assert curves(tmp_path) == {
        ("train", "epoch_loss"): {1: 0.7, 2: 0.4},
        ("train", "epoch_accuracy"): {1: 0.5, 2: 0.9},
        ("validation", "epoch_loss"): {1: 0.6, 2: 0.3},
    }


def test_a_training_without_an_epoch_leaves_no_events(tmp_path):
    with (
        pytest.raises(ValueError, match="refused"),
        tensorboard_log(tmp_path / "log"),
    ):
        raise ValueError("refused")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ResourceError, match="Could not write .*file: Not a directory"),
        tensorboard_log(tmp_path / "file"),
    ):
        pass
