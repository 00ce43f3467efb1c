"""What runs the documents notices what is wrong with them."""

from pathlib import Path

import pytest

from tests.documents import blocks_of, run_document


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A log of no runs, so that there is a command that succeeds at once.
    Path("trained").mkdir()
    Path("trained/runs.jsonl").touch()


def fenced(language, *lines):
    return "\n".join([f"```{language}", *lines, "```", ""])


def test_blocks_share_their_names_and_files():
    document = "\n".join(
        [
            fenced('text title="words.txt"', "one two"),
            fenced(
                "python",
                "from pathlib import Path",
                "words = Path('words.txt').read_text().split()",
            ),
            fenced("pycon", ">>> len(words)", "2", ">>> more = [*words, 'three']"),
            fenced("python", "assert more[2] == 'three'"),
            fenced("", "this is only read"),
        ]
    )
    assert run_document(document, "page.md") == 3


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (fenced("python", "assert 1 == 2, 'it is not'"), "it is not"),
        (fenced("pycon", ">>> 1 + 1", "3"), r"Failed example:\s+1 \+ 1"),
        (fenced("pycon", ">>> 1 / 0"), "ZeroDivisionError"),
        (fenced("sh", "sentiment-rnn predict --model no/such Dull."), "none at no/such"),
        (fenced("console", "$ sentiment-rnn runs", "twenty runs"), "Expected:\ntwenty runs"),
    ],
)
def test_what_is_wrong_fails(block, message):
    with pytest.raises(AssertionError, match=message):
        run_document(block, "page.md")


@pytest.mark.parametrize("shown", ["0.1235", "0.12", "0.1234", "0.1...", "..."])
def test_numbers_are_compared_to_the_place_shown(shown):
    assert run_document(fenced("pycon", ">>> [0.12346, -7]", f"[{shown}, -7]"), "page.md") == 1


@pytest.mark.parametrize("shown", ["0.1236", "0.14", "-0.1235", "0", "0.2..."])
def test_numbers_that_differ_before_it_fail(shown):
    with pytest.raises(AssertionError, match="Expected:"):
        run_document(fenced("pycon", ">>> [0.12346, -7]", f"[{shown}, -7]"), "page.md")


def test_each_command_has_the_lines_up_to_the_next():
    head = "model  validation  test  parameters  seconds  seed  settings"
    lines = ["$ cd .", "nothing is known of this", "$ sentiment-rnn runs", head]
    block = fenced("console", *lines, "$ sentiment-rnn runs", "model ... settings")
    assert run_document(block, "page.md") == 2
    with pytest.raises(AssertionError, match="Expected:\n\nReceived:\nmodel"):
        run_document(fenced("console", "$ sentiment-rnn runs", "$ ls"), "page.md")


def test_lines_that_go_on_are_one_command():
    assert run_document(fenced("sh", "sentiment-rnn \\", "  runs  # of all models"), "page.md") == 1


def test_what_is_slow_runs_when_it_is_asked_for():
    document = "<!-- slow -->\n" + fenced("python", "__import__('pathlib').Path('made').touch()")
    assert run_document(document, "page.md") == 0
    assert run_document(document, "page.md", slow=True) == 1
    assert Path("made").exists()


def test_a_block_knows_its_line():
    document = "# Title\n\n" + fenced("python", "1") + "\n" + fenced("sh", "ls")
    assert [(block.language, block.line) for block in blocks_of(document)] == [
        ("python", 3),
        ("sh", 7),
    ]
    with pytest.raises(AssertionError) as error:
        run_document("# Title\n\n" + fenced("python", "", "assert False"), "page.md")
    assert error.traceback[-1].lineno + 1 == 5
