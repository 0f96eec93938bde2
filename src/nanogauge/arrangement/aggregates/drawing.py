"""The aggregates of a micrograph or a sample, drawn: the fractal law, sizes of primaries inside and outside."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..png import figure_png
from .figures import Aggregates


def draw_law(axes: Any, found: Aggregates) -> None:
    """Number of primaries by area over the radius of gyration, in radii of a primary; the line is the law."""
    x, ratio = found.gyration_and_area()
    law = found.law()
    n = law.primaries(ratio)
    many = (ratio > 1.01) & (x > 0)
    axes.loglog(x[many] * math.sqrt(1.5), n[many], ls="", marker="o", ms=3, mfc="none", mec="#0072B2", mew=0.7)
    if math.isfinite(law.dimension):
        at = np.array([(x[many] * math.sqrt(1.5)).min(), (x[many] * math.sqrt(1.5)).max()])
        said = f"D = {law.dimension:.2f} ({law.dimension_low:.2f} to {law.dimension_high:.2f}), k = {law.prefactor:.2f}"
        axes.loglog(at, law.prefactor * at**law.dimension, color="black", lw=1, label=said)
        axes.legend(fontsize=8, frameon=False)
    axes.set_xlabel("radius of gyration / radius of a primary")
    axes.set_ylabel("primaries, by area")


def draw_primaries(axes: Any, found: Aggregates) -> None:
    """Sizes of single particles and of primaries in groups that are in sight, by number."""
    p = found.primaries[(found.primaries["edge_weight"] > 0)]
    parts = {"single": p[p["n_in_group"] == 1], "in groups, in sight": p[(p["n_in_group"] > 1) & p["in_sight"]]}
    every = p["diameter"].to_numpy(np.float64)
    if every.size:
        bins = np.histogram_bin_edges(every, bins=min(30, max(8, int(math.sqrt(every.size)))))
        for (name, t), colour, hatch in zip(parts.items(), ("#56B4E9", "#E69F00"), ("", "////"), strict=True):
            if len(t):
                weight = t["edge_weight"].to_numpy(np.float64)
                axes.hist(t["diameter"], bins, weights=100 * weight / weight.sum(), histtype="stepfilled", alpha=0.6, color=colour,
                          edgecolor="black", lw=0.6, hatch=hatch, label=f"{name}, n = {len(t)}")  # fmt: skip
        axes.legend(fontsize=8, frameon=False)
    axes.set_xlabel(f"equivalent diameter / {found.unit}")
    axes.set_ylabel("share / %")


def aggregates_png(found: Aggregates) -> bytes:
    """Both side by side as PNG."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_law(left, found)
    draw_primaries(right, found)
    return figure_png(figure)


PANELS: dict[str, Callable[[Any, Aggregates], None]] = {"law": draw_law, "primaries": draw_primaries}


def aggregates_panel_png(found: Aggregates, name: str) -> bytes:
    """One of `PANELS` by itself, as PNG."""
    figure = Figure(figsize=(4.4, 3.5), dpi=180, layout="constrained")
    PANELS[name](figure.subplots(), found)
    return figure_png(figure)
