"""Documents get the outputs that really come."""

import sys
from pathlib import Path

import nbformat
import pytest

from scripts import outputs
from tests.documents import run_document

WRONG = """# Numbers

```python
import pathlib

pathlib.Path("trained").mkdir()
pathlib.Path("trained/runs.jsonl").touch()
```

```pycon
>>> [0.51234, 7]
[0.4, 7]
>>> for letter in "ab":
...     print(letter + "!")
b!
...
>>> print("one\\n\\ntwo\\n")
one
<BLANKLINE>
three
>>> [0.512345, "x", 1.25]
[0.5..., 'y', 1.25]
```

```console
$ cd somewhere
$ sentiment-rnn \\
    runs
modle  validation ... settings
$ sentiment-rnn runs
model  validation ... settings
```

```pycon
>>> "left as it is"
'left ...'
```
"""
# What stands for anything stays where it can, and so do numbers that are as good.
RIGHT = (
    WRONG.replace("[0.4, 7]", "[0.51234, 7]")
    .replace("\nb!\n...\n", "\na!\n...\n")
    .replace("three", "two")
    .replace("[0.5..., 'y', 1.25]", "[0.5..., 'x', 1.25]")
    .replace("modle  validation ... settings", "HEAD")
)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["outputs", *map(str, arguments)])
    return outputs.main()


def test_what_is_wrong_is_replaced(tmp_path, tmp_path_factory, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text(WRONG)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(AssertionError, match="Expected:"):
        run_document(WRONG, "page.md")
    assert run(monkeypatch, page) == 0
    found = page.read_text()
    head = found.split("    runs\n")[1].split("\n")[0]
    assert head.split() == [
        *("model", "validation", "test", "parameters", "seconds", "seed", "settings")
    ]
    assert found == RIGHT.replace("HEAD", head)
    assert "5 outputs replaced" in capsys.readouterr().out
    # Nothing is left to do, and nothing was written where the command was given.
    assert run(monkeypatch, page) == 0
    assert "0 outputs replaced" in capsys.readouterr().out
    assert page.read_text() == found
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_what_is_open_over_lines_is_for_a_reader(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    text = '```pycon\n>>> print("a\\nb\\nc")\na\n...\n...\nd\n>>> 1\n2\n```\n'
    page.write_text(text)
    assert run(monkeypatch, page) == 1
    assert page.read_text() == text.replace(">>> 1\n2\n", ">>> 1\n1\n")
    assert "by hand, near line 3:\n    a\n    b\n    c\n" in capsys.readouterr().out


def test_an_error_is_no_output(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("```pycon\n>>> 1 / 0\n1\n```\n")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run(monkeypatch, page)
    assert page.read_text().count("1 / 0\n1\n") == 1


def test_a_file_that_is_missing_is_named(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, tmp_path / "no.md")
    assert f"there is no file {tmp_path / 'no.md'}" in capsys.readouterr().err


def test_a_notebook_is_run(tmp_path, monkeypatch):
    path = Path(tmp_path / "small.ipynb")
    cells = ["import sys; print('gone', file=sys.stderr); 6 * 7"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    nbformat.write(notebook, path)
    assert run(monkeypatch, path) == 0
    (cell,) = nbformat.read(path, 4).cells
    (output,) = cell.outputs
    assert output.data["text/plain"] == "42"
    assert "execution" not in cell.metadata
