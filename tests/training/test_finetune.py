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
from nanogauge.training.export import WithSigmoid, describe, export_fp32  # noqa: E402
from nanogauge.training.finetune import FIGURES, fine_tune, recipe  # noqa: E402
from nanogauge.training.network import build  # noqa: E402
from nanogauge.training.shipped import read_onnx  # noqa: E402
from nanogauge.training.synthetic import Scene, render  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    for k in range(4):
        r = render(Scene(shape=(128, 160), median_diameter_px=24), seed=k)
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


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    export_fp32(build("unet-tiny-cbam").eval(), tmp_path / "other.onnx")
    describe(tmp_path / "other.onnx", {"network": "unet-resnet50-cbam"})
    with pytest.raises(SettingsError, match="should have shape"):
        read_onnx(tmp_path / "other.onnx")


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
    assert OnnxEngine(done.network, n_threads=1).predict(picture).shape == (3, 64, 64)


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
