import hashlib
import os
import platform
import stat
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn import _cache
from sentiment_rnn._cache import cached_arrays, hash_of_file, pack_texts, unpack_texts

ARRAYS = [
    np.arange(5, dtype=np.int32),
    np.zeros((2, 0, 3)),
    np.array(["film", "né"]),
    np.array([True]),
    np.frombuffer(b"bytes", np.uint8),
]


def make():
    return ARRAYS


def never():
    raise AssertionError("made again")


def check(arrays):
    assert len(arrays) == len(ARRAYS)
    for array, expected in zip(arrays, ARRAYS, strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)


def entries(folder):
    return sorted(file.name for file in folder.iterdir())


def test_what_was_made_comes_back(tmp_path):
    folder = tmp_path / "new" / "cache"
    check(cached_arrays(folder, ["a", 1], make))
    check(cached_arrays(folder, ["a", 1], never))
    assert len(entries(folder)) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(cached_arrays(None, ["a"], make))
    with pytest.raises(AssertionError, match="made again"):
        cached_arrays(None, ["a"], never)
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    "other", [["b", 1], ["a", 2], ["a"], ["a", 1, None], [["a", 1]], ["a", "1"], [1, "a"]]
)
def test_what_is_made_from_something_else_is_something_else(tmp_path, other):
    check(cached_arrays(tmp_path, ["a", 1], make))
    assert cached_arrays(tmp_path, other, lambda: [np.ones(1)])[0].tolist() == [1]
    check(cached_arrays(tmp_path, ["a", 1], never))


def test_other_versions_make_it_anew(tmp_path, monkeypatch):
    check(cached_arrays(tmp_path, ["a"], make))
    for owner, name, value in (
        (_cache, "FORMAT", _cache.FORMAT + 1),
        (_cache, "version", lambda package: "999"),
        (platform, "python_version", lambda: "4.0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            assert cached_arrays(tmp_path, ["a"], lambda: [np.ones(1)])[0].tolist() == [1]
    check(cached_arrays(tmp_path, ["a"], never))


def damaged(data):
    """Every beginning of an entry, every entry with one bit changed, and one with more behind."""
    yield from (data[:end] for end in range(len(data)))
    for place in range(len(data)):
        yield data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
    yield data + b"\0"


def test_a_damaged_entry_is_made_and_written_anew(tmp_path):
    check(cached_arrays(tmp_path, ["a"], make))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for number, data in enumerate(damaged(whole)):
        path.write_bytes(data)
        if number % 50:
            assert _cache._read(path) is None
        else:
            check(cached_arrays(tmp_path, ["a"], make))
            assert path.read_bytes() == whole
    assert number > 1000


def test_an_entry_under_another_name_is_none(tmp_path):
    check(cached_arrays(tmp_path, ["a"], make))
    (of_a,) = tmp_path.iterdir()
    cached_arrays(tmp_path, ["b"], lambda: [np.ones(1)])
    (of_b,) = set(tmp_path.iterdir()) - {of_a}
    of_b.replace(of_a)
    check(cached_arrays(tmp_path, ["a"], make))


def test_an_entry_that_would_run_code_is_none(tmp_path):
    check(cached_arrays(tmp_path, ["a"], make))
    (path,) = tmp_path.iterdir()
    with path.open("wb") as file:
        file.write(bytes(32))
        np.save(file, np.array([print], object), allow_pickle=True)
    data = path.read_bytes()[32:]
    path.write_bytes(hashlib.sha256(path.name.encode() + data).digest() + data)
    check(cached_arrays(tmp_path, ["a"], make))
    check(cached_arrays(tmp_path, ["a"], never))


def test_where_nothing_can_be_kept_it_is_made_each_time(tmp_path):
    (tmp_path / "file").write_text("")
    for _ in range(2):
        check(cached_arrays(tmp_path / "file" / "cache", ["a"], make))
    (tmp_path / "cache").mkdir()
    check(cached_arrays(tmp_path / "cache", ["a"], make))
    (path,) = (tmp_path / "cache").iterdir()
    path.unlink()
    path.mkdir()
    for _ in range(2):
        check(cached_arrays(tmp_path / "cache", ["a"], make))
    assert entries(tmp_path / "cache") == [path.name]


def test_an_interrupted_make_leaves_nothing(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_arrays(tmp_path, ["a"], interrupted)
    assert entries(tmp_path) == []


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    def large(name):
        return cached_arrays(tmp_path, [name], lambda: [np.zeros(1000)])

    (tmp_path / "notes.txt").write_bytes(bytes(9000))
    for seconds, name in enumerate("abc"):
        known = set(tmp_path.iterdir())
        large(name)
        (path,) = set(tmp_path.iterdir()) - known
        os.utime(path, (seconds, seconds))
    left = tmp_path / f".{path.name}.new-x"
    left.write_bytes(bytes(8000))
    os.utime(left, (0, 0))
    large("a")  # used now
    monkeypatch.setattr(_cache, "MAX_BYTES", 30_000)
    large("d")
    # Gone are what a killed process left, and b.
    assert len(entries(tmp_path)) == 4
    assert not left.exists()
    for name in "acd":
        cached_arrays(tmp_path, [name], never)
    with pytest.raises(AssertionError, match="made again"):
        cached_arrays(tmp_path, ["b"], never)
    assert (tmp_path / "notes.txt").exists()


def test_what_is_larger_than_all_may_be_is_not_kept(tmp_path, monkeypatch):
    check(cached_arrays(tmp_path, ["a"], make))
    monkeypatch.setattr(_cache, "MAX_BYTES", 2000)
    assert len(cached_arrays(tmp_path, ["b"], lambda: [np.zeros(1000)])[0]) == 1000
    check(cached_arrays(tmp_path, ["a"], never))
    assert len(entries(tmp_path)) == 1


def test_processes_at_once(tmp_path):
    """All write and read the same two entries over and over; each is whole whenever it is read."""
    code = """
import sys, numpy as np
from pathlib import Path
from sentiment_rnn import _cache
folder, number = Path(sys.argv[1]), int(sys.argv[2])
for turn in range(60):
    name = turn % 2
    arrays = _cache.cached_arrays(folder, [name], lambda: [np.full(50_000, name)])
    assert (arrays[0] == name).all() and len(arrays[0]) == 50_000
    if turn % 5 == number:
        for path in folder.glob("*.arrays"):
            path.unlink(missing_ok=True)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, str(number)]) for number in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    for name in (0, 1):
        arrays = cached_arrays(tmp_path, [name], lambda: [np.full(50_000, name)])  # noqa: B023
        np.testing.assert_array_equal(arrays[0], name)
    assert len(entries(tmp_path)) == 2


# Halves of surrogate pairs too: a str of Python may hold them.
@given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=20)))
def test_texts_are_packed_and_unpacked(texts):
    data, lengths = pack_texts(texts)
    assert (data.dtype, lengths.shape) == (np.uint8, (len(texts),))
    assert unpack_texts(data, lengths) == texts


def test_the_hash_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    # NIST's example for SHA-256.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_of_file(tmp_path / "file") == expected
