"""Convex crystals in three dimensions: cubes, polyhedra, plates and bipyramids, turned, projected and seen from above.

A solid is the set below all its face planes, n·x <= d. Its outline is the convex hull of its projected vertices; its upper
surface is the lowest of the planes that face the viewer, its lower one the highest of those that face away.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Array = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Projection:
    """A solid in px, origin at its outline's centroid. Edges: (k, 3) of outward normal (y, x) and distance; upper and lower
    faces: (m, 3) of z = c0 + cy y + cx x; reach: largest distance of a corner; inradius: mean distance of the edges."""

    edges: Points
    upper: Points
    lower: Points
    reach: float
    inradius: float


@lru_cache(maxsize=256)
def _solid(name: str, n_sides: int, thickness: float) -> tuple[Points, Points]:
    """Vertices (n, 3) and face planes (m, 4) as n·x + c <= 0 of a solid of unit order."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    axes = np.vstack([np.eye(3), -np.eye(3)])
    golden = (1 + math.sqrt(5)) / 2
    if name == "cube":
        v = signs
    elif name == "tetrahedron":
        v = signs[signs.prod(1) > 0]
    elif name == "octahedron":
        v = axes
    elif name == "cut_octahedron":  # its tips cut off at `thickness` of their height
        t = max(thickness, 1e-3)
        v = np.array([np.roll((a * (1 - t), b * t, 0), k) for a in (-1, 1) for b in (-1, 1) for k in range(3)])
        v = np.vstack([v, [np.roll((a * (1 - t), 0, b * t), k) for a in (-1, 1) for b in (-1, 1) for k in range(3)]])
    elif name == "truncated_octahedron":
        v = np.array([p for p in itertools.product((-2, -1, 0, 1, 2), repeat=3) if sorted(map(abs, p)) == [0, 1, 2]], float)
    elif name == "cuboctahedron":
        v = np.array([p for p in itertools.product((-1, 0, 1), repeat=3) if sorted(map(abs, p)) == [0, 1, 1]], float)
    elif name == "truncated_cube":
        t = 0.55
        v = np.array([np.roll(s * (1, 1, t), k) for s in signs for k in range(3)])
    elif name == "rhombic_dodecahedron":
        v = np.vstack([signs, 2 * axes])
    elif name == "icosahedron":
        v = np.array([np.roll((0, a, b * golden), k) for a in (-1, 1) for b in (-1, 1) for k in range(3)], float)
    else:
        theta = 2 * math.pi * np.arange(n_sides) / n_sides
        ring = np.stack([np.cos(theta), np.sin(theta)], 1)
        if name == "bipyramid":
            v = np.vstack([np.column_stack([ring, np.zeros(n_sides)]), [[0, 0, thickness], [0, 0, -thickness]]])
        else:  # prism
            v = np.vstack([np.column_stack([ring, np.full(n_sides, s * thickness)]) for s in (-1, 1)])
    planes = np.unique(np.round(ConvexHull(v).equations, 6), axis=0)
    return v, planes


POLYHEDRA = {
    3: "tetrahedron",
    4: "octahedron",
    5: "bipyramid",
    6: "rhombic_dodecahedron",
    7: "truncated_cube",
    8: "icosahedron",
    9: "truncated_octahedron",
    10: "cuboctahedron",
}


@lru_cache(maxsize=1024)
def project(kind: str, *, diameter: float, aspect: float, angle: float, n_sides: int, seed: int) -> Projection:
    """The solid of a particle, turned as its seed says and by `angle` in the picture, its outline of the area of a circle of
    `diameter` px. Cubes and plates mostly lie on a face; the rest lie or stand at random. ValueError for an unknown kind."""
    unit = _project(kind, aspect, n_sides, seed)
    s, c = math.sin(angle), math.cos(angle)
    turn = np.array([[c, s], [-s, c]])
    edges = np.column_stack([unit.edges[:, :2] @ turn.T, unit.edges[:, 2] * diameter])
    upper, lower = (np.column_stack([f[:, 0] * diameter, f[:, 1:] @ turn.T]) for f in (unit.upper, unit.lower))
    return Projection(edges, upper, lower, unit.reach * diameter, unit.inradius * diameter)


@lru_cache(maxsize=1024)
def _project(kind: str, aspect: float, n_sides: int, seed: int) -> Projection:
    """The solid's projection at angle 0 and an outline of the area of a circle of diameter 1."""
    rng = np.random.default_rng(seed)
    stretch = np.array([1.0, 1.0, 1.0])
    lying = rng.random() < 0.6
    if kind == "cube":
        vertices, planes = _solid("cube", 4, 1.0)
        stretch[1] = 1 / aspect
    elif kind == "platelet":
        vertices, planes = _solid("prism", n_sides, float(rng.choice([0.06, 0.12, 0.2, 0.35])))
        stretch[1] = 1 / aspect
        lying = rng.random() < 0.85
    elif kind == "bipyramid":
        vertices, planes = _solid("bipyramid", n_sides, round(1 / max(aspect, 0.2), 1))
        lying = False
    elif kind == "octahedron":
        vertices, planes = _solid("cut_octahedron", 4, float(rng.choice([0.0, 0.0, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])))
        stretch[1] = 1 / aspect
    elif kind == "polyhedron":
        vertices, planes = _solid(POLYHEDRA[n_sides], n_sides, 0.8)
    else:
        raise ValueError(f"{kind!r} is no solid")
    vertices = vertices * stretch
    normals = planes[:, :3] / stretch
    turned = _turn(kind, lying, planes, rng)
    vertices, normals = vertices @ turned.T, normals @ turned.T
    hull = cv2.convexHull(vertices[:, :2].astype(np.float32))[:, 0].astype(float)
    y, x = hull.T
    cross = y * np.roll(x, -1) - np.roll(y, -1) * x
    area = cross.sum() / 2
    centroid = np.array([((y + np.roll(y, -1)) * cross).sum(), ((x + np.roll(x, -1)) * cross).sum()]) / (6 * area)
    scale = math.sqrt(math.pi / 4 / abs(area))
    hull = (hull - centroid) * scale
    step = np.roll(hull, -1, 0) - hull
    keep = np.hypot(*step.T) > 1e-6
    outward = np.stack([step[:, 1], -step[:, 0]], 1)[keep] / np.hypot(*step.T)[keep, None]
    distance = (outward * hull[keep]).sum(1)
    outward, distance = outward * np.sign(distance)[:, None], np.abs(distance)
    offsets = (-planes[:, 3] - normals[:, :2] @ centroid) * scale
    up, down = normals[:, 2] > 1e-3, normals[:, 2] < -1e-3
    faces = [np.column_stack([offsets[m], -normals[m, :2]]) / normals[m, 2:] for m in (up, down)]
    return Projection(
        np.column_stack([outward, distance]), faces[0], faces[1], float(np.hypot(*hull.T).max()), float(distance.mean())
    )


def _turn(kind: str, lying: bool, planes: Points, rng: np.random.Generator) -> Points:
    """Rotation matrix acting on (y, x, z)."""
    if kind == "bipyramid":  # the long axis near the substrate
        about = _rotation(np.array([1.0, rng.normal(0, 0.1), 0.0]), math.pi / 2 + rng.normal(0, 0.15))
        about = about @ _rotation(np.array([0, 0, 1.0]), rng.uniform(0, math.pi))
    elif kind == "octahedron":  # seen along a twofold axis, where it is a rhombus, or a threefold one, a hexagon, or at random
        way = rng.random()
        about_axis, by = ((1.0, 0.0, 0.0), math.pi / 4) if way < 0.6 else ((1.0, -1.0, 0.0), math.acos(1 / math.sqrt(3)))
        if way > 0.8:
            return _rotation(rng.normal(size=3), rng.uniform(0.3, math.pi))
        about = _rotation(rng.normal(size=3), rng.normal(0, 0.1)) @ _rotation(np.array(about_axis), by)
    elif lying and kind in ("cube", "platelet"):
        about = _rotation(np.array([rng.normal(), rng.normal(), 0]), rng.normal(0, 0.08))
    elif lying:  # on its first face
        normal = planes[0, :3] / np.linalg.norm(planes[0, :3])
        axis = np.cross(normal, [0, 0, -1.0])
        about = _rotation(axis, math.acos(float(np.clip(-normal[2], -1, 1)))) if np.linalg.norm(axis) > 1e-6 else np.eye(3)
    else:
        about = _rotation(rng.normal(size=3), rng.uniform(0.3, math.pi))
    return about


def _rotation(axis: Points, angle: float) -> Points:
    """Rodrigues' formula."""
    x, y, z = axis / max(float(np.linalg.norm(axis)), 1e-9)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k, float)


def outline(s: Projection, yy: Array, xx: Array, rounding: float) -> Array:
    """Gauge of the outline, 1 on it: a smooth maximum over its edges, which rounds corners by `rounding` of the inradius."""
    sides = [np.float32(ny / d) * yy + np.float32(nx / d) * xx for ny, nx, d in s.edges]
    top = sides[0]
    for side in sides[1:]:
        top = np.maximum(top, side)
    sharp = np.float32(1 / max(rounding, 1e-3))
    total = np.zeros_like(top)
    for side in sides:
        total += np.exp(np.maximum(sharp * (side - top), np.float32(-20)))
    return np.asarray(top + np.log(total) / sharp, np.float32)


def surfaces(s: Projection, yy: Array, xx: Array) -> tuple[Array, Array]:
    """Heights in px of the upper and the lower surface over the outline's centroid's plane."""
    upper, lower = (
        [np.float32(c0) + np.float32(cy) * yy + np.float32(cx) * xx for c0, cy, cx in faces] for faces in (s.upper, s.lower)
    )
    top, bottom = upper[0], lower[0]
    for face in upper[1:]:
        top = np.minimum(top, face)
    for face in lower[1:]:
        bottom = np.maximum(bottom, face)
    return np.asarray(top, np.float32), np.asarray(bottom, np.float32)
