"""What a probe is asked of."""

import pytest

PROBES = {
    "probe": ("probe", "textbook"),
    "chars probe": ("chars", "probe", "shakespeare"),
}


@pytest.fixture(params=list(PROBES.values()), ids=list(PROBES))
def probe(request):
    return request.param


@pytest.mark.parametrize(
    "option",
    ["--multiclass", *(f"--{name}=x" for name in ("text-column", "label-column", "group-column"))],
)
def test_options_of_tables_and_of_many_classes_are_refused(run, probe, option):
    code, out, err = run(*probe, "--data", "sample", option)
    assert (code, out) == (2, "")
    assert f"unrecognized arguments: {option}" in err


def test_help_offers_what_a_probe_takes(run, probe):
    code, out, _ = run(*probe, "--help")
    assert code == 0
    assert "--no-cache" in out
    for refused in ("column", ".csv", "--positive-from", "--multiclass"):
        assert refused not in out


@pytest.mark.parametrize("content", ["text,label\ndull,0\ngood,1\n", "review\ndull\n", None])
def test_a_table_is_refused_whatever_is_in_it(run, probe, tmp_path, content):
    if content is not None:
        (tmp_path / "reviews.CSV").write_text(content)
    code, _, err = run(*probe, "--data", "reviews.CSV")
    assert code == 2
    assert err.endswith(
        "A probe learns from train texts and is asked of test texts. A table has one part only.\n"
    )
