"""The textbook's own way, written anew from the method of its listings.

*Natural Language Processing in Action* (Lane, Howard, Hapke, 2019), chapter 8: each review becomes
a list of word vectors, each list is cut or filled with zero vectors to the same length, and the
lists become one array of floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

    from sentiment_rnn.preprocessing import WordVectors


def keyed_vectors(word_vectors: WordVectors) -> KeyedVectors:
    """The vectors in the object that the textbook looks them up in."""
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(word_vectors.vector_size)
    keyed.add_vectors(list(word_vectors.words), word_vectors.matrix())
    return keyed


def tokenize_and_vectorize(texts: Sequence[str], word_vectors: KeyedVectors) -> list[list[Any]]:
    """A list of vectors for each text, without the words that have none."""
    from nltk.tokenize import TreebankWordTokenizer

    tokenizer = TreebankWordTokenizer()
    vectorized = []
    for text in texts:
        vectors = []
        for token in tokenizer.tokenize(text):
            # A context manager would take longer than what it does here.
            try:  # noqa: SIM105
                vectors.append(word_vectors[token])
            except KeyError:
                pass
        vectorized.append(vectors)
    return vectorized


def pad_or_truncate(data: Sequence[list[Any]], maxlen: int) -> list[list[Any]]:
    """Lists of the same length. Unlike the textbook's, this one leaves its argument as it is."""
    size = len(next(vectors[0] for vectors in data if vectors))
    zero_vector = [0.0] * size
    return [[*vectors[:maxlen], *[zero_vector] * (maxlen - len(vectors))] for vectors in data]


def arrays(texts: Sequence[str], word_vectors: KeyedVectors, maxlen: int) -> np.ndarray:
    """The input of the textbook's network: floats ``(texts, maxlen, vector_size)``.

    It is of float64, 8 bytes each, as NumPy makes it of lists that hold Python's numbers.
    """
    padded = pad_or_truncate(tokenize_and_vectorize(texts, word_vectors), maxlen)
    return np.reshape(padded, (len(padded), maxlen, word_vectors.vector_size))
