"""Fine-tuning: the shipped network read back, a short run on one's own micrographs, figures before and after."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.errors import SettingsError  # noqa: E402
from nanogauge.detection.engines.onnx import SHIPPED, OnnxEngine  # noqa: E402
from nanogauge.training.dataset import Examples, read_folder, real_crop  # noqa: E402
from nanogauge.training.export import WithSigmoid, describe, export_fp32  # noqa: E402
from nanogauge.training.finetune import FIGURES, fine_tune, read_annotated, recipe, score  # noqa: E402
from nanogauge.training.network import build, give_statistics  # noqa: E402
from nanogauge.training.shipped import read_onnx  # noqa: E402
from nanogauge.training.synthetic import Scene, render  # noqa: E402
from nanogauge.training.synthetic.imaging import Look  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    for k in range(4):
        scene = Scene(shape=(192, 256), median_diameter_px=32, layout="sparse", coverage=0.2, overlap=0.0)  # plain to any network
        r = render(scene, seed=k, look=Look())
        Image.fromarray(r.pixels).save(folder / f"m{k}.png")
        tifffile.imwrite(folder / f"m{k}_labels.tif", r.labels)
    return folder


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_read_back_sees_what_it_saw(name: str) -> None:
    network = read_onnx(SHIPPED[name])
    picture = np.random.default_rng(0).standard_normal((96, 128), np.float32)
    picture = np.cumsum(np.cumsum(picture, 0), 1)
    picture = (picture - picture.mean()) / picture.std()
    with torch.inference_mode():
        got = WithSigmoid(network)(torch.from_numpy(picture)[None, None])[0].numpy()
    want = OnnxEngine(SHIPPED[name], n_threads=1).predict(picture)
    assert np.abs(got - want).mean() < 0.02  # activations of the file are int8


def test_a_network_read_back_sees_the_same_with_statistics_of_its_own() -> None:
    network = read_onnx(SHIPPED["unet"])
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(size=(2, 1, 64, 64)).astype(np.float32))
    with torch.no_grad():
        before = network(x)
        for spread in (1.0, 2.0):  # the second time it has statistics already
            give_statistics(network, [torch.from_numpy(rng.normal(0, spread, (4, 1, 64, 64)).astype(np.float32)) for _ in range(2)])
            assert (network(x) - before).abs().max() < 1e-3 * before.abs().max()
        give_statistics(network, [torch.from_numpy(rng.normal(size=(4, 1, 64, 64)).astype(np.float32)) for _ in range(2)])
        learning = network.train()(x)
    assert (learning - before).abs().median() < 0.3 * before.std()  # statistics of a batch are near those it was given


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    export_fp32(build("unet-tiny-cbam").eval(), tmp_path / "other.onnx")
    describe(tmp_path / "other.onnx", {"network": "unet-resnet50-cbam"})
    with pytest.raises(SettingsError, match="should have shape"):
        read_onnx(tmp_path / "other.onnx")


def test_nothing_is_learned_or_scored_where_it_is_unknown(tmp_path: Path) -> None:
    labels = np.zeros((128, 160), np.int32)
    for k, x in enumerate((24, 62, 100, 136), start=1):
        labels[50:76, x - 12 : x + 12] = k
    unknown = np.zeros(labels.shape, bool)
    unknown[45:81, 86:160] = True  # the third and most of the fourth
    for part in ("images", "labels", "unknown"):
        (tmp_path / part).mkdir()
    grey = np.where(unknown, 255, 0).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "images" / "m.png")
    tifffile.imwrite(tmp_path / "labels" / "m.tif", labels)
    Image.fromarray(grey).save(tmp_path / "unknown" / "m.png")
    for real in (read_annotated(tmp_path, report=print)[0][1], read_folder(tmp_path)[0]):
        assert real.labels.max() == 2
        assert len(real.whole) == 2  # no particle from there is pasted elsewhere
        assert real.unknown is not None
        assert real.unknown[45:81, 86:160].all()
        for k in range(12):
            crop, *_, valid = real_crop(real, Examples(crop_px=64, copy_paste_share=0), np.random.default_rng(k))
            assert not (valid & (crop > 160)).any()
            assert valid.any()

    class Engine:
        """Whose particles are those in the picture, and one more where it is unknown."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nanogauge.training.finetune.find_particles", lambda *_: (labels, None))
        figures = score(Engine(), [real])  # type: ignore[arg-type]
    assert figures["f50_mean"] == 1
    assert figures["iou_pooled"] == 1


def test_fine_tuning_writes_a_network_and_figures_of_held_out_micrographs(annotated: Path, tmp_path: Path) -> None:
    how = replace(recipe(steps=2), crop_px=64, batch=1)
    said: list[str] = []
    done = fine_tune(annotated, tmp_path, how, hold_out=0.25, report=said.append)
    assert len(done.held_out) == 1
    assert any("learning from 3 micrographs" in line and done.held_out[0] in line for line in said)
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert figures["before"] == done.before
    assert figures["after"] == done.after
    assert set(done.before) == set(FIGURES)
    # two small steps: still the same network in the main
    assert done.after["iou_pooled"] == pytest.approx(done.before["iou_pooled"], abs=0.1)
    picture = np.zeros((64, 64), np.float32)
    assert OnnxEngine(done.network, n_threads=1).predict(picture).shape == (5, 64, 64)


def test_one_annotated_micrograph_is_not_enough(annotated: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    for name in ("m0.png", "m0_labels.tif", "m1.png"):
        (folder / name).write_bytes((annotated / name).read_bytes())
    with pytest.raises(SettingsError, match="at least two"):
        fine_tune(folder, tmp_path / "out", recipe(steps=1), report=lambda _: None)


def test_start_from_must_be_an_exported_network(annotated: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="shipped"):
        fine_tune(annotated, tmp_path, recipe(start_from="weights.pt", steps=1), report=lambda _: None)
