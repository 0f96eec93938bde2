"""Size without outlines: how good the estimate from the picture alone is, what it notices, what it costs.

    python benchmarks/rank.py DATA [--cases FOLDER] [--left-out FILE.onnx] [--network FILE.onnx] [--kept FILE.json] [--fit]

DATA holds emps/ (with val.txt), silica/ and cu_shapes/, each with images/ and labels/. FOLDER holds drawn pictures that used to
fail. --left-out: a network of sizes that learned from neither silica nor cu_shapes, to be tried on them at several zooms. --kept:
what was measured is kept there and not measured again. --fit prints the rule of the network (`training.sizes.export`).

estimate    against the annotations' number medians (whole particles, with edge weights): errors, Spearman's rank correlation, the
            share of the 95 % intervals that hold; errors of ln gsd and of the number
comparison  with what was measured: false alarms on EMPS val; what it notices of measurements spoiled on purpose, of wrong ones of
            drawn pictures (benchmarks/drawn_cases.py) and of FOLDER
zoom        the working magnification from the estimate, beside that from today's looks
cost        of an estimate, beside that of a measurement
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import drawn_cases
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from nanogauge.core.micrograph import Micrograph
from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_engine
from nanogauge.detection.engines.onnx import OnnxSizeEstimator
from nanogauge.detection.size_estimate import SizeEstimate, estimate_sizes
from nanogauge.pipeline.frame import frame_of
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.scale.user_scale import stated_scale
from nanogauge.statistics.metrology import weights_of
from nanogauge.statistics.witness import median_of, outlined, witness_warnings
from nanogauge.training.dataset import pairs, read_pair
from nanogauge.training.sizes.examples import picture_of, weighted

ZOOMS = (0.5, 0.71, 1.0, 1.41)
MOST_FALSE_ALARMS = 0.03
CASES: dict[str, tuple[int, float]] = {  # number and mean that are right
    "bimodal_8x60px_137x8px.png": (145, 10.9),
    "holey_carbon_d12_n45.png": (45, 12.0),
    "fibres_mat_d14.png": (0, math.nan),
    "lattice_only.png": (0, math.nan),
    "coreshell_core20_shell44.png": (0, 44.0),  # the number is not stated
    "c_u8_zero_border.tif": (0, 29.2),
    "c_f32_nan_strip.tif": (0, 29.2),
}
Row = dict[str, Any]


def truth_of(labels: NDArray[np.int32]) -> tuple[float, float, float]:
    """ln of the median diameter, of the geometric standard deviation, number of particles."""
    picture = picture_of(np.zeros(labels.shape, np.uint8), labels)
    return *weighted(picture.ln_diameter, picture.weight), float(len(picture.area) - 1)


def read(folder: Path, ids: list[str] | None = None) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.int32]]]:
    for image, truth in pairs(folder, ids):
        grey, marks = read_pair(image, truth)
        yield image.stem, grey, np.asarray(marks, np.int32)


def report(name: str, found: list[SizeEstimate], truth: list[tuple[float, float, float]]) -> None:
    ln, t = np.log([e.d50_px for e in found]), np.array(truth)
    off = ln - t[:, 0]
    held = np.mean(np.abs(off) <= 1.96 * np.array([e.relative_uncertainty for e in found]))
    spread = np.array([math.log(e.gsd) for e in found]) - t[:, 1]
    number = np.log([e.n for e in found]) - np.log(t[:, 2])
    print(
        f"{name:34} {len(found):4} {np.expm1(np.median(np.abs(off))):7.1%} {np.expm1(np.mean(np.abs(off))):7.1%} "
        f"{np.expm1(np.median(off)):+7.1%} {spearmanr(ln, t[:, 0])[0]:8.3f} {held:7.0%} {np.median(np.abs(spread)):8.2f} "
        f"{np.expm1(np.median(np.abs(number))):8.0%}",
        flush=True,
    )


def estimates(data: Path, network: OnnxSizeEstimator, left_out: OnnxSizeEstimator | None) -> None:
    print(f"{'':34} {'n':>4} {'median':>7} {'mean':>7} {'bias':>7} {'Spearman':>8} {'holds':>7} {'ln gsd':>8} {'number':>8}")
    val = list(read(data / "emps", (data / "emps" / "val.txt").read_text(encoding="utf-8").split()))
    sized = [(g, truth_of(m)) for _, g, m in val]
    found = [estimate_sizes(g, network) for g, _ in sized]
    report("EMPS val", *map(list, zip(*((e, t) for e, (_, t) in zip(found, sized, strict=True) if e), strict=True)))
    if left_out is None:
        return
    pooled: list[tuple[SizeEstimate, tuple[float, float, float]]] = []
    report("EMPS val, network without both", *map(list, zip(*((estimate_sizes(g, left_out), t) for g, t in sized), strict=True)))
    for name in ("silica", "cu_shapes"):
        of_set = []
        for _, grey, marks in read(data / name):
            ln_d50, ln_gsd, n = truth_of(marks)
            for zoom in ZOOMS:
                how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
                view = cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=how)
                seen = estimate_sizes(np.asarray(view, np.uint8), left_out)
                if seen is not None:
                    of_set.append((seen, (ln_d50 + math.log(zoom), ln_gsd, n), zoom))
        report(f"{name}, left out", *map(list, zip(*((e, t) for e, t, zoom in of_set if zoom == 1.0), strict=True)))
        report(f"{name}, left out, with zooms", *map(list, zip(*((e, t) for e, t, _ in of_set), strict=True)))
        pooled += [(e, t) for e, t, _ in of_set]
    report("both, left out, with zooms", *map(list, zip(*pooled, strict=True)))


def measured(name: str, source: Any, measurer: Measurer, kept: dict[str, Row]) -> Row:
    """What a measurement gives: (n,) diameters and weights, relative uncertainty of the detection, its other warnings, seconds."""
    if name not in kept:
        begun = time.process_time()
        m = measurer.measure(source, scale=stated_scale(scale="1 nm/px"))
        seconds = time.process_time() - begun
        d, w = outlined(m.particles, weights_of(m.particles, m.settings.measure))
        others = [str(v) for v in m.warnings if getattr(v, "code", "") != "size_differs"]
        mean = float(m.distribution.mean.value) if (w > 0).any() else math.nan
        kept[name] = {
            "d": d.tolist(),
            "w": w.tolist(),
            "u": m.detection.get("d50", 0.0),
            "said": others,
            "s": seconds,
            "mean": mean,
        }
        kept[name]["frame"] = list(m.frame)
    return kept[name]


def doubts(e: SizeEstimate | None, row: Row, d: NDArray[Any] | None = None, w: NDArray[Any] | None = None) -> bool:
    """Whether the comparison warns of a measurement, or of other diameters in its place."""
    d, w = (np.array(row["d"]), np.array(row["w"])) if d is None or w is None else (d, w)
    return bool(witness_warnings(e, d, w, {"d50": row["u"]}, scale=None))


def far(e: SizeEstimate, row: Row) -> float:
    """Joint standard uncertainties between an estimate and a measurement; NaN where nothing counts."""
    d, w = np.array(row["d"]), np.array(row["w"])
    if not (w > 0).any():
        return math.nan
    d50, u = median_of(d[w > 0], w[w > 0])
    return abs(e.far_from(d50, math.hypot(u, row["u"])))


def spoiled(row: Row) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Measurements of the same picture gone wrong, each by its diameters and weights."""
    d, w = np.array(row["d"]), np.array(row["w"])
    d, w = d[w > 0], w[w > 0]
    if len(d) < 4:
        return {}
    order = np.argsort(d)
    tenth = max(len(d) // 10, 1)
    return {
        "only the largest tenth": (d[order[-tenth:]], w[order[-tenth:]]),
        "all joined in fours": (2 * d, w),
        "all cut in fours": (d / 2, w),
        "all cut in tens": (d / math.sqrt(10), w),
        "sizes three times too large": (3 * d, w),
    }


def comparison(data: Path, cases: Path | None, network: OnnxSizeEstimator, kept: dict[str, Row], *, n_drawn: int) -> None:
    measurer = Measurer(Settings(), estimator=network)
    rows: list[tuple[SizeEstimate, Row]] = []
    for name, grey, _ in read(data / "emps", (data / "emps" / "val.txt").read_text(encoding="utf-8").split()):
        path = next((data / "emps" / "images").glob(f"{name}.*"))
        row = measured(f"emps/{name}", read_micrograph(path), measurer, kept)
        y0, x0, y1, x1 = row["frame"]
        if (e := estimate_sizes(grey[y0:y1, x0:x1], network)) is not None:
            rows.append((e, row))
    false = sum(doubts(e, r) for e, r in rows)
    distances = np.sort([far(e, r) for e, r in rows])
    print(f"\nEMPS val, warned of by the comparison: {false} of {len(rows)} ({false / len(rows):.1%})")
    print("largest joint distances:", " ".join(f"{v:.2f}" for v in distances[::-1][:8]))
    print("\nspoiled measurements of EMPS val, noticed:")
    noticed: dict[str, list[bool]] = {}
    for e, r in rows:
        for kind, (d, w) in spoiled(r).items():
            noticed.setdefault(kind, []).append(doubts(e, r, d, w))
    for kind, hits in noticed.items():
        print(f"    {kind:30} {sum(hits):3} of {len(hits)} ({np.mean(hits):.0%})")
    print(f"\n{'drawn kinds':24} right wrong silent  noticed: wrong silent  false alarms")
    total = np.zeros(6, int)
    for kind in drawn_cases.KINDS:
        counts = np.zeros(6, int)
        for k in range(n_drawn):
            grey, drawn = drawn_cases.picture(kind, 1, k)
            row = measured(f"drawn/{kind}/{k}", Micrograph(pixels=grey, name=kind), measurer, kept)
            counts += _judged(row, estimate_sizes(grey, network), len(drawn.diameters), drawn.mean())
        total += counts
        print(f"{kind:24} {counts[0]:5} {counts[1]:5} {counts[2]:6} {counts[3]:15} {counts[4]:6} {counts[5]:13}", flush=True)
    print(f"{'all':24} {total[0]:5} {total[1]:5} {total[2]:6} {total[3]:15} {total[4]:6} {total[5]:13}")
    if cases is None:
        return
    print("\nfiles that used to fail")
    for file, (n, mean) in CASES.items():
        micrograph = read_micrograph(cases / file)
        row = measured(f"cases/{file}", micrograph, measurer, kept)
        y0, x0, y1, x1 = row["frame"]
        seen = estimate_sizes(micrograph.grey8()[y0:y1, x0:x1], network)
        low, high = seen.interval_px if seen else (math.nan, math.nan)
        said = "warns" if doubts(seen, row) else "agrees"
        what = f"{seen.d50_px:.1f} ({low:.1f} to {high:.1f}), about {seen.n:.0f}" if seen else "none"
        print(
            f"    {file:34} right {n or '?'} of {mean}; measured {len(row['d'])}, mean {row['mean']:.1f}; estimate {what}: {said}"
        )
        if file.startswith("bimodal"):
            d, w = np.array(row["d"]), np.array(row["w"])
            old = d > 40
            said = "warns" if doubts(seen, row, d[old], w[old]) else "is silent"
            print(f"        only the {old.sum()} large ones, as once measured: {said}")


def _judged(row: Row, seen: SizeEstimate | None, n_true: int, mean: float) -> NDArray[np.int64]:
    """right, wrong, silently wrong; wrong noticed, silently wrong noticed, right doubted; judged as drawn_cases does."""
    n = int((np.array(row["w"]) > 0).sum())
    right = n == 0 if not n_true else abs(n - n_true) <= max(2, 0.08 * n_true) and abs(row["mean"] / mean - 1) <= 0.05
    silent = not right and not row["said"] and len(row["d"]) > 0
    seen_it = doubts(seen, row)
    return np.array([right, not right, silent, seen_it and not right, seen_it and silent, seen_it and right], int)


def working_zooms(data: Path, network: OnnxSizeEstimator) -> None:
    """How near the zoom comes to the one that shows the annotated median at the engine's size."""
    from nanogauge.detection.looks import typical_diameter
    from nanogauge.detection.segment import segment

    engine, settings = make_engine(), Settings()
    want = float(engine.working_diameter_px or 44.0)
    errors: dict[str, list[float]] = {"two looks (shipped)": [], "estimate": []}
    seconds = dict.fromkeys(errors, 0.0)
    for _, grey, marks in read(data / "emps", (data / "emps" / "val.txt").read_text(encoding="utf-8").split()):
        ceiling, floor = min(4.0, 4096 / max(grey.shape)), min(192 / max(grey.shape), 1.0)
        right = float(np.clip(want / math.exp(truth_of(marks)[0]), floor, ceiling))
        for way in errors:
            begun = time.process_time()
            if way == "estimate":
                e = estimate_sizes(grey, network)
                zoom = want / e.d50_px if e else 1.0
            else:
                zoom = _searched(grey, engine, settings, segment, typical_diameter)
            seconds[way] += time.process_time() - begun
            errors[way].append(abs(math.log(float(np.clip(zoom, floor, ceiling)) / right)))
    print("\nworking magnification, EMPS val: median error, off by more than 1.5, CPU s")
    for way, off in ((w, np.array(e)) for w, e in errors.items()):
        print(f"    {way:22} {np.expm1(np.median(off)):.0%} {np.mean(off > math.log(1.5)):.0%} {seconds[way] / len(off):.3f}")


def _searched(grey: Any, engine: Any, settings: Settings, segment: Any, typical_diameter: Any) -> float:
    from nanogauge.detection.segment import standardise, working_zoom

    s = settings.segment
    ceiling = min(s.largest_zoom, s.largest_px / max(grey.shape))
    return working_zoom(standardise(grey), engine, lambda m: typical_diameter(m, settings.separate), s, ceiling)[0]


def costs(data: Path, network: OnnxSizeEstimator, kept: dict[str, Row]) -> None:
    seconds, whole = [], []
    for name, grey, _ in read(data / "emps", (data / "emps" / "val.txt").read_text(encoding="utf-8").split()):
        begun = time.process_time()
        estimate_sizes(grey, network)
        seconds.append(time.process_time() - begun)
        if f"emps/{name}" in kept:
            whole.append(kept[f"emps/{name}"]["s"])
    said = f"\nprocessor time of an estimate: {1000 * np.mean(seconds):.0f} ms"
    print(
        said
        + (f"; of a measurement with it: {np.mean(whole):.2f} s, {np.mean(seconds) / np.mean(whole):.1%} of it" if whole else "")
    )


def draw(path: Path, network: OnnxSizeEstimator, to: Path) -> None:
    """What the network sees in a picture: the size it takes each place for, and the distribution by number that follows."""
    import matplotlib.pyplot as plt

    from nanogauge.detection.segment import standardise
    from nanogauge.training.sizes.network import CELL_PX, N_SIZES, SMALLEST_PX, STEP

    micrograph = read_micrograph(path)
    y0, x0, y1, x1 = frame_of(micrograph)
    grey = micrograph.grey8()[y0:y1, x0:x1]
    e = estimate_sizes(grey, network)
    assert e is not None
    zoom = e.zooms[0]
    tall, wide = (max(int(side * zoom) // 32, 1) * 32 for side in grey.shape)
    view = cv2.resize(grey, (wide, tall), interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    shares = network.look(standardise(view)).shares
    sizes = SMALLEST_PX * np.exp(STEP * np.arange(N_SIZES)) / zoom
    covered = 1 - shares[0]
    ln = (shares[1:] * np.log(sizes)[:, None, None]).sum(0) / np.maximum(covered, 1e-6)
    number = shares[1:].sum((1, 2)) * CELL_PX**2 * 4 / math.pi / (sizes * zoom) ** 2
    figure, (a, b, c) = plt.subplots(1, 3, figsize=(12, 3.7), layout="constrained", width_ratios=(1, 1.12, 0.9))
    a.imshow(grey, cmap="gray")
    b.imshow(grey, cmap="gray", extent=(0, wide, tall, 0))
    shown = b.imshow(
        np.exp(ln), cmap="viridis", norm="log", alpha=np.clip(covered, 0, 0.8), extent=(0, wide, tall, 0), vmin=5, vmax=100
    )
    figure.colorbar(shown, ax=b, label="diameter, px", shrink=0.85)
    for axis, title in ((a, "a micrograph"), (b, "what size each place belongs to")):
        axis.set(xticks=[], yticks=[], title=title)
    c.bar(sizes, number, width=sizes * STEP * 0.9, color="#1b9e8f", label="the map, by number")
    low, high = e.interval_px
    c.axvspan(low, high, color="#d95f02", alpha=0.2)
    c.axvline(e.d50_px, color="#d95f02", label=f"median {e.d50_px:.3g} px ({low:.3g} to {high:.3g})")
    c.set(xscale="log", xlim=(4, 200), xlabel="diameter, px", ylabel="particles", title=f"about {e.n:.0f} particles")
    c.set_ylim(0, 1.3 * number.max())
    c.legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(to, dpi=110)


def fit(data: Path, network: OnnxSizeEstimator, kept: dict[str, Row]) -> None:
    """gain, floor and mixture by the likelihood of the errors under a normal law, on EMPS val alone and with silica and cu_shapes,
    which the shipped network has not learned from; then the least surprise with few false alarms on EMPS val."""
    val = list(read(data / "emps", (data / "emps" / "val.txt").read_text(encoding="utf-8").split()))
    sets = {"EMPS val": [(g, truth_of(m)[0]) for _, g, m in val]}
    sets |= {name: [(g, truth_of(m)[0]) for _, g, m in read(data / name)] for name in ("silica", "cu_shapes")}
    parts: dict[str, tuple[NDArray[Any], ...]] = {}
    for name, pictures in sets.items():
        rows = [(*_parts(g, network), t) for g, t in pictures if min(g.shape) >= network.stride]
        d50, said, apart, truth = np.array(rows).T
        off = d50 - truth
        parts[name] = np.clip(off, *np.quantile(off, [0.02, 0.98])), said, apart  # a few gross ones are not to widen all
    tried = [(g, f, m) for g in np.linspace(0, 1.5, 31) for f in np.linspace(0.02, 0.2, 10) for m in np.linspace(0, 1, 21)]
    for names in (["EMPS val"], list(parts)):
        best = min(tried, key=lambda r: sum(_surprised(*parts[n], rule=r) / len(parts[n][0]) for n in names))
        print(f"\nlikeliest on {' and '.join(names)}: gain={best[0]:.2f} floor={best[1]:.2f} mixture={best[2]:.2f}")
    distances = np.array([
        far(e, kept[f"emps/{name}"])
        for name, g, _ in val
        if f"emps/{name}" in kept and (e := estimate_sizes(g, network)) is not None
    ])  # fmt: skip
    worst = np.sort(distances[np.isfinite(distances)])[::-1]
    allowed = int(MOST_FALSE_ALARMS * len(val))
    surprise = math.ceil(100 * 1.05 * worst[allowed]) / 100 if len(worst) > allowed else math.inf
    print(f"with the rule of the file, {dict(network.rule)}: least surprise={surprise:.2f};", end=" ")
    print(f"largest distances {np.round(worst[:6], 2)}")


def _parts(grey: NDArray[np.uint8], network: OnnxSizeEstimator) -> tuple[float, float, float]:
    """ln of the median, and what its uncertainty is made of: as the network states it, and between the median and the area."""
    rule, found = network.rule, []
    for part in ({"gain": 1.0}, {"gain": 0.0, "mixture": 1.0}):
        network.rule = part
        found.append(estimate_sizes(grey, network))
    network.rule = rule
    said, apart = found
    assert said is not None
    assert apart is not None
    return math.log(said.d50_px), said.relative_uncertainty, apart.relative_uncertainty


def _surprised(off: NDArray[Any], said: NDArray[Any], apart: NDArray[Any], *, rule: tuple[float, float, float]) -> float:
    variance = rule[1] ** 2 + (rule[0] * said) ** 2 + (rule[2] * apart) ** 2
    return float(np.sum(np.log(variance) + off**2 / variance))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--network", type=Path, help="instead of the shipped one")
    parser.add_argument("--left-out", type=Path)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--drawn", type=int, default=3, help="pictures of each drawn kind")
    parser.add_argument("--only", nargs="*", default=["estimates", "comparison", "zoom", "cost"])
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--draw", nargs=2, type=Path, metavar=("PICTURE", "PNG"), help="what the network sees in it; nothing else")
    args = parser.parse_args()
    network = OnnxSizeEstimator(args.network, n_threads=1) if args.network else OnnxSizeEstimator(n_threads=1)
    if args.draw:
        draw(args.draw[0], network, args.draw[1])
        return
    left_out = OnnxSizeEstimator(args.left_out, n_threads=1) if args.left_out else None
    kept = json.loads(args.kept.read_text(encoding="utf-8")) if args.kept and args.kept.is_file() else {}
    try:
        if "estimates" in args.only:
            estimates(args.data, network, left_out)
        if "comparison" in args.only:
            comparison(args.data, args.cases, network, kept, n_drawn=args.drawn)
    finally:
        if args.kept:
            args.kept.write_text(json.dumps(kept), encoding="utf-8")
    if "zoom" in args.only:
        working_zooms(args.data, network)
    if "cost" in args.only:
        costs(args.data, network, kept)
    if args.fit:
        fit(args.data, network, kept)


if __name__ == "__main__":
    main()
