"""Scores against truth worked out by hand, and against the project's own scorer."""

import importlib.util
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nanogauge.core.errors import TruthError
from nanogauge.training import evaluate
from nanogauge.training.evaluate import Scores, match, score_image, summarise_scores

SHARED = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[3] / "shared"))


def boxes(*corners, shape=(40, 60)):
    labels = np.zeros(shape, np.int32)
    for label, (y0, x0, y1, x1) in enumerate(corners, start=1):
        labels[y0:y1, x0:x1] = label
    return labels


def random_labels(rng, shape, *, n, largest=9):
    labels = np.zeros(shape, np.int32)
    for label in rng.permutation(3 * n)[:n] + 1:
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        labels[y : y + rng.integers(1, largest), x : x + rng.integers(1, largest)] = label
    return labels


def disturbed(rng, labels):
    """Some particles moved, some gone, some cut in two."""
    out = np.roll(labels, rng.integers(-2, 3, 2), (0, 1))
    out[np.isin(out, rng.permutation(np.unique(out))[:3])] = 0
    out[:, 1::2][out[:, 1::2] == out.max()] = out.max() + 1
    return out


def pairs(seed, n_images=6):
    rng = np.random.default_rng(seed)
    images = []
    for k in range(n_images):
        shape = (int(rng.integers(15, 60)), int(rng.integers(61, 90)))
        truth = random_labels(rng, shape, n=int(rng.integers(3, 40)), largest=int(rng.integers(3, 14)))
        images.append((disturbed(rng, truth) if k % 3 else random_labels(rng, shape, n=20), truth))
    return images


def test_the_same_labels_score_one():
    truth = boxes((2, 3, 8, 9), (20, 30, 34, 40))
    scores = summarise_scores([score_image(truth, truth)])
    ones = {k for k in scores if not k.endswith(("mre", "mre_median", "spearman")) and k != "images"}
    assert all(scores[k] == 1 for k in ones)
    assert scores["particle_mre"] == scores["image_mean_mre"] == scores["image_median_mre"] == 0
    assert scores["particle_spearman"] == pytest.approx(1)


def test_figures_by_hand():
    truth = boxes((0, 0, 10, 10), (20, 20, 30, 30))
    pred = boxes((0, 0, 10, 6), (20, 25, 30, 35), (30, 0, 32, 5))  # IoU 0.6; 50/150; nothing
    s = score_image(pred, truth)
    assert (s.matches.tp, s.matches.fp, s.matches.fn) == (1, 2, 1)
    assert s.matches.iou.tolist() == [0.6]
    assert s.iou == pytest.approx(110 / 260)
    assert s.f1 == pytest.approx(220 / 370)
    assert (s.ap50, s.f50, s.pq) == pytest.approx((1 / 4, 2 / 5, 0.6 / 2.5))
    scores = summarise_scores([s])
    assert scores["particle_mre"] == pytest.approx(1 - math.sqrt(0.6))
    assert math.isnan(scores["particle_spearman"])


def test_threshold_counts_at_its_value():
    truth, pred = boxes((0, 0, 10, 10)), boxes((0, 0, 10, 5))
    assert [match(pred, truth, threshold=t).tp for t in (0.4, 0.5, 0.51)] == [1, 1, 0]


def test_largest_sum_comes_before_the_threshold():
    # a (3 px) and b (3 px) share 2 px: IoU 0.5; but a also holds c, and d the rest of b: 1/3 + 1/3 weigh more
    pred = np.array([[1, 1, 1, 2, 0]])
    truth = np.array([[8, 9, 9, 9, 0]])
    assert match(pred, truth).tp == 0
    assert sorted(match(pred, truth, threshold=0.3).iou) == pytest.approx([1 / 3, 1 / 3])


def test_values_of_labels_do_not_matter():
    pred, truth = pairs(5)[1]
    one = match(pred, truth)
    other = match(pred.astype(np.int64) * 40_000_000, truth.astype(np.uint16) * 7)
    for key in ("pred", "truth", "iou", "pred_area_px2", "truth_area_px2"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key))


def test_no_background_at_all():
    everything = np.full((4, 7), 9)
    assert match(everything, everything).tp == 1
    assert match(everything * 1000, everything).pred_area_px2.tolist() == [28]


def test_large_sets_go_by_groups_to_the_same_sum(monkeypatch):
    for pred, truth in pairs(11) + pairs(12):
        dense = match(pred, truth, threshold=0.0)
        with monkeypatch.context() as patch:
            patch.setattr(evaluate, "MAX_DENSE_CELLS", 0)
            grouped = match(pred, truth, threshold=0.0)
            strict = match(pred, truth)
        assert grouped.iou.sum() == pytest.approx(dense.iou.sum(), rel=1e-12)
        assert len(set(grouped.pred.tolist())) == len(set(grouped.truth.tolist())) == grouped.tp
        assert strict.tp == np.count_nonzero(grouped.iou >= 0.5)
    monkeypatch.setattr(evaluate, "MAX_DENSE_CELLS", 0)
    assert match(boxes((0, 0, 2, 2)), boxes((9, 9, 12, 12))).tp == 0


def test_empty_pictures():
    empty, some = np.zeros((40, 60), int), boxes((2, 3, 8, 9))
    for pred, truth, counts in ((empty, some, (0, 0, 1)), (some, empty, (0, 1, 0)), (empty, empty, (0, 0, 0))):
        m = match(pred, truth)
        assert (m.tp, m.fp, m.fn) == counts
    scores = summarise_scores([score_image(empty, some), score_image(some, some)])
    assert scores["image_mean_mre"] == 0.5  # a picture without predicted particles counts as error 1
    assert scores["f50_mean"] == 0.5
    nothing = summarise_scores([score_image(empty, empty)])
    assert set(nothing) == set(Scores.__annotations__)
    assert math.isnan(nothing["iou_pooled"])


def test_what_does_not_fit_is_said():
    with pytest.raises(TruthError, match=r"\(3, 4\) but the true ones \(4, 3\)"):
        match(np.zeros((3, 4), int), np.zeros((4, 3), int))
    with pytest.raises(ValueError, match=r"pred must be .* float64"):
        match(np.zeros((3, 4)), np.zeros((3, 4), int))
    with pytest.raises(ValueError, match="truth must be 0 or positive, got -1"):
        match(np.zeros((3, 4), int), np.full((3, 4), -1))
    with pytest.raises(ValueError, match="at least one"):
        summarise_scores([])


@pytest.fixture(scope="module")
def scorer():
    path = SHARED / "score.py"
    if not path.exists():
        pytest.skip(f"the project's scorer is not at {path}; set NANOGAUGE_SHARED to the folder that holds score.py")
    spec = importlib.util.spec_from_file_location("shared_score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(12))
def test_scores_are_the_scorers_to_the_last_digit(scorer, seed, tmp_path):
    images = pairs(seed)
    if seed % 2:  # a picture in which nothing was found
        images.append((np.zeros_like(images[0][1]), images[0][1]))
    for folder in ("pred", "truth"):
        (tmp_path / folder).mkdir()
    names = [f"{k:02}" for k in range(len(images))]
    for name, (pred, truth) in zip(names, images, strict=True):
        tifffile.imwrite(tmp_path / "pred" / f"{name}.tif", pred)
        tifffile.imwrite(tmp_path / "truth" / f"{name}.tif", truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its affair: means of nothing
        expected, rows = scorer.main(tmp_path / "pred", tmp_path / "truth", names)
    mine = [score_image(pred, truth, name=name) for name, (pred, truth) in zip(names, images, strict=True)]
    scores = summarise_scores(mine)
    assert list(scores) == list(expected)
    for key, value in expected.items():
        assert scores[key] == value or (math.isnan(scores[key]) and math.isnan(value)), key
    for row, image in zip(rows, mine, strict=True):
        assert [row[k] for k in ("iou", "f1", "ap50", "f50", "pq")] == [image.iou, image.f1, image.ap50, image.f50, image.pq]
        assert [row[k] for k in ("tp", "fp", "fn")] == [image.matches.tp, image.matches.fp, image.matches.fn]
