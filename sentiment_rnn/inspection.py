"""What the cells of a character model track: properties of a text, and how cells follow them.

A cell's value at a character is its state *after* reading that character, so that a property says
what one knows there: an opening quotation mark is inside its quotation, the closing one no longer
is. The exceptions are properties that look one character ahead, and say so by their name.

Source: Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sentiment_rnn._threads import one_thread

Array = np.ndarray

LONG_WORD = 8
# Numbers of a block of states that are ranked at once: 32 MB of double precision.
BLOCK = 4_000_000

_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}"
_SENTENCE_ENDS = ".!?\N{HORIZONTAL ELLIPSIS}"


def inside_quotes(text: str) -> Array:
    """Where a quotation in double quotation marks, straight or curly, is open.

    A quotation ends at a blank line at the latest, so that a mark that was forgotten doesn't turn
    all that follows inside out. Apostrophes and single quotation marks are not looked at.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> inside_quotes('a "b" c').astype(int)
        array([0, 0, 1, 1, 0, 0, 0])
    """
    inside = np.zeros(len(text), bool)
    opened, before = False, ""
    for place, character in enumerate(text):
        if character == '"':
            opened = not opened
        elif character == "\N{LEFT DOUBLE QUOTATION MARK}":
            opened = True
        elif character == "\N{RIGHT DOUBLE QUOTATION MARK}" or character == before == "\n":
            opened = False
        inside[place] = opened
        before = character
    return inside


def inside_brackets(text: str) -> Array:
    """Where a round, square or curly bracket is open; one that closes nothing does nothing.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> inside_brackets("f(g[1]) :)").astype(int)
        array([0, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    """
    inside = np.zeros(len(text), bool)
    depth = 0
    for place, character in enumerate(text):
        depth = max(depth + _BRACKETS.get(character, 0), 0)
        inside[place] = depth > 0
    return inside


def position_in_line(text: str) -> Array:
    r"""How many characters of its line come before; a line's end belongs to the line.

    Args:
        text: any text.

    Returns:
        Floats ``(characters,)``.

    Example:
        >>> position_in_line("ab\ncd")
        array([0., 1., 2., 0., 1.])
    """
    return _since(after_newline(text))


def after_newline(text: str) -> Array:
    r"""Where a line begins: its first character, the text's first included.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> after_newline("ab\ncd").astype(int)
        array([1, 0, 0, 1, 0])
    """
    return _shifted(_where(text, lambda character: character == "\n"), first=True)


def newline_next(text: str) -> Array:
    r"""Where the next character is a line's end; there is none after the last.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> newline_next("ab\ncd").astype(int)
        array([0, 1, 0, 0, 0])
    """
    return _ahead(_where(text, lambda character: character == "\n"))


def capital_next(text: str) -> Array:
    """Where the next character is a capital; there is none after the last.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> capital_next("I am Ö").astype(int)
        array([0, 0, 0, 0, 1, 0])
    """
    return _ahead(_where(text, str.isupper))


def in_capitals(text: str) -> Array:
    """Where a run of at least two capitals goes on, as in a speaker's name or an abbreviation.

    Its first capital doesn't count: nothing tells it from that of a name.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> in_capitals("Ah ROMEO").astype(int)
        array([0, 0, 0, 0, 1, 1, 1, 1])
    """
    capital = _where(text, str.isupper)
    return capital & _shifted(capital, first=False)


def sentence_end(text: str) -> Array:
    """Where a sentence has ended: from its full stop to before the next letter or digit.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> sentence_end("No! (So").astype(int)
        array([0, 0, 1, 1, 1, 0, 0])
    """
    ends = _where(text, _SENTENCE_ENDS.__contains__)
    decided = ends | _where(text, str.isalnum)
    places = np.where(decided, np.arange(len(text)), -1)
    last = np.maximum.accumulate(places)
    return (last >= 0) & ends[last] if len(text) else ends


def word_start(text: str) -> Array:
    """Where a word begins: its first letter or digit.

    An apostrophe between two of them is part of the word.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> word_start("don't 'go'").astype(int)
        array([1, 0, 0, 0, 0, 0, 0, 1, 0, 0])
    """
    inside = _inside_words(text)
    return inside & ~_shifted(inside, first=False)


def position_in_word(text: str) -> Array:
    """How many characters of its word have been read, with this one; 0 outside of words.

    Args:
        text: any text.

    Returns:
        Floats ``(characters,)``.

    Example:
        >>> position_in_word("to be")
        array([1., 2., 0., 1., 2.])
    """
    inside = _inside_words(text)
    return np.where(inside, _since(inside & ~_shifted(inside, first=False)) + 1, 0.0)


def inside_long_word(text: str) -> Array:
    """Where a word has gone on for more than ``LONG_WORD`` (8) characters.

    Args:
        text: any text.

    Returns:
        Booleans ``(characters,)``.

    Example:
        >>> inside_long_word("incredibly so").astype(int)
        array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0])
    """
    return position_in_word(text) > LONG_WORD


PROPERTIES: Mapping[str, Callable[[str], Array]] = MappingProxyType(
    {
        "inside quotes": inside_quotes,
        "inside brackets": inside_brackets,
        "position in line": position_in_line,
        "after a newline": after_newline,
        "newline next": newline_next,
        "capital next": capital_next,
        "in capitals": in_capitals,
        "sentence end": sentence_end,
        "word start": word_start,
        "position in word": position_in_word,
        f"over {LONG_WORD} letters into a word": inside_long_word,
    }
)


@dataclass(frozen=True)
class CellScore:
    """How well a cell tracks a property.

    Args:
        property: its name.
        layer: counted from 0.
        cell: counted from 0, within the layer.
        correlation: Pearson's, from -1 to 1; 0 for a cell that never changes.
        auc: of a property that holds or doesn't, how probable it is that the cell tells a
            character where it holds from one where it doesn't: from 0.5 (chance) to 1, whether the
            cell is high there or low. None for a property that is a number.
        sign: 1 if the cell is high where the property holds or is large, -1 if it is low.
    """

    property: str
    layer: int
    cell: int
    correlation: float
    auc: float | None
    sign: int


def rank_cells(
    states: Array, text: str, properties: Mapping[str, Callable[[str], Array]] = PROPERTIES
) -> list[CellScore]:
    """Scores every cell by how well it tracks each property of a text.

    Of many cells, some track anything by chance in a short text: a page of it shows what a cell
    does, and some ten thousand characters tell whether it always does.

    Args:
        states: each cell after each character, floats ``(characters, layers, units)``.
        text: what was read.
        properties: by name, functions of the text to arrays ``(characters,)``, of booleans or of
            numbers.

    Returns:
        The scores of all cells for the first property, the best first, then for the second, and
        so on. Best is by AUC, or by correlation whatever its sign where there is no AUC.
        Properties that are the same at every character are left out: see `unvarying`.

    Raises:
        ValueError: if shapes don't fit the text, or a state or a property is not a finite number.

    Example:
        >>> states = np.array([[[0.1, 0.9]], [[0.3, 0.2]], [[0.2, 0.1]]])
        >>> best, worst = rank_cells(states, "a b", {"word start": word_start})
        >>> best.cell, best.auc, best.sign
        (0, 1.0, -1)

    Source: the AUC is the share of pairs in the right order, counted from ranks (Mann and Whitney,
    1947), with ties at their mean rank.
    """
    return _rank(check_states(states, text), _values(text, properties))


def rank_by_label(states: Array, labels: Array, name: str = "positive") -> list[CellScore]:
    """Scores every cell by how well it alone tells the class of whole texts.

    Args:
        states: of each text one number for each cell, such as its mean over the text, floats
            ``(texts, layers, units)``.
        labels: 0 or 1 ``(texts,)``.
        name: what class 1 is called in the scores.

    Returns:
        The scores of all cells, the best first; none if all labels are the same.

    Raises:
        ValueError: if shapes don't fit, or a state is not a finite number.

    Example:
        >>> states = np.array([[[0.1, 0.9]], [[0.2, 0.1]], [[0.3, 0.2]]])
        >>> best, worst = rank_by_label(states, np.array([0, 0, 1]))
        >>> best.cell, best.auc
        (0, 1.0)

    Source: Radford, Jozefowicz and Sutskever, "Learning to Generate Reviews and Discovering
    Sentiment", 2017.
    """
    states, labels = np.asarray(states), np.asarray(labels)
    if states.ndim != 3 or labels.shape != states.shape[:1] or not states.size:
        raise ValueError(
            "Expected states (texts, layers, units) and a label for each text. Received: "
            f"{states.shape} and {labels.shape}"
        )
    _check_finite(states, "for text")
    return _rank(states, {name: labels == 1})


def linear_probe(learned: Array, labels: Array, tested: Array, test_labels: Array) -> float:
    """How well all cells together tell the class of texts: of those that weren't learned from.

    Args:
        learned: as for `rank_by_label`, ``(texts, layers, units)``.
        labels: 0 or 1 ``(texts,)``.
        tested: of other texts, ``(other texts, layers, units)``.
        test_labels: 0 or 1 ``(other texts,)``.

    Returns:
        The accuracy of a logistic regression.

    Example:
        >>> states = np.array([[[0.1]], [[0.2]], [[0.8]], [[0.9]]])
        >>> linear_probe(states, np.array([0, 0, 1, 1]), states[1:3], np.array([0, 0]))
        0.5

    Source: Alain and Bengio, "Understanding Intermediate Layers Using Linear Classifier Probes",
    2017.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(learned.reshape(len(learned), -1), labels)
    return float(probe.score(tested.reshape(len(tested), -1), test_labels))


def unvarying(
    text: str, properties: Mapping[str, Callable[[str], Array]] = PROPERTIES
) -> list[str]:
    """The properties that no cell can be told to track by: they never change in a text.

    Args:
        text: what was read.
        properties: as for `rank_cells`.

    Returns:
        The names of those that hold nowhere or everywhere, or are the same number everywhere.

    Raises:
        ValueError: if a property doesn't fit the text, or isn't a finite number.

    Example:
        >>> unvarying("To be", {name: PROPERTIES[name] for name in ("inside quotes", "word start")})
        ['inside quotes']
    """
    return [name for name, values in _values(text, properties).items() if not _varies(values)]


def top_next(probabilities: Array, k: int = 5) -> tuple[Array, Array]:
    """The most likely next characters.

    Args:
        probabilities: of each symbol to come next, floats ``(characters, symbols)``.
        k: how many; all symbols if there are fewer.

    Returns:
        The symbols' places, whole numbers ``(characters, k)``, the most likely first and of equally
        likely ones the first first; and their probabilities, of the same shape.

    Raises:
        ValueError: if `probabilities` has another number of axes, or `k` is below 1.

    Example:
        >>> top_next(np.array([[0.1, 0.6, 0.3]]), k=2)
        (array([[1, 2]]), array([[0.6, 0.3]]))
    """
    if probabilities.ndim != 2 or k < 1:
        raise ValueError(
            "Expected probabilities (characters, symbols) and k of at least 1. Received: "
            f"{probabilities.shape}, {k}"
        )
    ids = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return ids, np.take_along_axis(probabilities, ids, axis=1)


def check_states(states: Array, text: str) -> Array:
    """Checks that states are those of a text.

    Args:
        states: each cell after each character, floats ``(characters, layers, units)``.
        text: what was read.

    Returns:
        The states, as an array.

    Raises:
        ValueError: if the text is empty, the shape another, or a number not finite.
    """
    states = np.asarray(states)
    if not text:
        raise ValueError("Expected a text of at least one character. Received: ''")
    if states.ndim != 3 or len(states) != len(text) or not states.size:
        raise ValueError(
            f"Expected states ({len(text)}, layers, units), one of each cell for each character "
            f"of the text. Received: {states.shape}"
        )
    _check_finite(states, "after character")
    return states


def _rank(states: Array, properties: Mapping[str, Array]) -> list[CellScore]:
    """Scores cells ``(rows, layers, units)`` by how they track properties ``(rows,)``."""
    count, layers, units = states.shape
    found = {name: values for name, values in properties.items() if _varies(values)}
    if not found:
        return []
    rows = np.stack([values.astype(np.float64) for values in found.values()])
    centred = rows - rows.mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)

    correlations, rank_sums = np.empty((2, len(rows), layers * units))
    flat = states.reshape(count, -1)
    # A block is copied with the characters of a cell side by side: sorting them is what takes time.
    step = max(BLOCK // count, 1)
    with one_thread():
        for start in range(0, layers * units, step):
            block = np.ascontiguousarray(flat[:, start : start + step].T)
            correlations[:, start : start + step] = _correlations(centred, block)
            # Sums of products with rows of zeros and ones; of the other rows they mean nothing.
            rank_sums[:, start : start + step] = rows @ _ranks(block).T

    scores = []
    for row, (name, values) in enumerate(found.items()):
        correlation = correlations[row]
        if values.dtype == bool:
            holds = int(values.sum())
            above = rank_sums[row] - holds * (holds + 1) / 2
            auc = above / (holds * (count - holds))
            strength, sign = np.maximum(auc, 1 - auc), np.where(auc < 0.5, -1, 1)
        else:
            strength, sign = np.abs(correlation), np.where(correlation < 0, -1, 1)
        # Stable: of equally good ones the first comes first.
        for cell in np.argsort(-strength, kind="stable"):
            scores.append(
                CellScore(
                    name,
                    layer=int(cell) // units,
                    cell=int(cell) % units,
                    correlation=float(correlation[cell]),
                    auc=float(strength[cell]) if values.dtype == bool else None,
                    sign=int(sign[cell]),
                )
            )
    return scores


def _check_finite(states: Array, where: str) -> None:
    if not np.isfinite(states).all():
        place, layer, cell = np.argwhere(~np.isfinite(states))[0]
        raise ValueError(
            f"Expected finite states. Received: {states[place, layer, cell]} {where} {place}, in "
            f"layer {layer}, cell {cell}"
        )


def _values(text: str, properties: Mapping[str, Callable[[str], Array]]) -> dict[str, Array]:
    values = {name: np.asarray(function(text)) for name, function in properties.items()}
    for name, found in values.items():
        if found.shape != (len(text),) or not np.isfinite(found).all():
            raise ValueError(
                f"Expected of the property {name!r} one finite number for each of "
                f"{len(text)} characters. Received: {found.dtype} {found.shape}"
            )
    return values


def _varies(values: Array) -> bool:
    return bool((values != values[:1]).any())


def _correlations(centred: Array, block: Array) -> Array:
    """Correlations ``(properties, cells)`` of unit vectors and cells ``(cells, characters)``."""
    cells = block - block.mean(axis=1, keepdims=True, dtype=np.float64)
    lengths = np.linalg.norm(cells, axis=1)
    # The mean of equal numbers may miss them by a rounding error, of which nothing should be made.
    lengths[block.min(axis=1) == block.max(axis=1)] = np.inf
    return np.clip(centred @ cells.T / lengths, -1, 1)


def _ranks(block: Array) -> Array:
    """The ranks from 1 of numbers ``(cells, characters)`` within their row, ties at their mean."""
    ranks = np.empty(block.shape)
    # One by one, as the numbers of one cell stay in the processor's cache while they are sorted.
    for cell, rank in zip(block, ranks, strict=True):
        order = np.argsort(cell)
        ordered = cell[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        equal = np.diff(starts, append=len(cell))
        rank[order] = np.repeat(starts + (equal + 1) / 2, equal)
    return ranks


def _where(text: str, holds: Callable[[str], bool]) -> Array:
    return np.fromiter((holds(character) for character in text), bool, len(text))


def _shifted(values: Array, *, first: bool) -> Array:
    """What was so at the character before; `first` for the first character."""
    return np.concatenate([np.full(min(len(values), 1), first), values[:-1]])


def _ahead(values: Array) -> Array:
    """What is so at the next character; False for the last."""
    return np.concatenate([values[1:], np.full(min(len(values), 1), False)])


def _since(starts: Array) -> Array:
    """Characters since the last start, floats ``(characters,)``."""
    places = np.arange(len(starts))
    return (places - np.maximum.accumulate(np.where(starts, places, 0))).astype(np.float64)


def _inside_words(text: str) -> Array:
    letters = _where(text, str.isalnum)
    apostrophes = _where(text, _APOSTROPHES.__contains__)
    return letters | (apostrophes & _shifted(letters, first=False) & _ahead(letters))
