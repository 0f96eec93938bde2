"""Fibres in pictures drawn with known widths, lengths and directions; pictures without fibres."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nanogauge.arrangement.fibres import Fibres, fibres_of_pixels
from nanogauge.arrangement.fibres.bodies import Profile, blurred, body_of, steepest_width
from nanogauge.arrangement.fibres.figures import quantiles
from nanogauge.arrangement.fibres.find import find_fibres
from nanogauge.arrangement.fibres.mats import n_fibres_of_mat
from nanogauge.core.scale import Scale
from nanogauge.detection.edges.path import open_paths

_FINE = 4
MAT = [
    ((0.1, 0.0), (0.5, 1.0)),
    ((0.95, 0.0), (0.2, 1.0)),
    ((0.0, 0.3), (1.0, 0.55)),
    ((0.0, 0.85), (1.0, 0.7)),
    ((0.75, 0.0), (0.85, 1.0)),
]


def lines(shape: tuple[int, int], ends: list[tuple[tuple[float, float], tuple[float, float]]], width: float) -> NDArray[np.float64]:
    """(H, W) share of each pixel under straight ribbons between ends, which are given as shares of the frame (y, x)."""
    h, w = shape
    y, x = (np.arange(n * _FINE) / _FINE + 0.5 / _FINE - 0.5 for n in shape)
    body = np.zeros((h * _FINE, w * _FINE), bool)
    for a, b in ends:
        (ay, ax), (by, bx) = np.array(a) * (h, w), np.array(b) * (h, w)
        length = math.hypot(by - ay, bx - ax)
        dy, dx = (by - ay) / length, (bx - ax) / length
        along = (y[:, None] - ay) * dy + (x[None] - ax) * dx
        across = (y[:, None] - ay) * dx - (x[None] - ax) * dy
        body |= (np.abs(across) <= width / 2) & (along >= 0) & (along <= length)
    return body.reshape(h, _FINE, w, _FINE).mean(axis=(1, 3))


def seen(body: NDArray[np.float64], *, dark: bool = False, noise: float = 4.0, blur: float = 1.0) -> NDArray[np.uint8]:
    """The micrograph of it."""
    import cv2

    grey = cv2.GaussianBlur(180 - 120 * body if dark else 40 + 120 * body, (0, 0), blur)
    return np.clip(np.rint(grey + np.random.default_rng(0).normal(0, noise, body.shape)), 0, 255).astype(np.uint8)


def found_in(pixels: NDArray[np.uint8], scale: Scale | None = None) -> Fibres:
    found = fibres_of_pixels(pixels, (0, 0, *pixels.shape), scale)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def mat() -> Fibres:
    return found_in(seen(lines((220, 280), MAT, 10.0)))


def test_widths_of_a_mat_whose_fibres_cross(mat: Fibres) -> None:
    figures = mat.to_dict()
    assert figures["n_fibres"] == len(MAT)
    assert figures["width"]["mean_px"] == pytest.approx(10, rel=0.015)
    for name in ("d10", "d50", "d90"):
        assert figures["width"][f"{name}_px"] == pytest.approx(10, rel=0.03)
    assert figures["width"]["expanded_uncertainty_px"] < 0.3
    assert figures["tone"] == "bright"


def test_quantiles_of_few_fibres_do_not_jump_where_some_of_one_is_out_of_sight() -> None:
    width = np.array([13.8, 14.9, 16.5, 17.5, 17.9, 19.0, 19.7, 25.2])
    length = np.array([422.0, 344, 564, 253, 604, 604, 620, 476])
    part = length * np.array([1, 1, 1, 1, 1, 1, 1, 0.66])
    for q in (0.1, 0.5, 0.9):
        whole, seen = (quantiles(width, w, [q], w.sum() ** 2 / (w**2).sum())[0] for w in (length, part))
        assert seen == pytest.approx(whole, rel=0.04)  # read off the steps d90 would go from 25.2 to 19.7
    many = np.random.default_rng(0).lognormal(3, 0.15, 4000)
    assert quantiles(many, np.ones(4000), [0.1, 0.9], 4000) == pytest.approx(np.quantile(many, [0.1, 0.9]), rel=2e-3)


def test_the_widest_of_few_fibres_does_not_end_the_interval() -> None:
    ends = [((0.02 + 0.2 * k, 0.0), (0.18 + 0.2 * k, 1.0)) for k in range(5)]
    body = np.maximum.reduce([lines((300, 300), [e], w) for e, w in zip(ends, (8, 9, 10, 11, 13), strict=True)])
    found = found_in(seen(body))
    width = found.to_dict()["width"]
    assert len(found.table) == 5
    assert width["intervals_95_px"]["d90"]["high"] > 1.1 * found.table["mean_width_px"].max()
    parts = width["standard_uncertainties_px"]
    assert parts["sampling"] > found.table["mean_width_px"].std() / math.sqrt(5) * 1.2  # Student's factor
    assert parts["left_out"] > 0
    assert width["expanded_uncertainty_px"] == pytest.approx(2 * math.hypot(*parts.values()))


def test_fibres_go_on_straight_through_crossings_and_none_is_whole(mat: Fibres) -> None:
    assert mat.table["length_px"].min() > 200
    assert not mat.table["both_ends_seen"].any()
    assert set(mat.table["flags"]) == {"cut_by_frame"}
    assert mat.table["tortuosity"].max() < 1.01


def test_no_width_is_taken_at_a_crossing(mat: Fibres) -> None:
    share = mat.places["width"].notna().mean()
    assert 0.5 < share < 0.95
    at, other = (mat.places[mat.places["fibre"] == i] for i in (1, 2))
    away = np.hypot(at["y"].to_numpy()[:, None] - other["y"].to_numpy(), at["x"].to_numpy()[:, None] - other["x"].to_numpy()).min(
        axis=1
    )
    if away.min() < 2:
        assert at["width"].isna().to_numpy()[away.argmin()]


def test_directions_and_meshes(mat: Fibres) -> None:
    h, w = 220, 280
    drawn = [(math.degrees(math.atan2(-(b[0] - a[0]) * h, (b[1] - a[1]) * w)) % 180) for a, b in MAT]
    for direction in mat.table["direction_deg"]:
        assert min(abs((direction - d + 90) % 180 - 90) for d in drawn) < 1.0
    meshes = mat.meshes
    assert meshes.covered == pytest.approx(lines((h, w), MAT, 10.0).mean(), abs=0.02)
    assert 2 <= meshes.area.size <= 6
    assert (meshes.inscribed < meshes.diameter).all()


@pytest.mark.parametrize(("width", "dark"), [(5.0, False), (24.0, True)])
def test_one_fibre_with_both_ends(width: float, dark: bool) -> None:
    found = found_in(seen(lines((160, 300), [((0.5, 0.1), (0.6, 0.9))], width), dark=dark))
    (row,) = found.table.to_dict("records")
    assert row["both_ends_seen"]
    assert row["length_px"] == pytest.approx(math.hypot(16, 240), abs=2.0)
    assert row["mean_width_px"] == pytest.approx(width, rel=0.03)
    assert row["direction_deg"] == pytest.approx(180 - math.degrees(math.atan2(16, 240)), abs=0.3)
    assert found.tone == ("dark" if dark else "bright")
    s, director = found.order()
    assert s > 0.99
    assert director == pytest.approx(row["direction_deg"], abs=0.01)


def test_lengths_in_nm_also_where_pixels_are_not_square() -> None:
    body = lines((160, 300), [((0.5, -0.1), (0.5, 1.1)), ((-0.1, 0.4), (1.1, 0.4))], 12.0)
    found = found_in(seen(body), Scale((3.0, 2.0), 0.01, "user"))
    widths = sorted(found.table["mean_width_nm"])
    assert widths == pytest.approx([24, 36], rel=0.02)
    assert found.mean_width()["scale"] == pytest.approx(0.01 * found.mean_width()["value"])


def test_nothing_is_a_fibre_among_discs_noise_and_on_blank_pictures() -> None:
    y, x = np.mgrid[:160, :200]
    discs = sum((np.hypot(y - a, x - b) < 9).astype(float) for a in range(15, 160, 26) for b in range(15, 200, 26))
    for picture in (seen(np.asarray(discs)), seen(np.zeros((160, 200)), noise=12), np.full((160, 200), 90, np.uint8)):
        assert fibres_of_pixels(picture, (0, 0, *picture.shape), None) is None
        assert n_fibres_of_mat(picture, (0, 0, *picture.shape)) == 0


def test_a_mat_is_recognised_and_rods_are_none() -> None:
    picture = seen(lines((220, 280), MAT, 10.0))
    assert n_fibres_of_mat(picture, (0, 0, 220, 280)) >= 4
    rng = np.random.default_rng(1)
    rods = []
    for y in (0.15, 0.38, 0.62, 0.85):
        for x in (0.17, 0.5, 0.83):
            a = rng.uniform(-0.6, 0.6)
            rods.append(((y - 0.08 * math.sin(a), x - 0.12 * math.cos(a)), (y + 0.08 * math.sin(a), x + 0.12 * math.cos(a))))
    assert n_fibres_of_mat(seen(lines((220, 280), rods, 10.0)), (0, 0, 220, 280)) == 0


@pytest.mark.parametrize(("sign", "shape"), [(1, 1.2), (1, -0.8), (-1, 0.0)])
def test_bodies_say_how_far_the_steepest_places_are_from_the_edges(sign: int, shape: float) -> None:
    rng = np.random.default_rng(2)
    widths = np.array([9.0, 11.0, 14.0, 18.0])
    profiles = []
    for w in widths:
        t = np.arange(0, w / 2 + 5, 0.25)
        grey = 100 * blurred(t, w, 1.3, shape, sign) + rng.normal(0, 0.1, t.size)
        profiles.append(Profile(t, grey, 0.1, steepest_width(w, 1.3, shape, sign)))
    body = body_of(profiles, sign)
    steepest = np.array([p.steepest for p in profiles])
    assert np.abs(steepest / widths - 1).max() > 0.03  # the steepest place is not the edge
    assert body.width(steepest) == pytest.approx(widths, rel=0.005)
    assert body.error < 0.01


def test_an_open_path_follows_what_is_cheapest_and_need_not_close() -> None:
    cost = np.ones((1, 40, 9), np.float32)
    cost[0, np.arange(40), np.arange(40) // 5] = 0
    assert open_paths(cost, np.full(1, 0.1, np.float32))[0].tolist() == (np.arange(40) // 5).tolist()


def test_the_shared_mat_is_14_px_wide() -> None:
    file = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[3] / "shared")) / "cases" / "fibres_mat_d14.png"
    if not file.is_file():
        pytest.skip("the shared cases are not here")
    figures = found_in(np.asarray(Image.open(file).convert("L"))).to_dict()
    assert figures["width"]["mean_px"] == pytest.approx(14, rel=0.015)


def test_faint_streaks_are_no_fibres() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:320, 0:420].astype(float)
    grey = np.full(y.shape, 40.0)
    for middle in (60, 150, 240):
        grey += 150 * np.clip(10.5 - np.abs(y - middle - 0.15 * x), 0, 1)
    grey += 22 * np.clip(1.5 - np.abs(y - 300), 0, 1) + rng.normal(0, 3, y.shape)
    found = find_fibres(grey.astype(np.float32))
    assert found is not None
    assert len(found.fibres) == 3
    assert all(f.usual_width > 15 for f in found.fibres)
