"""Which scale counts."""

from __future__ import annotations

import pytest

from nanogauge.core.scale import Scale
from nanogauge.scale.bar import ScaleBarReading
from nanogauge.scale.resolve import resolve_scale


def bar(nm_per_px: float, *, confidence: float = 0.9, refused: str | None = None) -> ScaleBarReading:
    return ScaleBarReading(500, 500 / nm_per_px, (0, 0, 5, 100), "500 nm", confidence, nm_per_px, 0.004, refused=refused)


METADATA = Scale((2.0, 2.0), 0.005, "metadata")


def test_user_wins_and_is_told_of_contradictions() -> None:
    user = Scale((3.0, 3.0), 0.0, "user")
    decision = resolve_scale(metadata=METADATA, bar=bar(2.0), user=user)
    assert (decision.scale, decision.source, len(decision.warnings)) == (user, "user", 2)
    assert resolve_scale(metadata=None, bar=bar(3.01), user=user).warnings == ()


def test_user_is_told_where_the_file_knows_pixels_that_are_not_square() -> None:
    """ "4 nm/px" for pixels of 2.5 x 4 nm: diameters were 26 % too large without a word."""
    oblong = Scale((2.5, 4.0), 0.02, "metadata")
    decision = resolve_scale(metadata=oblong, bar=None, user=Scale((4.0, 4.0), 0.0, "user"))
    assert decision.warnings == ("you stated 4 x 4 nm/px (y x x), the metadata say 2.5 x 4 nm/px (y x x); yours is used",)
    assert resolve_scale(metadata=oblong, bar=None, user=Scale((2.5, 4.0), 0.0, "user")).warnings == ()


def test_agreement_gives_the_metadata() -> None:
    decision = resolve_scale(metadata=METADATA, bar=bar(2.02), user=None)
    assert (decision.scale, decision.source, decision.warnings) == (METADATA, "metadata", ())


def test_resized_picture_gives_the_bar_and_says_so() -> None:
    decision = resolve_scale(metadata=METADATA, bar=bar(4.0), user=None)
    assert decision.source == "scale_bar"
    assert decision.scale is not None
    assert decision.scale.nm_per_px == (4.0, 4.0)
    assert "2 nm/px" in decision.warnings[0]
    assert "4 nm/px" in decision.warnings[0]


def test_doubtful_bar_does_not_outweigh_metadata() -> None:
    decision = resolve_scale(metadata=METADATA, bar=bar(4.0, confidence=0.6), user=None)
    assert (decision.scale, decision.source) == (METADATA, "metadata")
    assert decision.warnings


def test_refused_bar_never_gives_a_scale() -> None:
    decision = resolve_scale(metadata=None, bar=bar(4.0, refused="the bar touches the frame"), user=None)
    assert (decision.scale, decision.source) == (None, "none")
    assert "touches the frame" in decision.warnings[0]


@pytest.mark.parametrize(
    ("metadata", "reading", "source"), [(METADATA, None, "metadata"), (None, bar(4.0), "scale_bar"), (None, None, "none")]
)
def test_one_alone_or_none(metadata: Scale | None, reading: ScaleBarReading | None, source: str) -> None:
    assert resolve_scale(metadata=metadata, bar=reading, user=None).source == source


def test_a_hint_is_offered_only_where_there_is_no_scale() -> None:
    without = resolve_scale(metadata=None, bar=None, user=None, hint="the tags say 2 nm/px")
    assert without.scale is None
    assert "the tags say 2 nm/px" in without.warnings
    with_user = resolve_scale(metadata=None, bar=None, user=Scale((1.0, 1.0), 0.0, "user"), hint="the tags say 2 nm/px")
    assert with_user.warnings == ()


@pytest.mark.parametrize("factor", [10, 0.1, 1000, 0.001])
def test_a_power_of_ten_is_a_misread_label(factor: float) -> None:
    decision = resolve_scale(metadata=METADATA, bar=bar(2.0 * factor, confidence=0.99), user=None)
    assert (decision.scale, decision.source) == (METADATA, "metadata")
    assert f"a factor of {factor:g}" in decision.warnings[0]


def test_a_resized_picture_keeps_its_oblong_pixels() -> None:
    oblong = Scale((3.0, 2.0), 0.005, "metadata")
    decision = resolve_scale(metadata=oblong, bar=bar(4.0), user=None)
    assert decision.scale is not None
    assert decision.scale.nm_per_px == pytest.approx((6.0, 4.0))
    assert "factor of 0.5" in decision.warnings[0]


def test_the_user_is_not_told_of_small_differences() -> None:
    user = Scale((2.06, 2.06), 0.0, "user")
    assert resolve_scale(metadata=METADATA, bar=bar(2.04), user=user).warnings == ()


def test_a_refined_bar_gives_its_refined_scale() -> None:
    reading = ScaleBarReading(
        100, 36.0, (0, 0, 5, 36), "100 nm", 0.9, 100 / 36, 0.014, refined=(2.84, 0.003), refined_by="printed magnification"
    )
    scale = resolve_scale(metadata=None, bar=reading, user=None).scale
    assert scale is not None
    assert (scale.nm_per_px, scale.relative_uncertainty) == ((2.84, 2.84), 0.003)


def test_pixels_that_are_not_square_keep_their_ratio_when_the_bar_wins() -> None:
    oblong = Scale((3.0, 2.0), 0.005, "metadata")
    scale = resolve_scale(metadata=oblong, bar=bar(4.0), user=None).scale
    assert scale is not None
    assert scale.nm_per_px == pytest.approx((6.0, 4.0))


@pytest.mark.parametrize(
    ("metadata", "read", "source", "flagged"),
    [  # the table in docs/scale.md, row by row, without the user's
        (METADATA, bar(2.01), "metadata", False),
        (METADATA, None, "metadata", False),
        (METADATA, bar(2.0, refused="no bar was found"), "metadata", False),
        (METADATA, bar(20.0), "metadata", True),
        (METADATA, bar(0.002), "metadata", True),
        (METADATA, bar(3.0), "scale_bar", True),
        (METADATA, bar(3.0, confidence=0.7), "metadata", True),
        (None, bar(2.0), "scale_bar", False),
        (None, bar(2.0, refused="the bar touches the frame"), "none", True),
        (None, None, "none", True),
    ],
)
def test_the_table(metadata: Scale | None, read: ScaleBarReading | None, source: str, flagged: bool) -> None:
    decision = resolve_scale(metadata=metadata, bar=read, user=None)
    assert (decision.source, bool(decision.warnings)) == (source, flagged)
    assert (decision.scale is None) == (source == "none")
    user = Scale((2.0, 2.0), 0.0, "user")
    assert resolve_scale(metadata=metadata, bar=read, user=user).scale is user
