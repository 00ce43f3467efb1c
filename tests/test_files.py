import os
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from sentiment_rnn import _files
from sentiment_rnn._files import (
    at_home,
    atomic_file,
    atomic_folder,
    is_empty_folder,
    locked,
    remove_unfinished,
)
from sentiment_rnn.errors import ResourceError, UsageError


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


@contextmanager
def fill_half(folder):
    with atomic_folder(folder) as temporary:
        (temporary / "b").write_text("half")
        yield


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    (tmp_path / "file.txt").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("old")
    with pytest.raises(error), atomic_file(tmp_path / "file.txt"):
        raise error
    with pytest.raises(error), fill_half(tmp_path / "folder"):
        raise error
    assert (tmp_path / "file.txt").read_text() == "old"
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["a"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_replaces_the_old_one(tmp_path):
    for name in ("a", "b"):
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / name).write_text(name)
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["b"]
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_what_is_not_replaced_stays(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(_files, "_exchange", lambda one, other: False)
    folder = tmp_path / "folder"
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "index.html").write_text("page")
    for name in ("old", "both", "mine"):
        (folder / name).write_text("before")
    with atomic_folder(folder, replaced={"old", "both"}) as temporary:
        for name in ("new", "both"):
            (temporary / name).write_text("after")
    found = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert found == {"new": "after", "both": "after", "mine": "before"}
    assert (folder / "report" / "index.html").read_text() == "page"
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_what_can_not_be_moved_is_not_lost(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    rename = Path.rename

    def fail(self, target):
        if self == folder / "c":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with (
        pytest.raises(ResourceError, match="Permission denied"),
        atomic_folder(folder, replaced={"a"}) as temporary,
    ):
        (temporary / "a").write_text("new")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {n: n for n in "abc"}
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_empty_folder(tmp_path):
    assert is_empty_folder(tmp_path)
    (tmp_path / "file").write_text("")
    assert not is_empty_folder(tmp_path)
    assert not is_empty_folder(tmp_path / "file")
    assert not is_empty_folder(tmp_path / "none")


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (atomic_file, atomic_folder):
        with (
            pytest.raises(ResourceError, match=r"Could not write .*file.*x: "),
            write(tmp_path / "file" / "x"),
        ):
            pass


def test_what_a_killed_process_left_of_a_file_is_removed(tmp_path):
    (tmp_path / "whole").write_text("whole")
    (tmp_path / ".hidden").write_text("mine")
    writing = atomic_file(tmp_path / "whole")
    with writing as temporary:
        temporary.write_text("half")
        remove_unfinished(tmp_path)
        assert sorted(file.name for file in tmp_path.iterdir()) == [".hidden", "whole"]
        # What the process that was killed would not have come to.
        temporary.write_text("new")
    assert (tmp_path / "whole").read_text() == "new"


# Locks


def test_a_lock_is_beside_the_path_while_it_is_held_and_keeps_others_out(tmp_path):
    path = tmp_path / "folder" / "model"
    with locked(path):
        assert [file.name for file in path.parent.iterdir()] == [".model.lock"]
        with pytest.raises(UsageError, match="Another program is writing to .*model. Wait until"):
            locked(path).__enter__()
        with locked(path.with_name("other")):
            pass
    assert not list(tmp_path.iterdir())
    with locked(path):
        path.mkdir()
    # What was written there stays, and nothing is locked any more.
    with pytest.raises(ValueError, match="inside"), locked(path):
        raise ValueError("inside")
    with locked(path):
        pass
    assert [file.name for file in path.parent.iterdir()] == ["model"]


def test_where_nothing_can_be_locked(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ResourceError, match="Could not lock .*model"),
        locked(tmp_path / "file" / "model"),
    ):
        pass


def test_what_a_link_leads_to_is_written(tmp_path):
    (tmp_path / "file.txt").write_text("old")
    (tmp_path / "folder").mkdir()
    for name in ("file.txt", "folder"):
        (tmp_path / f"link to {name}").symlink_to(name)
    with atomic_file(tmp_path / "link to file.txt") as temporary:
        temporary.write_text("new")
    with atomic_folder(tmp_path / "link to folder") as temporary:
        (temporary / "a").write_text("new")
    assert (tmp_path / "file.txt").read_text() == "new"
    assert (tmp_path / "folder" / "a").read_text() == "new"
    assert all((tmp_path / f"link to {name}").is_symlink() for name in ("file.txt", "folder"))
    assert len(list(tmp_path.iterdir())) == 4


def test_a_pipe_gets_what_is_written_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with atomic_file(pipe) as temporary:
        temporary.write_text("new")
    reader.join(10)
    assert read == ["new"]
    assert pipe.is_fifo()
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]


def test_what_has_no_name_is_not_locked():
    with pytest.raises(UsageError, match=r"Expected the name of a file or folder\. Received: /$"):
        locked(Path("/")).__enter__()


def test_a_user_that_is_not_there():
    with pytest.raises(ResourceError, match="~nobody-is-called-so/x: there is no such user"):
        at_home("~nobody-is-called-so/x")
