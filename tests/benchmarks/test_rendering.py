import json

import pytest

from benchmarks.charts import chart
from benchmarks.measuring import Result, SideResult
from benchmarks.rendering import slopes, to_json, to_markdown

MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "memory_gb": 16.0,
    "system": "Linux x86_64",
    "python": "3.12.0",
    "versions": {"numpy": "2.4.0", "keras": "3.15.1"},
    "threads": {"openblas": 2},
    "load": 0.1,
    "ceiling_gflops": 200.0,
    "ceiling_by": "NumPy",
    "rounds": 3,
    "data": "sample",
}
COMPARISON = Result(
    "reading",
    "all of it",
    (
        SideResult("ours", seconds=(1, 2, 4), ratios=(1, 1, 1), operations=40e9),
        SideResult("theirs", seconds=(8, 10, 12), ratios=(8, 5, 3), operations=500e9),
        SideResult("others", skipped="needs the package jax, which is not installed"),
    ),
    amount=100,
    unit="reviews",
    operations=500e9,
)
GROWTH = Result(
    "by reviews",
    "more of them",
    tuple(
        SideResult(
            f"ours, {at}", "ours", at, (at / 10,), (1,), figures={"peak memory, MB": 5.0 * at**2}
        )
        for at in (10, 100)
    ),
    variable="reviews",
    meaning="It grows.",
)


def test_markdown_of_a_comparison():
    text = to_markdown("prediction", MACHINE, [COMPARISON])
    assert "# Benchmark: prediction" in text
    assert "A processor, 2 cores, 16.0 GB of memory, Linux x86_64; Python 3.12.0." in text
    assert "numpy 2.4.0, keras 3.15.1. Threads: openblas 2." in text
    assert "Ceiling: 200 GFLOP/s, a float32 matrix product by NumPy." in text
    assert "All of it. Its equations ask for 500 GFLOP." in text
    table = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert table[0] == [
        "| ",
        "seconds",
        "reviews/s",
        "times as long",
        "GFLOP",
        "GFLOP/s",
        "of the ceiling |",
    ]
    assert table[2] == ["| ours", "2.00", "50.0", "1", "40.0", "20.0", "10.0% |"]
    theirs = ["| theirs", "10.0", "10.0", "5.00 (3.00 to 8.00)", "500", "50.0", "25.0% |"]
    assert table[3] == theirs
    assert "others: skipped, as it needs the package jax, which is not installed." in text


def test_markdown_of_a_growth():
    text = to_markdown("growth", MACHINE, [GROWTH])
    assert "| reviews | ours, s | ours, peak memory, MB |" in text
    assert "| 10 | 1.00 | 500 |" in text
    assert "| 100 | 10.0 | 50,000 |" in text
    assert "| **slope** | **1.00** |  |" in text
    assert text.endswith("It grows.\n")


def test_the_slope_is_that_of_the_figure_that_grows():
    growth = Result(**{**vars(GROWTH), "figure": "peak memory, MB"})
    assert slopes(growth) == {"ours": pytest.approx(2)}
    assert "| **slope** |  | **2.00** |" in to_markdown("memory", MACHINE, [growth])


def test_one_round_has_no_spread():
    sides = tuple(SideResult(name, seconds=(1,), ratios=(2,)) for name in ("a", "b"))
    assert "times as long" not in to_markdown("", MACHINE, [Result("x", "y", sides)])


def test_json_holds_every_second_and_what_was_made_of_them():
    found = json.loads(to_json("prediction", MACHINE, [COMPARISON, GROWTH]))
    assert found["machine"] == MACHINE
    ours, theirs, others = found["comparisons"][0]["sides"]
    assert ours["seconds"] == [1, 2, 4]
    assert theirs["ratio"] == 5
    assert (theirs["ratio_lowest"], theirs["ratio_highest"]) == (3, 8)
    assert theirs["per_second"] == 10
    assert theirs["gflops"] == 50
    assert theirs["share_of_ceiling"] == 0.25
    assert others["skipped"].startswith("needs the package jax")
    assert found["comparisons"][1]["slopes"] == {"ours": pytest.approx(1)}


def test_a_chart_has_a_panel_for_each_comparison(tmp_path):
    nothing = Result("nothing", "none", (SideResult("a", skipped="needs more"),))
    figure = chart("prediction", [COMPARISON, GROWTH, nothing])
    bars, lines = figure.axes
    assert bars.get_title(loc="left") == "reading"
    # The fastest at the top, which is the last one drawn.
    assert [bar.get_window_extent().width > 0 for bar in bars.patches] == [True, True]
    assert [text.get_text().strip() for text in bars.texts] == ["10.0", "50.0"]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["theirs", "ours"]
    assert bars.get_xlabel() == "reviews a second, longer is better"
    assert (lines.get_xscale(), lines.get_yscale()) == ("log", "log")
    assert lines.get_legend_handles_labels()[1] == ["ours, slope 1.00"]
    figure.savefig(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_chart_of_nothing():
    assert chart("prediction", []).axes == []
