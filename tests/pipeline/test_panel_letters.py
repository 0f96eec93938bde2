"""Letters in a corner are no particles; particles that look like letters are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanogauge.core.protocols import TextLine
from nanogauge.detection.find import Found
from nanogauge.pipeline.letters import without_letters

H, W = 300, 400
Y, X = np.mgrid[0:H, 0:W]


class Says:
    """A reader that reads the same wherever it is asked."""

    name = "says"

    def __init__(self, text: str, sure: float = 0.95) -> None:
        self.text, self.sure, self.asked = text, sure, 0

    def read(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        return []

    def read_line(self, pixels: NDArray[np.uint8]) -> tuple[str, float]:
        self.asked += 1
        return self.text, self.sure


def scene(*dark: tuple[int, int]) -> tuple[NDArray[np.uint8], Found]:
    """Twelve grey discs, and black blocks with their upper left corners at `dark`; all found."""
    grey, labels = np.full((H, W), 90, np.uint8), np.zeros((H, W), np.int32)
    grey[:, :3] = 250
    for k in range(12):
        inside = (Y - 90 - 60 * (k // 4)) ** 2 + (X - 80 - 75 * (k % 4)) ** 2 < 15**2
        grey[inside], labels[inside] = 180, k + 1
    for k, (y, x) in enumerate(dark):
        grey[y : y + 30, x : x + 20], labels[y : y + 30, x : x + 20] = 4, 13 + k
    grey[-4:] = 4
    found = Found(labels, (labels > 0).astype(np.float32), 1.0, np.linspace(0.9, 1, int(labels.max()) + 1))
    return grey, found


def test_letters_in_a_corner_go_and_the_reader_is_told_so() -> None:
    grey, found = scene((10, 12), (10, 40))
    left, said = without_letters(found, grey, Says("a"))
    assert left.labels.max() == 12
    assert (left.labels[found.labels > 12] == 0).all()
    assert left.confidence is not None
    assert left.confidence[1:] == pytest.approx(np.asarray(found.confidence)[1:13])
    assert [s.code for s in said] == ["letters"]
    assert "2 objects as black or white as letters are" in said[0]


@pytest.mark.parametrize("reader", [Says("a", 0.7), Says("O"), Says("l1"), Says("500 nm"), Says("")])
def test_what_is_not_surely_read_stays(reader: Says) -> None:
    grey, found = scene((10, 12))
    left, said = without_letters(found, grey, reader)
    assert reader.asked == 1
    assert left is found
    assert said == ()


@pytest.mark.parametrize("dark", [(), ((130, 190),), tuple((10, 12 + 24 * k) for k in range(8))])
def test_the_reader_is_asked_of_few_objects_in_corners_alone(dark: tuple[tuple[int, int], ...]) -> None:
    grey, found = scene(*dark)
    reader = Says("B")
    assert without_letters(found, grey, reader) == (found, ())
    assert reader.asked == 0


@pytest.mark.parametrize(("dark", "goes"), [((130, 195), True), (None, False)])
def test_what_is_read_as_a_letter_anywhere_goes_only_where_it_looks_like_one(dark: tuple[int, int] | None, goes: bool) -> None:
    grey, found = scene(*([dark] if dark else []))
    y, x = dark or (90 - 15, 80 - 15)  # a grey disc like the eleven others, read as a letter
    left, said = without_letters(found, grey, Says(""), short=[("D", (y - 2, x - 2, y + 33, x + 33))])
    assert left.labels.max() == 12
    assert [s.code for s in said] == (["letters"] if goes else [])
    assert all("read as D" in s for s in said)
