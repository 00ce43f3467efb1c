"""No corpus, table, text or vectors file makes the command line write, hang or fail badly."""

import hashlib

import pytest

from sentiment_rnn.datasets import load_imdb
from tests.faults import models
from tests.faults.hostile_data import BAD_DATA, BAD_RESOURCE, CASES
from tests.faults.running import check, run_cases

SECONDS, MEGABYTES = 20, 1300
PASSED_OVER = [name for name, (kind, _) in CASES.items() if kind == "passed over"]
SPOILT = [name for name in CASES if name not in PASSED_OVER]


def make(name, place, model):
    kind, maker = CASES[name]
    place.mkdir()
    path = maker(place)
    data = ["--no-cache", "--data", str(path)]
    out = ["--out", str(place / "out")]
    arguments = {
        "corpus": ["evaluate", str(model), *data],
        "table": ["evaluate", str(model), *data],
        "text": ["chars", "train", str(path), *out],
        "vectors": ["train", "--engine", "numpy", "--vectors", str(path), *out],
    }[kind]
    allowed = [str(place), str(model)]
    return {"name": name, "arguments": arguments, "allowed": allowed, "seconds": SECONDS}


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    models.save("sentiment", folder / "model")
    cases = [make(name, folder / name, folder / "model") for name in SPOILT]
    before = hashes(folder)
    found = {result["name"]: result for result in run_cases(cases, tmp_path_factory.mktemp("lib"))}
    return before, hashes(folder), found


def test_there_are_many():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", SPOILT)
def test_hostile_data(results, name):
    _, _, found = results
    check(found[name], BAD_DATA, BAD_RESOURCE)
    assert found[name]["out"] == ""
    assert found[name]["megabytes"] < MEGABYTES


def test_nothing_was_written(results):
    before, after, _ = results
    assert after == before


@pytest.mark.parametrize("name", PASSED_OVER)
def test_what_nobody_asked_for_is_passed_over(tmp_path, name):
    """Members that lead elsewhere, beside a corpus that is as it should be."""
    (tmp_path / "inside").mkdir()
    _, maker = CASES[name]
    path = maker(tmp_path / "inside")
    for part in load_imdb(path):
        assert part.texts == ["A film.", "A film."]
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [path.name]
