"""What is dark in a scanning micrograph may be holes; of the same in transmission, or from no known microscope, nothing is said."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.micrograph import Instrument
from nanogauge.pipeline.dark_places import dark_warnings, scanning

SEM = Instrument(maker="ZEISS", accelerating_voltage_kv=5.0, detector="SE2")


def discs(*tones: int, ground: int = 120) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    y, x = np.mgrid[0:200, 0:400]
    labels, grey = np.zeros((200, 400), np.int32), np.full((200, 400), ground, np.uint8)
    grey[:, :6], grey[:, -6:] = 0, 250
    for k, tone in enumerate(tones):
        inside = (y - 50 - 90 * (k // 4)) ** 2 + (x - 60 - 90 * (k % 4)) ** 2 < 20**2
        labels[inside], grey[inside] = k + 1, tone
    return labels, grey


@pytest.mark.parametrize(
    ("kv", "detector", "is_scanning"),
    [
        (5.0, "SE2", True),
        (30.0, None, True),
        (200.0, None, False),
        (None, "ETD", False),
        (30.0, "STEM", False),
        (20.0, "BSE", True),
    ],
)
def test_the_file_says_how_the_picture_was_made(kv: float | None, detector: str | None, is_scanning: bool) -> None:
    assert scanning(Instrument(accelerating_voltage_kv=kv, detector=detector)) == is_scanning


def test_dark_ones_in_a_scanning_micrograph_are_said() -> None:
    labels, grey = discs(40, 40, 40, 40, 40, 200)
    (said,) = dark_warnings(labels, grey, SEM)
    assert said.code == "dark_places"
    assert said.startswith("5 of 6 particles are darker")


@pytest.mark.parametrize("tones", [(200,) * 6, (40, 40, 200, 200, 200, 200), (40, 40), (115,) * 6, ()])
def test_bright_few_and_faint_ones_are_not(tones: tuple[int, ...]) -> None:
    assert dark_warnings(*discs(*tones), SEM) == ()


def test_in_transmission_dark_is_what_particles_are() -> None:
    assert dark_warnings(*discs(*(40,) * 6), Instrument(accelerating_voltage_kv=200.0)) == ()
    assert dark_warnings(*discs(*(40,) * 6), Instrument()) == ()


def test_without_a_word_of_the_file_what_is_printed_counts() -> None:
    (said,) = dark_warnings(*discs(*(40,) * 6), Instrument(), printed="5.0 kV")
    assert "a scanning electron microscope (the picture says 5.0 kV)" in said
    assert dark_warnings(*discs(*(40,) * 6), Instrument(accelerating_voltage_kv=200.0), printed="5.0 kV") == ()


def test_particles_without_free_surroundings_are_not_judged() -> None:
    labels = np.repeat(np.repeat(np.arange(1, 26, dtype=np.int32).reshape(5, 5), 20, 0), 20, 1)
    assert dark_warnings(labels, np.where(labels % 2, 40, 90).astype(np.uint8), SEM) == ()
