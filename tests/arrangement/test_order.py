"""Order held against lattices whose figures are known exactly, and against crystals with known grains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.arrangement.order.figures import order_of_pixels, order_of_table
from nanogauge.arrangement.order.neighbours import neighbours
from nanogauge.arrangement.order.pairs import pair_figures
from nanogauge.arrangement.order.particles import ParticleOrder, order_of_particles
from nanogauge.arrangement.order.picture import find_ring, order_of_picture
from nanogauge.arrangement.order.symmetry import bond_order, turn_deg
from nanogauge.arrangement.window import Window
from nanogauge.core.scale import Scale
from nanogauge.core.settings import ArrangementSettings
from nanogauge.measuring import measure_particles

A = 20.0


def lattice(kind: str, *, side: float = 600.0, turn: float = 0.0, jitter: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """Places y, x in a square frame of a lattice of constant A, turned counter-clockwise by `turn` degrees."""
    basis = [[1, 0], [0.5, math.sqrt(3) / 2]] if kind == "hexagonal" else [[1, 0], [0, 1]]
    i, j = np.meshgrid(np.arange(-90, 91), np.arange(-90, 91))
    xy = np.stack([i.ravel(), j.ravel()], axis=1) @ np.array(basis) * A
    t = math.radians(turn)
    x, y = xy[:, 0] * math.cos(t) - xy[:, 1] * math.sin(t), -(xy[:, 0] * math.sin(t) + xy[:, 1] * math.cos(t))
    at = np.stack([y, x], axis=1) + side / 2 + 0.37
    at = at + np.random.default_rng(seed).normal(0, jitter * A, at.shape)
    return np.asarray(at[((at >= 0) & (at < side)).all(axis=1)])


WINDOW = Window(0, 0, 600, 600)


def two_grains(kind: str, turn: float, **how: Any) -> NDArray[np.float64]:
    """Two grains that meet at x = 300, the right one turned against the left one."""
    left, right = lattice(kind, **how), lattice(kind, turn=turn, **how)
    left, right = left[left[:, 1] < 300 - A / 4], right[right[:, 1] > 300 + A / 4]
    return np.concatenate([left, right])


@pytest.mark.parametrize(("kind", "fold", "number"), [("hexagonal", 6, 6), ("square", 4, 4)])
def test_a_perfect_lattice_has_psi_of_one(kind: str, fold: int, number: int) -> None:
    o = order_of_particles(lattice(kind, turn=7), WINDOW)
    sure = o.near.sure
    assert o.lattice == kind
    assert np.allclose(np.abs(o.psi[sure]), 1, atol=1e-6)
    assert np.abs((o.psi4 if fold == 6 else o.psi6)[sure]).max() < 1e-6
    assert np.allclose(o.direction_deg[sure], 7)
    assert (o.number[sure] == number).all()
    assert o.constant.value == pytest.approx(A, rel=1e-9)
    assert o.near.cell_area[sure] == pytest.approx(A**2 * (math.sqrt(3) / 2 if fold == 6 else 1))
    assert (o.defects.n_few, o.defects.n_many) == (0, 0)
    assert o.grains.n == 1


def test_direction_is_counter_clockwise_as_one_sees_the_picture() -> None:
    """Three particles up and to the right are at +45 degrees."""
    at = np.array([[100.0, 0], [50, 50], [0, 100]])
    near = neighbours(np.vstack([at, [[100.0, 100.0]]]), Window(-500, -500, 500, 500))
    a = near.angle()[(near.first == 0) & (near.second == 1)]
    assert np.rad2deg(a) == pytest.approx(45)


def test_what_is_sure_does_not_depend_on_what_the_frame_hides() -> None:
    at = lattice("hexagonal", jitter=0.15)
    whole = neighbours(at, WINDOW)
    small = Window(150, 150, 450, 450)
    inside = np.flatnonzero(small.contains(at))
    part = neighbours(at[inside], small)
    psi, of_part = bond_order(whole, 6)[inside], bond_order(part, 6)
    assert part.sure.sum() > 100
    assert np.allclose(psi[part.sure], of_part[part.sure])
    assert np.allclose(whole.cell_area[inside][part.inside], part.cell_area[part.inside])


def test_particles_beside_one_that_the_frame_cuts_are_not_sure() -> None:
    at = lattice("hexagonal")
    whole = np.ones(len(at), bool)
    middle = int(np.hypot(*(at - 300).T).argmin())
    whole[middle] = False
    cut = neighbours(at, WINDOW, whole)
    beside = np.flatnonzero(np.abs(np.hypot(*(at - at[middle]).T) - A) < 1)
    assert len(beside) == 6
    assert not cut.sure[beside].any()
    assert neighbours(at, WINDOW).sure[beside].all()


def test_a_vacancy_is_counted_and_is_no_defect_of_its_neighbours() -> None:
    at = lattice("hexagonal", jitter=0.03)
    at = np.delete(at, int(np.hypot(*(at - 300).T).argmin()), axis=0)
    o = order_of_particles(at, WINDOW)
    assert o.plane.vacancies == 1
    assert o.defects.n_few == o.defects.n_many == 0
    assert o.plane.void_area == 0
    assert o.constant.value == pytest.approx(A, rel=0.003)


def test_a_void_is_left_out_of_the_grain() -> None:
    at = lattice("square")
    at = at[np.hypot(*(at - 300).T) > 100]
    o = order_of_particles(at, WINDOW)
    # between the hole cut and the particles' cells around it
    assert 0.6 * math.pi * 100**2 < o.plane.void_area < math.pi * 100**2
    assert o.plane.areas(o.grains.grain, 1)[1] == pytest.approx(360000 - o.plane.void_area, rel=1e-6)


def test_an_edge_dislocation_is_one_pair_of_five_and_seven() -> None:
    """An extra half row pushed into a lattice, the displacement of elasticity (Hirth & Lothe)."""
    at = lattice("hexagonal", side=700)
    y, x = -(at[:, 0] - 350.1), at[:, 1] - 350.1
    r2, nu = x**2 + y**2, 0.33
    ux = A / (2 * math.pi) * (np.arctan2(y, x) + x * y / (2 * (1 - nu) * r2))
    uy = -A / (2 * math.pi) * ((1 - 2 * nu) / (4 * (1 - nu)) * np.log(r2) + (x**2 - y**2) / (4 * (1 - nu) * r2))
    moved = np.stack([at[:, 0] - uy, at[:, 1] + ux], axis=1)
    # the cut lies along the negative x axis, where one row more or less meets: looked at away from the frame
    o = order_of_particles(moved, Window(0, 0, 700, 700))
    near = np.hypot(*(o.near.at - 350).T) < 200
    assert o.defects.dislocations is not None
    five, seven = (near & o.near.sure & (o.number == n) for n in (5, 7))
    assert five.sum() == seven.sum() == 1
    assert np.hypot(*(o.near.at[five][0] - o.near.at[seven][0])) < 1.6 * A


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
@pytest.mark.parametrize("turn", [6.0, 14.0, 25.0])
def test_two_grains_are_found_with_their_boundary(kind: str, turn: float) -> None:
    o = order_of_particles(two_grains(kind, turn, jitter=0.05), WINDOW)
    assert o.grains.n == 2
    found = float(turn_deg(*o.grains.direction_deg, o.fold))
    assert found == pytest.approx(turn, abs=0.5)
    areas = o.plane.areas(o.grains.grain, 2)[1:]
    assert areas == pytest.approx([180000, 180000], rel=0.04)
    x = o.boundaries.pieces[..., 1]
    assert np.quantile(np.abs(x - 300), 0.95) < A
    assert o.boundaries.length().sum() == pytest.approx(600, rel=0.06)
    assert o.constant.value == pytest.approx(A, rel=0.003)


def test_lattices_turned_by_less_than_asked_for_are_one_grain() -> None:
    at = two_grains("hexagonal", 6.0, jitter=0.03)
    assert order_of_particles(at, WINDOW, least_turn_deg=9.0).grains.n == 1


def test_places_at_random_have_no_grain() -> None:
    at = np.random.default_rng(3).uniform(0, 600, (1200, 2))
    o = order_of_particles(at, WINDOW)
    assert (o.grains.grain > 0).mean() < 0.05
    assert np.abs(o.psi6[o.near.inside]).mean() < 0.5


def test_pair_correlation_of_places_at_random_is_one() -> None:
    at = np.random.default_rng(4).uniform(0, 600, (3000, 2))
    p = pair_figures(at, WINDOW, 11.0, np.ones(3000, complex))
    assert p is not None
    far = p.r > 5
    assert p.g[far].mean() == pytest.approx(1, abs=0.02)  # without the edge correction 0.9
    assert p.s[3:].mean() == pytest.approx(1, abs=0.1)


def test_pair_correlation_and_structure_factor_of_a_lattice_peak_where_they_must() -> None:
    at = lattice("hexagonal", jitter=0.03)
    p = pair_figures(at, WINDOW, A, np.ones(len(at), complex))
    assert p is not None
    assert p.r[p.g.argmax()] == pytest.approx(A, abs=1)
    assert p.k[p.s.argmax()] == pytest.approx(2 * math.pi * 2 / (math.sqrt(3) * A), rel=0.04)


def test_few_particles_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 12"):
        order_of_particles(np.zeros((5, 2)), WINDOW)


def test_particles_on_one_line_have_no_triangles() -> None:
    at = np.stack([np.full(20, 300.0), np.arange(20) * 20.0 + 100], axis=1)
    o = order_of_particles(at, WINDOW)
    assert o.grains.n == 0
    assert math.isnan(o.constant.value)


def waves(kind: str, angle: float, shape: tuple[int, int], spacing: float, pitch: tuple[float, float] = (1, 1)) -> NDArray[Any]:
    """A picture of a lattice as plane waves."""
    yy, xx = np.mgrid[: shape[0], : shape[1]].astype(float)
    yy, xx = yy * pitch[0], xx * pitch[1]
    fold, k = (6, 2 / (math.sqrt(3) * spacing)) if kind == "hexagonal" else (4, 1 / spacing)
    total = np.zeros(shape)
    for j in range(fold // 2):
        t = math.radians(angle + (30 if fold == 6 else 0) + 360 / fold * j)
        total += np.cos(2 * math.pi * k * (xx * math.cos(t) - yy * math.sin(t)))
    return total


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
@pytest.mark.parametrize("pitch", [(1.0, 1.0), (1.25, 0.8)])
def test_a_picture_gives_directions_and_constant(kind: str, pitch: tuple[float, float]) -> None:
    shape = (round(300 / pitch[0]), round(400 / pitch[1]))
    picture = waves(kind, 4, shape, 6.0, pitch)
    right = waves(kind, 17, shape, 6.0, pitch)
    picture[:, shape[1] // 2 :] = right[:, shape[1] // 2 :]
    picture += np.random.default_rng(1).normal(0, 1, shape)
    o = order_of_picture(picture, pitch=pitch)
    assert o is not None
    assert o.lattice == kind
    assert o.grains.n == 2
    assert sorted(o.grains.direction_deg) == pytest.approx([4, 17], abs=0.3)
    assert o.constant.value == pytest.approx(6, rel=0.002)
    assert o.areas()[1:] == pytest.approx([60000, 60000], rel=0.03)


def test_noise_and_blank_pictures_show_no_lattice() -> None:
    rng = np.random.default_rng(2)
    assert find_ring(rng.normal(0, 1, (256, 300))) is None
    assert find_ring(np.zeros((256, 300))) is None
    assert order_of_picture(np.cumsum(rng.normal(0, 1, (256, 300)), axis=1)) is None
    assert find_ring(rng.normal(0, 1, (20, 300))) is None


def discs(at: NDArray[np.float64], shape: tuple[int, int], pitch: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    for i, (y, x) in enumerate(at, start=1):
        window = np.s_[
            max(int(y / pitch[0]) - 12, 0) : int(y / pitch[0]) + 13, max(int(x / pitch[1]) - 12, 0) : int(x / pitch[1]) + 13
        ]
        inside = (yy[window] * pitch[0] - y) ** 2 + (xx[window] * pitch[1] - x) ** 2 < 8**2
        labels[window][inside] = i
    return labels


def test_a_table_gives_figures_in_nm_also_where_pixels_are_not_square() -> None:
    pitch = (1.25, 0.8)
    at = lattice("hexagonal", turn=5)
    labels = discs(at, (480, 750), pitch)
    scale = Scale((3 * pitch[0], 3 * pitch[1]), 0.01, "user")
    table = measure_particles(labels, pixels=np.zeros(labels.shape), scale=scale)
    order = order_of_table(table, (0, 0, 480, 750), scale, ArrangementSettings())
    assert order is not None
    figures = order.to_dict()
    constant = figures["lattice_constant"]
    assert figures["unit"] == "nm"
    assert constant["value"] == pytest.approx(60, rel=0.003)
    assert constant["expanded_uncertainty"] == pytest.approx(2 * 60 * 0.01, rel=0.05)
    assert figures["number_density_per_um2"] == pytest.approx(1e6 / (60**2 * math.sqrt(3) / 2), rel=0.03)
    assert figures["area_fraction"] == pytest.approx(math.pi * 24**2 / (60**2 * math.sqrt(3) / 2), rel=0.03)
    assert order.grain_table()["direction_deg"][0] == pytest.approx(5, abs=0.2)
    columns = order.particle_columns()
    assert columns is not None
    assert list(columns) == [
        "psi4",
        "psi6",
        "lattice_direction_deg",
        "n_neighbours",
        "voronoi_area_px2",
        "voronoi_area_nm2",
        "grain",
    ]
    assert len(columns) == len(table)
    assert columns["n_neighbours"].dropna().eq(6).all()
    assert isinstance(order.found, ParticleOrder)


def test_boundaries_are_classed_by_their_angle() -> None:
    labels = discs(two_grains("hexagonal", 8.0), (600, 600))
    table = measure_particles(labels, pixels=np.zeros(labels.shape), scale=None)
    for limit, name in ((15.0, "low angle"), (5.0, "high angle")):
        order = order_of_table(table, (0, 0, 600, 600), None, ArrangementSettings(low_angle_below_deg=limit))
        assert order is not None
        assert order.boundary_table["class"].tolist() == [name]
        assert order.boundary_table["misorientation_deg"][0] == pytest.approx(8, abs=0.3)


def test_a_picture_needs_no_particles() -> None:
    picture = waves("square", 10, (300, 300), 6.0)
    order = order_of_pixels(picture, (0, 0, 300, 300), Scale((2.0, 2.0), 0.0, "user"), ArrangementSettings())
    assert order is not None
    figures = order.to_dict()
    assert figures["from"] == "picture"
    assert figures["lattice_constant"]["value"] == pytest.approx(12, rel=0.002)
    assert order.particle_columns() is None
    assert order.curves().empty
