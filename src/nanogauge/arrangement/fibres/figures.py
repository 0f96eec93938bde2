"""What is said of the fibres of a micrograph: `Fibres`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from ...core.scale import Scale
from .bodies import Body, Floats
from .find import Found, find_fibres
from .meshes import Meshes, meshes_of
from .widths import Box, Traced

Unit = Literal["nm", "px"]
_RESAMPLES = 400
_QUANTILES = {"d10": 0.1, "d50": 0.5, "d90": 0.9}
_BODY = 0.003, 0.035  # of a width, and px: what bodies unlike those that are fitted were off by (benchmarks/fibres.py)
_LEFT_OUT = 0.15  # standard deviations of the widths, by which those of fibres left out beside others may differ (the same)
_SHARES = np.linspace(0.0, 1.0, 2001)


@dataclass(frozen=True)
class Fibres:
    """Fibres of one micrograph.

    Attributes
    ----------
    table : DataFrame
        A row for each fibre: docs/fibres.md says what the columns are.
    places : DataFrame
        A row for each step along a fibre: ``fibre``, ``y``, ``x`` (px of the micrograph), ``width`` (NaN where it was left out),
        ``length`` of the step, ``direction_deg``.
    meshes : Meshes
        The holes that fibres enclose.
    body : Body
        What profiles across fibres are made of, by which widths were corrected.
    tone : {"bright", "dark"}
        Of the fibres, beside what lies around them.
    unit : {"nm", "px"}
        Of all lengths.
    n_bundles : int
        Lines that are several fibres side by side, of which no width was taken.
    """

    table: pd.DataFrame
    places: pd.DataFrame
    meshes: Meshes
    body: Body
    tone: Literal["bright", "dark"]
    unit: Unit
    n_bundles: int
    frame: Box
    scale_uncertainty: float
    per_px: float

    @cached_property
    def known(self) -> tuple[Floats, Floats]:
        """(n,) widths and weights of all places at which a width is known. A fibre weighs by its length, whatever others hide."""
        seen = self.places[self.places["width"].notna()]
        count = seen.groupby("fibre")["width"].transform("count").to_numpy(np.float64)
        length = self.table.set_index("fibre")[f"length_{self.unit}"].reindex(seen["fibre"]).to_numpy(np.float64)
        return seen["width"].to_numpy(np.float64), length / count

    @property
    def edge_error(self) -> float:
        """Relative standard uncertainty of all widths: of the body that was fitted, and that there is no such body."""
        w = self.table[f"mean_width_{self.unit}"].to_numpy(np.float64).mean() / self.per_px
        return math.hypot(self.body.error, _BODY[0], _BODY[1] / float(w))

    @property
    def n_effective(self) -> float:
        """Fibres of equal length that would tell as much of the distribution (Kish 1965)."""
        length = self.table[f"length_{self.unit}"].to_numpy(np.float64)
        return float(length.sum() ** 2 / (length**2).sum())

    def mean_width(self) -> dict[str, float]:
        """Length-weighted mean and its standard uncertainties. Widths along one fibre are alike: the fibre is what was sampled.
        The sampling's has Student's factor for few fibres in it, so that twice the whole covers 95 %."""
        w = self.table[f"mean_width_{self.unit}"].to_numpy(np.float64)
        weight = self.table[f"length_{self.unit}"].to_numpy(np.float64)
        share = weight / weight.sum()
        mean, n = float(share @ w), len(w)
        sampling = math.sqrt(float((share**2 * (w - mean) ** 2).sum()) * n / (n - 1)) if n > 1 else math.nan
        if n > 1:
            sampling *= float(stats.t.ppf(0.975, max(self.n_effective - 1, 1)) / stats.norm.ppf(0.975))
        left_out = _LEFT_OUT * math.sqrt(float(share @ (w - mean) ** 2))
        edge = mean * self.edge_error
        scale = mean * self.scale_uncertainty
        parts = {"sampling": sampling, "left_out": left_out, "edge": edge, "scale": scale}
        total = math.sqrt(sum(u**2 for u in parts.values()))
        return {"value": mean, **parts, "standard_uncertainty": total, "expanded_uncertainty": 2 * total}

    def order(self) -> tuple[float, float]:
        """S = |<exp 2 i angle>|, by length: 1 where all lie in one direction, 0 where they lie in all alike; and the director in
        degrees counter-clockwise from the x axis, 0 to 180."""
        return _order(self.places["direction_deg"].to_numpy(np.float64), self.places["length"].to_numpy(np.float64))

    @cached_property
    def _resampled(self) -> dict[str, tuple[float, float]]:
        """95 % intervals, by drawing fibres anew; those of widths at least as wide as of a log-normal law, as a dozen fibres drawn
        anew are never narrower or wider than they are."""
        rng = np.random.default_rng(0)
        n = len(self.table)
        if n < 3:
            return {}
        width, weight = self.known
        row = pd.Series(np.arange(n), index=self.table["fibre"])
        own = row.reindex(self.places.loc[self.places["width"].notna(), "fibre"]).to_numpy(np.int64)
        order = np.argsort(width)
        width, weight, own = width[order], weight[order], own[order]
        every = row.reindex(self.places["fibre"]).to_numpy(np.int64)
        turn = np.exp(2j * np.deg2rad(self.places["direction_deg"].to_numpy(np.float64))) * self.places["length"].to_numpy(
            np.float64
        )
        moment = np.bincount(every, turn.real, n) + 1j * np.bincount(every, turn.imag, n)
        length = np.bincount(every, self.places["length"].to_numpy(np.float64), n)
        drawn = []
        for _ in range(_RESAMPLES):
            times = np.bincount(rng.integers(0, n, n), minlength=n)
            some = quantiles(width, weight * times[own], list(_QUANTILES.values()), self.n_effective)
            drawn.append([*some, abs((times * moment).sum()) / (times * length).sum()])
        low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
        out = {k: (float(a), float(b)) for k, a, b in zip((*_QUANTILES, "order_parameter"), low, high, strict=True)}
        mean = self.mean_width()
        edge = math.exp(1.96 * math.hypot(self.edge_error, mean["left_out"] / mean["value"]))
        for name, (a, b) in self._of_log_normal().items():
            out[name] = (min(out[name][0], a) / edge, max(out[name][1], b) * edge)
        return out

    def _of_log_normal(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of the quantiles of a log-normal law of which so many fibres are a sample: by the noncentral t of a normal
        law's quantiles (Hahn & Meeker, Statistical Intervals, 1991)."""
        ln = np.log(self.table[f"mean_width_{self.unit}"].to_numpy(np.float64))
        length = self.table[f"length_{self.unit}"].to_numpy(np.float64)
        n = max(self.n_effective, 2.0)
        mean = float(np.average(ln, weights=length))
        sd = math.sqrt(float(np.average((ln - mean) ** 2, weights=length)) * n / (n - 1))
        out = {}
        for name, q in _QUANTILES.items():
            t = stats.nct.ppf([0.025, 0.975], n - 1, stats.norm.ppf(q) * math.sqrt(n)) / math.sqrt(n)
            out[name] = (math.exp(mean + sd * t[0]), math.exp(mean + sd * t[1]))
        return out

    def width_table(self) -> pd.DataFrame:
        """Places at which a width is known, with the weight of each in the distribution, for fibre_widths.csv."""
        seen = self.places[self.places["width"].notna()]
        weight = self.known[1]
        return pd.DataFrame({"fibre": seen["fibre"], "y_px": seen["y"], "x_px": seen["x"], f"width_{self.unit}": seen["width"],
                             "direction_deg": seen["direction_deg"], "weight": weight / weight.sum()})  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """All figures, for fibres.json; a number that is not known is None."""
        u, t = self.unit, self.table
        width, weight = self.known
        mean = self.mean_width()
        at = dict(zip(_QUANTILES, quantiles(width, weight, list(_QUANTILES.values()), self.n_effective), strict=True))
        sd = math.sqrt(float(np.average((width - np.average(width, weights=weight)) ** 2, weights=weight)))
        s, director = self.order()
        whole = t[t["both_ends_seen"]]
        lengths = whole[f"length_{u}"].to_numpy(np.float64)
        intervals = {k: {"low": a, "high": b} for k, (a, b) in self._resampled.items()}
        out = {
            "unit": u,
            "tone": self.tone,
            "n_fibres": len(t),
            "n_bundles_left_out": self.n_bundles,
            f"total_length_{u}": float(t[f"length_{u}"].sum()),
            "width": {
                f"mean_{u}": mean["value"],
                f"standard_uncertainties_{u}": {k: mean[k] for k in ("sampling", "left_out", "edge", "scale")},
                f"expanded_uncertainty_{u}": mean["expanded_uncertainty"],
                f"sd_{u}": sd,
                **{f"{k}_{u}": v for k, v in at.items()},
                f"intervals_95_{u}": {k: v for k, v in intervals.items() if k in _QUANTILES},
                "weighted_by": "length",
                "share_of_length_measured": float(
                    self.places.loc[self.places["width"].notna(), "length"].sum() / self.places["length"].sum()
                ),
            },
            "length": {
                "n_with_both_ends_seen": len(whole),
                f"mean_{u}": float(lengths.mean()) if lengths.size else None,
                f"median_{u}": float(np.median(lengths)) if lengths.size else None,
                f"longest_{u}": float(t[f"length_{u}"].max()),
            },
            "orientation": {
                "order_parameter": s,
                "interval_95": intervals.get("order_parameter"),
                "director_deg": director,
            },
            "mean_tortuosity": float(np.average(t["tortuosity"], weights=t[f"length_{u}"])),
            "meshes": self.meshes.to_dict(u),
            "profile": {
                "shape": self.body.shape,
                "blur_px": self.body.blur,
                "misfit": self.body.misfit,
                "relative_uncertainty_of_widths": self.edge_error,
            },
        }
        return dict(_plain(out))


def fibres_of_pixels(
    pixels: NDArray[Any], frame: Box, scale: Scale | None, *, tone: str = "auto", keep_out: Sequence[tuple[float, ...]] = ()
) -> Fibres | None:
    """The fibres of a micrograph; None where nothing in it is one.

    Parameters
    ----------
    pixels : (H, W) array
        Grey levels.
    frame : (int, int, int, int)
        (y0, x0, y1, x1) of what is picture. Fibres that leave it have no length, but a width.
    scale : Scale or None
        None: lengths in px.
    tone : {"auto", "bright", "dark"}
        Whether fibres are brighter or darker than what lies around them.
    keep_out : sequence of (y0, x0, y1, x1)
        Boxes of text and scale bars, where no width is taken.
    """
    y0, x0, y1, x1 = frame
    grey = np.asarray(pixels[y0:y1, x0:x1], np.float32)
    if min(grey.shape) < 32 or not np.ptp(grey) > 0:
        return None
    boxes = [(round(a) - y0, round(b) - x0, round(c) - y0, round(d) - x0) for a, b, c, d in keep_out]
    found = find_fibres(grey, tone=tone, keep_out=boxes)
    return None if found is None else _figures(found, frame, scale)


def _figures(found: Found, frame: Box, scale: Scale | None) -> Fibres:
    unit: Unit = "px" if scale is None else "nm"
    sy, sx = (1.0, 1.0) if scale is None else scale.nm_per_px
    rows, places = [], []
    for i, f in enumerate(found.fibres, start=1):
        at = f.at
        tangent = np.gradient(at, axis=0)
        step = tangent * (sy, sx)
        each = np.hypot(step[:, 0], step[:, 1])
        # across the fibre, once the pixels are square
        width = f.width * sy * sx * np.hypot(tangent[:, 0], tangent[:, 1]) / np.maximum(each, 1e-9)
        length = float(np.hypot(*(np.diff(at, axis=0) * (sy, sx)).T).sum())
        chord = float(np.hypot(*((at[-1] - at[0]) * (sy, sx))))
        direction = np.rad2deg(np.arctan2(-step[:, 0], step[:, 1])) % 180
        y, x = (at + frame[:2]).T
        places.append(pd.DataFrame({"fibre": i, "y": y, "x": x, "width": width, "length": each, "direction_deg": direction}))
        known = width[np.isfinite(width)]
        coherence, director = _order(direction, each)
        rows.append(
            {
                "fibre": i,
                "y_px": y[len(y) // 2],
                "x_px": x[len(x) // 2],
                f"mean_width_{unit}": known.mean(),
                f"sd_width_{unit}": known.std(),
                f"length_{unit}": length,
                "both_ends_seen": f.ends == ("seen", "seen"),
                "direction_deg": director,
                "straightness": coherence,
                "tortuosity": length / max(chord, 1e-9),
                "n_widths": len(known),
                "clear": f.clear,
                "contrast": f.contrast,
                "flags": _flags(f),
            }
        )
    every = [*found.fibres, *found.bundles]
    meshes = meshes_of(every, found.shape, (sy, sx))
    uncertainty = 0.0 if scale is None else scale.relative_uncertainty
    tone: Literal["bright", "dark"] = "bright" if found.sign > 0 else "dark"
    table, steps = pd.DataFrame(rows), pd.concat(places, ignore_index=True)
    per_px = math.sqrt(sy * sx)
    return Fibres(table, steps, meshes, found.body, tone, unit, len(found.bundles), frame, uncertainty, per_px)


def _flags(f: Traced) -> str:
    names = {"frame": "cut_by_frame", "hidden": "end_hidden"}
    return ";".join(sorted({names[e] for e in f.ends if e in names}))


def quantiles(x: Floats, weight: Floats, at: Sequence[float], n: float) -> list[float]:
    """Quantiles of values (k,) under weights (k,) that come from a sample of n: those of Harrell & Davis, with weights.

    The widths of one fibre are alike, so that the distribution of a dozen fibres goes up in a dozen steps, and a quantile that is
    read off it jumps from one fibre to the next where a hundredth of the length more or less is seen. The mean of the steps about
    it, each by its probability to be the quantile of such a sample, moves by little, and is nearer to that of all the fibres from
    which these were taken (Harrell & Davis, Biometrika 69 (1982) 635; with weights, Akinshin, arXiv 2304.07265, 2023).
    """
    order = np.argsort(x, kind="stable")
    share = np.concatenate([[0.0], np.cumsum(weight[order])])
    share /= share[-1]
    below = (special.betainc((n + 1) * q, (n + 1) * (1 - q), _SHARES) for q in at)
    return [float(np.diff(np.interp(share, _SHARES, b)) @ x[order]) for b in below]


def _order(direction_deg: Floats, length: Floats) -> tuple[float, float]:
    moment = complex((length * np.exp(2j * np.deg2rad(direction_deg))).sum() / length.sum())
    return abs(moment), math.degrees(math.atan2(moment.imag, moment.real)) / 2 % 180


def _plain(value: Any) -> Any:
    """For JSON, which knows no NaN."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
