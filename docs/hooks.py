"""What MkDocs does with this site besides what its plugins do: equations, docstrings.

Equations become MathML when the site is built, so that a reader's browser draws them by itself,
without a script or a font from elsewhere.
"""

from __future__ import annotations

import html
import re
from typing import Any

from griffe import Class, Extension
from griffe import Object as Documented
from latex2mathml.converter import convert

# As pymdownx.arithmatex leaves them.
_EQUATION = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_page_content(content: str, **_: Any) -> str:
    """Puts MathML in the place of a page's equations."""
    return _EQUATION.sub(_mathml, content)


def _mathml(match: re.Match[str]) -> str:
    display = "block" if match["tag"] == "div" else "inline"
    made: str = convert(html.unescape(match["latex"]).strip(), display=display)
    return made if display == "inline" else f'<div class="equation">{made}</div>'


class Docstrings(Extension):
    """Reads docstrings as this package writes them: in two of griffe's sections by other names.

    Example is read as Examples, which has code in it; and the Args of a named tuple, which has no
    constructor of its own, as Attributes.
    """

    def on_instance(self, *, obj: Documented, **_: Any) -> None:
        """Renames the sections of a docstring before it is read."""
        if obj.docstring is None:
            return
        sections = {"Example": "Examples"}
        if isinstance(obj, Class) and "NamedTuple" in map(str, obj.bases):
            sections["Args"] = "Attributes"
        for ours, its in sections.items():
            found = re.compile(f"^{ours}:$", re.MULTILINE)
            obj.docstring.value = found.sub(f"{its}:", obj.docstring.value)
