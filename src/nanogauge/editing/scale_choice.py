"""The scale a person chooses: as found, the file's, the bar's as read, a bar traced by hand, a figure typed in, or none."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ..core.errors import ScaleError
from ..core.scale import Scale, format_length, parse_length, parse_scale
from ..scale.bar import ScaleBarReading
from ..scale.resolve import ScaleDecision, resolve_scale

END_UNCERTAINTY_PX = 1 / math.sqrt(3)
"""One standard uncertainty of an end set by hand: within ± 1 px, rectangular (GUM 4.3.7)."""
_LEAST_BAR_PX = 3.0


def decide(
    choice: dict[str, Any] | None, *, found: ScaleDecision, metadata: Scale | None, bar: ScaleBarReading | None
) -> ScaleDecision:
    """The decision under a choice:

    None                                                  as found
    {"source": "metadata"} or {"source": "scale_bar"}     one of what was read
    {"source": "typed", "text": "2.5 nm/px"}
    {"source": "traced", "label": "500 nm", "ends": [[y, x], [y, x]]}, pixel centres at integers; the bar reaches from end to end
    {"source": "given", "of": "a.tif", "nm_per_px": [y, x], "relative_uncertainty": u}   that of another micrograph
    {"source": "none"}                                    sizes in px

    Raises ScaleError where it cannot be understood or there is nothing of the kind.
    """
    if choice is None:
        return found
    source = choice.get("source")
    if source == "metadata":
        if metadata is None:
            raise ScaleError("the file states no scale: type one, or trace the scale bar")
        return ScaleDecision(metadata, "metadata", 1.0, _said(metadata, None, bar))
    if source == "scale_bar":
        if bar is None or bar.nm_per_px is None:
            raise ScaleError("no scale bar was read: trace it, or type the scale")
        scale = bar.scale or Scale((bar.nm_per_px, bar.nm_per_px), bar.relative_uncertainty, "scale_bar")
        return ScaleDecision(scale, "scale_bar", 1.0, _said(scale, metadata, None))
    if source == "none":
        return ScaleDecision(None, "none", 0.0, ("sizes are in pixels, as the operator chose",))
    if source == "typed":
        return resolve_scale(metadata=metadata, bar=bar, user=parse_scale(str(choice.get("text", ""))))
    if source == "traced":
        return resolve_scale(metadata=metadata, bar=bar, user=_traced(choice))
    if source == "given":
        return resolve_scale(metadata=metadata, bar=bar, user=_given(choice))
    raise ScaleError(f"unknown source of the scale {source!r}")


def describe(choice: dict[str, Any] | None, decision: ScaleDecision) -> str:
    """The choice as a line for the record of edits."""
    if decision.scale is None:
        return "chose no scale: sizes in px"
    value = f"{decision.scale.mean_nm_per_px:.5g} nm/px"
    source = (choice or {}).get("source")
    if source == "traced":
        return f"traced the scale bar: {(choice or {}).get('label')} over {_length(choice or {}):.1f} px, {value}"
    if source == "given":
        return f"took the scale of {(choice or {}).get('of')}: {value}"
    sources = {"metadata": "the file's metadata", "scale_bar": "the scale bar as read", "typed": "a value typed in"}
    return f"chose {sources.get(str(source), 'the scale as found')}: {value}"


def given(scale: Scale, of: str) -> dict[str, Any]:
    """The choice by which another micrograph takes a scale, its uncertainty with it."""
    pair, u = list(scale.nm_per_px), scale.relative_uncertainty
    return {"source": "given", "of": of, "nm_per_px": pair, "relative_uncertainty": u}


def _given(choice: dict[str, Any]) -> Scale:
    try:
        y, x = (float(v) for v in choice["nm_per_px"])
        return Scale((y, x), float(choice["relative_uncertainty"]), "user")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ScaleError("the scale given cannot be understood: type it") from error


def _traced(choice: dict[str, Any]) -> Scale:
    length = _length(choice)
    if not length >= _LEAST_BAR_PX:
        raise ScaleError("set the two ends of the scale bar: they are too close together")
    nm = parse_length(str(choice.get("label", "")))
    stated = parse_scale(f"{choice['label']} / {length:.6f} px")
    relative = math.hypot(stated.relative_uncertainty, math.sqrt(2) * END_UNCERTAINTY_PX / length)
    return dataclasses.replace(stated, nm_per_px=(nm / length, nm / length), relative_uncertainty=min(relative, 0.5))


def _length(choice: dict[str, Any]) -> float:
    try:
        (y0, x0), (y1, x1) = ((float(v) for v in end) for end in choice["ends"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ScaleError("the ends of the scale bar are missing: set them on the picture") from error
    length = math.hypot(y1 - y0, x1 - x0)
    if not math.isfinite(length):
        raise ScaleError("the ends of the scale bar are not finite: set them on the picture")
    return length


def _said(scale: Scale, metadata: Scale | None, bar: ScaleBarReading | None) -> tuple[str, ...]:
    """What contradicts a choice, in the words used for a stated scale."""
    others = resolve_scale(metadata=metadata, bar=bar, user=scale).warnings
    return tuple(w.replace("you stated", "you chose").replace("yours is used", "your choice is used") for w in others)


def evidence(*, metadata: Scale | None, bar: ScaleBarReading | None) -> list[dict[str, Any]]:
    """What was read, one row per source, for the page."""
    rows: list[dict[str, Any]] = []
    if metadata is not None:
        rows.append(
            {"source": "metadata", "text": f"{metadata.nm_per_px[1]:.5g} nm/px", "why": "stated in the file", "usable": True}
        )
    if bar is not None and bar.nm_per_px is not None and bar.length_px is not None:
        label = bar.text or (format_length(bar.value_nm, digits=3) if bar.value_nm else "")
        value, why = bar.nm_per_px, f"{label} over {bar.length_px:.1f} px"
        if bar.refused:
            why += f"; not used: {bar.refused}"
        elif bar.scale is not None and bar.refined_by:
            value = bar.scale.mean_nm_per_px
            why += f" = {bar.nm_per_px:.5g} nm/px, taken together with the {bar.refined_by}"
        rows.append({"source": "scale_bar", "text": f"{value:.5g} nm/px", "why": why, "usable": bar.refused is None})
    elif bar is not None and bar.refused:
        rows.append({"source": "scale_bar", "text": "not read", "why": str(bar.refused), "usable": False})
    return rows
