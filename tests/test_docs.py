"""What the documentation tells a reader to type works as written, and the site can be built."""

import html
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from sentiment_rnn import SentimentClassifier
from sentiment_rnn.cli import _parser
from tests.conftest import ROOT
from tests.documents import blocks_of, run_document, skip_if_missing
from tests.pages import Elements

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = {str(path.relative_to(DOCS)): path.read_text(encoding="utf-8") for path in PAGES}
# What makes a browser load something.
_LOADS = {"script": "src", "img": "src", "iframe": "src", "link": "href"}


def test_there_are_pages():
    assert {"index.md", "tutorial.md", "mathematics.md", "how-to/predict.md"} <= set(TEXTS)


@pytest.mark.parametrize("page", TEXTS)
def test_page(page, tmp_path, monkeypatch):
    text = TEXTS[page]
    skip_if_missing(text)
    monkeypatch.chdir(tmp_path)
    ran = run_document(text, page)
    shown = blocks_of(text, "python", "pycon", "console")
    # What a reader saves as a file doesn't run by itself.
    assert ran >= len([block for block in shown if not block.is_slow and block.file is None])


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in TEXTS if any(block.is_slow for block in blocks_of(TEXTS[page]))]
)
def test_page_with_what_is_slow(page, tmp_path, monkeypatch):
    skip_if_missing(TEXTS[page])
    monkeypatch.chdir(tmp_path)
    run_document(TEXTS[page], page, slow=True)


def saved_script(page, name):
    """Saves a script of a page as its reader does, in the working directory."""
    (block,) = [block for block in blocks_of(TEXTS[page], "python") if block.file == name]
    Path(name).write_text(block.text, encoding="utf-8")


def run_script(*command):
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def run_with_mlflow(script, experiment):
    """Runs a script of the page on tracking; gives what asks MLflow, and the run that it noted."""
    mlflow = pytest.importorskip("mlflow")
    saved_script("how-to/track.md", script)
    run_script(script)
    client = mlflow.MlflowClient(f"sqlite:///{Path.cwd()}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return client, run


# What MLflow's own packages are warned of is not for here.
warnings_of_others = pytest.mark.filterwarnings("default")


@pytest.mark.slow
@warnings_of_others
def test_mlflow_notes_the_run_and_the_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client, run = run_with_mlflow("track.py", "sentiment")
    assert run.data.params["preset"] == "bidirectional"
    history = client.get_metric_history(run.info.run_id, "val_accuracy")
    classifier = SentimentClassifier.load("trained/tracked")
    assert [metric.value for metric in history] == classifier.history_["val_accuracy"]
    assert {"test_accuracy", "test_roc_auc", "test_f1"} <= set(run.data.metrics)
    files = {file.path for file in client.list_artifacts(run.info.run_id, "model")}
    assert {"model/model.json", "model/model.weights.h5"} <= files


@pytest.mark.slow
@warnings_of_others
def test_mlflow_logs_what_keras_trains_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client, run = run_with_mlflow("autolog.py", "Default")
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        found = client.get_metric_history(run.info.run_id, name)
        assert [metric.step for metric in found] == [0, 1], name
    assert float(run.data.params["optimizer_learning_rate"]) == pytest.approx(0.001)


@pytest.mark.slow
def test_spark_scores_rows(tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    pandas = pytest.importorskip("pandas")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    (table,) = blocks_of(TEXTS["how-to/score.md"], "csv")
    Path("reviews.csv").write_text(table.text, encoding="utf-8")
    saved_script("how-to/score.md", "spark_scores.py")
    run_script("spark_scores.py", "reviews.csv", "scores.parquet")
    rows = pandas.read_parquet("scores.parquet").sort_values("id")
    expected = SentimentClassifier.load().predictions(rows["text"].tolist())
    assert [row["label"] for row in rows["sentiment"]] == [one.label for one in expected]
    found = [row["probability"] for row in rows["sentiment"]]
    assert found == pytest.approx([one.probability for one in expected], abs=1e-6)


@pytest.mark.parametrize("page", TEXTS)
def test_names_of_the_package_exist(page):
    for name in set(re.findall(r"[`\[](sentiment_rnn(?:\.\w+)+)[`\]]", TEXTS[page])):
        assert found(name), name


def found(name):
    """Whether a dotted name stands for a module, or for something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def test_names_that_do_not_exist_are_not_found():
    assert found("sentiment_rnn.numpy_rnn.scan")
    assert found("sentiment_rnn.SentimentClassifier.fit")
    assert not found("sentiment_rnn.numpy_rnn.scam")
    assert not found("sentiment_rnn.numpy")


@pytest.mark.parametrize("page", TEXTS)
def test_commands_that_are_only_shown_exist(page):
    shown = re.findall(r"`(sentiment-rnn [^`\n…]+)`", TEXTS[page])
    shown += re.findall(r"^sentiment-rnn [^\n…]+$", TEXTS[page].replace("\\\n", " "), re.MULTILINE)
    for command in shown:
        assert is_understood(command), command


def is_understood(command):
    """Whether the command line has such a command with such options."""
    arguments = shlex.split(command, comments=True)[1:]
    if not any(argument.startswith("-") for argument in arguments):
        # Named without what it takes.
        arguments.append("--help")
    try:
        _parser().parse_args(arguments)
    except SystemExit as error:
        return error.code == 0
    return True


def test_commands_that_do_not_exist_are_not_understood(capsys):
    assert is_understood("sentiment-rnn predict --model DIR TEXT")
    assert not is_understood("sentiment-rnn predict --modell DIR TEXT")
    assert is_understood("sentiment-rnn chars train")
    assert not is_understood("sentiment-rnn foretell TEXT")


@pytest.mark.parametrize("page", TEXTS)
def test_settings_that_are_only_shown_make_sense(page):
    for shown in re.findall(r"`(SentimentClassifier\([^)`]*\))", TEXTS[page]):
        eval(shown, {"SentimentClassifier": SentimentClassifier}).settings()


@pytest.mark.parametrize("path", sorted((DOCS / "images").glob("*")), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(path):
    assert path.stat().st_size < 200_000
    assert any(f"images/{path.name}" in text for text in TEXTS.values())


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path):
    for name in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.html")}
    assert len(made) > len(PAGES)
    for path, text in made.items():
        for tag, attributes in Elements(text).tags:
            if tag in _LOADS:
                assert "//" not in attributes.get(_LOADS[tag], ""), path
    for path in tmp_path.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", path.read_text()), path

    equations = made[Path("mathematics.html")]
    assert equations.count("<math ") > 40
    # What was not understood would be left as it was written.
    inside = "".join(re.findall("<math .*?</math>", equations, re.DOTALL))
    assert "\\" not in html.unescape(inside)
    assert "arithmatex" not in equations


def test_the_page_of_commands_has_them_all():
    listed = re.findall(r"^    ([a-z]+)(?:\s|$)", _parser().format_help(), re.MULTILINE)
    assert len(listed) >= 15
    for command in listed:
        assert re.search(rf"^\| .*`{command}[ `]", TEXTS["commands.md"], re.MULTILINE), command
