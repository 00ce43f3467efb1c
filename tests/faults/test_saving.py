"""A model that is saved over another is never lost, whatever fails, whenever the process dies."""

import json
import os
import subprocess
import sys

import pytest

from sentiment_rnn.errors import ModelError, ResourceError
from tests.faults import models
from tests.faults.io_faults import FROM_THEN_ON, KILL, ONCE, built, environment
from tests.faults.saving import NOT_REACHED, REFUSED, ROOMS, SAVED

KILLED = -9
# Calls on the way to a saved model; fewer would mean that the faults miss some of them.
LEAST_CALLS = 40


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory.mktemp("library"))


def results(library, root, kind, manner, step, *more):
    for seed, name in enumerate(("old", "new")):
        models.save(kind, root / name, seed)
    command = [sys.executable, "-m", "tests.faults.saving", kind, str(manner), str(step), root]
    done = subprocess.run(
        [*command, *more],
        env=environment(library, root / "watched"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(results, step):
    """The old or the new model is there, and of what killed processes leave no more than one."""
    calls = {}
    for one in results:
        start, ended, found = one["start"], one["ended"], one["found"]
        assert ended in (SAVED, REFUSED, KILLED, NOT_REACHED), one
        assert found in (start, "new"), one
        if ended in (SAVED, NOT_REACHED):
            assert found == "new", one
        assert len(one["names"]) <= 2, one
        calls[start] = one["call"]
    # The last save met no fault, and has cleared up.
    assert results[-1]["ended"] == NOT_REACHED
    assert results[-1]["names"] == ["model"]
    assert min(calls.values()) > LEAST_CALLS - step


# Steps that share no factor with the number of errors, so that each call meets other ones.
@pytest.mark.parametrize(
    ("kind", "manner", "step", "more"),
    [
        ("sentiment", ONCE, 11, ()),
        ("characters", KILL, 11, ("no-exchange",)),
        *(
            pytest.param(kind, manner, 1, more, marks=pytest.mark.slow)
            for kind in ROOMS
            for manner in (ONCE, FROM_THEN_ON, KILL)
            for more in ((), ("no-exchange",))
        ),
    ],
)
def test_a_fault_at_each_call(library, tmp_path, kind, manner, step, more):
    check(results(library, tmp_path, kind, manner, step, *more), step)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, and what makes it one that is only to be read."""
    place = tmp_path / "disk"
    place.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield place, lambda: subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("kind", list(ROOMS))
@pytest.mark.parametrize("left", [0, 1, 3, 5, 7])
def test_a_full_disk(small_disk, kind, left):
    place, _ = small_disk
    load, save = ROOMS[kind]
    models.save(kind, place / "model")
    before = {file.name: file.read_bytes() for file in (place / "model").iterdir()}
    with (place / "filler").open("wb") as file:
        status = os.statvfs(place)
        file.write(bytes((status.f_bavail - left) * status.f_frsize))
    model = models.sentiment_model(1) if kind == "sentiment" else models.character_model(1)
    with pytest.raises(ResourceError, match="Could not write .*: No space left on device"):
        save(model, place / "model")
    assert {file.name: file.read_bytes() for file in (place / "model").iterdir()} == before
    assert {file.name for file in place.iterdir()} == {"model", "filler"}
    load(place / "model")


@pytest.mark.parametrize("kind", list(ROOMS))
def test_a_disk_that_is_only_to_be_read(small_disk, kind):
    place, make_read_only = small_disk
    load, save = ROOMS[kind]
    models.save(kind, place / "model")
    make_read_only()
    for target in (place / "model", place / "other"):
        with pytest.raises(ResourceError, match="Could not write .*: Read-only file system"):
            save(load(place / "model"), target)
    load(place / "model")
    with pytest.raises(ModelError, match="There is none at"):
        load(place / "other")
