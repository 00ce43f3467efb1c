import pytest

from benchmarks.readme import PAGES, fill, filled, tables
from benchmarks.suites import SUITES
from tests.conftest import ROOT


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_figures_that_were_measured(page):
    assert filled(page, tables()) == (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("suite", SUITES)
def test_all_suites_were_measured(suite):
    results = ROOT / "benchmarks" / "results"
    for kind in ("md", "json", "png"):
        assert (results / f"{suite}.{kind}").is_file()
    assert f"# Benchmark: {suite}" in (results / f"{suite}.md").read_text(encoding="utf-8")


def test_the_marks_stay():
    begin, end = "<!-- a: python -m benchmarks.readme -->", "<!-- end of a -->"
    text = fill(f"x\n{begin}\nold\n{end}\ny\n", {"a": "| table |"})
    assert text == f"x\n{begin}\n\n| table |\n\n{end}\ny\n"
    assert fill(text, {"a": "| table |"}) == text
    with pytest.raises(ValueError, match="Expected the marks <!-- a: python"):
        fill("no marks", {"a": ""})
