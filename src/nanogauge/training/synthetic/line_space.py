"""Lines and spaces of a resist as a scanning electron microscope shows them, with defects, and the exact truth of both.

Edges are random curves of a given spectrum (Palasantzas, Phys. Rev. B 48 (1993) 14472; drawn as by Mack, Appl. Opt. 52 (2013)
1472). The pattern is a level set, positive in the resist, so that bridges are unions, breaks are cuts and edges lie between the
pixels. What is seen of it follows the analytical linescan of Mack and Bunday (Proc. SPIE 9424 (2015) 94240F): plain levels on line
and space, and at each edge an excess of electrons that dies away into the line; then beam, dose and detector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from ...arrangement.lines.spectrum import k_correlation

Kind = Literal["bridge", "micro_bridge", "break", "gap", "collapse"]
DEFECT_KINDS: tuple[Kind, ...] = ("bridge", "micro_bridge", "break", "gap", "collapse")
"""In the order of their numbers in a map of classes, which begin with 1."""
Floats = NDArray[np.float64]
F32 = NDArray[np.float32]

MARGIN = 0.12
"""Pitches by which the region of a defect reaches beyond what is wrong, as people draw it."""
_FINE = 2  # px of the drawing a px of the picture, along each axis
_SIGNAL_AT_WHITE = 1.0
_TRAIL_PX = 25.0  # over which the charge behind an edge dies away along the scan


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One defect.

    line: which line, or the left one of the two it joins; counted from the one at the middle of the picture, 0
    at_nm: where along the line, from the middle of the picture
    length_nm: how far it reaches along the line
    strength: of a micro-bridge, its height over the line's; of a gap, the share of the width that is lost; else 1
    """

    kind: Kind
    line: int
    at_nm: float
    length_nm: float
    strength: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LineSpace:
    """A line–space pattern and the microscope that looks at it. Lengths in nm, signals as shares of full white.

    cd_nm: width of the lines; the duty is cd_nm / pitch_nm
    angle_deg: of the lines from the vertical, positive to the right going down; 90 is horizontal
    sigma_nm, correlation_nm, hurst: of the roughness of a single edge: standard deviation, correlation length, Hurst exponent
    edge_correlation: of the two edges of a line, 1 where they move together (the width is then constant), 0 where each by itself
    line, space, edge: signal on top of lines, in spaces, and what edges have in addition
    edge_nm: over which that dies away into the line; it dies away twice as fast into the space
    asymmetry: of left edges over right ones, -1 to 1, as detectors to one side and charging make it
    charging: depth of the dark trail that bright edges leave along the scan, from left to right
    blur_nm: standard deviation of the beam
    dose: electrons counted a pixel at full white; detector: further noise, standard deviation, as a share of full white
    """

    shape: tuple[int, int] = (512, 512)
    nm_per_px: float = 1.0
    pitch_nm: float = 32.0
    cd_nm: float = 16.0
    angle_deg: float = 0.0
    offset_nm: float = 0.0
    sigma_nm: float = 0.8
    correlation_nm: float = 20.0
    hurst: float = 0.6
    edge_correlation: float = 0.1
    line: float = 0.40
    space: float = 0.20
    edge: float = 0.45
    edge_nm: float = 3.0
    asymmetry: float = 0.0
    charging: float = 0.0
    blur_nm: float = 1.5
    dose: float = 50.0
    detector: float = 0.02
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True)
class LineSpaceRendering:
    """A rendered pattern and what is true of it.

    pixels: (H, W) uint8
    class_map: (H, W) uint8, 0 where nothing is wrong, else 1 + the place of the kind in `DEFECT_KINDS`
    labels: (H, W) int32, number of the defect, from 1; kinds: of each label; boxes: (n, 4) of each as y0, x0, y1, x1, half-open
    edges_nm: (lines, 2, m) where left and right edges are, across the lines from the middle of the picture, each nm_per_px along
    lines whose every part between top and bottom lies in the picture; without defects
    """

    pattern: LineSpace
    pixels: NDArray[np.uint8]
    class_map: NDArray[np.uint8]
    labels: NDArray[np.int32]
    kinds: tuple[Kind, ...]
    boxes: NDArray[np.int64]
    edges_nm: Floats


def rough_edges(
    n: int,
    step: float,
    *,
    sigma: float,
    correlation: float,
    hurst: float,
    edge_correlation: float,
    lines: int,
    rng: np.random.Generator,
) -> Floats:
    """(lines, 2, n) displacements of left and right edges, `step` apart, with the spectrum of `k_correlation`.

    They are cut from curves four times as long and ten correlation lengths longer, so that their ends know nothing of each other.
    """
    length = fft.next_fast_len(math.ceil(4 * n + 10 * correlation / step), real=True)
    power = k_correlation(np.asarray(np.fft.rfftfreq(length, step), np.float64), sigma=sigma, correlation=correlation, hurst=hurst)
    amplitude = np.sqrt(power * length / step)
    white = rng.standard_normal((lines, 2, length // 2 + 1)) + 1j * rng.standard_normal((lines, 2, length // 2 + 1))
    white[..., 0] = white[..., 0].real * math.sqrt(2)
    curves = np.fft.irfft(white * amplitude / math.sqrt(2), length, axis=-1)[..., :n]
    own = math.sqrt(1 - edge_correlation**2)
    return np.asarray(np.stack([curves[:, 0], edge_correlation * curves[:, 0] + own * curves[:, 1]], axis=1), np.float64)


def render_line_space(pattern: LineSpace, seed: int | np.random.Generator = 0) -> LineSpaceRendering:
    """The pattern as a picture, with the truth; the same seed gives the same picture."""
    rng = np.random.default_rng(seed)
    p = pattern
    h, w = p.shape
    fine = p.nm_per_px / _FINE
    y, x = (((np.arange(n * _FINE) + 0.5) / _FINE - n / 2) * p.nm_per_px for n in p.shape)
    turn = math.radians(p.angle_deg)
    across = (x[None] * math.cos(turn) - y[:, None] * math.sin(turn)).astype(np.float32)
    along = (x[None] * math.sin(turn) + y[:, None] * math.cos(turn)).astype(np.float32)
    reach = math.ceil(math.hypot(h, w) / 2 * p.nm_per_px / p.pitch_nm) + 2
    half = math.ceil(math.hypot(h, w) / 2 * p.nm_per_px / fine) + 2
    at = np.asarray(np.arange(-half, half + 1) * fine, np.float64)
    edges = rough_edges(
        len(at), fine, sigma=p.sigma_nm, correlation=p.correlation_nm, hurst=p.hurst, edge_correlation=p.edge_correlation,
        lines=2 * reach + 1, rng=rng,
    )  # fmt: skip
    middles = p.offset_nm + np.arange(-reach, reach + 1) * p.pitch_nm
    edges += middles[:, None, None] + np.array([-0.5, 0.5])[:, None] * p.cd_nm
    straight = edges.copy()
    for d in p.defects:
        if d.kind == "collapse":
            _lean(edges, at, d, reach, p)
    level = _level(edges, across, along, at, p, reach)
    regions = np.zeros(p.shape, np.int32)
    height = np.ones_like(level)
    for number, d in enumerate(p.defects, start=1):
        level, height, wrong = _with(level, height, d, straight, edges, across, along, at, reach, p)
        regions[_coarse(wrong)] = number
    picture = _seen(level, height, p)
    pixels = _detected(picture, p, rng)
    kinds = tuple(d.kind for d in p.defects)
    numbers = np.array([0, *(1 + DEFECT_KINDS.index(k) for k in kinds)], np.uint8)
    whole = _whole(straight, at, p)
    return LineSpaceRendering(pattern, pixels, numbers[regions], regions, kinds, boxes_of(regions, len(kinds)), whole)


def boxes_of(labels: NDArray[np.integer[Any]], n: int) -> NDArray[np.int64]:
    """(n, 4) boxes y0, x0, y1, x1, half-open, of the labels 1 to n; zeros of one that is not there."""
    from scipy import ndimage

    found = ndimage.find_objects(labels, max_label=n)
    rows = [(0, 0, 0, 0) if b is None else (b[0].start, b[1].start, b[0].stop, b[1].stop) for b in found]
    return np.array(rows, np.int64).reshape(-1, 4)


def _bump(away: Any, length: float) -> Any:
    """1 over the middle half of a length, falling to 0 at its ends as a cosine."""
    t = np.clip((length / 2 - np.abs(away)) / (length / 4), 0, 1)
    return 0.5 - 0.5 * np.cos(math.pi * t)


def _lean(edges: Floats, at: Floats, d: Defect, reach: int, p: LineSpace) -> None:
    """Moves two lines towards each other until they touch."""
    k = d.line + reach
    space = np.maximum(edges[k + 1, 0] - edges[k, 1], 0)
    moved = 0.53 * space * _bump(at - d.at_nm, d.length_nm)
    edges[k] += moved
    edges[k + 1] -= moved


def _level(edges: Floats, across: F32, along: F32, at: Floats, p: LineSpace, reach: int) -> F32:
    """How far within a line each place is, nm; negative in spaces."""
    place = (along - np.float32(at[0])) / np.float32(at[1] - at[0])
    first = place.astype(np.int32)
    part = place - first
    nearest = np.clip(
        np.round((across - np.float32(p.offset_nm)) / np.float32(p.pitch_nm)).astype(np.int32) + reach, 1, 2 * reach - 1
    )
    table = edges.astype(np.float32)
    out = np.full(across.shape, -1e6, np.float32)
    for k in (0, -1, 1):  # lines may lean over; and a space is as deep as its nearer edge is far
        left, right = (_between(table[:, side], nearest + k, first, part) for side in (0, 1))
        np.maximum(out, np.minimum(across - left, right - across), out=out)
    return out


def _between(table: F32, line: Any, first: Any, part: F32) -> F32:
    here = table[line, first]
    return np.asarray(here + part * (table[line, first + 1] - here), np.float32)


def _with(
    level: F32,
    height: F32,
    d: Defect,
    straight: Floats,
    edges: Floats,
    across: F32,
    along: F32,
    at: Floats,
    reach: int,
    p: LineSpace,
) -> tuple[F32, F32, NDArray[np.bool_]]:
    """The level set and the heights with a defect, and the region that is its own."""
    k = d.line + reach
    grow = MARGIN * p.pitch_nm
    s = along - np.float32(d.at_nm)

    def edge(line: int, side: int, of: Floats = straight) -> F32:
        return np.asarray(np.interp(along, at, of[line, side]), np.float32)

    if d.kind in ("bridge", "micro_bridge"):
        left, right = edge(k, 1), edge(k + 1, 0)
        middle, half = (left + right) / 2, np.maximum((right - left) / 2, 1e-3)
        waist = 0.5 * d.length_nm * (1 + np.float32(0.25) * np.minimum(((across - middle) / half) ** 2, 2))  # wider at its roots
        inside = np.minimum(waist - np.abs(s), half + np.float32(0.3 * p.cd_nm) - np.abs(across - middle))
        added = (inside > 0) & (level < inside)
        if d.kind == "micro_bridge":
            height = np.where(added & (level < 0), np.float32(d.strength), height)
        wrong = (np.abs(s) < d.length_nm / 2 + grow) & (across > left - grow) & (across < right + grow)
        return np.maximum(level, inside), height, wrong
    if d.kind == "collapse":
        strongest = _bump(s, d.length_nm) > 0.25
        wrong = strongest & (across > edge(k, 0, edges) - grow / 2) & (across < edge(k + 1, 1, edges) + grow / 2)
        return level, height, wrong
    left, right = edge(k, 0), edge(k, 1)
    middle, half = (left + right) / 2, (right - left) / 2
    own = (across > left - grow) & (across < right + grow) & (np.abs(s) < d.length_nm / 2 + grow)
    near = np.abs(across - middle) < half + p.pitch_nm / 4
    if d.kind == "break":  # with round ends
        ends = np.abs(s) - 0.5 * d.length_nm - 0.35 * ((across - middle) / np.maximum(half, 1e-3)) ** 2 * half
        return np.where(near, np.minimum(level, ends), level).astype(np.float32), height, own
    lost = np.float32(d.strength) * half * _bump(s, 1.6 * d.length_nm).astype(np.float32)
    neck = half - lost - np.abs(across - middle)
    return np.where(near, np.minimum(level, neck), level).astype(np.float32), height, own


def _seen(level: F32, height: F32, p: LineSpace) -> F32:
    """(H, W) signal under the beam, before noise."""
    fine = np.float32(p.nm_per_px / _FINE)
    share = np.clip(level / fine + np.float32(0.5), 0, 1)
    edge: Any = np.float32(p.edge)
    if p.asymmetry:
        faces = cv2.Sobel(level, cv2.CV_32F, 1, 0, ksize=3, scale=1 / (8 * float(fine)))  # 1 at left edges, -1 at right ones
        edge = edge * (1 + np.float32(p.asymmetry) * np.clip(cv2.GaussianBlur(faces, (0, 0), 1.5), -1, 1))
    inside = np.float32(p.line) + edge * np.exp(np.maximum(level, 0) * np.float32(-1 / p.edge_nm))
    outside = np.float32(p.space) + np.float32(0.25) * edge * np.exp(np.minimum(level, 0) * np.float32(2 / p.edge_nm))
    outside = outside - np.float32(0.5 * p.space) * np.exp(np.minimum(level, 0) * np.float32(1 / (2 * p.edge_nm)))  # shielded
    picture = outside + share * (inside - outside)
    picture = picture + share * (height - 1) * (picture - np.float32(p.space))
    blur = p.blur_nm / float(fine)
    picture = cv2.GaussianBlur(picture, (0, 0), max(blur, 0.3), borderType=cv2.BORDER_REFLECT)
    h, w = p.shape
    picture = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
    if p.charging:
        keep = math.exp(-1 / _TRAIL_PX)
        excess = np.maximum(picture - np.float32(p.line), 0)
        trail = signal.lfilter([1 - keep], [1, -keep], excess, axis=1)
        picture = picture - np.float32(p.charging * 4) * np.asarray(trail, np.float32)
    return np.asarray(np.maximum(picture, 0.01), np.float32)


def _detected(picture: F32, p: LineSpace, rng: np.random.Generator) -> NDArray[np.uint8]:
    counted = rng.poisson(np.asarray(picture, np.float64) * p.dose) / p.dose
    counted = counted + p.detector * rng.standard_normal(picture.shape)
    white = max(float(picture.max()), _SIGNAL_AT_WHITE * 0.8)
    noise = math.sqrt(white / p.dose + p.detector**2)
    low, high = min(0.0, float(picture.min()) - 2.5 * noise), white + 2.5 * noise  # so that few pixels are clipped
    return np.asarray(np.round(255 * np.clip((counted - low) / (high - low), 0, 1)), np.uint8)


def _coarse(fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At the pixels of the picture: those half of which at least are within."""
    h, w = fine.shape[0] // _FINE, fine.shape[1] // _FINE
    return np.asarray(fine.reshape(h, _FINE, w, _FINE).mean((1, 3)) >= 0.5)


def _whole(edges: Floats, at: Floats, p: LineSpace) -> Floats:
    """The edges of lines that are in the picture from end to end, `nm_per_px` apart."""
    turn = math.radians(p.angle_deg)
    cosine, sine = abs(math.cos(turn)), abs(math.sin(turn))
    h, w = (n / 2 * p.nm_per_px for n in p.shape)
    upright = cosine > sine
    half_across, half_along = (
        (w * cosine - h * sine, h * cosine - w * sine) if upright else (h * sine - w * cosine, w * sine - h * cosine)
    )
    places = (np.arange(math.floor(2 * half_along / p.nm_per_px)) + 0.5) * p.nm_per_px - half_along
    inside = (edges[:, 0].min(axis=1) > -half_across) & (edges[:, 1].max(axis=1) < half_across)
    return np.array([[np.interp(places, at, e) for e in line] for line in edges[inside]]).reshape(-1, 2, len(places))


def random_line_space(
    rng: np.random.Generator, shape: tuple[int, int] = (256, 256), *, most_defects: int = 4, **fixed: Any
) -> LineSpace:
    """A pattern with defects, all drawn at random as a review microscope meets them; `fixed`: fields of `LineSpace` that are given.

    Pitches of 16 to 44 px, lines of 0.38 to 0.62 of it, within 4 degrees of the vertical, up to `most_defects` that lie apart.
    """
    px = rng.uniform(0.6, 1.6)
    pitch = px * math.exp(rng.uniform(math.log(16), math.log(44)))
    values: dict[str, Any] = {
        "shape": shape, "nm_per_px": px, "pitch_nm": pitch, "cd_nm": pitch * rng.uniform(0.38, 0.62),
        "angle_deg": float(np.clip(rng.normal(0, 1.5), -4, 4)), "offset_nm": rng.uniform(-0.5, 0.5) * pitch,
        "sigma_nm": pitch * rng.uniform(0.012, 0.04), "correlation_nm": pitch * rng.uniform(0.4, 1.2),
        "hurst": rng.uniform(0.4, 0.9), "edge_correlation": rng.uniform(-0.1, 0.5),
        "space": rng.uniform(0.08, 0.25), "edge": rng.uniform(0.2, 0.6),
        "edge_nm": pitch * rng.uniform(0.05, 0.14), "asymmetry": rng.normal(0, 0.15) if rng.random() < 0.5 else 0.0,
        "charging": rng.uniform(0, 0.15) if rng.random() < 0.3 else 0.0, "blur_nm": px * rng.uniform(0.7, 1.8),
        "dose": math.exp(rng.uniform(math.log(4), math.log(200))), "detector": rng.uniform(0.005, 0.04),
    }  # fmt: skip
    values["line"] = values["space"] + rng.uniform(0.1, 0.35)
    pattern = LineSpace(**(values | fixed))
    return replace(pattern, defects=random_defects(pattern, rng, most_defects)) if "defects" not in fixed else pattern


def random_defects(p: LineSpace, rng: np.random.Generator, most: int = 4) -> tuple[Defect, ...]:
    """Up to `most` defects, whole in the picture, but for collapses, which may run out of it, and apart."""
    half = (np.array(p.shape) / 2 - 2) * p.nm_per_px
    turn = math.radians(p.angle_deg)
    upright = abs(math.cos(turn)) > abs(math.sin(turn))
    taken: list[tuple[float, float, float, float]] = []
    out: list[Defect] = []
    for _ in range(int(rng.integers(0, most + 1))):
        kind = DEFECT_KINDS[int(rng.integers(len(DEFECT_KINDS)))]
        space = p.pitch_nm - p.cd_nm
        length, strength = {
            "bridge": (space * rng.uniform(0.9, 2.4), 1.0),
            "micro_bridge": (max(space * rng.uniform(0.22, 0.5), 2.2 * p.nm_per_px), rng.uniform(0.55, 0.9)),
            "break": (p.cd_nm * rng.uniform(0.5, 2.5), 1.0),
            "gap": (p.cd_nm * rng.uniform(0.8, 1.8), rng.uniform(0.4, 0.7)),
            "collapse": (p.pitch_nm * rng.uniform(2.5, 5.0), 1.0),
        }[kind]
        joins = kind in ("bridge", "micro_bridge", "collapse")
        reach_across = (1.5 if kind == "collapse" else 0.8) * p.pitch_nm
        reach_along = length / 2 + 0.3 * p.pitch_nm
        for _ in range(20):
            y, x = (rng.uniform(-1, 1) * h for h in half)
            u, s = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
            line = round((u - p.offset_nm) / p.pitch_nm - (0.5 if joins else 0.0))
            u = p.offset_nm + (line + (0.5 if joins else 0.0)) * p.pitch_nm
            x, y = u * math.cos(turn) + s * math.sin(turn), -u * math.sin(turn) + s * math.cos(turn)
            wide, high = (reach_across, reach_along) if upright else (reach_along, reach_across)
            slack = (wide + high) / 2 * min(abs(math.sin(turn)), abs(math.cos(turn)))
            off_y, off_x = (high, wide * (1.0 if joins else 0.75))
            if kind == "collapse":  # longer than what is seen of it, often
                off_y, off_x = (0.2 * off_y, off_x) if upright else (off_y, 0.2 * off_x)
            if abs(x) > half[1] - off_x - slack or abs(y) > half[0] - off_y - slack:
                continue
            if any(abs(u - a) < reach_across + c and abs(s - b) < reach_along + d for a, b, c, d in taken):
                continue
            taken.append((u, s, reach_across, reach_along))
            out.append(Defect(kind=kind, line=line, at_nm=s, length_nm=length, strength=strength))
            break
    return tuple(out)
