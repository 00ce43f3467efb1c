import sys

import pytest

from benchmarks.measuring import Run, Side
from benchmarks.settings import Settings
from benchmarks.worker import PEAK, Child, Fresh, run_command, start

SUITE, COMPARISON, SIDE = "preprocessing", "tokenizing", "this package, warm"


@pytest.fixture
def settings(tmp_path):
    return Settings("sample", str(tmp_path), quick=True)


def test_a_child_runs_the_side_that_it_is_told(settings, sample):
    from nltk.tokenize import TreebankWordTokenizer

    train, _ = sample
    expected = sum(len(TreebankWordTokenizer().tokenize(text)) for text in train.texts)
    child = Child(SUITE, COMPARISON, Side(SIDE, lambda: print), settings)
    try:
        runs = [child.run(), child.run()]
    finally:
        child.close()
    assert [run.output for run in runs] == [{"tokens": expected}] * 2
    assert all(run.seconds > 0 for run in runs)
    assert runs[0].figures == {}


def test_a_new_process_each_time_tells_its_memory(settings):
    run = Fresh(SUITE, COMPARISON, Side(SIDE, lambda: print), settings).run()
    assert 20 < run.figures[PEAK] < 1000


def test_a_child_that_fails_says_whose_it_is(settings):
    with pytest.raises(RuntimeError, match="The process of no such side ended: 1"):
        Child(SUITE, COMPARISON, Side("no such side", lambda: print), settings)


def test_a_side_runs_where_it_asks_to(settings):
    here = start(SUITE, COMPARISON, Side("a", lambda: lambda: 7), settings)
    assert here.run().output == 7
    fresh = start(SUITE, COMPARISON, Side("a", lambda: print, process="fresh"), settings)
    assert isinstance(fresh, Fresh)


def test_a_call_may_know_better_how_long_it_took():
    side = Side("a", lambda: lambda: Run(1e6, "output"))
    assert start(SUITE, COMPARISON, side, Settings("")).run() == Run(1e6, "output")


def test_the_memory_of_a_command_is_its_own():
    # Memory of this process, which a child would begin with.
    ballast = b"x" * 300_000_000
    small = run_command([sys.executable, "-S", "-c", "pass"])
    large = run_command([sys.executable, "-S", "-c", "len(b'x' * 200_000_000)"])
    del ballast
    assert isinstance(small, Run)
    assert small.figures[PEAK] < 60
    assert 200 < large.figures[PEAK] < 300
    assert 0 < small.seconds < 60


def test_a_command_that_fails_is_shown():
    with pytest.raises(RuntimeError, match=r"ended with 3:\n.*whatever"):
        run_command(
            [sys.executable, "-c", "import sys; print('whatever', file=sys.stderr); sys.exit(3)"]
        )


def test_a_command_finds_the_benchmarks_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_command([sys.executable, "-c", "import benchmarks.first_step, benchmarks.plain_keras"])
