"""A packed run stands by itself, fits where it must and goes on across slots; half checkpoints. Needs the extra `train`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.core.errors import SettingsError  # noqa: E402
from nanogauge.training import checkpoints  # noqa: E402
from nanogauge.training.dataset import numbered  # noqa: E402
from nanogauge.training.export import load  # noqa: E402
from nanogauge.training.loop import Learner, last_step, load_data, run, start  # noqa: E402
from nanogauge.training.pack import pack, recipe_text  # noqa: E402
from nanogauge.training.recipe import Recipe, Slot, read_recipe  # noqa: E402
from nanogauge.training.slot import main  # noqa: E402
from nanogauge.training.synthetic import Scene, render  # noqa: E402

CPU = torch.device("cpu")
TINY = {
    "network": "unet-tiny-cbam", "batch": 2, "crop_px": 64, "steps": 3, "warmup_steps": 1, "cooldown_steps": 0, "overlay_steps": 99,
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A recipe of two sources, one of them by ids and for its foreground only, one with labels of large numbers."""
    root = tmp_path_factory.mktemp("pairs")
    for name, scale in (("a", 1), ("b", 40)):
        (root / name / "images").mkdir(parents=True)
        (root / name / "labels").mkdir()
        for k in range(2):
            r = render(Scene(shape=(96, 120), median_diameter_px=16), seed=k)
            Image.fromarray(r.pixels).save(root / name / "images" / f"p{k}.png")
            tifffile.imwrite(root / name / "labels" / f"p{k}.tif", r.labels * scale)
    (root / "b.txt").write_text("p1\n")
    return Recipe(data=(f"{root / 'a'}", f"{root / 'b'}:{root / 'b.txt'}=0.25 foreground"), **TINY)


def trained(recipe: Recipe, steps: int = 2) -> Learner:
    torch.manual_seed(1)
    learner = Learner(recipe, start(recipe)[0], CPU)
    x = torch.randn(2, 1, 64, 64)
    target = torch.ones(2, 5, 64, 64)
    for step in range(steps):
        learner.step(x, target, step=step, rate=1e-3)
    return learner


def test_packed_data_are_the_data(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, shares = load_data(tiny)
    sizes = pack(tiny, tmp_path / "p")
    assert sum(sizes.values()) == pytest.approx(
        sum(f.stat().st_size for f in (tmp_path / "p").rglob("*") if f.is_file()) / 2**20, abs=0.01
    )
    monkeypatch.chdir(tmp_path / "p")
    after, same_shares = load_data(read_recipe(Path("recipe.toml")))
    assert len(after) == len(before) == 3
    assert np.array_equal(shares, same_shares)
    for a, b in zip(before, after, strict=True):
        assert (a.name, a.instances, a.rough) == (b.name, b.instances, b.rough)
        assert np.array_equal(a.labels, b.labels)
        assert np.sqrt(np.mean((a.grey.astype(float) - b.grey) ** 2)) < 6


def test_numbers_of_labels_close_up() -> None:
    assert numbered(np.array([[0, 700], [700, 9]])).tolist() == [[0, 2], [2, 1]]
    assert numbered(np.array([[5, 700]])).tolist() == [[1, 2]]


def test_a_recipe_is_written_as_it_is_read(tiny: Recipe, tmp_path: Path) -> None:
    tiny = replace(tiny, motif_shares={"core-shell": 0.2})
    (tmp_path / "r.toml").write_text(recipe_text(tiny), encoding="utf-8")
    assert read_recipe(tmp_path / "r.toml") == tiny


def test_a_pack_too_large_or_not_empty_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"MiB, more than 0\.1"):
        pack(tiny, tmp_path / "p", limit_mib=0.1)
    with pytest.raises(SettingsError, match="not empty"):
        pack(tiny, tmp_path / "p")
    with pytest.raises(SettingsError, match="no checkpoint"):
        pack(tiny, tmp_path / "q", resume=tmp_path)


def test_half_checkpoints_are_small_and_near(tiny: Recipe, tmp_path: Path) -> None:
    learner = trained(tiny)
    state = learner.state(7)
    exact, half = checkpoints.save(tmp_path, state), checkpoints.save_half(tmp_path, state)
    exact_bytes = exact.stat().st_size
    exact.unlink()
    files = sorted(half.parent.iterdir())
    assert [f.stem for f in files] == ["ema", "moment1", "moment2", "network"]
    assert sum(f.stat().st_size for f in files) < 0.55 * exact_bytes
    assert (load(half).state_dict().keys()) == state["ema"].keys()  # can be exported
    again = trained(tiny, steps=0)
    assert again.restore(checkpoints.load(half.parent))
    for name, value in state["network"].items():
        assert torch.allclose(again.network.state_dict()[name].float(), value.float(), rtol=1e-3, atol=1e-6), name
    mine, theirs = (v.optimiser.state_dict()["state"] for v in (learner, again))
    for i, moments in mine.items():
        for name in ("exp_avg", "exp_avg_sq"):
            assert theirs[i][name].dtype == torch.float32
            assert torch.allclose(theirs[i][name], moments[name], rtol=1e-2, atol=0), name
        assert float(theirs[i]["step"]) == 7  # of the run; Adam's own count is as good
    checkpoints.save_half(tmp_path, state | {"step": 9})
    assert [p.name for p in (tmp_path / "half").iterdir()] == ["000009"]
    assert checkpoints.newest([tmp_path, tmp_path / "none"]) == tmp_path / "half" / "000009"


def test_a_run_goes_on_from_halves_and_warms_up_again_without_moments(tiny: Recipe, tmp_path: Path) -> None:
    state = trained(tiny).state(2)
    checkpoints.save_half(tmp_path / "there", state | {"optimiser": None})
    said: list[str] = []
    run(tiny, tmp_path / "here", resume_from=[tmp_path / "there"], report=said.append)
    assert "resumed at step 2" in said
    assert last_step(tmp_path / "here") == 3


def test_the_rate_of_a_slot_falls_to_nothing_at_its_end() -> None:
    slot = Slot(ends=100.0, cool_down=20.0)
    assert [round(slot.share(t), 6) for t in (0, 80, 90, 100, 101)] == [1, 1, 0.5, 0, 0]
    assert Slot(ends=100.0).share(99.9) == 1


def test_a_slot_that_is_over_trains_no_further(tiny: Recipe, tmp_path: Path) -> None:
    run(tiny, tmp_path, slot=Slot(ends=time.monotonic()), report=lambda _: None)
    assert last_step(tmp_path) == 0


def test_a_packed_run_trains_where_nothing_is_installed_and_goes_on(tiny: Recipe, tmp_path: Path) -> None:
    checkpoints.save(tmp_path, trained(tiny).state(2))
    pack(tiny, tmp_path / "p", resume=tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, str(tmp_path / "p" / "train"), "out", "--seconds", "60", "--cool-down", "60", "--set"]
    done = subprocess.run(
        [*command, "steps=20", "crops_per_rendering=4", "rendering_px=96", "overlay_steps=20"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "resumed at step 2" in done.stdout
    assert last_step(tmp_path / "out") == 20
    log = (tmp_path / "out" / "log.csv").read_text(encoding="utf-8").splitlines()
    assert float(log[1].split(",")[1]) < 1e-3  # cooling down


def test_a_slot_says_in_one_line_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path.cwd()
    assert main([str(tmp_path / "out"), "--seconds", "1", "--pack", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "train: recipe.toml: cannot be read (No such file or directory); give the path of a recipe"
    ]
    (tmp_path / "recipe.toml").write_text("", encoding="utf-8")
    assert main([str(tmp_path / "out"), "--seconds", "1", "--pack", str(tmp_path), "--set", "bananas=1"]) == 2
    assert "bananas" in capsys.readouterr().err
    assert Path.cwd() == before
