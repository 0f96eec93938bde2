"""What an edit changed, as it is told to every window."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DELTAS = 300
"""So many are kept for windows that must catch up; one that is further behind gets everything."""


@dataclass(frozen=True)
class Delta:
    """What changed: `removed` and `changed` labels, or everything; `text` says it; `focus` labels to select."""

    revision: int
    removed: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    everything: bool = False
    text: str = ""
    focus: tuple[int, ...] = ()
