"""Text → padded ids: the tokenizer, the vocabulary and the padding put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from sentiment_rnn._checks import check_choice, check_flag, check_whole
from sentiment_rnn.preprocessing.padding import PADDING_ID, pad_sequences
from sentiment_rnn.preprocessing.tokenized import Corpus, TokenizedTexts, tokenize_batches
from sentiment_rnn.preprocessing.tokenizer import TreebankTokenizer
from sentiment_rnn.preprocessing.word_vectors import WordVectors

SIDES = ("pre", "post")
UNKNOWN = ("skip", "vector")
# The tokenizer splits this at its brackets, so that no text has it as a token.
UNKNOWN_WORD = "<unknown>"
# Texts that are encoded at once.
_ENCODED = 1000


@dataclass(frozen=True)
class PreprocessingConfig:
    """How a text becomes ids. The defaults are the textbook's, but for ``<br />`` tags."""

    maxlen: int = field(
        default=400, metadata={"help": "known tokens kept of a text; 0 keeps all of them"}
    )
    padding: str = field(
        default="post",
        metadata={"help": "where short texts are filled with zero vectors", "choices": SIDES},
    )
    truncating: str = field(
        default="post", metadata={"help": "which end of long texts is dropped", "choices": SIDES}
    )
    unknown: str = field(
        default="skip",
        metadata={
            "help": "whether words without a vector are skipped or all get one: the mean vector",
            "choices": UNKNOWN,
        },
    )
    lowercase: bool = field(
        default=False, metadata={"help": "look words up in lower case (your vectors must be too)"}
    )
    keep_break_tags: bool = field(
        default=False, metadata={"help": "make tokens of <br /> tags, as the textbook does"}
    )

    def __post_init__(self) -> None:
        check_whole("maxlen", self.maxlen, 0)
        check_choice("padding", self.padding, SIDES)
        check_choice("truncating", self.truncating, SIDES)
        check_choice("unknown", self.unknown, UNKNOWN)
        check_flag("lowercase", self.lowercase)
        check_flag("keep_break_tags", self.keep_break_tags)

    def tokenizer(self) -> TreebankTokenizer:
        """What splits texts into tokens."""
        return TreebankTokenizer(keep_break_tags=self.keep_break_tags, lowercase=self.lowercase)


class Preprocessor:
    """Turns texts into what a network takes.

    Id 0 is the padding, whose vector is zeros; word n of the vocabulary has id n + 1. With
    ``unknown="vector"`` the word `UNKNOWN_WORD` of the vocabulary stands for all that are not in
    it; where the vocabulary lacks it, it is added with the mean of all vectors.

    Args:
        config: how texts are tokenized, cut and padded.
        word_vectors: the vocabulary.

    Example:
        >>> vectors = WordVectors(["bad", "good"], np.array([[-1.0, 0.5], [1.0, 0.25]]))
        >>> preprocessor = Preprocessor(PreprocessingConfig(maxlen=3), vectors)
        >>> preprocessor.pad(preprocessor.encode(["good or bad", "unheard of"]))
        array([[2, 1, 0],
               [0, 0, 0]], dtype=int32)
        >>> preprocessor.embedding_matrix()[2]
        array([1.  , 0.25], dtype=float32)
    """

    def __init__(self, config: PreprocessingConfig, word_vectors: WordVectors) -> None:
        if config.unknown == "vector" and UNKNOWN_WORD not in word_vectors:
            mean = word_vectors.matrix().mean(axis=0)
            word_vectors = word_vectors.with_word(UNKNOWN_WORD, mean)
        self.config = config
        self.word_vectors = word_vectors
        self.tokenizer = config.tokenizer()
        self._unknown = word_vectors.index[UNKNOWN_WORD] if config.unknown == "vector" else -1

    def tokenize(self, text: str) -> list[str]:
        """The tokens of `text`, known and unknown."""
        return self.tokenizer.tokenize(text)

    def encode(self, texts: Iterable[str]) -> list[np.ndarray]:
        """The ids of each text, neither cut nor padded.

        Many texts are tokenized on all processors.

        Args:
            texts: the texts; not changed.

        Returns:
            One int32 array ``(known tokens,)`` a text. It is empty for a text without any.
        """
        batches = tokenize_batches(texts, self.tokenizer)
        return [ids for batch in batches for ids in self.encode_tokenized(batch)]

    def encode_corpus(self, corpus: Corpus) -> list[np.ndarray]:
        """The ids of a corpus's texts, kept with it for the next time; otherwise as `encode`."""

        def make() -> list[np.ndarray]:
            encoded = self.encode_tokenized(corpus.tokenized)
            return [
                np.concatenate([np.empty(0, np.int32), *encoded]),
                np.array([len(ids) for ids in encoded], np.int64),
            ]

        ids, lengths = corpus.cached(
            "ids", [self._unknown, self.word_vectors.hash_of_words()], make
        )
        ends = [0, *np.cumsum(lengths).tolist()]
        return [ids[start:end] for start, end in pairwise(ends)]

    def encode_tokenized(self, tokenized: TokenizedTexts) -> list[np.ndarray]:
        """The ids of texts that are tokenized already; otherwise as `encode`."""
        rows = self._rows(tokenized.vocabulary)
        encoded: list[np.ndarray] = []
        ends = np.concatenate([[0], np.cumsum(tokenized.lengths)])
        # Many texts at once, but no more than the processor's cache holds.
        for first in range(0, len(tokenized), _ENCODED):
            of_texts = ends[first : first + _ENCODED + 1]
            found = rows[tokenized.numbers[of_texts[0] : of_texts[-1]]]
            known = np.concatenate([[0], np.cumsum(found >= 0)])[of_texts - of_texts[0]]
            ids = _ids(found)
            encoded += [ids[start:end] for start, end in pairwise(known.tolist())]
        return encoded

    def encode_tokens(self, tokenized: Iterable[Sequence[str]]) -> list[np.ndarray]:
        """The ids of texts given as lists of tokens; otherwise as `encode`."""
        return [_ids(self._rows(tokens)) for tokens in tokenized]

    def is_known(self, tokens: Sequence[str]) -> np.ndarray:
        """Whether each token has an id, so that it is read: bool ``(tokens,)``."""
        return self._rows(tokens) >= 0

    def encode_stream(self, pieces: Iterable[str]) -> Iterator[np.ndarray]:
        """Yields the ids of one text that comes in pieces, however long it is.

        Args:
            pieces: the text, cut anywhere; see `TreebankTokenizer.tokenize_stream`.

        Yields:
            int32 ids in order, some thousands in an array: together those of
            ``encode(["".join(pieces)])``, neither cut nor padded.

        Raises:
            DataError: for more than some 1,000,000 characters in a row without white space.

        Example:
            >>> vectors = WordVectors(["bad", "good"], np.array([[-1.0, 0.5], [1.0, 0.25]]))
            >>> preprocessor = Preprocessor(PreprocessingConfig(), vectors)
            >>> list(preprocessor.encode_stream(["go", "od or b", "ad"]))
            [array([2], dtype=int32), array([1], dtype=int32)]
        """
        for tokens in self.tokenizer.tokenize_stream(pieces):
            yield _ids(self._rows(tokens))

    def _rows(self, tokens: Sequence[str]) -> np.ndarray:
        """The row of each token in the word vectors, below 0 if it is skipped."""
        index = self.word_vectors.index
        return np.array([index.get(token, self._unknown) for token in tokens], np.int32)

    def pad(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """Cuts and pads ids to ``maxlen``: int32 ``(texts, maxlen)``."""
        config = self.config
        return pad_sequences(
            encoded, config.maxlen, padding=config.padding, truncating=config.truncating
        )

    def truncate(self, encoded: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cuts ids to ``maxlen`` without padding them."""
        maxlen = self.config.maxlen
        if not maxlen:
            return list(encoded)
        if self.config.truncating == "post":
            return [ids[:maxlen] for ids in encoded]
        return [ids[-maxlen:] for ids in encoded]

    def truncate_stream(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        """As much of a stream of ids as `truncate` and `is_truncated` ask for.

        Args:
            parts: ids of one text in order, as `encode_stream` yields them; not changed. Where
                the end of long texts is dropped, it isn't read.

        Returns:
            int32 ids: of a text longer than ``maxlen`` one more than that, of the end that stays.

        Example:
            >>> vectors = WordVectors(["bad", "good"], np.array([[-1.0, 0.5], [1.0, 0.25]]))
            >>> preprocessor = Preprocessor(PreprocessingConfig(maxlen=2), vectors)
            >>> preprocessor.truncate_stream(np.array([[1, 2], [2, 1], [1, 1]]))
            array([1, 2, 2], dtype=int32)
        """
        maxlen = self.config.maxlen
        kept = np.empty(0, np.int32)
        for part in parts:
            kept = np.concatenate([kept, part], dtype=np.int32)
            if not maxlen or len(kept) <= maxlen:
                continue
            if self.config.truncating == "post":
                return kept[: maxlen + 1]
            kept = kept[-maxlen - 1 :]
        return kept

    def is_truncated(self, encoded: Sequence[np.ndarray]) -> np.ndarray:
        """Whether ``maxlen`` cuts something off each text: bool ``(texts,)``."""
        maxlen = self.config.maxlen
        return np.array([0 < maxlen < len(ids) for ids in encoded], dtype=bool)

    def vectors(self, texts: Iterable[str]) -> np.ndarray:
        """The float32 vectors ``(texts, maxlen, vector_size)`` that the bare network takes.

        It is what plain Keras feeds a saved network with. Mind the memory: 25,000 reviews of 400
        tokens with 300 numbers each take 12 GB.
        """
        return self.embedding_matrix()[self.pad(self.encode(texts))]

    def embedding_matrix(self) -> np.ndarray:
        """The vector of each id: float32 ``(ids, vector_size)``."""
        matrix = self.word_vectors.matrix()
        return np.concatenate([np.zeros((1, matrix.shape[1]), np.float32), matrix])


def _ids(rows: np.ndarray) -> np.ndarray:
    """The ids of tokens by their rows in the word vectors."""
    return rows[rows >= 0] + np.int32(PADDING_ID + 1)
