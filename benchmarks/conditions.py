"""The same micrographs under other conditions: noise, blur, zoom, tone. Measured as before, or with a warning?

    python benchmarks/conditions.py data/emps:data/emps/val.txt data/silica:data/silica/measure.txt [--every 1] [--only "noise 0.2"]

What is found as it is (F1@0.5 of 0.8 and more against the labels) is measured again after each change. Right: F1@0.5 is still 0.8
and more, and the mean diameter within a tenth of what it was: of sizes the program is its own standard, so it does not matter where
people draw edges. Otherwise wrong: with a warning that the picture as it was did not bear, with one that it bore already, or
silently.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from intervals import pictures
from numpy.typing import NDArray

import nanogauge
from nanogauge.training.evaluate import score_image

U8 = NDArray[np.uint8]
Grey = NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    change: Callable[[Grey, np.random.Generator], Grey]  # of grey levels, 0 to 1
    zoom: float = 1.0


def _noise(sigma: float, px: float = 0.0) -> Condition:
    def change(x: Grey, rng: np.random.Generator) -> Grey:
        noise = rng.normal(size=x.shape)
        if px:
            noise = cv2.GaussianBlur(noise, (0, 0), px)
            noise /= noise.std()
        low, high = np.percentile(x, [2, 98])
        return x * 0.6 + 0.2 + sigma * (high - low) * 0.6 * noise

    return Condition(change)


def _shaded(x: Grey, rng: np.random.Generator) -> Grey:
    angle = rng.uniform(0, 2 * np.pi)
    down, across = np.meshgrid(np.linspace(-1, 1, x.shape[0]), np.linspace(-1, 1, x.shape[1]), indexing="ij")
    return np.asarray(x * 0.6 + 0.2 + 0.2 * (np.sin(angle) * down + np.cos(angle) * across))


def _charging(x: Grey, rng: np.random.Generator) -> Grey:
    """Lines of other brightness, as the beam's current or the surface's charge wander."""
    wandering = np.cumsum(rng.normal(size=x.shape[0]))
    lines = 0.06 * (wandering - wandering.mean()) / wandering.std() + rng.normal(0, 0.03, x.shape[0])
    return np.asarray(x * 0.7 + 0.15 + lines[:, None])


def _clipped(x: Grey, rng: np.random.Generator) -> Grey:
    """The darkest tenth black, the brightest tenth white."""
    low, high = np.percentile(x, [10, 90])
    return np.asarray((x - low) / max(high - low, 1 / 255))


def _jitter(x: Grey, rng: np.random.Generator) -> Grey:
    """Lines that begin a little early or late, by 1 px (standard deviation): vibration and stray fields."""
    across = np.arange(x.shape[1], dtype=np.float64)
    return np.stack([np.interp(across + d, across, row) for d, row in zip(rng.normal(0, 1, x.shape[0]), x, strict=True)])


def _jpeg(quality: int) -> Condition:
    def change(x: Grey, rng: np.random.Generator) -> Grey:
        _, code = cv2.imencode(".jpg", _grey(x), [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE) / 255

    return Condition(change)


def _grey(x: Grey) -> U8:
    return np.asarray(np.clip(np.round(x * 255), 0, 255), np.uint8)


CONDITIONS: dict[str, Condition] = {
    "noise 0.1": _noise(0.1),
    "noise 0.2": _noise(0.2),
    "noise 0.4": _noise(0.4),
    "coarse noise 0.15": _noise(0.15, 1.2),
    "blur 1.5 px": Condition(lambda x, rng: cv2.GaussianBlur(x, (0, 0), 1.5)),
    "blur 3 px": Condition(lambda x, rng: cv2.GaussianBlur(x, (0, 0), 3)),
    "twice as large": Condition(lambda x, rng: x, 2.0),
    "half as large": Condition(lambda x, rng: x, 0.5),
    "gamma 0.5": Condition(lambda x, rng: x**0.5),
    "gamma 2": Condition(lambda x, rng: x**2),
    "faint, 24 grey levels": Condition(lambda x, rng: 0.5 + (x - 0.5) * 24 / 255),
    "clipped at both ends": Condition(_clipped),
    "tone reversed": Condition(lambda x, rng: 1 - x),
    "shaded": Condition(_shaded),
    "charging": Condition(_charging),
    "jitter of lines": Condition(_jitter),
    "JPEG 15": _jpeg(15),
    "on its side": Condition(lambda x, rng: np.rot90(x).copy()),
}


@dataclass(frozen=True)
class Measured:
    f1: float
    mean_px: float
    found: int
    codes: frozenset[str]  # of the warnings

    def off(self, usual_px: float) -> bool:
        return not (self.f1 >= 0.8 and abs(self.mean_px / usual_px - 1) < 0.1)


def measured(grey: U8, labels: NDArray[np.integer[Any]], zoom: float) -> Measured:
    m = nanogauge.measure(grey, scale="1 nm/px")
    diameters = m.particles["equivalent_diameter_px"] / zoom
    codes = {w.code for w in m.remarks} | ({m.status} if m.status != "ok" else set())
    f1 = score_image(m.labels, labels).f50
    return Measured(f1, float(diameters.mean()) if len(diameters) else float("nan"), m.n_particles, frozenset(codes))


def changed(x: Grey, labels: NDArray[np.integer[Any]], name: str, stem: str) -> tuple[U8, NDArray[np.integer[Any]]]:
    c = CONDITIONS[name]
    if c.zoom != 1:
        size = (round(x.shape[1] * c.zoom), round(x.shape[0] * c.zoom))
        x = np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_CUBIC if c.zoom > 1 else cv2.INTER_AREA))
        labels = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    out = c.change(np.clip(x, 0, 1), np.random.default_rng([1, zlib.crc32(f"{stem} {name}".encode())]))
    return _grey(out), np.rot90(labels) if name == "on its side" else labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="FOLDER[:IDS]")
    parser.add_argument("--every", type=int, default=1, help="micrographs of each set: every so many")
    parser.add_argument("--only", nargs="*", choices=list(CONDITIONS), default=list(CONDITIONS), metavar="CONDITION")
    parser.add_argument("-v", action="store_true", help="a line for each that is wrong")
    options = parser.parse_args()
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in options.only}
    n = left_out = 0
    seen: Counter[str] = Counter()
    for of, stem, grey, labels, _ in pictures(argparse.Namespace(sets=options.sets, rendered=0)):
        seen[of] += 1
        if (seen[of] - 1) % options.every:
            continue
        usual = measured(grey, labels, 1.0)
        if usual.off(usual.mean_px):
            left_out += 1
            continue
        n += 1
        for name in options.only:
            now = measured(*changed(grey / 255.0, labels, name, stem), CONDITIONS[name].zoom)
            new = now.codes - usual.codes
            verdict = "right" if not now.off(usual.mean_px) else "warned" if new else "bore it" if now.codes else "silent"
            verdicts[name][verdict] += 1
            if options.v and verdict != "right":
                mean = f"mean {now.mean_px / usual.mean_px - 1:+.0%}"
                change = f"F1@0.5 {usual.f1:.2f} -> {now.f1:.2f}, {mean}, {usual.found} -> {now.found}"
                print(f"    {name}: {stem} {verdict}: {change}; {', '.join(sorted(now.codes))}", flush=True)
    print(f"{n} micrographs, {left_out} left out: not found well enough as they are")
    print(f"{'condition':24} right  wrong, warned anew  wrong, warned as before  silently wrong")
    for name, v in [*verdicts.items(), ("all", sum(verdicts.values(), Counter()))]:
        print(f"{name:24} {v['right']:5} {v['warned']:19} {v['bore it']:24} {v['silent']:15}")


if __name__ == "__main__":
    main()
