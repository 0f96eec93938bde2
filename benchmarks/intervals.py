"""Do the stated 95 % intervals hold the truth? Fits the two numbers of the budget's component "detection" and says what holds.

    python benchmarks/intervals.py FOLDER[:IDS][=outline] ... [--rendered N] [--engine FILE.onnx] [--write]

FOLDER holds images/ and labels/, IDS names file stems; "=outline" for labels drawn as people draw them, outside the edge. Each
micrograph is measured with default settings, in px; the truth are the labels, measured by the same rules (what the frame cuts is
left out, edge weights). Only micrographs of at least five counted particles, in truth and result, say something of an interval;
those that lack them are counted apart. `detection` is √(floor² + (gain · spread)²): the narrowest pair whose intervals of mean,
d10, d50 and d90 hold the truth in 95 % of all cases, sets counting alike, and in 85 % of each set. The share of the true particles
that are among those found (IoU >= 0.5) is fitted as a curve of their mean confidence. `--write` puts both into FILE.onnx.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from nanogauge.core.settings import Settings
from nanogauge.detection.confidence import found_curve
from nanogauge.detection.engines import make_engine
from nanogauge.detection.find import at_edge, find_particles
from nanogauge.detection.readings import STATISTICS, spread
from nanogauge.measuring import measure_particles
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.statistics.metrology import budget_of, distribution_of
from nanogauge.training.evaluate import match
from nanogauge.training.synthetic import render_crop

RENDERED_SEED = 765_432
LEAST = 5
_A_SET = 5  # micrographs, of which the intervals are no matter of chance
FLOORS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07)
GAINS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class Case:
    """One statistic of one micrograph: logarithm of result over truth, relative combined uncertainty without detection, spread."""

    name: str
    file: str
    statistic: str
    error: float
    known: float
    spread: float


def pictures(args: argparse.Namespace) -> Iterator[tuple[str, str, NDArray[np.uint8], NDArray[Any], str]]:
    """Set, file, grey levels, true labels, kind of edge."""
    for entry in args.sets:
        entry, _, edge = entry.partition("=")
        folder, _, ids = entry.partition(":")
        truth = {p.stem: p for p in sorted((Path(folder) / "labels").iterdir())}
        files = {p.stem: p for p in sorted((Path(folder) / "images").iterdir())}
        for name in Path(ids).read_text(encoding="utf-8").split() if ids else sorted(truth):
            yield Path(folder).name, name, read_micrograph(files[name]).grey8(), read_labels(truth[name]), edge or "steepest"
    for k in range(args.rendered):
        rng = np.random.default_rng([RENDERED_SEED, k])
        diameter = float(np.exp(rng.uniform(np.log(9), np.log(80))))
        yield "rendered", str(k), *render_crop(rng, (512, 640), median_diameter_px=diameter), "steepest"


@dataclass(frozen=True)
class Caught:
    """How many of a micrograph's true particles were found, and the mean confidence of what was."""

    name: str
    confidence: float
    n_found: int
    n_true: int


def cases(args: argparse.Namespace) -> tuple[list[Case], dict[str, list[str]], list[Caught]]:
    """All cases, by set the files that have too few particles in the result though the truth has enough, and what was found."""
    engine = make_engine(args.engine)
    found: list[Case] = []
    caught: list[Caught] = []
    missed: dict[str, list[str]] = {}
    for name, file, grey, truth, edge in pictures(args):
        settings = Settings().replace("measure", edge=edge, n_fit_bootstrap=0)
        frame = (0, 0, *grey.shape)
        right = distribution_of(measure_particles(truth, pixels=grey, scale=None), "px", settings.measure)
        if not truth.any():
            continue
        seen = find_particles(grey, engine, settings)
        if seen.confidence is not None and seen.confidence.size > 1:
            n_true = len(np.unique(truth[truth > 0]))
            caught.append(Caught(name, float(seen.confidence[1:].mean()), len(match(seen.labels, truth).pred), n_true))
        if right.n < LEAST:
            continue
        drawn = at_edge(seen, grey, settings.measure, frame=frame)
        table = measure_particles(drawn.labels, pixels=grey, scale=None, foreground=drawn.foreground, confidence=drawn.confidence)
        got = distribution_of(table, "px", settings.measure)
        budget = budget_of(table, got, settings.measure, scale=None)
        if got.n < LEAST or budget is None:
            missed.setdefault(name, []).append(file)
            continue
        moved = spread(seen.readings)
        for statistic in STATISTICS:
            b = budget[statistic]
            if not math.isfinite(b.combined):  # too few particles for a standard error: no interval is stated
                continue
            error = math.log(b.value / getattr(right, statistic).value)
            found.append(Case(name, file, statistic, error, b.combined / b.value, moved.get(statistic, 0.0)))
    return found, missed, caught


def held(every: list[Case], floor: float, gain: float) -> NDArray[np.bool_]:
    """Whether each interval, two standard uncertainties wide, holds the truth."""
    wide = np.array([math.sqrt(c.known**2 + floor**2 + (gain * c.spread) ** 2) for c in every])
    error = np.array([math.expm1(-c.error) for c in every])  # truth over result, less 1
    return np.asarray(np.abs(error) <= 2 * wide)


def fit(every: list[Case]) -> tuple[float, float]:
    """Floor and gain: 95 % of intervals on the mean of all sets, at least 85 % on each of `_A_SET` micrographs or more."""
    many = [sum(c.name == name for c in every) >= _A_SET for name in dict.fromkeys(c.name for c in every)]
    sets = [np.array([c.name == name for c in every]) for name in dict.fromkeys(c.name for c in every)]
    best: tuple[float, float, float, float] | None = None
    for floor, gain in itertools.product(FLOORS, GAINS):
        ok = held(every, floor, gain)
        shares = [float(ok[m].mean()) for m in sets]
        least = min((share for share, counts in zip(shares, many, strict=True) if counts), default=1.0)
        lacking = max(0.95 - float(np.mean(shares)), 0.0) + max(0.85 - least, 0.0)
        wide = np.array([math.hypot(floor, gain * c.spread) for c in every])
        width = float(np.mean([wide[m].mean() for m in sets]))
        if best is None or (lacking, width) < best[:2]:
            best = (lacking, width, floor, gain)
    assert best is not None
    return best[2], best[3]


def found_rule(caught: list[Caught]) -> dict[str, float]:
    """Intercept and slope of `confidence.found_curve`: sets count alike, a micrograph as at most 30 particles."""
    sets = [c.name for c in caught]
    x = np.log([c.confidence / (1 - c.confidence) for c in caught])
    share = np.array([c.n_found / c.n_true for c in caught])
    weight = np.array([min(c.n_true, 30) for c in caught], float)
    weight /= np.array([weight[[s == name for s in sets]].sum() for name in sets])

    def loss(w: NDArray[np.float64]) -> float:
        p = np.clip(found_curve(x, w[0], w[1]), 1e-6, 1 - 1e-6)
        return float(-(weight * (share * np.log(p) + (1 - share) * np.log(1 - p))).sum())

    intercept, slope = minimize(loss, np.zeros(2)).x
    return {"found_intercept": round(float(intercept), 4), "found_slope": round(float(slope), 4)}


def say_found(caught: list[Caught]) -> None:
    """Share expected and share found, by thirds of the confidence, each set predicted from the others alone."""
    expected: list[float] = []
    found: list[float] = []
    for name in dict.fromkeys(c.name for c in caught):
        others = [c for c in caught if c.name != name]
        rule = found_rule(others or caught)
        for c in (c for c in caught if c.name == name):
            logit = math.log(c.confidence / (1 - c.confidence))
            expected.append(float(found_curve(logit, rule["found_intercept"], rule["found_slope"])))
            found.append(c.n_found / c.n_true)
    order = np.argsort(expected)
    for part in np.array_split(order, 4):
        e, f = np.mean([expected[k] for k in part]), np.mean([found[k] for k in part])
        print(f"of what a person would draw, expected {100 * e:.0f} %, found {100 * f:.0f} % ({len(part)} micrographs)")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="*", metavar="FOLDER[:IDS][=outline]")
    parser.add_argument("--rendered", type=int, default=0, metavar="N", help="so many rendered micrographs too")
    parser.add_argument("--engine", default="unet")
    parser.add_argument("--write", action="store_true", help="into the network's file; needs nanogauge[train]")
    parser.add_argument("--rule", type=float, nargs=2, metavar=("FLOOR", "GAIN"), help="instead of fitting one")
    args = parser.parse_args()
    every, missed, caught = cases(args)
    floor, gain = fit(every) if args.rule is None else args.rule
    names = list(dict.fromkeys(c.name for c in every))
    others = {name: [c for c in every if c.name != name] for name in names}
    loo = {name: fit(rest) if rest else (floor, gain) for name, rest in others.items()}
    stored = make_engine(args.engine).detection
    print(f"{'fitted' if args.rule is None else 'as stated'}: floor {floor}, gain {gain}; the network has {dict(stored)}")
    print("| set | micrographs | too few found | error of the mean | without | fitted | by other sets alone | median width |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        own = [c for c in every if c.name == name]
        means = [abs(math.expm1(c.error)) for c in own if c.statistic == "mean"]
        width = np.median([2 * math.sqrt(c.known**2 + floor**2 + (gain * c.spread) ** 2) for c in own])
        shares = [held(own, 0, 0).mean(), held(own, floor, gain).mean(), held(own, *loo[name]).mean()]
        cells = " | ".join(f"{100 * s:.0f} %" for s in shares)
        n_missed = len(missed.get(name, []))
        print(f"| {name} | {len(means)} | {n_missed} | {100 * np.mean(means):.1f} % | {cells} | ± {100 * width:.0f} % |")
    worst = sorted((c for c in every if c.statistic == "mean"), key=lambda c: -abs(c.error))[:8]
    print("worst means:", ", ".join(f"{c.file} {100 * math.expm1(c.error):+.0f} % (spread {100 * c.spread:.0f} %)" for c in worst))
    rule = {"floor": floor, "gain": gain} | found_rule(caught)
    say_found(caught)
    if args.write:
        from nanogauge.training.export import describe, described

        describe(Path(args.engine), described(Path(args.engine)) | {"detection": rule})


if __name__ == "__main__":
    main()
