"""Reads the burned-in scale bar: text -> length -> the bar beside it -> nm per pixel, or a refusal with its reason."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ports import TextLine, TextReader
from ..scale import Scale
from .locate import Box
from .match import LabelledBar, bars_at
from .text import LengthText, parse_lengths

_LEAST_SCORE = 0.45  # of a bar and its text together
_LEAST_CONFIDENCE = 0.55
_AGREE = 0.03  # two bars in one picture say the same
_SMALL_PX = 1100  # larger pictures have larger text
_SHORT_SIDE_PX = 736  # text readers enlarge pictures of a shorter side, and take long over a strip
_LINE_HEIGHT_PX = 48  # what the reader's recogniser likes


@dataclass(frozen=True, slots=True)
class ScaleBarReading:
    """What the scale bar in a picture says.

    value_nm: the label; length_px: what the label spans; box: the bar, (y0, x0, y1, x1) px, half-open; text: as understood,
    "500 nm"; raw_text: as the reader saw it; nm_per_px: value over length; relative_uncertainty: one standard uncertainty,
    bar ends and rounding of the label; kind: solid, ticks, split, hollow, arrows, ruler; text_boxes: the lines of text in the
    picture that are text for sure; refused: why no scale may be taken from the picture, None where one may
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
    refused: str | None = None

    @property
    def scale(self) -> Scale | None:
        """The scale, None where it was refused. Square pixels: a bar speaks of x only."""
        if self.refused is not None or self.nm_per_px is None:
            return None
        return Scale((self.nm_per_px, self.nm_per_px), self.relative_uncertainty, "scale_bar")


def read_scale_bar(pixels: NDArray[np.uint8], reader: TextReader) -> ScaleBarReading | None:
    """The scale bar burned into an (H, W) uint8 picture; None where there is no text at all.

    A reading whose `refused` is set found something but not enough to be sure: it has no scale.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be (H, W) uint8, got {pixels.dtype} of shape {pixels.shape}")
    lines = list(reader.read(pixels))
    labels = _labels(pixels, lines, reader)
    pairs = _pairs(pixels, labels, lines, reader)
    if not pairs and max(pixels.shape) <= _SMALL_PX:  # small text is found once it is larger
        again = [line for line in _enlarged(pixels, reader) if any(c.isalnum() for c in line.text) and line.confidence > 0.6]
        lines += again
        labels += _labels(pixels, again, reader)
        pairs = _pairs(pixels, labels, lines, reader)
    boxes = tuple(_whole(line.box, pixels.shape) for line in lines if _is_text(line))
    if not lines:
        return None
    if not labels:
        reason = "no text in the picture is a length that could label a scale bar"
        return ScaleBarReading(None, None, None, "", 0.0, None, 0.0, text_boxes=boxes, refused=reason)
    if not pairs:
        text = max(labels, key=lambda t: t.confidence)
        reason = f"the text {text.raw!r} stands in the picture, but no bar was found at it"
        return ScaleBarReading(None, None, None, text.text, 0.0, None, 0.0, text.raw, text_boxes=boxes, refused=reason)
    return replace(_decide(pairs, pixels.shape), text_boxes=boxes)


def _labels(pixels: NDArray[np.uint8], lines: list[TextLine], reader: TextReader) -> list[LengthText]:
    """Lengths in the lines, in neighbours joined ("200" "nm"), and in lone units whose number the reader missed."""
    labels = [t for line in lines for t in parse_lengths(line)]
    joined = [j for a in lines for b in lines if (j := _neighbours(a, b)) is not None]
    labels += [t for line in joined for t in parse_lengths(line)]
    if not labels:
        for line in lines:
            if line.text.strip().lower() in ("nm", "um", "µm", "μm", "pm", "mm"):
                labels += parse_lengths(_widened(pixels, line, reader))
    return labels


def _neighbours(a: TextLine, b: TextLine) -> TextLine | None:
    """Two lines that stand side by side as one, where the first is a number and the second is not."""
    high = a.box[2] - a.box[0]
    gap, drop = b.box[1] - a.box[3], abs((a.box[0] + a.box[2]) - (b.box[0] + b.box[2])) / 2
    if a is b or not (-0.5 * high <= gap <= 1.2 * high and drop < 0.4 * high) or not a.text.strip()[-1:].isdigit():
        return None
    box = (min(a.box[0], b.box[0]), a.box[1], max(a.box[2], b.box[2]), b.box[3])
    return TextLine(f"{a.text.strip()} {b.text.strip()}", min(a.confidence, b.confidence), box)


def _widened(pixels: NDArray[np.uint8], line: TextLine, reader: TextReader) -> TextLine:
    """The line read again with the space of three characters on its left."""
    y0, x0, y1, x1 = line.box
    box = (y0, max(0.0, x0 - 1.6 * (y1 - y0)), y1, x1)
    text, confidence = reader.read_line(_crop(pixels, box))
    return TextLine(text, confidence, box)


def _pairs(pixels: NDArray[np.uint8], labels: list[LengthText], lines: list[TextLine], reader: TextReader) -> list[LabelledBar]:
    """Confirmed labels with their bars, the best of each label."""
    pairs = []
    for label in labels:
        found = [p for p in bars_at(pixels, label, lines) if p.score >= _LEAST_SCORE]
        if not found:
            continue
        sure = _confirmed(pixels, label, reader)
        rivals = [p for p in found[1:] if p.score > 0.9 * found[0].score and abs(p.nm_per_px / found[0].nm_per_px - 1) > _AGREE]
        pairs.append(replace(found[0], label=sure, score=found[0].score * (0.7 if rivals else 1.0)))
    return sorted(pairs, key=lambda p: -p.score * p.label.confidence)


def _confirmed(pixels: NDArray[np.uint8], label: LengthText, reader: TextReader) -> LengthText:
    """The label with its confidence raised or lowered by reading its crop again, larger."""
    text, confidence = reader.read_line(_crop(pixels, label.box))
    again = parse_lengths(TextLine(text, confidence, label.box))
    if not again:
        return replace(label, confidence=0.8 * label.confidence)
    if any(abs(t.value_nm / label.value_nm - 1) < 1e-6 for t in again):
        return replace(label, confidence=max(label.confidence, *(t.confidence for t in again)))
    return replace(label, confidence=0.3 * label.confidence)


def _crop(pixels: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """A line of text with a margin, enlarged to the height the recogniser likes."""
    y0, x0, y1, x1 = box
    margin = 0.12 * (y1 - y0)
    a, b = max(int(y0 - margin), 0), min(math.ceil(y1 + margin), pixels.shape[0])
    c, d = max(int(x0 - 2 * margin), 0), min(math.ceil(x1 + 2 * margin), pixels.shape[1])
    part = pixels[a:b, c:d]
    if part.size == 0:
        return part
    factor = _LINE_HEIGHT_PX / part.shape[0]
    return np.asarray(cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def _enlarged(pixels: NDArray[np.uint8], reader: TextReader) -> list[TextLine]:
    """Lines of the lowest part of the picture, read at twice its size."""
    first = int(0.8 * pixels.shape[0])
    part = cv2.resize(pixels[first:], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    below = max(0, _SHORT_SIDE_PX - part.shape[0])
    part = cv2.copyMakeBorder(part, 0, below, 0, 0, cv2.BORDER_CONSTANT, value=float(np.median(part)))
    lines = reader.read(np.asarray(part, np.uint8))
    return [TextLine(t.text, t.confidence, (t.box[0] / 2 + first, t.box[1] / 2, t.box[2] / 2 + first, t.box[3] / 2)) for t in lines]


def _decide(pairs: list[LabelledBar], shape: tuple[int, ...]) -> ScaleBarReading:
    """The best pair as a reading; refused where it is clipped, unsure, or contradicted by another."""
    best, warnings, refused = pairs[0], [], None
    confidence = min(1.0, best.label.confidence) * min(1.0, best.score)
    others = [p for p in pairs[1:] if abs(p.nm_per_px / best.nm_per_px - 1) > max(_AGREE, 2.5 / best.ends.length_px)]
    strong = [p for p in others if p.score * p.label.confidence > 0.8 * best.score * best.label.confidence]
    if best.ends.clipped:
        refused = "the bar touches the frame, so its end may be cut off"
    elif strong:
        refused = f"two bars disagree: {best.label.text} and {strong[0].label.text}"
    elif confidence < _LEAST_CONFIDENCE:
        refused = f"the reading {best.label.text!r} is not sure enough (confidence {confidence:.2f})"
    if others and not strong:
        warnings.append(f"another bar in the picture says otherwise: {others[0].label.text}")
    if "pm" in best.label.raw:
        warnings.append(f"the unit was read as 'pm' in {best.label.raw!r} and taken for µm")
    if best.ends.length_px < 40:
        warnings.append(f"the bar is only {best.ends.length_px:.0f} px long")
    ends = best.ends.sigma_px / best.ends.length_px
    return ScaleBarReading(
        value_nm=best.label.value_nm,
        length_px=best.ends.length_px,
        box=_whole(best.bar.box, shape),
        text=best.label.text,
        confidence=confidence,
        nm_per_px=best.nm_per_px,
        relative_uncertainty=float(ends),
        raw_text=best.label.raw,
        kind=best.bar.kind,
        warnings=tuple(warnings),
        refused=refused,
    )


def _is_text(line: TextLine) -> bool:
    """Whether a line is burned-in text for sure: a reader takes rows of round particles for "8000"."""
    if parse_lengths(line):
        return True
    return line.confidence >= 0.8 and re.fullmatch(r"[O0o8Q°()\s.,:;\-_—一|]*", line.text) is None


def _whole(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Box:
    """A box in whole px inside the picture."""
    y0, x0, y1, x1 = box
    return (max(int(y0), 0), max(int(x0), 0), min(math.ceil(y1), shape[0]), min(math.ceil(x1), shape[1]))
