"""Many texts → tokens, as numbers, on all processors.

A corpus has millions of tokens and a hundred thousand different ones. So texts become numbers here
already, which stand for places in the corpus's own vocabulary, before anything is known of word
vectors: a batch of texts at a time, so that no more than a few batches are ever held as strings.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from pathlib import Path

import numpy as np

from sentiment_rnn._cache import LARGE, cached_arrays, hash_of_texts, pack_texts, unpack_texts
from sentiment_rnn.preprocessing.tokenizer import TreebankTokenizer

# Characters of a batch, some 200 reviews: enough for a vocabulary to pay.
BATCH_CHARACTERS = 1 << 18
# Characters, of some 1,600 reviews, that this process tokenizes in little more than the time in
# which others would have started.
FOR_PROCESSES = 1 << 21


@dataclass(frozen=True, eq=False)
class TokenizedTexts:
    """Texts as numbers, each of a token.

    Args:
        vocabulary: the different tokens, in the order in which they first come.
        numbers: the place of each token in `vocabulary`, text after text; int32 ``(tokens,)``.
        lengths: how many tokens each text has; int64 ``(texts,)``.

    Example:
        >>> tokenized = TokenizedTexts.of(["A film.", "", "A good film."], TreebankTokenizer())
        >>> tokenized.vocabulary, tokenized.numbers.tolist()
        (['A', 'film', '.', 'good'], [0, 1, 2, 0, 3, 1, 2])
        >>> list(tokenized)
        [['A', 'film', '.'], [], ['A', 'good', 'film', '.']]
    """

    vocabulary: list[str]
    numbers: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, texts: Iterable[str], tokenizer: TreebankTokenizer) -> TokenizedTexts:
        """Tokenizes texts, in this process."""
        # What is looked up for the first time gets the next number.
        vocabulary: defaultdict[str, int] = defaultdict()
        vocabulary.default_factory = vocabulary.__len__
        numbers = array("i")
        ends = [0]
        for text in texts:
            numbers.extend(map(vocabulary.__getitem__, tokenizer.tokenize(text)))
            ends.append(len(numbers))
        return cls(list(vocabulary), np.frombuffer(numbers, np.int32), np.diff(ends))

    @classmethod
    def join(cls, parts: Iterable[TokenizedTexts]) -> TokenizedTexts:
        """Texts behind one another, with one vocabulary, as if they had been tokenized together."""
        places: dict[str, int] = {}
        # Grows in place: arrays put together in the end would be held twice.
        numbers = bytearray()
        lengths = [np.empty(0, np.int64)]
        for part in parts:
            here = [places.setdefault(token, len(places)) for token in part.vocabulary]
            numbers += np.array(here, np.int32)[part.numbers].tobytes()
            lengths.append(part.lengths)
        return cls(list(places), np.frombuffer(numbers, np.int32), np.concatenate(lengths))

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[list[str]]:
        """Yields the tokens of each text."""
        for numbers in self.split():
            yield [self.vocabulary[number] for number in numbers.tolist()]

    def split(self) -> list[np.ndarray]:
        """The numbers of each text: int32 ``(tokens,)``."""
        ends = [0, *np.cumsum(self.lengths).tolist()]
        return [self.numbers[start:end] for start, end in pairwise(ends)]


class Corpus:
    """Texts to be tokenized, which is done once and kept for the next time.

    Args:
        texts: the texts; not changed.
        tokenizer: of the tokens.
        cache: a folder where what is made of large corpora is kept; None for none.
        fingerprint: a hash from which the texts follow, if it is known already.

    Example:
        >>> Corpus(["A film.", "A good film."], TreebankTokenizer()).tokenized.vocabulary
        ['A', 'film', '.', 'good']
    """

    def __init__(
        self,
        texts: Sequence[str],
        tokenizer: TreebankTokenizer,
        *,
        cache: Path | None = None,
        fingerprint: str | None = None,
    ) -> None:
        self._texts, self._tokenizer = texts, tokenizer
        self._cache = None if sum(map(len, texts)) < LARGE else cache
        self._fingerprint = fingerprint

    @cached_property
    def tokenized(self) -> TokenizedTexts:
        """The tokens, the same however many processors there are."""

        def make() -> list[np.ndarray]:
            made = TokenizedTexts.join(tokenize_batches(self._texts, self._tokenizer))
            return [*pack_texts(made.vocabulary), made.numbers, made.lengths]

        if self._cache is None:
            return TokenizedTexts.join(tokenize_batches(self._texts, self._tokenizer))
        words, word_lengths, numbers, lengths = self.cached("tokens", [], make)
        return TokenizedTexts(unpack_texts(words, word_lengths), numbers, lengths)

    def cached(
        self, name: str, made_from: Sequence[object], make: Callable[[], list[np.ndarray]]
    ) -> list[np.ndarray]:
        """What was made of the tokens before, or is made now; see `cached_arrays`.

        Args:
            name: what it is.
            made_from: what it is made from besides the tokens.
            make: makes it.
        """
        if self._cache is None:
            return make()
        if self._fingerprint is None:
            self._fingerprint = hash_of_texts(self._texts)
        options = [self._tokenizer.keep_break_tags, self._tokenizer.lowercase]
        return cached_arrays(self._cache, [name, *options, self._fingerprint, *made_from], make)


def tokenize_batches(
    texts: Iterable[str], tokenizer: TreebankTokenizer
) -> Generator[TokenizedTexts]:
    """Yields texts, tokenized, some hundreds at a time and in their order.

    Many texts are tokenized on all processors, and read no further ahead than these need.
    """
    batches = _batches(texts)
    first = list(islice(batches, FOR_PROCESSES // BATCH_CHARACTERS))
    batches = chain(first, batches)
    if len(first) * BATCH_CHARACTERS < FOR_PROCESSES:
        return (TokenizedTexts.of(batch, tokenizer) for batch in batches)
    from sentiment_rnn.preprocessing.workers import tokenize_in_processes

    return tokenize_in_processes(batches, tokenizer)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        # NumPy's strings are of a type of their own, which can't be sent to another process.
        batch.append(str.__str__(text))
        characters += len(text)
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
