"""How tests run what a Markdown document tells a reader to type."""

import contextlib
import doctest
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sentiment_rnn.cli import main

_FENCE = re.compile(
    r"(?P<slow><!-- slow -->\n+)?^```(?P<language>[a-z]+)(?P<rest>[^\n]*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r' title="([^"]+)"')
_NEEDS = re.compile(r"<!-- needs ([\w ]+) -->")
_SHELLS = ("sh", "bash", "console")
_COMMAND = "sentiment-rnn "
# Not one whose last places are left open.
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?!\d|\.\.\.)")
# One that may.
_DECIMAL = re.compile(r"\d+\.\d+(?:\.\.\.)?")
# Other machines add up in another order.
_TOLERANCE = 1e-5
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class _Checker(doctest.OutputChecker):
    """Takes a number for right that differs by one in the last place shown, or hardly."""

    def check_output(self, want, got, optionflags):
        shown, came = _NUMBER.findall(want), _NUMBER.findall(got)
        if len(shown) == len(came):
            numbers = iter(map(_as_shown, shown, came))
            got = _NUMBER.sub(lambda _: next(numbers), got)
        return super().check_output(want, got, optionflags)


def _as_shown(shown: str, came: str) -> str:
    unit = max(10.0 ** -len(shown.partition(".")[2]), _TOLERANCE)
    return shown if abs(float(shown) - float(came)) < 1.01 * unit else came


_CHECKER = _Checker()


class Difference(NamedTuple):
    """Lines of a document that are not what comes out.

    Args:
        line: of the document, counted from 0: where `shown` begins.
        shown: what the document has there.
        came: what it should have; what the document leaves open stays open.
        is_certain: whether that is known line by line.
    """

    line: int
    shown: list[str]
    came: list[str]
    is_certain: bool


class Block(NamedTuple):
    """A fenced block of a document: its language, text, the name of its file, and its line."""

    language: str
    text: str
    file: str | None
    is_slow: bool
    line: int


def blocks_of(document: str, *languages: str) -> list[Block]:
    """The fenced blocks in order; of some languages only, if any are given.

    ``<!-- slow -->`` on the line before a block says that it takes long, and ``title="NAME"`` that
    a reader is to save it as that file.
    """
    found = []
    for match in _FENCE.finditer(document):
        title = _TITLE.search(match["rest"])
        line = document.count("\n", 0, match.start("language")) + 1
        file = title[1] if title else None
        found.append(Block(match["language"], match["body"], file, bool(match["slow"]), line))
    return [block for block in found if not languages or block.language in languages]


def skip_if_missing(document: str) -> None:
    """Skips the test where a package of ``<!-- needs NAME NAME -->`` is not installed."""
    for names in _NEEDS.findall(document):
        for name in names.split():
            pytest.importorskip(name)


def run_document(
    document: str,
    name: str,
    *,
    slow: bool = False,
    differences: list[Difference] | None = None,
) -> int:
    """Does what a document says, in the working directory; returns how much was run.

    Blocks run from top to bottom, those of Python in one namespace. ``pycon`` and ``console``
    blocks show what comes out, which is compared, numbers to the last place shown; ``...`` stands
    for anything. Of a shell's blocks the commands of this package run, in this process, and nothing
    else. Blocks of other languages, or of none, are there to be read.

    Args:
        document: Markdown.
        name: what it is called in messages.
        slow: whether to run blocks that are slow, too.
        differences: where outputs that differ are to be put; without it the first one fails.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    count = 0
    for block in blocks_of(document):
        where = f"{name}, line {block.line}"
        if block.is_slow and not slow:
            continue
        if block.file is not None:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "pycon":
            _run_prompts(block, where, names, differences)
            count += 1
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, name, "exec"), names)
            count += 1
        elif block.language in _SHELLS:
            for command, expected, line in commands_of(block):
                got = run_command(command, where)
                count += 1
                if expected is None or _CHECKER.check_output(expected, got, _OPTIONS):
                    continue
                if differences is None:
                    raise AssertionError(
                        f"{where}: {command}\nExpected:\n{expected}\nReceived:\n{got}"
                    )
                differences.append(_difference(block.line + line, expected, got))
    return count


def commands_of(block: Block) -> Iterator[tuple[str, str | None, int]]:
    """The commands of this package in a block, and what each is to print, if the block says it.

    With them goes the line of the block, counted from 0, on which that begins.
    """
    lines = block.text.replace("\\\n", "\0").splitlines()
    command, before = "", 0
    printed: list[str] = []
    for text in [*lines, "$ "]:
        if block.language != "console":
            if text.startswith(_COMMAND):
                yield text.replace("\0", " "), None, before
        elif text.startswith("$ "):
            if command.startswith(_COMMAND):
                expected = "".join(f"{one}\n" for one in printed)
                yield command, expected, before - len(printed)
            command, printed = text.removeprefix("$ ").replace("\0", " "), []
        else:
            printed.append(text)
        before += 1 + text.count("\0")


def run_command(command: str, where: str) -> str:
    """Runs a command of this package, which is to succeed; returns what it printed."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main(shlex.split(command.removeprefix(_COMMAND), comments=True))
    assert code == 0, f"{where}: {command}\n{errors.getvalue()}"
    got = output.getvalue()
    assert got or "--out" in command, f"{where}: {command} says nothing"
    return got


class _Collector(doctest.DocTestRunner):
    """Notes outputs that differ."""

    def __init__(self, line: int, differences: list[Difference]) -> None:
        super().__init__(_CHECKER, optionflags=_OPTIONS)
        self._line, self._differences = line, differences

    def report_failure(self, out, test, example, got):
        line = self._line + example.lineno + example.source.count("\n")
        got = re.sub(r"^$\n?(?=.)", "<BLANKLINE>\n", got, flags=re.MULTILINE)
        self._differences.append(_difference(line, example.want, got))


def _run_prompts(
    block: Block, where: str, names: dict[str, object], differences: list[Difference] | None
) -> None:
    example = doctest.DocTestParser().get_doctest(block.text, names, where, None, block.line)
    report = io.StringIO()
    if differences is None:
        runner = doctest.DocTestRunner(_CHECKER, optionflags=_OPTIONS)
    else:
        runner = _Collector(block.line, differences)
    failed_before = len(differences or ())
    runner.run(example, out=report.write, clear_globs=False)
    noted = len(differences or ()) - failed_before
    # An exception is no output, and is never noted.
    assert runner.failures == noted, report.getvalue()
    # What it defined is there for the blocks that follow: the test has a copy of the names.
    names.update(example.globs)


def _difference(line: int, shown: str, came: str) -> Difference:
    """Puts what came beside what is shown, line by line where there are as many."""
    before, after = shown.splitlines(), came.rstrip().splitlines()
    if len(before) != len(after):
        return Difference(line, before, after, is_certain="..." not in shown)
    after = [_with_open_places(one, other) for one, other in zip(before, after, strict=True)]
    return Difference(line, before, after, is_certain=True)


def _with_open_places(shown: str, came: str) -> str:
    """A line that came, with what the line of the document leaves open.

    Example:
        >>> _with_open_places("a 0.12... 3 s", "a 0.4567 3 s")
        'a 0.45... 3 s'
        >>> _with_open_places("7 reviews in ...", "8 reviews in 9.3")
        '8 reviews in ...'
        >>> _with_open_places("0.6", "0.5333")
        '0.5333'
    """
    # Exactly: a number that is off by one in its last place is replaced with the others.
    if doctest.OutputChecker().check_output(f"{shown}\n", f"{came}\n", _OPTIONS):
        return shown
    if end := re.search(r"\s+\.\.\.$", shown):
        came = re.sub(r"\s+\S+$", end[0], came)
    numbers = _DECIMAL.findall(shown)
    if len(numbers) != len(_DECIMAL.findall(came)):
        return came
    coming = iter(numbers)

    def opened(match: re.Match[str]) -> str:
        number = next(coming)
        return f"{match[0][: len(number) - 3]}..." if number.endswith("...") else match[0]

    return _DECIMAL.sub(opened, came)
