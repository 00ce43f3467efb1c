import pytest

from sentiment_rnn.errors import DataError, ResourceError
from sentiment_rnn.training.run_log import append_run, read_runs


def run(name, accuracy):
    return {"name": name, "metrics": {"validation": {"accuracy": accuracy}}}


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


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"metrics": 3}'])
def test_a_damaged_line_is_named(tmp_path, line):
    append_run(tmp_path, run("a", 0.5))
    with (tmp_path / "runs.jsonl").open("a") as log:
        log.write(line + "\n")
    with pytest.raises(DataError, match=r"runs.jsonl, line 2, is not a run"):
        read_runs(tmp_path)
