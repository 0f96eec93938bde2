"""A session as the page draws it: plain dicts for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import InputError
from ...core.particles import FLAGS, KINDS, flag_text, kinds_of
from ...core.scale import format_length, unit_nm
from ...editing.delta import Delta
from ...editing.scale_choice import evidence
from ...editing.session import Session
from .quantities import DIAMETER, QUANTITIES

_MOST_OF_PROFILE = 20_000
COLUMNS = {name: q.in_unit("{}") for name, q in QUANTITIES.items() if name != DIAMETER} | {"weight": "edge_weight"}


def vocabulary() -> dict[str, Any]:
    """Words of the flags, and colours of the kinds of particles, as the page shows them."""
    return {
        "flags": {flag_text(flag): entry.short for flag, entry in FLAGS.items()},
        "colours": {name: kind.on_dark for name, kind in KINDS.items()},
        "quantities": {name: {"title": q.title, "length": q.length} for name, q in QUANTITIES.items()},
    }


def state_of(session: Session) -> dict[str, Any]:
    """Everything but the particles: frame, scale, region, filters, what can be undone."""
    with session.lock:
        o, d = session.found, session.decisions
        scale, bar = session.scale, o.scale_bar
        h, w = o.micrograph.shape
        return {
            "revision": session.revision,
            "name": session.folder.name,
            "title": o.micrograph.name,
            "shape": [h, w],
            "frame": list(o.frame),
            "unit": session.unit,
            "units": {u: unit_nm("nm") / unit_nm(u) for u in ("nm", "µm", "mm")},
            "nm_per_px": None if scale is None else list(scale.nm_per_px),
            "scale_source": session.decision.source,
            "scale_uncertainty": None if scale is None else scale.relative_uncertainty,
            "scale_warnings": list(session.decision.warnings),
            "scale_choice": d.scale,
            "scale_bar": None if bar is None else bar.to_dict(),
            "evidence": evidence(metadata=o.micrograph.scale, bar=bar),
            "field": "" if scale is None else format_length(w * scale.nm_per_px[1], digits=3),
            "region": d.to_dict()["region"],
            "filters": d.to_dict()["filters"],
            "removed": session.judged.removed,
            "notes": list(session.judged.notes),
            "can_undo": bool(session.journal.done),
            "can_redo": bool(session.journal.undone),
            "undo_text": session.journal.done[-1].text if session.journal.done else "",
            "redo_text": session.journal.undone[-1].text if session.journal.undone else "",
            "n_edits": len(session.journal.done),
            "has_map": session.probability is not None,
        }


def particles_of(session: Session, labels: Iterable[int] | None = None) -> dict[str, Any]:
    """Columns of the particles, all or some, with their outlines; diameters in the session's unit."""
    with session.lock:
        table: pd.DataFrame = session.table
        chosen = None
        if labels is not None:
            chosen = sorted(set(labels))
            table = table[table["label"].isin(chosen)]
        rings, classes = session.outlines(chosen), session.classes()
        unit = session.unit
    out: dict[str, Any] = {"label": table["label"].tolist()}
    out |= {k: _rounded(table[k], 2) for k in ("y", "x")}
    out["d"] = _rounded(table[f"equivalent_diameter_{unit}"], 4)
    out["d_px"] = _rounded(table["equivalent_diameter_px"], 3)
    for name, column in COLUMNS.items():
        out[name] = _rounded(table[column.format(unit)], 4)
    out["flags"] = table["flags"].tolist()
    out["kind"] = kinds_of(table)
    out["class"] = [classes.get(label, "") for label in out["label"]]
    out["outline"] = [rings[label] for label in out["label"]]
    return out


def grey_profile(pixels: NDArray[Any], start: tuple[float, float], end: tuple[float, float]) -> dict[str, Any]:
    """Grey levels from one point (y, x) of the picture to another, one a pixel of the way, between the pixels by linear
    interpolation; `at`: distances in px. One point: the grey level of its pixel. InputError outside the picture."""
    h, w = pixels.shape
    ends = np.array([start, end], np.float64)
    if not np.isfinite(ends).all() or (ends < -1).any() or (ends > (h, w)).any():
        raise InputError("outside the picture")
    length = float(np.hypot(*(ends[1] - ends[0])))
    n = min(max(math.ceil(length) + 1, 1), _MOST_OF_PROFILE)
    at = ends[0] + np.linspace(0, 1, n)[:, None] * (ends[1] - ends[0]) if n > 1 else np.rint(ends[:1])
    values = ndimage.map_coordinates(pixels, at.T, order=1 if n > 1 else 0, mode="nearest", output=np.float64)
    return {"at": np.round(np.linspace(0, length, n), 3).tolist(), "values": np.round(values, 4).tolist()}


def changes_of(session: Session, deltas: Iterable[Delta] | None) -> dict[str, Any]:
    """What a window needs to follow: deltas since it last looked, None for everything."""
    with session.lock:
        known = None if deltas is None else list(deltas)
        state = state_of(session)
        if known is None or any(d.everything for d in known):
            return {"state": state, "everything": True, "removed": [], "particles": particles_of(session)}
        changed = {label for d in known for label in d.changed}
        removed = {label for d in known for label in d.removed}
        present = set(session.table["label"].tolist())
        return {
            "state": state,
            "everything": False,
            "removed": sorted((removed | changed) - present),
            "particles": particles_of(session, (changed | removed) & present),
        }


def _rounded(column: pd.Series, digits: int) -> list[float | None]:
    values = np.round(column.to_numpy(np.float64), digits).tolist()
    return [v if math.isfinite(v) else None for v in values]
