"""Phases all the way: files in, figures, tables, pictures and a report out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import nanogauge as ng
from nanogauge.apps.cli.phases import run_beside
from nanogauge.apps.cli.phases_all import check_all, measure_all
from nanogauge.core.errors import EngineError, InputError
from nanogauge.core.protocols import EngineClasses
from nanogauge.core.scale import Scale
from nanogauge.phases.drawing import phase_colours
from nanogauge.pipeline import measure as pipeline_measure
from nanogauge.pipeline import phases as pipeline_phases
from nanogauge.pipeline.measure import Measurer
from nanogauge.pipeline.phases import check_beside, known_check, measure_phases
from nanogauge.results.phases import PHASE_FILES
from phase_tools import GreyPhases, level_sets, picture_of
from scenes import NoText

SHARES = (0.5, 0.35, 0.15)
NAMES = ("clay", "silt", "pore")


def drawn(seed: int, shape=(200, 260)):
    rng = np.random.default_rng(seed)
    texture = level_sets(rng, shape, 7.0, SHARES)
    return texture, picture_of(texture.phases, rng, noise=6.0)


@pytest.fixture
def by_grey(monkeypatch, tmp_path):
    """Every engine is one that tells phases by grey level; returns the name of its file."""
    monkeypatch.setattr(pipeline_measure, "make_engine", lambda *_, **__: GreyPhases(SHARES, *NAMES))
    monkeypatch.setattr(pipeline_measure, "make_reader", lambda **_: NoText())
    return str(tmp_path / "rock.onnx")


@pytest.fixture
def labelled(tmp_path):
    """A folder of micrographs with class maps, as phases are learned from."""
    folder = tmp_path / "labelled"
    for name in ("images", "classes"):
        (folder / name).mkdir(parents=True)
    for seed in range(4):
        texture, grey = drawn(100 + seed)
        Image.fromarray(grey).save(folder / f"images/p{seed}.png")
        Image.fromarray(texture.phases + 1).save(folder / f"classes/p{seed}.png")
    (folder / "classes.csv").write_text("value,class\n1,clay\n2,silt\n3,pore\n")
    return folder


def test_files_become_tables_pictures_and_a_report(tmp_path, by_grey, labelled, capsys) -> None:
    assert check_all(labelled, engine=by_grey) == 0
    assert "IoU" in capsys.readouterr().out
    for seed in range(2):
        Image.fromarray(drawn(seed)[1]).save(tmp_path / f"m{seed}.png")
    files = [tmp_path / "m0.png", tmp_path / "m1.png"]
    out = tmp_path / "out"
    assert measure_all(files, out, engine=by_grey, scale="2 nm/px") == 0
    assert "all together" in capsys.readouterr().out

    table = pd.read_csv(out / "phases.csv", keep_default_na=False)
    assert table["micrograph"].tolist() == ["m0.png"] * 3 + ["m1.png"] * 3 + [""] * 3
    together = table[table["micrograph"] == ""].set_index("phase")
    for name, true in zip(NAMES, SHARES, strict=True):
        assert together["area_fraction_low"].astype(float)[name] < true < together["area_fraction_high"].astype(float)[name]
    true_chord = 2 * drawn(0)[0].chord[1]
    assert float(together["mean_chord_nm_low"]["silt"]) < true_chord < float(together["mean_chord_nm_high"]["silt"])

    assert {p.name for p in (out / "m0").iterdir()} == set(PHASE_FILES)
    labels = tifffile.imread(out / "m0/phases.tif")
    assert (labels == drawn(0)[0].phases + 1).mean() > 0.98
    about = json.loads((out / "m0/phases.json").read_text())
    assert about["scale"]["nm_per_px_y_x"] == [2.0, 2.0]
    assert about["check"]["n_pictures"] == 4
    with Image.open(out / "m0/overlay.png") as overlay:
        assert overlay.width == 260
        assert overlay.height > 200  # a strip below says which colour is which phase
    page = (out / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in (*NAMES, "m0.png", "Area fractions and their budget"))
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons", ""
    )


def test_one_bad_file_does_not_stop_the_others(tmp_path, by_grey, capsys) -> None:
    Image.fromarray(drawn(0)[1]).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert measure_all([tmp_path / "bad.png", tmp_path / "good.png"], tmp_path / "out", engine=by_grey) == 1
    said = capsys.readouterr()
    assert "bad.png" in said.err
    assert "Traceback" not in said.err
    assert (tmp_path / "out/good/phases.json").is_file()
    assert "not checked on held-out pictures" in said.out


def test_json_is_for_scripts(tmp_path, by_grey, capsys) -> None:
    Image.fromarray(drawn(0)[1]).save(tmp_path / "a.png")
    assert measure_all([tmp_path / "a.png"], tmp_path / "out", engine=by_grey, report=False, json_output=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["together"]["phases"]) == set(NAMES)
    assert not (tmp_path / "out/report.html").exists()


def test_micrographs_of_which_some_have_a_scale_are_measured_but_not_pooled(tmp_path, by_grey, capsys) -> None:
    for seed, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        Image.fromarray(drawn(seed)[1]).save(tmp_path / name / f"{name}.png")
    (tmp_path / "a/nanogauge.toml").write_text('nm_per_px = "2 nm/px"\n')
    (tmp_path / "a/nanogauge.toml").write_text('scale = "2 nm/px"\n')
    assert measure_all([tmp_path / "a/a.png", tmp_path / "b/b.png"], tmp_path / "out", engine=by_grey) == 0
    assert "no figures of all together: b.png: no scale, while others" in capsys.readouterr().err
    assert not (tmp_path / "out/phases.csv").exists()
    assert (tmp_path / "out/report.html").is_file()


def test_a_notebook_measures_arrays_and_pools_them(by_grey, tmp_path) -> None:
    texture, grey = drawn(3)
    m = ng.measure_phases(grey, tmp_path / "other.onnx", scale="3 nm/px", name="a")
    assert m.figures.phases[1].share.whole.low < SHARES[1] < m.figures.phases[1].share.whole.high
    assert m.overlay.shape == (*grey.shape, 3)
    assert "silt" in repr(m)
    both = ng.pool_phases([m, ng.measure_phases(drawn(4)[1], tmp_path / "other.onnx", scale="3 nm/px", name="b")])
    assert both.figures.independent > m.figures.independent
    with pytest.raises(InputError, match="no micrograph"):
        ng.pool_phases([])
    assert texture.phases.shape == m.map.phases.shape


def test_a_check_of_another_network_is_not_used(by_grey, labelled, tmp_path) -> None:
    assert check_all(labelled, engine=by_grey, only=None) == 0
    engine = GreyPhases(SHARES, *NAMES)
    check, why = known_check(engine, None, by_grey)
    assert check is not None
    assert not why
    engine.sha256 = "0" * 64
    check, why = known_check(engine, None, by_grey)
    assert check is None
    assert "a check of another network" in why
    assert check_beside(by_grey).name == "rock.check.json"


def test_a_training_does_not_write_into_the_folder_it_learns_from(labelled, tmp_path) -> None:
    assert run_beside(tmp_path / "rock.onnx", labelled) == tmp_path / "rock"
    assert run_beside(tmp_path / "labelled.onnx", labelled) == tmp_path / "labelled-run"


def test_a_check_of_two_pictures_says_that_they_are_too_few(by_grey, labelled, tmp_path, capsys) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("p1\np3\n")
    assert check_all(labelled, engine=by_grey, only=ids) == 0
    assert "three at least" in capsys.readouterr().out
    assert check_all(labelled, engine=by_grey) == 0
    assert "three at least" not in capsys.readouterr().out


def test_names_to_check_on_are_taken_from_a_file(by_grey, labelled, tmp_path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("p1\np3\n")
    assert check_all(labelled, engine=by_grey, only=ids, out=tmp_path / "c.json") == 0
    assert [p["name"] for p in json.loads((tmp_path / "c.json").read_text())["pictures"]] == ["p1", "p3"]
    ids.write_text("other\n")
    with pytest.raises(InputError, match="no labelled micrograph"):
        check_all(labelled, engine=by_grey, only=ids)


def test_pixels_of_a_size_that_was_not_learned_from_are_told() -> None:
    engine = GreyPhases(SHARES, *NAMES)
    engine.classes = EngineClasses(NAMES, of="phases", nm_per_px=(4.0, 6.0))
    measurer = Measurer(engine=engine, reader=NoText())
    grey = ng.Micrograph(pixels=drawn(1)[1], name="m.png")
    far, near = (measure_phases(grey, measurer, scale=Scale((s, s), 0.0, "user")) for s in (1.0, 5.0))
    assert any("learned from pixels of 4 to 6 nm" in w for w in far.warnings)
    assert not any("learned from pixels" in w for w in near.warnings)


@pytest.mark.parametrize(("box", "told"), [((140, 0, 200, 90), True), ((185, 0, 200, 60), False)])
def test_much_that_is_taken_for_text_is_told(box, told, monkeypatch) -> None:
    monkeypatch.setattr(pipeline_phases, "written_on", lambda _: [box])
    measurer = Measurer(engine=GreyPhases(SHARES, *NAMES), reader=NoText())
    m = measure_phases(ng.Micrograph(pixels=drawn(1)[1], name="m.png"), measurer)
    y0, x0, y1, x1 = box
    assert (m.labels()[y0:y1, x0:x1] == 0).all()
    assert [w for w in m.warnings if "left out as text" in w] == (
        ["m.png: 10 % of the picture is left out as text or a scale bar (grey in the overlay): look whether it is"] if told else []
    )


def test_the_overlay_says_which_colour_is_which_phase(by_grey, tmp_path) -> None:
    m = ng.measure_phases(drawn(3)[1], tmp_path / "other.onnx", scale="3 nm/px", name="a")
    saved = np.asarray(Image.open(m.save(tmp_path / "out") / "overlay.png"))
    assert (saved[: m.overlay.shape[0]] == m.overlay).all()
    key = saved[m.overlay.shape[0] :].reshape(-1, 3)
    for colour in phase_colours(NAMES):
        assert (key == colour).all(axis=1).sum() > 100


def test_a_network_without_phases_is_refused(blind_measurer) -> None:
    with pytest.raises(EngineError, match="tells no phases apart"):
        measure_phases(ng.Micrograph(pixels=drawn(1)[1], name="m.png"), blind_measurer)


@pytest.mark.slow
def test_bad_input_is_one_line_at_the_command_line(nanogauge, tmp_path) -> None:
    Image.fromarray(drawn(0, (64, 64))[1]).save(tmp_path / "a.png")
    for engine in ("missing.onnx", "unet"):
        done = nanogauge("phases", "measure", "a.png", "--engine", engine, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.strip().count("\n") == 0
        assert "Traceback" not in done.stderr
