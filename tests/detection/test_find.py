"""Looks put together: what a finer one adds, what a coarser one replaces, and what neither may touch."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.core.settings import Settings
from nanogauge.detection import looks
from nanogauge.detection.engines import make_engine
from nanogauge.detection.looks import Look, Seen, finer_if_unsure, would_see
from nanogauge.detection.merging import with_larger, with_overlooked, with_smaller

SEES = (6.0, 100.0)


def disc(labels: np.ndarray, y: float, x: float, diameter: float, label: int) -> None:
    yy, xx = np.indices(labels.shape)
    labels[(yy - y) ** 2 + (xx - x) ** 2 <= (diameter / 2) ** 2] = label


def look(
    zoom: float, *discs: tuple[float, float, float], sure: float | list[float] = 0.95, shape: tuple[int, int] = (200, 260)
) -> Look:
    labels = np.zeros(shape, np.int32)
    for k, (y, x, d) in enumerate(discs):
        disc(labels, y, x, d, k + 1)
    confidence = np.concatenate([[1.0], np.full(len(discs), sure)])
    return Look(zoom, labels, (labels > 0).astype(np.float32), confidence)


def diameters(found: Look) -> list[float]:
    area = np.bincount(found.labels.ravel())[1:]
    assert found.confidence is not None
    assert len(found.confidence) == len(area) + 1
    assert (area > 0).all()
    return sorted(np.round(np.sqrt(4 * area / np.pi)).tolist())


def test_small_particles_that_only_the_finer_look_sees_are_added():
    found = with_smaller(look(1, (60, 60, 50)), look(2, (60, 60, 50), (150, 150, 8), (150, 200, 8)), SEES)
    assert diameters(found) == [8, 8, 50]
    assert found.foreground[150, 150] == 1


def test_what_the_finer_look_is_unsure_of_or_sees_too_small_is_not_added():
    base = look(1, (60, 60, 50))
    assert with_smaller(base, look(2, (150, 150, 8), sure=0.3), SEES) is base
    assert with_smaller(base, look(2, (150, 150, 2)), SEES) is base


def test_a_small_particle_takes_the_outline_of_the_finer_look():
    found = with_smaller(look(1, (60, 60, 50), (150, 150, 11)), look(2, (150, 150, 8), (151, 158, 8)), SEES)
    assert len(diameters(found)) == 3  # what was one is two
    assert max(diameters(found)) == 50


def test_pieces_within_a_large_particle_are_not_added():
    base = look(1, (60, 60, 50))
    assert with_smaller(base, look(2, (55, 60, 20), (70, 60, 12)), SEES) is base


def test_a_giant_replaces_its_pieces():
    base = look(1, (80, 80, 60), (80, 150, 60), (20, 240, 20))
    giant = look(0.3, (80, 115, 150))
    found = with_larger(base, giant, SEES)
    assert diameters(found) == [20, pytest.approx(150, abs=2)]


def test_a_giant_the_coarser_look_is_unsure_of_replaces_nothing():
    base = look(1, (80, 80, 60), (80, 150, 60))
    assert with_larger(base, look(0.3, (80, 115, 150), sure=0.2), SEES) is base


def test_what_the_main_look_sees_well_stays():
    base = look(1, (60, 60, 50), (60, 130, 50))
    assert with_larger(base, look(0.3, (60, 95, 70)), SEES) is base  # two joined, not too large for the main look


FLAT = np.zeros((200, 260), np.uint8)  # nothing stands out of it


def test_what_was_overlooked_is_added_from_a_coarser_look_that_is_as_sure():
    base = look(1, (60, 60, 40), (60, 130, 40))
    more = (60, 60, 40), (60, 130, 40), (150, 150, 40)
    assert diameters(with_overlooked(base, look(0.75, *more), SEES, FLAT)) == [40, 40, 40]
    assert with_overlooked(base, look(1.5, *more), SEES, FLAT) is base  # a finer one sees specks
    assert with_overlooked(base, look(0.75, *more, sure=[0.95, 0.95, 0.7]), SEES, FLAT) is base  # not plain
    assert with_overlooked(base, look(0.75, *more, sure=[0.7, 0.7, 0.95]), SEES, FLAT) is base  # unsure of the rest
    assert with_overlooked(base, look(0.75, (60, 60, 40), (60, 130, 40), (60, 95, 60)), SEES, FLAT) is base  # over what is there


@pytest.mark.parametrize(
    ("diameter", "tone", "sure", "added"),
    [
        (20, 180, 0.6, True),
        (20, 180, 0.4, False),  # not sure enough
        (20, 120, 0.6, False),  # fainter than the others
        (20, 40, 0.6, False),  # dark among bright ones
        (40, 180, 0.6, False),  # far larger
    ],
)
def test_what_is_as_large_and_stands_out_as_the_others_do_is_added_on_less(diameter: int, tone: int, sure: float, added: bool):
    others = [(30.0 + 50 * (k // 5), 30.0 + 50 * (k % 5), 20.0) for k in range(10)]
    one = (150.0, 130.0, float(diameter))
    coarser = look(0.75, *others, one, sure=[0.6] * 10 + [sure])
    grey = np.full((200, 260), 100, np.uint8)
    grey[coarser.labels > 0] = 180
    grey[coarser.labels == 11] = tone
    found = with_overlooked(look(1, *others), coarser, SEES, grey)
    assert diameters(found) == sorted([20] * 10 + [diameter] * added)
    few = with_overlooked(look(1, *others[:5]), look(0.75, *others[:5], one, sure=[0.6] * 5 + [sure]), SEES, grey)
    assert few.n == 5  # too few to hold it against


def test_a_look_is_worth_more_the_surer_it_is_and_the_more_it_sees():
    def worth(*confidence: float) -> float:
        labels = np.zeros((4, len(confidence) + 2), np.int32)
        labels[1, 1:-1] = np.arange(1, len(confidence) + 1)
        return Look(1.0, labels, labels.astype(np.float32), np.array([1.0, *confidence])).worth

    assert worth() == -np.inf
    assert worth(0.95) > worth(0.7)
    assert worth(*[0.9] * 20) > worth(*[0.9] * 10)
    assert worth(*[0.9] * 100, *[0.95] * 4) > worth(*[0.95] * 4)  # small ones beside large ones
    assert worth(*[0.97] * 6) > worth(*[0.97] * 6, 0.6, 0.6)  # two specks are not worth the doubt
    assert worth(0.97) > worth(*[0.6] * 3)  # pieces of one


def test_a_look_is_a_witness_of_what_it_is_shown_at_a_size_that_it_sees():
    labels = np.zeros((60, 60), np.int32)
    labels[10:40, 10:40] = 1  # 34 px across
    base = Look(1.0, labels, labels.astype(np.float32), np.ones(2))

    def witness(zoom: float) -> bool:
        return would_see(Look(zoom, np.zeros_like(labels), base.foreground, np.ones(1)), base, (6.0, 250.0))

    assert witness(0.75)
    assert not witness(0.2)  # too small for it
    assert not witness(8.0)
    assert not would_see(base, Look(1.0, np.zeros_like(labels), base.foreground, np.ones(1)), (6.0, 250.0))


@pytest.mark.parametrize(("now", "there", "taken"), [(0.4, 0.9, 1.0), (0.4, 0.6, None), (0.7, 0.95, None)])
def test_a_finer_magnification_is_taken_where_this_one_is_unsure_and_that_one_much_surer(
    now: float, there: float, taken: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At zoom 1 everything is plain, at others nothing is; the whole picture is looked at once."""
    engine, looked = make_engine("unet"), list[float]()

    def seen(zoom: float, sure: float) -> Seen:
        labels = np.arange(0, 13, dtype=np.int32)[None]
        return Seen(None, zoom, (), labels, np.concatenate([[1.0], np.full(12, sure)]))  # type: ignore[arg-type]

    def look_at(picture: np.ndarray, engine: object, settings: Settings) -> Seen:
        looked.append(settings.segment.working_magnification)
        return seen(looked[-1], there)

    monkeypatch.setattr(looks, "predict", lambda patch, engine, **options: None)
    monkeypatch.setattr(looks, "Pieces", lambda maps, settings: None)
    monkeypatch.setattr(looks, "seen_in", lambda pieces, zoom, *rest: seen(zoom, there if zoom == 1 else 0.3))
    monkeypatch.setattr(looks, "look_at", look_at)
    first = seen(0.25, now)
    found = finer_if_unsure(first, np.zeros((600, 800), np.uint8), engine, Settings())
    assert looked == ([taken] if taken else [])
    assert (found.zoom == taken) if taken else (found is first)
