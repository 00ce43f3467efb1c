import pytest

from benchmarks.readme import BEGIN, END, figures, fill
from benchmarks.suites import SUITES
from tests.conftest import ROOT


def test_the_readme_has_the_figures_that_were_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert fill(text, figures()) == text


@pytest.mark.parametrize("suite", SUITES)
def test_all_suites_were_measured(suite):
    results = ROOT / "benchmarks" / "results"
    for kind in ("md", "json", "png"):
        assert (results / f"{suite}.{kind}").is_file()
    assert f"# Benchmark: {suite}" in (results / f"{suite}.md").read_text(encoding="utf-8")


def test_the_marks_stay():
    text = fill(f"a\n{BEGIN}\nold\n{END}\nb\n", "| table |")
    assert text == f"a\n{BEGIN}\n\n| table |\n\n{END}\nb\n"
    assert fill(text, "| table |") == text
    with pytest.raises(ValueError, match="Expected the marks"):
        fill("no marks", "")
