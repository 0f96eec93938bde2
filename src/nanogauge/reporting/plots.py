"""The report's plots, each as SVG, PDF and PNG with its data as CSV. Told apart in black and white by line and hatch, and in
colour by Okabe & Ito's palette."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..statistics.distribution import cumulative, histogram, kernel_density
from .formatting import LAWS, Lengths, lengths, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..statistics.samples import Sample

BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000",
)  # fmt: skip
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION)
PAGE_MM = (84.0, 57.0)  # two side by side on A4
_MM_PER_INCH = 25.4
_STYLE: Any = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "nanogauge",
}
_MOST_ERROR_BARS = 60
_FARTHEST_MEDIANS = 10.0  # times the smallest: samples further apart have an axis each

Rows = list[tuple[str, float, float, float, float]]  # series, x, y, low, high; NaN where there is none


@dataclass(frozen=True, slots=True)
class Plot:
    """name: stem of its files; caption: what it shows; svg: the drawing."""

    name: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class OneScale:
    """The axis of sizes that charts of several samples share: the unit shown, and from where to where in it."""

    unit: Lengths
    low: float
    high: float


def one_scale(samples: Sequence[Sample]) -> OneScale | None:
    """The axis on which the charts of samples can be compared by eye. None where there is none: a single sample, nm beside px, or
    medians so far apart that the charts of the smallest would be a stroke."""
    counted = [s for s in samples if s.distribution.n]
    medians = [s.distribution.median.value for s in counted]
    if len(counted) < 2 or len({s.unit for s in counted}) > 1 or max(medians) > _FARTHEST_MEDIANS * min(medians):
        return None
    unit = lengths(counted[0].unit, max(medians))
    ends = [(x[w > 0].min(), x[w > 0].max()) for x, w in map(diameters, counted)]
    low, high = unit.value(float(min(a for a, _ in ends))), unit.value(float(max(b for _, b in ends)))
    margin = 0.1 * (high - low) or 0.1 * high
    return OneScale(unit, max(low - margin, 0.0), high + margin)


def load_ahead() -> None:
    """Begins to import what draws in a thread, for a command that draws when it has measured. What goes wrong is told where it is
    needed."""
    pool = ThreadPoolExecutor(1)
    pool.submit(_drawing)
    pool.shutdown(wait=False)


def _drawing() -> None:
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


def sample_plots(sample: Sample, *, folder: Path | None = None, scale: OneScale | None = None) -> list[Plot]:
    """The plots of one sample; into FOLDER as NAME.svg, .pdf, .png and .csv where one is given. None where nothing counts.

    scale: the axis of sizes of all samples of a report; None: one of its own
    """
    if not sample.distribution.n:
        return []
    drawings: list[tuple[str, str, Callable[[Any, Sample, Lengths], Rows]]] = [
        ("distribution", _distribution_caption(sample), draw_distribution),
        (
            "cumulative",
            "Cumulative distributions, by number and by volume. Bars: expanded uncertainty (k = 2) of d10, d50, d90.",
            draw_cumulative,
        ),
    ]
    if sample.fits:
        law = LAWS.get(sample.fits[0].law, sample.fits[0].law)
        drawings.append(("qq", f"Quantiles measured against those of the {law} fit; on the line the fit holds.", draw_qq))
    if sample.budget is not None:
        drawings.append(("budget", "What makes up the combined standard uncertainty.", draw_budget))
    if sample.n_micrographs > 1:
        drawings.append(
            ("micrographs", "Mean of each micrograph with its 95 % interval; line and band: the pooled mean.", draw_micrographs)
        )
    unit = lengths(sample.unit, sample.distribution.median.value) if scale is None else scale.unit
    return [plot_of(name, caption, partial(_drawn, draw, sample, unit, scale), folder) for name, caption, draw in drawings]


def _drawn(draw: Callable[[Any, Sample, Lengths], Rows], sample: Sample, unit: Lengths, scale: OneScale | None, axes: Any) -> Rows:
    rows = draw(axes, sample, unit)
    if scale is not None and draw in (draw_distribution, draw_cumulative):
        axes.set_xlim(scale.low, scale.high)
    return rows


def comparison_plot(samples: Sequence[Sample], *, folder: Path | None = None) -> Plot:
    """Densities of several samples over each other."""
    caption = "Densities (Gaussian kernel on ln d) of the samples, by number."
    return plot_of("comparison", caption, lambda axes: draw_comparison(axes, samples), folder)


def plot_of(name: str, caption: str, draw: Callable[[Any], Rows], folder: Path | None) -> Plot:
    """A drawing on axes of its own; into FOLDER as NAME.svg, .pdf, .png and .csv where one is given."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(PAGE_MM[0] / _MM_PER_INCH, PAGE_MM[1] / _MM_PER_INCH), layout="constrained")
        rows = draw(figure.add_subplot())
        out = io.StringIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})  # type: ignore[no-untyped-call]
        text = out.getvalue()
        figure.set_layout_engine("none")  # it is laid out now
        if folder is not None:
            _save(figure, text, rows, folder / name)
    return Plot(name, caption, text[text.index("<svg") :])


def _save(figure: Figure, svg: str, rows: Rows, stem: Path) -> None:
    import typst
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stem.with_suffix(".svg").write_text(svg, encoding="utf-8")
    # Typst turns the SVG into a PDF of the same paths ten times as fast as matplotlib embeds its fonts
    page = f'#set page(width: auto, height: auto, margin: 0pt)\n#image("{stem.name}.svg")'
    options: dict[str, Any] = {"root": stem.parent, "timestamp": 0}
    stem.with_suffix(".pdf").write_bytes(bytes(typst.compile(page.encode(), **options)))
    figure.set_dpi(300)
    FigureCanvasAgg(figure).print_png(stem.with_suffix(".png"))  # type: ignore[no-untyped-call]
    with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(["series", "x", "y", "low", "high"])
        writer.writerows([s, *("" if np.isnan(v) else f"{v:.9g}" for v in values)] for s, *values in rows)


def diameters(sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) equivalent diameters in the sample's unit and the weights of the distribution, 0 for particles left out."""
    table = sample.particles
    weights = table["edge_weight"].to_numpy(float)
    if not sample.settings.measure.edge_correction:
        weights = (weights > 0).astype(float)
    return table[f"equivalent_diameter_{sample.unit}"].to_numpy(float), weights


def _distribution_caption(sample: Sample) -> str:
    d = sample.distribution
    x, w = diameters(sample)
    rule = histogram(x, unit=sample.unit, weights=w, weighting=d.weighting).rule
    bars = "" if rule in ("none", "given") else f" Bars: {rule} rule."
    return f"Distribution of the equivalent diameter, by {d.weighting}.{bars} Band: 95 % interval of the median (counting)."


def draw_distribution(axes: Any, sample: Sample, unit: Lengths) -> Rows:
    """Histogram with kernel density, best fit and median."""
    d = sample.distribution
    x, w = diameters(sample)
    h = histogram(x, unit=sample.unit, weights=w, weighting=d.weighting)
    axes.set_xlabel(f"equivalent diameter / {unit.unit}")
    axes.set_ylabel(f"density by {d.weighting} / (1/{unit.unit})")
    edges = np.array(h.edges) * unit.per_stored
    density = np.array(h.share) / np.diff(edges)
    axes.bar(edges[:-1], density, np.diff(edges), align="edge", color="#cfe3f1", edgecolor="#3c5a70", linewidth=0.6)
    rows: Rows = [("histogram", float((a + b) / 2), float(y), float(a), float(b))
                  for a, b, y in zip(edges[:-1], edges[1:], density, strict=True)]  # fmt: skip
    top = float(density.max())
    if d.n >= 10 and d.cv.value > 1e-4:
        k = kernel_density(x, unit=sample.unit, weights=w, weighting=d.weighting)
        kx, ky = np.array(k.x) * unit.per_stored, np.array(k.y) / unit.per_stored
        axes.plot(kx, ky, ls="--", color=BLUE, label="kernel density")
        rows += [("kernel density", float(a), float(b), np.nan, np.nan) for a, b in zip(kx, ky, strict=True)]
        top = max(top, float(ky.max()))
        if sample.fits and d.weighting == "number":
            fit = sample.fits[0]
            px = np.linspace(max(float(kx[0]), 1e-9), float(kx[-1]), 300)
            py = np.asarray(fit.pdf(px / unit.per_stored)) / unit.per_stored
            axes.plot(px, py, color=BLACK, label=f"fit: {LAWS.get(fit.law, fit.law)}")
            rows += [(f"fit {fit.law}", float(a), float(b), np.nan, np.nan) for a, b in zip(px, py, strict=True)]
    median, low, high = (unit.value(v) for v in (d.median.value, d.median.low, d.median.high))
    axes.axvline(median, color=VERMILLION, ls="-.", lw=1, label=f"d50 = {number(median)} {unit.unit}")
    if np.isfinite(low):
        axes.axvspan(low, high, color=VERMILLION, alpha=0.18, lw=0)
    rows.append(("d50", median, np.nan, low, high))
    axes.set_ylim(0, top * 1.12)
    axes.text(0.02, 0.97, f"n = {d.n}", transform=axes.transAxes, va="top")
    axes.get_figure().legend(loc="outside upper center", ncols=2, handlelength=1.8, columnspacing=1.2)
    return rows


def draw_cumulative(axes: Any, sample: Sample, unit: Lengths) -> Rows:
    """Q by number and by volume, with d10, d50, d90 and their expanded uncertainty."""
    x, w = diameters(sample)
    rows: Rows = []
    for weighting, line, colour in (("number", "-", BLUE), ("volume", "--", ORANGE)):
        q = cumulative(x, unit=sample.unit, weights=w, weighting=weighting)  # type: ignore[arg-type]
        qx, qy = np.array(q.x) * unit.per_stored, 100 * np.array(q.y)
        axes.plot(qx, qy, ls=line, color=colour, label=f"by {weighting}")
        rows += [(f"by {weighting}", float(a), float(b), np.nan, np.nan) for a, b in zip(qx, qy, strict=True)]
    for name, level in (("d10", 10.0), ("d50", 50.0), ("d90", 90.0)):
        if sample.budget is None or sample.distribution.weighting != "number":
            break
        b = sample.budget[name]
        value, expanded = unit.value(b.value), unit.value(b.expanded)
        axes.errorbar(value, level, xerr=expanded, fmt="o", ms=3, color=BLACK, lw=1, capsize=2.5)
        rows.append((name, value, level, value - expanded, value + expanded))
    axes.set_xlabel(f"equivalent diameter / {unit.unit}")
    axes.set_ylabel("cumulative share / %")
    axes.set_ylim(0, 100)
    axes.grid(lw=0.3, color="#cccccc")
    axes.legend(loc="lower right")
    return rows


def draw_qq(axes: Any, sample: Sample, unit: Lengths) -> Rows:
    """Quantiles measured over those of the best fit."""
    from ..statistics.distribution import qq

    x, w = diameters(sample)
    fit = sample.fits[0]
    theory, seen = qq(fit, x[w > 0], weights=w[w > 0])
    theory, seen = theory * unit.per_stored, seen * unit.per_stored
    low, high = float(min(theory.min(), seen.min())), float(max(theory.max(), seen.max()))
    axes.plot([low, high], [low, high], color=BLACK, lw=0.8)
    axes.plot(theory, seen, ls="", marker="o", ms=2.6, mfc="none", mec=BLUE, mew=0.6)
    axes.set_xlabel(f"quantile of the {LAWS.get(fit.law, fit.law)} fit / {unit.unit}")
    axes.set_ylabel(f"measured quantile / {unit.unit}")
    return [("quantiles", float(a), float(b), np.nan, np.nan) for a, b in zip(theory, seen, strict=True)]


def draw_budget(axes: Any, sample: Sample, unit: Lengths) -> Rows:
    """Contributions to the combined standard uncertainty in percent of the value, a group a statistic."""
    budget = sample.budget
    assert budget is not None
    names = list(dict.fromkeys(c.name for s in budget.statistics for c in s.components))
    wide = 0.8 / (len(names) + 1)
    rows: Rows = []
    for k, name in enumerate([*names, "combined"]):
        heights = []
        for s in budget.statistics:
            u = s.combined if name == "combined" else sum(c.contribution for c in s.components if c.name == name)
            heights.append(100 * u / s.value if s.value else np.nan)
        at = np.arange(len(heights)) + (k - len(names) / 2) * wide
        colour = "#555555" if name == "combined" else COLOURS[k % len(COLOURS)]
        hatch = "" if name == "combined" else HATCHES[k % len(HATCHES)]
        axes.bar(at, heights, wide, color=colour, edgecolor="black", linewidth=0.4, hatch=hatch, label=name.replace("_", " "))
        rows += [(f"{s.statistic} {name}", float(p), float(h), np.nan, np.nan)
                 for s, p, h in zip(budget.statistics, at, heights, strict=True)]  # fmt: skip
    axes.set_xticks(range(len(budget.statistics)), [s.statistic for s in budget.statistics])
    axes.set_ylabel("standard uncertainty / % of value")
    axes.margins(y=0.08)
    axes.set_ylim(bottom=0)
    axes.get_figure().legend(loc="outside upper center", ncols=3, handlelength=1.5, columnspacing=1.2)
    return rows


def draw_micrographs(axes: Any, sample: Sample, unit: Lengths) -> Rows:
    """Means of the micrographs, in order."""
    table = sample.micrographs
    mean, sd, n = (table[c].to_numpy(float) for c in ("mean", "sd", "n"))
    half = 1.96 * sd / np.sqrt(np.maximum(n, 1))
    x, y, e = np.arange(1, len(mean) + 1), mean * unit.per_stored, half * unit.per_stored
    pooled = sample.distribution.mean
    if np.isfinite(pooled.low):
        axes.axhspan(unit.value(pooled.low), unit.value(pooled.high), color=SKY, alpha=0.25, lw=0)
    axes.axhline(unit.value(pooled.value), color=BLUE, lw=1, ls="--")
    shown = np.isfinite(y)
    if len(mean) <= _MOST_ERROR_BARS:
        axes.errorbar(x[shown], y[shown], yerr=np.nan_to_num(e[shown]), fmt="o", ms=3, color=BLACK, lw=0.8, capsize=2)
    else:
        axes.plot(x[shown], y[shown], ls="", marker=".", ms=2, color=BLACK)
    axes.set_xlabel("micrograph, in order of the table")
    axes.set_ylabel(f"mean diameter / {unit.unit}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return [("mean", float(a), float(b), float(b - c), float(b + c)) for a, b, c in zip(x, y, e, strict=True)]


def draw_comparison(axes: Any, samples: Sequence[Sample]) -> Rows:
    """Kernel densities of several samples."""
    medians = [s.distribution.median.value for s in samples if s.distribution.n]
    unit = lengths(samples[0].unit, max(medians, default=float("nan")))
    rows: Rows = []
    for k, s in enumerate(samples):
        if s.distribution.n < 2:
            continue
        x, w = diameters(s)
        c = kernel_density(x, unit=s.unit, weights=w, weighting="number")
        cx, cy = np.array(c.x) * unit.per_stored, np.array(c.y) / unit.per_stored
        axes.plot(cx, cy, ls=LINES[k % len(LINES)], color=COLOURS[k % len(COLOURS)], label=_short(s.name))
        rows += [(s.name, float(a), float(b), np.nan, np.nan) for a, b in zip(cx, cy, strict=True)]
    axes.set_xlabel(f"equivalent diameter / {unit.unit}")
    axes.set_ylabel(f"density by number / (1/{unit.unit})")
    axes.set_ylim(bottom=0)
    if rows:
        axes.legend()
    return rows


def _short(name: str, longest: int = 28) -> str:
    return name if len(name) <= longest else f"{name[: longest - 9]}…{name[-8:]}"
