"""What only people know about a run: who measured it, what may be done with it, what it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...core.errors import SettingsError

_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])", re.IGNORECASE)
_LIKE_ORCID = re.compile(r"[\dX/:.a-z-]*\d{4}[\dX-]*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who measured. orcid: the 16 digits with hyphens, "" where there is none."""

    name: str
    orcid: str = ""
    affiliation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CrateFacts:
    """What only people know. licence: an SPDX identifier such as CC-BY-4.0, or an address; "": none is granted."""

    title: str = ""
    description: str = ""
    people: tuple[Person, ...] = ()
    licence: str = ""
    keywords: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def person_from(text: str) -> Person:
    """A person from "Jane Doe, 0000-0002-1825-0097, University of Somewhere", in which only the name must be there.

    Raises SettingsError where there is no name, or the ORCID is none (its last digit is a checksum).
    """
    parts = [p.strip() for p in text.split(",") if p.strip()]
    orcids = [m[1].upper() for p in parts if (m := _ORCID.fullmatch(p))]
    rest = [p for p in parts if not _ORCID.fullmatch(p)]
    if not rest or len(orcids) > 1:
        raise SettingsError(f"not a person: {text!r}; give a name, and an ORCID after a comma: 'Jane Doe, 0000-0002-1825-0097'")
    if any(_LIKE_ORCID.fullmatch(p) for p in rest) or (orcids and not _is_orcid(orcids[0])):
        raise SettingsError(f"not an ORCID in {text!r}: 16 digits in groups of four, the last one a checksum; check them")
    return Person(name=rest[0], orcid=orcids[0] if orcids else "", affiliation=", ".join(rest[1:]))


def _is_orcid(text: str) -> bool:
    """Whether the last digit is right (ISO 7064, 11-2)."""
    total = 0
    digits = text.replace("-", "")
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[-1] == ("X" if check == 10 else str(check))
