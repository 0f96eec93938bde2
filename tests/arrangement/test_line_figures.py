"""Lines and spaces: widths, pitch and roughness against rendered patterns, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanogauge.arrangement.lines import lines_of_pixels
from nanogauge.arrangement.lines.defects import defect_table, instances
from nanogauge.arrangement.lines.linescan import fit_linescan, linescan
from nanogauge.arrangement.lines.pattern import find_pattern
from nanogauge.arrangement.lines.spectrum import fit_spectrum, k_correlation, periodogram
from nanogauge.core.errors import InputError
from nanogauge.core.scale import Scale
from nanogauge.training.synthetic.line_space import Defect, LineSpace, LineSpaceRendering, render_line_space, rough_edges

SCALE = Scale((0.8, 0.8), 0.01, "user")
USUAL = LineSpace(shape=(448, 448), nm_per_px=0.8, dose=40.0)


@pytest.fixture(scope="module")
def rendered() -> LineSpaceRendering:
    return render_line_space(USUAL, 7)


def test_k_correlation_has_the_stated_variance_and_is_exponential_at_one_half() -> None:
    f = np.linspace(-40, 40, 80_001)
    for hurst in (0.4, 0.8):
        psd = k_correlation(f, sigma=1.3, correlation=2.0, hurst=hurst)
        assert np.trapezoid(psd, f) == pytest.approx(1.69, rel=0.02 if hurst > 0.5 else 0.06)  # the tail beyond is missing
    psd = k_correlation(f, sigma=1.0, correlation=3.0, hurst=0.5)
    assert psd == pytest.approx(6.0 / (1 + (6 * math.pi * f) ** 2))


def test_rough_edges_have_their_spread_correlation_and_spectrum() -> None:
    e = rough_edges(600, 1.0, sigma=0.9, correlation=15.0, hurst=0.5, edge_correlation=0.3, lines=300, rng=np.random.default_rng(0))
    assert e.std() == pytest.approx(0.9, rel=0.03)
    assert np.mean(e[:, 0] * e[:, 1]) / np.mean(e**2) == pytest.approx(0.3, abs=0.03)
    assert np.mean(e[..., 15:] * e[..., :-15]) / np.mean(e**2) == pytest.approx(math.exp(-1), abs=0.04)
    f, psd = periodogram(e.reshape(-1, 600), 1.0)
    fit = fit_spectrum(f, psd, transfer=np.ones_like(f), beam=np.ones_like(f), floor=1e-3, n=600)
    assert (fit.sigma, fit.correlation, fit.hurst) == pytest.approx((0.9, 15.0, 0.5), rel=0.1)


def test_noise_floor_is_told_from_roughness() -> None:
    rng = np.random.default_rng(1)
    e = rough_edges(600, 0.5, sigma=1.0, correlation=10.0, hurst=0.7, edge_correlation=0.0, lines=30, rng=rng).reshape(-1, 600)
    seen = e + 0.8 * rng.standard_normal(e.shape)
    f, psd = periodogram(seen, 0.5)
    fit = fit_spectrum(f, psd, transfer=np.ones_like(f), beam=np.ones_like(f), floor=0.4, n=60)
    assert fit.floor == pytest.approx(0.64 * 0.5, rel=0.05)
    assert fit.sigma == pytest.approx(1.0, rel=0.1)


def test_linescan_gives_the_edge_of_its_own_shape() -> None:
    x = np.arange(-9, 8, 0.2)
    shapes = [linescan(x - at, 1.6, 40.0, 90.0, 80.0, 4.0, ((6.0, 3.0), (-8.0, 6.0))) for at in (0.3, -0.4)]
    noise = np.random.default_rng(2).normal(0, 0.3, (2, len(x)))
    found = fit_linescan(x, shapes[0] + noise[0], shapes[1] + noise[1])
    assert (found.left_px, found.right_px) == pytest.approx((0.3, -0.4), abs=0.1)
    assert found.blur_px == pytest.approx(1.6, abs=0.1)
    assert found.half_left_px < found.left_px  # half of a flank that ends in a bright edge lies further out


def test_width_pitch_and_roughness_are_those_drawn(rendered: LineSpaceRendering) -> None:
    lines = lines_of_pixels(rendered.pixels, SCALE)
    said = lines.to_dict()
    true = rendered.edges_nm
    width = true[:, 1] - true[:, 0]
    assert said["unit"] == "nm"
    shown = [int(np.abs(true.mean(axis=(1, 2)) - at).argmin()) for at in lines.table()["position_nm"] - 447 / 2 * 0.8]
    assert len(shown) == said["lines"] >= len(true) - 1
    true, width = true[shown], width[shown]
    assert said["cd"]["value"] == pytest.approx(width.mean(), rel=0.012)
    assert said["pitch"]["value"] == pytest.approx(32.0, rel=0.001 + 2 * said["pitch"]["standard_error"] / 32)
    lwr = 3 * math.sqrt(width.var(axis=1).mean())
    assert said["lwr"]["three_sigma_biased"] > 1.05 * lwr
    assert said["lwr"]["three_sigma_unbiased"] == pytest.approx(lwr, rel=0.07)
    assert said["lwr"]["three_sigma_restored"] == pytest.approx(lwr, rel=0.07)
    assert said["ler"]["three_sigma_unbiased"] == pytest.approx(3 * math.sqrt(true.var(axis=2).mean()), rel=0.08)
    assert said["cd"]["expanded_uncertainty"] >= 2 * 0.01 * said["cd"]["value"]  # the scale's is in it
    table = lines.table()
    assert len(table) == len(true)
    assert table["cd_nm"].to_numpy() == pytest.approx(width.mean(axis=1), abs=0.35)
    assert {"line", "position_nm", "lwr_3s_biased_nm", "whole"} <= set(table)


def test_lying_and_leaning_lines_give_the_same(rendered: LineSpaceRendering) -> None:
    upright = lines_of_pixels(rendered.pixels, SCALE).to_dict()
    lying = lines_of_pixels(np.ascontiguousarray(rendered.pixels.T), SCALE).to_dict()
    assert (upright["direction"], lying["direction"]) == ("vertical", "horizontal")
    assert lying["cd"] == pytest.approx(upright["cd"])
    assert lying["lwr"]["three_sigma_unbiased"] == pytest.approx(upright["lwr"]["three_sigma_unbiased"])
    leaning = lines_of_pixels(
        render_line_space(LineSpace(shape=(448, 448), nm_per_px=0.8, dose=40.0, angle_deg=3.0), 7).pixels, SCALE
    )
    assert leaning.to_dict()["tilt_deg"] == pytest.approx(3.0, abs=0.1)
    assert leaning.pitch[0] == pytest.approx(32.0, rel=0.002)


def test_disturbed_lines_do_not_count_in_roughness() -> None:
    defects = (
        Defect(kind="break", line=0, at_nm=0.0, length_nm=25.0),
        Defect(kind="bridge", line=3, at_nm=-60.0, length_nm=20.0),
    )
    calm = lines_of_pixels(render_line_space(USUAL, 9).pixels, SCALE)
    disturbed = lines_of_pixels(
        render_line_space(LineSpace(shape=(448, 448), nm_per_px=0.8, dose=40.0, defects=defects), 9).pixels, SCALE
    )
    assert calm.whole.all()
    assert (~disturbed.whole).sum() == 3
    assert disturbed.lwr is not None
    assert calm.lwr is not None
    assert disturbed.lwr.unbiased == pytest.approx(calm.lwr.unbiased, rel=0.25)
    assert any("disturbed" in w for w in disturbed.warnings)
    assert np.isfinite(disturbed.cds).all()


def test_dark_lines_are_the_spaces_of_bright_ones() -> None:
    flat = LineSpace(shape=(320, 320), nm_per_px=0.8, dose=200.0, edge=0.0, pitch_nm=38.0, cd_nm=16.0, sigma_nm=0.4, angle_deg=1.0)
    pixels = render_line_space(flat, 3).pixels
    bright, dark = (lines_of_pixels(pixels, SCALE, dark_lines=d).to_dict() for d in (False, True))
    assert bright["cd"]["value"] == pytest.approx(16.0, rel=0.03)
    assert dark["cd"]["value"] == pytest.approx(22.0, rel=0.03)


def blobs() -> np.ndarray:
    y, x = np.mgrid[:256, :256]
    return np.asarray(128 + 50 * np.cos(2 * np.pi * x / 16) + 50 * np.cos(2 * np.pi * y / 16), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.random.default_rng(0).integers(0, 255, (256, 256)), "no line–space pattern"),
        (np.full((256, 256), 90, np.uint8), "no line–space pattern"),
        (blobs(), "more than one direction"),
        (np.zeros((40, 400), np.uint8), "too few"),
        (render_line_space(LineSpace(shape=(256, 256), angle_deg=30.0), 1).pixels, "turn the picture"),
        (render_line_space(LineSpace(shape=(256, 256), nm_per_px=7.0, dose=500), 1).pixels, "higher magnification"),
    ],
)
def test_what_shows_no_lines_is_refused_in_one_line(pixels: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        lines_of_pixels(pixels, None)
    assert "\n" not in str(error.value)


def test_few_lines_give_no_roughness_and_say_so() -> None:
    pixels = render_line_space(LineSpace(shape=(400, 110), nm_per_px=0.8, dose=100.0, offset_nm=12.0), 2).pixels
    lines = lines_of_pixels(pixels, None)
    assert lines.unit == "px"
    if len(lines.whole) < 3:
        assert lines.to_dict()["lwr"] is None
        assert any("too few" in w for w in lines.warnings)
        assert lines.psd_table() is None


def test_bright_edges_are_not_taken_for_lines() -> None:
    p = find_pattern(render_line_space(LineSpace(shape=(320, 320), line=0.25, space=0.2, edge=0.6, dose=200.0), 4).pixels)
    assert p.period_px == pytest.approx(32, rel=0.01)


def test_instances_are_what_hangs_together_with_its_likeliest_class() -> None:
    p = np.zeros((40, 60, 3), np.float32)
    p[..., 0] = 1
    p[5:15, 10:20] = (0.1, 0.7, 0.2)
    p[10:15, 10:20] = (0.1, 0.3, 0.6)  # half of it by another class
    p[5:10, 10:20] = (0.05, 0.9, 0.05)
    p[30:36, 40:55] = (0.2, 0.1, 0.7)
    p[20, 30] = (0, 1, 0)  # a speck
    found = instances(p, ("none", "bridge", "gap"))
    assert [(d.kind, d.box) for d in found] == [("gap", (30, 40, 36, 55)), ("bridge", (5, 10, 15, 20))]
    assert found[0].score == pytest.approx(0.7)
    table = defect_table(found, nm_per_px=(2.0, 2.0), origin=(100, 0))
    assert table.loc[0, ["class", "height_nm", "width_nm", "area_nm2", "box_y0_px"]].tolist() == ["gap", 12.0, 30.0, 360.0, 130]
    assert table.loc[0, "y_nm"] == pytest.approx(2 * 133.0)
