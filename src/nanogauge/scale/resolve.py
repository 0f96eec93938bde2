"""Which scale counts: the user's, the file's, or the scale bar's; and what there is to say where they disagree."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..core.micrograph import Instrument
from ..core.scale import Scale
from .bar.reading import ScaleBarReading
from .calibration import Calibration, does_not_hold, doubts

_LEAST_TOLERANCE = 0.02  # bars of a few hundred px agree better than this; makers round their labels' lengths to whole px
_SURE = 0.75  # a bar this surely read outweighs the metadata, for it was scaled with the picture
_MOST_USER_OFF = 0.05
_DECADE = 0.013  # 3 % about a power of ten


@dataclass(frozen=True, slots=True)
class ScaleDecision:
    """The scale in use (None: results stay in pixels), where it is from, how sure (0 to 1), what the user must know, and the
    calibration in it, None where there is none."""

    scale: Scale | None
    source: Literal["metadata", "scale_bar", "user", "none"]
    confidence: float
    warnings: tuple[str, ...] = ()
    calibration: Calibration | None = None


def scale_dict(decision: ScaleDecision, bar: ScaleBarReading | None, metadata: Scale | None) -> dict[str, Any]:
    """The scale in use and what speaks for it, for JSON. metadata: what the file states"""
    scale = decision.scale
    return {
        "source": decision.source,
        "nm_per_px_y_x": list(scale.nm_per_px) if scale else None,
        "relative_uncertainty": scale.relative_uncertainty if scale else None,
        "calibration": None if decision.calibration is None else decision.calibration.to_dict(),
        "warnings": list(decision.warnings),
        "metadata_nm_per_px_y_x": list(metadata.nm_per_px) if metadata else None,
        "scale_bar": None if bar is None else bar.to_dict(),
    }


def resolve_scale(*, metadata: Scale | None, bar: ScaleBarReading | None, user: Scale | None, hint: str = "") -> ScaleDecision:
    """Decides between up to three scales. docs/scale.md has the same as a table.

    - The user's wins; where it contradicts the file or the bar by more than 5 %, that is said.
    - Metadata and bar agree: metadata, the more precise.
    - They disagree by a power of ten: the label was likely misread, the metadata count, flagged.
    - They disagree by another factor: the picture was likely resized or cropped after it was taken. The bar went with it, the
      metadata did not: the bar counts where it was read surely, else the metadata, flagged either way.
    - One alone counts. A refused bar never gives a scale; its reason is passed on.
    - Where nothing counts, `hint` is passed on: what may be the scale, in words.
    - Of a figure of several panels it is said that what a gutter cuts counts as whole, and that a scale which is not read from
      their bars is used for all of them.
    """
    decision = _decided(metadata, bar, user, hint)
    if bar is None or bar.n_panels == 1 or decision.scale is None:
        return decision
    remark = "particles that a gutter between panels cuts count as whole ones; measure the figure with --panels, each by itself"
    if decision.source != "scale_bar":
        remark = f"the picture is a figure of {bar.n_panels} panels: one scale is used for all of them, and {remark}"
    return replace(decision, warnings=(remark, *decision.warnings))


def calibrated(decision: ScaleDecision, calibration: Calibration | None, instrument: Instrument) -> ScaleDecision:
    """The decision with a laboratory's calibration applied to the scale that the instrument stated; a warning where it does
    not hold for this micrograph, or the scale is the user's."""
    scale = decision.scale
    if calibration is None or scale is None:
        return decision
    if decision.source == "user":
        return _with(decision, "the scale is yours: the calibration is not applied to it")
    why = does_not_hold(calibration, scale, instrument)
    if why:
        return _with(decision, f"calibration not used: {why}; the instrument's own scale stands, uncalibrated")
    relative = calibration.relative_uncertainty
    if decision.source == "scale_bar":  # drawn by the calibrated instrument, and read by us
        relative = math.hypot(relative, scale.relative_uncertainty)
    y, x = scale.nm_per_px
    better = Scale((y * calibration.factor_y, x * calibration.factor_x), relative, scale.source, calibration.title)
    return replace(_with(decision, *doubts(calibration, instrument)), scale=better, calibration=calibration)


def _with(decision: ScaleDecision, *remarks: str) -> ScaleDecision:
    return replace(decision, warnings=(*decision.warnings, *remarks))


def _decided(metadata: Scale | None, bar: ScaleBarReading | None, user: Scale | None, hint: str) -> ScaleDecision:
    read = bar.scale if bar is not None else None
    if user is not None:
        return ScaleDecision(user, "user", 1.0, _contradictions(user, metadata, read))
    if metadata is not None and read is not None and bar is not None:
        return _of_two(metadata, read, bar)
    if metadata is not None:
        return ScaleDecision(metadata, "metadata", 0.95)
    if read is not None and bar is not None:
        return ScaleDecision(read, "scale_bar", bar.confidence, bar.warnings)
    if bar is not None and bar.refused is not None:
        why = f"scale bar not used: {bar.refused}"
    else:
        why = "no scale in the file and no scale bar in the picture"
    said = (why, hint, "sizes are in pixels; state the scale to have them in nm")
    return ScaleDecision(None, "none", 0.0, tuple(filter(None, said)))


def _of_two(metadata: Scale, read: Scale, bar: ScaleBarReading) -> ScaleDecision:
    """Metadata or bar."""
    if _agree(metadata, read):
        return ScaleDecision(metadata, "metadata", max(0.99, bar.confidence))
    ratio = read.nm_per_px[1] / metadata.nm_per_px[1]
    both = f"metadata say {_per_px(metadata)}, the scale bar {bar.text!r} says {_per_px(read)}"
    decades = math.log10(ratio)
    if round(decades) != 0 and abs(decades - round(decades)) < _DECADE:
        why = f"a factor of {10.0 ** round(decades):g} is a misread label as a rule: the metadata are used; check it"
        return ScaleDecision(metadata, "metadata", 0.5, (f"{both}; {why}",))
    if bar.confidence >= _SURE:
        scale = Scale((metadata.nm_per_px[0] * ratio, read.nm_per_px[1]), read.relative_uncertainty, "scale_bar")
        why = f"the picture seems resized or cropped by a factor of {1 / ratio:.3g}, and the bar went with it: it is used; check it"
        return ScaleDecision(scale, "scale_bar", 0.6 * bar.confidence, (f"{both}; {why}", *bar.warnings))
    why = f"the metadata are used: the bar was read with confidence {bar.confidence:.2f} only; check it"
    return ScaleDecision(metadata, "metadata", 0.5, (f"{both}; {why}",))


def _agree(a: Scale, b: Scale) -> bool:
    """Whether two scales are the same within three standard uncertainties, and at least 2 %; x counts, for bars lie along x."""
    tolerance = max(_LEAST_TOLERANCE, 3 * math.hypot(a.relative_uncertainty, b.relative_uncertainty))
    return abs(math.log(a.nm_per_px[1] / b.nm_per_px[1])) <= tolerance


def _contradictions(user: Scale, metadata: Scale | None, bar: Scale | None) -> tuple[str, ...]:
    """What to say where the user's scale is off by more than 5 % from another. Of a bar x counts, for it lies along x; metadata
    know y, too, and of pixels that are longer one way than the other a single number is wrong for one of the two."""
    warnings = []
    if metadata is not None and max(_off(user, metadata, axis) for axis in (0, 1)) > _MOST_USER_OFF:
        square = user.is_square and metadata.is_square
        said, known = (
            _per_px(s) if square else f"{s.nm_per_px[0]:.4g} x {s.nm_per_px[1]:.4g} nm/px (y x x)" for s in (user, metadata)
        )
        warnings.append(f"you stated {said}, the metadata say {known}; yours is used")
    if bar is not None and _off(user, bar, 1) > _MOST_USER_OFF:
        warnings.append(f"you stated {_per_px(user)}, the scale bar says {_per_px(bar)}; yours is used")
    return tuple(warnings)


def _off(a: Scale, b: Scale, axis: int) -> float:
    """How far two scales are apart in y (0) or x (1): the logarithm of their ratio."""
    return abs(math.log(a.nm_per_px[axis] / b.nm_per_px[axis]))


def _per_px(scale: Scale) -> str:
    return f"{scale.nm_per_px[1]:.4g} nm/px"
