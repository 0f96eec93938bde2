"""What is done to a batch at once equals what OpenCV does to one crop, and depends on the crops alone. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.errors import SettingsError  # noqa: E402
from nanogauge.detection import flattened  # noqa: E402
from nanogauge.detection.segment import standardise  # noqa: E402
from nanogauge.training.augment import FLATTENED_PX, Tone, draw_tone  # noqa: E402
from nanogauge.training.batches import Crops, blurred, pointers, prepare, spread, targets, toned  # noqa: E402
from nanogauge.training.dataset import Dataset, Examples, normalised_distance, share_renderings  # noqa: E402
from nanogauge.training.loop import loader  # noqa: E402
from nanogauge.training.recipe import Recipe  # noqa: E402
from nanogauge.training.renderings import SharedRenderings  # noqa: E402
from nanogauge.training.synthetic import Scene, render  # noqa: E402

CPU = torch.device("cpu")
PLAIN = Tone(np.linspace(0, 1, 256, dtype=np.float32), 0.0, 0.0, 0.0, 0.0, 1, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def stack(tones: list[Tone]) -> Tone:
    return torch.utils.data.default_collate(tones)


def one_crop(grey: NDArray[np.uint8], tone: Tone) -> NDArray[np.float32]:
    """The tone of one crop changed without torch, as `toned` says; noise apart."""
    tone = Tone(np.asarray(tone.table), *map(float, tone[1:]))
    values = tone.table[grey]
    if tone.blur_px:
        values = cv2.GaussianBlur(values, (0, 0), tone.blur_px)
    if tone.sharpening:
        values = values + tone.sharpening * (values - cv2.GaussianBlur(values, (0, 0), 1.2))
    if tone.flattened_px:
        values = values - cv2.GaussianBlur(values, (0, 0), tone.flattened_px)
    h, w = values.shape
    values = values + tone.slope_y * np.linspace(-1, 1, h)[:, None] + tone.slope_x * np.linspace(-1, 1, w)
    return np.asarray(standardise(values) * tone.gain + tone.offset, np.float32)


def test_a_batch_s_tone_is_each_crop_s_own() -> None:
    grey = np.stack([render(Scene(shape=(72, 90)), seed=k).pixels for k in range(24)])
    tones = [draw_tone(np.random.default_rng(k), flattened=0.3)._replace(noise=0.0, lines=0.0) for k in range(24)]
    for part in ("blur_px", "sharpening", "flattened_px", "slope_y"):
        assert 0 < sum(getattr(t, part) != 0 for t in tones) < 24, part
    got = toned(torch.from_numpy(grey), stack(tones)).numpy()
    for k, tone in enumerate(tones):
        assert np.abs(got[k] - one_crop(grey[k], tone)).max() < 0.02, tone  # a Gaussian is cut off elsewhere


def test_noise_is_as_strong_and_as_coarse_as_asked_and_hangs_on_its_seed() -> None:
    grey = torch.full((4, 200, 200), 128, dtype=torch.uint8)
    grey[:, :, 100:] = 160
    fine, coarse = PLAIN._replace(noise=0.05, noise_seed=3), PLAIN._replace(noise=0.05, noise_px=1.0, noise_seed=4)
    got = toned(grey, stack([PLAIN, fine, coarse, fine]))
    assert torch.equal(got[1], got[3])
    assert got[0, :, :100].std() < 1e-4
    step = (160 - 128) / 255
    neighbours = []
    for k in (1, 2):
        left, right = got[k, :, :100], got[k, :, 100:]
        unit = step / float(right.mean() - left.mean())  # grey level per standardised unit
        noise = (left - left.mean()) * unit
        assert float(noise.std()) == pytest.approx(0.05 if k == 1 else 0.05 * 2 / np.sqrt(4 * np.pi), rel=0.06)
        neighbours.append(float((noise[:, 1:] * noise[:, :-1]).mean() / noise.square().mean()))
    assert neighbours[0] == pytest.approx(0, abs=0.03)
    assert neighbours[1] == pytest.approx(np.exp(-1 / 4), abs=0.06)
    alone = toned(grey[:1], stack([coarse]))[0]
    assert torch.allclose(alone, got[2], atol=1e-5)  # whatever else is in the batch


def test_lines_are_whole_and_as_strong_as_asked() -> None:
    grey = torch.full((2, 200, 160), 128, dtype=torch.uint8)
    grey[:, :, 80:] = 178  # 0.196 more: half of it is the picture's deviation
    plain, lined = toned(grey, stack([PLAIN, PLAIN._replace(lines=0.05, noise_seed=7)]))
    step = float(lined[0, -1] - lined[0, 0]) / float(plain[0, -1] - plain[0, 0])  # what standardising made of the picture
    rows = lined - step * plain
    assert rows.std(1).max() < 1e-4  # all along a line the same
    assert float(rows.mean(1).std() / (step * plain[0].std())) == pytest.approx(0.05 / (25 / 255), rel=0.35)


def test_only_crops_of_small_particles_are_flattened() -> None:
    assert FLATTENED_PX == flattened._BLUR_PX  # said twice, as what trains goes where what detects does not
    shared = {"crop_px": 96, "diameter_spread": 0.0, "diameters": (6, 260), "flattened_share": 1.0}
    sets = [Dataset([], Examples(diameter_px=d, **shared), length=30) for d in (8.0, 200.0)]
    small, large = ([data[i] for i in range(len(data))] for data in sets)
    for crop in [*small, *large]:
        sizes = np.sqrt(4 / np.pi * np.bincount(crop.labels.numpy().ravel())[1:])
        assert bool(crop.tone.flattened_px) == bool(len(sizes) and sizes.max() < 40)
    assert any(c.tone.flattened_px for c in small)
    assert not all(c.tone.flattened_px for c in large)


def test_a_flat_crop_stays_finite() -> None:
    assert torch.isfinite(toned(torch.zeros((1, 40, 40), dtype=torch.uint8), stack([PLAIN]))).all()


@pytest.mark.parametrize("reach", [1, 3, 12])
def test_spread_dilates_and_erodes_as_opencv_does(reach: int) -> None:
    picture = np.random.default_rng(reach).integers(0, 50, (3, 40, 61)).astype(np.float32)
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    for which, other in ((torch.maximum, cv2.dilate), (torch.minimum, cv2.erode)):
        got = spread(torch.from_numpy(picture), reach, which).numpy()
        assert all(np.array_equal(got[k], other(picture[k], kernel)) for k in range(3))


def test_blur_reaches_no_further_than_a_small_crop() -> None:
    flat = torch.full((2, 5, 7), 0.3)
    assert torch.allclose(blurred(flat, torch.tensor([0.4, 1.6])), flat)


def test_maps_of_a_batch_are_those_of_each_crop() -> None:
    labels = np.stack([render(Scene(shape=(64, 80), median_diameter_px=14, coverage=0.5), seed=k).labels for k in range(3)])
    depth = np.stack([np.round(255 * normalised_distance(a)).astype(np.uint8) for a in labels])
    arrays = [torch.from_numpy(a) for a in (labels, depth, np.ones(labels.shape, bool))]
    instances, reach = torch.tensor([True, False, False]), torch.tensor([0, 0, 4])
    together = targets(*arrays, instances=instances, doubt_px=reach)
    for k in range(3):
        one = slice(k, k + 1)
        assert torch.equal(targets(*(a[one] for a in arrays), instances=instances[one], doubt_px=reach[one])[0], together[k])
    assert float(together[0, 3].max()) == 3  # a narrow gap
    assert (together[2, 3] == 0).any()
    assert not (together[1, 3] == 0).any()


def examples(**changes: object) -> Examples:
    return Examples(crop_px=64, seed=5, **changes)  # type: ignore[arg-type]


def shared(folder: Path, *, crops_each: int = 4, made: list[int] | None = None) -> SharedRenderings:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        if made is not None:
            made.append(1)
        labels = np.zeros(shape, np.int32)
        y, x = rng.integers(10, 60, 2)
        labels[y : y + 30, x : x + 20] = 300  # more than a byte holds
        return np.where(labels > 0, 200, 50).astype(np.uint8), labels

    return SharedRenderings(folder=folder, side_px=96, crops_each=crops_each, crops_per_example=0.5, seed=3, render=draw)


def same(a: Crops, b: Crops) -> bool:
    flat = [(*c[:-1], *c.tone) for c in (a, b)]
    return all(torch.equal(torch.as_tensor(v), torch.as_tensor(w)) for v, w in zip(*flat, strict=True))


@pytest.mark.parametrize("sharing", [False, True])
def test_example_depends_on_seed_and_index_alone(sharing: bool, tmp_path: Path) -> None:
    a, b = (
        Dataset([], examples(), length=9, shared=shared(tmp_path / name) if sharing else None)
        for name in ("a", "b")
        if (tmp_path / name).mkdir() is None
    )
    a[0], a[3]  # drawing others first changes nothing
    assert all(same(a[i], b[i]) for i in (4, 1))
    assert not same(a[1], a[2])


def test_batches_do_not_depend_on_who_cuts_them() -> None:
    data = Dataset([], examples(), length=8)
    runs = [
        [prepare(crops, CPU) for crops in loader(Recipe(batch=2, crop_px=64, workers=workers), data, CPU, first=first)]
        for workers, first in ((0, 0), (1, 2))
    ]
    assert len(runs[0]) == 4
    for (x, target), (y, other) in zip(runs[0][2:], runs[1], strict=True):  # one that began with the third batch
        assert torch.equal(x, y)
        assert torch.equal(target, other)


def test_a_rendering_serves_several_crops_and_is_then_forgotten(tmp_path: Path) -> None:
    made: list[int] = []
    pool = shared(tmp_path, crops_each=8, made=made)
    cut = [pool.crop(i, 64, np.random.default_rng([1, i])) for i in range(0, 2000, 2)]  # every other example is rendered
    assert 2000 * 0.5 / 8 <= len(made) <= 2000 * 0.5 / 8 + 64
    for grey, labels in cut:
        assert grey.shape == labels.shape == (64, 64)
        assert set(np.unique(labels)) <= {0, 300}
        assert ((grey == 200) == (labels > 0)).all()
    wide = [a.any(0).sum() > a.any(1).sum() for _, a in cut if a.any() and not (a[[0, -1]].any() or a[:, [0, -1]].any())]
    assert 0.3 < np.mean(wide) < 0.7  # turned
    pool.forget(2000)
    assert all(int(p.stem) >= pool.oldest(2000) for p in tmp_path.iterdir())
    assert any(tmp_path.iterdir())
    again = pool.crop(0, 64, np.random.default_rng([1, 0]))  # asked for again, it is made again
    assert np.array_equal(again[0], cut[0][0])


def test_a_rendering_smaller_than_a_crop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="rendering_px = 32 must not be less than crop_px = 64"):
        share_renderings(examples(crops_per_rendering=2, rendering_px=32), tmp_path, rendered_share=0.5)


def test_pointers_lead_to_the_middle() -> None:
    labels = np.zeros((2, 40, 50), np.int32)
    labels[0, 5:16, 4:15], labels[0, 5:16, 15:36], labels[1, 30:40, 0:7] = 7, 3, 12
    maps = pointers(torch.from_numpy(labels)).numpy()
    assert maps.shape == (2, 2, 40, 50)
    assert (maps[:, :, 20:30] == 0.5).all()
    for k, label, middle in ((0, 7, (10, 9)), (0, 3, (10, 25)), (1, 12, (34.5, 3))):
        y, x = np.nonzero(labels[k] == label)
        radius = np.sqrt(len(y) / np.pi)
        down, right = 4 * (maps[k][:, y, x] - 0.5)
        assert y + down * radius == pytest.approx(np.full(len(y), middle[0]), abs=1e-3)
        assert x + right * radius == pytest.approx(np.full(len(y), middle[1]), abs=1e-3)
