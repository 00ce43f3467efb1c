r"""Text → tokens.

The rules are our own statement of the published Treebank rules, as a table of regular expressions,
and the tests hold them to nltk, token by token: importing nltk takes over a second, because it
imports scikit-learn and SciPy where it finds them, and its tokenizer can't be loaded without it.

Most of what a text consists of has been seen before: `tokenize` looks up what each chunk between
two spaces becomes, and applies the rules to new chunks only. That gives the same tokens because no
rule sees beyond a space; those that see where a text starts or ends are applied to the text first.

A text can also come in pieces, without end (`TreebankTokenizer.tokenize_stream`). White space is
where it is cut again: no rule sees further than one character of it. So ``A\nB`` has the tokens of
``A\n`` and those of ``\nB``, if something stands in for B behind the first.

>>> tokens_by_rules('"Dull," she said.') == TreebankTokenizer().tokenize('"Dull," she said.')
True
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple, TypeVar

from sentiment_rnn.errors import DataError

# IMDB marks line breaks inside a review this way.
_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
# The one letter that is two characters in lower case.
_TWO_IN_LOWER_CASE = "\u0130"
# What the rules read as more or fewer characters than there are.
_READ_OTHERWISE = re.compile(f"(?i:{_BREAK_TAG.pattern})|{_TWO_IN_LOWER_CASE}")
_UNFINISHED_TAG = re.compile(r"<(?:b(?:r\s*/?)?)?", re.IGNORECASE)

# Characters of a stream that are tokenized at a time.
_BLOCK = 1 << 16
# Characters of a stream without white space, which can't be cut without changing tokens. No
# language fills pages this way; encoded pictures do.
LONGEST_RUN = 1_000_000
# White space at the end of what has come of a stream is shortened beyond this.
_LONG_SPACE = 1000
_SEPARATOR = re.compile("[\x1c-\x1f]")

_Rule = tuple[re.Pattern[str], str]
Found = TypeVar("Found")


def _rule(pattern: str, replacement: str = r" \g<0> ") -> _Rule:
    """By default, puts spaces around what `pattern` finds: there tokens are split in the end."""
    return re.compile(pattern), replacement


# The rules for the ends of a text. The last full stop parts from its word, also before closing
# marks. As nltk's regular expressions have it, the separators \x1c to \x1f are no white space.
_OPENING_QUOTE = _rule(r'\A"', "``")
_FULL_STOP = _rule(r"""\.(?<=[^.]\.)[])}>"']*(?=[^\S\x1c-\x1f]*\Z)""")
_ENDS = _rule(r"\A|\Z", " ")

# The rules for chunks without quotes. A comma or colon is parted unless it is that of 10,000 or
# 9:30; of two in a row this parts the first, and from the second what is before it.
_COMMA = _rule(r"([:,])(\D|\Z)", r" \1 \2")
_MARKS = _rule(r"\.\.\.|[;@#$%&?!]")
_BRACKETS = _rule(r"--|[][(){}<>]")
_CONTRACTION = _rule(
    r"(?i)\b(can(?=not\b)|d(?='ye\b)|gim(?=me\b)|gon(?=na\b)|got(?=ta\b)|lem(?=me\b)"
    r"|more(?='n\b)|wan(?=na\s))(not|'ye|me|na|ta|'n)",
    r" \1 \2 ",
)

# All rules in their order: each takes the text that the one before it leaves. "Before a space"
# means " " alone: a clitic before a line break stays with its word, as it does in nltk.
_RULES = (
    # Opening quotes.
    _OPENING_QUOTE,
    _rule("``"),
    _rule(r"""([ ([{<])("|'')""", r"\1 `` "),
    # Punctuation.
    _COMMA,
    _MARKS,
    _FULL_STOP,
    _rule("(?<=[^'])'(?= )"),
    _BRACKETS,
    _ENDS,
    # Closing quotes, clitics and contractions.
    _rule("''|\"", " '' "),
    _rule("(?<=[^' ])'[sSmMdD]?(?= )"),
    _rule("(?<=[^' ])(?:'ll|'LL|'re|'RE|'ve|'VE|n't|N'T)(?= )"),
    _CONTRACTION,
    _rule(r"(?i) ('t)(is)\b", r" \1 \2 "),
    _rule(r"(?i) ('t)(was)\b", r" \1 \2 "),
)
_CHUNK_RULES = tuple(rule for rule in _RULES if rule not in (_OPENING_QUOTE, _FULL_STOP, _ENDS))
_QUOTE = re.compile("[\"'`]")
_QUOTE_TOKENS = ("``", "''")
_QUOTELESS_RULES = (_COMMA, _MARKS, _BRACKETS, _CONTRACTION)
_WORD_RULES = (_CONTRACTION,)


def _apply(rules: Iterable[_Rule], text: str) -> list[str]:
    for pattern, replacement in rules:
        # Most rules find nothing, which `search` says much sooner than `sub`.
        if pattern.search(text):
            text = pattern.sub(replacement, text)
    return text.split()


def tokens_by_rules(text: str) -> list[str]:
    """The tokens of `text` by all rules, one after the other, without looking anything up.

    Example:
        >>> tokens_by_rules("We cannot say they're 'dull' (yet).")
        ['We', 'can', 'not', 'say', 'they', "'re", "'dull", "'", '(', 'yet', ')', '.']
    """
    return _apply(_RULES, text)


def chunk_tokens(chunk: str) -> tuple[str, ...]:
    """The tokens of a chunk: of what stands between two spaces inside a text.

    Example:
        >>> chunk_tokens("(don't"), chunk_tokens("stop."), chunk_tokens("")
        (('(', 'do', "n't"), ('stop.',), ())
    """
    rules = _CHUNK_RULES
    if chunk.isalnum():
        rules = _WORD_RULES
    elif not _QUOTE.search(chunk):
        rules = _QUOTELESS_RULES
        pieces = chunk.split()
        if pieces != [chunk]:
            # Around line breaks and the like, only the rules for quotes differ from those around
            # spaces. The pieces recur, the whole does not.
            return tuple([token for piece in pieces for token in _tokens_of_chunks[piece]])
    return tuple(_apply(rules, f" {chunk} "))


class ChunkMemo(dict[str, Found]):
    """Remembers what is found out about chunks. Fills itself.

    Threads may share it, since the same is found whoever looks. What it holds is bounded: beyond
    `max_chunks` it begins anew, and chunks that hardly recur, long ones and those across lines,
    stay out.

    Args:
        find: says of a chunk what is to be remembered.

    Example:
        >>> lengths = ChunkMemo(len)
        >>> lengths["film"], len(lengths)
        (4, 1)
    """

    max_chunks = 1 << 17
    max_characters = 24

    def __init__(self, find: Callable[[str], Found]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, chunk: str) -> Found:
        found = self._find(chunk)
        if len(chunk) <= self.max_characters and len(chunk.split()) < 2:
            if len(self) >= self.max_chunks:
                self.clear()
            self[chunk] = found
        return found

    def __reduce__(self) -> tuple[type[ChunkMemo[Found]], tuple[Callable[[str], Found]]]:
        # A copy finds out for itself.
        return type(self), (self._find,)


_tokens_of_chunks = ChunkMemo(chunk_tokens)


class Token(NamedTuple):
    """A token, and where it is in the text: ``text[start:end]``.

    There stands the token itself, but where a quote has become two characters of another kind, or
    upper case lower.
    """

    token: str
    start: int
    end: int


def _blocks(pieces: Iterable[str], size: int) -> Iterator[str]:
    """The same text cut every `size` characters, so that no cut depends on those of the pieces.

    Example:
        >>> list(_blocks(["a", "", "bcdefg", "h"], 3))
        ['abc', 'def', 'gh']
    """
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        if piece:
            waiting.append(piece)
            length += len(piece)
        if length >= size:
            text = "".join(waiting)
            cut = length - length % size
            for start in range(0, cut, size):
                yield text[start : start + size]
            waiting, length = [text[cut:]], length - cut
    yield "".join(waiting)


def _shorten_end(text: str) -> str:
    r"""Leaves out the middle of very long white space at the end: no rule sees it.

    One rule asks whether there are separators in it, so that one of them stays.

    Example:
        >>> _shorten_end("a." + " \n" * 9000), _shorten_end("a\t\x1d" + " " * 9000)
        ('a. \n', 'a\t\x1d ')
    """
    space = text[len(text.rstrip()) :]
    if len(space) <= _LONG_SPACE:
        return text
    separator = _SEPARATOR.search(space)
    middle = separator[0] if separator else ""
    return text[: -len(space)] + space[0] + middle + space[-1]


class TreebankTokenizer:
    """Splits a text into the tokens of the Penn Treebank, as nltk defines them.

    Words, numbers and punctuation become tokens of their own and contractions are split. Text is
    not split into sentences first, so that a full stop inside the text stays with its word
    (``"dull."``), as in the textbook.

    Args:
        keep_break_tags: whether the ``<br />`` tags of the IMDB reviews stay in the text and
            become the tokens ``<``, ``br``, ``/``, ``>``, as in the textbook. By default they
            are line breaks, which end a word and are no tokens.
        lowercase: whether tokens are in lower case.

    Example:
        >>> TreebankTokenizer().tokenize("It isn't bad.<br /><br />Watch it!")
        ['It', 'is', "n't", 'bad.', 'Watch', 'it', '!']

    Source: Robert MacIntyre's sed script for the Penn Treebank (1995), in the reading of nltk's
    ``TreebankWordTokenizer``.
    """

    def __init__(self, *, keep_break_tags: bool = False, lowercase: bool = False) -> None:
        self.keep_break_tags = keep_break_tags
        self.lowercase = lowercase

    def tokenize(self, text: str) -> list[str]:
        """Returns the tokens of `text` in order."""
        return self._tokens(self._without_tags(text))

    def span_tokenize(self, text: str) -> list[Token]:
        """The tokens of `text` in order, each with its place.

        Example:
            >>> for token in TreebankTokenizer().span_tokenize('"Dull,"<br />he said'):
            ...     print(*token)
            `` 0 1
            Dull 1 5
            , 5 6
            '' 6 7
            he 13 15
            said 16 20
        """
        # The rules only part and rename, so that the tokens lie in what they read in order.
        read = self._without_tags(text)
        tokens = self._tokens(read)
        if self.lowercase:
            read = read.lower()
        place_of = self._places(text)
        found, place = [], 0
        for token in tokens:
            while read[place].isspace():
                place += 1
            length = len(token)
            if token in _QUOTE_TOKENS and not read.startswith(token, place):
                length = 1 if read[place] == '"' else 2
            found.append(Token(token, place_of(place), place_of(place + length - 1) + 1))
            place += length
        return found

    def _places(self, text: str) -> Callable[[int], int]:
        """Says which character of `text` the rules read at a place."""
        # From the place `read[n]` on the rules read what stands from `stands[n]` on in the text.
        read, stands = [0], [0]
        for found in _READ_OTHERWISE.finditer(text):
            ahead = found.start() - stands[-1] + read[-1] + 1
            if found[0] == _TWO_IN_LOWER_CASE:
                if self.lowercase:
                    read.append(ahead)
                    stands.append(found.start())
            elif not self.keep_break_tags:
                read.append(ahead)
                stands.append(found.end())

        def place_of(place: int) -> int:
            last = bisect_right(read, place) - 1
            return stands[last] + place - read[last]

        return place_of

    def tokenize_stream(self, pieces: Iterable[str]) -> Iterator[list[str]]:
        """Yields the tokens of one text that comes in pieces, however long it is.

        Memory stays bounded: about 65,000 characters are read and tokenized at a time.

        Args:
            pieces: the text, cut anywhere: inside words or tags too. It is read no further than
                the tokens asked for need.

        Yields:
            Tokens in order, some thousands in a list: together those of
            ``tokenize("".join(pieces))``.

        Raises:
            DataError: for more than some 1,000,000 characters in a row without white space.

        Example:
            >>> list(TreebankTokenizer().tokenize_stream(["It is", "n't b", "ad.<br", " />Watch!"]))
            [['It', 'is', "n't", 'bad.'], ['Watch', '!']]
        """
        held = tag = ""
        read = 0
        for block in _blocks(pieces, _BLOCK):
            read += len(block)
            if self.keep_break_tags:
                held += block
            else:
                tag += block
                start = tag.rfind("<")
                if start < 0 or not _UNFINISHED_TAG.fullmatch(tag, start):
                    start = len(tag)
                held += _BREAK_TAG.sub("\n", tag[:start])
                tag = _shorten_end(tag[start:])
            # The last word is held back with all that follows it: what the rules for the end of a
            # text see reaches no further than to the white space before it.
            words = held.rsplit(None, 1)
            if len(words) == 2:
                start = len(held.rstrip()) - len(words[1])
                # A word in place of the one held back: this is not the end.
                yield self._tokens(held[:start] + "x")[:-1]
                held = held[start - 1 :]
            if words and len(words[-1]) > LONGEST_RUN:
                raise DataError(
                    f"Expected white space between words. Received more than {LONGEST_RUN:,} "
                    f"characters without any before character {read:,} of the text."
                )
            held = _shorten_end(held)
        yield self._tokens(held + tag)

    def _without_tags(self, text: str) -> str:
        return text if self.keep_break_tags else _BREAK_TAG.sub("\n", text)

    def _tokens(self, text: str) -> list[str]:
        """The tokens of a text whose break tags have been seen to."""
        chunks = self._chunks(text)
        if chunks is None:
            return tokens_by_rules(text.lower() if self.lowercase else text)
        return list(chain.from_iterable(map(_tokens_of_chunks.__getitem__, chunks)))

    def _chunks(self, text: str) -> list[str] | None:
        """The chunks of a text whose break tags have been seen to, each with tokens of its own.

        None for a text whose ends no chunk tells enough of: only all rules know its tokens.
        """
        if self.lowercase:
            text = text.lower()
        # At these ends a quote has no space beside it, which makes another token of it.
        if text.startswith("''") or text.rstrip().endswith("'"):
            return None
        for pattern, replacement in (_OPENING_QUOTE, _FULL_STOP):
            text = pattern.sub(replacement, text)
        return text.split(" ")
