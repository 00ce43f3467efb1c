"""Every row of a table gets one row of scores, whatever is killed meanwhile."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier, scoring
from sentiment_rnn._files import locked
from sentiment_rnn._processes import wait_for_answers
from sentiment_rnn.cli import main
from sentiment_rnn.commands.scoring import SCORING_ENGINES
from sentiment_rnn.errors import DataError, ModelError, ResourceError, UsageError
from sentiment_rnn.scoring import score
from tests.datasets.test_tables import write_rows

MODEL = "textbook"
TEXTS = [
    "A moving film.",
    "",
    'Dull, "lifeless"\nand slow.',
    "caf\u00e9 \U0001f600",
    "A joy, <br /> a gem!",
    "word " * 500,
] * 3


@pytest.fixture(scope="module")
def classifier():
    return SentimentClassifier.load(MODEL)


@pytest.fixture
def table(tmp_path):
    return write_rows(tmp_path / "texts.jsonl", [(text, 0) for text in TEXTS])


@pytest.fixture
def here(monkeypatch):
    """Lets this process score, as where no other can be started: that is quick."""
    monkeypatch.setattr(scoring, "can_start_workers", lambda: False)


def rows_of(folder):
    """All that was written, in the order of the files' names."""
    parts = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def check(folder, texts, classifier):
    """Each text once, in order, as the classifier has it; and nothing half done left behind."""
    rows = rows_of(folder)
    assert [row["row"] for row in rows] == list(range(1, len(texts) + 1))
    probabilities = classifier.predict_proba(texts)[:, 1]
    np.testing.assert_allclose([row["probability"] for row in rows], probabilities, atol=2e-6)
    assert [row["label"] for row in rows] == [
        ("negative", "positive")[int(row["probability"] > 0.5)] for row in rows
    ]
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "checksums.txt",
        "manifest.json",
        *(f"part-{number:06d}.jsonl" for number in range(parts)),
    ]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("rows_per_part", [1, 5, 10_000])
def test_the_same_as_the_classifier(here, tmp_path, classifier, suffix, rows_per_part):
    table = write_rows(tmp_path / f"a.{suffix}", [(t, 0) for t in TEXTS], ("body", "label"))
    summary = score(
        table, tmp_path / "out", model=MODEL, text_column="body", rows_per_part=rows_per_part
    )
    check(tmp_path / "out", TEXTS, classifier)
    parts = -(-len(TEXTS) // rows_per_part)
    assert (summary.rows, summary.parts, summary.scored) == (len(TEXTS), parts, len(TEXTS))
    assert summary.rows_per_second == len(TEXTS) / summary.seconds
    assert rows_of(tmp_path / "out")[5]["truncated"] is True
    assert list(rows_of(tmp_path / "out")[0]) == ["row", "label", "probability", "truncated"]


def test_of_more_classes_there_are_all_probabilities(here, tmp_path, table):
    words = {"joy": "glad happy", "rage": "angry mad", "fear": "scared afraid"}
    labels = list(words) * 20
    classifier = SentimentClassifier(engine="numpy", units=3, maxlen=5, epochs=1)
    classifier.fit([words[label] for label in labels], labels).save(tmp_path / "model")
    score(table, tmp_path / "out", model=tmp_path / "model", rows_per_part=4)
    rows, expected = rows_of(tmp_path / "out"), classifier.predict_proba(TEXTS)
    assert list(rows[0]) == ["row", "label", "probabilities", "truncated"]
    found = [row["probabilities"] for row in rows]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert [row["label"] for row in rows] == classifier.predict(TEXTS).tolist()


def test_a_folder_of_tables_in_the_order_of_their_names(here, tmp_path, classifier):
    source = tmp_path / "in"
    source.mkdir()
    write_rows(source / "b.csv", [(text, 0) for text in TEXTS[:4]])
    write_rows(source / "a.jsonl", [(text, 0) for text in TEXTS[4:9]])
    write_rows(source / "c.csv", [])
    (source / "_SUCCESS").touch()
    summary = score(source, tmp_path / "out", model=MODEL, rows_per_part=2)
    assert (summary.rows, summary.parts) == (9, 5)
    check(tmp_path / "out", [*TEXTS[4:9], *TEXTS[:4]], classifier)


def test_processes_score(processes_started, tmp_path, table, classifier):
    score(table, tmp_path / "out", model=MODEL, workers=2, rows_per_part=4)
    check(tmp_path / "out", TEXTS, classifier)
    assert len(processes_started) == 2
    assert all(process.poll() is not None for process in processes_started)


def test_no_more_processes_than_parts(processes_started, tmp_path, table):
    score(table, tmp_path / "out", model=MODEL, workers=9, rows_per_part=100)
    assert len(processes_started) == 1


def test_scoring_loads_no_heavy_library(tmp_path, table):
    code = (
        "import sys; sys.frozen = True  # so that this process scores\n"
        "from sentiment_rnn.scoring import score\n"
        f"score({str(table)!r}, {str(tmp_path / 'out')!r}, model={MODEL!r})\n"
        "print({'tensorflow', 'keras', 'gensim', 'nltk', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert len(rows_of(tmp_path / "out")) == len(TEXTS)


# What is killed


def kill(monkeypatch, processes, turns):
    """Lets the process that was started last be killed in some turns, at its work."""
    turn = itertools.count()

    def killing(workers):
        if next(turn) in turns:
            alive = [process for process in processes if process.poll() is None]
            alive[-1].send_signal(signal.SIGKILL)
        return wait_for_answers(workers)

    monkeypatch.setattr(scoring, "wait_for_answers", killing)


@pytest.mark.parametrize("turns", [{0}, {3}])
def test_what_a_killed_process_did_another_does(
    monkeypatch, processes_started, tmp_path, table, classifier, turns
):
    kill(monkeypatch, processes_started, turns)
    summary = score(table, tmp_path / "out", model=MODEL, workers=2, rows_per_part=2)
    check(tmp_path / "out", TEXTS, classifier)
    assert summary.scored == len(TEXTS)
    assert len(processes_started) == 2 + len(turns)
    assert all(process.poll() is not None for process in processes_started)


def test_a_part_whose_process_is_killed_twice(monkeypatch, processes_started, tmp_path, table):
    with monkeypatch.context() as patch:
        # The first part is done, then each process dies before it has started.
        kill(patch, processes_started, {1, 2})
        expected = (
            re.escape(f"part-000001.jsonl ({table}, rows 5 to 8)")
            + r" failed 2 times\. The last time: the process that scored it was killed, or had too"
        )
        with pytest.raises(ResourceError, match=expected):
            score(table, tmp_path / "out", model=MODEL, workers=1, rows_per_part=4)
    assert [path.name for path in (tmp_path / "out").glob("*.jsonl")] == ["part-000000.jsonl"]
    summary = score(table, tmp_path / "out", model=MODEL, workers=1, rows_per_part=4)
    assert summary.scored == len(TEXTS) - 4


@pytest.mark.parametrize("executable", ["false", "cat"])
def test_where_python_cannot_be_started(monkeypatch, tmp_path, table, executable):
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(ResourceError, match=r"part-000000\.jsonl .* failed 2 times"):
        score(table, tmp_path / "out", model=MODEL, workers=1)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ResourceError, match="Could not start another process: No such file"):
        score(table, tmp_path / "out", model=MODEL, workers=1)


def noted(folder):
    """The parts of which a run knows that they are whole."""
    path = folder / "checksums.txt"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [line.split()[1] for line in lines]


def test_a_run_that_is_killed_goes_on_in_another_process(tmp_path, classifier):
    texts = [f"A film of {number} moving scenes. " * 20 for number in range(6000)]
    table = write_rows(tmp_path / "texts.csv", [(text, 0) for text in texts])
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sentiment_rnn", "score", table, "--output", out]
    command += ["--model", MODEL, "--workers", "2", "--rows-per-part", "50"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(noted(out)) < 3:
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.wait()
    kept = {name: (out / name).stat().st_mtime_ns for name in noted(out)}
    assert 3 <= len(kept) < 120
    # As of a process that was killed at its work.
    (out / ".part-000099.jsonl.new-x").write_text('{"row": 1')
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert second.stdout.splitlines()[1].split()[:3] == [
        "6,000",
        f"{6000 - 50 * len(kept):,}",
        "120",
    ]
    check(out, texts, classifier)
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    assert sorted(noted(out)) == [f"part-{number:06d}.jsonl" for number in range(120)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].split()[:3] == ["6,000", "0", "120"]


def test_ctrl_c_leaves_whole_parts_only(here, monkeypatch, tmp_path, table, capsys, classifier):
    with monkeypatch.context() as patch:

        def interrupt(path):
            (path.parent / f".{path.name}.new-x").write_text("half")
            raise KeyboardInterrupt

        scorer = scoring._Scorer._score
        patch.setattr(
            scoring._Scorer,
            "_score",
            lambda self, part: (
                scorer(self, part) if part.number < 2 else interrupt(tmp_path / "out" / part.name)
            ),
        )
        options = ["score", str(table), "--output", str(tmp_path / "out"), "--model", MODEL]
        options += ["--rows-per-part", "5"]
        assert main(options) == 130
    assert capsys.readouterr().err.endswith(
        f"\nthe same command goes on with what is missing in {tmp_path / 'out'}\n"
        "\nsentiment-rnn: interrupted\n"
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "checksums.txt",
        "manifest.json",
        "part-000000.jsonl",
        "part-000001.jsonl",
    ]
    assert main(options) == 0
    check(tmp_path / "out", TEXTS, classifier)


# What is there already


@pytest.fixture
def begun(here, tmp_path, table):
    """A folder with all scores, in parts of 5 rows."""
    score(table, tmp_path / "out", model=MODEL, rows_per_part=5)
    return tmp_path / "out"


DAMAGES = {
    "nothing": (lambda folder: None, []),
    "missing": (lambda folder: (folder / "part-000002.jsonl").unlink(), [2]),
    "empty": (lambda folder: (folder / "part-000001.jsonl").write_text(""), [1]),
    "cut": (lambda folder: os.truncate(folder / "part-000000.jsonl", 100), [0]),
    "another part": (
        lambda folder: shutil.copy(folder / "part-000001.jsonl", folder / "part-000000.jsonl"),
        [0],
    ),
    "another digit": (
        lambda folder: (folder / "part-000003.jsonl").write_text(
            (folder / "part-000003.jsonl").read_text().replace("0.", "1.", 1)
        ),
        [3],
    ),
    "no checksums": (lambda folder: (folder / "checksums.txt").unlink(), [0, 1, 2, 3]),
    "half a checksum": (lambda folder: os.truncate(folder / "checksums.txt", 90), [1, 2, 3]),
    "other checksums": (
        lambda folder: (folder / "checksums.txt").write_bytes(b"\xff\n\n" + b"0" * 500),
        [0, 1, 2, 3],
    ),
}


@pytest.mark.parametrize(("damage", "again"), DAMAGES.values(), ids=DAMAGES.keys())
def test_only_whole_parts_are_kept(begun, table, damage, again):
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    damage(begun)
    summary = score(table, begun, model=MODEL, rows_per_part=5)
    assert summary.scored == sum(3 if number == 3 else 5 for number in again)
    assert (summary.rows, summary.parts) == (len(TEXTS), 4)
    after = {path.name: path.read_bytes() for path in begun.iterdir()}
    assert sorted(after.pop("checksums.txt").split(b"\n")) == sorted(
        before.pop("checksums.txt").split(b"\n")
    )
    assert after == before


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"model": "distilled"}, r"model\. Expected: [0-9a-f]{16} Received: [0-9a-f]{16}\n"),
        ({"rows_per_part": 6}, r"number of rows a part\. Expected: 5 Received: 6\n"),
        ({"text_column": "label"}, r"text column\. Expected: text Received: label\n"),
    ],
)
def test_other_settings_do_not_go_on(begun, table, options, what):
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    expected = re.escape(f"{begun} was begun with another ") + what + "Name another folder"
    with pytest.raises(UsageError, match=expected):
        score(table, begun, **{"model": MODEL, "rows_per_part": 5, **options})
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: [*t[:-1], "!"], lambda t: t[::-1]])
def test_another_input_does_not_go_on(begun, table, change):
    write_rows(table, [(text, 0) for text in change(TEXTS)])
    with pytest.raises(UsageError, match=r"was begun with another input\. Expected: [0-9a-f]{16} "):
        score(table, begun, model=MODEL, rows_per_part=5)


def test_the_same_input_in_another_place_goes_on(begun, table, tmp_path):
    moved = table.rename(tmp_path / "moved.jsonl")
    assert score(moved, begun, model=MODEL, rows_per_part=5).scored == 0


@pytest.mark.parametrize("manifest", ["", "[]", "{"])
def test_a_damaged_manifest(begun, table, manifest):
    (begun / "manifest.json").write_text(manifest)
    with pytest.raises(UsageError, match=r"manifest\.json.*\nName another folder, or remove"):
        score(table, begun, model=MODEL, rows_per_part=5)


def test_two_runs_do_not_write_to_one_folder(here, tmp_path, table, classifier):
    output = tmp_path / "scores"
    with locked(output):
        with pytest.raises(UsageError, match="Another program is writing to .*scores. Wait"):
            score(table, output, model=MODEL)
        assert not output.exists()
    assert score(table, output, model=MODEL).rows == len(TEXTS)


def test_a_folder_with_something_else(tmp_path, table):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="out is there already and holds something else"):
        score(table, tmp_path / "out", model=MODEL)
    with pytest.raises(ResourceError, match=r"Could not read .*mine\.txt: Not a directory"):
        score(table, tmp_path / "out" / "mine.txt", model=MODEL)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_folder_where_a_run_was_killed_very_early(here, tmp_path, table, classifier):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".manifest.json.new-x").write_text("{")
    score(table, tmp_path / "out", model=MODEL)
    check(tmp_path / "out", TEXTS, classifier)


# What is refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": null}\n', r"row 2 \(line 2\): 'text' is null"),
        ('{"text": "a"}\n{"body": "b"}\n', r"row 2 \(line 2\) has no column 'text'"),
        ('{"text": "a"}\n{"text": "b"\n', r"row 2 \(line 2\) is not valid JSON"),
        ('{"text": "\\ud800"}\n', r"row 1 \(line 1\): 'text' holds half a surrogate pair"),
        ("\n\n", r"texts\.jsonl has no rows\. Expected a text a row"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, table, content, message):
    table.write_text(content)
    with pytest.raises(DataError, match=message):
        score(table, tmp_path / "out", model=MODEL, rows_per_part=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"engine": "spark"}, UsageError, "engine must be one of local, ray. Received: 'spark'"),
        ({"workers": 0}, UsageError, "workers must be a whole number from 1 to"),
        ({"rows_per_part": 0}, UsageError, "rows_per_part must be a whole number from 1 to"),
        ({"model": "no/such/model"}, ModelError, "There is none at .*no/such/model"),
        ({"source": "missing.csv"}, ResourceError, r"Could not read .*missing\.csv: No such file"),
        ({"source": "texts.xlsx"}, UsageError, r"texts\.xlsx: expected a table whose name"),
        ({"source": "empty"}, ResourceError, "empty has no tables"),
        ({"source": ".", "output": "out"}, UsageError, r"out is in the input\. Name a folder"),
        ({"source": ".", "output": "."}, UsageError, r"is in the input\. Name a folder"),
        ({"output": "file/out"}, ResourceError, "Could not lock .*file/out"),
    ],
)
def test_what_makes_no_sense(tmp_path, monkeypatch, table, options, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    chosen: dict[str, Any] = {"source": table, "output": "out", "model": MODEL, **options}
    with pytest.raises(error, match=message):
        score(chosen.pop("source"), chosen.pop("output"), **chosen)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "texts.jsonl"]


def between(monkeypatch, change):
    """Lets something happen after the input was read, and before it is scored."""
    split = scoring._split

    def changing(*arguments):
        parts = split(*arguments)
        change()
        return parts

    monkeypatch.setattr(scoring, "_split", changing)


@pytest.mark.parametrize("workers", [None, 1])
def test_an_input_that_changes_meanwhile(request, monkeypatch, tmp_path, table, workers):
    if workers is None:
        request.getfixturevalue("here")
    between(monkeypatch, lambda: write_rows(table, [(text, 0) for text in [*TEXTS[:-1], "!"]]))
    expected = r"part-000003\.jsonl .* failed 2 times.*: .*, from row 16: the texts are others than"
    with pytest.raises(ResourceError, match=expected):
        score(table, tmp_path / "out", model=MODEL, workers=workers, rows_per_part=5)
    assert len(rows_of(tmp_path / "out")) == 15


def test_a_model_that_is_replaced_meanwhile(here, monkeypatch, tmp_path, table):
    model = tmp_path / "model"
    SentimentClassifier.load("textbook").save(model)
    between(monkeypatch, lambda: SentimentClassifier.load("distilled").save(model))
    with pytest.raises(ResourceError, match="model is another model than before"):
        score(table, tmp_path / "out", model=model)
    assert rows_of(tmp_path / "out") == []


def test_the_command_line_knows_the_engines():
    assert SCORING_ENGINES == scoring.ENGINES


def test_the_command(tmp_path, table, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["score", table.name, "--model", MODEL, "--output"]
    assert main([*options, "out", "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    head, figures = out.splitlines()
    assert re.split(" {2,}", head) == ["rows", "scored now", "parts", "seconds", "rows/s"]
    assert re.fullmatch(r"18 +18 +1 +\d+\.\d +\d+", figures)
    assert "scoring: 100%" in err
    assert main([*options, "out", "--rows-per-part", "3"]) == 2
    assert main([*options, "other", "--text-column", "body"]) == 3
    assert main(["score", table.name, "--model", "none", "--output", "other"]) == 4
    assert main(["score", "none.csv", "--output", "other"]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err


# Ray


def test_the_engine_ray_without_ray(tmp_path, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r'needs ray, .*: pip install "sentiment_rnn\[ray\]"'):
        score(table, tmp_path / "out", model=MODEL, engine="ray")


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster on this machine."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="warning")
    yield
    ray.shutdown()


def in_ray(test):
    # Ray's own warnings are not this package's.
    return pytest.mark.slow(pytest.mark.filterwarnings("ignore")(test))


@in_ray
def test_ray_scores_and_goes_on(cluster, here, tmp_path, table, classifier):
    options: dict[str, Any] = {"model": MODEL, "rows_per_part": 5}
    summary = score(table, tmp_path / "out", engine="ray", workers=2, **options)
    assert (summary.rows, summary.parts, summary.scored) == (18, 4, 18)
    check(tmp_path / "out", TEXTS, classifier)
    (tmp_path / "out" / "part-000002.jsonl").unlink()
    assert score(table, tmp_path / "out", engine="ray", **options).scored == 5
    check(tmp_path / "out", TEXTS, classifier)
    (tmp_path / "out" / "part-000000.jsonl").write_text("")
    assert score(table, tmp_path / "out", engine="local", **options).scored == 5
    check(tmp_path / "out", TEXTS, classifier)


@in_ray
def test_what_goes_wrong_in_ray_is_said(cluster, monkeypatch, tmp_path, table):
    between(monkeypatch, lambda: write_rows(table, [(text, 0) for text in TEXTS[:-1]]))
    expected = r"part-000003\.jsonl .* failed 2 times.*: .*, from row 16: the texts are others than"
    with pytest.raises(ResourceError, match=expected):
        score(table, tmp_path / "out", model=MODEL, engine="ray", workers=1, rows_per_part=5)


@in_ray
@pytest.mark.parametrize("times", [1, 9])
def test_processes_of_ray_that_are_killed(cluster, monkeypatch, tmp_path, table, classifier, times):
    deaths = tmp_path / "deaths"
    deaths.mkdir()

    class Killed(scoring._Scorer):
        """Is killed when it has scored a part, and before anybody knows."""

        def __call__(self, packed):
            done = super().__call__(packed)
            if packed["number"] == 2 and len(list(deaths.iterdir())) < times:
                (deaths / str(os.getpid())).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return done

    monkeypatch.setattr(scoring, "_Scorer", Killed)
    options: dict[str, Any] = {"model": MODEL, "engine": "ray", "rows_per_part": 5}
    if times > 1:
        with pytest.raises(ResourceError, match=r"A part failed 2 times\. Ray says: "):
            score(table, tmp_path / "out", **options)
        assert len(list(deaths.iterdir())) == 2
        times = 0
    assert score(table, tmp_path / "out", **options).rows == len(TEXTS)
    check(tmp_path / "out", TEXTS, classifier)


@in_ray
def test_the_command_prints_the_result_alone(cluster, monkeypatch, tmp_path, table, capfd):
    dead = tmp_path / "dead"

    class Killed(scoring._Scorer):
        """Is killed once, of which Ray has much to say."""

        def __call__(self, packed):
            if not dead.exists():
                dead.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(packed)

    monkeypatch.setattr(scoring, "_Scorer", Killed)
    options = ["score", str(table), "--output", str(tmp_path / "out"), "--model", MODEL]
    assert main([*options, "--engine", "ray"]) == 0
    out, err = capfd.readouterr()
    assert [line.split()[:2] for line in out.splitlines()] == [["rows", "scored"], ["18", "18"]]
    assert "died" in err
