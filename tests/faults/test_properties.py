"""What reads files of strangers takes any bytes: it reads them, or says what is wrong."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentiment_rnn._trusted import parse_json
from sentiment_rnn.architectures.layers import MOST_PARAMETERS
from sentiment_rnn.errors import ModelError
from sentiment_rnn.persistence.keras_json import parse_network
from sentiment_rnn.persistence.keras_writer import network_json
from tests.faults.fuzz.corpus import keep, kept
from tests.faults.fuzz.targets import TARGETS
from tests.faults.models import sentiment_model

EXAMPLES = [30, pytest.param(2000, marks=pytest.mark.slow)]


def check(examples, strategy, property_):
    chosen = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    chosen(given(strategy)(property_))()


@st.composite
def spoilt(draw, seeds):
    """A file as it should be with some of its bytes changed, cut out or doubled."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        kind = draw(st.sampled_from(["change", "cut", "double", "end"]))
        if kind == "change":
            data[start:end] = draw(st.binary(max_size=8))
        elif kind == "cut":
            del data[start:end]
        elif kind == "double":
            data[start:start] = data[start:end]
        else:
            del data[start:]
    return bytes(data)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("name", list(TARGETS))
def test_any_bytes(name, examples):
    function, seeds = TARGETS[name]
    check(examples, st.binary(max_size=300) | spoilt(seeds), function)


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_searches_have_found(name):
    function, _ = TARGETS[name]
    found = kept()[name]
    assert found
    for data in found.values():
        function(data)


def test_what_is_found_is_kept_once(tmp_path):
    folder = tmp_path / "json_reader"
    folder.mkdir()
    for name, data in (("one", b"[1"), ("again", b"[1"), ("large", bytes(1 << 15))):
        (folder / name).write_bytes(data)
    keep({"json_reader": folder}, tmp_path / "corpus.zip")
    before = (tmp_path / "corpus.zip").read_bytes()
    assert list(kept(tmp_path / "corpus.zip")["json_reader"].values()) == [b"[1"]
    keep({"json_reader": folder}, tmp_path / "corpus.zip")
    assert (tmp_path / "corpus.zip").read_bytes() == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_json_is_read_as_python_reads_it(examples):
    def property_(value):
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            text.decode()
        except UnicodeDecodeError:
            return
        assert parse_json(text, "here") == json.loads(text)

    check(examples, JSON, property_)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_network_with_any_other_value(examples):
    """Somewhere in its JSON stands something else: it is refused, or means something."""
    document = network_json(sentiment_model().network)

    def places(value, path=()):
        yield path
        if isinstance(value, (dict, list)):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from places(inner, (*path, key))

    everywhere = [path for path in places(document) if path]

    def property_(choice):
        path, value = choice
        changed = json.loads(json.dumps(document))
        inside = changed
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
        with contextlib.suppress(ModelError):
            assert parse_network(changed).network.count_params() <= MOST_PARAMETERS

    check(examples, st.tuples(st.sampled_from(everywhere), JSON), property_)
