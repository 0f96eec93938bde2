"""What the size witness catches: measurements spoiled on purpose as a network would spoil them, and the unharmed ones.

    python benchmarks/witness.py FOLDER[:IDS] ... [--rendered N] [--magnified N] [--kept FILE.json]

FOLDER holds images/, IDS names file stems. Each micrograph is measured with default settings, in px. A fault is made of what was
measured; none of the program's other warnings could come of it, but those of the measurement itself, which are told apart. N of the
micrographs of each set are measured anew at twice and at half their working magnification: what comes of that is as wrong as it is,
and warns as it does. --kept: what was measured is kept there and not measured again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanogauge.core.micrograph import Micrograph
from nanogauge.core.remarks import code_of
from nanogauge.core.settings import Settings
from nanogauge.detection.size_estimate import SizeEstimate
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.results.measurement import Measurement
from nanogauge.statistics.distribution import quantiles
from nanogauge.statistics.metrology import weights_of
from nanogauge.statistics.witness import outlined, witness_warnings
from nanogauge.training.synthetic import render_crop

Floats = NDArray[np.float64]
Row = dict[str, Any]
OF_OUTLINES = {
    "doubtful_sizes",
    "more_particles",
    "missed",
    "left_out",
    "mat",
}  # other warnings that something was not found rightly
LEAST = 4  # particles that a measurement has, to be spoiled
WRONG = 0.10  # error of the median, or of the number, from which on a measurement at another magnification is wrong
RENDERED_SEED = 181_818


def kept(at: Floats, d: Floats, w: Floats, among: NDArray[Any]) -> tuple[Floats, Floats]:
    return d[among], w[among]


def smallest_left_out(share: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda at, d, w: kept(at, d, w, np.argsort(d)[round(share * len(d)) :])


def largest_left_out(share: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda at, d, w: kept(at, d, w, np.argsort(d)[: len(d) - round(share * len(d))])


def missed(share: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda at, d, w: kept(at, d, w, np.random.default_rng(0).permutation(len(d))[round(share * len(d)) :])


def scaled(factor: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda at, d, w: (factor * d, w)


def joined(at: Floats, d: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Neighbours in pairs, the nearest edge to edge first; one is left where they are odd."""
    tree = cKDTree(at)
    pairs = np.array([(i, j) for i, near in enumerate(tree.query(at, k=min(9, len(d)))[1]) for j in near if i < j])
    gap = np.hypot(*(at[pairs[:, 0]] - at[pairs[:, 1]]).T) - d[pairs].sum(axis=1) / 2
    partner: dict[int, int] = {}
    for i, j in pairs[np.argsort(gap)].tolist():
        if i not in partner and j not in partner:
            partner[i], partner[j] = j, i
    single = [i for i in range(len(d)) if i not in partner]
    first = [i for i, j in partner.items() if i < j]
    both = [partner[i] for i in first]
    return np.r_[np.hypot(d[first], d[both]), d[single]], np.r_[(w[first] + w[both]) / 2, w[single]]


FAULTS: dict[str, Callable[..., tuple[Floats, Floats]]] = {
    "the smallest fifth left out": smallest_left_out(0.2),
    "the smaller half left out": smallest_left_out(0.5),
    "the smallest four fifths left out": smallest_left_out(0.8),
    "the largest fifth left out": largest_left_out(0.2),
    "half missed, at random": missed(0.5),
    "four fifths missed, at random": missed(0.8),
    "outlines 15 % too large": scaled(1.15),
    "outlines 30 % too large": scaled(1.3),
    "outlines 30 % too small": scaled(0.7),
    "outlines twice too large": scaled(2.0),
    "neighbours joined in pairs": joined,
    "cut in pairs": lambda at, d, w: (np.repeat(d, 2) / np.sqrt(2), np.repeat(w, 2)),
}


def row_of(m: Measurement) -> Row:
    """What is needed of a measurement."""
    d, w = outlined(m.particles, weights_of(m.particles, m.settings.measure))
    return {
        "at": m.particles[["y", "x"]].to_numpy(np.float64).tolist(),
        "d": d.tolist(),
        "w": w.tolist(),
        "u": m.detection.get("d50", 0.0),
        "estimate": None if m.estimate is None else m.estimate.to_dict(),
        "said": sorted({code_of(v) for v in m.warnings} & OF_OUTLINES),
        "zoom": m.zoom,
    }


def pictures(sets: list[str], n_rendered: int) -> Iterator[tuple[str, str, Micrograph]]:
    for entry in sets:
        folder, _, ids = entry.partition(":")
        files = {p.stem: p for p in sorted((Path(folder) / "images").iterdir())}
        for name in Path(ids).read_text(encoding="utf-8").split() if ids else sorted(files):
            yield Path(folder).name, name, read_micrograph(files[name])
    for k in range(n_rendered):
        rng = np.random.default_rng([RENDERED_SEED, k])
        diameter = float(np.exp(rng.uniform(np.log(9), np.log(80))))
        yield "rendered", str(k), Micrograph(pixels=render_crop(rng, (512, 640), median_diameter_px=diameter)[0], name=f"{k}")


def measured(args: argparse.Namespace, known: dict[str, Row]) -> None:
    """Fills `known` with "SET/NAME", and "SET/NAME at 2" and "at 0.5"."""
    count: dict[str, int] = {}
    measurer = Measurer(Settings())
    for name, file, micrograph in pictures(args.sets, args.rendered):
        key = f"{name}/{file}"
        if key not in known:
            known[key] = row_of(measurer.measure(micrograph))
        if sum(w > 0 for w in known[key]["w"]) < LEAST or count.get(name, 0) >= args.magnified:
            continue
        count[name] = count.get(name, 0) + 1
        for by in (2.0, 0.5):
            if f"{key} at {by:g}" not in known:
                off = Settings().replace("segment", working_magnification=by * known[key]["zoom"])
                known[f"{key} at {by:g}"] = row_of(measurer.under(off).measure(micrograph))


def doubted(row: Row, d: Floats, w: Floats) -> tuple[bool, bool]:
    """Whether the witness contradicts these diameters and weights at all, and whether by their sizes."""
    e = None if row["estimate"] is None else SizeEstimate.from_dict(row["estimate"])
    codes = {v.code for v in witness_warnings(e, d, w, {"d50": row["u"]}, scale=None)}
    return bool(codes), "size_differs" in codes


def median(d: Floats, w: Floats) -> float:
    return float(quantiles(d[w > 0], (0.5,), weights=w[w > 0])[0]) if (w > 0).any() else float("nan")


def show(known: dict[str, Row]) -> None:
    plain = {k: r for k, r in known.items() if " at " not in k}
    sets = sorted({k.partition("/")[0] for k in plain})
    print(f"{'':36} {'d50 off':>8} " + " ".join(f"{s:>14}" for s in [*sets, "all", "all, silent", "silent, sizes"]))

    def line(name: str, hits: list[tuple[str, tuple[bool, bool], bool, float]]) -> None:
        cells = []
        for chosen in [*({s} for s in sets), set(sets)]:
            of = [h[0] for s, h, _, _ in hits if s in chosen]
            cells.append(f"{sum(of)} of {len(of)}")
        silent = [h for _, h, quiet, _ in hits if quiet]
        off = float(np.nanmedian([o for *_, o in hits])) if hits else float("nan")
        for which in (0, 1):
            cells.append(f"{sum(h[which] for h in silent)} of {len(silent)}")
        print(f"{name:36} {off:+8.0%} " + " ".join(f"{c:>14}" for c in cells), flush=True)

    spoilable = {}
    unharmed = []
    for key, row in plain.items():
        d, w = np.array(row["d"]), np.array(row["w"])
        unharmed.append((key.partition("/")[0], doubted(row, d, w), not row["said"], 0.0))
        if (w > 0).sum() >= LEAST:
            spoilable[key] = np.array(row["at"]), d, w
    line("unharmed", unharmed)
    for fault, spoil in FAULTS.items():
        hits = []
        for key, (at, d, w) in spoilable.items():
            row = plain[key]
            d2, w2 = spoil(at, d, w)
            hits.append((key.partition("/")[0], doubted(row, d2, w2), not row["said"], median(d2, w2) / median(d, w) - 1))
        line(fault, hits)
    for by, words in ((2.0, "twice"), (0.5, "half")):
        again, wrong = [], []
        for key in spoilable:
            row = known.get(f"{key} at {by:g}")
            if row is None:
                continue
            d2, w2 = np.array(row["d"]), np.array(row["w"])
            _, d, w = spoilable[key]
            off = median(d2, w2) / median(d, w) - 1
            number = w2.sum() / w.sum() - 1
            again.append((key.partition("/")[0], doubted(row, d2, w2), not row["said"], off))
            if not (abs(off) < WRONG and abs(number) < WRONG):
                wrong.append(again[-1])
        line(f"{words} the working magnification", again)
        line(f"  of these wrong by {WRONG:.0%}", wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--rendered", type=int, default=0)
    parser.add_argument("--magnified", type=int, default=0)
    parser.add_argument("--kept", type=Path)
    args = parser.parse_args()
    known: dict[str, Row] = json.loads(args.kept.read_text(encoding="utf-8")) if args.kept and args.kept.is_file() else {}
    try:
        measured(args, known)
    finally:
        if args.kept:
            args.kept.write_text(json.dumps(known), encoding="utf-8")
    show(known)


if __name__ == "__main__":
    main()
