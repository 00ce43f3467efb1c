import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn import (
    RNN,
    Network,
    beam_search,
    draw,
    generate,
    initial_weights,
    top_k,
    top_p,
    with_temperature,
)

ROW = np.array([0.1, 0.2, 0.7])
ROWS = np.array([[[0.1, 0.2, 0.7], [0.25, 0.5, 0.25]]])


def chances(rows, symbols):
    return arrays(float, (rows, symbols), elements=st.integers(0, 9)).filter(
        lambda found: bool((found.sum(axis=-1) > 0).all())
    )


def test_temperature():
    np.testing.assert_allclose(with_temperature(ROW, 1), ROW)
    squares = ROW**2
    np.testing.assert_allclose(with_temperature(ROW, 0.5), squares / squares.sum())
    roots = ROW**0.5
    np.testing.assert_allclose(with_temperature(ROW, 2), roots / roots.sum())
    np.testing.assert_allclose(with_temperature(ROW, 1e9), [1 / 3] * 3)
    for temperature in (0, 5e-324, 1e-3):
        np.testing.assert_array_equal(with_temperature(ROW, temperature), [0, 0, 1])
    # What underflowed is impossible, not an error.
    np.testing.assert_array_equal(with_temperature(np.array([0, 1], np.float32), 0.5), [0, 1])
    np.testing.assert_array_equal(with_temperature(np.array([0.5, 0.5]), 0), [1, 0])
    for temperature in (-0.1, math.nan, math.inf):
        message = f"temperature must be a number of at least 0. Received: {temperature}"
        with pytest.raises(ValueError, match=message):
            with_temperature(ROW, temperature)


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, [[0, 0, 1], [0, 1, 0]]),
        (2, [[0, 2 / 9, 7 / 9], [1 / 3, 2 / 3, 0]]),
        (3, ROWS[0]),
        (99, ROWS[0]),
    ],
)
def test_top_k(k, expected):
    np.testing.assert_allclose(top_k(ROWS, k), [expected])
    np.testing.assert_allclose(top_k(ROWS[0, 1], k), expected[1])


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (1e-9, [[0, 0, 1], [0, 1, 0]]),
        (0.5, [[0, 0, 1], [0, 1, 0]]),
        (0.6, [[0, 0, 1], [1 / 3, 2 / 3, 0]]),
        (0.75, [[0, 2 / 9, 7 / 9], [1 / 3, 2 / 3, 0]]),
        (0.95, ROWS[0]),
        (1, ROWS[0]),
    ],
)
def test_top_p(p, expected):
    np.testing.assert_allclose(top_p(ROWS, p), [expected])
    # Of any scale.
    np.testing.assert_allclose(top_p(8 * ROWS[0, 1], p), expected[1])


def test_top_p_of_1_keeps_what_is_lost_in_rounding():
    row = np.array([1e-20, 1.0])
    np.testing.assert_array_equal(top_p(row, 1), row)


def test_cut_offs_that_make_no_sense():
    with pytest.raises(ValueError, match="k must be at least 1. Received: 0"):
        top_k(ROW, 0)
    for p in (0, -1, 1.1, math.nan):
        with pytest.raises(ValueError, match=f"p must be above 0 and at most 1. Received: {p}"):
            top_p(ROW, p)


@given(chances(3, 5), st.integers(1, 6), st.floats(0.01, 1))
def test_cut_offs_agree_with_one_row_at_a_time(rows, k, p):
    before = rows.copy()
    for name, found in (("k", top_k(rows, k)), ("p", top_p(rows, p))):
        for row, after in zip(rows / rows.sum(axis=1, keepdims=True), found, strict=True):
            kept, total = np.zeros(5), 0.0
            for count, symbol in enumerate(np.argsort(-row, kind="stable")):
                if (count >= k) if name == "k" else (total >= p and p < 1):
                    break
                kept[symbol] = row[symbol]
                total += row[symbol]
            np.testing.assert_allclose(after, kept / kept.sum())
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(
    "function",
    [
        lambda rows: with_temperature(rows, 0),
        lambda rows: top_k(rows, 1),
        lambda rows: top_p(rows, 0.5),
        lambda rows: draw(rows, np.random.default_rng(0)),
    ],
)
@pytest.mark.parametrize(
    ("row", "seen"), [([0, 0], "0.0"), ([0, math.nan], "nan"), ([1, math.inf], "inf")]
)
def test_what_is_no_probability(function, row, seen):
    with pytest.raises(
        ValueError, match=rf"sum is finite and above 0\. Received rows with a sum .* {seen}$"
    ):
        function(np.array([[0, 0] if seen == "0.0" else [1, 0], row]))


def test_what_is_negative_is_no_probability():
    for function in (lambda rows: top_k(rows, 1), lambda rows: with_temperature(rows, 2)):
        with pytest.raises(ValueError, match=r"probabilities of at least 0\. Received: -0\.5$"):
            function(np.array([-0.5, 1.5]))


class Chance(np.random.Generator):
    """Numbers that a test chooses."""

    def __init__(self, *numbers):
        super().__init__(np.random.PCG64(0))
        self._numbers = list(numbers)

    def random(self, shape):  # type: ignore[override]
        count = math.prod(shape)
        numbers, self._numbers = self._numbers[:count], self._numbers[count:]
        return np.reshape(numbers, shape)


ALMOST_1 = math.nextafter(1, 0)


@pytest.mark.parametrize(
    ("chance", "expected"),
    [(0, 1), (0.24, 1), (0.25, 3), (0.5, 3), (0.99, 3), (ALMOST_1, 3)],
)
def test_draw_on_literals(chance, expected):
    row = np.array([0, 0.25, 0, 0.75, 0])
    assert draw(row, Chance(chance)) == expected
    assert draw(row * 1e-30, Chance(chance)) == expected
    assert draw(row.astype(np.float32) * 100, Chance(chance)) == expected
    np.testing.assert_array_equal(
        draw(np.stack([row, row[::-1]]), Chance(chance, 0)), [expected, 1]
    )


@given(
    arrays(float, 4, elements=st.floats(0, 1)).filter(lambda row: row.sum() > 0),
    st.sampled_from([0.0, 0.5, ALMOST_1]) | st.floats(0, ALMOST_1),
)
def test_the_impossible_is_never_drawn(row, chance):
    assert row[draw(row, Chance(chance))] > 0


def test_draw_as_often_as_probable():
    rows = np.broadcast_to(ROW, (20_000, 3))
    drawn = draw(rows, np.random.default_rng(0))
    assert drawn.shape == (20_000,)
    np.testing.assert_allclose(np.bincount(drawn) / 20_000, ROW, atol=0.01)
    np.testing.assert_array_equal(draw(rows, np.random.default_rng(0)), drawn)
    assert draw(rows.reshape(10, 2000, 3), np.random.default_rng(1)).shape == (10, 2000)


def the_table(symbols, seed=0):
    """After each symbol, what may come next."""
    return np.random.default_rng(seed).dirichlet(np.ones(symbols), symbols)


def in_turn(table, start, chances, stop, change):
    """A sample, one symbol after the other."""
    ids: list[int] = []
    for chance in chances:
        [symbol] = np.atleast_1d(draw(change(table[start]), Chance(chance)))
        if symbol == stop:
            break
        ids.append(int(symbol))
        start = symbol
    return ids


@pytest.mark.parametrize("stop", [None, 1])
def test_generate_is_samples_side_by_side(stop):
    table, samples, length = the_table(4), 6, 12
    chances = np.random.default_rng(5).random((length, samples))
    read = []

    def step(ids):
        read.append(ids)
        return table[ids]

    def change(probabilities):
        return top_p(top_k(with_temperature(probabilities, 0.8), 3), 0.9)

    starts = np.arange(samples) % 4
    options = {"temperature": 0.8, "top_k": 3, "top_p": 0.9, "stop": stop}
    found = generate(step, table[starts], Chance(*chances.ravel()), length=length, **options)
    expected = [
        in_turn(table, start, chances[:, sample], stop, change)
        for sample, start in enumerate(starts)
    ]
    assert [ids.tolist() for ids in found] == expected
    assert all(ids.dtype == np.int64 for ids in found)
    lengths = [len(ids) for ids in found]
    assert len(read) == min(length - 1, max(lengths))
    if stop is None:
        assert lengths == [length] * samples
    else:
        assert min(lengths) < max(lengths)
        for place, ids in enumerate(read):
            assert all(ids[np.array(lengths) <= place] == stop)


def test_generate_from_a_network_reads_what_it_wrote():
    spec = NetworkSpec(
        (None, None, 5),
        (
            LayerSpec("LSTM", {"units": 7, "return_sequences": True}),
            LayerSpec("Dense", {"units": 5, "activation": "softmax"}),
        ),
    )
    weights = [4 * weight for weight in initial_weights(spec, np.random.default_rng(0))]
    rnn, eye = RNN(spec, weights), np.eye(5, dtype=np.float32)
    begin = np.array([[0, 1], [3, 3], [4, 2]])
    found = generate(
        lambda ids: rnn.step(eye[ids]),
        rnn.read(eye[begin]),
        np.random.default_rng(0),
        length=20,
        temperature=0,
    )
    # The most probable after the whole text so far, each time read from its beginning.
    written = begin
    for _ in range(20):
        output = Network(spec, weights).forward(eye[written])[:, -1]
        written = np.concatenate([written, output.argmax(axis=1)[:, np.newaxis]], axis=1)
    np.testing.assert_array_equal(found, written[:, 2:])
    assert len({tuple(ids) for ids in found}) > 1


def never(*_):
    raise AssertionError("nothing is to be read")


def test_generate_nothing():
    random = np.random.default_rng(0)
    [ids] = generate(never, ROW[np.newaxis], random, length=0)
    assert ids.shape == (0,)
    assert generate(never, np.ones((0, 3)), random, length=5) == []
    [ids] = generate(never, np.eye(3)[[1]], random, length=5, stop=1)
    assert ids.shape == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": -1}, "length must be at least 0. Received: -1"),
        ({"stop": 3}, "stop must be an id from 0 to 2. Received: 3"),
        ({"stop": -1}, "stop must be an id from 0 to 2. Received: -1"),
        ({"temperature": -1}, "temperature must be a number of at least 0. Received: -1"),
        ({"top_k": 0}, "k must be at least 1. Received: 0"),
        ({"top_p": 0}, "p must be above 0 and at most 1. Received: 0"),
        ({"first": ROW}, r"Expected probabilities \(samples, symbols\). Received: \(3,\)"),
        ({}, r"Expected probabilities \(1, 3\) of a step. Received: \(3,\)"),
    ],
)
def test_generate_with_what_makes_no_sense(options, message):
    options = {"first": ROW[np.newaxis], "length": 2} | options
    first = options.pop("first")
    with pytest.raises(ValueError, match=message):
        generate(lambda ids: ROW, first, np.random.default_rng(0), **options)


SYMBOLS, UNITS = 3, 4


def tiny_model(seed):
    """A step over explicit states, and what it gives before anything was read."""
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(SYMBOLS, UNITS))
    recurrent = random.normal(size=(UNITS, UNITS))
    dense = random.normal(size=(UNITS, SYMBOLS))

    def step(states, ids):
        h, count = states
        assert len(h) == len(count) == len(ids)
        h = np.tanh(kernel[ids] + h @ recurrent)
        powers = np.exp(3 * h @ dense)
        return powers / powers.sum(axis=1, keepdims=True), [h, count + 1]

    states = [random.normal(size=(1, UNITS)), np.zeros(1)]
    return step, states, random.dirichlet(np.ones(SYMBOLS))


def exhaustive(model, length, stop):
    """All texts and their log probabilities, the most probable first."""
    step, states, first = model
    found = {}
    for ids in product(range(SYMBOLS), repeat=length):
        score, current, probabilities = 0.0, states, first
        written = []
        for symbol in ids:
            score += math.log(probabilities[symbol])
            if symbol == stop:
                break
            written.append(symbol)
            rows, current = step(current, np.array([symbol]))
            probabilities = rows[0]
        found[tuple(written)] = score
    return sorted(found.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("stop", [None, 0])
@pytest.mark.parametrize("seed", range(5))
def test_beam_search_of_full_width_is_exhaustive_search(seed, stop):
    model = tiny_model(seed)
    expected = exhaustive(model, 5, stop)
    found = beam_search(*model, length=5, width=SYMBOLS**5, stop=stop)
    assert [tuple(ids.tolist()) for ids, _ in found] == [ids for ids, _ in expected]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected])
    # The best needs no more than all texts of one symbol less.
    [best, *_] = beam_search(*model, length=5, width=SYMBOLS**4, stop=stop)
    assert tuple(best.ids.tolist()) == expected[0][0]


@pytest.mark.parametrize("stop", [None, 0])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_beam_search_in_python(width, stop):
    """The same over lists of texts, each of which has states of its own."""
    for seed in range(20):
        step, states, first = tiny_model(seed)
        beams: list = [([], 0.0, states, first, False)]
        for _ in range(6):
            grown = []
            for ids, score, current, probabilities, has_ended in beams:
                if has_ended:
                    grown.append((ids, score, current, probabilities, True))
                    continue
                for symbol in range(SYMBOLS):
                    total = score + math.log(probabilities[symbol])
                    if symbol == stop:
                        grown.append((ids, total, current, probabilities, True))
                        continue
                    rows, after = step(current, np.array([symbol]))
                    grown.append(([*ids, symbol], total, after, rows[0], False))
            beams = sorted(grown, key=lambda beam: -beam[1])[:width]
        found = beam_search(step, states, first, length=6, width=width, stop=stop)
        assert [beam.ids.tolist() for beam in found] == [beam[0] for beam in beams]
        scores = [beam.log_probability for beam in found]
        np.testing.assert_allclose(scores, [beam[1] for beam in beams])


def test_a_width_of_1_takes_the_most_probable_each_time():
    step, states, first = tiny_model(3)
    state = [states]

    def stateful(ids):
        probabilities, state[0] = step(state[0], ids)
        return probabilities

    [greedy] = generate(
        stateful, first[np.newaxis], np.random.default_rng(0), length=9, temperature=0
    )
    [beam] = beam_search(step, states, first, length=9, width=1)
    np.testing.assert_array_equal(beam.ids, greedy)


def test_beam_search_leaves_out_the_impossible_and_does_not_change_states():
    step, states, _ = tiny_model(0)
    before = [state.copy() for state in states]
    found = beam_search(step, states, np.array([0, 1, 0]), length=1, width=3)
    assert [(ids.tolist(), score) for ids, score in found] == [([1], 0.0)]
    beam_search(step, states, np.array([0, 1, 0]), length=4, width=3)
    for state, old in zip(states, before, strict=True):
        np.testing.assert_array_equal(state, old)
    # All have ended: nothing more is read.
    [beam] = beam_search(never, states, np.array([0, 1, 0]), length=9, width=3, stop=1)
    assert beam.ids.tolist() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length must be at least 1. Received: 0"),
        ({"width": 0}, "width must be at least 1. Received: 0"),
        ({"stop": 3}, "stop must be an id from 0 to 2. Received: 3"),
        ({"first": ROWS[0]}, r"Expected probabilities \(symbols,\). Received: \(2, 3\)"),
        ({}, r"Expected probabilities \(2, 3\) of a step. Received: \(3,\)"),
    ],
)
def test_beam_search_with_what_makes_no_sense(options, message):
    options = {"first": ROW, "length": 2, "width": 2} | options
    with pytest.raises(ValueError, match=message):
        beam_search(lambda states, ids: (ROW, states), [np.zeros(1)], **options)
