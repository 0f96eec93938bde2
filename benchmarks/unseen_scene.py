"""What the drawn pictures of benchmarks/drawn_unseen.py are made of: patches of a frame, particles with exact truth, noise.

A particle's truth is the outline that a careful person would draw: in projection all of it, on a surface what can be seen of it.
Of less than half a particle nobody can say much; it is kept apart, neither required nor held against who finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, find_objects, gaussian_filter
from scipy.ndimage import label as pieces

Field = NDArray[np.float64]
Mask = NDArray[np.bool_]
Shape = tuple[int, int]
Random = np.random.Generator


@dataclass
class Particle:
    """The pixels of a particle within the frame: the upper left corner of a patch, and its mask there."""

    y: int
    x: int
    mask: Mask
    cut: bool  # by the frame

    @property
    def diameter(self) -> float:
        return float(np.sqrt(4 / np.pi * self.mask.sum()))

    @property
    def here(self) -> tuple[slice, slice]:
        h, w = self.mask.shape
        return slice(self.y, self.y + h), slice(self.x, self.x + w)


@dataclass
class Scene:
    """A picture in the making: grey levels 0..255, its particles, and those so hidden that nobody has to find them."""

    grey: Field
    particles: list[Particle] = field(default_factory=list)
    hidden: list[Particle] = field(default_factory=list)

    def ignored(self) -> Mask:
        """Where only hidden ones lie."""
        out = np.zeros(self.grey.shape, bool)
        for p in self.hidden:
            out[p.here] |= p.mask
        for p in self.particles:
            out[p.here] &= ~p.mask
        return out

    def labels(self) -> NDArray[np.int32]:
        """Where outlines overlap in projection, the later one lies on top."""
        out = np.zeros(self.grey.shape, np.int32)
        for k, p in enumerate(self.particles, 1):
            out[p.here][p.mask] = k
        return out


def frame(rng: Random) -> Shape:
    return ((512, 512), (512, 768), (640, 896), (768, 1024), (1024, 1024))[int(rng.integers(5))]


def patch(y: float, x: float, reach: float) -> tuple[int, int, Field, Field]:
    """The corner of a square patch around (y, x) and each pixel's offset from it, whether or not it lies in the frame."""
    y0, x0, n = int(y - reach) - 2, int(x - reach) - 2, int(2 * reach) + 6
    v, u = np.mgrid[0:n, 0:n].astype(float)
    return y0, x0, v + y0 - y, u + x0 - x


def crop(y0: int, x0: int, size: Shape, shape: Shape) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch lies in the frame, and which part of the patch that is."""
    a, b = max(y0, 0), max(x0, 0)
    c, d = max(min(y0 + size[0], shape[0]), a), max(min(x0 + size[1], shape[1]), b)
    return (slice(a, c), slice(b, d)), (slice(a - y0, c - y0), slice(b - x0, d - x0))


def on_the_frame(mask: Mask, y: int, x: int, shape: Shape) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)) + y, np.flatnonzero(mask.any(0)) + x
    return bool(rows[0] == 0 or columns[0] == 0 or rows[-1] == shape[0] - 1 or columns[-1] == shape[1] - 1)


def seen_from_above(owner: NDArray[np.int32], areas: list[int]) -> tuple[list[Particle], list[Particle]]:
    """Particles, and hidden ones, of a map of who is seen where (from 1) and the areas they would have if nothing hid them.

    A particle is its largest visible piece, with what lies on it; less than half of it, or a lesser piece, is hidden."""
    particles, hidden = [], []
    for k, box in enumerate(find_objects(owner), 1):
        if box is None:
            continue
        mask, (y, x) = owner[box] == k, (box[0].start, box[1].start)
        named, _ = pieces(mask)
        largest = named == np.bincount(named.ravel())[1:].argmax() + 1
        if largest.sum() >= 0.5 * areas[k - 1]:
            mask &= ~largest
            largest = binary_fill_holes(largest)
            particles.append(Particle(y, x, largest, on_the_frame(largest, y, x, owner.shape)))
        if mask.any():
            hidden.append(Particle(y, x, mask, on_the_frame(mask, y, x, owner.shape)))
    return particles, hidden


def seen_in_projection(outlines: list[tuple[int, int, Mask]], shape: Shape) -> tuple[list[Particle], list[Particle]]:
    """Particles, and hidden ones, of whole outlines that may overlap. Hidden: less than half in the frame and free of others."""
    cover = np.zeros(shape, np.int32)
    parts = [(crop(y, x, mask.shape, shape), mask) for y, x, mask in outlines]
    for (here, there), mask in parts:
        cover[here] += mask[there]
    particles, hidden = [], []
    for (here, there), mask in parts:
        part = mask[there]
        if part.any():
            y, x = here[0].start, here[1].start
            free = (part & (cover[here] == 1)).sum() >= 0.5 * mask.sum()
            (particles if free else hidden).append(Particle(y, x, part, on_the_frame(part, y, x, shape)))
    return particles, hidden


def scatter(
    rng: Random, shape: Shape, radii: Field, gap: float, taken: list[tuple[float, float, float]]
) -> list[tuple[float, float, float]]:
    """Places (y, x, r) in the frame and a little beyond, apart from each other and from those taken; misses are left out."""
    out: list[tuple[float, float, float]] = []
    for r in radii:
        for _ in range(80):
            y, x = rng.uniform(-r, shape[0] + r), rng.uniform(-r, shape[1] + r)
            others = np.array(taken + out).reshape(-1, 3)
            if (np.hypot(others[:, 0] - y, others[:, 1] - x) > others[:, 2] + r + gap).all():
                out.append((float(y), float(x), float(r)))
                break
    return out


def mottle(rng: Random, shape: Shape, fine: float, coarse: float | None = None) -> Field:
    """Noise of unit strength, blurred; without what is longer than `coarse`, as the amorphous film of a transmission picture."""
    white = rng.normal(size=shape)
    out = gaussian_filter(white, fine)
    if coarse is not None:
        out -= gaussian_filter(white, coarse)
    return np.asarray(out / out.std(), np.float64)


def exposed(rng: Random, grey: Field, blur: float, noise: float) -> Field:
    """Blurred, with counting noise of `noise` grey levels where the level is 128."""
    gain = 128 / noise**2
    return np.asarray(rng.poisson(np.maximum(gaussian_filter(grey, blur), 0.5) * gain) / gain, np.float64)
