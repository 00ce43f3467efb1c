"""Puts what really comes out into documents and notebooks: ``python -m scripts.outputs FILE…``.

A new model changes numbers in many places. Documents are run as the tests run them, and where an
output isn't what the document shows, it is replaced; what the document leaves open by ``...`` stays
open. Notebooks are run from top to bottom.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from tests.documents import Difference, run_document


def corrected(document: str, differences: list[Difference]) -> str:
    r"""A document with what came in place of what it shows.

    Example:
        >>> corrected("```pycon\n>>> 1 + 1\n3\n```\n", [Difference(2, ["3"], ["2"], True)])
        '```pycon\n>>> 1 + 1\n2\n```\n'
    """
    lines = document.splitlines()
    # From the end, so that the lines before keep their numbers.
    for line, shown, came, _ in sorted(differences, reverse=True):
        assert lines[line : line + len(shown)] == shown
        lines[line : line + len(shown)] = came
    return "".join(f"{line}\n" for line in lines)


def _correct_document(path: Path, *, slow: bool) -> int:
    """Returns how many outputs have to be looked at by hand."""
    document, found = path.read_text(encoding="utf-8"), list[Difference]()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        run_document(document, path.name, slow=slow, differences=found)
    certain = [one for one in found if one.is_certain]
    if certain:
        path.write_text(corrected(document, certain), encoding="utf-8")
    print(f"{path}: {len(certain)} outputs replaced")
    unsure = [one for one in found if not one.is_certain]
    for one in unsure:
        print(f"{path}: by hand, near line {one.line + 1}:", *one.came, sep="\n    ")
    return len(unsure)


def _run_notebook(path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=900, resources=where)
        root = str(Path(__file__).parents[1])
        client.execute(env={**os.environ, "PYTHONPATH": root, "MPLBACKEND": ""})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)
    print(f"{path}: run")


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.outputs", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="*.md or *.ipynb")
    parser.add_argument("--slow", action="store_true", help="run blocks that are slow, too")
    options = parser.parse_args()
    if missing := [str(path) for path in options.files if not path.is_file()]:
        parser.error(f"there is no file {', '.join(missing)}")
    by_hand = 0
    for path in (path.resolve() for path in options.files):
        if path.suffix == ".ipynb":
            _run_notebook(path)
        else:
            by_hand += _correct_document(path, slow=options.slow)
    return 1 if by_hand else 0


if __name__ == "__main__":
    sys.exit(main())
