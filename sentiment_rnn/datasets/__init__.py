"""Where text comes from.

The first room of the house: everything that is trained on or evaluated enters here, as `Reviews`
(texts, labels and what else is known of them), from the IMDB corpus (`load_imdb`), from tables
(`load_table`), or from whatever a user names (`load_data`); or, for character models, as a text
(`load_text`, `load_text_or_reviews`) or as names (`load_names`). `download` fetches public corpora
into `cache_folder`. Nothing here knows of tokens, of networks or of Keras, and nothing is read,
written or fetched before it is asked for.
"""

from sentiment_rnn.datasets.download import cache_folder, download
from sentiment_rnn.datasets.imdb import load_imdb
from sentiment_rnn.datasets.plain_text import load_names, load_text
from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.datasets.sources import load_data, load_text_or_reviews
from sentiment_rnn.datasets.tables import load_table

__all__ = [
    "Reviews",
    "cache_folder",
    "download",
    "load_data",
    "load_imdb",
    "load_names",
    "load_table",
    "load_text",
    "load_text_or_reviews",
]
