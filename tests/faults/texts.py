"""Texts that nobody meant to be reviews, by what they are."""

import random


def runs(length: int) -> dict[str, str]:
    """Texts of about a length of what the tokenizer looks at more closely.

    They consist of whole parts, so that longer ones end as shorter ones do.
    """
    parts = {
        "less-than": "<",
        "quotation marks": '"',
        "apostrophes": "'",
        "full stops": ".",
        "commas": ",",
        "colons": ":",
        "backticks": "`",
        "brackets": "([{<",
        "closing marks after full stops": 'a.)"]}>',
        "dashes": "-",
        "dollar signs": "$",
        "letters": "a",
        "digits": "1,0",
        "spaces": " ",
        "line breaks": "\n",
        "separators": "\x1c",
        "words": "good film ",
        "unfinished tags": "<br ",
        "tags": "<br/>",
        "contractions": "cannot ",
        "clitics": "n't's'll ",
        "quotes in quotes": " '\" ",
        "combining marks": "e\u0301",
        "smileys": "\U0001f600",
    }
    return {name: part * (length // len(part)) for name, part in parts.items()}


SHORT: dict[str, str] = {
    "empty": "",
    "a space": " ",
    "white space of all kinds": "\t\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000",
    "a zero": "\0",
    "zeros": "good\0film\0" * 100,
    "all control characters": "".join(map(chr, range(32)))
    + "\x7f"
    + "".join(map(chr, range(128, 160))),
    "escapes of a terminal": "\x1b[2J\x1b[1;1H\x1b]0;pwned\x07\x1b]52;c;cHduZWQ=\x07 good",
    "backspaces": "bad\b\b\bgood",
    "right to left": "\u202egood\u202c film",
    "isolates": "\u2066good\u2067 bad\u2068 film\u2069",
    "zero width": "g\u200bo\u200co\u200dd\ufeff",
    "a byte order mark": "\ufeffgood film",
    "half a surrogate pair": "good \ud800 film",
    "bytes that are no text": "good \udcff\udcfe film",
    "what is no character": "good \uffff\ufffe\U0010ffff film",
    "unknown words alone": "Rindfleischetikettierungsüberwachung " * 20,
    "other scripts": "это хороший фильм 好电影 فيلم جيد सुंदर",
    "signs alone": "?!.,;:-()[]{}<>@#$%&*",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "the end of a script": "</script><!--<script>",
    "a formula": "=cmd|' /C calc'!A0",
    "a format": "%s%n{0}{__class__}${jndi:ldap://x}",
    "a path": "../../../../etc/passwd",
    "an option": "--help",
    "JSON": '{"text": "good", "label": [[[[]]]]}',
    "quoted CSV": '"good","film"\r\n"bad"',
    "tags in other ways": "<BR/><br\n/><br  ><bR / >",
    "letters that grow in lower case": "İ" * 1000,
    "letters under marks": "g" + "\u0301" * 10_000 + "ood",
    "numbers": "1e999 -inf nan 0x1F ١٢٣",
    "words without end": "good" * 50_000,
    "carriage returns": "good\rbad\r\nfilm",
    "random characters": "".join(map(chr, random.Random(1).sample(range(1, 0xD800), 5000))),
}
