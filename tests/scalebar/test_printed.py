"""Field width and magnification as makers print them, and what they say about a scale."""

from __future__ import annotations

import pytest

from nanogauge.ports import TextLine
from nanogauge.scalebar.printed import Printed, printed_facts


def facts(*texts: str) -> Printed:
    return printed_facts([TextLine(t, 0.9, (10.0, 100.0 * k, 30.0, 100.0 * k + 80)) for k, t in enumerate(texts)])


@pytest.mark.parametrize(
    ("text", "field_nm"),
    [
        ("HFW 1.73 mm", 1.73e6),
        ("Width = 3.760 μm", 3760),
        ("View field: 4.13 µm", 4130),
        ("FOV: 689 nm", 689),
        ("WD 8.1 mm", None),
        ("Bandwidth 5 mm", None),
        ("500 nm", None),
    ],
)
def test_field_width(text: str, field_nm: float | None) -> None:
    assert facts(text).field_width_nm == (None if field_nm is None else pytest.approx(field_nm))


def test_field_width_in_a_table() -> None:
    lines = [TextLine("HFW", 0.99, (10.0, 50.0, 22.0, 80.0)), TextLine("1.73 mm", 0.99, (26.0, 40.0, 40.0, 95.0))]
    assert printed_facts(lines).field_width_nm == pytest.approx(1.73e6)


@pytest.mark.parametrize(
    ("text", "magnification"),
    [
        ("x50,000", 50_000),
        ("S4800 10.0kV 8.9mm x50.0k SE(U)", 50_000),
        ("10.0kV 14.4mm ×1.00k SE(M)", 1000),
        ("Mag = 14.66 K X", 14_660),
        ("mag 81725 x", 81_725),
        ("P:25,000×", 25_000),
        ("1.12 kx", 1120),
        ("2048 * 1536", None),
        ("500 nm", None),
        ("30 kV", None),
    ],
)
def test_magnification(text: str, magnification: float | None) -> None:
    assert facts(text).magnification == magnification


def test_two_that_differ_count_for_nothing() -> None:
    assert facts("x50,000", "x20,000").magnification is None
    assert facts("HFW 5 µm", "FOV 9 µm").field_width_nm is None


def test_verdicts() -> None:
    width = Printed(field_width_nm=10_000)
    assert width.verdict(10.0, 1000)[0] == "agrees"
    assert width.verdict(10.0, 700)[0] == "cropped"
    assert width.verdict(100.0, 1000)[0] == "contradicts"
    jeol = Printed(magnification=50_000)  # 120 mm of print over 1280 px are 1.875 nm
    assert jeol.verdict(1.875, 1280)[0] == "agrees"
    for wrong in (10, 0.1, 1000, 0.001):
        assert jeol.verdict(1.875 * wrong, 1280)[0] == "contradicts"
    assert Printed().verdict(1.0, 1000) == ("silent", "")
