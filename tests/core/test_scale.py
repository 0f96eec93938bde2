"""Units, lengths and scales: properties, round trips, refusals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanogauge.core.errors import ScaleError
from nanogauge.core.scale import NM_PER_UNIT, Scale, format_length, parse_length, parse_scale, unit_nm

sizes = st.floats(1e-4, 1e9, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("spelling", "nm"),
    [
        ("nm", 1),
        ("NM", 1),
        ("nanometers", 1),
        ("µm", 1e3),
        ("μm", 1e3),
        ("um", 1e3),
        ("UM", 1e3),
        ("micron", 1e3),
        ("Microns", 1e3),
        ("Å", 0.1),
        ("\u212b", 0.1),
        ("A", 0.1),
        ("Angstrom", 0.1),
        ("pm", 1e-3),
        ("mm", 1e6),
        ("cm", 1e7),
        ("m", 1e9),
        ("in", 2.54e7),
        (" nm. ", 1),
        ("n_m", 1),
        ("[n_m]", 1),
        ("[u_m]", 1e3),
        ("[µ_m]", 1e3),
        ("Ångström", 0.1),
        ("A\u030a", 0.1),
        ("picometers", 1e-3),
    ],
)
def test_spellings(spelling, nm):
    assert unit_nm(spelling) == pytest.approx(nm)


@pytest.mark.parametrize(
    "unit",
    [
        "",
        " ",
        "px",
        "pixel",
        "1/nm",
        "nm-1",
        "nm⁻¹",
        "nm²",
        "s",
        "keV",
        "fm",
        "furlong",
        "ms",
        "n m",
        "1/n_m",
        "[n_m^-1]",
        "[]",
        "_",
    ],
)
def test_what_is_no_unit_of_length_is_refused(unit):
    with pytest.raises(ScaleError, match="unknown unit"):
        unit_nm(unit)


def test_every_unit_knows_itself():
    for unit, nm in NM_PER_UNIT.items():
        assert unit_nm(unit) == nm
        assert parse_length(f"3 {unit}") == pytest.approx(3 * nm)


@given(sizes, st.sampled_from(list(NM_PER_UNIT)), st.sampled_from(["", " ", "  "]))
def test_a_length_means_number_times_unit(value, unit, gap):
    assert parse_length(f"{value!r}{gap}{unit}") == pytest.approx(value * NM_PER_UNIT[unit], rel=1e-12)


@given(sizes)
def test_a_comma_is_a_decimal_sign(value):
    text = f"{value:.5f}"
    if float(text):
        assert parse_length(text.replace(".", ",") + "nm") == pytest.approx(float(text))


@pytest.mark.parametrize("text", ["1,000 nm", "25,000 nm", "1,234um"])
def test_a_comma_that_may_separate_thousands_is_refused(text):
    with pytest.raises(ScaleError, match="may mean"):
        parse_length(text)
    with pytest.raises(ScaleError, match="may mean"):
        parse_scale(text + "/px")


def test_a_comma_that_cannot_is_read():
    assert parse_length("0,125 µm") == pytest.approx(125)
    assert parse_length("1,5um") == 1500
    assert parse_length("1234,567 nm") == pytest.approx(1234.567)


@pytest.mark.parametrize(
    "text",
    ["", "nm", "5", "5 /nm", "5 1/nm", "-5 nm", "0 nm", "nan nm", "inf nm", "1e999 nm", "5 nm/px", "1.2.3 nm", "5 nn", "1,2,3 nm"],
)
def test_what_is_no_length_is_refused(text):
    with pytest.raises(ScaleError):
        parse_length(text)


@pytest.mark.parametrize("text", ["1e400 nm/px", "1e-400 nm/px", "1e400 x 2 nm/px", "0 nm/px", "500 nm / 0 px"])
def test_a_pixel_size_beyond_all_numbers_is_refused_in_words(text):
    with pytest.raises(ScaleError, match="cannot read a scale from"):
        parse_scale(text)


@given(sizes)
def test_a_formatted_length_reads_back(nm):
    assert parse_length(format_length(nm)) == pytest.approx(nm, rel=6e-4)
    assert parse_length(format_length(nm, digits=9)) == pytest.approx(nm, rel=1e-8)


@pytest.mark.parametrize(
    ("nm", "text"),
    [
        (512, "512 nm"),
        (1250, "1.25 µm"),
        (3.1e6, "3.1 mm"),
        (0.25, "0.25 nm"),
        (0.05, "50 pm"),
        (1000, "1 µm"),
        (0, "0 nm"),
        (-1250, "-1.25 µm"),
    ],
)
def test_lengths_for_people(nm, text):
    assert format_length(nm) == text
    assert format_length(math.nan) == "nan nm"


@given(sizes)
def test_a_scale_reads_back_in_every_form(nm):
    for text in (f"{nm!r} nm/px", f"{nm!r}nm / 1 px", f"{nm * 8!r} nm / 8 pixels", f"1 px / {nm!r} nm", f"{1 / nm!r} px/nm"):
        scale = parse_scale(text)
        assert scale.nm_per_px == pytest.approx((nm, nm), rel=1e-9)
        assert scale.source == "user"
        assert 0 <= scale.relative_uncertainty < 1


@given(sizes, st.floats(0.6, 1.6))
def test_y_comes_before_x(y, ratio):
    scale = parse_scale(f"{y!r} x {y * ratio!r} nm/px")
    assert scale.nm_per_px == pytest.approx((y, y * ratio), rel=1e-9)
    assert scale.mean_nm_per_px == pytest.approx(y * math.sqrt(ratio), rel=1e-9)
    assert scale.is_square == (abs(1 / ratio - 1) < 1e-3)


@given(st.floats(0.1, 1e6), st.integers(1, 6))
def test_the_uncertainty_covers_the_rounding(nm, decimals):
    text = f"{nm:.{decimals}f}"
    scale = parse_scale(f"{text} nm/px")
    assert abs(float(text) - nm) / float(text) <= scale.relative_uncertainty * math.sqrt(3) * (1 + 1e-6) + 1e-12


def test_a_whole_number_is_exact():
    assert parse_scale("2 nm/px").relative_uncertainty == 0
    assert parse_scale("500 nm / 100 px").nm_per_px == (5, 5)
    assert parse_scale("500 nm / 123.5 px").relative_uncertainty == pytest.approx(0.05 / math.sqrt(3) / 123.5)


@pytest.mark.parametrize(
    "text",
    ["", "2.5", "2.5 nm", "2.5 nn/px", "0 nm/px", "-1 nm/px", "5 nm / 0 px", "0 px/nm", "1e999 nm/px", "1 nm / 1e999 px", "px/nm"],
)
def test_what_is_no_scale_is_refused(text):
    with pytest.raises(ScaleError):
        parse_scale(text)


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (-1, 1), (math.nan, 1), (1, math.inf)])
def test_a_scale_must_be_positive_and_finite(size):
    with pytest.raises(ScaleError, match="positive and finite"):
        Scale(size, 0.0, "user")


@pytest.mark.parametrize("relative", [-0.1, 1.0, math.nan])
def test_its_uncertainty_must_be_a_fraction(relative):
    with pytest.raises(ScaleError, match="relative_uncertainty"):
        Scale((1, 1), relative, "user")
