"""The fibres of a micrograph, drawn: their edges over the picture, coloured by width; widths; directions."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..png import figure_png
from .figures import Fibres
from .lines import normals

_LONGEST = 1600  # px of the picture that is drawn
_SECTORS = 36


def draw_over(axes: Any, found: Fibres, pixels: NDArray[Any]) -> Any:
    """The micrograph (H, W) with both edges of each fibre where its width was taken, coloured by it; white: the middle where
    none was."""
    from matplotlib.collections import LineCollection

    y0, x0, y1, x1 = found.frame
    grey = np.asarray(pixels[y0:y1, x0:x1], np.float32)
    low, high = np.quantile(grey, [0.01, 0.995])
    step = max(1.0, max(grey.shape) / _LONGEST)
    small = cv2.resize(grey, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    extent = (x0 - 0.5, x1 - 0.5, y1 - 0.5, y0 - 0.5)
    axes.imshow(small, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), extent=extent)
    pieces, colours, middles = [], [], []
    for _, fibre in found.places.groupby("fibre"):
        at = fibre[["y", "x"]].to_numpy(np.float64)
        width = fibre["width"].to_numpy(np.float64)
        off = (width / found.per_px / 2)[:, None] * normals(at)
        known = np.isfinite(width)
        for side in (-1, 1):
            edge = (at + side * off)[:, ::-1]
            both = known[1:] & known[:-1]
            pieces += list(np.stack([edge[:-1][both], edge[1:][both]], axis=1))
            colours += list(width[1:][both])
        hidden = ~known[1:] & ~known[:-1]
        middles += list(np.stack([at[:-1][hidden], at[1:][hidden]], axis=1)[..., ::-1])
    axes.add_collection(LineCollection(middles, colors="white", linewidths=0.5, alpha=0.6))
    drawn = LineCollection(pieces, array=np.array(colours), cmap="turbo", linewidths=1.3)
    drawn.set_clim(*(np.quantile(colours, [0.01, 0.99]) * (0.98, 1.02) if colours else (0, 1)))
    axes.add_collection(drawn)
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
    n = len(found.table)
    axes.set_title(f"{n} fibre{'' if n == 1 else 's'}: edges where the width was taken", fontsize=9)
    return axes.get_figure().colorbar(drawn, ax=axes, shrink=0.8, label=f"width / {found.unit}")


def draw_widths(axes: Any, found: Fibres) -> None:
    """Share of the fibres' length by width, with d10, d50 and d90."""
    width, weight = found.known
    bins = np.histogram_bin_edges(width, bins=int(np.clip(math.sqrt(width.size), 12, 40)))
    axes.hist(width, bins, weights=100 * weight / weight.sum(), color="#56B4E9", edgecolor="#1b5e86", lw=0.5)
    said = found.to_dict()["width"]
    for name, style in (("d10", ":"), ("d50", "-"), ("d90", "--")):
        value = said[f"{name}_{found.unit}"]
        axes.axvline(value, color="black", lw=1, ls=style, label=f"{name} = {value:.4g} {found.unit}")
    axes.legend(fontsize=8, frameon=False)
    axes.set_xlabel(f"width / {found.unit}")
    axes.set_ylabel("share of the length / %")


def draw_directions(axes: Any, found: Fibres) -> None:
    """Share of the fibres' length by direction, on polar axes; the line is the director."""
    angle = np.deg2rad(found.places["direction_deg"].to_numpy(np.float64))
    share, edges = np.histogram(angle, _SECTORS, (0, math.pi), weights=found.places["length"])
    share = 100 * share / share.sum()
    middle, wide = (edges[:-1] + edges[1:]) / 2, math.pi / _SECTORS
    axes.bar(np.concatenate([middle, middle + math.pi]), np.tile(share, 2), wide, color="#E69F00", edgecolor="#8a5f00", lw=0.4)
    s, director = found.order()
    axes.plot(np.deg2rad([director, director + 180]), [share.max()] * 2, color="black", lw=1)
    axes.set_yticklabels([])
    axes.tick_params(labelsize=7)
    axes.set_title(f"direction: S = {s:.2f}, director {director:.0f}°", fontsize=9)


def fibres_png(found: Fibres, pixels: NDArray[Any]) -> bytes:
    """All three on one page, as PNG. pixels: (H, W) of the micrograph."""
    figure = Figure(figsize=(12, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(2.1, 1))
    draw_over(figure.add_subplot(grid[:, 0]), found, pixels)
    draw_widths(figure.add_subplot(grid[0, 1]), found)
    draw_directions(figure.add_subplot(grid[1, 1], projection="polar"), found)
    return figure_png(figure)
