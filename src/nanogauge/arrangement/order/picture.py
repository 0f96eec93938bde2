"""The order that a picture shows without its particles being found: `order_of_picture`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ..window import Window
from .grains import Grains, Graph, find_grains
from .lattice import LatticeConstant
from .map import CELL
from .neighbours import Bools, Floats, Ints
from .symmetry import FOLD, Complex, Lattice

_SHARP = 4.5  # how far the ring stands out of the spectrum beside it, from which there is a lattice
_FIRST = 0.6  # of the highest, on a logarithmic scale, from which a coarser ring is the first order
_RING: dict[Lattice, float] = {"hexagonal": 2 / math.sqrt(3), "square": 1.0}  # first wave number times the lattice constant
_LEAST_PERIODS = 8.0  # of the lattice in the frame
_WAVES = 45  # directions of plane waves over a half turn
_WIDE = 1.0  # spacings: standard deviation of the window in which a wave is looked for
_NODES = 2  # of the maps, a spacing, along each axis
_COARSE = 2  # nodes from one place of the graph of grains to the next
_MARGIN = 3.0  # spacings of nothing round the picture, so that its opposite sides do not meet
_POWER_PX = 1.0  # spacings over which power is averaged
_FLOOR = 0.2  # quantile over the directions that is noise
_EMPTY = 0.12  # of the usual power, below which there is no lattice at all
_HEART, _LEAST_HEART = 2.5, 40  # spacings from a grain's rim, and nodes
_REACH = 2.0  # spacings that a boundary may move when it is drawn finely


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """What the picture says; maps are (h, w) over the window.

    spacing: of the lattice, by the ring in the spectrum; grain: (h, w) numbers from 1, 0 for none
    void: (h, w) where no lattice is; sharpness: how far the ring stands out of the spectrum beside it
    """

    window: Window
    spacing: float
    lattice: Lattice
    psi: Complex
    grains: Grains
    grain: Ints
    constant: LatticeConstant
    void: Bools
    sharpness: float

    @property
    def fold(self) -> int:
        """Of the lattice: 6 or 4."""
        return FOLD[self.lattice]

    @property
    def cell_area(self) -> float:
        """Of a cell of the maps."""
        return self.window.area / self.grain.size

    def areas(self) -> Floats:
        """(g + 1,) area of each grain, entry 0 what belongs to none; voids left out."""
        return np.asarray(np.bincount(self.grain[~self.void], minlength=self.grains.n + 1) * self.cell_area, np.float64)


@dataclass(frozen=True, slots=True)
class Ring:
    """The first ring of a spectrum. wave_number: cycles a unit; sharpness: its height over that of the spectrum beside it."""

    wave_number: float
    sharpness: float


def find_ring(pixels: NDArray[Any], pitch: tuple[float, float] = (1.0, 1.0)) -> Ring | None:
    """The ring that a lattice leaves in the spectrum of a picture (h, w) whose pixels are `pitch` high and wide.

    None where none stands out by `_SHARP`: the picture shows no lattice, or its period is under two pixels or over an eighth of
    the frame.
    """
    grey = np.asarray(pixels, np.float32)
    h, w = grey.shape
    if min(h, w) < 32:
        return None
    grey = (grey - grey.mean()) * np.hanning(h)[:, None].astype(np.float32) * np.hanning(w).astype(np.float32)
    power = np.abs(fft.rfft2(grey)) ** 2
    k = np.hypot(fft.fftfreq(h)[:, None] / pitch[0], fft.rfftfreq(w)[None] / pitch[1])
    step = 1 / min(h * pitch[0], w * pitch[1])
    which = np.round(k / step).astype(np.int64).ravel()
    last = int(0.5 / max(pitch) / step)
    count = np.bincount(which)[: last + 1]
    mean = np.bincount(which, weights=power.ravel())[: last + 1] / np.maximum(count, 1)
    first = math.ceil(_LEAST_PERIODS)
    if last < first + 8:
        return None
    level = np.log(np.maximum(mean, max(1e-12 * float(mean.max()), 1e-30)))
    at = np.log(np.arange(1, last + 1))
    grid = np.linspace(at[0], at[-1], 4 * last)  # evenly in ln k: a ring is as wide everywhere
    even = np.interp(grid, at, ndimage.gaussian_filter1d(level[1:], 1.0))
    half = max(int(0.35 / (grid[1] - grid[0])), 3)
    ground = ndimage.percentile_filter(even, 35, size=2 * half + 1)
    stands = even - ndimage.gaussian_filter1d(ground, half / 2)
    good = grid >= math.log(first)
    peaks = np.flatnonzero(good[1:-1] & (stands[1:-1] >= stands[:-2]) & (stands[1:-1] > stands[2:])) + 1
    peaks = peaks[stands[peaks] > math.log(_SHARP)]
    if not peaks.size:
        return None
    best = next(p for p in peaks if stands[p] > _FIRST * stands[peaks].max())  # higher orders may stand out more
    peak = round(math.exp(grid[best]))
    near = np.arange(max(peak - 2, 1), min(peak + 3, last + 1))
    weight = np.maximum(mean[near] - 0.5 * mean[near].max(), 0)
    return Ring(float((near * weight).sum() / weight.sum()) * step, float(math.exp(stands[best])))


def order_of_picture(
    pixels: NDArray[Any],
    *,
    pitch: tuple[float, float] = (1.0, 1.0),
    lattice: Lattice | None = None,
    least_turn_deg: float = 4.0,
    least_grain: int = 10,
) -> PictureOrder | None:
    """Lattice, grains and their directions from the picture itself, for particles too small or too many to be outlined.

    Parameters
    ----------
    pixels : (h, w) array
        Grey levels, the data bar cut off.
    pitch : (float, float)
        Height and width of a pixel, in the unit of all lengths.
    lattice, least_turn_deg, least_grain
        As `order_of_particles` takes them; a grain of so many particles covers so many cells of the lattice.

    Returns
    -------
    PictureOrder or None
        None where the spectrum shows no ring: there is no lattice to be seen.

    Notes
    -----
    Plane waves of the ring's wave number in 45 directions are looked for in a Gaussian window of one spacing (Gabor filters),
    each taken from a patch of the spectrum. The power P over the direction θ gives ψ = Σ P exp(i fold θ) / Σ P at each place, as
    bonds do round a particle; grains follow as from particles, and each boundary is drawn where the waves of the two grains are as
    strong. The lattice constant is from the phase of a grain's waves from place to place, which is exact to a small part of the
    width of the ring (geometric phase analysis, Hÿtch et al., Ultramicroscopy 74 (1998) 131). Paruchuri et al.
    (arXiv:2501.04172, 2025) find grains in tiles by the Radon transform, whose power over the direction is the same.
    """
    ring = find_ring(pixels, pitch)
    if ring is None:
        return None
    window = Window(0.0, 0.0, pixels.shape[0] * pitch[0], pixels.shape[1] * pitch[1])
    period = 1 / ring.wave_number
    spacing = period * 2 / math.sqrt(3)  # of both lattices nearly, for windows and margins
    waves, angle, centres, step = _waves(pixels, pitch, ring.wave_number, spacing)
    sigma = _POWER_PX * spacing / np.array(step)
    power = np.stack([ndimage.gaussian_filter(np.abs(w) ** 2, sigma) for w in waves])
    power = np.maximum(power - np.quantile(power[::3], _FLOOR, axis=0), 0)
    total = power.sum(axis=0)
    void = total < _EMPTY * np.median(total)
    psi4, psi6 = (_moment(power, total, angle, fold) for fold in (4, 6))
    kind: Lattice = lattice or ("square" if np.abs(psi4).mean() > np.abs(psi6).mean() else "hexagonal")
    fold, psi = FOLD[kind], psi6 if kind == "hexagonal" else psi4
    spacing = period * _RING[kind]
    coarse = np.where(void, 0, psi)[::_COARSE, ::_COARSE]
    places = least_grain * CELL[kind] * spacing**2 / (step[0] * step[1] * _COARSE**2)
    graph = _grid(coarse.shape)
    limits: dict[str, Any] = {"least_turn_deg": least_turn_deg, "least": max(round(places), 4), "smoothings": 0}
    found = find_grains(graph, _sharpened(coarse).ravel(), fold, **limits)
    grain = _drawn(found, coarse.shape, power, angle, fold, _REACH * spacing / np.array(step))
    grain[void] = 0
    constant, direction, error = _constants(waves, angle, centres, grain, found, fold, step, kind)
    grains = Grains(found.grain, direction, error, found.ordered, found.noise_deg)
    return PictureOrder(window, spacing, kind, psi, grains, grain, constant, np.asarray(void, bool), ring.sharpness)


def _waves(
    pixels: NDArray[Any], pitch: tuple[float, float], k: float, spacing: float
) -> tuple[list[NDArray[np.complex64]], Floats, Floats, tuple[float, float]]:
    """Amplitudes (h, w) of plane waves of wave number k, by direction; the directions in degrees from the x axis; the wave vectors
    (m, 2) y, x over which the amplitudes' phases are, which are whole steps of the spectrum; and from node to node."""
    grey = np.asarray(pixels, np.float32)
    wide = [2 * spacing / p for p in pitch]
    grey = np.asarray(
        grey - cv2.GaussianBlur(grey, (0, 0), sigmaX=wide[1], sigmaY=wide[0], borderType=cv2.BORDER_REFLECT), np.float32
    )
    contrast = np.sqrt(cv2.GaussianBlur(grey**2, (0, 0), sigmaX=2 * wide[1], sigmaY=2 * wide[0], borderType=cv2.BORDER_REFLECT))
    least = np.float32(0.2 * float(np.median(contrast)) + 1e-6)
    grey = np.asarray(grey / np.maximum(contrast, least), np.float32)  # grains in shadow count as those in light
    shape = grey.shape
    full = [fft.next_fast_len(math.ceil(n + 2 * _MARGIN * spacing / p), real=True) for n, p in zip(shape, pitch, strict=True)]
    spectrum = np.asarray(fft.fft2(grey, s=full), np.complex64)
    nodes = [fft.next_fast_len(math.ceil(n * p / spacing * _NODES)) for n, p in zip(full, pitch, strict=True)]
    nodes = [min(m, n) for m, n in zip(nodes, full, strict=True)]
    keep = [max(round(n / f * m), 2) for n, f, m in zip(shape, full, nodes, strict=True)]
    f = [fft.fftfreq(m, 1 / m) for m in nodes]  # whole steps of the spectrum
    sigma = 1 / (2 * math.pi * _WIDE * spacing)
    angles = np.asarray(180 / _WAVES * np.arange(_WAVES), np.float64)
    waves, centres = [], []
    for angle in np.deg2rad(angles):
        centre = -k * math.sin(angle), k * math.cos(angle)
        middle = [round(c * n * p) for c, n, p in zip(centre, full, pitch, strict=True)]
        rows, columns = ((m + f[i]).astype(np.int64) % full[i] for i, m in enumerate(middle))
        off = [(middle[i] + f[i]) / (full[i] * pitch[i]) - centre[i] for i in (0, 1)]
        gauss = np.exp(-(off[0][:, None] ** 2 + off[1][None] ** 2) / (2 * sigma**2)).astype(np.float32)
        waves.append(np.asarray(fft.ifft2(spectrum[np.ix_(rows, columns)] * gauss), np.complex64)[: keep[0], : keep[1]])
        centres.append([m / (n * p) for m, n, p in zip(middle, full, pitch, strict=True)])
    step = float(full[0] * pitch[0] / nodes[0]), float(full[1] * pitch[1] / nodes[1])
    return waves, angles, np.array(centres, np.float64), step


def _moment(power: NDArray[np.float32], total: NDArray[np.float32], angle: Floats, fold: int) -> Complex:
    phase = np.exp(1j * fold * np.deg2rad(angle)).astype(np.complex64)
    turned = 1.0 if fold == 4 else -1.0  # the first waves of a hexagonal lattice run across its rows
    return np.asarray(turned * np.tensordot(phase, power, axes=1) / np.maximum(total, 1e-12), np.complex128)


def _sharpened(psi: Complex) -> Complex:
    """ψ of waves is smaller than that of bonds, as each has a width: raised, so that the best is 1."""
    best = float(np.quantile(np.abs(psi), 0.9))
    return psi / max(best, 1e-9) * np.minimum(1.0, max(best, 1e-9) / np.maximum(np.abs(psi), 1e-9))


def _grid(shape: tuple[int, ...]) -> Graph:
    index = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    return Graph(index.size, first, second, np.ones(len(first)))


def _drawn(found: Grains, shape: tuple[int, ...], power: NDArray[np.float32], angle: Floats, fold: int, reach: Floats) -> Ints:
    """(h, w) grains: each place goes to that of those near it whose waves are the strongest."""
    h, w = power.shape[1:]
    rows, columns = (np.minimum(np.arange(n) // _COARSE, m - 1) for n, m in zip((h, w), shape, strict=True))
    rough = found.grain.reshape(shape)[np.ix_(rows, columns)]
    best, out = np.zeros((h, w), np.float32), np.zeros((h, w), np.int64)
    pad = np.ceil(reach).astype(int)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(pad[1]) + 1, 2 * int(pad[0]) + 1))
    for g, box in enumerate(ndimage.find_objects(rough.astype(np.int32), max_label=found.n), start=1):
        if box is None:
            continue
        y, x = (slice(max(s.start - p, 0), s.stop + p) for s, p in zip(box, pad.tolist(), strict=True))
        may = cv2.dilate((rough[y, x] == g).astype(np.uint8), kernel) > 0
        ways = [_wave_direction(found.direction_deg[g - 1], fold, k) for k in range(fold // 2)]
        score = np.sum([_power_at(power[:, y, x], angle, way) for way in ways], axis=0)
        better = may & (score > best[y, x])
        best[y, x][better] = score[better]
        out[y, x][better] = g
    return out


def _wave_direction(direction_deg: float, fold: int, k: int) -> float:
    """Of the k-th wave of a lattice of that direction."""
    return float(direction_deg) + (30.0 if fold == 6 else 0.0) + 360 / fold * k


def _power_at(power: NDArray[np.float32], angle: Floats, direction_deg: float) -> NDArray[np.float32]:
    """(h, w) power in a direction, between the waves looked for."""
    place = direction_deg % 180 / (angle[1] - angle[0])
    low = int(place)
    part = np.float32(place - low)
    return np.asarray(power[low % len(angle)] * (1 - part) + power[(low + 1) % len(angle)] * part, np.float32)


def _constants(
    waves: list[NDArray[np.complex64]],
    angle: Floats,
    centres: Floats,
    grain: Ints,
    found: Grains,
    fold: int,
    step: tuple[float, float],
    lattice: Lattice,
) -> tuple[LatticeConstant, Floats, Floats]:
    """The lattice constant over all grains, and each grain's direction with its standard error, by the phases of its waves."""
    boxes = ndimage.find_objects(grain.astype(np.int32), max_label=found.n)
    each, size = np.full(found.n, np.nan), np.zeros(found.n)
    direction, error = found.direction_deg.copy(), found.error_deg.copy()
    scatter = np.full(found.n, np.nan)
    for g, box in enumerate(boxes):
        if box is None:
            continue
        inner = _heart(grain[box] == g + 1)
        lengths, turns = [], []
        for j in range(fold // 2):
            wanted = _wave_direction(found.direction_deg[g], fold, j)
            which = round(wanted % 180 / (angle[1] - angle[0])) % len(angle)
            ky, kx = _wave_vector(waves[which][box], inner, centres[which], step)
            lengths.append(math.hypot(ky, kx))
            turns.append((math.degrees(math.atan2(-ky, kx)) - wanted + 90) % 180 - 90)
        size[g] = inner.sum() * step[0] * step[1]
        each[g] = _RING[lattice] / float(np.mean(lengths))
        direction[g] = (found.direction_deg[g] + float(np.mean(turns)) + 180 / fold) % (360 / fold) - 180 / fold
        error[g] = float(np.std(turns, ddof=1)) / math.sqrt(len(turns)) if len(turns) > 1 else math.nan
        scatter[g] = float(np.std(lengths, ddof=1)) / float(np.mean(lengths)) / math.sqrt(len(lengths))
    known = np.isfinite(each)
    if not known.any():
        return LatticeConstant(math.nan, math.nan, 0, each, math.nan), direction, error
    weight = size[known] / size[known].sum()
    value = float((weight * each[known]).sum())
    standard_error = value * math.sqrt(float((weight**2 * scatter[known] ** 2).sum()))
    effective = 1 / float((weight**2).sum())
    if known.sum() >= 3 and effective > 1:
        between = math.sqrt(float((weight * (each[known] - value) ** 2).sum()) / (effective - 1))
        standard_error = max(standard_error, between)
    return LatticeConstant(value, standard_error, int(known.sum()), each, math.nan), direction, error


def _heart(own: Bools) -> Bools:
    """What of a grain is far from others, whose waves are of the same length in another direction: on average they are shorter."""
    depth = cv2.distanceTransform(np.pad(own.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    for far in (_HEART * _NODES, _HEART * _NODES / 2):
        inner = depth > far
        if inner.sum() >= _LEAST_HEART:
            return np.asarray(inner, bool)
    return own


def _wave_vector(wave: NDArray[np.complex64], inner: Bools, centre: Floats, step: tuple[float, float]) -> tuple[float, float]:
    """The wave vector (y, x) of what a wave over `centre` shows, by the advance of its phase from node to node."""
    found = []
    for axis in (0, 1):
        a, b = (wave[:-1], wave[1:]) if axis == 0 else (wave[:, :-1], wave[:, 1:])
        both = inner[:-1] & inner[1:] if axis == 0 else inner[:, :-1] & inner[:, 1:]
        advance = complex((np.conj(a[both]) * b[both]).sum())
        found.append(float(centre[axis]) + math.atan2(advance.imag, advance.real) / (2 * math.pi * step[axis]))
    return found[0], found[1]
