"""Checks that the configs share. A value that fails raises a ValueError that says what came."""

from __future__ import annotations

from collections.abc import Sequence

LARGEST = 1_000_000


def check_whole(name: str, value: object, least: int, most: int = LARGEST) -> None:
    """Expects a whole number from `least` to `most`, which no sensible setting exceeds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(
            f"{name} must be a whole number from {least} to {most:,}. Received: {value!r}"
        )


def check_fraction(name: str, value: object, *, zero: bool) -> None:
    """Expects a number below 1 and above 0, or 0 itself where `zero` says so."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not (0 < value < 1 or (zero and value == 0)):  # type: ignore[operator]
        least = "at least 0" if zero else "above 0"
        raise ValueError(f"{name} must be {least} and below 1. Received: {value!r}")


def check_positive(name: str, value: object, *, zero: bool = False) -> None:
    """Expects a number above 0, or 0 if `zero`, below what no sensible setting exceeds."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not (0 < value < LARGEST or (zero and value == 0)):  # type: ignore[operator]
        least = "at least 0" if zero else "above 0"
        raise ValueError(f"{name} must be {least} and below {LARGEST:,}. Received: {value!r}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Expects one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}. Received: {value!r}")


def check_flag(name: str, value: object) -> None:
    """Expects True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false. Received: {value!r}")
