"""The network of sizes: examples whose truth is counted, what the map says of them, its training and its file. Needs `train`."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.errors import SettingsError  # noqa: E402
from nanogauge.detection.engines.onnx import DEFAULT, OnnxSizeEstimator  # noqa: E402
from nanogauge.training.shipped import read_onnx  # noqa: E402
from nanogauge.training.sizes.examples import Picture, example, picture_of, read_pictures, truth_of, weighted  # noqa: E402
from nanogauge.training.sizes.export import export  # noqa: E402
from nanogauge.training.sizes.learn import begun, learn  # noqa: E402
from nanogauge.training.sizes.network import CELL_PX, FIGURES, N_SIZES, SMALLEST_PX, STEP, SizeNet, loss  # noqa: E402


def discs(diameters: list[float], *, side: int = 256, pitch: int = 64) -> Picture:
    """Discs on a grid, from the upper left corner; a diameter of 0 leaves its place free."""
    yy, xx = np.mgrid[0:side, 0:side]
    labels = np.zeros((side, side), np.int32)
    across = side // pitch
    for k, d in enumerate(diameters):
        y, x = (k // across + 0.5) * pitch, (k % across + 0.5) * pitch
        labels[np.hypot(yy + 0.5 - y, xx + 0.5 - x) <= d / 2] = k + 1
    return picture_of(np.where(labels > 0, 200, 60).astype(np.uint8), labels)


def number_by_size(shares: np.ndarray) -> np.ndarray:
    """Particles of each size, from shares of cells."""
    area = shares[1:].sum((1, 2)) * CELL_PX**2
    return np.asarray(area * 4 / math.pi * np.exp(-2 * (math.log(SMALLEST_PX) + STEP * np.arange(N_SIZES))))


def test_a_map_of_shares_is_a_size_distribution_by_number():
    picture = discs([10.0] * 12 + [40.0] * 4)
    shares, truth = truth_of(picture.labels.astype(np.int32), picture, 1.0)
    assert shares.sum(0) == pytest.approx(1, abs=1e-5)
    number = number_by_size(shares)
    assert number.sum() == pytest.approx(16, rel=0.05)
    assert number[:10].sum() == pytest.approx(12, rel=0.05)  # the smaller ones, whatever their share of the area
    assert truth == pytest.approx([math.log(10), truth[1], 16], abs=0.05)


def test_a_zoom_multiplies_all_sizes_and_leaves_their_spread_and_number():
    picture = discs([14.0, 20.0, 20.0, 30.0])
    zoomed = np.kron(picture.labels.astype(np.int32), np.ones((2, 2), np.int32))
    _, once = truth_of(picture.labels.astype(np.int32), picture, 1.0)
    shares, twice = truth_of(zoomed, picture, 4.0)
    assert twice == pytest.approx([once[0] + math.log(2), once[1], once[2]], abs=1e-5)
    assert number_by_size(shares).sum() == pytest.approx(4, rel=0.05)


def test_of_a_particle_that_the_frame_cuts_no_size_is_asked():
    labels = np.zeros((128, 128), np.int32)
    labels[:20, :20] = 1
    labels[60:80, 60:80] = 2
    picture = picture_of(labels.astype(np.uint8), labels)
    shares, truth = truth_of(labels, picture, 1.0)
    assert math.exp(truth[0]) == pytest.approx(math.sqrt(4 / math.pi) * 20, rel=0.01)
    assert shares[:, 0, 0].sum() == 0  # not known
    assert truth[2] == pytest.approx(1.5)  # a cut one counts for half


def test_a_particle_cut_by_the_view_keeps_its_size_and_counts_by_its_share():
    picture = discs([40.0])
    shares, truth = truth_of(picture.labels.astype(np.int32)[:32, :64], picture, 1.0)
    assert truth == pytest.approx([math.log(40), 0, 0.5], abs=0.03)
    assert number_by_size(shares).sum() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_examples_are_the_same_again_and_tell_what_they_show(seed: int):
    picture = discs([20.0] * 16)
    a, b = (example(picture, np.random.default_rng(seed)) for _ in range(2))
    assert all(np.array_equal(u, v, equal_nan=True) for u, v in zip(a, b, strict=True))
    if a.truth[2] > 3:
        by_size = number_by_size(a.shares)
        middle = weighted(math.log(SMALLEST_PX) + STEP * np.arange(N_SIZES), by_size)[0]
        assert middle == pytest.approx(a.truth[0], abs=0.75 * STEP)


def test_the_untrained_head_says_what_the_map_says():
    network = SizeNet().eval()
    logits = torch.full((1, N_SIZES + 1, 16, 16), -20.0)
    logits[:, 0] = 0
    k = 12
    logits[:, 1 + k, :4, :4] = 20.0
    with torch.no_grad():
        ln_d50, _, _, ln_n, _ = network.figures(logits, torch.zeros(1, 128))[0].tolist()
    d = SMALLEST_PX * math.exp(k * STEP)
    assert ln_d50 == pytest.approx(math.log(d), abs=0.4)  # the head's own offset, before it has learned
    assert ln_n == pytest.approx(math.log(16 * CELL_PX**2 * 4 / math.pi / d**2), abs=0.4)


def test_loss_falls_as_figures_and_map_come_nearer_to_the_truth():
    picture = discs([20.0] * 16)
    view = example(picture, np.random.default_rng(1))
    shares, truth = torch.from_numpy(view.shares)[None], torch.from_numpy(view.truth)[None]
    right = torch.tensor([[float(view.truth[0]), -2.0, float(view.truth[1]), math.log(view.truth[2] + 0.3), -1.0]])
    assert right.shape[1] == len(FIGURES)
    near, far = torch.log(shares + 1e-3), torch.log(shares.roll(6, 1) + 1e-3)
    assert loss(near, right, shares, truth) < loss(far, right, shares, truth)
    assert loss(near, right, shares, truth) < loss(near, right + torch.tensor([0.7, 0, 0, 0, 0]), shares, truth)


def test_the_first_stages_are_those_of_the_shipped_network_where_it_begins_with_them():
    x = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = begun("shipped").eval().features(x)[0], read_onnx(DEFAULT).encoder(x)[2]
    assert torch.allclose(ours, theirs, atol=1e-4)
    with pytest.raises(SettingsError, match=r"unknown encoder 'mine'; known: imagenet, shipped"):
        begun("mine")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sizes")
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for k, d in enumerate((12.0, 24.0)):
        picture = discs([d] * 16)
        Image.fromarray(picture.grey).save(folder / "images" / f"{k}.png")
        Image.fromarray(picture.labels.astype(np.uint8)).save(folder / "labels" / f"{k}.png")
    return folder


def test_pictures_are_read_with_their_medians(folder: Path):
    assert [p.median_px for p in read_pictures(folder)] == pytest.approx([12, 24], rel=0.03)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_and_its_file_says_what_the_network_says(folder: Path, tmp_path: Path):
    begun = tmp_path / "begun.pt"
    torch.manual_seed(1)
    torch.save({"ema": SizeNet().state_dict()}, begun)
    made = {"steps": 2, "n_rendered": 2, "start_from": begun}
    learn(tmp_path / "a", [str(folder)], frozen=True, **made)
    encoder = torch.load(tmp_path / "a" / "checkpoint.pt", weights_only=True)["network"]["stages.3.0.body.0.0.weight"]
    assert torch.equal(encoder, torch.load(begun, weights_only=True)["ema"]["stages.3.0.body.0.0.weight"])  # frozen
    checkpoint = learn(tmp_path / "a", [str(folder)], frozen=True, **(made | {"steps": 3}))
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] == 3

    export(checkpoint, tmp_path / "size.onnx", rule={"gain": 1.5, "floor": 0.02, "surprise": 3.0})
    assert (tmp_path / "size.onnx").stat().st_size < 2e6
    network = SizeNet()
    network.load_state_dict(state["ema"])
    view = np.random.default_rng(1).normal(size=(96, 160)).astype(np.float32)
    with torch.no_grad():
        logits, figures = network.eval()(torch.from_numpy(view)[None, None])
    estimator = OnnxSizeEstimator(tmp_path / "size.onnx", n_threads=1)
    seen = estimator.look(view)
    assert seen.d50_px == pytest.approx(math.exp(figures[0, 0]), rel=0.02)
    assert seen.shares == pytest.approx(torch.softmax(logits, 1)[0].numpy(), abs=0.02)
    assert estimator.rule == {"gain": 1.5, "floor": 0.02, "surprise": 3.0}
