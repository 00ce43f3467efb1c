import subprocess
import sys
import time

import pytest

from sentiment_rnn._processes import Worker
from sentiment_rnn.preprocessing import TreebankTokenizer, workers
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
    """However they are batched then, the texts have their tokens, and their order."""
    found = [tokens for result in results for tokens in result]
    assert found == [tokenizer.tokenize(text) for batch in batches for text in batch]


class Slow(TreebankTokenizer):
    """One that leaves others the time to start; they have the ordinary one."""

    def tokenize(self, text):
        time.sleep(0.02)
        return super().tokenize(text)


@pytest.mark.parametrize("processes", [1, 2, 7])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_as_in_one_process(processes_started, options, processes):
    tokenizer = TreebankTokenizer(**options)
    check(tokenize_in_processes(BATCHES, tokenizer, processes), tokenizer)
    assert len(processes_started) == processes - 1
    assert all(process.poll() is not None for process in processes_started)
    check(tokenize_in_processes([], tokenizer, processes), tokenizer, [])


def test_this_process_does_not_wait_until_others_have_started(monkeypatch):
    monkeypatch.setattr(Worker, "has_answered", lambda worker: False)
    monkeypatch.setattr(Worker, "receive", None)
    check(tokenize_in_processes(BATCHES, TreebankTokenizer(), 3), TreebankTokenizer())


def test_other_processes_tokenize_too(processes_started):
    """Texts of all processes are in their order, also of those that answer late."""
    here = []

    class Noted(Slow):
        def tokenize(self, text):
            here.append(text)
            return super().tokenize(text)

    batches = [[f"number {number}", "isn't it?"] for number in range(200)]
    check(tokenize_in_processes(batches, Noted(), 3), TreebankTokenizer(), batches)
    assert 0 < len(here) < 390
    assert len(processes_started) == 2
    assert all(process.poll() is not None for process in processes_started)


def test_batches_are_read_no_further_ahead_than_there_is_work_for(processes_started):
    read = 0

    def batches():
        nonlocal read
        while True:
            read += 1
            yield [f"number {read}"]

    given = 0
    results = tokenize_in_processes(batches(), Slow(), 3)
    while given < 150:
        for tokens in next(results):
            given += 1
            assert tokens == ["number", str(given)]
        # Twice four of them for each process, and the four of the next job.
        assert read <= given + 3 * 2 * 4 * 4
    results.close()
    assert len(processes_started) == 2
    assert all(process.poll() is not None for process in processes_started)


def test_an_error_of_the_texts_ends_the_processes(processes_started):
    def batches():
        yield from BATCHES
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        list(tokenize_in_processes(batches(), TreebankTokenizer(), 3))
    assert len(processes_started) == 2
    assert all(process.poll() is not None for process in processes_started)


@pytest.mark.parametrize("victims", [1, 2])
@pytest.mark.parametrize("after", [1, 10])
def test_killed_processes_are_done_without(processes_started, victims, after):
    batches = [[f"number {number}", "isn't it?"] for number in range(200)]
    results = tokenize_in_processes(batches, Slow(), 3)
    first = [next(results) for _ in range(after)]
    for process in processes_started[:victims]:
        process.kill()
        process.wait()
    check([*first, *results], TreebankTokenizer(), batches)


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
        f"import sys, time; sys.path.insert(0, {package!r})\n"
        "from sentiment_rnn.preprocessing import TreebankTokenizer, tokenizer\n"
        "from sentiment_rnn.preprocessing.workers import tokenize_in_processes\n"
        "here = []\n"
        "class Slow(TreebankTokenizer):\n"
        "    def tokenize(self, text):\n"
        "        time.sleep(0.05)\n"
        "        here.append(text)\n"
        "        return super().tokenize(text)\n"
        "done = tokenize_in_processes([['a b']] * 200, Slow(), 2)\n"
        "print([tokens for one in done for tokens in one] == [['a', 'b']] * 200, len(here) < 200)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "True True\n"
