"""How much maps and outlines count for learned classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.particles import UNSURE
from nanogauge.core.protocols import EngineClasses
from nanogauge.core.settings import ClassSettings
from nanogauge.measuring.classes import learned
from nanogauge.measuring.learned_classes import outline_evidence, softmax
from nanogauge.measuring.shape_classes import SHAPES
from nanogauge.training.classes.counts import MAPS, OUTLINES, USUAL, weigh
from nanogauge.training.classes.judge import Found, judge_particles
from nanogauge.training.classes.outlines import fit_outlines

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
N_PICTURES = 6


def found(rng: np.random.Generator, true: I64, maps: I64, outlines: I64, *, k: int, of: tuple[str, ...]) -> Found:
    """Particles whose maps and outlines speak for these classes, with scatter; each micrograph has all classes."""
    n = len(true)
    z = rng.normal(0, 1, (n, k))
    z[np.arange(n), maps] += 3
    s = rng.normal(0, 1, (n, len(SHAPES)))
    s[np.arange(n), [SHAPES.index(of[c]) for c in outlines]] += 4
    picture = np.arange(n) // (n // N_PICTURES)
    names = tuple(f"p{i}" for i in range(N_PICTURES))
    return Found(softmax(z), softmax(s), np.ones(n), true, picture, np.bincount(true, minlength=k), names)


def known_of(names: tuple[str, ...], particles: Found) -> EngineClasses:
    return EngineClasses(names, outlines=tuple(map(tuple, fit_outlines(particles.shapes, particles.true, names).tolist())))


def right(particles: Found, known: EngineClasses, counts: tuple[float, float]) -> float:
    return float(np.diag(judge_particles(particles, replace(known, counts=counts)).matrix).sum() / len(particles.true))


def test_the_part_that_knows_decides() -> None:
    rng = np.random.default_rng(0)
    of = ("sphere", "rod")
    for names in (of, ("gold", "silver")):
        for knows in (MAPS, OUTLINES):
            learned_from, held, other = (
                found(rng, t, t if knows == MAPS else c, t if knows == OUTLINES else c, k=2, of=of)
                for t, c in rng.integers(2, size=(3, 2, 600))
            )
            known = known_of(names, learned_from)
            weighed = weigh(held, known)
            if names == of:
                assert weighed.counts == knows, "beyond chance, whatever the classes are called"
            assert weighed.losses.shape == (N_PICTURES, 4)
            ignorant = OUTLINES if knows == MAPS else MAPS
            assert right(other, known, weighed.counts) > right(other, known, knows) - 0.01
            assert right(other, known, knows) > right(other, known, ignorant) + 0.3


def test_names_that_say_another_shape_are_not_believed() -> None:
    rng = np.random.default_rng(5)
    true = rng.integers(2, size=600)
    for of, believed in ((("sphere", "rod"), True), (("plate", "rod"), False)):
        p = found(rng, true, true, true, k=2, of=of)
        fitted = fit_outlines(p.shapes, true, ("sphere", "rod"), p.picture)
        named = fit_outlines(p.shapes, true, ("sphere", "rod"))
        assert np.array_equal(fitted, named) == believed
        assert (outline_evidence(p.shapes, fitted).argmax(1) == true).mean() > 0.9


def test_both_count_where_each_tells_what_the_other_cannot() -> None:
    rng = np.random.default_rng(1)
    true = rng.integers(3, size=900)
    # maps tell the first two from the third, outlines the first from the other two
    maps = np.where(true == 2, 2, rng.integers(2, size=900))
    outlines = np.where(true == 0, 0, 1)
    particles = found(rng, true, maps, outlines, k=3, of=("sphere", "rod"))
    names = ("gold ball", "gold bar", "silver bar")
    known = known_of(names, particles)
    weighed = weigh(particles, known)
    assert min(weighed.counts) > 0.3
    assert right(particles, known, weighed.counts) > 1.1 * max(right(particles, known, c) for c in (MAPS, OUTLINES))


def test_what_helps_in_one_micrograph_alone_is_chance() -> None:
    rng = np.random.default_rng(2)
    true = rng.integers(2, size=600)
    outlines = np.where(rng.random(600) < 0.1, 1 - true, true)
    maps = np.where(np.arange(600) < 100, true, rng.integers(2, size=600))  # they know the first micrograph's particles
    particles = found(rng, true, maps, outlines, k=2, of=("sphere", "rod"))
    assert weigh(particles, known_of(("sphere", "rod"), particles)).counts == OUTLINES


def test_nothing_is_weighed_without_every_class_or_in_one_micrograph() -> None:
    rng = np.random.default_rng(3)
    true = rng.integers(2, size=300)
    particles = found(rng, true, true, true, k=2, of=("sphere", "rod"))
    three = ("sphere", "rod", "cube")
    some = replace(particles, seen=np.concatenate([particles.seen, np.full((300, 1), 1e-3)], axis=1))
    for names, usual in ((three, OUTLINES), (("a", "b", "c"), USUAL)):
        weighed = weigh(some, known_of(names, some))
        assert weighed.counts == usual
        assert weighed.losses.shape == (0, 4)
    one = replace(particles, picture=np.zeros(300, np.int64))
    assert weigh(one, known_of(("a", "b"), one)).counts == USUAL


def test_a_particle_of_which_nothing_is_said_is_unsure() -> None:
    table = pd.DataFrame({"label": [1, 2], "flags": [0, 0]})
    known = EngineClasses(
        ("sphere", "rod"), outlines=tuple(map(tuple, fit_outlines(np.zeros((0, 7)), np.zeros(0, int), ("sphere", "rod"))))
    )
    shapes = np.full((2, len(SHAPES)), 0.01)
    shapes[0, SHAPES.index("rod")] = 0.94
    shapes[1] = np.nan
    seen = np.array([[0.9, 0.1], [0.9, 0.1]])
    said = learned(table, seen, shapes, replace(known, counts=OUTLINES), ClassSettings(by="network"))
    assert said["class"].tolist() == ["rod", UNSURE]
    assert said["class_confidence"].tolist()[1] == pytest.approx(0.5)
    said = learned(table, seen, shapes, replace(known, counts=(1.0, 2.0)), ClassSettings(by="network"))
    assert said["class"].tolist()[1] == "sphere"
    particles = Found(seen, shapes, np.ones(2), np.array([1, 0]), np.zeros(2, np.int64), np.array([1, 1]), ("p",))
    judged = judge_particles(particles, replace(known, counts=OUTLINES))
    assert judged.matrix.tolist() == [[0, 0], [0, 1]]
    assert judged.untold == 1
    assert judged.found == 1
