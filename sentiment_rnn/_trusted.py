"""JSON that may come from a stranger: read with limits, then taken apart piece by checked piece.

Every function here raises a `ModelError` that names the place, what was expected there and what
came. A *place* is a text such as ``model.json: layer 2 (LSTM), units``.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

from sentiment_rnn.errors import ModelError

# A whole string, or the rest of the text where its closing quote is missing, or one bracket.
# Possessive (`*+`), and never failing once it has met a quote: linear in the length of any text.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def read_json(path: str | Path, *, max_bytes: int, max_depth: int = 64) -> object:
    """Reads a JSON file, in time and memory that its size limit bounds.

    Args:
        path: the file.
        max_bytes: its largest size.
        max_depth: how deeply its objects and arrays may lie in each other.

    Returns:
        What the JSON says, made of dict, list, str, int, float, bool and None.

    Raises:
        ModelError: if the file is missing, too large or nested too deeply, is no UTF-8 or no
            JSON, repeats a key, or has a number that is no finite one.
    """
    path = Path(path)
    if not path.exists():
        raise ModelError(f"{path} is missing.")
    # A pipe or a device could be read forever.
    if not path.is_file():
        raise ModelError(f"{path}: expected a JSON file. Received something else than a file.")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # One byte more than allowed finds the file that has grown meanwhile.
            content = b"" if size > max_bytes else file.read(max_bytes + 1)
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror or error}") from error
    size = max(size, len(content))
    if size > max_bytes:
        raise ModelError(f"{path}: expected at most {max_bytes:,} bytes. Received: {size:,}")
    return parse_json(content, str(path), max_depth=max_depth)


def parse_json(content: bytes, where: str, *, max_depth: int = 64) -> object:
    """Parses JSON of a size that the caller has bounded.

    Args:
        content: the text in UTF-8.
        where: the place that errors name.
        max_depth: how deeply objects and arrays may lie in each other.

    Raises:
        ModelError: as for `read_json`.

    Example:
        >>> parse_json(b'{"units": [50]}', "model.json")
        {'units': [50]}
        >>> parse_json(b'{"units": NaN}', "model.json")
        Traceback (most recent call last):
        ...
        sentiment_rnn.errors.ModelError: model.json: expected finite numbers. Received: NaN
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{where}: expected UTF-8. Received byte {error.start}: {error}") from None
    # The parser calls itself for each level, so that deep nesting has to be found before.
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = match[0]
        if bracket in "[{":
            depth += 1
        elif bracket in "]}":
            depth -= 1
        if depth > max_depth:
            raise ModelError(
                f"{where}: expected at most {max_depth} levels of nesting. Received more."
            )

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        # Two parsers may take different ones of two equal keys: what one checks, another runs.
        found: dict[str, object] = {}
        for key, value in pairs:
            if key in found:
                raise ModelError(f"{where}: expected each key once. Received twice: {shown(key)}")
            found[key] = value
        return found

    def finite(number: str) -> float:
        value = float(number)
        if not math.isfinite(value):
            raise ModelError(f"{where}: expected finite numbers. Received: {number[:40]}")
        return value

    try:
        parsed: object = json.loads(
            text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite
        )
    except ModelError:
        raise
    except ValueError as error:
        raise ModelError(f"{where}: expected JSON. Received: {error}") from error
    return parsed


def shown(value: object, limit: int = 60) -> str:
    """A value as an error message shows it: on one line and short, whatever it is.

    Example:
        >>> shown("Lambda"), shown({"a": 1}), shown("a" * 100, limit=9)
        ("'Lambda'", 'an object', "'aaaaa...")
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    text = ascii(value[:limit] if isinstance(value, str) else value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def check_keys(found: dict[str, object], allowed: frozenset[str] | set[str], where: str) -> None:
    """Expects no key but the allowed ones."""
    unknown = [key for key in found if key not in allowed]
    if unknown:
        raise ModelError(f"{where}: expected no key {shown(unknown[0])}: its meaning is unknown.")


def as_object(value: object, where: str) -> dict[str, object]:
    """Expects a JSON object."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ModelError(f"{where}: expected an object. Received: {shown(value)}")
    return value


def as_list(value: object, where: str, *, longest: int) -> list[object]:
    """Expects a JSON array of at most `longest` items."""
    if not isinstance(value, list):
        raise ModelError(f"{where}: expected an array. Received: {shown(value)}")
    if len(value) > longest:
        raise ModelError(f"{where}: expected at most {longest} items. Received: {len(value)}")
    return value


def as_text(value: object, where: str, *, longest: int = 200) -> str:
    """Expects a string of at most `longest` characters."""
    if not isinstance(value, str):
        raise ModelError(f"{where}: expected a string. Received: {shown(value)}")
    if len(value) > longest:
        raise ModelError(f"{where}: expected at most {longest} characters. Received: {len(value)}")
    return value


def as_flag(value: object, where: str) -> bool:
    """Expects true or false."""
    if not isinstance(value, bool):
        raise ModelError(f"{where}: expected true or false. Received: {shown(value)}")
    return value


def as_whole(value: object, where: str, *, least: int, most: int) -> int:
    """Expects a whole number between two bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ModelError(
            f"{where}: expected a whole number from {least} to {most:,}. Received: {shown(value)}"
        )
    return value


def as_number(value: object, where: str, *, least: float, most: float) -> float:
    """Expects a number between two bounds, both included."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
        raise ModelError(
            f"{where}: expected a number from {least:g} to {most:g}. Received: {shown(value)}"
        )
    return value


def as_share(value: object, where: str) -> float:
    """Expects a number of at least 0 and below 1."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
        raise ModelError(
            f"{where}: expected a number of at least 0 and below 1. Received: {shown(value)}"
        )
    return value
