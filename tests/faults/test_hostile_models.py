"""No model folder makes the command line run, open or fetch something, hang or fail badly."""

import pytest

from tests.faults import models
from tests.faults.hostile_models import CANARY, CASES, Folder
from tests.faults.running import check, run_cases

BAD_MODEL = 4
SECONDS, MEGABYTES = 10, 1000
COMMANDS = {
    "sentiment": lambda path: ["predict", "--model", str(path), "good film."],
    "characters": lambda path: ["chars", "sample", str(path), "--length", "5", "--seed", "0"],
}


def make(name, place):
    """The hostile folder of a case, and the case for `run_cases`."""
    kind, spoil = CASES[name]
    outside = place / "outside"
    outside.mkdir(parents=True)
    models.save("sentiment", outside / "model", seed=1)
    (outside / "model" / "model.weights.h5").rename(outside / "weights.h5")
    (outside / "secret").write_text("root:x:0:0:root:/root:/bin/bash\n" * 9)
    folder = Folder(place / "model", outside)
    models.save(kind, folder.path)
    spoil(folder)
    folder.seal()
    arguments = COMMANDS[kind](folder.path)
    return {"name": name, "arguments": arguments, "allowed": [str(folder.path)]}


def test_there_are_many():
    assert len(CASES) >= 100


@pytest.mark.parametrize("kind", list(COMMANDS))
def test_a_folder_that_nobody_has_spoilt(tmp_path, kind):
    """What is asserted of the others would otherwise be true of a command that never works."""
    models.save(kind, tmp_path / "model")
    case = {"arguments": COMMANDS[kind](tmp_path / "model"), "allowed": [str(tmp_path / "model")]}
    [result] = run_cases([case], tmp_path)
    check(result, 0)
    assert result["out"]


def test_what_is_not_allowed_is_reported(tmp_path):
    models.save("sentiment", tmp_path / "model")
    arguments = COMMANDS["sentiment"](tmp_path / "model")
    [result] = run_cases([{"arguments": arguments}], tmp_path)
    assert any("model.json" in line for line in result["reported"])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    cases = [make(name, folder / name) for name in CASES]
    found = {result["name"]: result for result in run_cases(cases, folder)}
    return folder, found


@pytest.mark.parametrize("name", list(CASES))
def test_a_hostile_folder(results, name):
    folder, found = results
    check(found[name], BAD_MODEL)
    assert found[name]["out"] == ""
    assert not (folder / name / "outside" / CANARY).exists()
    assert found[name]["seconds"] < SECONDS
    assert found[name]["megabytes"] < MEGABYTES


@pytest.mark.slow
def test_each_in_a_process_that_has_imported_nothing(tmp_path):
    cases = [make(name, tmp_path / name) for name in CASES]
    for result in run_cases(cases, tmp_path, "--alone"):
        check(result, BAD_MODEL)
        assert not (tmp_path / result["name"] / "outside" / CANARY).exists()
