"""Web pages that need no other file and no network: a template, and the data that it draws."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from sentiment_rnn._files import atomic_file


def write_page(path: Path, template: str, *, title: str, data: Mapping[str, object]) -> None:
    """Writes a page, or nothing at all.

    Args:
        path: the file to write, or to replace.
        template: its name in the package.
        title: what the page is called; any text.
        data: what the page's script finds in its element ``data``; of JSON's types.

    Raises:
        ResourceError: if the file can't be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(make_page(template, title, data), encoding="utf-8", newline="\n")


def make_page(template: str, title: str, data: Mapping[str, object]) -> str:
    """The page itself; otherwise as `write_page`."""
    return fill(template, title=html.escape(whole(title)), data=_json(data))


def fill(template: str, **values: str) -> str:
    """A template with values in their places.

    Args:
        template: its name in the package.
        **values: HTML.
    """
    page = re.sub(r"\{\{include (.+?)\}\}", lambda match: _template(match[1]), _template(template))
    for tag in ("script", "style"):
        values[f"{tag} hash"] = _hash(page, tag)
    # In one go, so that a text with a placeholder in it is left as it is.
    return re.sub(r"\{\{(.+?)\}\}", lambda match: values[match[1]], page)


def _template(name: str) -> str:
    return files("sentiment_rnn").joinpath("templates", name).read_text(encoding="utf-8")


def whole(text: str) -> str:
    """A text without halves of surrogate pairs, which JavaScript would take for one character."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _json(data: Mapping[str, object]) -> str:
    """JSON that ends no script element and opens no comment, whatever is in it."""
    written = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", written)


def _hash(page: str, tag: str) -> str:
    """What a Content-Security-Policy allows by: nothing else than this may run, or give style."""
    content = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    if content is None:
        return "'none'"
    digest = hashlib.sha256(content[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
