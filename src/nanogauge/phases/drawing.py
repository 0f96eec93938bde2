"""Phases in colours, and their shares, chords and thickness drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..core.particles import palette
from .figures import OnePhase, PhaseFigures
from .phase_map import UNJUDGED, PhaseMap

Rows = list[tuple[str, float, float, float, float]]
"""series, x, y, low, high; NaN where there is none."""
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")
_TINT = 0.45
_MOST_POINTS = 400


def overlay(grey: NDArray[np.uint8], m: PhaseMap, frame: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: the micrograph tinted with the colour of each pixel's phase; grey where it is unsure, or no picture.

    frame: (y0, x0, y1, x1) in which the map lies
    """
    colours = np.zeros((256, 3), np.float32)
    colours[: len(m.names)] = phase_colours(m.names)
    tint = np.where(m.phases == UNJUDGED, 0.0, _TINT).astype(np.float32)
    if m.unsure_map is not None:
        tint[m.unsure_map] = 0.0
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    y0, x0, y1, x1 = frame
    inner = picture[y0:y1, x0:x1]
    inner += tint[..., None] * (colours[m.phases] - inner)
    edge = np.zeros(m.phases.shape, bool)
    edge[1:] |= m.phases[1:] != m.phases[:-1]
    edge[:, 1:] |= m.phases[:, 1:] != m.phases[:, :-1]
    inner[edge] = 0.25 * inner[edge] + 0.75 * colours[m.phases[edge]]
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)


def phase_colours(names: Sequence[str]) -> list[tuple[int, int, int]]:
    """(red, green, blue) of each phase, in their order."""
    return [palette(k) for k in range(len(names))]


def hex_colours(names: Sequence[str]) -> list[str]:
    """#RRGGBB of each phase."""
    return ["#{:02x}{:02x}{:02x}".format(*c) for c in phase_colours(names)]


def draw_shares(axes: Any, f: PhaseFigures) -> Rows:
    """Area fraction of each phase with its interval, and within it what sampling alone would leave."""
    rows: Rows = []
    for k, (phase, colour) in enumerate(zip(f.phases, hex_colours(f.names), strict=True)):
        whole, sampling = phase.share.whole, phase.share.sampling
        axes.barh(k, 100 * whole.value, color=colour, edgecolor="black", lw=0.6, hatch=HATCHES[k % len(HATCHES)], alpha=0.8)
        axes.plot([100 * whole.low, 100 * whole.high], [k, k], color="black", lw=1.2, marker="|", ms=7)
        axes.plot([100 * sampling.low, 100 * sampling.high], [k, k], color="black", lw=3.2, solid_capstyle="butt")
        rows.append((phase.name, whole.value, math.nan, whole.low, whole.high))
    axes.set_yticks(range(len(f.names)), f.names)
    axes.invert_yaxis()
    axes.set_xlabel("area fraction / %")
    axes.set_xlim(0, 100)
    return rows


def draw_chords(axes: Any, f: PhaseFigures) -> Rows:
    """Share of chords no longer than a length, both directions; it ends where longer chords are cut by the frame."""
    return _cumulative(axes, f, "chord length", [(p.chords.length, p.chords.share) for p in f.phases])


def draw_thickness(axes: Any, f: PhaseFigures) -> Rows:
    """Share of a phase's area no thicker than a length."""
    curves = []
    for k in range(len(f.names)):
        scale = [math.sqrt(math.prod(p.map.step)) for p in f.parts]
        length = np.concatenate([p.thickness[k].diameter * s for p, s in zip(f.parts, scale, strict=True)])
        area = np.concatenate([p.thickness[k].area * s**2 for p, s in zip(f.parts, scale, strict=True)])
        order = np.argsort(length, kind="stable")
        curves.append((length[order], np.cumsum(area[order]) / max(float(area.sum()), 1e-300)))
    return _cumulative(axes, f, "local thickness", curves)


def draw_pieces(axes: Any, f: PhaseFigures) -> Rows:
    """Share, by number, of grains and pores no larger than an equivalent diameter."""
    curves = []
    for k in range(len(f.names)):
        table = f.pieces_table(k)
        table = table[table["weight"] > 0].sort_values(f"equivalent_diameter_{f.unit}")
        weight = table["weight"].to_numpy(np.float64)
        size = table[f"equivalent_diameter_{f.unit}"].to_numpy(np.float64)
        curves.append((size, np.cumsum(weight) / max(float(weight.sum()), 1e-300)))
    return _cumulative(axes, f, "equivalent diameter of grains and pores", curves)


def _cumulative(axes: Any, f: PhaseFigures, what: str, curves: Sequence[tuple[Any, Any]]) -> Rows:
    longest = max((float(x[-1]) for x, _ in curves if len(x)), default=0.0)
    unit, per = ("µm", 1e-3) if f.unit == "nm" and longest >= 2000 else (f.unit, 1.0)
    rows: Rows = []
    for k, ((x, y), colour) in enumerate(zip(curves, hex_colours(f.names), strict=True)):
        if not len(x):
            continue
        at = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).astype(int))
        axes.step(x[at] * per, 100 * y[at], where="post", color=colour, ls=LINES[k % len(LINES)], lw=1.3, label=f.names[k])
        rows += [(f.names[k], float(a), float(b), math.nan, math.nan) for a, b in zip(x[at], y[at], strict=True)]
    axes.set_xlabel(f"{what} / {unit}")
    axes.set_ylabel("no larger / %")
    axes.set_ylim(0, 101)
    axes.set_xlim(left=0)
    if rows:
        axes.legend(frameon=False, fontsize=7)
    return rows


def phases_png(f: PhaseFigures, picture: NDArray[np.uint8] | None = None) -> bytes:
    """Picture, shares, chords and thickness on one page, as PNG."""
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    panels = figure.subplots(2, 2)
    if picture is None:
        draw_pieces(panels[0, 0], f)
    else:
        axes = panels[0, 0]
        axes.imshow(picture, interpolation="antialiased")
        axes.set_axis_off()
    draw_shares(panels[0, 1], f)
    draw_chords(panels[1, 0], f)
    draw_thickness(panels[1, 1], f)
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def describe(p: OnePhase) -> str:
    """ "pore 12.3 % (10.1 to 14.8)"."""
    e = p.share.whole
    return f"{p.name} {100 * e.value:.3g} % ({100 * e.low:.3g} to {100 * e.high:.3g})"
