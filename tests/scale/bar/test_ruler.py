"""Rulers of eleven marks without a line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nanogauge.scale.bar.ruler import comb_within, find_rulers
from nanogauge.training.synthetic.marks import Style, draw_bar, fill, finished


@pytest.mark.parametrize("tone", [255.0, 0.0])
def test_on_an_uneven_ground(tone: float, rng: np.random.Generator) -> None:
    """The ground is brighter at one end than the bright marks at the other: no one threshold parts them from it."""
    rise = np.linspace(40, 215, 420) if tone == 0 else np.linspace(30, 200, 420)
    picture = (np.tile(rise, (120, 1)) + rng.normal(0, 2, (120, 420))).astype(np.float32)
    marks = np.full_like(picture, -1.0)
    draw_bar(marks, "ruler", 60, 80.0, 240.0, 2, 0.0)
    picture[marks > -0.9] += 60.0 * (1 if tone > 127 else -1)
    pixels = finished(picture)
    (found,) = find_rulers(pixels, bright=tone > 127)
    assert found[1] == pytest.approx(79.5, abs=1.0)  # edges count from the corner, centres of pixels are at integers
    assert found[2] - found[1] == pytest.approx(240.0, abs=1.0)
    assert not find_rulers(pixels, bright=tone < 127)


def test_ten_marks_are_no_ruler(rng: np.random.Generator) -> None:
    picture = (90 + rng.normal(0, 2, (120, 420))).astype(np.float32)
    draw_bar(picture, "ruler", 60, 80.0, 240.0, 2, 255.0)
    picture[:, 300:] = 90.0
    assert not find_rulers(finished(picture))


@pytest.mark.parametrize(("hidden", "is_one"), [((4,), True), ((1,), True), ((10,), False), ((4, 7), False)])
def test_one_mark_between_others_may_be_hidden(hidden: tuple[int, ...], is_one: bool, rng: np.random.Generator) -> None:
    """Of ten marks at its end nobody can say whether the eleventh is hidden or there was none."""
    picture = (90 + rng.normal(0, 2, (120, 420))).astype(np.float32)
    draw_bar(picture, "ruler", 60, 80.0, 240.0, 2, 255.0)
    for k in hidden:
        picture[20:100, 80 + 24 * k - 9 : 80 + 24 * k + 10] = 255.0
    found = find_rulers(finished(picture))
    assert bool(found) is is_one
    if is_one:
        assert found[0][2] - found[0][1] == pytest.approx(240.0, abs=1.0)


def relief(seed: int) -> np.ndarray:
    """A ground as uneven as particles are, and as grainy."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=(120, 420)), 9)
    return (110 + 40 * smooth / smooth.std() + rng.normal(0, 6, (120, 420))).astype(np.float32)


@pytest.mark.parametrize("style", ["ruler", "dots"])
@pytest.mark.parametrize("seed", range(4))
def test_marks_over_particles_are_fitted_as_a_whole(style: Style, seed: int) -> None:
    picture = relief(seed)
    draw_bar(picture, style, 60, 80.0, 201.3, 2, 255.0)
    found = comb_within(finished(picture), (52, 74, 68, 290), bright=True)
    assert found is not None
    assert found[0].kind == "ruler"
    assert found[2] - found[1] == pytest.approx(201.3, abs=0.7)


@pytest.mark.parametrize("seed", range(6))
def test_no_comb_is_fitted_to_what_is_none(seed: int) -> None:
    picture = relief(seed)
    assert comb_within(finished(picture), (52, 74, 68, 290), bright=True) is None
    draw_bar(picture, "plain", 60, 80.0, 201.3, 4, 255.0)
    assert comb_within(finished(picture), (52, 74, 68, 290), bright=True) is None


def test_marks_that_go_on_beyond_the_ends_are_no_ruler() -> None:
    picture = np.full((120, 420), 110, np.float32)
    for k in range(15):
        fill(picture, 56, 40.0 + 20 * k, 66, 42.0 + 20 * k, 255.0)
    assert comb_within(finished(picture), (52, 80, 68, 282), bright=True) is None
