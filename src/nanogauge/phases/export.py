"""Figures of phases as tables and for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.json_value import json_value
from ..statistics.distribution import Estimate
from .figures import OnePhase, PhaseFigures

_QUANTILES = {"d10": 0.1, "d50": 0.5, "d90": 0.9}


def phases_frame(f: PhaseFigures, micrograph: str) -> pd.DataFrame:
    """A row for each phase. micrograph: the first column; "" for several pooled."""
    return pd.DataFrame([{"micrograph": micrograph} | _row(p) for p in f.phases])


def _row(p: OnePhase) -> dict[str, Any]:
    u, s = p.unit, p.share
    row: dict[str, Any] = {"phase": p.name, **_three("area_fraction", s.whole)}
    row |= {"area_fraction_sampling_low": s.sampling.low, "area_fraction_sampling_high": s.sampling.high}
    row |= {"area_fraction_network_below": s.below, "area_fraction_network_above": s.above, "area_fraction_as_said": s.as_said}
    row |= _three(f"mean_chord_{u}", p.chord)
    row |= {f"mean_chord_x_{u}": p.chord_x.value, f"mean_chord_y_{u}": p.chord_y.value, "n_chords": p.chords.n}
    row |= {f"chord_{k}_{u}": p.chords.quantile(q) for k, q in _QUANTILES.items()}
    row |= _three(f"mean_thickness_{u}", p.thickness) | {"thickness_hidden_share": p.thickness_hidden}
    row |= {"n_pieces": p.n_pieces, "n_pieces_counted": p.pieces.n, **_three(f"mean_piece_diameter_{u}", p.pieces.mean)}
    row |= {f"piece_diameter_{k}_{u}": float(p.pieces[k]) for k in _QUANTILES}
    row |= {"pieces_cut_share": p.cut_share, "largest_piece_share": p.largest_share}
    return row | {"spans_x": p.spans[0], "spans_y": p.spans[1]}


def _three(name: str, e: Estimate) -> dict[str, float]:
    return {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}


def interfaces_frame(f: PhaseFigures, micrograph: str) -> pd.DataFrame:
    """A row for each two phases: length of interface per area, with its interval."""
    name = f"interface_per_area_per_{f.unit}"
    rows = [{"micrograph": micrograph, "phase": a, "other": b} | _three(name, e) for (a, b), e in f.interfaces.items()]
    return pd.DataFrame(rows)


def chords_frame(f: PhaseFigures) -> pd.DataFrame:
    """The cumulative distribution of chord lengths of each phase."""
    parts = [pd.DataFrame({"phase": p.name, f"chord_{f.unit}": p.chords.length, "share": p.chords.share}) for p in f.phases]
    return pd.concat(parts, ignore_index=True)


def phases_dict(f: PhaseFigures) -> dict[str, Any]:
    """For phases.json, None for what is not known."""
    rows = {str(r["phase"]): r for r in phases_frame(f, "").drop(columns="micrograph").to_dict("records")}
    check = f.check
    return {
        "unit": f.unit,
        "micrographs": [p.map.name for p in f.parts],
        "independent_areas": json_value(f.independent),
        "unsure_share": json_value(f.unsure),
        "unlike_what_was_learned": f.unlike,
        "phases": {name: {str(k): json_value(v) for k, v in row.items() if k != "phase"} for name, row in rows.items()},
        "interfaces": [
            {k: json_value(v) for k, v in r.items() if k != "micrograph"} for r in interfaces_frame(f, "").to_dict("records")
        ],
        "check": None
        if check is None
        else {
            "n_pictures": len(check.pictures),
            "confusion_true_said": check.confusion.tolist(),
            "iou": [json_value(v) for v in np.round(check.iou(), 4)],
            "shares_corrected": check.correction() is not None,
        },
        "warnings": list(f.warnings),
    }
