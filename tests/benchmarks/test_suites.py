import json

import pytest

from benchmarks import machine
from benchmarks.settings import Settings, default_data, default_text
from benchmarks.suites import SUITES, comparisons
from benchmarks.suites.preprocessing import write_word2vec
from sentiment_rnn import cli
from sentiment_rnn.commands import tools
from sentiment_rnn.preprocessing import WordVectors


def test_the_command_knows_the_suites():
    assert tools.SUITES == SUITES


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("quick", [True, False])
def test_a_list_of_comparisons_costs_nothing(suite, quick, tmp_path):
    """Nothing is loaded, written or trained before it is measured: there is no such data."""
    found = comparisons(suite, Settings("no such data", str(tmp_path), quick=quick))
    names = [comparison.name for comparison in found]
    assert len(set(names)) == len(names) > 0
    assert not list(tmp_path.iterdir())
    for comparison in found:
        assert comparison.work
        # What comes with the package is there to compare with.
        assert not comparison.sides[0].needs


def test_reviews_are_the_same_in_another_process(tmp_path):
    settings = Settings("sample", str(tmp_path))
    reviews = settings.reviews("train", 20)
    assert reviews.labels.sum() == 10
    # A child finds them in the folder.
    again = Settings("no such data", str(tmp_path)).reviews("train", 20)
    assert again.fingerprint() == reviews.fingerprint()


def test_real_data_is_taken_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SENTIMENT_RNN_DATA", str(tmp_path))
    assert (default_data(), default_text()) == ("sample", "")
    (tmp_path / "aclImdb_v1.tar.gz").touch()
    (tmp_path / "tinyshakespeare.txt").touch()
    assert default_data() == str(tmp_path / "aclImdb_v1.tar.gz")
    assert default_text() == str(tmp_path / "tinyshakespeare.txt")


def test_the_large_file_of_vectors_has_our_words(tmp_path):
    gensim = pytest.importorskip("gensim.models")
    path = tmp_path / "vectors.bin"
    write_word2vec(path, 2000)
    theirs = gensim.KeyedVectors.load_word2vec_format(str(path), binary=True)
    assert len(theirs) == 2000
    ours = WordVectors.from_word2vec(path, keep={"the", "film"})
    assert set(ours.words) == {"the", "film"}
    assert (ours["film"] == theirs["film"]).all()


def test_the_machine_is_described():
    found = machine.describe(quick=True)
    assert json.loads(json.dumps(found)) == found
    assert found["cores"] >= 1
    assert found["ceiling_gflops"] > 0
    assert "numpy" in found["versions"]


# What starts many processes, or trains many networks, takes a minute in all.
IN_CI = ("preprocessing",)


@pytest.mark.parametrize(
    "suite",
    [pytest.param(name, marks=() if name in IN_CI else pytest.mark.slow) for name in SUITES],
)
def test_quick(suite, tmp_path, capsys):
    code = cli.main(
        [
            "benchmark",
            "--quick",
            "--rounds",
            "1",
            "--suite",
            suite,
            "--out",
            str(tmp_path),
            "--json",
        ]
    )
    assert code == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["suite"] == suite
    measured = [side for each in found["comparisons"] for side in each["sides"] if side["seconds"]]
    assert measured
    assert found == json.loads((tmp_path / f"{suite}.json").read_text(encoding="utf-8"))
    assert f"# Benchmark: {suite}" in (tmp_path / f"{suite}.md").read_text(encoding="utf-8")
    assert (tmp_path / f"{suite}.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_checkout_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        tools, "__file__", str(tmp_path / "sentiment_rnn" / "commands" / "tools.py")
    )
    assert cli.main(["benchmark", "--quick"]) == 2
    message = capsys.readouterr().err
    assert "The benchmarks come with a checkout of the repository" in message
    assert len(message.splitlines()) <= 3


def test_data_that_are_not_there(tmp_path, capsys):
    assert cli.main(["benchmark", "--quick", "--data", str(tmp_path / "no")]) == 5
    message = capsys.readouterr().err
    assert message == f"sentiment-rnn: {tmp_path / 'no'} does not exist. Expected reviews, as " + (
        "train has them.\n"
    )


def test_a_folder_that_cant_be_written(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("benchmarks.run.comparisons", lambda suite, settings: [])
    assert cli.main(["benchmark", "--quick", "--out", str(tmp_path / "file")]) == 5
    assert f"Could not write to {tmp_path / 'file'}" in capsys.readouterr().err
