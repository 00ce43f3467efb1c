"""What the README tells a reader to type works as written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_block_installs_runs_and_tests():
    first = blocks("sh")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == [
        "pip install . && sentiment-rnn train",
        'pip install -e ".[dev]" && scripts/check',
    ]


def test_commands(tmp_path):
    (tmp_path / "reviews.txt").write_text("A gem.\nA bore.\n")
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    commands = [
        line.split("#")[0].strip().removeprefix("sentiment-rnn ")
        for block in blocks("sh")[1:]
        for line in block.splitlines()
    ]
    assert len(commands) >= 7
    for command in commands:
        done = subprocess.run(
            f"{sys.executable} -m sentiment_rnn {command}",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout or "--out" in command
    assert len((tmp_path / "verdicts.jsonl").read_text().splitlines()) == 2


def test_python_blocks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert Path("model/model.json").is_file()


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_links(path):
    assert (ROOT / path).exists()
