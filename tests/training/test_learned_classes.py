"""Classes learned from labels: folders read, parts held out, figures, training, export, and the maps of the network."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.errors import AnnotationError, EngineError, SettingsError  # noqa: E402
from nanogauge.core.micrograph import Micrograph  # noqa: E402
from nanogauge.core.protocols import EngineClasses, classes_of  # noqa: E402
from nanogauge.core.remarks import code_of  # noqa: E402
from nanogauge.detection.class_maps import class_maps  # noqa: E402
from nanogauge.detection.engines.onnx import DEFAULT, OnnxEngine  # noqa: E402
from nanogauge.measuring.classes import said_by_network  # noqa: E402
from nanogauge.measuring.learned_classes import class_probabilities, like_none, outline_evidence, softmax  # noqa: E402
from nanogauge.measuring.shape_classes import SHAPES  # noqa: E402
from nanogauge.pipeline.measure import Measurer  # noqa: E402
from nanogauge.results.interchange.class_table import write_class_table  # noqa: E402
from nanogauge.training import checkpoints  # noqa: E402
from nanogauge.training.classes.data import UNLABELLED, Classed, held_out, particle_classes, read_class_folder  # noqa: E402
from nanogauge.training.classes.examples import shares  # noqa: E402
from nanogauge.training.classes.figures import (  # noqa: E402
    average_precision,
    calibration_error,
    confusion,
    per_class,
    temperature,
)
from nanogauge.training.classes.judge import Found  # noqa: E402
from nanogauge.training.classes.learn import begin, class_loss, class_recipe, learn  # noqa: E402
from nanogauge.training.classes.outlines import fit_outlines  # noqa: E402
from nanogauge.training.classes.train import train_classes  # noqa: E402
from nanogauge.training.classes.untaught import fit_taught, lost_by_class, noticed_by_class, with_taught  # noqa: E402
from nanogauge.training.export import export_classes, load  # noqa: E402
from nanogauge.training.network import build  # noqa: E402
from nanogauge.training.shipped import read_onnx  # noqa: E402

U8 = NDArray[np.uint8]


def two_phases(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[U8, U8]:
    """A bright and a dark phase, a wavy line between them."""
    yy, xx = np.indices(shape)
    bright = yy + 6 * np.sin(xx / rng.uniform(6, 12)) > shape[0] * rng.uniform(0.3, 0.7)
    grey = np.where(bright, 180, 70) + rng.normal(0, 8, shape)
    return np.clip(grey, 0, 255).astype(np.uint8), bright.astype(np.uint8)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Six micrographs with class maps: 0 dark, 7 bright, a band of 255; half of the last is a scribble's 3."""
    (tmp_path / "images").mkdir()
    (tmp_path / "classes").mkdir()
    for k in range(6):
        grey, classes = two_phases(np.random.default_rng(k), (96, 128))
        numbers = np.where(classes == 1, 7, 0).astype(np.uint8)
        numbers[:10] = 255
        if k == 5:
            numbers[:, 64:] = 3
        Image.fromarray(grey).save(tmp_path / "images" / f"m{k}.png")
        Image.fromarray(numbers).save(tmp_path / "classes" / f"m{k}.png")
    write_class_table(tmp_path / "classes.csv", {0: "dark", 7: "bright"}, key="value")
    return tmp_path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the small double, of random weights."""
    torch.manual_seed(0)
    network = build("unet-tiny-cbam")
    state = {"network": network.state_dict(), "ema": network.state_dict(), "optimiser": None, "step": 0}
    return checkpoints.save(tmp_path_factory.mktemp("tiny"), state | {"recipe": {"network": "unet-tiny-cbam"}})


def test_class_maps_are_read_and_what_is_not_listed_is_unlabelled(maps: Path) -> None:
    said: list[str] = []
    names, items = read_class_folder(maps, report=said.append)
    assert names == ("dark", "bright")
    last = next(i for i in items if i.name == "m5")
    assert (last.classes[:10] == UNLABELLED).all()
    assert (last.classes[:, 64:] == UNLABELLED).all()
    assert set(np.unique(items[0].classes)) == {0, 1, UNLABELLED}
    assert said == [f"classes.csv: value 3 ({(96 - 0) * 64} px) is not in it: unlabelled"]
    one, _ = read_class_folder(maps, only=("bright", "dark"), report=said.append)
    assert one == ("bright", "dark")


def test_a_folder_that_cannot_be_learned_from_says_what_is_missing(maps: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no class pore; there are dark, bright"):
        read_class_folder(maps, only=("pore", "dark"), report=lambda _: None)
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(maps / "classes" / "m0.png")
    with pytest.raises(AnnotationError, match=r"m0\.png.*as large as the micrograph"):
        read_class_folder(maps, report=lambda _: None)
    (maps / "classes.csv").unlink()
    with pytest.raises(SettingsError, match=r"classes\.csv: missing.*0, 3, 7, 255"):
        read_class_folder(maps, report=lambda _: None)
    with pytest.raises(SettingsError, match="not a folder"):
        read_class_folder(tmp_path / "nothing")


def test_particles_have_the_class_of_their_pixels() -> None:
    labels = np.zeros((10, 20), np.int32)
    labels[1:5, 1:5], labels[1:5, 8:12], labels[6:9, 2:9] = 1, 4, 9
    classes = np.full(labels.shape, UNLABELLED, np.uint8)
    classes[labels == 1] = 2
    classes[labels == 4] = 0
    classes[1, 8] = 1
    assert particle_classes(Classed("a", np.zeros(labels.shape, np.uint8), classes, labels)) == {1: 2, 4: 0}


def item(name: str, *present: int) -> Classed:
    classes = np.full((4, 4), UNLABELLED, np.uint8)
    classes.flat[: len(present)] = present
    return Classed(name, np.zeros((4, 4), np.uint8), classes)


def test_whole_series_are_held_out_and_every_class_is_on_both_sides() -> None:
    items = [item(f"spot{s}_{k}", 0, 1) for s in range(6) for k in range(3)]
    learned, held = held_out(items, 0.34)
    assert len(held) == 6
    assert not {i.name[:5] for i in learned} & {i.name[:5] for i in held}
    assert [i.name for i in held_out(items[::-1], 0.34)[1]] == [i.name for i in held][::-1]
    rare = [*items, item("rare_1", 2), item("rare_2", 2)]
    for part in held_out(rare, 0.3):
        assert any(2 in i.classes for i in part)
    with pytest.raises(SettingsError, match="at least two"):
        held_out(items[:1], 0.5)


def test_figures_of_a_confusion_matrix() -> None:
    true = np.array([0, 0, 0, 0, 1, 1, 2, UNLABELLED], np.uint8)
    said = np.array([0, 0, 1, 0, 1, 0, 2, 2], np.uint8)
    matrix = confusion(true, said, 4)
    assert matrix.tolist() == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    table = per_class(matrix, "abcd").set_index("class")
    assert table.loc["a", ["precision", "recall", "iou", "f1"]].tolist() == pytest.approx([3 / 4, 3 / 4, 3 / 5, 6 / 8])
    assert np.isnan(table.loc["d", "recall"])


def test_average_precision_is_the_area_under_the_falling_curve() -> None:
    hits = np.array([True, False, True, True, False])
    # precision at each hit 1, 2/3, 3/4; made to fall: 1, 3/4, 3/4; four true ones
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.6, 0.5]), hits, 4) == pytest.approx((1 + 0.75 + 0.75) / 4)
    assert average_precision(np.zeros(0), np.zeros(0, bool), 3) == 0
    assert np.isnan(average_precision(np.zeros(0), np.zeros(0, bool), 0))


def test_a_temperature_makes_an_overconfident_network_honest() -> None:
    rng = np.random.default_rng(1)
    true_p = rng.dirichlet([1, 1, 1], 4000)
    true = np.array([rng.choice(3, p=p) for p in true_p])
    boasting = softmax(3 * np.log(true_p))
    t = temperature(boasting, true)
    assert t == pytest.approx(3, rel=0.1)
    errors = [calibration_error(p.max(1), p.argmax(1) == true) for p in (boasting, softmax(np.log(boasting) / t))]
    assert errors[1] < 0.03 < 0.1 < errors[0]


def test_outlines_speak_of_classes_that_are_shapes_and_learn_others() -> None:
    rng = np.random.default_rng(0)
    shapes = np.full((300, len(SHAPES)), 0.02)
    kinds = rng.integers(2, size=300)
    shapes[np.arange(300), np.where(kinds == 0, SHAPES.index("sphere"), SHAPES.index("rod"))] = 0.88
    by_name = outline_evidence(shapes, fit_outlines(np.zeros((0, len(SHAPES))), np.zeros(0, int), ("rod", "sphere")))
    assert (by_name.argmax(1) == 1 - kinds).all()
    weights = fit_outlines(shapes, kinds, ("gold", "silver"))
    assert (outline_evidence(shapes, weights).argmax(1) == kinds).all()
    assert (outline_evidence(np.full((2, len(SHAPES)), np.nan), weights) == 0).all()
    nothing_to_learn = outline_evidence(shapes, fit_outlines(shapes, rng.integers(2, size=300), ("gold", "silver")))
    assert np.abs(nothing_to_learn[:, 0] - nothing_to_learn[:, 1]).max() < 0.3
    known = EngineClasses(("gold", "silver"), outlines=tuple(map(tuple, weights)))
    maps = np.full((300, 2), 0.5)
    assert (class_probabilities(maps, shapes, known).argmax(1) == kinds).all()
    assert np.allclose(class_probabilities(maps, None, known), 0.5)
    doubt = class_probabilities(np.tile([0.9, 0.1], (300, 1)), shapes, known)
    assert doubt[kinds == 0, 0].min() > 0.9 > doubt[kinds == 1, 0].max()


def drawn_shapes(rng: np.random.Generator, kinds: NDArray[np.integer], of: tuple[str, ...]) -> NDArray[np.float64]:
    """Probabilities of shapes as outlines of these kinds give them, with scatter."""
    z = rng.normal(0, 1, (len(kinds), len(SHAPES)))
    z[np.arange(len(kinds)), [SHAPES.index(of[k]) for k in kinds]] += 5
    return softmax(z)


def seen_by_shape(shapes: NDArray[np.float64], true: NDArray[np.integer]) -> Found:
    n = len(shapes)
    half = np.full((n, 2), 0.5)
    return Found(half, shapes, np.ones(n), np.asarray(true), np.arange(n) % 3, np.bincount(true[true >= 0]), ("p", "q", "r"))


@pytest.mark.parametrize("names", [("sphere", "cube"), ("gold", "silver")])
def test_what_was_never_taught_is_noticed_and_what_was_taught_is_kept(names: tuple[str, ...]) -> None:
    rng = np.random.default_rng(3)
    of = ("sphere", "cube", "rod")
    true = rng.integers(2, size=240)
    learned, held = (seen_by_shape(drawn_shapes(rng, true, of), true) for _ in range(2))
    known = EngineClasses(names, outlines=tuple(map(tuple, fit_outlines(learned.shapes, true, names))))
    known = with_taught(known, learned, held)
    assert (known.taught is None) == (names == ("sphere", "cube"))
    assert np.nanmax(lost_by_class(held, known)) < 0.12
    assert np.nanmin(noticed_by_class(learned, held, known)) > 0.85
    kinds = np.repeat([0, 1, 2], [30, 30, 20])
    shapes = drawn_shapes(rng, kinds, of)
    shapes[-1] = np.nan
    strange = like_none(shapes, known)
    assert strange is not None
    assert strange[kinds == 2][:-1].mean() > 0.85
    assert strange[kinds < 2].mean() < 0.12
    assert not strange[-1]  # without an outline nothing is said
    assert like_none(None, known) is None
    assert like_none(shapes, EngineClasses(names)) is None
    # what is like none says nothing of the others
    p, unlike = said_by_network(np.full((80, 2), 0.5), shapes, known)
    assert (unlike == strange).all()
    assert (p.argmax(1) == kinds)[(kinds < 2) & ~strange].mean() > 0.95


def test_one_odd_particle_of_a_rare_class_does_not_say_how_far_all_scatter() -> None:
    rng = np.random.default_rng(7)
    true = np.repeat([0, 1], [150, 6])
    learned, held = (seen_by_shape(drawn_shapes(rng, true, ("sphere", "cube")), true) for _ in range(2))
    usual = fit_taught(learned, held, 2)
    held.shapes[-1] = drawn_shapes(rng, np.zeros(1, np.int64), ("agglomerate",))[0]  # badly found
    odd = fit_taught(learned, held, 2)
    assert usual is not None
    assert odd is not None
    assert odd.farthest < 1.1 * usual.farthest
    rods = drawn_shapes(rng, np.zeros(50, np.int64), ("rod",))
    strange = like_none(rods, EngineClasses(("gold", "silver"), outlines=((0.0, 0.0),) * (len(SHAPES) + 1), taught=odd))
    assert strange is not None
    assert strange.mean() > 0.9


def test_shapes_that_look_unlike_their_names_are_told_by_their_outlines() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(2, size=200)
    learned, held = (seen_by_shape(drawn_shapes(rng, true, ("plate", "rod")), true) for _ in range(2))
    known = EngineClasses(("cube", "rod"), outlines=((0.0, 0.0),))
    assert np.nanmax(lost_by_class(held, known)) > 0.8
    known = with_taught(known, learned, held)
    assert known.taught is not None
    assert np.nanmax(lost_by_class(held, known)) < 0.12
    few = seen_by_shape(held.shapes[:15], held.true[:15])
    assert fit_taught(learned, few, 2) is None


def test_unlabelled_pixels_teach_nothing_and_rare_classes_weigh_more() -> None:
    logits = torch.zeros(1, 5, 4, 4, requires_grad=True)
    target = torch.full((1, 4, 4), UNLABELLED)
    target[0, 0] = 0
    target[0, 1, 0] = 1
    weights = torch.tensor([1.0, 3.0])
    sum(class_loss(logits, target, weights=weights, dice=True).values()).backward()  # type: ignore[union-attr]
    gradient = logits.grad[0]
    assert (gradient[:, 2:] == 0).all()
    assert (gradient[:3] == 0).all()
    assert gradient[4, 1, 0].abs() > 2 * gradient[3, 0, 0].abs()
    nothing = class_loss(logits, torch.full_like(target, UNLABELLED), weights=weights, dice=True)
    assert all(torch.isfinite(v) for v in nothing.values())


def test_phases_are_learned_from_renderings_and_from_maps(maps: Path, tiny: Path, tmp_path: Path) -> None:
    recipe = class_recipe(
        ("dark", "bright"), of="phases", whole=True, start_from=str(tiny), steps=30, batch=4, crop_px=64, synthetic_share=1.0,
        body_rate=1.0, workers=0,
    )  # fmt: skip
    network = load(learn(recipe, [], tmp_path / "rendered", render=two_phases, report=lambda _: None))
    grey, classes = two_phases(np.random.default_rng(99), (96, 128))
    x = torch.from_numpy(((grey - grey.mean()) / grey.std()).astype(np.float32))
    with torch.inference_mode():
        said = network(x[None, None])[0, 3:].argmax(0).numpy()
    assert (said == classes).mean() > 0.95
    _, items = read_class_folder(maps, report=lambda _: None)
    done = learn(replace(recipe, synthetic_share=0.0, steps=2), items, tmp_path / "maps", report=lambda _: None)
    assert checkpoints.step_of(done) == 2
    with pytest.raises(SettingsError, match="of other classes"):
        learn(replace(recipe, names=("a", "b"), steps=3), items, tmp_path / "maps", report=lambda _: None)


def test_shares_count_labelled_pixels_alone() -> None:
    assert shares([item("a", 0, 0, 0, 1)], 2).tolist() == [0.75, 0.25]
    recipe = class_recipe(("a", "b"), steps=1)
    with pytest.raises(SettingsError, match="nothing to learn b from"):
        learn(recipe, [item("a", 0)], Path("nowhere"), report=lambda _: None)


def test_what_a_grafted_network_says_of_particles_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    recipe = class_recipe(("a", "b", "c"), of="phases", steps=1)
    network = begin(recipe)
    state = {"network": network.state_dict(), "ema": network.state_dict(), "optimiser": None, "step": 1}
    checkpoint = checkpoints.save(tmp_path, state | {"recipe": dict(vars(recipe))})
    path = tmp_path / "grafted.onnx"
    export_classes(checkpoint, path, temperature=2.0, nm_per_px=(1.0, 4.0))
    engine, shipped = OnnxEngine(path, n_threads=1), OnnxEngine(DEFAULT, n_threads=1)
    picture = np.random.default_rng(0).normal(size=(96, 128)).astype(np.float32)
    got = engine.predict(picture)
    assert np.array_equal(got[: shipped.n_maps], shipped.predict(picture))
    for again in (load(checkpoint), read_onnx(path)):
        with torch.inference_mode():
            want = torch.softmax(again(torch.from_numpy(picture)[None, None])[:, shipped.n_maps :], 1)[0].numpy()
        assert np.abs(got[shipped.n_maps :] - want).max() < 1e-5
    known = classes_of(engine)
    assert (known.names, known.of, known.temperature, known.nm_per_px) == (("a", "b", "c"), "phases", 2.0, (1.0, 4.0))
    assert engine.working_diameter_px is None
    assert engine.calibration == shipped.calibration
    p = class_maps((40 * picture + 128).clip(0, 255).astype(np.uint8)[:90, :111], engine)
    assert p.shape == (90, 111, 3)
    assert np.abs(p.sum(-1) - 1).max() < 1e-5
    twice = OnnxEngine(path, n_threads=1, batch=2)
    assert np.abs(np.stack(list(twice.predict_all(iter([picture, picture]), 2))) - got).max() < 1e-5
    with pytest.raises(EngineError, match="without classes"):
        class_maps(picture, shipped)


@pytest.mark.slow
def test_a_folder_of_classed_particles_becomes_a_network_with_figures(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    yy, xx = np.mgrid[:160, :384]
    for k in range(8):
        grey, labels, classes = np.full(xx.shape, 40.0), np.zeros(xx.shape, np.uint16), {}
        for i in range(24):
            y, x, round_ = 20 + 40 * (i // 8), 24 + 48 * (i % 8), i % 2 == 0
            there = np.hypot(yy - y, xx - x) < 14 if round_ else (yy - y < 12) & (yy - y > 1.75 * abs(xx - x) - 14)
            grey[there], labels[there], classes[i + 1] = 190, i + 1, "disc" if round_ else "wedge"
        noisy = gaussian_filter(grey, 1.2) + np.random.default_rng(k).normal(0, 6, grey.shape)  # as a microscope blurs
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"s{k}.png")
        Image.fromarray(labels).save(folder / "labels" / f"s{k}.png")
        write_class_table(folder / "labels" / f"s{k}.csv", classes)
    done = train_classes(folder, tmp_path / "k.onnx", tmp_path / "run", of="particles", steps=2, report=lambda _: None)
    assert done.judged.matrix.sum() > 0
    figures = json.loads((tmp_path / "run" / "figures.json").read_text())
    assert figures["pictures"] == list(done.judged.pictures)
    assert not set(figures["pictures"]) & set(figures["learned"])
    with (tmp_path / "run" / "per_class.csv").open() as stream:
        assert [r["class"] for r in csv.DictReader(stream)] == ["disc", "wedge"]
    assert classes_of(OnnxEngine(tmp_path / "k.onnx")).temperature == pytest.approx(done.temperature, abs=1e-3)
    # a kind that was not taught: rods
    grey = np.full(xx.shape, 40.0)
    for i in range(12):
        y, x = 20 + 40 * (i // 4), 48 + 96 * (i % 4)
        grey[((yy - y) / 7) ** 2 + ((xx - x) / 24) ** 2 < 1] = 190
    noisy = gaussian_filter(grey, 1.2) + np.random.default_rng(9).normal(0, 6, grey.shape)
    rods = Measurer(engine=OnnxEngine(tmp_path / "k.onnx"))
    found = rods.measure(Micrograph(pixels=noisy.clip(0, 255).astype(np.uint8), name="rods"))
    inside = found.particles["class_confidence"].isna()
    assert inside.sum() >= 10
    assert (found.particles.loc[inside, "class"] == "unsure").all()
    said = [str(w) for w in found.warnings if code_of(w) == "like_none"]
    assert len(said) == 1
    assert f"{inside.sum()} of {len(found.particles)} particles look like none of the classes" in said[0]
    again = rods.measure(folder / "images" / "s0.png")
    assert again.particles["class_confidence"].isna().mean() < 0.2
    assert not [w for w in again.warnings if code_of(w) == "like_none"]
