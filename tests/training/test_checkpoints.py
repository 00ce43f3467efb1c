import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sentiment_rnn._signals import Terminated, terminable, terminate
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.training import checkpoints
from sentiment_rnn.training.checkpoints import (
    CheckpointWriter,
    check_task,
    checkpoint_before,
    has_checkpoint,
    read_checkpoint,
    remove_checkpoint,
    write_checkpoint,
)
from sentiment_rnn.training.config import CharacterTrainingConfig, TrainingConfig

PROGRESS = {"step": 7, "history": {"loss": [0.5, 0.25]}}
ARRAYS = {"weight-0": np.arange(6, dtype=np.float32).reshape(2, 3), "weight-1": np.array(3)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


@pytest.fixture
def two(path):
    """A checkpoint, and the one before it."""
    for step in (3, 7):
        write_checkpoint(path, {**PROGRESS, "step": step}, ARRAYS)
    return path


def step_of(path):
    with read_checkpoint(path) as (progress, arrays):
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
            assert arrays[name].dtype == array.dtype
        return progress["step"]


# Files


def test_what_was_written_is_read_and_the_last_two_are_kept(two, tmp_path):
    with read_checkpoint(two) as (progress, _):
        assert progress == PROGRESS
    assert step_of(two) == 7
    assert step_of(checkpoint_before(two)) == 3
    write_checkpoint(two, {**PROGRESS, "step": 9}, ARRAYS)
    assert step_of(checkpoint_before(two)) == 7
    names = {"run.checkpoint", "run.checkpoint.before"}
    assert {file.name for file in tmp_path.iterdir()} == names
    remove_checkpoint(two)
    assert not has_checkpoint(two)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kept", [0, 0.01, 0.5, 0.99])
def test_one_that_is_cut_gives_way_to_the_one_before(two, kept):
    whole = two.read_bytes()
    two.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.warns(RuntimeWarning, match="run.checkpoint is damaged. Going on from the check"):
        assert step_of(two) == 3
    # The damaged one is not kept in the place of a whole one.
    assert step_of(two) == 3
    write_checkpoint(two, {**PROGRESS, "step": 9}, ARRAYS)
    assert (step_of(two), step_of(checkpoint_before(two))) == (9, 3)


@pytest.mark.parametrize("kept", [0, 0.01, 0.5, 0.99])
def test_where_both_are_cut_there_is_an_error(two, kept):
    for file in (two, checkpoint_before(two)):
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ModelError, match=r"run.checkpoint is no checkpoint, or a damaged one\.$"):
        step_of(two)


def test_a_flipped_bit_is_found_wherever_it_is(path):
    flips = random.Random(0)
    write_checkpoint(path, PROGRESS, ARRAYS)
    whole = path.read_bytes()
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[flips.randrange(len(whole))] ^= 1 << flips.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match="is no checkpoint, or a damaged one"):
            step_of(path)
    path.write_bytes(whole)
    assert step_of(path) == 7


def test_between_two_renames_there_is_the_one_before(two):
    two.unlink()
    assert has_checkpoint(two)
    assert step_of(two) == 3
    write_checkpoint(two, PROGRESS, ARRAYS)
    assert (step_of(two), step_of(checkpoint_before(two))) == (7, 3)


def test_what_is_missing_is_said_by_its_file(path):
    write_checkpoint(path, PROGRESS, ARRAYS)
    with pytest.raises(ModelError, match=path.name), read_checkpoint(path) as (_, arrays):
        arrays["weight-9"]


def test_a_checkpoint_that_can_not_be_written_leaves_those_before(two, tmp_path):
    with pytest.raises(TypeError):
        write_checkpoint(two, {"step": object()}, ARRAYS)
    with pytest.raises(ValueError, match="allow_pickle"):
        write_checkpoint(two, PROGRESS, {"weight-0": np.array([object()])})
    assert (step_of(two), step_of(checkpoint_before(two))) == (7, 3)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_checkpoint_of_another_training_is_refused_with_the_reason(path):
    began = {"settings": {"units": 3, "epochs": 2}, "fingerprint": "a"}

    def check(settings, fingerprint="a", **options):
        check_task(path, began, settings=settings, fingerprint=fingerprint, **options)

    check({"units": 3, "epochs": 2, "new": 1})
    check({})
    check({"epochs": 9}, may_change=("epochs",))
    with pytest.raises(
        ModelError,
        match="of other settings. Expected units 3, as it began; only epochs may change. Rec.*: 4$",
    ):
        check({"units": 4}, may_change=("epochs",))
    with pytest.raises(ModelError, match=r"Expected epochs 2, as it began\. Received: 9$"):
        check({"epochs": 9})
    with pytest.raises(ModelError, match="of other data, settings or another seed"):
        check({}, "b")


# When they are written


class Training:
    """Counts steps, and writes checkpoints of their number."""

    def __init__(self, path, **options):
        self.step = 0
        self.array = np.zeros(3)
        self.writer = CheckpointWriter(path, self.state, advice="Try less.", **options)

    def state(self):
        return {"step": self.step}, {"array": self.array}

    def train(self, steps, within=lambda step: None):
        for _ in range(steps):
            with self.writer.step():
                within(self.step)
                self.step += 1
            self.writer.after_step(0.5)


def saved_step(path):
    with read_checkpoint(path) as (progress, _):
        return progress["step"]


def test_every_so_many_steps(path):
    training = Training(path, every=3)
    training.train(2)
    assert not path.exists()
    training.train(5)
    assert (saved_step(path), saved_step(checkpoint_before(path))) == (6, 3)


def test_by_the_clock_and_the_more_rarely_the_longer_it_takes(path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("sentiment_rnn.training.checkpoints.time.monotonic", lambda: clock[0])

    def slow(*arguments):
        clock[0] += 2
        write_checkpoint(*arguments)

    monkeypatch.setattr(checkpoints, "write_checkpoint", slow)
    training, written = Training(path), []
    for _ in range(300):
        training.train(1)
        clock[0] += 1
        if path.exists() and saved_step(path) not in written:
            written.append(saved_step(path))
    # After half a minute; then 50 times as long as writing one took.
    assert written == [31, 131, 231]


@pytest.fixture
def is_interrupted():
    """Python's own answer to Ctrl-C, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def end_by(*numbers):
    def within(step):
        if step == 4:
            for number in numbers:
                os.kill(os.getpid(), number)

    return within


@pytest.mark.usefixtures("is_interrupted")
def test_ctrl_c_waits_for_the_end_of_the_step_and_saves(path):
    training = Training(path)
    with pytest.raises(KeyboardInterrupt), training.writer.at_work():
        training.train(9, end_by(signal.SIGINT))
    assert (training.step, saved_step(path)) == (5, 5)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("is_interrupted")
def test_a_second_ctrl_c_does_not_wait_and_saves_nothing_half_done(path):
    training = Training(path, every=2)
    with pytest.raises(KeyboardInterrupt), training.writer.at_work():
        training.train(9, end_by(signal.SIGINT, signal.SIGINT))
    assert (training.step, saved_step(path)) == (4, 4)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("is_interrupted")
@pytest.mark.parametrize(
    ("numbers", "steps", "error"),
    [
        ([signal.SIGTERM], 5, Terminated),
        ([signal.SIGTERM, signal.SIGTERM], 4, Terminated),
        ([signal.SIGTERM, signal.SIGINT], 4, KeyboardInterrupt),
    ],
)
def test_sigterm_is_as_ctrl_c(path, numbers, steps, error):
    training = Training(path, every=2)
    with terminable():
        with pytest.raises(error), training.writer.at_work():
            training.train(9, end_by(*numbers))
        assert signal.getsignal(signal.SIGTERM) is terminate
    assert (training.step, saved_step(path)) == (steps, steps)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_is_left_to_whoever_has_it():
    def handler(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with terminable():
            assert signal.getsignal(signal.SIGTERM) is handler
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    with ThreadPoolExecutor() as pool:
        assert pool.submit(terminable().__enter__).result() is None
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interruption_between_steps_saves(path):
    training = Training(path)
    training.train(3)
    with pytest.raises(KeyboardInterrupt), training.writer.at_work():
        raise KeyboardInterrupt
    assert saved_step(path) == 3


def test_two_trainings_do_not_write_to_one_checkpoint(path):
    with Training(path).writer.at_work():
        other = Training(path).writer
        with pytest.raises(UsageError, match="Another program is writing to .*checkpoint"):
            other.at_work().__enter__()
    with Training(path).writer.at_work(), Training(None).writer.at_work():
        pass


def test_nobody_elses_handler_is_replaced(path):
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        Training(path).train(9, end_by(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [True]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_with_advice(path, loss):
    training = Training(path)
    with pytest.raises(UsageError, match=f"^The loss is {loss}: training diverges. Try less.$"):
        training.writer.after_step(loss)
    training.writer.write()
    with pytest.raises(UsageError, match="run.checkpoint has the last weights that were finite"):
        training.writer.check(loss)


def test_weights_that_are_no_numbers_are_not_written(path):
    training = Training(path, every=1)
    training.train(3)
    training.array[1] = np.inf
    training.train(1)
    assert saved_step(path) == 3


def test_what_is_advised():
    assert TrainingConfig(learning_rate=0.5).advice == "Try a lower learning_rate than 0.5."
    advice = "Try a lower learning_rate than 0.5, or a lower clip_norm than 5.0."
    assert CharacterTrainingConfig(learning_rate=0.5).advice == advice


def test_without_a_file_nothing_is_written(tmp_path):
    training = Training(None, every=1)
    training.train(3)
    training.writer.write()
    assert not list(tmp_path.iterdir())
