"""Studies with Optuna."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any

import pytest

pytest.importorskip("optuna")

from sentiment_rnn import Reviews, SentimentClassifier
from sentiment_rnn.cli import main
from sentiment_rnn.datasets import load_data
from sentiment_rnn.errors import ResourceError, UsageError
from sentiment_rnn.presets import PRESETS, find_preset
from sentiment_rnn.tuning import (
    SEARCH_SPACE,
    Range,
    Study,
    Variation,
    parse_variation,
    parse_variations,
    search_space,
)
from tests.conftest import ROOT

# Trainings of a moment.
SMALL: dict[str, Any] = {
    "engine": "numpy",
    "maxlen": 20,
    "cell": "simple",
    "batch_size": 32,
    "head": "mean",
}
UNITS: dict[str, Variation] = {"units": Range(2, 9)}


@pytest.fixture(scope="module")
def reviews():
    return load_data("sample")[0]


class Scripted:
    """Stands for trainings, which are not done: each trial reaches the next accuracies.

    `accuracies` says what is reached after each epoch of a trial, the last ones again and again.
    What is no number there is raised.
    """

    def __init__(self):
        self.accuracies: list[tuple[Any, ...]] = [(0.5, 0.6)]
        self.asked: list[Any] = []

    def fit(self, classifier, texts, labels, *, groups, after_epoch, cache):
        self.asked.append((classifier, texts, groups))
        reached = []
        of_epochs = self.accuracies[min(len(self.asked), len(self.accuracies)) - 1]
        for epoch, accuracy in enumerate(of_epochs, 1):
            if not isinstance(accuracy, float):
                raise accuracy
            reached.append(accuracy)
            if after_epoch(epoch, {"val_accuracy": accuracy, "loss": 0.5}):
                break
        classifier.metrics_ = {"validation": {"accuracy": max(reached)}}
        return classifier


@pytest.fixture
def fitted(monkeypatch):
    scripted = Scripted()

    def fit(classifier, *arguments, **options):
        return scripted.fit(classifier, *arguments, **options)

    monkeypatch.setattr(SentimentClassifier, "fit", fit)
    return scripted


def tune(*arguments):
    return main(["tune", "--engine", "numpy", *map(str, arguments)])


# The search space


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("units=4:64", "units", Range(4, 64, log=True)),
        ("learning-rate=1e-4:0.01", "learning_rate", Range(0.0001, 0.01, log=True)),
        ("dropout=0:0.5", "dropout", Range(0.0, 0.5)),
        ("maxlen=0:100", "maxlen", Range(0, 100)),
        ("units=32,64", "units", (32, 64)),
        ("cell=lstm,gru", "cell", ("lstm", "gru")),
        ("masking=true,false", "masking", (True, False)),
    ],
)
def test_what_varies(text, name, values):
    # Of a range whose ends are whole, whole numbers are drawn: 1 is not 1.0.
    assert repr(parse_variation(text)) == repr((name, values))


def choices(values):
    assert isinstance(values, tuple)
    return values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("units", "Expected NAME=LOW:HIGH or NAME=a,b,c to vary. Received: 'units'"),
        ("unit=1:2", "There is no setting 'unit' to vary. `sentiment-rnn tune --help` lists them"),
        ("validate_by=random,film", "validate_by decides what trials are compared by"),
        (
            "units=9:4",
            "with LOW below HIGH, or a,b,c of whole numbers. Received: 'units=9:4'",
        ),
        ("units=1:2:3", "Expected units=LOW:HIGH, with LOW below HIGH, or a,b,c of whole numbers"),
        ("units=1.5,2", "Expected units=LOW:HIGH, with LOW below HIGH, or a,b,c of whole numbers"),
        ("dropout=nan:0.5", "Expected dropout=LOW:HIGH, with LOW below HIGH, or a,b,c of numbers"),
        (
            "dropout=",
            "LOW below HIGH, or a,b,c of numbers. Received: 'dropout='",
        ),
        ("cell=lstm,rnn", "Expected cell=simple,lstm,gru. Received: 'cell=lstm,rnn'"),
        ("cell=lstm:gru", "Expected cell=simple,lstm,gru"),
        ("masking=yes,no", "Expected masking=true,false"),
    ],
)
def test_what_cannot_vary(text, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_variation(text)


def test_nothing_varies_twice():
    with pytest.raises(UsageError, match="units varies twice: leave one of the two out"):
        parse_variations(["units=1:2", "units=3:4"])


@pytest.mark.parametrize("preset", PRESETS)
def test_whatever_is_drawn_goes_together(preset):
    space = search_space(preset, {}, {})
    settled = {"cell", "units"} if preset == "pretrained" else set()
    assert set(space) == set(SEARCH_SPACE) - settled
    assert choices(space["head"])
    for cell in choices(space.get("cell", ("lstm",))):
        for head in choices(space["head"]):
            SentimentClassifier(preset, cell=cell, head=head).settings()


def test_a_space_is_narrowed_and_extended():
    space = search_space("textbook", {"cell": "gru"}, {"units": (8, 16), "layers": Range(1, 2)})
    assert set(space) == {*SEARCH_SPACE, "layers"} - {"cell"}
    assert space["units"] == (8, 16)
    assert space["head"] == SEARCH_SPACE["head"]
    assert "flatten" not in choices(search_space("recommended", {}, {})["head"])


@pytest.mark.parametrize(
    ("options", "vary", "message"),
    [
        ({"units": 3}, {"units": Range(2, 9)}, "units is set, and varies"),
        ({}, {"dropout": Range(0.0, 2.0)}, "dropout must be at least 0 and below 1. Received: 2.0"),
        ({}, {"units": Range(0, 9)}, "units must be a whole number from 1"),
        ({"units": 0}, {}, "units must be a whole number from 1"),
    ],
)
def test_spaces_that_make_no_sense(options, vary, message):
    with pytest.raises(UsageError, match=message):
        search_space("textbook", options, vary)


def test_layers_that_have_learned_before_are_settled():
    space = search_space("pretrained", {}, {"vector_length": Range(1.0, 3.0)})
    assert set(space) == {*SEARCH_SPACE, "vector_length"} - {"cell", "units"}
    with pytest.raises(UsageError, match="layers of the pretrained network: units can't vary"):
        search_space("pretrained", {}, {"units": (8, 16)})
    with pytest.raises(UsageError, match="The pretrained model has other recurrent layers"):
        search_space("pretrained", {"units": 8}, {})


def test_the_table_of_the_documentation_is_that_of_the_search_space():
    text = (ROOT / "docs" / "how-to" / "tune.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^ ]+) \| (.*?) ?\|$", text, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(SEARCH_SPACE)
    for name, values, how in rows:
        assert parse_variation(f"{name}={values}") == (name, SEARCH_SPACE[name])
        assert ("logarithmic" in how) == getattr(SEARCH_SPACE[name], "log", False)


# Studies


def test_trials_are_trainings_scored_by_validation(reviews, tmp_path):
    study = Study(tmp_path / "a.db", reviews, options=SMALL, vary=UNITS, seed=3)
    study.run(3)
    trials = study.trials()
    assert [one.number for one in trials] == [0, 1, 2]
    assert len({one.settings["units"] for one in trials}) > 1
    for one in trials:
        assert set(one.settings) == {"units", "learning_rate", "dropout"}
        again = SentimentClassifier(**SMALL, **one.settings, seed=3, validate_by="film")
        again.fit(reviews.texts, reviews.labels, groups=reviews.groups)
        assert again.metrics_["validation"]["accuracy"] == one.accuracy
        assert again.provenance_["trained_on"]["validated_by"] == "film"
        assert (one.state, one.epochs) == ("complete", 2)
    best = max(trials, key=lambda one: one.accuracy or 0)
    found = study.best()
    assert found is not None
    assert found.architecture.units == best.settings["units"]
    assert found.training.learning_rate == best.settings["learning_rate"]
    assert found.preprocessing.maxlen == 20


def test_a_study_goes_on_as_if_it_had_not_stopped(reviews, tmp_path, fitted):
    def study(name):
        return Study(tmp_path / name, reviews, options=SMALL, vary=UNITS)

    whole = study("whole.db")
    whole.run(6)
    study("parts.db").run(2)
    study("parts.db").run(4)
    parts = study("parts.db")
    parts.run(6)
    parts.run(5)
    assert [one.settings for one in parts.trials()] == [one.settings for one in whole.trials()]
    assert len(fitted.asked) == 12
    other = Study(tmp_path / "other.db", reviews, options=SMALL, vary=UNITS, seed=1)
    other.run(1)
    assert other.trials()[0].settings != whole.trials()[0].settings


def test_a_bad_trial_ends_early_but_never_after_its_last_epoch(reviews, tmp_path, fitted):
    fitted.accuracies = [*[(0.6, 0.7, 0.8)] * 5, (0.5, 0.9, 0.9), (0.7, 0.75, 0.75)]
    study = Study(tmp_path / "a.db", reviews, options={**SMALL, "epochs": 3}, vary=UNITS)
    study.run(7)
    *_, bad, late = study.trials()
    assert (bad.state, bad.epochs, bad.accuracy) == ("pruned", 1, 0.5)
    assert (late.state, late.epochs, late.accuracy) == ("complete", 3, 0.75)


def test_a_trial_that_can_not_be_trained_is_left_out(reviews, tmp_path, monkeypatch, capsys):
    fit = SentimentClassifier.fit

    def refuse_one(classifier, *arguments, **options):
        if classifier.units == 2:
            raise UsageError("the loss is no finite number any more")
        return fit(classifier, *arguments, **options)

    monkeypatch.setattr(SentimentClassifier, "fit", refuse_one)
    study = Study(tmp_path / "a.db", reviews, options=SMALL, vary={"units": (2, 3)}, verbose=True)
    study.run(4)
    states = {(one.settings["units"], one.state) for one in study.trials()}
    assert states == {(2, "pruned"), (3, "complete")}
    assert "left out: the loss is no finite number any more" in capsys.readouterr().err


def test_another_study_than_the_file_holds_is_refused(reviews, tmp_path, fitted):
    file = tmp_path / "a.db"
    Study(file, reviews, options=SMALL, vary=UNITS)
    others: tuple[tuple[Reviews, dict[str, Any], str], ...] = (
        (
            reviews.limit(20, 0),
            {},
            "trials with other texts: .*\nExpected the same texts and labels",
        ),
        (
            reviews,
            {"options": {**SMALL, "maxlen": 21}},
            "\nExpected: maxlen 20\nReceived: maxlen 21$",
        ),
        (reviews, {"preset": "bidirectional"}, "trials with other settings"),
        (
            reviews,
            {"vary": {"units": Range(2, 8)}},
            "search space: .*\nExpected: units .*\nReceived: units 2:8$",
        ),
        (reviews, {"seed": 1}, "other seed: take the same, or name another study.\nExpected: 0"),
    )
    for texts, changed, message in others:
        with pytest.raises(UsageError, match=message):
            Study(file, texts, **{"options": SMALL, "vary": UNITS, **changed})


def test_files_that_are_no_study(reviews, tmp_path):
    text, database, folder = (tmp_path / name for name in ("a.txt", "b.db", "c"))
    text.write_text("This is no database, but long enough to be taken for one by its size." * 9)
    with sqlite3.connect(database) as other:
        other.execute("create table letters (a text)")
    other.close()
    folder.mkdir()
    before = database.read_bytes()
    for file, error, message in (
        (text, UsageError, "a.txt is no study: file is not a database"),
        (database, UsageError, "b.db is no study: it has no table of studies"),
        (folder, ResourceError, "Could not write .*c: Is a directory"),
        (text / "d.db", ResourceError, "Could not write .*d.db: File exists"),
        (tmp_path / "a?b.db", UsageError, "without \\?, {"),
    ):
        with pytest.raises(error, match=message):
            Study(file, reviews)
    assert database.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.db", "c"]


def test_vectors_are_not_trained_in_each_trial(reviews, tmp_path):
    with pytest.raises(UsageError, match="Train them once: sentiment-rnn vectors --out FILE.npz"):
        Study(tmp_path / "a.db", reviews, vectors="train")


def test_a_trial_of_a_dead_process_fails(reviews, tmp_path, fitted, monkeypatch):
    monkeypatch.setattr("sentiment_rnn.tuning._HEARTBEAT", 1)
    monkeypatch.setattr("sentiment_rnn.tuning._GRACE", 1)
    code = """
import sys, time
from sentiment_rnn import tuning
from sentiment_rnn.datasets import load_data
tuning._HEARTBEAT = tuning._GRACE = 1
def fit(self, *arguments, after_epoch, **options):
    after_epoch(1, {"val_accuracy": 0.99})
    print("at work", flush=True)
    time.sleep(600)
tuning.SentimentClassifier.fit = fit
tuning.Study(sys.argv[1], load_data("sample")[0]).run(9)
"""
    file = tmp_path / "a.db"
    with subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        study = Study(file, reviews)
        study.run(1)
        assert [one.state for one in study.trials()] == ["running", "complete"]
        process.kill()
    # Its last sign of life is older than that.
    time.sleep(3)
    study.run(2)
    assert [one.state for one in study.trials()] == ["fail", "complete", "complete"]
    assert study.best() is not None


def test_importances_tell_what_the_best_have_in_common(reviews, tmp_path, fitted, monkeypatch):
    study = Study(tmp_path / "a.db", reviews, options=SMALL, vary={"layers": (1, 2)})
    fit = SentimentClassifier.fit

    def by_layers(self, *arguments, **options):
        fitted.accuracies = [(0.5, 0.5 + 0.1 * self.layers)]
        return fit(self, *arguments, **options)

    assert study.importances() == {}
    study.run(1)
    # One trial, or several that are alike, say nothing.
    assert study.importances() == {}
    monkeypatch.setattr(SentimentClassifier, "fit", by_layers)
    study.run(12)
    found = study.importances()
    assert set(found) == {"layers", "units", "learning_rate", "dropout"}
    assert max(found, key=lambda name: found[name]) == next(iter(found)) == "layers"
    assert sum(found.values()) == pytest.approx(1)


# The command


def test_the_best_settings_become_a_preset(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ("--trials", 3, "--maxlen", 20, "--vary", "units=2:9", "--vary", "cell=simple,gru")
    assert tune(*arguments) == 0
    out, err = capsys.readouterr()
    place = tmp_path / "trained"
    assert sorted(path.name for path in place.iterdir()) == [
        "sample-textbook-history.png",
        "sample-textbook-importances.png",
        "sample-textbook.db",
        "sample-textbook.json",
    ]
    for picture in place.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    head, *rows = out.splitlines()
    assert head.split()[:3] == ["trial", "validation", "epochs"]
    accuracies = [float(row.split()[1]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    best = dict(zip(head.split(), rows[0].split(), strict=True))
    assert f"trial {best['trial']}: validation accuracy {best['validation']}" in err
    preset = find_preset(place / "sample-textbook.json")
    assert preset.architecture.units == int(best["units"])
    assert (preset.preprocessing.maxlen, preset.training.validate_by) == (20, "film")

    # What was reached is reached again, and the folder says how without the file.
    file = "trained/sample-textbook.json"
    assert main(["train", "--preset", file, "--out", "best", "--no-test"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[2] == f"{float(best['validation']):.4g}"
    loaded = SentimentClassifier.load("best")
    assert loaded.settings() == preset
    provenance = json.loads((tmp_path / "best" / "config.json").read_text())["provenance"]
    assert provenance["preset"] == "textbook"
    assert provenance["options"]["units"] == preset.architecture.units

    # All there are: nothing is trained, and what was there is written again.
    (place / "sample-textbook-history.png").unlink()
    assert tune(*arguments) == 0
    again, err = capsys.readouterr()
    assert (again, "trial 3" in err) == (out, False)
    assert (place / "sample-textbook-history.png").is_file()


def test_keras_trains_trials_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = "tune --trials 2 --units 3 --maxlen 20 --cell simple --head mean --limit 60"
    assert main([*arguments.split(), "--out", "best.json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert find_preset("best.json").training.engine == "keras"


def test_only_the_train_part_is_read(tmp_path, monkeypatch, fitted, reviews):
    monkeypatch.chdir(tmp_path)
    assert tune("--trials", 1) == 0
    ((classifier, texts, groups),) = fitted.asked
    assert (texts, groups.tolist()) == (reviews.texts, reviews.groups.tolist())
    assert classifier.settings().training.validate_by == "film"


def test_interrupting_loses_no_trial_that_has_ended(tmp_path, monkeypatch, capsys, fitted):
    monkeypatch.chdir(tmp_path)
    fitted.accuracies = [(0.6, 0.7), (0.6, 0.8), (0.6, KeyboardInterrupt())]
    arguments = ("--study", "a.db", "--out", "best.json", "--vary", "units=2:90")
    assert tune(*arguments) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("sentiment-rnn: interrupted\n")
    assert "Traceback" not in err
    best = find_preset("best.json").architecture.units
    assert best == fitted.asked[1][0].units
    fitted.accuracies = [(0.6, 0.65)]
    assert tune(*arguments, "--trials", 4) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [
        ["1", "0.8000"],
        ["0", "0.7000"],
        ["3", "0.6500"],
        ["4", "0.6500"],
    ]
    assert find_preset("best.json").architecture.units == best


def test_settings_that_do_not_go_together_are_left_out(tmp_path, monkeypatch, capsys, fitted):
    monkeypatch.chdir(tmp_path)
    arguments = ("--vary", "head=flatten,mean", "--vary", "masking=false,true", "--trials", 8)
    assert tune(*arguments) == 0
    err = capsys.readouterr().err
    left_out = err.count("left out: masking skips steps, and the head flatten has weights")
    assert 0 < left_out < 8
    assert len(fitted.asked) == 8 - left_out


def test_what_is_no_preset_is_not_replaced(tmp_path, monkeypatch, capsys, fitted):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    for out, message in (
        ("package.json", "package.json: Unknown option: name"),
        ("best.txt", "A preset is a file NAME.json. Received: --out best.txt"),
    ):
        assert tune("--out", out) == 2
        assert message in capsys.readouterr().err
    assert (tmp_path / "package.json").read_text() == '{"name": "mine"}'
    assert not fitted.asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "-1"), "The seed must be a whole number below 2^32. Received: -1"),
        (("--preset", "lstm"), "Unknown preset 'lstm'"),
        (("--vary", "units=0:9"), "units must be a whole number from 1"),
        (("--units", "3", "--vary", "units=2:9"), "units is set, and varies"),
        (("--vectors", "train"), "Train them once"),
        (("--limit", "1"), "The limit must be at least 2"),
    ],
)
def test_what_makes_no_sense_is_said_before_training(
    tmp_path, monkeypatch, capsys, fitted, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert tune(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not fitted.asked
    assert not list(tmp_path.iterdir())


def test_no_trial_is_complete(tmp_path, monkeypatch, capsys, fitted):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sentiment_rnn.tuning.search_space", lambda *_: {"units": (0, -1)})
    assert tune("--trials", 2) == 2
    assert "No trial of trained/sample-textbook.db is complete" in capsys.readouterr().err
    assert not (tmp_path / "trained" / "sample-textbook.json").exists()


def test_without_optuna(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "sentiment_rnn.tuning")
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune() == 2
    assert 'pip install "sentiment_rnn[tune]"' in capsys.readouterr().err


def test_two_processes_share_a_study(tmp_path):
    command = (
        "-m sentiment_rnn tune --engine numpy --trials 6 --maxlen 20 --cell simple --head mean "
        "--vary units=2:9 --study a.db"
    )
    processes = [
        subprocess.Popen([sys.executable, *command.split()], cwd=tmp_path, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    with sqlite3.connect(tmp_path / "a.db") as database:
        rows = database.execute(
            "select number, state, param_value from trials join trial_params using (trial_id) "
            "where param_name = 'learning_rate' order by number"
        ).fetchall()
    database.close()
    assert len(rows) in (6, 7)
    assert [number for number, _, _ in rows] == list(range(len(rows)))
    assert {state for _, state, _ in rows} <= {"COMPLETE", "PRUNED"}
    assert len({rate for _, _, rate in rows}) == len(rows)
    assert (tmp_path / "a.json").is_file()


def test_ctrl_c_ends_a_process_with_130(tmp_path):
    command = (
        "-m sentiment_rnn tune --engine numpy --trials 500 --maxlen 20 --cell simple --head mean "
        "--vary units=2:9 --study a.db"
    )
    with subprocess.Popen(
        [sys.executable, *command.split()], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "trial 1:" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert rest.endswith("sentiment-rnn: interrupted\n")
    assert (tmp_path / "a.json").is_file()
