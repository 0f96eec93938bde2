"""Figures of several panels are told from single micrographs, and never measured by one panel's bar."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.scale import Scale
from nanogauge.detection.engines.ocr import RapidOcrReader
from nanogauge.scale.bar import read_scale_bar
from nanogauge.scale.bar.panels import find_panels
from nanogauge.scale.resolve import resolve_scale
from nanogauge.training.synthetic.annotate import add_data_bar, draw_scale_bar

Grey = NDArray[np.uint8]


def joined(parts: list[Grey], *, gap: int, level: int, axis: int) -> Grey:
    """Panels of one size beside each other or below each other, with gutters between them."""
    gutter = np.full((parts[0].shape[0], gap) if axis == 1 else (gap, parts[0].shape[1]), level, np.uint8)
    pieces = [p for part in parts for p in (part, gutter)][:-1]
    return np.concatenate(pieces, axis=axis)


@pytest.mark.parametrize("gap", [2, 5, 12])
@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("axis", [0, 1])
def test_two_panels(ground: Grey, gap: int, level: int, axis: int) -> None:
    boxes = find_panels(joined([ground, ground[::-1]], gap=gap, level=level, axis=axis))
    size = ground.shape[axis]
    starts = [(b[axis], b[axis + 2]) for b in boxes]
    assert starts == [(0, size), (size + gap, 2 * size + gap)]


def test_a_grid_of_panels_with_a_margin(ground: Grey) -> None:
    row = joined([ground, ground[:, ::-1], ground], gap=6, level=255, axis=1)
    figure = np.pad(joined([row, row[::-1]], gap=8, level=255, axis=0), 10, constant_values=255)
    boxes = find_panels(figure)
    assert len(boxes) == 6
    for y0, x0, y1, x1 in boxes:
        assert figure[y0 + 12 : y1 - 12, x0 + 12 : x1 - 12].std() > 10


def test_one_micrograph_is_one_panel(ground: Grey, rng: np.random.Generator) -> None:
    whole = [(0, 0, *ground.shape)]
    assert find_panels(ground) == whole
    assert find_panels(np.pad(ground, 7, constant_values=255)) == [(0, 0, ground.shape[0] + 14, ground.shape[1] + 14)]
    for maker in ("zeiss", "jeol", "hitachi_tm", "tescan"):
        drawn, _, _ = add_data_bar(ground, maker=maker, nm_per_px=12.5, rng=rng)
        assert len(find_panels(drawn)) == 1
    dark = np.zeros((200, 300), np.uint8)
    dark[60:90, 40:90] = dark[60:90, 180:230] = 200
    assert len(find_panels(dark)) == 1  # an even ground between two particles is no gutter


def test_one_bar_is_never_used_for_all_panels(ground: Grey, reader: RapidOcrReader, rng: np.random.Generator) -> None:
    first, _ = draw_scale_bar(ground, nm_per_px=2.0, value_nm=200.0, rng=rng, bright=True)
    reading = read_scale_bar(joined([first, ground[::-1]], gap=8, level=255, axis=1), reader)
    assert reading is not None
    assert reading.scale is None
    assert "2 panels" in (reading.refused or "")
    decision = resolve_scale(metadata=None, bar=reading, user=Scale((2.0, 2.0), 0.0, "user"))
    assert decision.scale is not None
    assert "2 panels" in decision.warnings[0]
    assert "gutter" in decision.warnings[0]


def test_bars_that_disagree_are_refused_and_those_that_agree_are_used(
    ground: Grey, reader: RapidOcrReader, rng: np.random.Generator
) -> None:
    first, _ = draw_scale_bar(ground, nm_per_px=2.0, value_nm=200.0, rng=rng, bright=True)
    other, _ = draw_scale_bar(ground[:, ::-1], nm_per_px=1.0, value_nm=100.0, rng=rng, bright=True)
    same, _ = draw_scale_bar(ground[::-1], nm_per_px=2.0, value_nm=200.0, rng=rng, bright=True)
    apart = read_scale_bar(joined([first, other], gap=8, level=255, axis=1), reader)
    assert apart is not None
    assert "disagree" in (apart.refused or "")
    together = read_scale_bar(joined([same, first], gap=8, level=255, axis=0), reader)
    assert together is not None
    assert together.scale is not None
    assert together.scale.mean_nm_per_px == pytest.approx(2.0, rel=0.02)
    assert any("2 panels" in w for w in together.warnings)
    assert "gutter" in resolve_scale(metadata=None, bar=together, user=None).warnings[0]
    assert not any("gutter" in w for w in resolve_scale(metadata=None, bar=apart, user=None).warnings)  # it says --panels itself
