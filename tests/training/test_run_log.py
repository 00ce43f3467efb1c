import json
import warnings

import pytest

from sentiment_rnn.errors import ResourceError
from sentiment_rnn.training.run_log import append_run, read_runs


def run(name, accuracy):
    return {
        "name": name,
        "metrics": {"validation": {"accuracy": accuracy}},
        "parameters": 10,
        "seconds": 0.5,
        "seed": 0,
        "preset": "textbook",
        "options": {},
    }


def test_runs_come_best_first(tmp_path):
    folder = tmp_path / "new"
    for name, accuracy in (("a", 0.5), ("b", 0.9), ("c", 0.7)):
        append_run(folder, run(name, accuracy))
    assert [entry["name"] for entry in read_runs(folder)] == ["b", "c", "a"]


def test_a_model_that_was_replaced_is_there_once(tmp_path):
    for name, accuracy in (("a", 0.9), ("b", 0.7), ("a", 0.5)):
        append_run(tmp_path, run(name, accuracy))
    assert read_runs(tmp_path) == [run("b", 0.7), run("a", 0.5)]


def test_a_missing_log_says_what_writes_one(tmp_path):
    with pytest.raises(ResourceError, match="No run log at .*runs.jsonl.*sentiment-rnn train"):
        read_runs(tmp_path)


def test_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "runs.jsonl").mkdir()
    with pytest.raises(ResourceError, match=r"Could not write .*runs\.jsonl: Is a directory"):
        append_run(tmp_path, run("a", 0.5))


def without(*names):
    found = run("b", 0.9)
    for name in names:
        del found[name]
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"{}",
        b"3",
        b'{"metrics": 3}',
        b"\xff\xfe",
        b'{"name": "\xe9"}',
        b"[" * 100_000,
        *map(without, run("b", 0.9)),
        *(
            json.dumps({**run("b", 0.9), **wrong}).encode()
            for wrong in (
                {"metrics": {"validation": {"accuracy": "0.9"}}},
                {"metrics": {"validation": {"accuracy": True}}},
                {"metrics": {"validation": {"accuracy": float("nan")}}},
                {"metrics": {"validation": {"accuracy": 0.9}, "test": None}},
                {"metrics": {"validation": {"accuracy": 0.9}, "test": {"accuracy": "0.9"}}},
                {"name": 3},
                {"options": "none"},
                {"seconds": None},
                {"seconds": 10**400},
                {"parameters": "10"},
            )
        ),
    ],
)
def test_a_line_that_is_no_run_is_left_out_by_name(tmp_path, line):
    append_run(tmp_path, run("a", 0.5))
    with (tmp_path / "runs.jsonl").open("ab") as log:
        log.write(line + b"\n")
    append_run(tmp_path, run("c", 0.7))
    with pytest.warns(RuntimeWarning, match=r"runs\.jsonl has lines .* are left out: 2$") as said:
        assert read_runs(tmp_path) == [run("c", 0.7), run("a", 0.5)]
    assert len(said) == 1


def test_not_every_line_that_is_no_run_is_named(tmp_path):
    (tmp_path / "runs.jsonl").write_text("?\n\n" * 20)
    with pytest.warns(RuntimeWarning, match=r": 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, …$") as said:
        assert read_runs(tmp_path) == []
    assert len(said) == 1


@pytest.mark.parametrize("torn", [b'{"name": "b", "met', json.dumps(run("b", 0.9)).encode()])
def test_a_run_is_not_glued_to_a_line_that_was_torn(tmp_path, torn):
    append_run(tmp_path, run("a", 0.5))
    with (tmp_path / "runs.jsonl").open("ab") as log:
        log.write(torn)
    append_run(tmp_path, run("c", 0.7))
    lines = (tmp_path / "runs.jsonl").read_bytes().split(b"\n")
    assert (len(lines), lines[1], json.loads(lines[2])) == (4, torn, run("c", 0.7))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [entry["name"] for entry in read_runs(tmp_path)]
    assert found == (["b"] if torn.endswith(b"}") else []) + ["c", "a"]
