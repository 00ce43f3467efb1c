import dataclasses
import re

import pytest

from sentiment_rnn.cli import main
from sentiment_rnn.serving.config import ServingConfig
from tests.conftest import ROOT

# By option, its default as it is written, and what it limits.
LIMITS = [
    (f"--{field.name.replace('_', '-')}", f"{field.default:,}", field.metadata["help"])
    for field in dataclasses.fields(ServingConfig)
]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most_texts": 0}, "most_texts must be a whole number from 1"),
        ({"most_bytes": 1.5}, "most_bytes must be a whole number"),
        ({"timeout": 0}, "timeout must be above 0 and below 1,000,000. Received: 0"),
        ({"most_texts": 9, "most_waiting": 8}, "most_waiting must hold a request of most_texts"),
    ],
)
def test_the_config_checks_itself(options, message):
    with pytest.raises(ValueError, match=message):
        ServingConfig(**options)


def test_the_documentation_lists_the_limits():
    page = (ROOT / "docs" / "how-to" / "serve.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(--[\w-]+)` \| ([\d.,]+) \| (.+) \|$", page, re.MULTILINE) == LIMITS


def test_the_help_lists_the_limits(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for option, default, limit in LIMITS:
        assert f"{option} N {limit} ({default})" in shown
