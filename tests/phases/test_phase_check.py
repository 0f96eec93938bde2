"""What a network gets wrong: found on held-out pictures, corrected for, and in the interval."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nanogauge.core.errors import InputError, TruthError
from nanogauge.phases import PhaseMap, phase_figures, phase_map
from nanogauge.phases.check import Check, check_picture, read_check
from phase_tools import level_sets

NAMES = ("rock", "pore")


def muddled(truth, rng, rates):
    """The truth with patches of 3 x 3 px misclassified at the rates (of rock, of pore)."""
    h, w = truth.shape
    draw = np.kron(rng.random((h // 3 + 1, w // 3 + 1)), np.ones((3, 3)))[:h, :w]
    wrong = draw < np.array(rates)[truth]
    return np.where(wrong, 1 - truth, truth).astype(np.uint8)


def checked(rng, rates, n=12):
    pictures = []
    for k in range(n):
        truth = level_sets(rng, (120, 120), 6.0, (0.7, 0.3)).phases
        m = PhaseMap(name=f"{k}", phases=muddled(truth, rng, rates), names=NAMES, unsure=0.02)
        pictures.append(check_picture(m, truth))
    return Check(NAMES, tuple(pictures), "abc")


def test_what_is_misclassified_on_average_is_corrected() -> None:
    rng = np.random.default_rng(3)
    check = checked(rng, (0.12, 0.02))
    truth = level_sets(rng, (300, 300), 6.0, (0.85, 0.15)).phases  # other shares than those it was checked on
    f = phase_figures([PhaseMap(name="m", phases=muddled(truth, rng, (0.12, 0.02)), names=NAMES)], check)
    share = f.phases[1].share
    true = float((truth == 1).mean())
    assert check.correction() is not None
    assert share.as_said > true + 0.05
    assert share.whole.value == pytest.approx(true, abs=0.02)
    assert share.whole.low < true < share.whole.high
    assert share.whole.high - share.whole.low > share.sampling.high - share.sampling.low


def test_an_error_that_is_small_and_of_either_sign_is_left_alone() -> None:
    rng = np.random.default_rng(5)
    check = checked(rng, (0.0, 0.0))
    assert check.share_reach() == pytest.approx([0.0, 0.0], abs=1e-12)
    assert check.iou() == pytest.approx([1.0, 1.0])
    assert check.chord_bias()[0].factor == pytest.approx(1.0)


def test_lengths_are_corrected_for_specks() -> None:
    rng = np.random.default_rng(7)
    check = checked(rng, (0.03, 0.03))
    texture = level_sets(rng, (300, 300), 6.0, (0.7, 0.3))
    m = PhaseMap(name="m", phases=muddled(texture.phases, rng, (0.03, 0.03)), names=NAMES)
    plain, better = phase_figures([m]), phase_figures([m], check)
    assert plain.phases[0].chord.high < texture.chord[0]  # it does not hold, and says that it was not checked
    e = better.phases[0].chord
    assert e.low < texture.chord[0] < e.high
    assert better.interfaces["rock", "pore"].low < texture.interface[0, 1] < better.interfaces["rock", "pore"].high


def test_without_a_check_the_networks_own_doubts_are_in_the_interval() -> None:
    phases = level_sets(np.random.default_rng(1), (200, 200), 5.0, (0.6, 0.4)).phases
    p = np.where(phases[..., None] == np.arange(2), 0.9, 0.1).astype(np.float32)
    f = phase_figures([phase_map(p, NAMES)])
    s = f.phases[1].share
    assert s.below == pytest.approx(0.1 * s.as_said, rel=1e-3)
    assert s.above == pytest.approx(0.1 * (1 - s.as_said), rel=1e-3)
    assert any("not checked on held-out pictures" in w for w in f.warnings)


def test_pictures_unlike_the_checked_ones_are_told() -> None:
    rng = np.random.default_rng(2)
    check = checked(rng, (0.05, 0.05), n=4)
    phases = level_sets(rng, (200, 200), 5.0, (0.6, 0.4)).phases
    p = np.where(phases[..., None] == np.arange(2), 0.7, 0.3).astype(np.float32)
    f = phase_figures([phase_map(p, NAMES)], check)
    assert f.unlike
    assert f.phases[1].share.above >= 0.3 * (1 - f.phases[1].share.as_said) - 1e-6


def test_two_pictures_are_too_few_to_tell_an_error() -> None:
    check = checked(np.random.default_rng(2), (0.05, 0.05), n=2)
    assert check.share_reach() is None
    phases = np.zeros((60, 60), np.uint8)
    phases[20:40] = 1
    f = phase_figures([phase_map(np.where(phases[..., None] == np.arange(2), 0.9, 0.1), NAMES)], check)
    assert any("too few to tell its error" in w for w in f.warnings)


def test_scribbles_tell_fractions_but_no_lengths() -> None:
    truth = level_sets(np.random.default_rng(1), (100, 100), 5.0, (0.6, 0.4)).phases
    scribbled = np.where(np.arange(100)[:, None] % 3 == 0, truth, 255).astype(np.uint8)
    found = check_picture(PhaseMap(name="m", phases=truth, names=NAMES), scribbled)
    assert found.confusion.sum() == 34 * 100
    assert np.isnan(found.chord).all()


def test_labels_that_do_not_fit_are_refused() -> None:
    m = PhaseMap(name="m.tif", phases=np.zeros((20, 20), np.uint8), names=NAMES)
    with pytest.raises(TruthError, match=r"m\.tif: labels are \(10, 10\)"):
        check_picture(m, np.zeros((10, 10), np.uint8))
    with pytest.raises(TruthError, match="a phase number 7"):
        check_picture(m, np.full((20, 20), 7, np.uint8))
    with pytest.raises(TruthError, match="no pixel is labelled"):
        check_picture(m, np.full((20, 20), 255, np.uint8))


def test_a_check_is_written_and_read_back(tmp_path) -> None:
    check = checked(np.random.default_rng(2), (0.05, 0.01), n=3)
    path = tmp_path / "a.check.json"
    path.write_text(json.dumps(check.to_dict()))
    back = read_check(path)
    assert back.names == check.names
    assert back.confusion.tolist() == check.confusion.tolist()
    assert back.share_reach() == pytest.approx(check.share_reach())
    path.write_text("{}")
    with pytest.raises(InputError, match=r"a\.check\.json: no check of a network"):
        read_check(path)
    with pytest.raises(InputError, match="nanogauge phases check"):
        read_check(tmp_path / "none.json")


def test_a_check_of_other_phases_is_refused() -> None:
    check = checked(np.random.default_rng(2), (0.05, 0.01), n=3)
    with pytest.raises(InputError, match="the check is of rock, pore"):
        phase_figures([PhaseMap(name="m", phases=np.zeros((9, 9), np.uint8), names=("x", "y"))], check)


def test_errors_that_cancelled_where_it_was_checked_are_in_the_interval_of_other_shares() -> None:
    """As much of either phase taken for the other: nothing is seen of it at equal shares, and much at others."""
    rng = np.random.default_rng(9)
    pictures = []
    for k in range(5):
        truth = level_sets(rng, (120, 120), 6.0, (0.5, 0.5)).phases
        pictures.append(check_picture(PhaseMap(name=f"{k}", phases=muddled(truth, rng, (0.1, 0.1)), names=NAMES), truth))
    check = Check(NAMES, tuple(pictures))
    reach = check.reach_at(np.array([0.5, 0.5])), check.reach_at(np.array([0.9, 0.1]))
    assert check.correction() is not None or reach[1][0] > reach[0][0] + 0.03
    truth = level_sets(rng, (300, 300), 6.0, (0.95, 0.05)).phases
    share = phase_figures([PhaseMap(name="m", phases=muddled(truth, rng, (0.1, 0.1)), names=NAMES)], check).phases[1].share
    assert share.whole.low <= (truth == 1).mean() <= share.whole.high
