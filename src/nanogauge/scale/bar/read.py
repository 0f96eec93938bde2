"""Reads the burned-in scale bar: text -> length -> the bar beside it -> nm per pixel, or a refusal with its reason."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import BarLocator, LetterReader, TextLine, TextReader
from ...core.scale import unit_nm
from .boxes import Box
from .databar import find_data_bar
from .ink import text_tone
from .labels import confirmed, labels_in, read_again, without_stroke
from .letters import is_clear_of, labels_beside_bars, labels_of_two, letters_of, otherwise_alone, told_from_bars, with_what_was_cut
from .lines import Sight
from .match import LabelledBar, bars_at
from .panels import find_panels
from .plates import with_plate
from .printed import Printed, printed_facts, scanning_by_print
from .reading import ScaleBarReading
from .second_sight import has_rival, is_in_pieces, taken_together
from .text import LengthText, is_common, is_reciprocal, label_rounding, parse_lengths, thousands_doubt
from .witness import witness_of

_TALLEST_TEXT = 0.2  # of the picture's height
_SHORT = 3  # characters that a particle or a few may be read as
_LEAST_ARROW_PX = 80.0  # fine tips fade: up to 5 px were missed in 30 to 67 px
_LEAST_CLEAR_ARROW_PX = 30.0  # where the tips were found in two ways, in the same place
_TIPS_OFF_PX, _TIPS_OFF = 2.0, 0.03  # or of its length: that the locator may see them elsewhere
_LEAST_SCORE = 0.45  # of a bar and its text together
_LEAST_CONFIDENCE = 0.55
_DRAWN_PX = 1 / math.sqrt(12)  # a bar is drawn in whole px (rectangular distribution, GUM 4.3.7)
_RIM_PX = 2  # around a bar that is painted over
_NEARLY = 0.6  # of the best score: another candidate that what is printed may speak for
_RIVAL = 0.75  # of the best score: another bar that its label may belong to
_RIVALLED = 0.5  # of its score, where another bar fits a label about as well
_AGREE = 0.03  # two bars in one picture say the same
_SAME_SIGMAS, _MOST_REFINED = 2.5, 0.04  # how far bar and print may differ and still be taken together


def read_scale_bar(
    pixels: NDArray[np.uint8], reader: TextReader, locator: BarLocator | None = None, letters: LetterReader | None = None
) -> ScaleBarReading | None:
    """The scale bar burned into an (H, W) uint8 picture; None where there is no text at all. Without a locator by geometry alone;
    without `letters`, nobody but the text reader says what a label is.

    A reading whose `refused` is set found something but not enough to be sure: it has no scale. A figure of several panels has one
    only where every panel has a bar and all agree.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be (H, W) uint8, got {pixels.dtype} of shape {pixels.shape}")
    panels = find_panels(pixels)
    if len(panels) == 1:
        return _read_panel(Sight(pixels, reader, locator, letters))
    sights = [Sight(np.ascontiguousarray(pixels[y0:y1, x0:x1]), reader, locator, letters) for y0, x0, y1, x1 in panels]
    found = [_moved(_read_panel(sight), y0, x0) for sight, (y0, x0, _, _) in zip(sights, panels, strict=True)]
    return _of_panels(found)


def _of_panels(readings: list[ScaleBarReading | None]) -> ScaleBarReading:
    """One reading for a figure of several panels: the first panel's where all panels have a bar and these agree, else refused."""
    known = [r for r in readings if r is not None]
    boxes = tuple(box for r in known for box in (*r.text_boxes, *((r.box,) if r.box else ())))
    letters = tuple(one for r in known for one in r.letters)
    scanning = known[0].scanning if known and all(r.scanning for r in known) else ""
    scales = [r.scale.nm_per_px[1] for r in known if r.scale is not None]
    said = f"the picture is a figure of {len(readings)} panels"
    if len(scales) == len(readings) and max(scales) / min(scales) - 1 <= _AGREE:
        agreement = f"{said}, whose scale bars agree"
        return replace(
            known[0], warnings=(*known[0].warnings, agreement), text_boxes=boxes, letters=letters, n_panels=len(readings),
            scanning=scanning,
        )  # fmt: skip
    why = (
        "whose scale bars disagree" if len(scales) == len(readings) else f"and a scale could be read in {len(scales)} of them only"
    )
    refused = f"{said}, {why}; measure it with --panels, each by its own bar, or crop it"
    return ScaleBarReading(
        None, None, None, "", 0.0, None, 0.0, text_boxes=boxes, letters=letters, refused=refused, n_panels=len(readings),
        scanning=scanning,
    )  # fmt: skip


def _moved(reading: ScaleBarReading | None, dy: int, dx: int) -> ScaleBarReading | None:
    """The reading of a panel with its boxes in px of the whole figure."""
    if reading is None:
        return None

    def moved(b: Box) -> Box:
        return b[0] + dy, b[1] + dx, b[2] + dy, b[3] + dx

    return replace(
        reading,
        box=moved(reading.box) if reading.box else None,
        label_box=moved(reading.label_box) if reading.label_box else None,
        text_boxes=tuple(moved(b) for b in reading.text_boxes),
        letters=tuple((text, moved(b)) for text, b in reading.letters),
    )


def _read_panel(sight: Sight) -> ScaleBarReading | None:
    """As `read_scale_bar`, for one micrograph."""
    pixels = sight.pixels
    strip = find_data_bar(pixels)
    sight.look(strip)
    labels = _labels(sight)
    pairs = _pairs(labels, sight, strip)
    for look in (sight.look_at_labels, sight.look_at_bars, sight.look_below):  # small text is found once it is larger
        if not pairs and look():
            labels = _labels(sight)
            pairs = _pairs(labels, sight, strip)
    if not labels and (labels := labels_of_two(sight)):
        pairs = _pairs(labels, sight, strip)
    lines = sight.lines
    if not lines:
        return None
    texts = [(line, _whole(line.box, pixels.shape)) for line in lines if _is_text(line, pixels.shape[0])]
    boxes = tuple(with_plate(pixels, box) for _, box in texts)
    letters = tuple((line.text, box) for (line, box), plate in zip(texts, boxes, strict=True) if plate == box and _is_short(line))
    scanning = scanning_by_print(lines)
    bare = ScaleBarReading(None, None, None, "", 0.0, None, 0.0, text_boxes=boxes, letters=letters, scanning=scanning)
    if not labels:
        reason = "no text in the picture is a length that could label a scale bar"
        return replace(bare, refused=reason)
    if not pairs:
        text = max(labels, key=lambda t: t.confidence)
        reason = f"the text {text.raw!r} stands in the picture, but no bar was found at it"
        return replace(bare, text=text.text, raw_text=text.raw, refused=reason)
    printed = printed_facts(lines)
    decided = _decide(_as_printed(pairs, printed, pixels.shape[1]), pixels.shape, printed)
    return replace(decided, text_boxes=boxes, letters=letters, scanning=scanning)


def _labels(sight: Sight) -> list[LengthText]:
    """What may label a bar in the lines that were read; a line whose box takes in a bar is cut to its letters."""
    found = labels_in(sight.pixels, sight.lines, sight.reader)
    if not found:
        return labels_beside_bars(sight)
    labels = told_from_bars(found, sight)
    for before, label in zip(found, labels, strict=True):
        if label is not before:
            sight.lines = [line for line in sight.lines if line.text != before.raw]
            sight.lines.append(TextLine(label.raw, label.confidence, label.box))
    return labels


def _pairs(labels: list[LengthText], sight: Sight, strip: Box | None) -> list[LabelledBar]:
    """Confirmed labels with their bars, the best of each label: of two, the one that what is printed does not contradict."""
    pairs, printed = [], printed_facts(sight.lines)
    for label in labels:
        found = bars_at(sight.pixels, label, sight.lines, strip=strip, seen=sight.located.bars)
        found = taken_together(sight.pixels, label, found, sight.located, sight.lines)
        found = [p for p in found if p.score >= _LEAST_SCORE]
        votes = [*sight.lines, *(c for c in sight.coarse if c not in sight.lines)]
        if not found:
            found, shorter = _with_its_end(label, sight)
            votes = [line for line in votes if line.text != label.raw]  # it was read with the bar's end
            label = shorter
        if not found:
            continue
        found = _as_printed(found, printed, sight.pixels.shape[1])
        found.sort(key=lambda p: not (p.ends.pointed and p.ends.unsure))  # what is there, though its tips are unclear
        bare, alone = None, None
        if _is_beside(found[0]) or found[0].label.box != label.box:  # its end may have been read as a digit
            bare = _without_bar(sight.pixels, found[0])
            alone = read_again(bare, found[0].label, sight.reader)
            if alone is not None and alone.text in (label.text, label.text[1:] if label.text.startswith("1") else ""):
                votes = [line for line in votes if not _takes_in(line, found[0])]
                votes.append(TextLine(alone.raw, alone.confidence, alone.box))
                if alone.text != label.text:
                    found, label = [replace(p, label=alone) for p in found], alone
        witness, in_letters = witness_of(sight.pixels, label, sight.letters), partial(letters_of, label, sight)
        sure = confirmed(sight.pixels, label, votes, sight.reader, read_from=bare, alone=in_letters, witness=witness)
        trusted = witness.surely_says(sure)
        if not sure.doubt and not trusted and (whole := with_what_was_cut(sure, sight)) is not None:
            sure = replace(sure, doubt=f"it was read as {sure.text!r} and, with what stands before it, as {whole.text!r}")
        if not sure.doubt and not trusted and (other := otherwise_alone(sure, sight)) is not None:
            trusted = witness.surely_says(other)
            said = f"it was read as {sure.text!r} and, without the bar beside it, as {other.text!r}"
            sure = replace(other, box=sure.box) if trusted else replace(sure, doubt=said)
        if not sure.doubt and (spelt := witness.objection(sure)) is not None:
            sure = replace(sure, doubt=f"it was read as {sure.text!r} and, letter by letter, as '{spelt}'")
        rivals = [p for p in found[1:] if p.score > _RIVAL * found[0].score and abs(p.nm_per_px / found[0].nm_per_px - 1) > _AGREE]
        rivalled = bool(rivals) or has_rival(sight.pixels, found[0], sight.located, sight.lines)
        in_pieces = is_in_pieces(sight.pixels, found[0], sight.lines)
        # its box begins beyond the bar, and with that painted over it is read the same
        stands_alone = alone is not None and alone.says(label) and label.box[1] >= found[0].bar.box[3]
        if not sure.doubt and not trusted and _stroke_for_one(found[0]) and not stands_alone and not is_clear_of(found[0], sight):
            sure = replace(sure, doubt=f"the leading 1 of {sure.text!r} may be the end of the bar beside it")
        if not sure.doubt:  # however surely it was read
            sure = replace(sure, doubt=thousands_doubt(sure.text) or _reciprocal_doubt(sure, [*sight.lines, *sight.coarse]))
        score = found[0].score * (_RIVALLED if rivalled else 1.0)
        pairs.append(replace(found[0], label=sure, score=score, rivalled=rivalled, in_pieces=in_pieces))
    return sorted(pairs, key=lambda p: -p.score * p.label.confidence)


def _as_printed(pairs: list[LabelledBar], printed: Printed, width_px: int) -> list[LabelledBar]:
    """Pairs, the best first, in the order in which they count: where what is printed speaks against the first and for another
    that is nearly as good, that one counts, and those that are contradicted are dropped."""
    verdicts = [printed.verdict(p.nm_per_px, width_px)[0] for p in pairs]
    if not pairs or verdicts[0] not in ("contradicts", "cropped"):
        return pairs
    enough = ("agrees", "fits") if verdicts[0] == "contradicts" else ("agrees",)
    least = _NEARLY * pairs[0].score
    chosen = [p for p, v in zip(pairs, verdicts, strict=True) if v in enough and p.score >= least]
    rest = [p for p, v in zip(pairs, verdicts, strict=True) if v != "contradicts" and p not in chosen]
    return [*chosen, *rest] if chosen else pairs


def _reciprocal_doubt(label: LengthText, lines: list[TextLine]) -> str:
    """What is to be said against a label where another look at it saw the "⁻¹" of a reciprocal length: readers drop it, and never
    make it up."""
    for line in lines:
        height = min(line.box[2], label.box[2]) - max(line.box[0], label.box[0])
        width = min(line.box[3], label.box[3]) - max(line.box[1], label.box[1])
        over = height > 0.5 * (label.box[2] - label.box[0]) and width > 0.5 * (label.box[3] - label.box[1])
        if over and is_reciprocal(line.text):
            return f"it was read as {label.text!r} and as {line.text!r}, as a diffraction pattern or Fourier transform would say"
    return ""


def _is_beside(pair: LabelledBar) -> bool:
    """Whether a bar ends beside its label, in the label's rows and within a height of it."""
    (ty0, tx0, ty1, tx1), bar = pair.label.box, pair.bar
    if bar.kind in ("split", "ruler") or not ty0 < 0.5 * (bar.rows[0] + bar.rows[1]) < ty1:
        return False
    return -0.3 * (ty1 - ty0) <= max(tx0 - bar.box[3], bar.box[1] - tx1) <= ty1 - ty0


def _without_bar(pixels: NDArray[np.uint8], pair: LabelledBar) -> NDArray[np.uint8]:
    """The picture with the bar and its blurred rim painted over in the tone of the label's ground."""
    y0, x0, y1, x1 = pair.bar.box
    out = pixels.copy()
    rim = _RIM_PX
    out[max(y0 - rim, 0) : y1 + rim, max(x0 - rim, 0) : x1 + rim] = round(text_tone(pixels, pair.label).ground)
    return out


def _takes_in(line: TextLine, pair: LabelledBar) -> bool:
    """Whether a line was read in one box with a part of the bar."""
    (y0, x0, y1, x1), bar = line.box, pair.bar
    return min(y1, bar.rows[1]) > max(y0, bar.rows[0]) and min(x1, bar.box[3]) - max(x0, bar.box[1]) > 0


def _with_its_end(label: LengthText, sight: Sight) -> tuple[list[LabelledBar], LengthText]:
    """Bars of a label whose leading 1 is the bar's own end tick, and the label without it; the tick must stand where the 1 was."""
    shorter = without_stroke(sight.pixels, label, sight.reader)
    if shorter is None:
        return [], label
    lines = [line for line in sight.lines if line.text != label.raw]
    pairs = [p for p in bars_at(sight.pixels, shorter, lines) if p.score >= _LEAST_SCORE and p.bar.kind == "ticks"]
    last = shorter.box[1] + 0.4 * (label.box[2] - label.box[0])
    return [p for p in pairs if label.box[1] - 2 <= p.bar.box[3] <= last], shorter


def _stroke_for_one(pair: LabelledBar) -> bool:
    """Whether the number begins with a 1 that could be an end tick: the bar ends left of it, and without it there is a label."""
    number, rest = pair.label.text.split()[0], pair.label.text.split()[0][1:].removeprefix(".")
    if pair.bar.kind not in ("ticks", "split"):
        return False
    beside = pair.bar.kind == "split" or pair.bar.box[3] <= pair.label.box[1] + 0.8 * (pair.label.box[2] - pair.label.box[0])
    return number.startswith("1") and bool(rest.strip("0")) and is_common(float(rest)) and beside


def _decide(pairs: list[LabelledBar], shape: tuple[int, ...], printed: Printed) -> ScaleBarReading:
    """The best pair as a reading; refused where it is clipped, unsure, or contradicted by another bar or by what is printed."""
    best, warnings, refused = pairs[0], [], None
    verdict, reason = printed.verdict(best.nm_per_px, shape[1])
    confidence = min(1.0, best.label.confidence) * min(1.0, best.score)
    doubt = "" if verdict in ("agrees", "fits") else best.label.doubt
    if best.label.text.endswith("mm") and printed.rules_out(best.nm_per_px / unit_nm("mm"), shape[1]):
        doubt, reason = "", "the field would be too small for a scanning microscope if it were nm"
    if verdict == "agrees" or (verdict == "fits" and not best.rivalled):  # two independent readings of the same scale
        confidence = max(confidence, 0.5 + 0.5 * confidence)
    others = [p for p in pairs[1:] if abs(p.nm_per_px / best.nm_per_px - 1) > max(_AGREE, 2.5 / best.ends.length_px)]
    strong = [p for p in others if _as_found(p) * p.label.confidence > 0.8 * best.score * best.label.confidence]
    if best.ends.clipped:
        refused = "the bar touches the frame, so its end may be cut off"
    elif best.ends.goes_on or ((best.ends.pointed or best.bar.kind == "hollow") and best.ends.unsure):  # lest a worse one be taken
        refused = f"the ends of the bar at {best.label.text!r} cannot be made out"
    elif best.ends.pointed and verdict != "agrees" and not _tips_clear(best):
        refused = f"the arrow at {best.label.text!r} is too short ({best.ends.length_px:.0f} px) to make out its tips well enough"
    elif best.outside and verdict != "agrees":
        refused = f"the label {best.label.text!r} stands in the data bar, but no bar was found there"
    elif best.in_pieces and verdict != "agrees":
        refused = f"the bar at {best.label.text!r} may be one piece of it: another like it stands in its row"
    elif strong:
        refused = f"two bars disagree: {best.label.text} and {strong[0].label.text}"
    elif verdict == "contradicts":
        refused = f"{reason} to the bar's {best.label.text!r}"
    elif doubt:
        refused = doubt
    elif confidence < _LEAST_CONFIDENCE:
        refused = f"the reading {best.label.text!r} is not sure enough (confidence {confidence:.2f})"
    if best.label.doubt and not doubt:
        warnings.append(f"{best.label.doubt}; {reason}")
    if verdict == "cropped":
        warnings.append(f"{reason}: the picture was cropped or is a part of the field")
    if others and not strong:
        warnings.append(f"another bar in the picture says otherwise: {others[0].label.text}")
    if best.ends.length_px < 40:
        warnings.append(f"the bar is only {best.ends.length_px:.0f} px long")
    refined, refined_by = _refined(best, printed, shape[1])
    return ScaleBarReading(
        value_nm=best.label.value_nm,
        length_px=best.ends.length_px,
        box=_whole(best.bar.box, shape),
        text=best.label.text,
        confidence=confidence,
        nm_per_px=best.nm_per_px,
        relative_uncertainty=_relative_uncertainty(best),
        raw_text=best.label.raw,
        kind=best.bar.kind,
        warnings=tuple(warnings),
        refused=refused,
        refined=refined,
        refined_by=refined_by,
        label_box=_whole(best.label.box, shape),
    )


def _as_found(pair: LabelledBar) -> float:
    """A pair's score, however many other bars its label fits: that they are many does not make what it says agree with another."""
    return pair.score / _RIVALLED if pair.rivalled else pair.score


def _tips_clear(pair: LabelledBar) -> bool:
    """Whether an arrow is long, or its tips were found in two ways, or the locator sees them where they were measured."""
    if pair.ends.length_px >= (_LEAST_CLEAR_ARROW_PX if pair.ends.twice_found else _LEAST_ARROW_PX):
        return True
    return pair.seen_off_px is not None and pair.seen_off_px <= max(_TIPS_OFF_PX, _TIPS_OFF * pair.ends.length_px)


def _refined(pair: LabelledBar, printed: Printed, width_px: int) -> tuple[tuple[float, float] | None, str]:
    """nm per px and its relative standard uncertainty, the bar taken together with what is printed, and what that is.

    A bar of 36 px is good to 1.4 %, the field width printed beside it to 0.1 %. Where both say the same within what the bar can
    tell, their mean counts, weighted by inverse variance, the best estimate of two independent ones.
    """
    own, known = _relative_uncertainty(pair), printed.nm_per_px(width_px)
    if known is None or abs(math.log(known[0] / pair.nm_per_px)) > min(_SAME_SIGMAS * own, _MOST_REFINED):
        return None, ""
    share = own**2 / (own**2 + known[1] ** 2)
    by = "printed field width" if printed.field_width_nm is not None else "printed magnification"
    return (pair.nm_per_px * (known[0] / pair.nm_per_px) ** share, own * math.sqrt(1 - share)), by


def _relative_uncertainty(pair: LabelledBar) -> float:
    """One standard uncertainty of value over length (GUM 5.1.2): the bar's ends, its drawing in whole px, the label's rounding."""
    length = pair.ends.length_px
    return min(math.hypot(pair.ends.sigma_px / length, _DRAWN_PX / length, label_rounding(pair.label.text)), 0.5)


def _is_text(line: TextLine, picture_height: int) -> bool:
    """Whether a line is burned-in text for sure: a reader takes rows of round particles for "8000", a picture full of them for
    one large letter."""
    if line.box[2] - line.box[0] > _TALLEST_TEXT * picture_height or not re.search(r"[A-Za-z0-9µμ]", line.text):
        return False
    if parse_lengths(line):
        return True
    return line.confidence >= 0.8 and re.fullmatch(r"[O0o8Q°()\s.,:;\-_—一|]*", line.text) is None


def _is_short(line: TextLine) -> bool:
    """Whether a text is a letter or three, or one letter again and again: a cube is read as "D", two rods as "11"."""
    text = line.text.strip()
    if parse_lengths(line) or re.fullmatch(r"\(.+\)", text):
        return False
    characters = re.findall(r"\w", text)
    return len(characters) <= _SHORT or len(set(characters)) == 1


def _whole(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Box:
    """A box in whole px inside the picture."""
    y0, x0, y1, x1 = box
    return (max(int(y0), 0), max(int(x0), 0), min(math.ceil(y1), shape[0]), min(math.ceil(x1), shape[1]))
