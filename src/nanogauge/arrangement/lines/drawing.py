"""Lines drawn: their edges and defects over the picture, the spectra of edges and widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..png import figure_png
from .defects import Defect
from .figures import Lines, Roughness

COLOURS = {"bridge": "#D55E00", "micro_bridge": "#E69F00", "break": "#0072B2", "gap": "#009E73", "collapse": "#CC79A7"}
_OTHER = "#F0E442"
_DARK = ("#0072B2", "#D55E00", "#009E73")


def draw_edges(axes: Any, lines: Lines, pixels: NDArray[Any], defects: Sequence[Defect] = ()) -> None:
    """The picture, edges upon it (paler where they are disturbed and do not count), defects in boxes."""
    low, high = np.quantile(pixels[::4, ::4], [0.002, 0.998])
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest")
    e = lines.edges
    rows = np.arange(e.x_px.shape[-1])
    for x, sound in zip(e.x_px.reshape(-1, len(rows)), e.sound.reshape(-1, len(rows)), strict=True):
        for shown, colour in ((np.where(sound, x, np.nan), "#56B4E9"), (np.where(sound, np.nan, x), "#999999")):
            at = (rows, shown) if e.pattern.lying else (shown, rows)
            axes.plot(*at, color=colour, lw=0.6)
    for d in defects:
        y0, x0, y1, x1 = d.box
        colour = COLOURS.get(d.kind, _OTHER)
        axes.plot(np.array([x0, x1, x1, x0, x0]) - 0.5, np.array([y0, y0, y1, y1, y0]) - 0.5, color=colour, lw=1.2)
        _tag(axes, f"{d.kind.replace('_', '-')} {d.score:.2f}", d.box, pixels.shape, colour)
    axes.set_xlim(-0.5, pixels.shape[1] - 0.5)
    axes.set_ylim(pixels.shape[0] - 0.5, -0.5)
    axes.set_axis_off()


def _tag(axes: Any, text: str, box: tuple[int, int, int, int], shape: tuple[int, ...], colour: str) -> None:
    """A word on its colour, over a box of the picture (H, W); beside or under it where it would leave the picture."""
    y0, x0, y1, x1 = box
    right, below = x0 > 0.8 * shape[1], y0 < 0.05 * shape[0]
    axes.annotate(
        text,
        (x1 - 0.5 if right else x0 - 0.5, y1 + 1 if below else y0 - 2),
        ha="right" if right else "left",
        va="top" if below else "bottom",
        color="white" if colour in _DARK else "black",
        fontsize=7,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": colour, "edgecolor": "none"},
    )


def draw_spectra(axes: Any, lines: Lines) -> None:
    """PSD of edges and widths, what the model says of each, its floor."""
    unit = lines.unit
    if lines.lwr is None or lines.ler is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "too few whole lines: no LER, no LWR", ha="center", transform=axes.transAxes)
        return
    for name, of, colour in (("LWR", lines.lwr, "#0072B2"), ("LER", lines.ler, "#D55E00")):
        _draw_spectrum(axes, name, of, colour, unit)
    axes.set_xlabel(f"frequency / (1/{unit})")
    axes.set_ylabel(f"PSD / {unit}³")
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _draw_spectrum(axes: Any, name: str, of: Roughness, colour: str, unit: str) -> None:
    f = of.f[1:]
    said = f"{name}: 3σ {of.unbiased:.3g} {unit} without noise, {of.biased:.3g} with; ξ {of.fit.correlation:.3g} {unit}"
    axes.loglog(f, of.psd[1:], ".", ms=3, color=colour, alpha=0.5)
    axes.loglog(f, of.said[1:], color=colour, lw=1.4, label=said)
    axes.loglog(f, of.fit.roughness(f), color=colour, lw=0.9, ls="--")
    axes.axhline(of.fit.floor, color=colour, lw=0.7, ls=":")
    axes.set_ylim(bottom=max(float(of.said[1:].min()) / 10, float(of.psd[1:].max()) * 1e-6))


def lines_figure(lines: Lines, pixels: NDArray[Any], defects: Sequence[Defect] = ()) -> Figure:
    """Both on one page."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_edges(left, lines, pixels, defects)
    draw_spectra(right, lines)
    right.set_title("points: as seen; line: the model; dashes: without noise and beam; dots: noise", fontsize=9)
    return figure


def lines_png(lines: Lines, pixels: NDArray[Any], defects: Sequence[Defect] = ()) -> bytes:
    """The page as PNG."""
    return figure_png(lines_figure(lines, pixels, defects))
