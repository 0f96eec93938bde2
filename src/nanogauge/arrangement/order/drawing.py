"""The order of a micrograph, drawn: directions and grains, ψ, g(r) with S(k), sizes of grains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..png import figure_png
from .figures import Order
from .particles import ParticleOrder

_LONGEST = 900  # cells of a map that is drawn


def draw_directions(axes: Any, order: Order) -> Any:
    """Direction of the lattice, a colour for each, with the boundaries of grains; what belongs to no grain is pale."""
    period = 360 / order.found.fold
    direction, grain = (_thinned(m) for m in (order.direction_map, order.grain_map))
    colours = _cyclic((direction + period / 2) / period)
    pale = np.isfinite(direction) & (grain == 0)
    colours[pale] = 0.35 * colours[pale] + 0.65
    colours[~np.isfinite(direction)] = 1
    axes.imshow(colours, extent=_extent(order), interpolation="nearest")
    _draw_boundaries(axes, order)
    axes.set_title(f"direction of the lattice, {order.grains.n} grain{'' if order.grains.n == 1 else 's'}", fontsize=9)
    return _key(axes, period)


def draw_psi(axes: Any, order: Order) -> None:
    """|ψ| of each particle, over its Voronoi cell."""
    name = f"|ψ{order.found.fold}|"
    shown = axes.imshow(_thinned(order.psi_map), extent=_extent(order), interpolation="nearest", cmap="viridis", vmin=0, vmax=1)
    axes.get_figure().colorbar(shown, ax=axes, shrink=0.85, label=name)
    _draw_boundaries(axes, order, colour="white")
    axes.set_title(f"{name}, 1 in a perfect lattice", fontsize=9)


def draw_pairs(axes: Any, order: Order) -> None:
    """g(r) and the correlation of ψ over distance; S(k) in a corner."""
    pairs = order.found.pairs if isinstance(order.found, ParticleOrder) else None
    if pairs is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no particles: no g(r)", ha="center", transform=axes.transAxes)
        return
    k, unit = order.per_px, order.unit
    axes.plot(pairs.r * k, pairs.g, color="#0072B2", lw=1, label="g(r)")
    axes.plot(pairs.r * k, pairs.g_order, color="#D55E00", lw=1, ls="--", label=f"g{order.found.fold}(r)")
    axes.axhline(1, color="grey", lw=0.5)
    axes.set_xlabel(f"distance r / {unit}")
    axes.set_ylabel("correlation")
    axes.legend(loc="upper left", bbox_to_anchor=(0.18, 1), fontsize=8, frameon=False)
    inner = axes.inset_axes((0.55, 0.52, 0.43, 0.45))
    inner.plot(pairs.k / k, pairs.s, color="black", lw=0.8)
    inner.set_xlabel(f"k / (1/{unit})", fontsize=7)
    inner.set_ylabel("S(k)", fontsize=7)
    inner.tick_params(labelsize=6)


def draw_grain_sizes(axes: Any, order: Order) -> None:
    """How much of the grains' area is in grains of which size; those cut by the frame are hatched, as they are larger than seen."""
    table = order.grain_table()
    if table.empty:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no grains", ha="center", transform=axes.transAxes)
        return
    size, area = table[f"equivalent_diameter_{order.unit}"], table[f"area_{order.unit}2"]
    cut = table["cut_by_frame"]
    bins = np.linspace(0, float(size.max()) * 1.02, int(np.clip(np.sqrt(len(table)) * 2, 6, 25)) + 1)
    share = [100 * area[c] / area.sum() for c in (~cut, cut)]
    axes.hist([size[~cut], size[cut]], bins, weights=share, stacked=True, color=["#56B4E9", "white"], edgecolor="#1b5e86", lw=0.6,
              label=["whole", "cut by the frame"], hatch=["", "////"])  # fmt: skip
    axes.set_xlabel(f"equivalent diameter of grains / {order.unit}")
    axes.set_ylabel("share of the grains' area / %")
    axes.legend(fontsize=8, frameon=False)


def order_figure(order: Order) -> Figure:
    """All four on one page."""
    figure = Figure(figsize=(11, 8.4), layout="constrained")
    panels = figure.subplots(2, 2)
    draw_directions(panels[0, 0], order)
    draw_psi(panels[0, 1], order)
    draw_pairs(panels[1, 0], order)
    draw_grain_sizes(panels[1, 1], order)
    return figure


def order_png(order: Order) -> bytes:
    """The page as PNG."""
    return figure_png(order_figure(order))


PANELS: dict[str, Callable[[Any, Order], Any]] = {
    "directions": draw_directions,
    "psi": draw_psi,
    "pairs": draw_pairs,
    "grain_sizes": draw_grain_sizes,
}


def order_panel_png(order: Order, name: str) -> bytes:
    """One of `PANELS` by itself, as PNG."""
    figure = Figure(figsize=(4.4, 3.5), dpi=180, layout="constrained")
    PANELS[name](figure.subplots(), order)
    return figure_png(figure)


def _extent(order: Order) -> tuple[float, float, float, float]:
    w, k = order.window, order.per_px
    return 0.0, w.shape[1] * k, w.shape[0] * k, 0.0


def _thinned(values: Any) -> Any:
    step = max(1, -(-max(values.shape) // _LONGEST))
    return values[::step, ::step]


def _cyclic(share: Any) -> Any:
    """(…, 3) colours that come back to the first, of even lightness nearly."""
    from matplotlib import colormaps

    return colormaps["hsv"](np.nan_to_num(share) % 1)[..., :3] * 0.9


def _draw_boundaries(axes: Any, order: Order, colour: str = "black") -> None:
    from matplotlib.collections import LineCollection

    k, w = order.per_px, order.window
    if isinstance(order.found, ParticleOrder):
        pieces = (order.found.boundaries.pieces - (w.y0, w.x0)) * k
        axes.add_collection(LineCollection(list(pieces[..., ::-1]), colors=colour, linewidths=1.2))
    elif order.grains.n > 1:
        grain = _thinned(order.grain_map)
        edge = np.zeros((*grain.shape, 4), np.float32)
        edge[..., :3] = 1.0 if colour == "white" else 0.0
        edge[1:, :, 3] = grain[1:] != grain[:-1]
        edge[:, 1:, 3] = np.maximum(edge[:, 1:, 3], grain[:, 1:] != grain[:, :-1])
        axes.imshow(edge, extent=_extent(order), interpolation="nearest")
    axes.set_xlabel(order.unit)


def _key(axes: Any, period: float) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colours = ListedColormap(_cyclic(np.linspace(0, 1, 256)))
    mappable = ScalarMappable(Normalize(-period / 2, period / 2), colours)
    return axes.get_figure().colorbar(mappable, ax=axes, shrink=0.85, label="degrees from the x axis")
