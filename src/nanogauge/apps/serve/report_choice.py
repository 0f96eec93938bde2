"""What the report of a work folder is made of, and what its head says: chosen on the page, kept with the project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...reporting.info import ReportInfo
from .entry import Entry

FACTS = ("title", "operator", "laboratory", "instrument")
_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class ReportChoice:
    """title, operator, laboratory, instrument: for the head, "" where nobody said; checked_only: leave out what is not marked as
    checked; without: samples left out, "" for the micrographs that are in none, so that a new sample is in the report"""

    title: str = ""
    operator: str = ""
    laboratory: str = ""
    instrument: str = ""
    checked_only: bool = False
    without: tuple[str, ...] = ()

    @property
    def info(self) -> ReportInfo:
        """The facts of the head."""
        return ReportInfo(**{fact: getattr(self, fact) for fact in FACTS})

    def of(self, samples: Mapping[str, Sequence[Entry]]) -> dict[str, list[Entry]]:
        """Sample -> those of its micrographs that are in the report; none of a sample without any."""
        kept = {
            name: [e for e in group if e.checked or not self.checked_only]
            for name, group in samples.items()
            if name not in self.without
        }
        return {name: group for name, group in kept.items() if group}

    def left_out(self, samples: Mapping[str, Sequence[Entry]]) -> str:
        """What a reader should know is not in it: "3 of 12: sample lot 8 (2), not marked as checked (1)"; "" if nothing."""
        why = [
            (f"sample {name}" if name else "micrographs in no sample", len(group))
            for name, group in samples.items()
            if name in self.without
        ]
        within = sum(len(group) for name, group in samples.items() if name not in self.without)
        if unchecked := within - sum(map(len, self.of(samples).values())):
            why.append(("not marked as checked", unchecked))
        n = sum(k for _, k in why)
        return f"{n} of {sum(map(len, samples.values()))}: {', '.join(f'{what} ({k})' for what, k in why)}" if n else ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def choice_from_dict(values: Mapping[str, Any]) -> ReportChoice:
    """As `to_dict` wrote it; texts on one line and of a length that a head can hold."""
    without = values.get("without")
    return ReportChoice(
        checked_only=values.get("checked_only") is True,
        without=tuple(sorted({str(name) for name in without})) if isinstance(without, list | tuple) else (),
        **{fact: " ".join(str(values.get(fact) or "").split())[:_LONGEST] for fact in FACTS},
    )
