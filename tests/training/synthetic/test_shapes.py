"""Outlines have the area they claim and lie where they say; surfaces are those of the solid."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanogauge.training.synthetic import solids
from nanogauge.training.synthetic.shapes import (
    SHAPES,
    SOLID_KINDS,
    Particle,
    ShapeKind,
    extent,
    extents,
    gauge,
    half_axes,
    relief,
    true_diameter,
)

D = 120.0


def grid(p: Particle, margin: int = 4) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = (math.ceil(reach) + margin for reach in extents(p))
    yy, xx = np.mgrid[-height : height + 1, -width : width + 1].astype(np.float32)
    return yy, xx


def particle(kind: ShapeKind, **kwargs: object) -> Particle:
    return Particle(kind=kind, y=0.0, x=0.0, diameter=D, aspect=0.6, angle=0.7, rounding=0.002, seed=3, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("d", [9.0, 24.0, 60.5, 200.0])
def test_a_sphere_covers_the_area_of_its_circle(d: float) -> None:
    """Averaged over positions within a pixel, the count of pixel centres inside is the area."""
    p = Particle(kind="sphere", y=0, x=0, diameter=d)
    yy, xx = grid(p)
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2)).astype(np.float32)
    counts = [(gauge(p, yy - dy, xx - dx) <= 1).sum() for dy, dx in places]
    assert np.mean(counts) == pytest.approx(math.pi * d**2 / 4, rel=2e-3)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("seed", range(6))
def test_every_shape_has_the_area_of_its_equivalent_circle(kind: ShapeKind, seed: int) -> None:
    p = replace(particle(kind), seed=seed)
    inside = gauge(p, *grid(p)) <= 1
    assert math.sqrt(4 * inside.sum() / math.pi) == pytest.approx(D, rel=4e-3)
    assert true_diameter(p) == pytest.approx(D, rel=4e-3)


@pytest.mark.parametrize("kind", SHAPES)
def test_rounded_and_rough_outlines_are_measured_not_assumed(kind: ShapeKind) -> None:
    p = replace(particle(kind), roughness=0.05, rounding=0.1)
    inside = gauge(p, *grid(p)) <= 1
    assert true_diameter(p) == pytest.approx(math.sqrt(4 * inside.sum() / math.pi), rel=6e-3)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(SHAPES),
    d=st.floats(3, 300),
    aspect=st.floats(0.08, 1),
    angle=st.floats(0, math.pi),
    seed=st.integers(0, 10**6),
    bend=st.floats(-0.3, 0.3),
    roughness=st.sampled_from([0.0, 0.05]),
    n_sides=st.integers(3, 10),
)
def test_the_box_holds_the_whole_particle(
    kind: ShapeKind, d: float, aspect: float, angle: float, seed: int, bend: float, roughness: float, n_sides: int
) -> None:
    p = Particle(kind, 0, 0, d, aspect, angle, roughness, n_sides, seed, bend if kind in ("rod", "fibre") else 0.0)
    yy, xx = grid(p)
    height, width = extents(p)
    inside = gauge(p, yy, xx) <= 1
    assert inside.any()
    assert not (inside & ((np.abs(yy) > height) | (np.abs(xx) > width))).any()
    assert extent(p) >= max(height, width)


def test_a_bend_keeps_the_area() -> None:
    straight, bent = particle("fibre"), particle("fibre", bend=0.3)
    areas = [(gauge(p, *grid(p)) <= 1).sum() for p in (straight, bent)]
    assert areas[1] == pytest.approx(areas[0], rel=5e-3)
    assert true_diameter(bent) == D


@pytest.mark.parametrize("kind", ["rod", "ellipsoid", "cube"])
def test_long_axis_lies_at_the_angle(kind: ShapeKind) -> None:
    """Angle from the x axis towards larger y."""
    p = replace(particle(kind), aspect=0.3, seed=1)
    yy, xx = grid(p)
    inside = gauge(p, yy, xx) <= 1
    y, x = yy[inside], xx[inside]
    long_axis = 0.5 * math.atan2(2 * float((y * x).mean()), float((x * x).mean() - (y * y).mean()))
    assert long_axis == pytest.approx(0.7, abs=0.1)


def test_height_of_a_ball_is_its_half_chord() -> None:
    p = Particle(kind="sphere", y=0, x=0, diameter=40)
    yy, xx = grid(p)
    top, thickness = relief(p, yy, xx, gauge(p, yy, xx))
    chord = 2 * np.sqrt(np.maximum(20**2 - yy**2 - xx**2, 0))
    assert np.allclose(thickness, chord, atol=0.05)
    assert np.allclose(top, chord / 2, atol=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_volume_of_a_cube_from_above(seed: int) -> None:
    """The shadow of a cube of side s is s² times the sum of its upper faces' vertical normals; its thickness adds up to s³."""
    p = Particle("cube", 0, 0, D, rounding=0.002, seed=seed)
    faces = solids.project("cube", diameter=D, aspect=1.0, angle=0.0, n_sides=6, seed=seed).upper
    side = math.sqrt(math.pi * D**2 / 4 / (1 / np.sqrt(1 + (faces[:, 1:] ** 2).sum(1))).sum())
    yy, xx = grid(p)
    rho = gauge(p, yy, xx)
    assert relief(p, yy, xx, rho)[1][rho <= 1].sum() == pytest.approx(side**3, rel=0.02)


@pytest.mark.parametrize("n_sides", sorted(solids.POLYHEDRA))
@pytest.mark.parametrize("seed", range(4))
def test_polyhedra_are_closed(n_sides: int, seed: int) -> None:
    """Above every place within the outline the upper surface lies over the lower one, and both are bounded."""
    p = Particle("polyhedron", 0, 0, 100.0, 1.0, 0.4, 0.0, n_sides, seed, rounding=0.002)
    yy, xx = grid(p)
    rho = gauge(p, yy, xx)
    thickness = relief(p, yy, xx, rho)[1]
    assert (thickness[rho < 0.97] > 0).all()
    assert thickness[rho <= 1].max() < 250


def test_a_solid_that_is_none() -> None:
    with pytest.raises(ValueError, match="'sphere' is no solid"):
        solids.project("sphere", diameter=10, aspect=1, angle=0, n_sides=6, seed=0)


def test_semi_axes() -> None:
    assert half_axes(particle("sphere")) == (D / 2, D / 2)
    for kind in SHAPES[1:]:
        b, a = half_axes(particle(kind))
        assert b / a == pytest.approx(0.6)
        assert kind in (*SOLID_KINDS, "rod", "fibre") or math.pi * a * b == pytest.approx(math.pi * D**2 / 4)
