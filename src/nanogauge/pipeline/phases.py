"""From a micrograph to its phases: scale, the network's class maps, figures; and a network checked on pictures it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import EngineError
from ..core.micrograph import Micrograph
from ..core.protocols import Engine, EngineClasses, classes_of
from ..core.scale import Scale
from ..detection.class_maps import class_maps
from ..phases.check import Check, check_picture, read_check
from ..phases.phase_map import PhaseMap, phase_map
from ..reading import read_micrograph
from ..results.phases import PhaseMeasurement
from ..scale.bar import written_on
from .measure import Measurer

_ROOM = 1.3  # beyond the pixel sizes that were learned from
_MUCH_TEXT = 0.03  # share of the picture


def measure_phases(
    source: str | Path | Micrograph, measurer: Measurer, *, check: Check | None = None, scale: Scale | None = None
) -> PhaseMeasurement:
    """File -> scale -> class maps -> phases of one micrograph. scale: the user's.

    Raises InputError, and EngineError for a network that tells no phases apart.
    """
    known = phases_of(measurer.engine)
    micrograph = source if isinstance(source, Micrograph) else read_micrograph(source, **asdict(measurer.settings.read))
    bar, decision, frame = measurer.read_scale(micrograph, user=scale)
    y0, x0, y1, x1 = frame
    boxes = tuple((a - y0, b - x0, c - y0, d - x0) for a, b, c, d in written_on(bar))
    p = class_maps(micrograph.grey8()[y0:y1, x0:x1], measurer.engine)
    remarks = (*_other_pixels(known, decision.scale), *_left_out(boxes, p.shape[:2]))
    found = phase_map(p, known.names, name=micrograph.name, scale=decision.scale, leave_out=boxes, remarks=remarks)
    return PhaseMeasurement(
        micrograph=micrograph,
        decision=decision,
        scale_bar=bar,
        frame=frame,
        map=found,
        check=check,
        engine=measurer.engine.name,
        engine_sha256=measurer.engine.sha256,
    )


def phases_of(engine: Engine) -> EngineClasses:
    """The phases that a network tells apart. Raises EngineError where there are none."""
    known = classes_of(engine)
    if known.names and known.of != "phases":
        raise EngineError(f"{engine.name}: tells particles apart, and knows nothing of the ground; use nanogauge measure")
    if not known.names:
        raise EngineError(f"{engine.name}: a network that tells no phases apart; train one with nanogauge phases train")
    return known


def check_engine(engine: Engine, pictures: Iterable[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]) -> Check:
    """The network's phases beside those that a person drew.

    pictures: name, grey levels (H, W) and phases (H, W), `UNJUDGED` where a pixel is not labelled, of micrographs that it has not
    learned from

    Raises TruthError for labels that do not fit, EngineError for a network that tells no phases apart.
    """
    names = phases_of(engine).names
    checked = []
    for name, grey, truth in pictures:
        found: PhaseMap = phase_map(class_maps(grey, engine), names, name=name)
        checked.append(check_picture(found, truth))
    return Check(names, tuple(checked), engine.sha256)


def check_beside(engine_file: str | Path) -> Path:
    """Where the check of a network lies: NAME.check.json beside NAME.onnx."""
    return Path(engine_file).with_suffix(".check.json")


def known_check(engine: Engine, path: Path | None, engine_file: str) -> tuple[Check | None, str]:
    """The check to go by and, where it is not used, why. path: the one asked for; None: the one beside the network, if there."""
    beside = check_beside(engine_file)
    if path is None and not beside.is_file():
        return None, ""
    check = read_check(path or beside)
    if check.engine_sha256 and engine.sha256 and check.engine_sha256 != engine.sha256:
        return None, f"{path or beside}: a check of another network, not used; make it again with nanogauge phases check"
    return check, ""


def _left_out(boxes: Sequence[tuple[int, int, int, int]], shape: tuple[int, ...]) -> tuple[str, ...]:
    """A remark where much of the picture (H, W) is taken for text or a scale bar."""
    out = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        out[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    if out.mean() <= _MUCH_TEXT:
        return ()
    return (
        f"{100 * out.mean():.2g} % of the picture is left out as text or a scale bar (grey in the overlay): look whether it is",
    )


def _other_pixels(known: EngineClasses, scale: Scale | None) -> tuple[str, ...]:
    if known.nm_per_px is None or scale is None:
        return ()
    low, high = known.nm_per_px
    size = scale.mean_nm_per_px
    if low / _ROOM <= size <= high * _ROOM:
        return ()
    learned = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return (f"pixels of {size:.3g} nm, while the network learned from pixels of {learned} nm: phases may be told wrongly",)
