"""Field width and magnification as makers print them, and what they say about a scale; what only scanning microscopes print."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanogauge.core.protocols import TextLine
from nanogauge.scale.bar.printed import Printed, printed_facts, scanning_by_print


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
        ("X50.000", 50_000),
        ("X50, 000", 50_000),
        ("X50 000", 50_000),
        ("x50.000k", 50_000),
        ("x1.50", None),
        ("x20 500 nm", 20),
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


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("SEI 5.0kV X25,000 WD 3.1mm",), "5.0 kV"),
        (("HV", "15,00 kV"), "15,00 kV"),
        (("WD = 4.2 mm", "200 nm"), "WD"),
        (("HV=200kV", "WD 3 mm"), ""),  # they contradict each other
        (("S-4800 30.0kV 8.3mm x150k TE",), ""),  # collected below the specimen
        (("STEM", "WD 4 mm"), ""),
        (("2 00kV",), ""),  # half a number says nothing
        (("100 nm", "(a)", "AWD"), ""),
    ],
)
def test_what_only_scanning_microscopes_print(texts: tuple[str, ...], said: str) -> None:
    lines = [TextLine(t, 0.9, (10.0, 100.0 * k, 30.0, 100.0 * k + 80)) for k, t in enumerate(texts)]
    assert scanning_by_print(lines) == said
    assert scanning_by_print([replace(line, confidence=0.5) for line in lines]) == ""


def test_verdicts() -> None:
    width = Printed(field_width_nm=10_000)
    assert width.verdict(10.0, 1000)[0] == "agrees"
    assert width.verdict(10.0, 700)[0] == "cropped"
    assert width.verdict(100.0, 1000)[0] == "contradicts"
    assert width.verdict(14.0, 1000)[0] == "contradicts"  # wider than its field
    unknown = Printed(magnification=50_000)  # 120 mm of print over 1280 px are 1.875 nm
    assert unknown.verdict(1.875, 1280)[0] == "fits"
    for wrong in (10, 0.1, 1000, 0.001):
        assert unknown.verdict(1.875 * wrong, 1280)[0] == "contradicts"
    jeol = Printed(magnification=50_000, print_width_nm=120e6)
    assert [jeol.verdict(v, 1280)[0] for v in (1.85, 1.0, 3.7, 18.75)] == ["agrees", "cropped", "contradicts", "contradicts"]
    assert Printed().verdict(1.0, 1000) == ("silent", "")


def test_field_width_in_a_line_with_its_neighbours() -> None:
    names = [TextLine("HV", 0.99, (10.0, 5.0, 22.0, 25.0)), TextLine("HFW", 0.99, (10.0, 70.0, 22.0, 100.0))]
    row = TextLine("30.00 kV 453 µm", 0.96, (26.0, 0.0, 40.0, 112.0))
    assert printed_facts([*names, row]).field_width_nm == pytest.approx(453e3)
    garbled = TextLine("10.4mm|100x*208mm", 0.9, (26.0, 0.0, 40.0, 112.0))
    assert printed_facts([*names, garbled]).field_width_nm is None


@pytest.mark.parametrize(
    ("texts", "width_px", "nm_per_px"),
    [
        (("SEI", "5.0kV", "X25,000", "WD 3.1mm"), 1280, 3.75),  # 120 mm
        (("100nm JEOL", "x33,000"), 1280, 2.8409),
        (("100nm JEOL", "x33,000"), 1102, None),  # no width that a microscope writes: cropped, for all one knows
        (("10.0kV 11.2mm x5.00k SE(UL)",), 1280, 19.844),  # 127 mm
        (("TM3030 x250",), 1280, None),  # another convention
        (("HFW 5.97 µm",), 1536, 3.8867),
        (("HFW 5.97 µm", "mag 20 000 x"), 1536, 3.8867),
        (("Mag = 14.66 K X",), 1024, None),
    ],
)
def test_what_a_pixel_is_by_the_print(texts: tuple[str, ...], width_px: int, nm_per_px: float | None) -> None:
    known = facts(*texts).nm_per_px(width_px)
    if nm_per_px is None:
        assert known is None
    else:
        assert known is not None
        assert known[0] == pytest.approx(nm_per_px, rel=1e-4)
        assert 0 < known[1] < 0.01


def test_no_sem_has_so_small_a_field() -> None:
    sem, tem = facts("WD 5.1 mm", "HV 5 kV"), facts("x 500,000")
    assert sem.rules_out(0.005, 1000)
    assert not sem.rules_out(0.5, 1000)
    assert not tem.rules_out(0.005, 1000)
