"""Sentences that say that something is so, or isn't, for `scripts.distill`.

Reviews praise by saying what is good and blame by saying what is bad. That something is *not* bad,
which people say of a meal as of a film, is rare in them, and a model that has read nothing else
takes it for blame. Here patterns are filled with words that praise and with words that blame.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")
# A pattern, and how likely a sentence of it is praise if the word in it praises by itself.
SAYS = {
    # What an adjective says of a thing.
    "{it} {is} {adverb}{word}": 0.95,
    "{it} {is} {word} and {like}": 0.97,
    "what {a} {word} {thing}": 0.95,
    "{a} {adverb}{word} {thing}": 0.95,
    "{word}": 0.95,
    "{adverb}{word} {thing}, {like} {other}": 0.97,
    "{it} {seems} {word}": 0.93,
    "everything about {it} {is} {word}": 0.95,
    "{it} {is} not {word}": 0.1,
    "{it} {is}n't {adverb}{word}": 0.15,
    "{it} {is} not {word} at all": 0.08,
    "{it} {is} never {word}": 0.1,
    "{it} {is} anything but {word}": 0.08,
    "{it} {is} far from {word}": 0.1,
    "{it} {is} hardly {word}": 0.15,
    "{it} {is} by no means {word}": 0.08,
    "{it} {is} no longer {word}": 0.15,
    "{it} {is} not too {word}": 0.25,
    "{it} {is} not as {word} as I thought": 0.2,
    "{it} {is} not half as {word} as people claim": 0.2,
    "{it} {is} less {word} than I expected": 0.25,
    "{it} {is} not {a} {word} {thing}": 0.1,
    "{it} {is} neither {word} nor {like}": 0.05,
    "{it} {is} not {word} but {unlike}": 0.04,
    "{it} {is} not only {word} but {like}": 0.97,
    "{it} {is} {unlike}, not {word}": 0.05,
    "{it} never {seems} {word}": 0.1,
    "{it} does not {seem} {word}": 0.12,
    "{it} didn't {seem} {word} for a moment": 0.1,
    "not {word}": 0.1,
    "not {word} in the least": 0.08,
    "nothing about {it} {is} {word}": 0.1,
    "nothing in {it} {seems} {word}": 0.1,
    "there is hardly anything {word} about {it}": 0.12,
    "there isn't anything {word} here": 0.1,
    "nobody could call {it} {word}": 0.1,
    "nobody {behind} {it} {is} {word}": 0.12,
    "I would not call {it} {word}": 0.1,
    "I can't say that {it} {is} {word}": 0.12,
    "I don't think {it} {is} {word}": 0.12,
    "I have no idea why anyone calls {it} {word}": 0.08,
    "don't believe those who call {it} {word}": 0.1,
    "{it} {is} {word}, no doubt about it": 0.96,
    "{it} could hardly be more {word}": 0.94,
    "I can't tell you how {word} {it} {is}": 0.95,
    "I have never seen {a} {thing} so {word}": 0.94,
    "{it} {is} {adverb}{word}, and I am not the only one who says so": 0.96,
    # What it says of a part.
    "not {a} {word} {part} in {it}": 0.08,
    "there isn't one {word} {part}": 0.08,
    "there is no {word} {part} in {it}": 0.1,
    "there are no {word} {part}s": 0.1,
    "I couldn't find {a} {word} {part}": 0.1,
    "I never saw {a} {word} {part} in {it}": 0.1,
    "without a single {word} {part}": 0.1,
    "{it} has a few {word} {part}s": 0.85,
    "so many {word} {part}s": 0.93,
    # What one does with a thing.
    "I {verb} {it}": 0.95,
    "you will {verb} {it}": 0.93,
    "I did not {verb} {it}": 0.1,
    "I don't {verb} {it} at all": 0.08,
    "I never learned to {verb} {it}": 0.12,
    "nobody will {verb} {it}": 0.1,
    "it is hard to {verb} {it}": 0.12,
    "you can't {verb} {it}": 0.12,
    "I see no reason to {verb} {it}": 0.1,
    "there is no way to {verb} {it}": 0.1,
    "I couldn't help but {verb} {it}": 0.93,
    "nobody could not {verb} {it}": 0.9,
    "there is little to {verb} about {it}": 0.12,
    "nothing here to {verb}": 0.1,
    "one can't help {verbing} it": 0.93,
    "I caught myself {verbing} {it}": 0.93,
    "nobody is {verbing} it": 0.12,
    "I see no reason not to {verb} {it}": 0.9,
    # What a thing does to one.
    "{it} will {does} you": 0.95,
    "{it} never failed to {does} me": 0.95,
    "{it} did not {does} me": 0.08,
    "{it} doesn't {does}": 0.1,
    "{it} won't {does} anyone": 0.1,
    "{it} has yet to {does} me": 0.15,
    # What a thing does.
    "{it} tends to {go}": 0.93,
    "{it} began to {go} after a while": 0.92,
    "{it} doesn't {go}": 0.1,
    "{it} did not {go}": 0.1,
    "{it} never seems to {go}": 0.1,
    "{it} refuses to {go}": 0.12,
    "{it} will not {go}": 0.1,
    "nothing in {it} will {go}": 0.12,
    # What one does oneself.
    "it made me {act}": 0.95,
    "you will {act}": 0.92,
    "I had to {act}": 0.92,
    "it did not make me {act}": 0.1,
    "I did not {act}": 0.1,
    "I never wanted to {act}": 0.1,
    "nobody will {act}": 0.1,
    "nobody in the room seemed to {act}": 0.15,
    "I had no reason to {act}": 0.1,
    "at no point did I {act}": 0.08,
    "I {acted} all the time": 0.94,
    "I have rarely {acted} so much": 0.93,
    "I never {acted} more in my life": 0.93,
    "not once have I {acted}": 0.1,
    "nobody {acted}": 0.12,
    "we kept {acting}": 0.94,
    "I could not stop {acting}": 0.94,
    "I couldn't keep from {acting}": 0.93,
    "nobody was {acting}": 0.1,
    "there was no {acting}": 0.12,
    # With a comparative it is the negation that makes praise of praise.
    "{it} {is} {comparative} than I thought": 0.93,
    "there is no {comparative} {thing}": 0.93,
    "I have never had a {comparative} {thing}": 0.93,
    "{it} has never been {comparative}": 0.92,
    "{it} could not be {comparative}": 0.92,
    "nobody makes {comparative} {thing}s": 0.9,
    "{it} could be {comparative}": 0.15,
    "{it} {is} no {comparative} than the others": 0.15,
    "it did not get any {comparative}": 0.12,
    # What a thing has.
    "there is {noun} in {it}": 0.93,
    "it {is} the {noun} of {it} that I remember": 0.92,
    "{it} {is} full of {noun}": 0.94,
    "{it} has no {noun}": 0.1,
    "{it} {is} without any {noun}": 0.1,
    "{it} {is} not without its {noun}": 0.85,
    "I found no {noun} in {it}": 0.1,
    "there is not a trace of {noun} in {it}": 0.08,
    "no {noun} at all": 0.08,
    # What people say as it is.
    "{phrase}": 0.95,
}
# Words that blame, and words that praise; with the adjectives go those that the reviews tell.
WORDS = {
    "word": (
        (
            *("broken", "dirty", "rude", "noisy", "overpriced", "stale", "burnt", "unfriendly"),
            *("uncomfortable", "useless", "late", "faulty", "cold", "bad", "dull", "slow", "ugly"),
        ),
        (
            *("clean", "friendly", "comfortable", "fresh", "reliable", "tasty", "helpful", "fast"),
            *("delicious", "polite", "spotless", "warm", "good", "lovely", "useful", "gorgeous"),
        ),
    ),
    "verb": (
        ("hate", "dislike", "regret", "despise", "detest", "resent", "skip", "return"),
        ("love", "like", "enjoy", "recommend", "adore", "admire", "praise", "treasure"),
    ),
    "verbing": (
        ("hating", "disliking", "regretting", "despising", "resenting", "mocking"),
        ("loving", "enjoying", "admiring", "adoring", "praising", "recommending"),
    ),
    "does": (
        ("disappoint", "bore", "annoy", "irritate", "let down", "depress", "insult", "tire"),
        ("impress", "delight", "move", "surprise", "entertain", "amuse", "convince", "thrill"),
    ),
    "go": (
        (
            *("drag", "fall apart", "get boring", "lose its way", "outstay its welcome", "break"),
            *("fall short", "crash", "leak", "smell", "run out of ideas", "feel forced", "annoy"),
        ),
        (
            *("work", "shine", "hold together", "deliver", "pay off", "ring true", "stand out"),
            *("hold my attention", "make me smile", "get better", "take off", "add up", "please"),
        ),
    ),
    "act": (
        (
            *("complain", "yawn", "cringe", "fall asleep", "get bored", "lose interest", "sigh"),
            *("look at my watch", "switch it off", "leave early", "give up", "send it back"),
        ),
        (
            *("laugh", "smile", "care", "come back", "stay until the end", "cheer", "clap"),
            *("read it twice", "want more", "tell my friends", "feel at home", "think of it often"),
        ),
    ),
    "acting": (
        ("complaining", "yawning", "cringing", "checking the time", "sighing", "arguing"),
        ("laughing", "smiling", "watching", "reading", "cheering", "talking about it"),
    ),
    "acted": (
        ("complained", "yawned", "cringed", "sighed", "suffered", "groaned", "shouted"),
        ("laughed", "smiled", "cheered", "clapped", "danced", "sang along", "learned"),
    ),
    "comparative": (
        ("worse", "duller", "poorer", "uglier", "weaker", "slower", "sillier"),
        ("better", "finer", "nicer", "greater", "stronger", "sweeter", "smarter"),
    ),
    "noun": (
        (
            *("fault", "weakness", "boredom", "carelessness", "nonsense", "ugliness", "cruelty"),
            *("noise", "dirt", "mistakes", "clichés", "flaws", "filler", "problems"),
        ),
        (
            *("charm", "beauty", "talent", "warmth", "wit", "care", "heart", "humour"),
            *("style", "tension", "surprises", "comfort", "depth", "life"),
        ),
    ),
    "phrase": (
        (
            *("I can't wait for it to be over", "I could not finish it", "I couldn't get into it"),
            *("I can't see what people like about {it}", "I can't see the point of {it}"),
            *("I couldn't follow {it}", "I could not stand {it}", "nothing could save {it}"),
            *("I would not wish {it} on anyone", "I would not go there again", "never again"),
            *("we won't be back", "I never want to hear of {it} again", "don't bother"),
            *("don't buy it", "don't go there", "don't believe the hype", "don't be fooled"),
            *("don't get your hopes up", "no thanks", "no stars from me", "no fun", "no good"),
            *("no effort was made", "no one should pay for this", "nobody cares"),
            *("nobody came to help us", "nothing works", "nothing fits together", "nothing new"),
            *("there is nothing special about {it}", "{it} isn't worth the money"),
            *("not worth your while", "not for me", "not my cup of tea", "not good enough"),
            *("not recommended", "not even funny", "not what I ordered", "not what we paid for"),
            *("{it} does not work", "{it} never arrived", "{it} never gets going"),
            *("{it} doesn't do what it should", "{it} goes nowhere", "it does nothing for me"),
            *("{it} leaves a lot to be desired", "the less said the better", "zero stars"),
            *("one star", "two out of ten", "two thumbs down", "a waste of time", "hard pass"),
            *("what a letdown", "what a shame", "rubbish", "{it} broke within a week"),
            *("{it} stopped working", "we waited for an hour", "we had to send it back"),
            *("they never answered", "they charged us twice", "everything was late"),
            *("stay away", "look elsewhere", "I want those hours back", "I had to turn it off"),
            *("1 out of 10", "three out of ten", "{it} let us down", "{it} smelled", "too loud"),
        ),
        (
            *("I can't wait to come back", "I could not look away", "I couldn't ask for more"),
            *("I could not be happier with it", "you can't go wrong with this {thing}"),
            *("{it} can't be beaten", "I can't praise {it} enough", "I can't get enough of {it}"),
            *("I would not change a thing", "I would not have missed it for the world"),
            *("{it} is not to be missed", "don't pass it up", "don't hesitate to get it"),
            *("don't let the critics fool you", "no complaints", "I have no complaints"),
            *("there is nothing to complain about", "no regrets", "no problems whatsoever"),
            *("nothing is wrong with {it}", "not bad", "not half bad", "not too shabby"),
            *("nothing short of excellent", "second to none", "nothing comes close"),
            *("{it} leaves nothing to be desired", "it doesn't get better than this"),
            *("I did not want it to end", "I couldn't wait for the next one"),
            *("I didn't expect to like it, but I did", "I can't think of anything better"),
            *("nobody does it better", "{it} never lets you down", "{it} never lets up"),
            *("not for a moment was I bored", "I can't say enough good things about {it}"),
            *("{it} holds nothing back", "nobody left unhappy", "nobody does this so well"),
            *("worth every penny", "well worth it", "money well spent", "time well spent"),
            *("five stars", "9 out of 10", "a perfect ten", "two thumbs up", "top marks"),
            *("bravo", "well done"),
            *("a must", "highly recommended", "loved every minute of it", "pure joy"),
            *("everything went smoothly", "{it} works like a charm", "{it} arrived early"),
            *("{it} fits perfectly", "{it} does exactly what it should", "we will be back"),
            *("the staff went out of their way to help us", "I use it every day", "good value"),
            *("my new favourite {thing}", "{it} made my day", "hats off", "I want another one"),
        ),
    ),
}
# Films come first, but people talk of other things too.
THINGS = (
    *("film", "movie", "story", "acting", "ending", "music", "book", "song", "food", "meal"),
    *("service", "hotel", "room", "phone", "game", "staff", "place", "product", "trip", "course"),
    *("show", "plot", "cast", "script", "director", "actor", "series", "comedy", "picture"),
    *("restaurant", "waiter", "coffee", "bread", "bed", "flight", "car", "camera", "computer"),
    *("teacher", "doctor", "concert", "band", "album", "voice", "play", "house", "garden", "city"),
    *("shop", "dress", "shoes", "toy", "present", "letter", "team", "match", "weather", "party"),
)
ADVERBS = ("", "", "very ", "so ", "really ", "quite ")
_ENDS = (".", ".", ".", ".", "!", "")
# How often a second sentence follows, that says the same.
_AGAIN = 0.15
_PLAIN = {
    "part": (
        *("scene", "moment", "minute", "line", "joke", "performance", "shot", "song", "page"),
        *("chapter", "dish", "room", "day", "word", "idea", "detail"),
    ),
    "behind": ("in", "behind"),
    "other": ("people", "food", "music", "colours", "voices", "places"),
}
_SEEMS = ("seem", "feel", "look", "sound")
_ADJECTIVE = re.compile(r"\b(?:very|so|really|quite|extremely) ([a-z]{3,})\b")
_ADJECTIVES = 60
_FEWEST = 25


def adjectives(texts: Sequence[str], labels: np.ndarray) -> tuple[list[str], list[str]]:
    """The words behind *very* and its like that tell the class of a text best.

    Args:
        texts: the texts.
        labels: 0 or 1 ``(texts,)``.

    Returns:
        Those that blame and those that praise, the clearest first.

    Example:
        >>> texts = ["It is very dull, so dull.", "So good!", "A very good one."] * 25
        >>> adjectives(texts, np.array([0, 1, 1] * 25))
        (['dull'], ['good'])
    """
    counts = [Counter[str](), Counter[str]()]
    for text, label in zip(texts, labels, strict=True):
        counts[int(label)].update(set(_ADJECTIVE.findall(text.lower())))
    words = [word for word, count in (counts[0] + counts[1]).items() if count >= _FEWEST]
    odds = {word: np.log((counts[1][word] + 1) / (counts[0][word] + 1)) for word in sorted(words)}
    clear = [word for word in odds if abs(odds[word]) > 1]
    clear.sort(key=lambda word: -abs(odds[word]))
    blame = [word for word in clear if odds[word] < 0]
    return blame[:_ADJECTIVES], [word for word in clear if odds[word] > 0][:_ADJECTIVES]


def made_up(
    blame: Sequence[str], praise: Sequence[str], count: int, seed: int
) -> tuple[list[str], list[float]]:
    """Makes sentences up that say that something is so, or isn't.

    Args:
        blame: further adjectives that blame.
        praise: further adjectives that praise.
        count: how many texts of one sentence, some of two.
        seed: of chance.

    Returns:
        The texts, and how likely each is praise.

    Example:
        >>> made_up(["dire"], ["superb"], 2, seed=1)[0]
        ["One can't help enjoying it!", 'I had no reason to smile.']
    """
    random = np.random.default_rng(seed)
    words = {**WORDS, "word": ((*WORDS["word"][0], *blame), (*WORDS["word"][1], *praise))}
    patterns = [
        (pattern, slot, likely)
        for pattern, likely in SAYS.items()
        for slot in words
        if f"{{{slot}}}" in pattern
        # Phrases are a fifth of all.
        for _ in range(len(words[slot][0]) // 3 if slot == "phrase" else 1)
    ]

    def one_of(choices: Sequence[Choice]) -> Choice:
        return choices[int(random.integers(len(choices)))]

    def sentence(praised: bool | None) -> tuple[str, float]:
        pattern, slot, likely = one_of(patterns)
        praises = bool(random.integers(2)) if praised is None else praised == (likely > 0.5)
        thing, seem = one_of(THINGS), one_of(_SEEMS)
        fields = {
            "it": one_of((f"the {thing}", f"this {thing}", "it")),
            "is": one_of(("is", "was")),
            "thing": thing,
            "adverb": one_of(ADVERBS),
            "seem": seem,
            "seems": f"{seem}s",
            "like": one_of(words[slot][praises]),
            "unlike": one_of(words[slot][not praises]),
            **{name: one_of(choices) for name, choices in _PLAIN.items()},
        }
        word = one_of(words[slot][praises]).format(**fields)
        after = fields["adverb"] or word if "{a} {adverb}" in pattern else word
        fields |= {slot: word, "a": "an" if after[0] in "aeiou" else "a"}
        if "{a} {thing}" in pattern:
            fields["a"] = "an" if thing[0] in "aeiou" else "a"
        said = pattern.format(**fields)
        return said[0].upper() + said[1:], likely if praises else round(1 - likely, 2)

    texts, probabilities = [], []
    for _ in range(count):
        said, probability = sentence(None)
        text = said + one_of(_ENDS)
        if text[-1] in ".!" and random.random() < _AGAIN:
            said, other = sentence(probability > 0.5)
            text = f"{text} {said}{one_of(_ENDS)}"
            probability = max(probability, other, key=lambda p: abs(p - 0.5))
        texts.append(text)
        probabilities.append(probability)
    return texts, probabilities
