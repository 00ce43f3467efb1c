import subprocess
import sys

import numpy as np
import pytest

from sentiment_rnn.preprocessing import TreebankTokenizer, workers
from sentiment_rnn.preprocessing.tokenized import TokenizedTexts
from sentiment_rnn.preprocessing.workers import tokenize_in_processes

OPTIONS = [
    {"keep_break_tags": keep, "lowercase": lowercase}
    for keep in (False, True)
    for lowercase in (False, True)
]
BATCHES = [
    ["A film.<br />Dull, isn't it?", "", "cannot"],
    ["half a pair \ud800", "caf\u00e9 \U0001f600", "\0"],
    [],
    ["It's a film."] * 1000,
    ["x" * 200_000 + " y"],
    ["the last"],
]


def check(results, tokenizer, batches=BATCHES):
    for result, batch in zip(results, batches, strict=True):
        expected = TokenizedTexts.of(batch, tokenizer)
        assert result.vocabulary == expected.vocabulary
        np.testing.assert_array_equal(result.numbers, expected.numbers, strict=True)
        np.testing.assert_array_equal(result.lengths, expected.lengths, strict=True)


@pytest.mark.parametrize("processes", [1, 2, 7])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_as_in_one_process(processes_started, options, processes):
    tokenizer = TreebankTokenizer(**options)
    check(tokenize_in_processes(BATCHES, tokenizer, processes), tokenizer)
    assert len(processes_started) == (0 if processes == 1 else processes)
    assert all(process.poll() is not None for process in processes_started)
    check(tokenize_in_processes([], tokenizer, processes), tokenizer, [])


def test_it_is_other_processes_that_tokenize(monkeypatch):
    class Untouched(TreebankTokenizer):
        def tokenize(self, text):
            raise AssertionError("tokenized here")

    results = tokenize_in_processes(BATCHES, Untouched(), 2)
    check(results, TreebankTokenizer())
    with pytest.raises(AssertionError, match="tokenized here"):
        list(tokenize_in_processes(BATCHES, Untouched(), 1))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(AssertionError, match="tokenized here"):
        list(tokenize_in_processes(BATCHES, Untouched()))


def test_batches_are_read_no_further_ahead_than_there_are_processes(processes_started):
    read = 0

    def batches():
        nonlocal read
        while True:
            read += 1
            yield [f"number {read}"]

    results = tokenize_in_processes(batches(), TreebankTokenizer(), 3)
    for number in range(1, 10):
        assert next(results).vocabulary == ["number", str(number)]
        assert read == number + 3
    results.close()
    assert len(processes_started) == 3
    assert all(process.poll() is not None for process in processes_started)


def test_an_error_of_the_texts_ends_the_processes(processes_started):
    def batches():
        yield from BATCHES
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        list(tokenize_in_processes(batches(), TreebankTokenizer(), 2))
    assert len(processes_started) == 2
    assert all(process.poll() is not None for process in processes_started)


@pytest.mark.parametrize("victims", [1, 2])
def test_killed_processes_are_done_without(processes_started, victims):
    tokenizer = TreebankTokenizer()
    results = tokenize_in_processes(BATCHES, tokenizer, 2)
    first = next(results)
    for process in processes_started[:victims]:
        process.kill()
        process.wait()
    check([first, *results], tokenizer)


@pytest.mark.parametrize("executable", ["/no/such/python", "", "false", "cat", "echo"])
def test_where_python_cannot_be_started_this_process_does_it(monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    tokenizer = TreebankTokenizer(lowercase=True)
    check(tokenize_in_processes(BATCHES, tokenizer, 2), tokenizer)


def test_a_script_without_a_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('run')\n"
        "from sentiment_rnn.preprocessing import TreebankTokenizer\n"
        "from sentiment_rnn.preprocessing.workers import tokenize_in_processes\n"
        "for done in tokenize_in_processes([['a b'], ['c']], TreebankTokenizer(), 2):\n"
        "    print(list(done))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "run\n[['a', 'b']]\n[['c']]\n"
    assert done.stderr == ""


def test_a_package_that_only_this_process_can_find(tmp_path):
    """As where a script has put the package on its path itself."""
    package = workers.__file__.rsplit("/sentiment_rnn/", 1)[0]
    code = (
        f"import sys; sys.path.insert(0, {package!r})\n"
        "from sentiment_rnn.preprocessing import TreebankTokenizer, tokenizer\n"
        "from sentiment_rnn.preprocessing.workers import tokenize_in_processes\n"
        "class Untouched(TreebankTokenizer):\n"
        "    tokenize = None\n"
        "print([list(done) for done in tokenize_in_processes([['a b']], Untouched(), 2)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "[[['a', 'b']]]\n"
