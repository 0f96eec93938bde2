"""What the annotator says it drew is there."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.training.synthetic.annotate import (
    MAKERS,
    STYLES,
    Maker,
    Style,
    add_data_bar,
    add_panel_letter,
    draw_scale_bar,
    round_bar_value,
)

GROUND = np.full((300, 420), 90, np.uint8)


@pytest.mark.parametrize(("field_nm", "value_nm"), [(1000, 200), (5200, 1000), (90, 20), (2.4e6, 5e5)])
def test_round_values(field_nm: float, value_nm: float) -> None:
    assert round_bar_value(field_nm) == pytest.approx(value_nm)


def test_round_value_needs_a_field() -> None:
    with pytest.raises(ValueError, match="got 0"):
        round_bar_value(0)


@pytest.mark.parametrize("style", STYLES)
def test_scale_bar(style: Style) -> None:
    drawn, truth = draw_scale_bar(GROUND, nm_per_px=2.3, style=style, rng=np.random.default_rng(1))
    assert drawn.shape == GROUND.shape
    assert truth.length_px == pytest.approx(truth.value_nm / 2.3)
    y0, x0, y1, x1 = truth.box
    assert (drawn[y0:y1, x0:x1] != 90).any()
    assert x1 - x0 == pytest.approx(truth.length_px, abs=8)
    assert (GROUND == 90).all()


@pytest.mark.parametrize("maker", MAKERS)
def test_data_bar(maker: Maker) -> None:
    drawn, truth, first_row = add_data_bar(GROUND, maker=maker, nm_per_px=2.3, rng=np.random.default_rng(1))
    assert first_row == 300
    assert drawn.shape[0] > 300
    assert drawn.shape[1] == 420
    assert (drawn[:300] == GROUND).all()
    assert truth.box[0] >= 300
    assert truth.text


def test_same_seed_same_picture() -> None:
    a, b = (draw_scale_bar(GROUND, nm_per_px=2.3, style="boxed", rng=np.random.default_rng(5))[0] for _ in range(2))
    assert (a == b).all()


def test_panel_letter_and_bad_names() -> None:
    rng = np.random.default_rng(0)
    assert (add_panel_letter(GROUND, "a", rng=rng)[:60, :60] != 90).any()
    with pytest.raises(ValueError, match="wavy"):
        draw_scale_bar(GROUND, nm_per_px=1.0, style="wavy", rng=rng)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="acme"):
        add_data_bar(GROUND, maker="acme", nm_per_px=1.0, rng=rng)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="does not fit"):
        draw_scale_bar(GROUND, nm_per_px=1.0, value_nm=1000, rng=rng)
