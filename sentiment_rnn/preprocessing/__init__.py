"""Text → ids.

`tokenizer` splits a text into tokens, `tokenized` many texts on all processors (by `workers`),
`word_vectors` holds the words that are known and their vectors, `padding` makes one array of texts
of different length, and `preprocessor` puts them together. `alphabet` does it for characters.
"""

from sentiment_rnn.preprocessing.alphabet import Alphabet
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.preprocessing.preprocessor import PreprocessingConfig, Preprocessor
from sentiment_rnn.preprocessing.tokenizer import TreebankTokenizer
from sentiment_rnn.preprocessing.word_vectors import WordVectors

__all__ = [
    "Alphabet",
    "PreprocessingConfig",
    "Preprocessor",
    "TreebankTokenizer",
    "WordVectors",
    "pad_sequences",
]
