"""The inputs that found new ways through the code, kept for the tests and for the next search."""

import zipfile
from collections.abc import Mapping
from hashlib import sha1
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus.zip")
# Larger ones are found again from the seeds.
_LARGEST = 1 << 14
# The date of every member, so that the same inputs make the same file.
_DATE = (2026, 1, 1, 0, 0, 0)


def kept(path: Path = CORPUS) -> dict[str, dict[str, bytes]]:
    """By the name of the target, by the name of the input."""
    found: dict[str, dict[str, bytes]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            target, _, name = member.partition("/")
            found.setdefault(target, {})[name] = archive.read(member)
    return found


def keep(found: Mapping[str, Path], path: Path = CORPUS) -> None:
    """Adds what is in folders, by the name of the target."""
    inputs = kept(path) if path.exists() else {}
    for target, folder in found.items():
        for file in folder.iterdir():
            data = file.read_bytes()
            if len(data) <= _LARGEST:
                inputs.setdefault(target, {})[sha1(data).hexdigest()] = data
    with zipfile.ZipFile(path, "w") as archive:
        for target, by_name in sorted(inputs.items()):
            for name, data in sorted(by_name.items()):
                member = zipfile.ZipInfo(f"{target}/{name}", _DATE)
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, data)
