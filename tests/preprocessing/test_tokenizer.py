import pickle
import re
import subprocess
import sys
import tracemalloc
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize import TreebankWordTokenizer

from sentiment_rnn import load_imdb
from sentiment_rnn.errors import DataError
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


@pytest.mark.parametrize("keep_break_tags", [False, True])
@pytest.mark.parametrize("lowercase", [False, True])
@settings(max_examples=1000)
@given(st.lists(st.sampled_from([*PIECES, "<br />", "İ", "Σ"]), max_size=12).map("".join) | ANY)
def test_spans_are_where_the_tokens_are(keep_break_tags, lowercase, text):
    treebank = TreebankTokenizer(keep_break_tags=keep_break_tags, lowercase=lowercase)
    spans = treebank.span_tokenize(text)
    assert [span.token for span in spans] == treebank.tokenize(text)
    end = 0
    for token, start, stop in spans:
        between = text[end:start]
        assert not (between if keep_break_tags else re.sub(r"(?i)<br\s*/?>", "", between)).strip()
        # One letter may become two in lower case, each in a token of its own.
        assert start < stop
        assert end <= start or (lowercase and start == end - 1)
        there = text[start:stop]
        if token in ("``", "''"):
            assert there in ("``", "''", '"')
        elif lowercase and not there.isascii():
            # A sigma at the end of a word is another letter.
            assert token.casefold() in there.lower().casefold()
        else:
            assert token == (there.lower() if lowercase else there)
        end = stop


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
    tokenizer._tokens_of_chunks.clear()
    treebank = TreebankTokenizer(keep_break_tags=True)
    return [treebank.tokenize(text), treebank.tokenize(text)]


def test_same_tokens_as_nltk_for_real_reviews(imdb):
    train, test = imdb
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


# Streams


# Capital sigma is another letter in lower case at the end of a word; the rest is as above, and
# what tags are made of.
STREAM_PIECES = [*PIECES, "\u03a3", "\u03a3\u0391", "<br />", "<BR\n/>", "<", "br", "/", "\x1d"]
STREAMED = st.lists(st.sampled_from(STREAM_PIECES), max_size=30).map("".join)
CUTS = st.lists(st.integers(0, 200), max_size=20)


def cut(text, places):
    places = sorted({min(place, len(text)) for place in places})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=3000)
@given(STREAMED | ANY, CUTS, st.integers(1, 12), st.integers(3, 9), st.booleans(), st.booleans())
def test_a_stream_has_the_tokens_of_the_whole(text, places, block, space, keep, lowercase):
    treebank = TreebankTokenizer(keep_break_tags=keep, lowercase=lowercase)
    # Small numbers, so that a short text has all the seams of a long one.
    with patch.object(tokenizer, "_BLOCK", block), patch.object(tokenizer, "_LONG_SPACE", space):
        streamed = list(chain.from_iterable(treebank.tokenize_stream(cut(text, places))))
    plain = text if keep else re.sub(r"(?i)<br\s*/?>", "\n", text)
    assert streamed == nltk_tokens(plain.lower() if lowercase else plain)
    assert streamed == treebank.tokenize(text)


@pytest.mark.parametrize("piece", sorted(set(STREAM_PIECES)))
def test_a_stream_has_the_same_tokens_around_every_seam(piece):
    for space in SPACES:
        for text in (f"a{space}{piece}{space}b", f"''{piece}{space}{piece}.'{space}", space * 9):
            for block in (1, 2, 3):
                with patch.object(tokenizer, "_BLOCK", block):
                    streamed = list(chain.from_iterable(TreebankTokenizer().tokenize_stream(text)))
                assert streamed == TreebankTokenizer().tokenize(text), (text, block)


@pytest.mark.parametrize("first", SPACES[1:])
@pytest.mark.parametrize("last", SPACES[1:])
def test_long_white_space_is_shortened_to_what_the_rules_see(first, last):
    for middle in (" ", "\n", "\n\x1d\n"):
        for before in ("it's", "wanna", "end.", "end.'", ""):
            for after in ("'tis", '"it', "''it", "", "."):
                text = f"{before}{first}{middle * 9}{last}{after}"
                with (
                    patch.object(tokenizer, "_BLOCK", 4),
                    patch.object(tokenizer, "_LONG_SPACE", 3),
                ):
                    streamed = list(chain.from_iterable(TreebankTokenizer().tokenize_stream(text)))
                assert streamed == nltk_tokens(text), text


@pytest.mark.parametrize("lowercase", [False, True])
def test_streams_of_real_reviews_cut_anywhere(imdb, lowercase):
    train, _ = imdb
    random = np.random.default_rng(0)
    texts = train.texts[::10]
    texts += [" ".join(texts[n : n + 300]) for n in range(0, len(texts), 300)]
    texts += ["".join(texts[n : n + 300]) for n in range(0, 2500, 300)]
    treebank = TreebankTokenizer(lowercase=lowercase)
    for text in texts:
        pieces = cut(text, random.integers(0, len(text), random.integers(0, 40)).tolist())
        with patch.object(tokenizer, "_BLOCK", int(random.choice([7, 100, 3000]))):
            streamed = list(chain.from_iterable(treebank.tokenize_stream(pieces)))
        assert streamed == treebank.tokenize(text)
    assert max(map(len, texts)) > 300_000


def test_a_stream_is_read_no_further_than_needed():
    read = []

    def pieces():
        for number in range(1000):
            read.append(number)
            yield "ten words " * 5000

    first = next(TreebankTokenizer().tokenize_stream(pieces()))
    assert first[:3] == ["ten", "words", "ten"]
    assert len(read) <= 2


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: (" \n" * 50_000 for _ in range(200)),
        lambda: chain(["<br"], ("\n" * 100_000 for _ in range(200)), ["/>"]),
        lambda: ("<br />" * 10_000 for _ in range(100)),
        lambda: ("" for _ in range(1_000_000)),
        lambda: ("ab\n" * 30_000 for _ in range(60)),
        lambda: iter(["word " * 1_200_000]),
    ],
    ids=["space", "space in a tag", "tags", "nothing", "a word a line", "one piece"],
)
def test_memory_stays_bounded(pieces):
    text = pieces()
    tracemalloc.start()
    try:
        streamed = TreebankTokenizer().tokenize_stream(text)
        assert all(set(tokens) <= {"ab", "word"} for tokens in streamed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4e6


@pytest.mark.parametrize("end", ["", " ", " word", "\n" * 70_000])
def test_characters_without_white_space_have_a_limit(end):
    run = "x." * 600_000
    with pytest.raises(
        DataError,
        match=r"white space between words. Received more than 1,000,000 characters without any "
        r"before character 1,\d{3},\d{3} of",
    ):
        list(TreebankTokenizer().tokenize_stream(["a word ", run, end]))
    shorter = "x." * 400_000
    for around in (f"{shorter}{end}", f"{shorter} {shorter}{end}", f"a\n{shorter}{end}"):
        streamed = chain.from_iterable(TreebankTokenizer().tokenize_stream([around]))
        assert list(streamed) == TreebankTokenizer().tokenize(around)


# What is remembered


def test_what_is_remembered_is_bounded(monkeypatch):
    chunks = tokenizer.ChunkMemo(tokenizer.chunk_tokens)
    monkeypatch.setattr(tokenizer.ChunkMemo, "max_chunks", 100)
    for number in range(1000):
        assert chunks[f"({number}"] == ("(", str(number))
        assert chunks["x" * 1000 + str(number)] == ("x" * 1000 + str(number),)
        assert chunks[f"a\n{number}"] == ("a", str(number))
        assert len(chunks) <= 100
    assert max(map(len, chunks)) < 100


def test_threads_share_what_is_remembered(monkeypatch, sample):
    monkeypatch.setattr(tokenizer.ChunkMemo, "max_chunks", 50)
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
