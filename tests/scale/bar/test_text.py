"""Lengths in read text, and what must not be taken for one."""

from __future__ import annotations

import pytest

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.text import has_remains, is_common, is_reciprocal, label_rounding, parse_lengths, thousands_doubt


def lengths(text: str) -> list[float]:
    return [t.value_nm for t in parse_lengths(TextLine(text, 0.9, (10.0, 100.0, 30.0, 200.0)))]


@pytest.mark.parametrize(
    ("text", "value_nm"),
    [
        ("500 nm", 500),
        ("500nm", 500),
        ("1 µm", 1000),
        ("1 μm", 1000),  # Greek letter
        ("1um", 1000),
        ("0.5 μm", 500),
        ("2.00um", 2000),
        ("1,00 µm", 1000),
        (".2 µm", 200),
        ("10.0 µm", 10000),
        ("1 mm", 1e6),
        ("5 Å", 0.5),
        ("1 ym", 1000),
        ("100 nrn", 100),
        ("30-nm", 30),
        ("200 rm", 200),
        ("l µm", 1000),
        ("1OO nm", 100),
        ("05 µm", 500),
        ("100nm JEOL", 100),
        ("– 200 nm –", 200),
        ("S4800 10.0kV 8.9mm x50.0k SE(U) 1.00um", 1000),
    ],
)
def test_reads_what_labels_bars(text: str, value_nm: float) -> None:
    assert lengths(text) == pytest.approx([value_nm])


@pytest.mark.parametrize(
    "text",
    [
        "x50,000",
        "15.0 kV",
        "WD 8.1 mm",
        "WD = 5 mm",
        "WO= 4.0 mm",  # WD misread
        "HFW 20 µm",
        "View field: 10 µm",
        "7/20/2022",
        "(b)",
        "5 1/nm",
        "5 nm-1",
        "2 nm⁻¹",
        "2 nm/px",
        "53.2 nm",  # no bar is labelled so: a measurement
        "hm",
        "20 hm",  # nm or µm
        "",
        "nm",
    ],
)
def test_refuses_what_does_not(text: str) -> None:
    assert lengths(text) == []


def test_resolved_confusions_cost_confidence() -> None:
    clean, doubtful = (parse_lengths(TextLine(t, 0.9, (0.0, 0.0, 20.0, 80.0)))[0] for t in ("100 nm", "1OO nm"))
    assert clean.confidence == pytest.approx(0.9)
    assert doubtful.confidence < clean.confidence


def test_box_is_the_share_of_the_length() -> None:
    found = parse_lengths(TextLine("100nm JEOL", 0.9, (10.0, 100.0, 30.0, 200.0)))[0]
    assert found.box == pytest.approx((10, 100, 30, 150))
    assert not found.alone


def test_remains_of_a_split_bar_are_marked() -> None:
    found = parse_lengths(TextLine("T200 nm4", 0.9, (0.0, 0.0, 20.0, 120.0)))
    assert [(t.value_nm, t.between_halves) for t in found] == [(200, True)]


@pytest.mark.parametrize(
    ("number", "common"), [(1, True), (2.5, True), (0.02, True), (3000, True), (1.07, False), (53.2, False), (0, False)]
)
def test_common_numbers(number: float, common: bool) -> None:
    assert is_common(number) is common


def test_hitachis_narrow_letters() -> None:
    assert lengths("50.00m") == pytest.approx([50_000])
    assert lengths("5.000m") == pytest.approx([5000])
    assert lengths("500m") == []


def test_picometres_are_doubted() -> None:
    found = parse_lengths(TextLine("5 pm", 0.9, (0.0, 0.0, 20.0, 80.0)))
    assert [t.value_nm for t in found] == [5000]
    assert "pm" in found[0].doubt


@pytest.mark.parametrize(
    ("text", "relative"), [("500 nm", 0), ("0.2 µm", 0), ("25 nm", 0), ("1.2 µm", 0.0241), ("60 nm", 0.0048), ("3.5 µm", 0.0082)]
)
def test_rounding_of_labels(text: str, relative: float) -> None:
    assert label_rounding(text) == pytest.approx(relative, abs=1e-4)


@pytest.mark.parametrize("text", ["1/2 µm", "1 / 2um", "½ µm", "3⁄4 mm"])
def test_a_fraction_is_not_its_denominator(text: str) -> None:
    assert parse_lengths(TextLine(text, 0.95, (0.0, 0.0, 20.0, 80.0))) == []


def test_a_date_beside_a_label_is_no_fraction() -> None:
    (length,) = parse_lengths(TextLine("12/05/2019 500 nm", 0.95, (0.0, 0.0, 20.0, 180.0)))
    assert length.value_nm == 500


@pytest.mark.parametrize(
    ("raw", "remains"), [("500 nm", False), ("T500 nm", True), ("500nm ", True), ("2 µml", True), ("5 Å", False)]
)
def test_remains_of_a_bar(raw: str, remains: bool) -> None:
    assert has_remains(raw) is remains


@pytest.mark.parametrize("text", ["1,000 nm", "1.000 nm", "25,000 nm", "1,000 µm"])
def test_thousands_or_decimals_are_doubted(text: str) -> None:
    (length,) = parse_lengths(TextLine(text, 0.99, (0.0, 0.0, 20.0, 80.0)))
    assert "may mean" in thousands_doubt(length.text)


@pytest.mark.parametrize("text", ["1000 nm", "1,00 µm", "0,125 µm", "2.50 µm", "50.0 nm"])
def test_other_points_are_not(text: str) -> None:
    (length,) = parse_lengths(TextLine(text, 0.99, (0.0, 0.0, 20.0, 80.0)))
    assert thousands_doubt(length.text) == ""


@pytest.mark.parametrize("text", ["2 nm⁻¹", "2 nm−¹", "5 1/nm", "5 nm-1"])
def test_a_reciprocal_length_is_no_label(text: str) -> None:
    assert is_reciprocal(text)
    assert parse_lengths(TextLine(text, 0.99, (0.0, 0.0, 20.0, 80.0))) == []


def test_a_length_before_a_dash_is_not_reciprocal() -> None:
    assert not is_reciprocal("200 nm —")
