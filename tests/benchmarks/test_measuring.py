import functools

import pytest

from benchmarks.measuring import Comparison, Here, Run, Side, measure, slope, why_skipped


class Clock:
    """Time that passes only when a side says so."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def side(self, name, *seconds, output=None, **options):
        """A side whose calls take these seconds, one after the other."""
        times = iter(seconds)

        def call():
            self.now += next(times)
            self.calls.append(name)
            return output

        def prepare():
            self.now += 1000.0
            return call

        return Side(name, prepare, **options)

    def measure(self, comparison, rounds):
        return measure(comparison, rounds, functools.partial(Here, clock=lambda: self.now))


@pytest.fixture
def clock():
    return Clock()


def test_rounds_alternate_and_another_side_is_first_each_time(clock):
    sides = [clock.side(name, 1, 1, 1, 1) for name in "abc"]
    clock.measure(Comparison("", "", sides), rounds=3)
    assert "".join(clock.calls) == "abcabcbcacab"


def test_seconds_are_those_after_the_warm_up_and_without_the_preparation(clock):
    comparison = Comparison("", "", [clock.side("ours", 90, 1, 3, 2)])
    [side] = clock.measure(comparison, rounds=3).sides
    assert side.seconds == (1, 3, 2)
    assert side.median == 2


def test_ratios_are_those_within_a_round(clock):
    ours = clock.side("ours", 0, 1, 10, 2)
    theirs = clock.side("theirs", 0, 4, 30, 10)
    result = clock.measure(Comparison("", "", [ours, theirs]), rounds=3)
    assert result.sides[0].ratios == (1, 1, 1)
    assert result.sides[1].ratios == (4, 3, 5)
    # The ratio of the medians would be 5.
    assert result.sides[1].ratio == 4


def test_a_comparison_may_be_measured_less_often_and_cold(clock):
    comparison = Comparison("", "", [clock.side("ours", 7)], rounds=1, warm_up=False)
    assert clock.measure(comparison, rounds=5).sides[0].seconds == (7,)


def test_operations_of_the_work_and_those_that_a_side_saves(clock):
    ours = clock.side("ours", 0, 2, operations=lambda: 4e9)
    theirs = clock.side("theirs", 0, 2)
    comparison = Comparison("", "", [ours, theirs], operations=lambda: 12e9)
    result = clock.measure(comparison, rounds=1)
    assert [side.gflops for side in result.sides] == [2, 6]
    assert result.operations == 12e9


def test_figures_are_medians_of_what_calls_and_processes_give(clock):
    runs = iter([Run(9, None, {"MB": 1}), *(Run(9, None, {"MB": size}) for size in (5, 40, 7))])
    sides = [
        Side("process", lambda: lambda: next(runs)),
        clock.side("call", 1, 1, 1, 1, output={"accuracy": 0.5}),
    ]
    process, call = clock.measure(Comparison("", "", sides), rounds=3).sides
    assert process.figures == {"MB": 7}
    assert process.seconds == (9, 9, 9)
    assert call.figures == {"accuracy": 0.5}


def test_a_side_that_lacks_a_package_is_skipped_and_never_prepared(clock):
    def prepare():
        raise AssertionError

    missing = Side("theirs", prepare, needs=("json", "no_such_module"))
    full = Side("large", prepare, skip="needs 8 GB of disk")
    messages: list[str] = []
    comparison = Comparison("it", "", [clock.side("ours", 1, 1), missing, full])
    result = measure(
        comparison, 1, functools.partial(Here, clock=lambda: clock.now), messages.append
    )
    ours, theirs, large = result.sides
    assert not ours.skipped
    assert theirs.skipped == "needs the package no_such_module, which is not installed"
    assert theirs.seconds == ()
    assert large.skipped == "needs 8 GB of disk"
    assert result.measured == [ours]
    assert f"it: theirs is skipped, as it {theirs.skipped}" in messages


def test_a_package_is_called_what_it_is_installed_as(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "fasttext-community" in why_skipped(Side("", lambda: print, needs=("fasttext",)))


def test_sides_that_give_something_else_are_found_before_they_are_measured(clock):
    def check(outputs):
        assert len(set(outputs.values())) == 1, f"Received: {outputs}"

    sides = [clock.side("ours", 1, output="a"), clock.side("theirs", 1, output="b")]
    with pytest.raises(AssertionError, match=r"Received: \{'ours': 'a', 'theirs': 'b'\}"):
        clock.measure(Comparison("", "", sides, check=check), rounds=1)
    assert clock.calls == ["ours", "theirs"]


def test_processes_are_ended_whatever_happens():
    closed = []

    class Runner:
        def __init__(self, side):
            self.name = side.name

        def run(self):
            raise RuntimeError(self.name)

        def close(self):
            closed.append(self.name)

    comparison = Comparison("", "", [Side("a", lambda: print)])
    with pytest.raises(RuntimeError):
        measure(comparison, 1, Runner)
    assert closed == ["a"]


def test_a_growth_compares_points_of_the_same_place(clock):
    sides = [
        clock.side("ours, 1", 0, 1, line="ours", at=1),
        clock.side("ours, 10", 0, 10, line="ours", at=10),
        clock.side("theirs, 10", 0, 40, line="theirs", at=10),
    ]
    comparison = Comparison(
        "", "", sides, variable="reviews", meaning=lambda result: f"{len(result.sides)} points"
    )
    result = clock.measure(comparison, rounds=1)
    assert [side.ratio for side in result.sides] == [1, 1, 4]
    assert result.points() == {"ours": [(1, 1), (10, 10)], "theirs": [(10, 40)]}
    assert result.meaning == "3 points"


def test_what_grows_may_be_a_figure(clock):
    side = clock.side("a", 0, 1, output={"MB": 12}, line="ours", at=3)
    result = clock.measure(Comparison("", "", [side], variable="reviews", figure="MB"), rounds=1)
    assert result.points() == {"ours": [(3, 12)]}


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5])
def test_slopes(exponent):
    assert slope((x, 3 * x**exponent) for x in (1, 2, 50)) == pytest.approx(exponent)


def test_mistakes_in_a_suite_are_named():
    with pytest.raises(ValueError, match=r"here, child or fresh. Received: 'there'"):
        Side("a", lambda: print, process="there")
    side = Side("a", lambda: print)
    with pytest.raises(ValueError, match=r"different names. Received: \['a', 'a'\]"):
        Comparison("", "", [side, side])
