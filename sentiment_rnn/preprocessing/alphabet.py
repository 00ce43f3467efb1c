"""Text ↔ the ids of its characters, for character models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sentiment_rnn._checks import check_choice
from sentiment_rnn.errors import DataError

UNITS = ("character", "byte")
UNKNOWN = ("error", "drop")

# More than any script has, and what 16 bits can number.
MAX_SYMBOLS = 1 << 16
_CODE_POINTS = 0x110000
_BYTES = 0x100

# Characters that are looked up at a time, so that little is held besides the ids.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Alphabet:
    r"""The characters, or bytes, that a model knows. Its ids are their places in it.

    Characters are code points: a letter with a combining accent is two of them. Bytes are those of
    the text in UTF-8, of which any text has at most 256 different ones.

    Args:
        symbols: the known ones, sorted, none twice: a str of characters, or bytes.

    Raises:
        DataError: if there are none or more than `MAX_SYMBOLS`, they are not sorted, one is there
            twice, or one is a surrogate, which is no character.

    Example:
        >>> alphabet = Alphabet.of("she sells")
        >>> alphabet.symbols, len(alphabet)
        (' ehls', 5)
        >>> alphabet.encode("he").tolist(), alphabet.decode([2, 1])
        ([2, 1], 'he')
        >>> Alphabet.of("né", unit="byte").symbols
        b'n\xa9\xc3'
    """

    symbols: str | bytes

    def __post_init__(self) -> None:
        if not isinstance(self.symbols, str | bytes):
            raise DataError(
                f"Expected an alphabet as str or bytes. Received: {type(self.symbols).__name__}"
            )
        if not self.symbols:
            raise DataError(f"Expected an alphabet of at least one {self.unit}. Received none.")
        if len(self.symbols) > MAX_SYMBOLS:
            raise DataError(
                f"Expected an alphabet of at most {MAX_SYMBOLS:,} characters; in bytes any text "
                f"has at most {_BYTES}. Received: {len(self.symbols):,}"
            )
        codes = list(map(ord, self.symbols)) if isinstance(self.symbols, str) else self.symbols
        for place, (before, after) in enumerate(pairwise(codes), start=1):
            if before >= after:
                raise DataError(
                    "Expected an alphabet that is sorted, with nothing twice. Received: "
                    f"{self._shown(before)}, {self._shown(after)} at position {place}."
                )
        for place, code in enumerate(codes):
            if 0xD800 <= code < 0xE000:
                raise DataError(
                    "Expected an alphabet of characters. Received half a surrogate pair: "
                    f"{self._shown(code)} at position {place}."
                )

    @classmethod
    def of(cls, text: str, unit: str = "character") -> Alphabet:
        """The alphabet of a text.

        Args:
            text: whose characters are to be known.
            unit: ``"character"`` or ``"byte"``.

        Raises:
            ValueError: for another unit.
            DataError: as the constructor; for a surrogate with its position in the text.

        Example:
            >>> Alphabet.of("banana")
            Alphabet(symbols='abn')
        """
        check_choice("unit", unit, UNITS)
        is_known = np.zeros(_CODE_POINTS if unit == "character" else _BYTES, bool)
        try:
            for _, codes in _codes(text, unit):
                is_known[codes] = True
        except UnicodeEncodeError as error:
            raise DataError(
                "Expected a text of characters. Received half a surrogate pair: "
                f"{text[error.start]!r} at position {error.start:,}."
            ) from None
        codes = np.flatnonzero(is_known)
        if unit == "byte":
            return cls(codes.astype(np.uint8).tobytes())
        return cls(codes.astype("<u4").tobytes().decode("utf-32-le"))

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def unit(self) -> str:
        """``"character"`` or ``"byte"``: what an id stands for."""
        return "byte" if isinstance(self.symbols, bytes) else "character"

    def encode(self, text: str, unknown: str = "error") -> np.ndarray:
        """The ids of a text.

        Args:
            text: of any length, also empty.
            unknown: what becomes of characters that are not in the alphabet: ``"error"``, or
                ``"drop"``, which leaves them out. In bytes, a character is left out with all of
                its bytes.

        Returns:
            int32 ids ``(characters,)``, or ``(bytes,)``.

        Raises:
            ValueError: for another `unknown`.
            DataError: naming the first unknown character and its position, counted from 0.

        Example:
            >>> alphabet = Alphabet.of("abc")
            >>> alphabet.encode("cabs", unknown="drop")
            array([2, 0, 1], dtype=int32)
            >>> alphabet.encode("cabs")
            Traceback (most recent call last):
            ...
            sentiment_rnn.errors.DataError: Unknown character 's' at position 3. Expected one of
            the 3 of the alphabet.
        """
        check_choice("unknown", unknown, UNKNOWN)
        # Grows in place: arrays put together in the end would be held twice.
        found = bytearray()
        # What a codec ignores are surrogates alone, which no alphabet has.
        errors = "strict" if unknown == "error" else "ignore"
        try:
            for start, codes in _codes(text, self.unit, errors):
                ids = self._ids_of_codes.take(codes, mode="clip")
                is_unknown = ids < 0
                if is_unknown.any():
                    if unknown == "error":
                        raise self._unknown(text, start, codes, int(is_unknown.argmax()))
                    if self.unit == "byte":
                        is_unknown = _spread_over_characters(is_unknown, codes)
                    ids = ids[~is_unknown]
                found += ids.tobytes()
        except UnicodeEncodeError as error:
            raise self._unknown_at(text, error.start) from None
        return np.frombuffer(found, np.int32)

    def decode(self, ids: object) -> str:
        """The text of ids. Bytes that are no UTF-8 become ``"\N{REPLACEMENT CHARACTER}"``.

        Args:
            ids: whole numbers ``(length,)``, an array or what makes one; not changed.

        Raises:
            ValueError: for ids that are not those of this alphabet.

        Example:
            >>> Alphabet.of("né", unit="byte").decode([0, 2, 1, 2])
            'né�'
        """
        array = np.asarray(ids)
        if array.shape == (0,):
            return ""
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(
                f"Expected whole numbers (length,). Received: {array.dtype} {array.shape}"
            )
        is_wrong = (array < 0) | (array >= len(self))
        if is_wrong.any():
            place = int(is_wrong.argmax())
            raise ValueError(
                f"Expected ids from 0 to {len(self) - 1}. "
                f"Received: {array[place]} at position {place:,}."
            )
        if isinstance(self.symbols, bytes):
            return self._codes_of_ids[array].tobytes().decode(errors="replace")
        return self._codes_of_ids[array].tobytes().decode("utf-32-le")

    def to_dict(self) -> dict[str, object]:
        """What `from_dict` makes this of again, in types that JSON has.

        Example:
            >>> Alphabet("abc").to_dict(), Alphabet(b"abc").to_dict()
            ({'unit': 'character', 'symbols': 'abc'}, {'unit': 'byte', 'symbols': [97, 98, 99]})
        """
        symbols = self.symbols if isinstance(self.symbols, str) else list(self.symbols)
        return {"unit": self.unit, "symbols": symbols}

    @classmethod
    def from_dict(cls, saved: object) -> Alphabet:
        """Makes an alphabet of what `to_dict` gave. It may come from a stranger's file.

        Raises:
            DataError: for anything else.

        Example:
            >>> Alphabet.from_dict({"unit": "byte", "symbols": [97, 98, 99]})
            Alphabet(symbols=b'abc')
        """
        if not isinstance(saved, dict) or set(saved) != {"unit", "symbols"}:
            raise DataError("Expected an alphabet: an object with unit and symbols, nothing else.")
        unit, symbols = saved["unit"], saved["symbols"]
        if unit == "character" and isinstance(symbols, str):
            return cls(symbols)
        if (
            unit == "byte"
            and isinstance(symbols, list)
            and len(symbols) <= _BYTES
            # True is an int in Python, but not in JSON.
            and all(type(symbol) is int and 0 <= symbol < _BYTES for symbol in symbols)
        ):
            return cls(bytes(symbols))
        raise DataError(
            'Expected an alphabet of unit "character" with symbols as a string, or of unit "byte" '
            f"with at most {_BYTES} numbers from 0 to {_BYTES - 1}."
        )

    @cached_property
    def _codes_of_ids(self) -> np.ndarray:
        if isinstance(self.symbols, bytes):
            return np.frombuffer(self.symbols, np.uint8)
        return np.frombuffer(self.symbols.encode("utf-32-le"), "<u4")

    @cached_property
    def _ids_of_codes(self) -> np.ndarray:
        """The id of each code up to the highest known one, and -1: of unknown and higher ones."""
        ids = np.full(int(self._codes_of_ids[-1]) + 2, -1, np.int32)
        ids[self._codes_of_ids] = np.arange(len(self))
        return ids

    def _unknown(self, text: str, start: int, codes: np.ndarray, place: int) -> DataError:
        """The error for code number `place` of the characters from `start` on."""
        if self.unit == "character":
            return self._unknown_at(text, start + place)
        # The characters whose bytes have all gone by.
        before = len(codes[:place].tobytes().decode(errors="ignore"))
        return self._unknown_at(text, start + before, f" (byte {codes[place]:#04x})")

    def _unknown_at(self, text: str, place: int, byte: str = "") -> DataError:
        return DataError(
            f"Unknown character {text[place]!r}{byte} at position {place:,}. "
            f"Expected one of the {len(self):,} of the alphabet."
        )

    def _shown(self, code: int) -> str:
        return f"{code:#04x}" if self.unit == "byte" else ascii(chr(code))


def _codes(text: str, unit: str, errors: str = "strict") -> Iterator[tuple[int, np.ndarray]]:
    """Yields the codes of a text, block by block, each with the position where it starts.

    Raises:
        UnicodeEncodeError: for a surrogate, unless `errors` is ``"ignore"``. Its ``start`` is the
            position in the whole text.
    """
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        # In ASCII a character is its only byte.
        is_bytes = unit == "byte" or block.isascii()
        try:
            data = block.encode("utf-8" if is_bytes else "utf-32-le", errors)
        except UnicodeEncodeError as error:
            error.start += start
            raise
        yield start, np.frombuffer(data, np.uint8 if is_bytes else "<u4")


def _spread_over_characters(chosen: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Chooses all bytes of each character of which one is chosen: bool ``(bytes,)``.

    Example:
        >>> codes = np.frombuffer("né".encode(), np.uint8)
        >>> _spread_over_characters(np.array([False, False, True]), codes)
        array([False,  True,  True])
    """
    # All bytes of a character but the first begin with the bits 10.
    characters = np.cumsum((codes & 0xC0) != 0x80) - 1
    is_chosen = np.zeros(characters[-1] + 1, bool)
    is_chosen[characters[chosen]] = True
    return is_chosen[characters]
