"""What the gallery says of a measured micrograph, and how much it needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.particles import Flag
from ...core.scale import format_length
from ...results.saved import SavedMeasurement

if TYPE_CHECKING:
    from .entry import Entry


_DOUBTS = (
    "look_alikes",
    "dark_places",
    "faint",
    "overlaps",
    "atoms",
    "left_out",
    "size_differs",
    "cover_differs",
    "edge_weights",
    "few_decide",
    "few_pixels",
)
"""Codes of warnings that call for a person."""
_CALLS = 6.0  # some 5 % of the particles unsure, or anything worse


@dataclass(frozen=True)
class Doubt:
    """How much a micrograph needs a person: `rank` to sort by, the highest first, and why, the worst first."""

    rank: float
    reasons: tuple[str, ...]

    @property
    def calls(self) -> bool:
        """Whether a person should look; one unsure particle among a hundred is no reason."""
        return self.rank >= _CALLS


def summary_of(saved: SavedMeasurement) -> dict[str, Any]:
    """What the gallery needs of a measurement."""
    about = saved.about
    d, scale = about["distribution"], about["scale"]
    median = d["median"]["value"]
    return {
        "file": about["file"],
        "sha256": about["sha256"],
        "status": about["status"],
        "shape": list(about["shape_px"]),
        "magnification": about["instrument"].get("magnification"),
        "n_found": about["n_particles"],
        "n_counted": d["n"],
        "n_unsure": saved.with_flag(Flag.LOW_CONFIDENCE),
        "n_edits": saved.n_edits,
        "median": "" if median is None else format_length(median, digits=3) if d["unit"] == "nm" else f"{median:.3g} px",
        "median_nm": median if d["unit"] == "nm" else None,
        "scale_source": scale["source"],
        "scale_warnings": list(scale["warnings"]),
        "nm_per_px": None if scale["nm_per_px_y_x"] is None else scale["nm_per_px_y_x"][1],
        "doubts": [text for code, text in saved.warnings.items() if code in _DOUBTS],
    }


def doubt_of(entry: Entry) -> Doubt:
    """How much a person is needed, and why."""
    if entry.state == "error":
        return Doubt(1000, (entry.message,))
    if entry.state != "done":
        return Doubt(0, ())
    s = entry.summary
    parts: list[tuple[float, str]] = []
    if s["status"] == "no_scale":
        parts.append((500, "no scale: sizes are in px"))
    elif s["scale_warnings"] and s["scale_source"] != "user":
        parts.append((300, "check the scale"))
    if s["status"] == "no_particles":
        parts.append((250, "no particles found"))
    elif s["n_counted"] == 0:
        parts.append((200, "no particle counts"))
    if entry.file is None:
        parts.append((150, "the micrograph itself is not here"))
    if s["n_unsure"]:
        share = s["n_unsure"] / max(s["n_found"], 1)
        parts.append((100 * share + 1, f"{s['n_unsure']} of {s['n_found']} particles unsure"))
    parts += [(40, w.split(":")[0][:90]) for w in s["doubts"]]
    parts.sort(reverse=True)
    rank = sum(p for p, _ in parts) - (10_000 if entry.checked else 0)
    return Doubt(rank, tuple(text for _, text in parts))
