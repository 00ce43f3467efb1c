"""Text → tokens. The only module that knows nltk."""

from __future__ import annotations

import re

# IMDB marks line breaks inside a review this way.
_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)


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

    Source: nltk's ``TreebankWordTokenizer``, after Robert MacIntyre's sed script for the Penn
    Treebank (1995).
    """

    def __init__(self, *, keep_break_tags: bool = False, lowercase: bool = False) -> None:
        # nltk takes a second to import, which `--help` should not.
        from nltk.tokenize import TreebankWordTokenizer

        self.keep_break_tags = keep_break_tags
        self.lowercase = lowercase
        self._tokenizer = TreebankWordTokenizer()

    def tokenize(self, text: str) -> list[str]:
        """Returns the tokens of `text` in order."""
        if not self.keep_break_tags:
            text = _BREAK_TAG.sub("\n", text)
        if self.lowercase:
            text = text.lower()
        return self._tokenizer.tokenize(text)
