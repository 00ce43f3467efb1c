"""From the probabilities of what comes next to a text: chance, temperature, cut-offs, beams.

`with_temperature`, `top_k` and `top_p` change probabilities, and `draw` draws by them. Each takes
and gives ``(..., symbols)``, so that many samples are drawn at once. `generate` does it again and
again, and `beam_search` looks for the most probable text instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sentiment_rnn.numpy_rnn.activations import softmax

Array = np.ndarray


class ProbabilityError(ValueError):
    """What a model says are no probabilities: its weights have gone astray."""


def with_temperature(probabilities: Array, temperature: float) -> Array:
    """Probabilities to the power of ``1 / temperature``, scaled to a sum of 1.

    Args:
        probabilities: ``(..., symbols)``; not changed.
        temperature: 1 leaves them as they are; below, the probable becomes more so; 0 leaves
            nothing but the most probable, the first of equal ones.

    Returns:
        float64 ``(..., symbols)``.

    Raises:
        ValueError: if the temperature is below 0 or not finite, or the numbers are no
            probabilities.

    Example:
        >>> with_temperature(np.array([0.2, 0.8]), 0.5).round(3)
        array([0.059, 0.941])
        >>> with_temperature(np.array([0.2, 0.8]), 0)
        array([0., 1.])
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be a number of at least 0. Received: {temperature}")
    probabilities = _scaled(probabilities)
    if temperature == 0:
        return np.eye(probabilities.shape[-1])[probabilities.argmax(axis=-1)]
    if temperature == 1:
        return probabilities
    # What underflows in a power or has underflowed before is as good as impossible.
    with np.errstate(divide="ignore", over="ignore"):
        logarithms = np.log(probabilities)
        return softmax((logarithms - logarithms.max(axis=-1, keepdims=True)) / temperature)


def top_k(probabilities: Array, k: int) -> Array:
    """The `k` most probable symbols, scaled to a sum of 1; the others become impossible.

    Args:
        probabilities: ``(..., symbols)``; not changed.
        k: how many stay, at least 1. Of equally probable ones the first stay.

    Returns:
        float64 ``(..., symbols)``.

    Raises:
        ValueError: if `k` is below 1, or the numbers are no probabilities.

    Example:
        >>> top_k(np.array([0.1, 0.6, 0.1, 0.2]), 2)
        array([0.  , 0.75, 0.  , 0.25])

    Source: Fan, Lewis and Dauphin, "Hierarchical Neural Story Generation", 2018.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1. Received: {k}")
    probabilities = _scaled(probabilities)
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    np.put_along_axis(probabilities, order[..., k:], 0, axis=-1)
    return _scaled(probabilities)


def top_p(probabilities: Array, p: float) -> Array:
    """The nucleus, scaled to a sum of 1; all other symbols become impossible.

    It is the smallest number of most probable symbols whose probabilities sum up to `p` or more.

    Args:
        probabilities: ``(..., symbols)``; not changed.
        p: above 0 and at most 1, which leaves everything. Of equally probable symbols the first
            stay.

    Returns:
        float64 ``(..., symbols)``.

    Raises:
        ValueError: for another `p`, or if the numbers are no probabilities.

    Example:
        >>> top_p(np.array([0.125, 0.5, 0.25, 0.125]), 0.75).round(3)
        array([0.   , 0.667, 0.333, 0.   ])

    Source: Holtzman, Buys, Du, Forbes and Choi, "The Curious Case of Neural Text Degeneration",
    2020.
    """
    if not 0 < p <= 1:
        raise ValueError(f"p must be above 0 and at most 1. Received: {p}")
    probabilities = _scaled(probabilities)
    if p == 1:
        # A sum that rounding has brought to 1 would leave out the least probable.
        return probabilities
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, axis=-1)
    is_enough = np.cumsum(ordered, axis=-1) >= p
    # The one that makes it enough stays, so that always one stays.
    is_enough[..., 1:] = is_enough[..., :-1]
    is_enough[..., 0] = False
    np.put_along_axis(probabilities, order, np.where(is_enough, 0, ordered), axis=-1)
    return _scaled(probabilities)


def draw(probabilities: Array, random: np.random.Generator) -> Array:
    """Draws a symbol from each row.

    Args:
        probabilities: ``(..., symbols)``, of any sum above 0; not changed.
        random: where chance comes from: one number a row.

    Returns:
        Ids, whole numbers ``(...)``. What has probability 0 is never drawn.

    Raises:
        ValueError: if the numbers are no probabilities.

    Example:
        >>> draw(np.array([[0, 1, 0], [0.5, 0, 0.5]]), np.random.default_rng(0)).tolist()
        [1, 0]
    """
    cumulative = np.cumsum(_checked(probabilities), axis=-1)
    total = cumulative[..., -1]
    # Below the total, to which the product may be rounded: the last symbols may be impossible.
    chance = np.minimum(random.random(total.shape) * total, np.nextafter(total, 0))
    return np.sum(cumulative <= chance[..., np.newaxis], axis=-1)


def generate(
    step: Callable[[Array], Array],
    first: Array,
    random: np.random.Generator,
    *,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
) -> list[Array]:
    """Writes samples side by side, each symbol drawn by what is expected after those before.

    The first cut-off is applied to what the temperature leaves, the second to what that leaves.
    A sample doesn't depend on when the others end.

    Args:
        step: reads one symbol of each sample, ids ``(samples,)``, and gives the probabilities of
            the next, ``(samples, symbols)``. It keeps the state, so that a symbol costs the same
            wherever it stands. Samples that have ended are read `stop` again and again.
        first: the probabilities of the first symbol ``(samples, symbols)``, after whatever has
            been read before.
        random: where chance comes from: one number for each sample and symbol.
        length: symbols in a sample that isn't stopped.
        temperature: see `with_temperature`.
        top_k: see the function `top_k`; None for all.
        top_p: see the function `top_p`; None for all.
        stop: the id that ends a sample, or None.

    Returns:
        The ids of each sample: whole numbers ``(length,)``, or fewer where it was stopped,
        without `stop` itself.

    Raises:
        ValueError: for options, or results of `step`, that make no sense.

    Example:
        >>> def step(ids):  # after a 0 comes a 1, after a 1 a 2, and so on
        ...     return np.eye(4)[(ids + 1) % 4]
        >>> random = np.random.default_rng(0)
        >>> generate(step, np.eye(4)[[0, 2]], random, length=3, stop=0)
        [array([], dtype=int64), array([2, 3])]
    """
    first = np.asarray(first)
    if first.ndim != 2:
        raise ValueError(f"Expected probabilities (samples, symbols). Received: {first.shape}")
    if length < 0:
        raise ValueError(f"length must be at least 0. Received: {length}")
    if stop is not None:
        _check_id("stop", stop, first.shape[1])
    probabilities = first
    written = np.zeros((len(first), length), np.int64)
    lengths = np.full(len(first), length)
    for place in range(length):
        ids = _draw_from_rest(probabilities, random, temperature, top_k, top_p)
        if stop is not None:
            ids = np.where(lengths < length, stop, ids)
            lengths = np.where(ids == stop, np.minimum(lengths, place), lengths)
        written[:, place] = ids
        if place == length - 1 or (lengths < length).all():
            break
        probabilities = np.asarray(step(ids))
        if probabilities.shape != first.shape:
            raise ValueError(
                f"Expected probabilities {first.shape} of a step. Received: {probabilities.shape}"
            )
    return [ids[:end] for ids, end in zip(written, lengths, strict=True)]


def _draw_from_rest(
    probabilities: Array,
    random: np.random.Generator,
    temperature: float,
    k: int | None,
    p: float | None,
) -> Array:
    """Draws from what the temperature and the cut-offs leave."""
    probabilities = with_temperature(probabilities, temperature)
    if k is not None:
        probabilities = top_k(probabilities, k)
    if p is not None:
        probabilities = top_p(probabilities, p)
    return draw(probabilities, random)


class Beam(NamedTuple):
    """A text that `beam_search` found.

    Args:
        ids: whole numbers ``(length,)``, or fewer where it was stopped, without the stop itself.
        log_probability: of the whole text, with the stop, in nats.
    """

    ids: Array
    log_probability: float


def beam_search(
    step: Callable[[Sequence[Array], Array], tuple[Array, Sequence[Array]]],
    states: Sequence[Array],
    first: Array,
    *,
    length: int,
    width: int,
    stop: int | None = None,
) -> list[Beam]:
    """Looks for the most probable texts, of which it keeps some while they grow.

    With a width of 1 it takes the most probable symbol each time. A text that was stopped stays
    among those kept as long as it is one of the most probable, which favours short ones.

    Args:
        step: takes states and the ids ``(beams,)`` to read next, gives the probabilities of what
            follows, ``(beams, symbols)``, and the states after reading. It keeps nothing itself.
        states: arrays ``(1, ...)``, as many as the model has, after whatever has been read before.
            All that come from `step` have the shape ``(beams, ...)``.
        first: the probabilities of the first symbol ``(symbols,)``.
        length: symbols in a text that isn't stopped, at least 1.
        width: texts that are kept, at least 1.
        stop: the id that ends a text, or None.

    Returns:
        Up to `width` texts, the most probable first; none of them is impossible.

    Raises:
        ValueError: for options or probabilities that make no sense.

    Example:
        >>> def step(states, ids):  # what the first symbol was, decides all that follow
        ...     kind = np.where(states[0] < 0, ids, states[0])
        ...     return np.array([[0.5, 0.5], [0.1, 0.9]])[kind], [kind]
        >>> found = beam_search(step, [np.array([-1])], np.array([0.6, 0.4]), length=3, width=2)
        >>> [(ids.tolist(), round(math.exp(score), 3)) for ids, score in found]
        [([1, 1, 1], 0.324), ([0, 0, 0], 0.15)]

    Source: Graves, "Sequence Transduction with Recurrent Neural Networks", 2012.
    """
    first = np.asarray(first)
    if first.ndim != 1:
        raise ValueError(f"Expected probabilities (symbols,). Received: {first.shape}")
    for name, value in (("length", length), ("width", width)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1. Received: {value}")
    count = len(first)
    if stop is not None:
        _check_id("stop", stop, count)
    probabilities = first[np.newaxis]
    scores, has_ended = np.zeros(1), np.zeros(1, bool)
    # For each place the parent of every beam among the beams before, and what it adds to it: -1
    # where it has ended already.
    grown: list[tuple[Array, Array]] = []
    for place in range(length):
        going, ended = np.flatnonzero(~has_ended), np.flatnonzero(has_ended)
        with np.errstate(divide="ignore"):
            added = np.log(_scaled(probabilities))
        # Those that have ended stand for themselves, each of the others for all that may follow.
        totals = np.concatenate([scores[ended], (scores[going, np.newaxis] + added).ravel()])
        parents = np.concatenate([ended, np.repeat(going, count)])
        rows = np.concatenate([np.zeros_like(ended), np.repeat(np.arange(len(going)), count)])
        symbols = np.concatenate([np.full_like(ended, -1), np.tile(np.arange(count), len(going))])
        best = np.argsort(-totals, kind="stable")[:width]
        best = best[totals[best] > -math.inf]
        scores, symbols = totals[best], symbols[best]
        grown.append((parents[best], symbols))
        has_ended = (symbols < 0) | (symbols == (-1 if stop is None else stop))
        if place == length - 1 or has_ended.all():
            break
        kept = rows[best[~has_ended]]
        probabilities, states = step([state[kept] for state in states], symbols[~has_ended])
        if np.shape(probabilities) != (len(kept), count):
            raise ValueError(
                f"Expected probabilities {(len(kept), count)} of a step. "
                f"Received: {np.shape(probabilities)}"
            )
    return [
        Beam(_trace(grown, beam, stop), float(score)) for beam, score in enumerate(scores.tolist())
    ]


def _trace(grown: Sequence[tuple[Array, Array]], beam: int, stop: int | None) -> Array:
    """The ids of a beam of the last place, followed back to the first."""
    ids = []
    for parents, symbols in reversed(grown):
        ids.append(int(symbols[beam]))
        beam = int(parents[beam])
    return np.array([place for place in reversed(ids) if place not in (-1, stop)], np.int64)


def _checked(probabilities: Array) -> Array:
    """The same as float64, if none is negative and each row has a sum, as of a sound model."""
    probabilities = np.asarray(probabilities, np.float64)
    total = probabilities.sum(axis=-1)
    if not ((total > 0) & (total < math.inf)).all():
        raise ProbabilityError(
            "Expected probabilities whose sum is finite and above 0. "
            f"Received rows with a sum from {np.min(total)} to {np.max(total)}"
        )
    if (probabilities < 0).any():
        raise ProbabilityError(
            f"Expected probabilities of at least 0. Received: {probabilities.min()}"
        )
    return probabilities


def _scaled(probabilities: Array) -> Array:
    """New float64 probabilities with a sum of 1."""
    probabilities = _checked(probabilities)
    return probabilities / probabilities.sum(axis=-1, keepdims=True)


def _check_id(name: str, value: int, count: int) -> None:
    if not 0 <= value < count:
        raise ValueError(f"{name} must be an id from 0 to {count - 1}. Received: {value}")
