import numpy as np
import pytest

from sentiment_rnn._arrays import read_arrays, write_arrays

ARRAYS = [np.arange(6, dtype=np.int32).reshape(2, 3), np.array(2.5), np.array(["a", "né"])]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "arrays"
    file.touch()
    write_arrays(file, ARRAYS, name="mine")
    return file


def test_what_was_written_is_read(path):
    found = read_arrays(path, name="mine")
    assert found is not None
    for array, expected in zip(found, ARRAYS, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_under_another_name_or_with_another_byte_there_is_nothing(path):
    assert read_arrays(path, name="other") is None
    whole = path.read_bytes()
    for place in (0, 31, 32, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_arrays(path, name="mine") is None
    for changed in (b"", whole[:-1], whole + b"x"):
        path.write_bytes(changed)
        assert read_arrays(path, name="mine") is None
    assert read_arrays(path.with_name("none"), name="mine") is None


def test_objects_are_neither_written_nor_read(path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(path, [np.array([object()])], name="mine")
    assert read_arrays(path, name="mine") is None
