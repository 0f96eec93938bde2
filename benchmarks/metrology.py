"""Are the sizes right, and do the stated intervals hold the truth?

    python benchmarks/metrology.py bias          # measuring step: bias and scatter by size, blur, noise, touching; mask or map
    python benchmarks/metrology.py coverage      # measuring step: how often 95 % intervals hold the truth
    python benchmarks/metrology.py pooled        # the same for samples of several micrographs that differ
    python benchmarks/metrology.py network       # the network: bias by size, contrast, noise, blur, touching; coverage
    python benchmarks/metrology.py agreement     # the same masks measured by scikit-image, imea, and ImageJ's definitions
    python benchmarks/metrology.py silica DATA   # our labels against hand-drawn ones, DATA/images and DATA/labels
    python benchmarks/metrology.py edges DATA    # hand-drawn outlines against the steepest change of grey level

All but the last two render their particles from a seed. `--n` sets how many samples (coverage, pooled, network).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from agreement import agreement
from rendered import MICROGRAPH_CASES, RenderedMap, particle_map, sample_map, sphere_micrograph

import nanogauge
from nanogauge.core.micrograph import Micrograph
from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.measuring import edge_profile, measure_particles
from nanogauge.pipeline.measure import Measurer
from nanogauge.statistics.distribution import summarise_pooled
from nanogauge.statistics.metrology import budget_of, distribution_of

STATISTICS = ("mean", "d10", "d50", "d90")
Z = 1.2815515655446004


def bias(n: int) -> None:
    """The measuring step on exact maps: labels, and labels with the map."""
    print("Measuring step: equivalent diameter, mean error / rms error in %; Feret max, min: mean error in px")
    print(f"{'px':>4} {'case':22} {'labels':>15} {'map':>15} {'Feret, labels':>16} {'Feret, map':>16}")
    cases = {
        "sharp": {"blur_px": 0.5},
        "sharp, noise": {"blur_px": 0.5, "noise": 0.1},
        "blur 1 px": {"blur_px": 1.0},
        "blur 1.5 px": {"blur_px": 1.5},
        "ellipse 0.6": {"blur_px": 0.5, "aspect": 0.6},
        "touching": {"blur_px": 0.5, "touching": True},
    }
    for diameter in (5, 6, 8, 10, 14, 20, 30, 50):
        for name, case in cases.items():
            m = particle_map(diameter, n=n, seed=diameter, **case)
            cells = []
            ferets = []
            for foreground in (None, m.probability):
                t = measure_particles(m.labels, pixels=m.probability, scale=None, foreground=foreground)
                t = t.merge(m.truth, on="label")
                e = 100 * (t["equivalent_diameter_px"] / t["true_px"] - 1)
                cells.append(f"{e.mean():+6.2f} / {math.sqrt((e**2).mean()):5.2f}")
                high, low = (t["feret_max_px"] - t["true_max_px"]).mean(), (t["feret_min_px"] - t["true_min_px"]).mean()
                ferets.append(f"{high:+.2f}, {low:+.2f}")
            print(f"{diameter:4d} {name:22} {cells[0]:>15} {cells[1]:>15} {ferets[0]:>16} {ferets[1]:>16}")


def coverage(n: int) -> None:
    """Stated intervals against the law the particles were drawn from. Scale, outline and particles are off as the budget says."""
    print(f"Measuring step: intervals (k = 2) that hold the truth, of {n} samples each, in %; mean error of the mean in %")
    print(f"{'median px':>10} {'GSD':>5} {'particles':>10} {'scale u':>8} " + " ".join(f"{s:>6}" for s in STATISTICS) + "  error")
    pooled = []
    for median, gsd, n_particles, scale_u in (
        (8, 1.15, 200, 0.005),
        (12, 1.3, 100, 0.005),
        (20, 1.1, 60, 0.01),
        (20, 1.4, 300, 0.002),
        (40, 1.25, 40, 0.02),
        (60, 1.6, 120, 0.01),
    ):
        hits, errors = [], []
        for seed in range(n):
            rng = np.random.default_rng([seed, median])
            m = sample_map(rng, median_px=median, gsd=gsd, n=n_particles)
            stated = Scale((1.0, 1.0), scale_u, "metadata")
            actual = 1 + scale_u * rng.standard_normal()
            truth = _lognormal(median * actual, gsd)
            h, e = _held(m, stated, truth)
            hits.append(h)
            errors.append(e)
        pooled += hits
        rates = " ".join(f"{100 * v:6.1f}" for v in np.mean(hits, axis=0))
        print(f"{median:10d} {gsd:5.2f} {n_particles:10d} {scale_u:8.3f} {rates}  {100 * np.mean(errors):+.2f}", flush=True)
    print(f"{'all':>10} {'':>5} {len(pooled):10d} {'':8} " + " ".join(f"{100 * v:6.1f}" for v in np.mean(pooled, axis=0)))


def _lognormal(median: float, gsd: float) -> dict[str, float]:
    s = math.log(gsd)
    return {
        "mean": median * math.exp(s * s / 2),
        "d10": median * math.exp(-Z * s),
        "d50": median,
        "d90": median * math.exp(Z * s),
    }


def _held(m: RenderedMap, scale: Scale, truth: dict[str, float]) -> tuple[list[bool], float]:
    settings = Settings().replace("measure", n_bootstrap=400).measure
    table = measure_particles(m.labels, pixels=m.probability, scale=scale, foreground=m.probability)
    d = distribution_of(table, "nm", settings)
    budget = budget_of(table, d, settings, scale=scale)
    assert budget is not None
    return [budget[s].low <= truth[s] <= budget[s].high for s in STATISTICS], d.mean.value / truth["mean"] - 1


def pooled(n: int) -> None:
    """Samples of k micrographs that differ by a share of the mean: intervals that hold the truth, in %."""
    print(f"Pooled: 95 % intervals that hold the truth, of {n} samples each, in %")
    print(f"{'micrographs':>12} {'they differ by':>15} " + " ".join(f"{s:>6}" for s in STATISTICS))
    for k in (2, 3, 5, 10, 30):
        for between in (0.0, 0.02, 0.1):
            hits = []
            for seed in range(n):
                rng = np.random.default_rng([seed, k])
                own = np.exp(between * rng.standard_normal(k))
                number = np.repeat(np.arange(k), rng.integers(30, 90, k))
                x = 50 * own[number] * np.exp(math.log(1.25) * rng.standard_normal(number.size))
                d = summarise_pooled(x, number, unit="nm", n_bootstrap=300, seed=seed)
                truth = _lognormal(50, math.exp(math.hypot(math.log(1.25), between)))
                hits.append([getattr(d, s).low <= truth[s] <= getattr(d, s).high for s in STATISTICS])
            print(f"{k:12d} {100 * between:13.0f} % " + " ".join(f"{100 * v:6.1f}" for v in np.mean(hits, axis=0)), flush=True)


def network(n: int) -> None:
    """The whole way on rendered spheres: bias of matched particles by case, and coverage over n random micrographs."""
    measurer = Measurer(n_threads=1)
    by_edge = {edge: Settings().replace("measure", n_bootstrap=400, edge=edge) for edge in ("outline", "steepest")}
    print(
        "Network: matched particles, mean error in %, as drawn / outlines moved to the steepest change of grey level; found of all"
    )
    print(f"{'px':>4} " + " ".join(f"{name:>22}" for name in MICROGRAPH_CASES))
    for diameter in (8, 12, 20, 40, 80):
        cells = []
        for case in MICROGRAPH_CASES:
            r = sphere_micrograph(np.random.default_rng([diameter, 7]), median_px=diameter, gsd=1.1, case=case)
            cell, n_found = [], 0
            for settings in by_edge.values():
                m = _measured(r.pixels, measurer, settings, 1.0, 0.0)
                e = _matched(m.labels, m.particles, r.truth)
                cell.append(f"{100 * np.mean(e):+.1f}" if len(e) else "-")
                n_found = len(e)
            cells.append(f"{' / '.join(cell)}  {n_found}/{(~r.truth['cut']).sum()}")
        print(f"{diameter:4d} " + " ".join(f"{c:>22}" for c in cells), flush=True)
    rows = []
    for seed in range(n):
        rng = np.random.default_rng([seed, 99])
        median, gsd = float(np.exp(rng.uniform(math.log(8), math.log(60)))), float(rng.uniform(1.05, 1.35))
        case = list(MICROGRAPH_CASES)[seed % len(MICROGRAPH_CASES)]
        r = sphere_micrograph(rng, median_px=median, gsd=gsd, case=case)
        actual = 1 + 0.01 * rng.standard_normal()
        truth = _lognormal(median * actual, gsd)
        for edge, settings in by_edge.items():
            m = _measured(r.pixels, measurer, settings, 1.0, 0.01)
            if m.budget is None or not math.isfinite(m.budget["mean"].expanded):
                continue
            held = {s: m.budget[s].low <= truth[s] <= m.budget[s].high for s in STATISTICS}
            found = m.distribution.n / max((~r.truth["cut"]).sum(), 1)
            error = m.distribution.mean.value / truth["mean"] - 1
            wide = m.budget["mean"].expanded / m.budget["mean"].value
            rows.append({"edge": edge, "case": case, "found": found, "error": error, "U": wide} | held)
    t = pd.DataFrame(rows)
    t[["error", "U", "found", *STATISTICS]] = 100 * t[["error", "U", "found", *STATISTICS]].astype(float)
    print(f"\nNetwork: intervals (k = 2) that hold the truth in %, of {n} micrographs; error and U of the mean in %")
    print(t.groupby(["edge", "case"], sort=False).mean().round(1).to_string())
    print(t.drop(columns="case").groupby("edge", sort=False).mean().round(1).to_string())


def _measured(pixels: np.ndarray, measurer: Measurer, settings: Settings, side: float, relative: float) -> nanogauge.Measurement:
    micrograph = Micrograph(pixels=pixels, name="rendered")
    return measurer.under(settings).measure(micrograph, scale=Scale((side, side), relative, "user"))


def _matched(labels: np.ndarray, table: pd.DataFrame, truth: pd.DataFrame) -> list[float]:
    """Relative errors of the particles whose centre lies in a label of 0.5 to 2 times their area."""
    by_label = table.set_index("label")
    out = []
    for row in truth[~truth["cut"]].itertuples():
        label = labels[round(row.y), round(row.x)]
        if label == 0:
            continue
        ratio = by_label.loc[label, "equivalent_diameter_px"] / row.true_px
        if math.sqrt(0.5) < by_label.loc[label, "equivalent_diameter_px"] / row.true_px < math.sqrt(2):
            out.append(ratio - 1)
    return out


def silica(folder: Path, edge: str) -> None:
    """Mean diameter from our labels and from hand-drawn ones, with our interval; samples at two magnifications."""
    from nanogauge.reading import read_micrograph
    from nanogauge.reading.labels import read_labels

    measurer = Measurer(Settings().replace("measure", edge=edge), n_threads=1)
    print(f"{'micrograph':12} {'n':>5} {'mean nm':>9} {'U':>7} {'truth nm':>9} {'error %':>8} {'held':>5} {'edge of truth px':>17}")
    means: dict[str, list[tuple[float, float]]] = {}
    for path in sorted((folder / "images").iterdir()):
        labels = next((folder / "labels").glob(path.stem + ".*"), None)
        if labels is None or path.stem[:3] not in ("B08", "B09", "C02", "C11"):
            continue
        m = measurer.measure(read_micrograph(path))
        if m.scale is None or m.budget is None:
            print(f"{path.stem:12} {m.message}")
            continue
        drawn = read_labels(labels)
        table = measure_particles(drawn, pixels=m.micrograph.pixels, scale=m.scale, frame=m.frame)
        truth = distribution_of(table, "nm", measurer.settings.replace("measure", n_bootstrap=0).measure).mean.value
        b = m.budget["mean"]
        offset = edge_profile(drawn, m.micrograph.pixels, frame=m.frame).offset_px
        held = "yes" if b.low <= truth <= b.high else "no"
        off = 100 * (b.value / truth - 1)
        row = f"{path.stem:12} {m.distribution.n:5d} {b.value:9.2f} {b.expanded:7.2f} {truth:9.2f} {off:+8.2f}"
        print(f"{row} {held:>5} {offset:+17.2f}", flush=True)
        means.setdefault(path.stem.split("-")[0], []).append((b.value, b.combined))
    print("\nThe same sample in two micrographs: difference of means over its standard uncertainty")
    for name, pair in means.items():
        if len(pair) == 2:
            (a, ua), (b_, ub) = pair
            print(f"{name}: {a:.2f} and {b_:.2f} nm, {abs(a - b_) / math.hypot(ua, ub):.2f}")


def edges(folder: Path) -> None:
    """How far the steepest change of grey level lies from hand-drawn outlines, over the micrographs of train.txt or all."""
    from nanogauge.reading import read_micrograph
    from nanogauge.reading.labels import read_labels

    listed = folder / "train.txt"
    wanted = set(listed.read_text().split()) if listed.is_file() else None
    rows = []
    for path in sorted((folder / "images").iterdir()):
        labels = next((folder / "labels").glob(path.stem + ".*"), None)
        if labels is None or (wanted is not None and path.stem not in wanted):
            continue
        drawn = read_labels(labels)
        area = np.bincount(drawn.ravel())[1:]
        median = math.sqrt(4 * float(np.median(area[area > 0])) / math.pi) if area.any() else math.nan
        rows.append((median, edge_profile(drawn, read_micrograph(path).pixels).offset_px))
    t = pd.DataFrame(rows, columns=["median_px", "offset_px"]).dropna()
    print(f"Steepest change of grey level from hand-drawn outlines, px (negative: inside), {len(t)} micrographs")
    print(t["offset_px"].describe(percentiles=[0.05, 0.25, 0.5, 0.75, 0.95]).round(2).to_string())
    print("median of offset / median diameter, %:", (100 * t["offset_px"] / t["median_px"]).median().round(2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("bias", "coverage", "pooled", "network", "agreement", "silica", "edges"))
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--n", type=int)
    parser.add_argument("--edge", choices=("outline", "steepest"), default="steepest", help="for silica")
    options = parser.parse_args()
    if options.what in ("silica", "edges"):
        if options.data is None:
            parser.error(f"{options.what} needs the folder with images and labels")
        silica(options.data, options.edge) if options.what == "silica" else edges(options.data)
        return
    every = {"bias": (bias, 120), "coverage": (coverage, 100), "pooled": (pooled, 200), "agreement": (agreement, 60)}
    every |= {"network": (network, 120)}
    for name, (run, n) in every.items():
        if options.what in (None, name):
            run(options.n or n)
            print()


if __name__ == "__main__":
    main()
