"""Fibres against drawn ones of known width, length and direction.

    python benchmarks/fibres.py drawn             # SEM, TEM and flat looks, 5 to 60 px wide (fibre_drawings.py draws them)
    python benchmarks/fibres.py drawn sem 14 0 1  # of one look ("all": of each), width and seeds
    python benchmarks/fibres.py single            # one fibre by itself, of each look and width
    python benchmarks/fibres.py lengths           # whole fibres apart from each other: lengths
    python benchmarks/fibres.py directions        # order parameter of mats that lie along one direction more or less
    python benchmarks/fibres.py synthetic         # mats of `nanogauge.training.synthetic`, which has a look of its own
    python benchmarks/fibres.py mats FOLDER [LIST]  # of which micrographs `measure` says that they are mats

Errors are in % of what was drawn, by length. Quantiles of what was drawn are those of Harrell & Davis, as `Fibres` has them, of the
widths drawn and the lengths in the frame.
"""

from __future__ import annotations

import math
import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from fibre_drawings import Drawing, Truth, draw
from numpy.typing import NDArray
from scipy import special
from scipy.spatial import cKDTree

from nanogauge.arrangement.fibres import Fibres, fibres_of_pixels
from nanogauge.arrangement.fibres.mats import n_fibres_of_mat

Floats = NDArray[np.float64]
WIDTHS = {5: 16, 7: 14, 10: 12, 14: 11, 20: 8, 30: 9, 45: 6, 60: 5}  # px: fibres in the frame
LOOKS = ("sem", "tem", "flat")
SHARES = {"d10": 0.1, "d50": 0.5, "d90": 0.9}
WRONG = 0.03  # error of a fibre's mean width from which on it is no fibre's width


def figures_of(width: Floats, length: Floats) -> dict[str, float]:
    """Mean and quantiles of the widths of fibres (n,), by their lengths."""
    order = np.argsort(width)
    share = np.concatenate([[0.0], np.cumsum(length[order]) / length.sum()]).clip(0, 1)
    n = length.sum() ** 2 / (length**2).sum()
    out = {"mean": float(np.average(width, weights=length))}
    for name, q in SHARES.items():
        out[name] = float(np.diff(special.betainc((n + 1) * q, (n + 1) * (1 - q), share)) @ width[order])
    return out


def population_of(d: Drawing) -> dict[str, float]:
    """Those of all fibres that may be drawn."""
    s = d.spread
    return {"mean": d.width_px * math.exp(s**2 / 2)} | {k: d.width_px * math.exp(s * special.ndtri(q)) for k, q in SHARES.items()}


def found_in(pixels: NDArray[np.uint8]) -> tuple[Fibres | None, float]:
    """The fibres, and seconds of one core."""
    started = time.process_time()
    found = fibres_of_pixels(pixels, (0, 0, *pixels.shape), None)
    return found, time.process_time() - started


def drawn_widths(found: Fibres, truth: Truth) -> Floats:
    """(n,) the width drawn of each fibre found: of the one whose centre line most of it lies nearest to."""
    trees = [cKDTree(line - 0.5) for line in truth.line]
    out = []
    for _, of in found.places.groupby("fibre"):
        away = [float(np.median(tree.query(of[["y", "x"]].to_numpy())[0])) for tree in trees]
        out.append(truth.width[int(np.argmin(away))])
    return np.array(out)


class Pool:
    """Drawings of one look and width, together."""

    def __init__(self) -> None:
        self.seen: list[Floats] = []  # (2, n) widths found and their weights
        self.true: list[Floats] = []  # (2, n) of the same fibres: widths drawn, lengths found
        self.drawn: list[Floats] = []  # (2, n) of all fibres: widths drawn and lengths in the frame
        self.fibres: list[float] = []  # relative error of each fibre
        self.off: list[dict[str, float]] = []
        self.held: list[float] = []
        self.found = 0.0
        self.seconds: list[float] = []

    def add(self, d: Drawing) -> None:
        """Draws one and measures it."""
        pixels, truth = draw(d)
        found, seconds = found_in(pixels)
        self.drawn.append(np.array([truth.width, truth.length]))
        self.seconds.append(seconds)
        if found is None:
            return
        w = found.to_dict()["width"]
        table = found.table
        self.seen.append(np.array([table["mean_width_px"], table["length_px"]]))
        self.found += float(table["length_px"].sum())
        of = drawn_widths(found, truth)
        self.true.append(np.array([of, table["length_px"]]))
        self.fibres += (table["mean_width_px"].to_numpy() / of - 1).tolist()
        true = figures_of(*self.true[-1])
        self.off.append({k: w[f"{k}_px"] / v - 1 for k, v in true.items()})
        population = population_of(d)
        self.held.append(float(abs(w["mean_px"] - population["mean"]) <= w["expanded_uncertainty_px"]))
        for k, interval in w["intervals_95_px"].items():
            self.held.append(float(interval["low"] <= population[k] <= interval["high"]))

    def line(self) -> str:
        """Errors of all drawings together, the largest of one, beside all that was drawn, of single fibres; what intervals hold."""
        if not self.off:
            return "nothing found"
        seen, true, drawn = (figures_of(*np.concatenate(part, axis=1)) for part in (self.seen, self.true, self.drawn))
        off = np.abs(self.fibres)
        worst = {k: max((o[k] for o in self.off), key=abs) for k in true}
        cells = [
            f"{100 * (seen[k] / t - 1):+.1f} ({100 * worst[k]:+.1f}), {100 * (seen[k] / drawn[k] - 1):+.1f}"
            for k, t in true.items()
        ]
        lengths = np.concatenate(self.drawn, axis=1)[1]
        said = f"{100 * np.median(self.fibres):+.1f}, {100 * np.quantile(off, 0.9):.1f}; {(off > WRONG).sum()} of {len(off)}"
        return " | ".join([f"{len(lengths)}", *cells, said, f"{self.found / lengths.sum():.0%}", f"{np.mean(self.held):.0%}",
                           f"{np.mean(self.seconds):.1f}"])  # fmt: skip


def drawn(looks: list[str], widths: list[int], seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """A line a look and width: widths of the fibres found, all seeds together, in brackets the single drawing that is farthest off;
    then beside all fibres drawn, those that were not found and those that lie on others too."""
    print("look, width | fibres | mean | d10 | d50 | d90 | fibres: median, 90 % within; wrong | length found | intervals hold | s")
    whole: dict[str, Pool] = defaultdict(Pool)
    for look in looks:
        for width in widths:
            pool = Pool()
            for seed in seeds:
                shape = (420, 600) if width < 25 else (700, 940)
                d = Drawing(shape=shape, look=look, width_px=width, n=WIDTHS[width], seed=seed + 100 * width)  # type: ignore[arg-type]
                pool.add(d)  # of each width another drawing
            whole[look].fibres += pool.fibres
            whole[look].held += pool.held
            print(f"{look}, {width} px | {pool.line()}", flush=True)
    for look, pool in whole.items():
        off = np.abs(pool.fibres)
        print(f"{look}: {(off > WRONG).sum()} of {len(off)} fibres wrong by more than {WRONG:.0%}; {np.mean(pool.held):.0%} hold")


def single(seeds: tuple[int, ...] = (0, 1)) -> None:
    """One fibre across the frame."""
    for look in LOOKS:
        for width in WIDTHS:
            off = []
            for seed in seeds:
                shape = (320, 420) if width < 25 else (500, 640)
                pixels, truth = draw(Drawing(shape=shape, look=look, width_px=width, n=1, seed=seed))  # type: ignore[arg-type]
                found, _ = found_in(pixels)
                if found is None or len(found.table) != 1:
                    off.append(f"{0 if found is None else len(found.table)} found")
                    continue
                w, true = found.to_dict()["width"], truth.width[0]
                off.append(", ".join(f"{100 * (w[f'{k}_px'] / true - 1):+.1f}" for k in ("mean", "d10", "d90")))
            print(f"{look}, {width} px | " + " | ".join(off), flush=True)


def lengths() -> None:
    """Fibres apart from each other: those with both ends in sight are matched to the nearest drawn one."""
    for look in ("sem", "tem", "flat"):
        d = Drawing(shape=(700, 900), look=look, width_px=10, n=9, length_px=220, apart=True, bend=0.001, seed=3)  # type: ignore[arg-type]
        pixels, truth = draw(d)
        found, _ = found_in(pixels)
        assert found is not None
        whole = found.table[found.table["both_ends_seen"]]
        errors = []
        for row in whole.itertuples():
            away = [np.hypot(*(line[len(line) // 2] - 0.5 - (row.y_px, row.x_px))) for line in truth.line]
            errors.append(row.length_px - truth.length[int(np.argmin(away))])
        said = f"{np.mean(errors):+.2f} px on average, {np.abs(errors).max():.2f} px at most"
        print(
            f"{look}: {len(whole)} of {truth.whole.sum()} whole ones; error of lengths {said}, of {truth.length.mean():.0f}",
            flush=True,
        )


def directions() -> None:
    """Order parameter and director."""
    for spread in (5.0, 15.0, 30.0, None):
        pixels, truth = draw(Drawing(shape=(600, 800), width_px=8, n=22, aligned=spread, along_deg=30, seed=5))
        found, _ = found_in(pixels)
        assert found is not None
        angle, length = truth.directions()
        moment = (length * np.exp(2j * angle)).sum() / length.sum()
        s, director = found.order()
        turned = np.degrees(np.angle(moment)) / 2 % 180
        print(f"spread {spread}: S {s:.3f}, drawn {abs(moment):.3f}; director {director:.1f}°, drawn {turned:.1f}°", flush=True)


def synthetic() -> None:
    """Mats of the training renderer: no choice was made on them."""
    from nanogauge.training.synthetic import Scene
    from nanogauge.training.synthetic.imaging import Look, expose, paint
    from nanogauge.training.synthetic.mats import Mat

    for mode, width in (("sem", 12.0), ("sem", 24.0), ("tem", 12.0), ("tem", 24.0)):
        rng = np.random.default_rng(4)
        mat = Mat(n=16, width_px=width, width_spread=0.0, tone=0.0)
        look = Look(background=0.15 if mode == "sem" else 0.8, noise=0.03, blur_px=0.8, gradient=0.0)
        picture, _ = paint(Scene(shape=(500, 640), mode=mode, mat=mat), [], look, rng)  # type: ignore[arg-type]
        found, _ = found_in(expose(picture, look, rng))
        said = "nothing found"
        if found is not None:
            w = found.to_dict()["width"]
            said = f"mean {100 * (w['mean_px'] / width - 1):+.1f} %, d50 {100 * (w['d50_px'] / width - 1):+.1f} %"
            said += f", k = 2 {100 * w['expanded_uncertainty_px'] / width:.1f} %, {len(found.table)} fibres of {mat.n}"
        print(mode, width, said, flush=True)


def mats(folder: Path, names: list[str]) -> None:
    """Micrographs that are called mats."""
    files = [folder / f"{n}.png" for n in names] if names else sorted(folder.glob("*.png"))
    called = 0
    for file in files:
        grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        assert grey is not None, file
        n = n_fibres_of_mat(grey, (0, 0, *grey.shape))
        called += n > 0
        if n:
            print(f"{file.name}: a mat of {n} long fibres", flush=True)
    print(f"{called} of {len(files)} are called mats")


def main(argv: list[str]) -> None:
    """As the module says."""
    what, *rest = argv or ["drawn"]
    if what == "drawn":
        looks = [rest[0]] if rest and rest[0] != "all" else list(LOOKS)
        drawn(looks, [int(v) for v in rest[1:2]] or list(WIDTHS), tuple(int(v) for v in rest[2:]) or (0, 1, 2))
    elif what == "mats":
        mats(Path(rest[0]), Path(rest[1]).read_text(encoding="utf-8").split() if len(rest) > 1 else [])
    else:
        {"single": single, "lengths": lengths, "directions": directions, "synthetic": synthetic}[what]()


if __name__ == "__main__":
    main(sys.argv[1:])
