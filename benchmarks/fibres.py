"""Fibres against drawn ones of known width, length and direction.

    python benchmarks/fibres.py drawn             # SEM, TEM and flat looks, 5 to 60 px wide (fibre_drawings.py draws them)
    python benchmarks/fibres.py drawn sem 14 0 1  # of one look, width and seeds
    python benchmarks/fibres.py lengths           # whole fibres apart from each other: lengths
    python benchmarks/fibres.py directions        # order parameter of mats that lie along one direction more or less
    python benchmarks/fibres.py synthetic         # mats of `nanogauge.training.synthetic`, which has a look of its own
    python benchmarks/fibres.py mats FOLDER [LIST]  # of which micrographs `measure` says that they are mats

Errors are in % of what was drawn, by length.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from fibre_drawings import Drawing, Truth, draw
from numpy.typing import NDArray

from nanogauge.arrangement.fibres import Fibres, fibres_of_pixels
from nanogauge.arrangement.fibres.mats import n_fibres_of_mat

WIDTHS = {5: 16, 7: 14, 10: 12, 14: 11, 20: 8, 30: 9, 45: 6, 60: 5}  # px: fibres in the frame
SHARES = (0.1, 0.5, 0.9)


def truth_of(truth: Truth) -> tuple[float, list[float]]:
    """Length-weighted mean and quantiles of the widths drawn."""
    return figures_of(truth.width, truth.length)


def figures_of(width: NDArray[np.float64], length: NDArray[np.float64]) -> tuple[float, list[float]]:
    """Mean and quantiles of widths (n,), weighted."""
    order = np.argsort(width)
    share = np.cumsum(length[order]) / length.sum()
    return float(np.average(width, weights=length)), [float(width[order][np.searchsorted(share, q)]) for q in SHARES]


def found_in(pixels: NDArray[np.uint8]) -> tuple[Fibres | None, float]:
    """The fibres, and seconds of one core."""
    started = time.process_time()
    found = fibres_of_pixels(pixels, (0, 0, *pixels.shape), None)
    return found, time.process_time() - started


def drawn(looks: list[str], widths: list[int], seeds: tuple[int, ...] = (0, 1)) -> None:
    """Error of mean, d10, d50 and d90; what the interval says; share of the length found. Then of all seeds together: quantiles of
    some ten widths are steps, and a share of the length that is off by a hundredth may be a whole step."""
    print("look width | mean | k=2 | d10 | d50 | d90 | length found | fibres of | S found, drawn | s")
    for look in looks:
        for width in widths:
            pools: list[list[NDArray[np.float64]]] = [[], [], [], []]
            for seed in seeds:
                shape = (420, 600) if width < 25 else (700, 940)
                pixels, truth = draw(Drawing(shape=shape, look=look, width_px=width, n=WIDTHS[width], seed=seed))  # type: ignore[arg-type]
                found, seconds = found_in(pixels)
                if found is None:
                    print(look, width, seed, "nothing found")
                    continue
                figures = found.to_dict()
                for pool, values in zip(pools, (*found.known, truth.width, truth.length), strict=True):
                    pool.append(values)
                mean, at = truth_of(truth)
                w = figures["width"]
                errors = [100 * (w[f"{k}_px"] / t - 1) for k, t in zip(("mean", "d10", "d50", "d90"), (mean, *at), strict=True)]
                angle, length = truth.directions()
                s = abs((length * np.exp(2j * angle)).sum()) / length.sum()
                print(
                    f"{look} {width} | {errors[0]:+.1f} | {100 * w['expanded_uncertainty_px'] / mean:.1f} | "
                    + " | ".join(f"{e:+.1f}" for e in errors[1:])
                    + f" | {100 * figures['total_length_px'] / truth.length.sum():.0f} % | {len(found.table)} of {len(truth.width)}"
                    + f" | {figures['orientation']['order_parameter']:.2f}, {s:.2f} | {seconds:.1f}",
                    flush=True,
                )
            if len(pools[0]) > 1:
                seen, drawn_ones = (figures_of(*map(np.concatenate, pair)) for pair in (pools[:2], pools[2:]))
                off = [100 * (a / b - 1) for a, b in zip((seen[0], *seen[1]), (drawn_ones[0], *drawn_ones[1]), strict=True)]
                print(f"{look} {width}, together | {off[0]:+.1f} | | " + " | ".join(f"{e:+.1f}" for e in off[1:]), flush=True)


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
        looks, widths = [rest[0]] if rest else ["sem", "tem", "flat"], [int(v) for v in rest[1:2]] or list(WIDTHS)
        drawn(looks, widths, tuple(int(v) for v in rest[2:]) or (0, 1))
    elif what == "mats":
        mats(Path(rest[0]), Path(rest[1]).read_text(encoding="utf-8").split() if len(rest) > 1 else [])
    else:
        {"lengths": lengths, "directions": directions, "synthetic": synthetic}[what]()


if __name__ == "__main__":
    main(sys.argv[1:])
