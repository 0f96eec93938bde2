"""The size distribution of a micrograph or a sample, drawn into matplotlib axes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np
from matplotlib.figure import Figure

from ..core.settings import Settings
from .distribution import Distribution, histogram

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Sized(Protocol):
    """The part of a `Measurement` or a `Sample` that its distribution is drawn from."""

    @property
    def particles(self) -> pd.DataFrame: ...
    @property
    def distribution(self) -> Distribution: ...
    @property
    def settings(self) -> Settings: ...


class NotebookFigure(Figure):
    """A figure that needs no display and no pyplot, and that a notebook shows all the same, once."""

    def _repr_png_(self) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        out = io.BytesIO()
        FigureCanvasAgg(self).print_png(out)  # type: ignore[no-untyped-call]
        return out.getvalue()


@overload
def distribution_figure(m: Sized, axes: None = None) -> Figure: ...
@overload
def distribution_figure(m: Sized, axes: Axes) -> Axes: ...
def distribution_figure(m: Sized, axes: Axes | None = None) -> Figure | Axes:
    """The distribution in `axes`, which are returned; without any, in a figure of its own."""
    if axes is not None:
        draw_distribution(axes, m)
        return axes
    figure = NotebookFigure(figsize=(5.5, 3.6), layout="constrained")
    draw_distribution(figure.add_subplot(), m)
    return figure


def draw_distribution(axes: Any, m: Sized) -> None:
    """Histogram of the equivalent diameter with the lognormal fit and the median's interval."""
    d = m.distribution
    column = f"equivalent_diameter_{d.unit}"
    table = m.particles
    weights = table["edge_weight"] if m.settings.measure.edge_correction else (table["edge_weight"] > 0).astype(float)
    h = histogram(table[column], unit=d.unit, weights=weights, weighting=d.weighting)
    unit: str = d.unit
    factor = 1.0
    if d.unit == "nm" and d.n and d.median.value >= 1000:
        unit, factor = "µm", 1e-3
    axes.set_xlabel(f"equivalent diameter / {unit}")
    axes.set_ylabel(f"share of {'particles' if d.weighting == 'number' else 'volume'} / %")
    if not h.count:
        axes.text(0.5, 0.5, "no particle to count", ha="center", transform=axes.transAxes)
        return
    edges = np.array(h.edges) * factor
    axes.bar(edges[:-1], 100 * np.array(h.share), np.diff(edges), align="edge", color="#56B4E9", edgecolor="#1b5e86", linewidth=0.7)
    gsd = d.lognormal_gsd.value
    if d.n >= 10 and gsd > 1.0005:
        x = np.linspace(edges[0] - np.ptp(edges) * 0.05, edges[-1] + np.ptp(edges) * 0.05, 300)
        x = x[x > 0]
        s = np.log(gsd)
        density = np.exp(-(np.log(x / (d.lognormal_median.value * factor)) ** 2) / (2 * s * s)) / (x * s * np.sqrt(2 * np.pi))
        axes.plot(x, 100 * density * np.diff(edges).mean(), color="black", lw=1.2, label=f"lognormal, GSD {gsd:.3f}")
    axes.axvline(d.median.value * factor, color="#D55E00", lw=1.2, label=f"median {d.median.value * factor:.4g} {unit}")
    if np.isfinite(d.median.low):
        axes.axvspan(d.median.low * factor, d.median.high * factor, color="#D55E00", alpha=0.15, lw=0)
    axes.margins(y=0.22)  # room for the legend above the bars
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False)
    axes.set_title(f"n = {d.n}", fontsize=9)
