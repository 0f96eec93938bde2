"""Phases against textures whose figures are known, and against pictures that people labelled.

    python benchmarks/phases.py textures [N [WORDS]]             # N renderings of each texture: bias, and how often intervals hold;
                                                                 # of those with WORDS in their name
    python benchmarks/phases.py network [N]                      # the same with a network that errs, checked on 8 held-out pictures
    python benchmarks/phases.py real NAME.onnx FOLDER [IDS.txt]  # a network on labelled pictures that it has not learned from
    python benchmarks/phases.py picture OUT.png                  # the picture of docs/phases.md

Bias in %, of all renderings together against the model; intervals of single renderings, in % of those that hold what is true.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanogauge.phases.check import Check, CheckedPicture, check_picture
from nanogauge.phases.figures import PhaseFigures
from nanogauge.phases.intervals import length_interval, share_interval, variance_of_ratio
from nanogauge.phases.phase_map import PhaseMap
from nanogauge.phases.tally import Tally, tally
from nanogauge.training.synthetic.phase_textures import Texture, discs, level_sets

Make = Callable[[np.random.Generator], Texture]
SIZE = (320, 320)
TEXTURES: dict[str, tuple[Make, int]] = {
    "level set, s = 4 px, 30 %": (lambda r: level_sets(r, SIZE, 4.0, (0.3, 0.7)), 1),
    "level set, s = 8 px, 30 %": (lambda r: level_sets(r, SIZE, 8.0, (0.3, 0.7)), 1),
    "level set, s = 16 px, 30 %": (lambda r: level_sets(r, SIZE, 16.0, (0.3, 0.7)), 1),
    "level set, s = 8 px, 5 %": (lambda r: level_sets(r, SIZE, 8.0, (0.05, 0.95)), 1),
    "three phases, 20, 30, 50 %": (lambda r: level_sets(r, SIZE, 8.0, (0.2, 0.3, 0.5)), 1),
    "stretched 3 : 1, 40 %": (lambda r: level_sets(r, SIZE, 6.0, (0.4, 0.6), stretch=3.0), 1),
    "layers 12 : 1, 40 %": (lambda r: level_sets(r, SIZE, 4.0, (0.4, 0.6), stretch=12.0), 1),
    "discs of 10 px, 30 % covered": (lambda r: discs(r, SIZE, 5.0, 0.7), 1),
    "discs of 24 px, 30 % covered": (lambda r: discs(r, SIZE, 12.0, 0.7), 1),
    "discs of 24 px, 60 % covered": (lambda r: discs(r, SIZE, 12.0, 0.4), 1),
    "level set, s = 8 px, 3 pictures": (lambda r: level_sets(r, (200, 200), 8.0, (0.3, 0.7)), 3),
}

NETWORKS = {
    "5 and 5 %": ((0.05, 0.05), 0.3),
    "10 and 2 %": ((0.10, 0.02), 0.3),
    "10 and 2 %, erratic": ((0.10, 0.02), 0.8),
}
"""Rates at which pixels of either phase are taken for the other, and how far they differ, as a factor exp(± spread)."""


def textures(n: int, words: str = "") -> None:
    """Prints a row for each texture, and how often all intervals held."""
    print("| texture | fraction: bias | holds | chord: bias | holds | interface: bias | holds | independent areas | blocks |")
    print("|---|---|---|---|---|---|---|---|---|")
    every = np.zeros((0, 3))
    for name, (make, n_maps) in TEXTURES.items():
        if words not in name:
            continue
        rng = np.random.default_rng(11)
        held, all_maps = [], []
        for _ in range(n):
            drawn = [make(rng) for _ in range(n_maps)]
            counted = [tally(_map(t.phases)) for t in drawn]
            held.append(_held(counted, drawn[0]))
            all_maps += counted
        share, chord, interface = _biases(all_maps, drawn[0])
        k = np.concatenate(held)
        every = np.concatenate([every, k])
        holds = [f"{100 * v:.0f}" for v in k.mean(axis=0)]
        size = f"{np.mean([t.independent for t in all_maps]):.0f} | {np.mean([t.n for t in all_maps]):.0f}"
        known = not name.startswith(("stretched", "layers"))  # chords and outlines of a stretched field are in no book
        lengths = (f"{chord:+.1f} | {holds[1]} | {interface:+.1f} | {holds[2]}") if known else "– | – | – | –"
        print(f"| {name} | {share:+.1f} | {holds[0]} | {lengths} | {size} |", flush=True)
        if not known:
            every = every[: -len(k)]
    if len(every):
        print("all:", (100 * every.mean(axis=0)).round(1), f"of {len(every)}")


def _map(phases: NDArray[np.uint8], **more: Any) -> PhaseMap:
    return PhaseMap(name="texture", phases=phases, names=tuple("abc"[: max(int(phases.max()), 1) + 1]), **more)


def _sums(tallies: list[Tally], k: int) -> tuple[Any, Any, Any]:
    other = {0: 1, 1: 0, 2: 1}[k]
    shares = [(t.share[:, k], t.area) for t in tallies]
    chords = [(2 * t.chord_length[:, :, k].sum(1), t.chord_ends[:, :, k].sum(1)) for t in tallies]
    return shares, chords, [(t.interface[:, k, other], t.area) for t in tallies]


def _held(tallies: list[Tally], t: Texture) -> NDArray[np.bool_]:
    """(K - 1 or so, 3) whether the intervals of fraction, chord and interface hold, of each phase but one of two."""
    rows = []
    factors = np.array([c.inflation for c in tallies])
    for k in range(1 if t.share.size == 2 else t.share.size):
        shares, chords, outlines = (variance_of_ratio(s, factors[:, k].tolist()) for s in _sums(tallies, k))
        other = {0: 1, 1: 0, 2: 1}[k]
        doubts = [float(np.mean(d)) for d in ([c.chord_doubt[k] for c in tallies], [c.interface_doubt[k, other] for c in tallies])]
        lengths = [length_interval(*v, more=d) for v, d in zip((chords, outlines), doubts, strict=True)]
        found = [share_interval(*shares, sum(c.independent for c in tallies)), *lengths]
        true = t.share[k], t.chord[k], t.interface[k, other]
        rows.append([e.low <= v <= e.high for e, v in zip(found, true, strict=True)])
    return np.array(rows)


def _biases(tallies: list[Tally], t: Texture) -> tuple[float, float, float]:
    """Of the first phase, in %, that of the fraction in percentage points; all renderings pooled."""
    share, chord, outline = (sum(a.sum() for a, _ in s) / sum(c.sum() for _, c in s) for s in _sums(tallies, 0))
    return 100 * (share - t.share[0]), 100 * (chord / t.chord[0] - 1), 100 * (outline / t.interface[0, 1] - 1)


def network(n: int) -> None:
    """A network that takes patches of one phase for the other, at rates that differ from picture to picture."""
    for name, (rates, spread) in NETWORKS.items():
        rng = np.random.default_rng(5)
        holds, without, width, corrected = [], [], [], 0
        for _ in range(n):
            check = Check(("a", "b"), tuple(_checked(rng, rates, spread) for _ in range(8)))
            truth = level_sets(rng, (240, 240), 6.0, (0.2, 0.8))
            f = PhaseFigures((_part(_map(_muddled(truth.phases, rng, rates, spread))),), check)
            s = f._share(0)
            holds.append(s.whole.low <= 0.2 <= s.whole.high)
            width.append(s.whole.high - s.whole.low)
            plain = PhaseFigures(f.parts)._share(0).whole
            without.append(plain.low <= 0.2 <= plain.high)
            corrected += check.correction() is not None
        said = f"hold {100 * np.mean(holds):.0f} %, without a check {100 * np.mean(without):.0f} %"
        print(f"{name}: {said}; mean width {100 * np.mean(width):.1f} %; corrected {corrected} of {n}", flush=True)


def _part(m: PhaseMap) -> Any:
    from nanogauge.phases.part import Part

    return Part(m, tally(m), (), (), ())  # fractions ask for no more


def _checked(rng: np.random.Generator, rates: tuple[float, float], spread: float) -> CheckedPicture:
    truth = level_sets(rng, (160, 160), 6.0, (0.4, 0.6)).phases
    both = truth.astype(np.int64) * 2 + _muddled(truth, rng, rates, spread)
    nothing = np.full(2, np.nan)
    return CheckedPicture(
        "p", np.bincount(both.ravel(), minlength=4).reshape(2, 2), 0.02, nothing, nothing, np.full((2, 2), np.nan)
    )


def _muddled(truth: NDArray[np.uint8], rng: np.random.Generator, rates: tuple[float, float], spread: float) -> NDArray[np.uint8]:
    h, w = truth.shape
    draw = np.kron(rng.random((h // 4 + 1, w // 4 + 1)), np.ones((4, 4)))[:h, :w]
    wrong = draw < (np.array(rates) * np.exp(rng.normal(0, spread, 2)))[truth]
    return np.where(wrong, 1 - truth, truth).astype(np.uint8)


def real(engine_file: str, folder: Path, ids: Path | None) -> None:
    """IoU of each phase, and of each picture: true fraction, fraction and its interval by a check on all the others."""
    from nanogauge.detection.class_maps import class_maps
    from nanogauge.detection.engines import make_engine
    from nanogauge.phases.phase_map import phase_map
    from nanogauge.training.classes.data import read_class_folder

    engine = make_engine(engine_file, n_threads=1)
    names = engine.classes.names  # type: ignore[attr-defined]
    _, items = read_class_folder(folder, only=names)
    if ids is not None:
        wanted = set(ids.read_text(encoding="utf-8").splitlines())
        items = [i for i in items if i.name in wanted]
    maps = []
    started = time.perf_counter()
    for item in items:
        maps.append(phase_map(class_maps(item.grey, engine), names, name=item.name))
    seconds = time.perf_counter() - started
    pictures = [check_picture(m, i.classes) for m, i in zip(maps, items, strict=True)]
    check = Check(names, tuple(pictures), engine.sha256)
    print(f"{len(items)} pictures, {seconds:.0f} s; IoU", dict(zip(names, check.iou().round(3).tolist(), strict=True)))
    print("confusion, row true:", check.confusion.tolist(), "unsure", np.round([p.unsure for p in pictures], 3).tolist())
    for what in ("chord", "thickness"):
        values = np.array([getattr(p, what) for p in pictures])
        print(f"ln {what} said / true: median", np.nanmedian(values, axis=0).round(3), "sd", np.nanstd(values, axis=0).round(3))
    held = []
    for j, p in enumerate(pictures):
        others = Check(names, tuple(q for i, q in enumerate(pictures) if i != j))
        matrix, reach = others.correction(), others.reach_at(p.said)
        if reach is None:
            print("too few pictures for intervals")
            return
        said = np.clip(p.said if matrix is None else matrix @ p.said, 0, 1)
        held.append(np.abs(said - p.true) <= reach)
        cells = [f"{100 * t:.1f}: {100 * s:.1f} ± {100 * r:.1f}" for t, s, r in zip(p.true, said, reach, strict=True)]
        print(f"{p.name}: " + ", ".join(cells))
    errors = np.array([p.said - p.true for p in pictures])
    print("fraction said - true: mean", (100 * errors.mean(0)).round(2), "rms", (100 * np.sqrt((errors**2).mean(0))).round(2))
    print("corrected:", check.correction() is not None, "; holds, % of pictures:", (100 * np.mean(held, axis=0)).round(0).tolist())


def picture(path: Path) -> None:
    """A rendered three-phase texture, measured and drawn."""
    from nanogauge.core.scale import Scale
    from nanogauge.phases import phase_figures
    from nanogauge.phases.drawing import overlay, phases_png

    rng = np.random.default_rng(6)
    t = level_sets(rng, (480, 640), 10.0, (0.55, 0.33, 0.12))
    grey = (np.array([95, 150, 40])[t.phases] + rng.normal(0, 9, t.phases.shape)).clip(0, 255).astype(np.uint8)
    m = PhaseMap(name="mudrock", phases=t.phases, names=("clay", "silt", "pore"), scale=Scale((8.0, 8.0), 0.01, "user"))
    f = phase_figures([m])
    path.write_bytes(phases_png(f, overlay(grey, m, (0, 0, *m.phases.shape))))


def main(argv: list[str]) -> None:
    """What stands at the top of this file."""
    what, *rest = argv or ["textures"]
    if what == "textures":
        textures(int(rest[0]) if rest else 100, " ".join(rest[1:]))
    elif what == "network":
        network(int(rest[0]) if rest else 100)
    elif what == "picture":
        picture(Path(rest[0]))
    elif what == "real":
        real(rest[0], Path(rest[1]), Path(rest[2]) if len(rest) > 2 else None)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
