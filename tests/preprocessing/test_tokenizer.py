import pickle
import re
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize import TreebankWordTokenizer

from sentiment_rnn import load_imdb
from sentiment_rnn.preprocessing import TreebankTokenizer, tokenizer

nltk_tokens = TreebankWordTokenizer().tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I can't say I didn't.", ["I", "ca", "n't", "say", "I", "did", "n't", "."]),
        ("A 10/10 film, isn't it?", ["A", "10/10", "film", ",", "is", "n't", "it", "?"]),
        ('He said "no" (twice).', ["He", "said", "``", "no", "''", "(", "twice", ")", "."]),
        ("Dull. Very dull.", ["Dull.", "Very", "dull", "."]),
        ("", []),
    ],
)
def test_penn_treebank_rules(text, tokens):
    assert TreebankTokenizer().tokenize(text) == tokens


@pytest.mark.parametrize("tag", ["<br />", "<br/>", "<br>", "<BR />"])
def test_break_tags_end_a_word_and_are_no_tokens(tag):
    assert TreebankTokenizer().tokenize(f"dull{tag}{tag}slow") == ["dull", "slow"]


def test_break_tags_are_tokens_as_in_the_textbook_on_request():
    tokens = TreebankTokenizer(keep_break_tags=True).tokenize("dull<br />slow")
    assert tokens == ["dull", "<", "br", "/", ">", "slow"]


def test_lowercase():
    assert TreebankTokenizer(lowercase=True).tokenize("A GEM") == ["a", "gem"]


# What the rules look for, what stands around it, and every kind of white space.
SPACES = [
    " ",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r",
    "\x0b",
    "\x1c",
    "\x1f",
    "\x85",
    "\xa0",
    "\u2003",
]
PIECES = [
    *SPACES,
    *"\"\"''``.,:;@#$%&?!-()[]{}<>",
    *["''", "``", "--", "..", "...", "'s", "'S", "'m", "'d", "'ll", "'RE", "'ve", "n't", "N'T"],
    *["cannot", "CanNot", "d'ye", "gimme", "gonna", "gotta", "lemme", "more'n", "wanna", "wan na"],
    *["'tis", "'Twas", "'ti\u017f", "g\u0131mme", "t", "is", "a", "A", "é", "_", "1", "\u0661"],
]
PIECEWISE = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


# Python's tables of digits may be older than those that nltk's regular expressions use.
ANY = st.text(st.characters(exclude_categories=["Cs", "Cn"]))


@settings(max_examples=2000)
@given(PIECEWISE | ANY)
def test_same_tokens_as_nltk(text):
    assert tokens_twice(text) == [nltk_tokens(text)] * 2


@pytest.mark.parametrize("piece", sorted(set(PIECES)))
def test_same_tokens_as_nltk_at_both_ends_and_within(piece):
    for text in (piece, piece * 2, piece + ".", "." + piece, "a" + piece, piece + "'", "'" + piece):
        for space in SPACES:
            for padded in (text, text + space, space + text, f"a{space}{text}{space}b"):
                assert tokens_twice(padded) == [nltk_tokens(padded)] * 2


def test_same_tokens_as_nltk_around_every_control_number_mark_and_space():
    for character in map(chr, range(sys.maxunicode + 1)):
        category = unicodedata.category(character)
        if category == "Cc" or category[0] in "NPSZ":
            for text in (f"wanna{character}a,{character}'s .{character}", f"{character}\"gonna' "):
                assert tokens_twice(text) == [nltk_tokens(text)] * 2


def tokens_twice(text):
    """The tokens of a text that is new, and the same when all of it is known."""
    tokenizer._chunks.clear()
    treebank = TreebankTokenizer(keep_break_tags=True)
    return [treebank.tokenize(text), treebank.tokenize(text)]


def test_same_tokens_as_nltk_for_real_reviews(real_data):
    train, test = load_imdb(real_data / "aclImdb_v1.tar.gz")
    compare_reviews([*train.texts[::25], *test.texts[::25]])


@pytest.mark.slow
def test_same_tokens_as_nltk_for_all_real_reviews(real_data):
    train, test = load_imdb(real_data / "aclImdb_v1.tar.gz", unsupervised=True)
    assert train.unsupervised is not None
    texts = [*train.texts, *test.texts, *train.unsupervised]
    assert len(texts) == 100_000
    compare_reviews(texts)


def compare_reviews(texts):
    for keep_break_tags in (False, True):
        treebank = TreebankTokenizer(keep_break_tags=keep_break_tags)
        for text in texts:
            # Two of all the reviews have a tag without the slash.
            plain = text if keep_break_tags else re.sub("<(br|BR)( /)?>", "\n", text)
            assert treebank.tokenize(text) == nltk_tokens(plain)


def test_what_is_remembered_is_bounded(monkeypatch):
    chunks = tokenizer._Chunks()
    monkeypatch.setattr(tokenizer._Chunks, "max_chunks", 100)
    for number in range(1000):
        assert chunks[f"({number}"] == ("(", str(number))
        assert chunks["x" * 1000 + str(number)] == ("x" * 1000 + str(number),)
        assert chunks[f"a\n{number}"] == ("a", str(number))
        assert len(chunks) <= 100
    assert max(map(len, chunks)) < 100


def test_threads_share_what_is_remembered(monkeypatch, sample):
    monkeypatch.setattr(tokenizer._Chunks, "max_chunks", 50)
    texts = sample[0].texts * 5
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(TreebankTokenizer().tokenize, texts))
    assert tokens == [nltk_tokens(text.replace("<br />", "\n")) for text in texts]


def test_a_caller_may_change_the_tokens():
    tokens = TreebankTokenizer().tokenize("the tokens of it")
    tokens.clear()
    assert TreebankTokenizer().tokenize("the tokens of it") == ["the", "tokens", "of", "it"]


def test_pickle():
    copy = pickle.loads(pickle.dumps(TreebankTokenizer(lowercase=True)))  # noqa: S301
    assert copy.tokenize("A<br />GEM.") == ["a", "gem", "."]


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from sentiment_rnn.preprocessing import TreebankTokenizer;"
        "TreebankTokenizer().tokenize('\"It\\'s\" (not) dull.');"
        "print({'nltk', 'regex', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
