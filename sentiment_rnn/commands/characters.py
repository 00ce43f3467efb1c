"""Commands of character language models."""

from __future__ import annotations

import json
import random
import sys
from argparse import Namespace
from pathlib import Path

from sentiment_rnn._files import is_empty_folder
from sentiment_rnn.commands.imports import import_keras
from sentiment_rnn.commands.output import refuse_same_file
from sentiment_rnn.commands.probing import print_cells
from sentiment_rnn.commands.trainings import training_in
from sentiment_rnn.errors import UsageError
from sentiment_rnn.presets import CHARACTER_OPTIONS

# Lines that a model reads before it writes one.
_LINES_BEFORE = 20
# Characters of a page that shows cells, and of the text that they are ranked on.
_SHOWN, _RANKED = 20_000, 100_000


def train(options: Namespace) -> None:
    """Trains a model to write like a text, and saves it."""
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_text_or_reviews
    from sentiment_rnn.persistence.folders import is_character_folder
    from sentiment_rnn.training.checkpoints import (
        checkpoint_settings,
        has_checkpoint,
        remove_checkpoint,
    )

    out: Path = options.out
    is_there = out.exists() and not is_empty_folder(out)
    if is_there and not options.resume and not options.overwrite:
        raise UsageError(
            f"{out} is there already.\nName another --out, --resume training it, or replace it "
            "with --overwrite."
        )
    # Before hours of training, not after them.
    if is_there and not is_character_folder(out):
        raise UsageError(f"{out} is there and is no character model: it is not overwritten.")
    chosen = {name: getattr(options, name) for name in ("unit", "seed", *CHARACTER_OPTIONS)}
    settings = {name: value for name, value in chosen.items() if value is not None}
    with training_in(out, resume=options.resume, overwrite=options.overwrite) as checkpoint:
        if options.resume:
            if not has_checkpoint(checkpoint):
                raise UsageError(f"There is nothing to resume: {checkpoint} is missing.")
            settings = checkpoint_settings(checkpoint) | settings
        model = CharLanguageModel(**settings)
        text = load_text_or_reviews(options.file)
        if model.training.engine == "keras":
            import_keras()
        if not options.resume:
            remove_checkpoint(checkpoint)
        model.fit(text, checkpoint=checkpoint, verbose=True)
        model.save(out)
    print(f"saved {out}", file=sys.stderr)
    bits = model.metrics_["bits_per_character"]["validation"]
    print(f"validation: {bits:.4f} bits per {model.unit}, perplexity {2**bits:.2f}")


def sample(options: Namespace) -> None:
    """Writes texts, or names that are new."""
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_names

    if options.new is not None and options.stop is not None:
        raise UsageError("--new writes lines, which end at their end: leave --stop out.")
    chance = {
        name: value
        for name in ("temperature", "top_k", "top_p", "seed")
        if (value := getattr(options, name)) is not None
    }
    width = options.beam_width
    if width is not None and chance:
        flag = "--" + next(iter(chance)).replace("_", "-")
        raise UsageError(f"--beam-width leaves nothing to chance: leave {flag} out.")
    if width is not None and options.samples > width:
        raise UsageError(
            f"Expected --samples of at most the --beam-width, {width}. Received: {options.samples}"
        )
    known = None if options.new is None else load_names(options.new)
    before, stop = "", options.stop
    if known is not None:
        # A model that has read nothing is in a state that it never was in when it learned.
        seed = options.seed if options.seed is not None else 0
        lines = random.Random(seed).sample(known, min(_LINES_BEFORE, len(known)))
        before, stop = "".join(f"\n{line}" for line in lines) + "\n", "\n"
    model = CharLanguageModel.load(options.model)
    prime = before + options.prime
    if width is None:
        texts = model.samples(options.samples, options.length, prime=prime, stop=stop, **chance)
    else:
        found = model.beam_search(options.length, prime=prime, width=width, stop=stop)
        texts = [text for text, _ in found[: options.samples]]
    texts = [options.prime + text for text in texts]
    if known is not None:
        new = [text for text in texts if text.strip() and text.strip() not in known]
        print(f"{len(new)} of {len(texts)} are new: {len(new) / len(texts):.1%}", file=sys.stderr)
        texts = list(dict.fromkeys(new))
    for text in texts:
        print(text)


def evaluate(options: Namespace) -> None:
    """Prints how well a model expects a text."""
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_text

    model = CharLanguageModel.load(options.model)
    text = load_text(options.file)
    bits = model.bits_per_character(text)
    unit = model.alphabet_.unit
    if options.json:
        scores = {"characters": len(text), f"bits_per_{unit}": bits, "perplexity": 2**bits}
        print(json.dumps(scores))
    else:
        print(f"{bits:.4f} bits per {unit}, perplexity {2**bits:.2f}, {len(text):,} characters")


def show(options: Namespace) -> None:
    """Writes a web page of a text coloured by cells."""
    from sentiment_rnn.character_page import write_page
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import load_text
    from sentiment_rnn.inspection import rank_cells

    if (options.text is None) == (options.input is None):
        raise UsageError("Give the text to show as an argument or in --input, one of the two.")
    refuse_same_file(options.input, options.out, "--out")
    refuse_same_file(options.rank_on, options.out, "--out")
    model = CharLanguageModel.load(options.model)
    symbols = model.alphabet_.symbols
    if isinstance(symbols, bytes):
        raise UsageError("This model reads bytes: only models of characters can be shown.")
    text = load_text(options.input) if options.text is None else options.text
    if len(text) > _SHOWN:
        raise UsageError(
            f"Expected a text of at most {_SHOWN:,} characters. Received: {len(text):,}"
        )
    ranking = None
    if options.rank_on is not None:
        longer = load_text(options.rank_on)[:_RANKED]
        ranking = rank_cells(model.states(longer), longer)
    write_page(
        options.out,
        text,
        model.states(text),
        model.probabilities(text),
        symbols,
        title=f"What {options.model.resolve().name} reads",
        ranking=ranking,
    )
    print(f"saved {options.out}", file=sys.stderr)


def probe(options: Namespace) -> None:
    """Prints which cells tell the class of reviews."""
    from sentiment_rnn.characters import CharLanguageModel

    print_cells(CharLanguageModel.load(options.model).mean_states, options)
