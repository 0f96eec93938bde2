"""The locator's examples, its network and its training. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.detection.engines.onnx import OnnxLocator  # noqa: E402
from nanogauge.pipeline.measure import Measurer  # noqa: E402
from nanogauge.scale.bar.located import located_in  # noqa: E402
from nanogauge.training.locator.collect import collect, held_out  # noqa: E402
from nanogauge.training.locator.examples import MAPS, Picture, example, maps, read_pictures  # noqa: E402
from nanogauge.training.locator.learn import export, learn  # noqa: E402
from nanogauge.training.locator.network import Locator, loss  # noqa: E402
from nanogauge.training.locator.overlays import Drawn, with_overlay  # noqa: E402
from nanogauge.training.synthetic.annotate import draw_scale_bar  # noqa: E402

SHAPE = (160, 224)


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.clip(rng.normal(120, 12, (240, 320)), 0, 255).astype(np.uint8)


def test_maps_mark_what_was_drawn() -> None:
    out, known = maps(Drawn(np.zeros((64, 64), np.uint8), [("bar", (40, 10, 44, 50)), ("unknown", (0, 0, 8, 8))]), (64, 64))
    assert out.shape == (len(MAPS), 32, 32)
    bar, left, right = out[0], out[3], out[4]
    assert bar[20:22, 5:25].all()
    assert bar.sum() == 2 * 20
    assert np.unravel_index(left.argmax(), left.shape)[1] in (4, 5)
    assert np.unravel_index(right.argmax(), right.shape)[1] in (24, 25)
    assert not known[:4, :4].any()
    assert known[4:].all()


@pytest.mark.parametrize("seed", range(12))
def test_a_drawn_bar_stands_out_from_its_ground_where_its_box_is(grey: np.ndarray, seed: int) -> None:
    drawn = with_overlay(grey, np.random.default_rng(seed))
    assert drawn.pixels.dtype == np.uint8
    for part, (y0, x0, y1, x1) in drawn.parts:
        if part in ("bar", "label") and drawn.pixels.shape == grey.shape:
            box = np.s_[max(int(y0), 0) : int(y1) + 1, max(int(x0), 0) : int(x1) + 1]
            assert (drawn.pixels[box] != grey[box]).mean() > 0.1


@pytest.mark.parametrize("seed", range(8))
def test_examples_have_one_shape_and_are_the_same_again(grey: np.ndarray, seed: int) -> None:
    pictures = [
        Picture(grey, (("bar", (200.0, 30.0, 206.0, 90.0)), ("label", (180.0, 30.0, 195.0, 90.0))), False),
        Picture(grey, (), True),
    ]
    a, b = (example(pictures, SHAPE, np.random.default_rng([1, seed])) for _ in range(2))
    assert a[0].shape == SHAPE
    assert a[1].shape == (5, 80, 112)
    assert a[2].shape == (80, 112)
    for x, y in zip(a, b, strict=True):
        assert np.array_equal(x, y)


def test_the_network_keeps_its_contract_and_its_loss_falls_towards_the_truth() -> None:
    network = Locator().eval()
    assert sum(p.numel() for p in network.parameters()) < 750_000  # 3 MB
    with torch.no_grad():
        out = network(torch.zeros(1, 1, 64, 96))
    assert out.shape == (1, 5, 32, 48)
    truth, known = torch.zeros(1, 5, 32, 48), torch.ones(1, 32, 48, dtype=torch.bool)
    truth[:, 0, 10:12, 5:30] = 1
    right, wrong = 12 * truth - 6, 6 - 12 * truth
    assert loss(right, truth, known) < 0.1 * loss(wrong, truth, known)
    assert loss(wrong, truth, ~known) < loss(wrong, truth, known)  # what is not known does not count


@pytest.mark.slow
def test_collecting_learning_going_on_and_export(tmp_path: Path, grey: np.ndarray) -> None:
    import cv2

    rng = np.random.default_rng(5)
    folder = tmp_path / "pictures"
    folder.mkdir()
    drawn, truth = draw_scale_bar(grey, nm_per_px=2.0, value_nm=100.0, rng=rng, tone=255.0, text="100 nm")
    names = [n for n in (f"p{k}.png" for k in range(20)) if not held_out(n, 5)][:2]
    cv2.imwrite(str(folder / names[0]), drawn)
    cv2.imwrite(str(folder / names[1]), grey)
    assert collect(tmp_path / "data", [str(folder)], one_in=5, measurer=Measurer(n_threads=1)) == 2
    with_bar = next(p for p in read_pictures(tmp_path / "data") if p.parts)
    assert with_bar.parts[0][0] == "bar"
    assert np.allclose(with_bar.parts[0][1], truth.box, atol=2)

    whole = learn(tmp_path / "whole", tmp_path / "data", steps=3)
    learn(tmp_path / "parts", tmp_path / "data", steps=2)
    state = torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2
    learn(tmp_path / "parts", tmp_path / "data", steps=3)
    assert torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)["step"] == 3
    export(whole, tmp_path / "locator.onnx")
    maps_, cell_px = OnnxLocator(tmp_path / "locator.onnx", n_threads=1).maps(drawn)
    assert maps_.shape == (5, 120, 160)
    assert cell_px == 2.0


def test_the_shipped_locator_sees_a_plain_bar_and_its_label(grey: np.ndarray) -> None:
    drawn, truth = draw_scale_bar(grey, nm_per_px=2.0, value_nm=200.0, rng=np.random.default_rng(1), tone=255.0, text="200 nm")
    seen = located_in(drawn, OnnxLocator(n_threads=1))
    bar = max(seen.bars, key=lambda b: b.confidence)
    assert bar.x1 - bar.x0 == pytest.approx(truth.length_px, abs=4)
    assert seen.labels[0].confidence > 0.5
    y0, x0, y1, x1 = seen.labels[0].box
    assert y0 < 0.5 * (truth.label_box[0] + truth.label_box[2]) < y1
    assert x0 < 0.5 * (truth.label_box[1] + truth.label_box[3]) < x1
