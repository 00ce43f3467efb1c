"""What commands write, and other programs read."""

import csv
import io
import subprocess
import sys


def test_a_text_is_one_row_of_csv_whatever_line_ends_are_in_it():
    texts = ["good\rbad film", "\x0bok\x85", "\r a", 'so "good",\ryes']
    predict = ["predict", "--model", "textbook", "--format", "csv"]
    done = subprocess.run(
        [sys.executable, "-m", "sentiment_rnn", *predict],
        input="\n".join(texts).encode(),
        capture_output=True,
        check=True,
    )
    rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))
    assert rows[0] == ["text", "label", "probability", "truncated"]
    assert [row[0] for row in rows[1:]] == texts
    assert done.stdout.startswith(b'text,label,probability,truncated\n"good\rbad film",')
    assert b"\r\n" not in done.stdout
