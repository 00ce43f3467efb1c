"""What the README tells a reader to type works as written."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents import blocks_of, run_document

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_block_installs_runs_and_tests():
    first = blocks_of(README, "sh")[0].text.splitlines()
    assert [line.split("#")[0].strip() for line in first] == [
        "pip install . && sentiment-rnn train",
        'pip install -e ".[dev]" && scripts/check',
    ]


def test_commands_and_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("reviews.txt").write_text("A gem.\nA bore.\n")
    Path("README.md").write_text(README, encoding="utf-8")
    assert run_document(README, "README.md") >= 19
    assert len(Path("verdicts.jsonl").read_text().splitlines()) == 2
    assert Path("model/model.json").is_file()


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_links(path):
    assert (ROOT / path).exists()
