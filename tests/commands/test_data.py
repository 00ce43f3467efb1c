"""What commands read: with a byte order mark or without, and what goes wrong beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PREDICT = ("predict", "--model", "textbook", "--format", "jsonl")
TEXTS = "Wonderful!\n\ufeffDull.\n"


def predicted(run, content, *options):
    Path("texts.txt").write_bytes(content)
    code, out, err = run(*PREDICT, *options, "--input", "texts.txt")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_a_byte_order_mark_is_no_part_of_the_first_text(run):
    plain, marked = (predicted(run, TEXTS.encode(encoding)) for encoding in ("utf-8", "utf-8-sig"))
    assert marked == plain
    # Anywhere else it is a character as any other.
    assert [row["text"] for row in marked] == ["Wonderful!", "\ufeffDull."]
    # Nor is a second one a mark.
    assert predicted(run, f"\ufeff\ufeff{TEXTS}".encode())[0]["text"] == "\ufeffWonderful!"


@pytest.mark.parametrize("piece", [1, 2, 4, 1 << 16])
def test_a_byte_order_mark_is_no_part_of_a_document(run, monkeypatch, piece):
    monkeypatch.setattr("sentiment_rnn.commands.data.PIECE", piece)
    (plain,), (marked,) = (
        predicted(run, content.encode(), "--document") for content in (TEXTS, f"\ufeff{TEXTS}")
    )
    if piece == 1 << 16:
        assert marked["text"] == plain["text"] == "Wonderful! \ufeffDull."
    assert marked["probability"] == plain["probability"]
    (other,) = predicted(run, TEXTS.replace("\ufeff", "").encode(), "--document")
    assert other["probability"] != plain["probability"]


def test_a_byte_order_mark_on_standard_input():
    found = [
        subprocess.run(
            [sys.executable, "-m", "sentiment_rnn", *PREDICT],
            input=TEXTS.encode(encoding),
            capture_output=True,
            check=True,
        ).stdout
        for encoding in ("utf-8", "utf-8-sig")
    ]
    assert found[0] == found[1] != b""


def test_after_a_byte_order_mark_an_error_names_the_byte_of_the_file(run, tmp_path):
    (tmp_path / "book.txt").write_bytes(b"\xef\xbb\xbffine\xff")
    code, _, err = run(*PREDICT, "--document", "--input", "book.txt")
    assert (code, "book.txt, byte offset 7: expected UTF-8 text" in err) == (3, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
def test_what_cannot_be_written_is_no_fault_of_what_is_read(tmp_path):
    # More than is written at a time.
    (tmp_path / "texts.txt").write_text("a good film\n" * 3000)
    command = [sys.executable, "-m", "sentiment_rnn", *PREDICT, "--input", "texts.txt"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    assert done.returncode == 5
    assert done.stderr == "sentiment-rnn: No space left on device\n"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here can't be read")
@pytest.mark.parametrize("options", [(), ("--document",)])
def test_what_cannot_be_read_is_no_fault_of_what_is_written(run, tmp_path, options):
    code, _, err = run(*PREDICT, *options, "--input", "/proc/self/mem", "--output", "out")
    message = "Could not read /proc/self/mem: Input/output error"
    assert (code, err) == (5, f"sentiment-rnn: {message}\n")
    assert not (tmp_path / "out").exists()
