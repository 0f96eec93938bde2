"""What the scale bar in a picture says, and what is written on the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...core.scale import Scale
from .boxes import Box


@dataclass(frozen=True, slots=True)
class ScaleBarReading:
    """What the scale bar in a picture says.

    value_nm: the label; length_px: what the label spans; box: the bar, (y0, x0, y1, x1) px, half-open; label_box: its text; text:
    as understood, "500 nm"; raw_text: as the reader saw it; nm_per_px: value over length; relative_uncertainty: one standard
    uncertainty, bar ends, whole px and rounding of the label; kind: solid, ticks, split, hollow, arrows, ruler; text_boxes: the
    lines in the picture that are text, with the plates behind them; letters: those of them that are a letter or three on no plate,
    each with its text, which particles are sometimes taken for; refused: why no scale may be taken from the picture,
    None where one may; n_panels: of the figure; scanning: what is printed and says that the microscope was a scanning one, "" where
    nothing does; refined: nm per px and relative uncertainty together with a printed field width or
    magnification that agrees, None where there is none; refined_by: which of them
    """

    value_nm: float | None
    length_px: float | None
    box: Box | None
    text: str
    confidence: float
    nm_per_px: float | None
    relative_uncertainty: float
    raw_text: str = ""
    kind: str = ""
    warnings: tuple[str, ...] = ()
    text_boxes: tuple[Box, ...] = ()
    letters: tuple[tuple[str, Box], ...] = ()
    refused: str | None = None
    refined: tuple[float, float] | None = None
    refined_by: str = ""
    n_panels: int = 1
    scanning: str = ""
    label_box: Box | None = None

    @property
    def scale(self) -> Scale | None:
        """The scale, refined where it could be, None where it was refused. Square pixels: a bar speaks of x only."""
        if self.refused is not None or self.nm_per_px is None:
            return None
        nm_per_px, uncertainty = self.refined or (self.nm_per_px, self.relative_uncertainty)
        return Scale((nm_per_px, nm_per_px), uncertainty, "scale_bar")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "text": self.text,
            "value_nm": self.value_nm,
            "length_px": self.length_px,
            "box_y0_x0_y1_x1": None if self.box is None else [float(v) for v in self.box],
            "nm_per_px": self.nm_per_px,
            "confidence": self.confidence,
            "relative_uncertainty": self.relative_uncertainty,
            "refined_by": self.refined_by,
            "warnings": list(self.warnings),
            "refused": self.refused,
        }


def annotation_boxes(reading: ScaleBarReading | None, *, margin_px: int = 2) -> tuple[Box, ...]:
    """Boxes of burned-in text and of the bar, widened by a margin: nothing in them is a particle. () where nothing was read."""
    if reading is None:
        return ()
    boxes = list(reading.text_boxes) + ([reading.box] if reading.box is not None else [])
    return tuple((max(y0 - margin_px, 0), max(x0 - margin_px, 0), y1 + margin_px, x1 + margin_px) for y0, x0, y1, x1 in boxes)


def written_on(reading: ScaleBarReading | None, *, letters: bool = True) -> list[tuple[int, int, int, int]]:
    """`annotation_boxes` in whole px. letters: also those of short texts that may be particles."""
    if reading is not None and not letters:
        may_be_none = {box for _, box in reading.letters}
        reading = replace(reading, text_boxes=tuple(b for b in reading.text_boxes if b not in may_be_none))
    return [(round(y0), round(x0), round(y1), round(x1)) for y0, x0, y1, x1 in annotation_boxes(reading)]
