"""Parts of the page without a browser: one-click proposals, tiles, the gallery's order, figures, samples, training data, files."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.apps.serve import downloads
from nanogauge.apps.serve.corrections import TRAINING, known_labels, save_training_data, to_choose_from, worth_learning_from
from nanogauge.apps.serve.doubts import doubt_of
from nanogauge.apps.serve.page_state import particles_of, vocabulary
from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.sample_figures import chart_of, comparison_of, content_of, figures_of, needed_of, sample_of, shown_lengths
from nanogauge.apps.serve.server import _listen, serve
from nanogauge.apps.serve.studio import Studio, save_session, settings_with_engine
from nanogauge.apps.serve.tiles import TILE_PX, Pyramid
from nanogauge.apps.serve.trainings import Trainings
from nanogauge.apps.serve.uploads import Received
from nanogauge.apps.serve.work_folder import choose_work_folder
from nanogauge.core.errors import EditError, InputError, NanogaugeError, OutputError
from nanogauge.core.particles import Flag, flag_text
from nanogauge.core.settings import Settings
from nanogauge.editing.contour import outline_of
from nanogauge.editing.one_click import propose
from nanogauge.editing.session import Session
from nanogauge.results.saved import read_saved
from nanogauge.statistics.samples import Part, part_of
from nanogauge.training.synthetic.examples import EXAMPLES, render_example
from page_tools import until
from scenes import spheres
from serve_tools import discs

TRUE = discs((140, 200), [(50, 50, 18), (50, 88, 18), (90, 150, 24)])


def seen(noise: float = 8.0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(4)
    return np.asarray(
        cv2.GaussianBlur(np.where(TRUE > 0, 160, 70).astype(np.float32), (0, 0), 1.5) + rng.normal(0, noise, TRUE.shape)
    )


def overlap(mask: np.ndarray[Any, Any], corner: tuple[int, int], label: int) -> float:
    found = np.zeros(TRUE.shape, bool)
    found[corner[0] : corner[0] + mask.shape[0], corner[1] : corner[1] + mask.shape[1]] = mask
    return float((found & (label == TRUE)).sum() / (found | (label == TRUE)).sum())


@pytest.mark.parametrize(("click", "label"), [((50, 50), 1), ((52, 86), 2), ((88, 152), 3), ((82, 144), 3)])
@pytest.mark.parametrize("with_map", [True, False])
def test_one_click_finds_the_particle(click: tuple[float, float], label: int, with_map: bool) -> None:
    probability = cv2.GaussianBlur((TRUE > 0).astype(np.float32), (0, 0), 1.5) if with_map else None
    p = propose(click, labels=np.zeros_like(TRUE), pixels=seen(), probability=probability, typical_diameter_px=38)
    assert p.found_in == ("probability map" if with_map else "grey levels")
    assert overlap(p.mask, p.corner, label) > 0.85  # particles 1 and 2 touch, and are told apart


@pytest.mark.parametrize("dark", [True, False])
def test_one_click_finds_dark_particles_too(dark: bool) -> None:
    grey = 230 - seen() if dark else seen()
    p = propose(
        (90, 150), labels=np.zeros_like(TRUE), pixels=grey, probability=np.zeros(TRUE.shape, np.float32), typical_diameter_px=38
    )
    assert overlap(p.mask, p.corner, 3) > 0.85


def test_one_click_takes_no_pixel_of_a_neighbour_and_refuses_nothingness() -> None:
    taken = np.where(TRUE == 2, 5, 0).astype(np.int32)
    p = propose((50, 50), labels=taken, pixels=seen(), probability=None, typical_diameter_px=38)
    window = taken[p.corner[0] : p.corner[0] + p.mask.shape[0], p.corner[1] : p.corner[1] + p.mask.shape[1]]
    assert not window[p.mask].any()
    with pytest.raises(EditError, match="already"):
        propose((50, 88), labels=taken, pixels=seen(), probability=None, typical_diameter_px=38)
    with pytest.raises(EditError, match="within"):
        propose((-9, 4), labels=taken, pixels=seen(), probability=None, typical_diameter_px=38)
    with pytest.raises(EditError, match="no edge"):
        propose((20, 100), labels=taken, pixels=np.full(TRUE.shape, 90.0), probability=None, typical_diameter_px=38)


def test_outlines_run_where_the_map_says_and_between_neighbours() -> None:
    probability = cv2.GaussianBlur((TRUE > 0).astype(np.float32), (0, 0), 1.5)
    (ring,) = outline_of(3, (66, 126, 115, 175), TRUE, probability)
    at = np.array(ring).reshape(-1, 2)
    radius = np.hypot(at[:, 0] - 150, at[:, 1] - 90)
    assert radius.min() > 23.2
    assert radius.max() < 25.2
    for label, box in ((1, (32, 32, 69, 69)), (2, (32, 70, 69, 107))):
        ring = max(outline_of(label, box, TRUE, None), key=len)
        xs = np.array(ring).reshape(-1, 2)[:, 0]
        assert (xs.max() if label == 1 else -xs.min()) <= (69 if label == 1 else -69)


def test_tiles_cover_the_picture_at_every_level() -> None:
    grey = np.arange(2100 * 1500, dtype=np.uint32).reshape(2100, 1500).astype(np.uint8)
    pyramid = Pyramid(grey)
    assert pyramid.n_levels == 4
    tile = pyramid.tile(0, 2, 1)
    assert tile is not None
    picture = cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(picture, grey[2 * TILE_PX :, TILE_PX:])
    assert pyramid.level(1).shape == (1050, 750)
    assert all(pyramid.tile(*at) is None for at in ((0, 3, 0), (0, 0, 2), (9, 0, 0), (-1, 0, 0), (0, -1, 0)))


def test_examples_are_the_same_every_time(tmp_path: Path) -> None:
    name = next(iter(EXAMPLES))
    one, two = (render_example(name, tmp_path / k).read_bytes() for k in "ab")
    assert one == two


def test_work_folders_are_told_apart(work: Path, tmp_path: Path) -> None:
    assert choose_work_folder(work) == (work, [], {})
    assert choose_work_folder(work / "a") == (work, [], {})
    assert choose_work_folder(tmp_path / "new") == (tmp_path / "new", [], {})
    pictures = tmp_path / "pictures"
    shutil.copytree(work / "uploads", pictures)
    assert choose_work_folder(pictures) == (pictures / "results", [pictures / "a.png"], {})
    other = tmp_path / "home"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    for bad in (other, other / "letter.txt"):
        with pytest.raises(InputError):
            choose_work_folder(bad)


def test_results_of_the_command_line_are_opened(work: Path) -> None:
    (work / "uploads").rename(work.parent / "elsewhere")
    (work / "a" / "probability.tif").unlink()
    run = {"inputs": [{"file": str(work.parent / "elsewhere" / "a.png"), "folder": "a", "status": "ok"}]}
    (work / "run.json").write_text(json.dumps(run))
    project = Project(work)
    assert project.entries["a"].file == work.parent / "elsewhere" / "a.png"
    assert project.entries["a"].state == "done"
    (work.parent / "elsewhere" / "a.png").rename(work.parent / "moved.png")
    assert Project(work).entries["a"].file is None
    assert "not here" in " ".join(doubt_of(Project(work).entries["a"]).reasons)


def test_a_missing_micrograph_is_put_to_its_result_when_dropped(work: Path, tmp_path: Path) -> None:
    picture = (work / "uploads" / "a.png").rename(tmp_path / "incoming")
    project = Project(work)
    sha256 = project.entries["a"].summary["sha256"]
    entry, said = project.take(Received(picture, "renamed.png", sha256, (300, 420)))
    assert (entry.name, entry.file) == ("a", work / "uploads" / "renamed.png")
    assert "belongs to a" in said
    Session_file = Project(work).entries["a"].file
    assert Session_file == work / "uploads" / "renamed.png"


def test_the_gallery_puts_first_what_needs_a_person_and_remembers(work: Path) -> None:
    for name in ("b", "c"):
        shutil.copytree(work / "a", work / name)
    path = work / "b" / "measurement.json"
    about = json.loads(path.read_text())
    about["scale"] |= {"nm_per_px_y_x": [2.0, 2.0], "relative_uncertainty": 0.01, "source": "user", "warnings": []}
    small = "60 % of the particles are under 8 px across: their sizes are biased, magnify more"
    about |= {"status": "ok", "message": "", "warnings": [{"code": "few_pixels", "text": small}, {"code": "note", "text": "n"}]}
    path.write_text(json.dumps(about))
    (work / "c" / "measurement.json").write_text("{")
    project = Project(work)
    assert [e.name for e in project.in_order()] == ["c", "a", "b"]
    assert "no scale" in doubt_of(project.entries["a"]).reasons[0]
    assert doubt_of(project.entries["b"]).reasons[0] == "60 % of the particles are under 8 px across"
    assert project.entries["c"].state == "error"
    project.check("a", True)
    project.assign(["b"], "  lot   7 ")
    with pytest.raises(InputError):
        project.assign(["b"], "  ")
    with pytest.raises(InputError):
        project.entry("../a")
    again = Project(work)
    assert again.in_order()[-1].name == "a"
    assert again.entries["b"].sample == "lot 7"
    assert {name: [e.name for e in group] for name, group in again.samples().items()} == {"": ["a"], "lot 7": ["b"]}
    again.unassign(["b"])
    assert set(Project(work).samples()) == {""}
    again.remove("b")
    assert not (work / "b").exists()
    assert (work / ".removed" / "b" / "labels.tif").is_file()


def test_names_do_not_collide(work: Path) -> None:
    project = Project(work)
    first = project.add_file(work / "x" / "a.tif")
    assert first.name == "a_2"
    assert project.add_file(work / "x" / "a.tif") is first
    assert project.add_file(work / "x" / "plots.tif").name == "plots_"
    assert project.add_file(work / "x" / "uploads.tif").name == "uploads_"


@pytest.mark.slow
def test_the_studio_saves_what_was_edited_and_opens_it_again(work: Path) -> None:
    studio = Studio(Project(work), settings=Settings().replace("segment", engine="threshold"))
    try:
        session = studio.session("a")
        assert studio.session("a") is session
        label = int(session.table["label"].iloc[3])
        session.edit("delete", {"labels": [label]})
        until(lambda: session.saved_revision == session.revision)
        record = read_saved(work / "a")
        assert label not in record.particles["label"].tolist()
        assert record.about["operator_edits"][0].endswith(f"deleted particle {label}")
        assert studio.project.entries["a"].summary["n_edits"] == 1
        with pytest.raises(NanogaugeError):
            studio.session("b")
        studio.measure_again("a")
        until(lambda: studio.project.entries["a"].state in ("done", "error"))
        assert studio.project.entries["a"].state == "done", studio.project.entries["a"].message
        assert not read_saved(work / "a").about["operator_edits"]
        assert (work / ".removed" / "a" / "edits.jsonl").is_file()
        assert (work / "a" / "probability.tif").is_file()
        assert settings_with_engine(studio.settings, "x.onnx").segment.engine == "x.onnx"
    finally:
        studio.close()


def test_figures_follow_weighting_and_unit(session: Session) -> None:
    session.edit("scale", {"choice": {"source": "typed", "text": "50 nm/px"}})
    parts = [Part("a", session.table, session.scale)]
    quick = sample_of(parts, name="a", settings=session.settings_in_force(), quick=True)
    unit = shown_lengths(quick, "auto")
    assert unit.unit == "µm"
    chart = chart_of(quick, unit)
    assert sum(chart["share"]) == pytest.approx(1)
    assert sum(chart["count"]) == chart["n"] == quick.distribution.n
    assert chart["quantiles"]["d50"]["low"] is None
    assert len(chart["fits"]) == 3
    nm = chart_of(quick, shown_lengths(quick, "nm"))
    assert nm["edges"][0] == pytest.approx(1000 * chart["edges"][0])
    whole = sample_of(parts, name="a", settings=session.settings_in_force(), weighting="volume")
    assert whole.distribution.median.value > quick.distribution.median.value
    assert chart_of(whole, unit)["fits"] == []
    rows = {r["name"]: r for r in figures_of(whole, unit)}
    assert rows["d50"]["value"].endswith("µm")
    assert "…" in rows["d50"]["interval"]
    assert needed_of(whole)[0]["measured"] > 0
    assert content_of(whole)["headline"]
    json.dumps([chart, nm], allow_nan=False)
    assert comparison_of([quick]) is None
    assert comparison_of([whole, whole]) is not None


def test_the_page_shows_particles_in_the_words_and_colours_of_the_registry(session: Session) -> None:
    words = vocabulary()
    shown = particles_of(session)
    assert set(shown["kind"]) <= set(words["colours"])
    assert {name for flags in shown["flags"] for name in flags.split("|") if name} <= set(words["flags"])
    assert set(words["flags"]) == {flag_text(f) for f in Flag}
    assert [k == "left_out" for k in shown["kind"]] == [w == 0 for w in shown["weight"]]


@pytest.mark.slow
def test_report_and_zip_are_of_the_samples_as_assigned(work: Path, tmp_path: Path) -> None:
    shutil.copytree(work / "a", work / "b")
    project = Project(work)
    project.assign(["b"], "other")
    assert downloads.write_whole_report(project) == work / "report.html"
    text = (work / "report.html").read_text()
    assert "other" in text
    run = json.loads((work / "run.json").read_text())
    assert run["samples"] == {"other": ["b"]}  # a was put into none: it is in the tables, and pooled with nothing
    sample = json.loads((work / "sample.json").read_text())
    assert (sample["name"], sample["n_micrographs"]) == ("other", 1)
    rows = (work / "summary.csv").read_text().splitlines()
    assert len(rows) == 3
    with zipfile.ZipFile(downloads.zip_everything(project, tmp_path / "all.zip")) as z:
        assert {"a/rois.zip", "b/labels.tif", "report.pdf"} <= set(z.namelist())
    with pytest.raises(InputError, match="nothing"):
        downloads.write_whole_report(Project(tmp_path / "empty"))


@pytest.mark.slow
def test_the_figure_is_drawn_as_edited(session: Session, tmp_path: Path) -> None:
    for kind in downloads.FIGURES:
        assert downloads.figure_file(session, kind, weighting="number", folder=tmp_path / kind).stat().st_size > 500
    with pytest.raises(InputError, match="svg"):
        downloads.figure_file(session, "exe", weighting="number", folder=tmp_path)
    m = session.measurement()
    assert part_of(m).particles is session.table


def test_only_what_was_seen_is_training_data(work: Path) -> None:
    shutil.copytree(work / "a", work / "b")
    shutil.copyfile(work / "uploads" / "a.png", work / "uploads" / "b.png")
    project = Project(work)
    assert worth_learning_from(project) == []
    with pytest.raises(InputError, match="checked"):
        save_training_data(project, [])
    project.entries["b"].summary["n_edits"] = 3  # half-mended, for all one knows
    assert worth_learning_from(project) == []
    project.check("a", True)
    assert [e.name for e in to_choose_from(project)] == ["a", "b"]
    folder = save_training_data(project, worth_learning_from(project))
    assert [p.name for p in (folder / "images").iterdir()] == ["a.png"]
    assert [p.name for p in (folder / "labels").iterdir()] == ["a.tif"]
    from nanogauge.results.interchange import find_annotations

    assert find_annotations(folder) == {folder / "images" / "a.png": folder / "labels" / "a.tif"}
    tuning = Trainings(work / TRAINING).fine_tuning
    assert tuning.state == "idle"
    with pytest.raises(NanogaugeError, match=r"two micrographs|PyTorch"):
        tuning.start(folder, steps=1)


def test_what_was_left_out_or_not_looked_at_is_unknown_to_training(work: Path, session: Session) -> None:
    inside = session.table[session.table["flags"] == ""]
    out, kept = (int(v) for v in inside["label"].iloc[[0, 1]])
    before = session.labels.copy()
    session.edit("leave_out", {"labels": [out]})
    session.edit("region", {"rectangle": None, "excluded": [[[0, 0], [0, 60], [40, 60], [40, 0]]]})
    save_session(session)
    folder = save_training_data(Project(work), ["a"])
    labels = tifffile.imread(folder / "labels" / "a.tif")
    unknown = np.asarray(Image.open(folder / "unknown" / "a.png")) > 0
    assert not (labels == out).any()
    assert np.array_equal(labels == kept, before == kept)
    assert unknown[before == out].all()
    assert unknown[:40, :60].all()
    rim = (cv2.dilate((before == out).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (before == 0)
    assert unknown[rim].all()
    assert unknown.mean() < 0.25
    assert not unknown[(labels > 0) & ~(np.indices(labels.shape) < np.array([44, 64])[:, None, None]).all(0)].any()

    session.edit("leave_out", {"labels": [out]})  # counted again
    session.edit("region", {"rectangle": [20, 30, 250, 300], "excluded": []})
    save_session(session)
    labels, unknown = known_labels(work / "a")
    assert np.array_equal(labels == out, before == out)
    assert np.array_equal(np.argwhere(~unknown).min(0), (20, 30))
    assert np.array_equal(np.argwhere(~unknown).max(0), (249, 299))

    session.go_to(0)
    save_session(session)
    save_training_data(Project(work), ["a"])
    assert not (folder / "unknown").exists()


@pytest.mark.slow
def test_fine_tuning_says_what_it_did(work: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'nanogauge[train]'")
    trainings = Trainings(work / TRAINING)
    tuning = trainings.fine_tuning
    data = work / "training"
    for part in ("images", "labels"):
        (data / part).mkdir(parents=True)
        for k in range(2):
            (data / part / f"{k}.png").write_bytes(b"no picture")
    tuning.start(data, steps=1)
    for other in (tuning, trainings.classes):
        with pytest.raises(InputError, match="already"):
            other.start(data, steps=1)
    until(lambda: tuning.state != "running")
    assert tuning.state == "failed"
    assert any("0.png" in line for line in tuning.lines)
    tuning.start(data, steps=1)  # the next may begin
    tuning.stop()
    assert tuning.state == "stopped"
    assert trainings.all_made() == []


def test_a_folder_is_served_once(work: Path) -> None:
    filelock = pytest.importorskip("filelock")
    (work / ".serve.json").write_text(json.dumps({"address": "http://127.0.0.1:9/"}))
    with filelock.FileLock(work / ".serve.lock"), pytest.raises(InputError, match=r"served already at http://127\.0\.0\.1:9/"):
        serve(work, browser=False)


def test_a_port_that_is_taken_is_said() -> None:
    first = _listen("127.0.0.1", 0)
    first.listen()
    try:
        with pytest.raises(OutputError, match="--port"):
            _listen("127.0.0.1", first.getsockname()[1])
        with pytest.raises(OutputError, match="no such address"):
            _listen("no.such.host.invalid", 1)
    finally:
        first.close()


def test_pictures_of_every_size_are_rendered_for_the_tests() -> None:
    assert Image.fromarray(spheres(3, shape=(120, 160)).pixels).size[0] == 160


def test_what_nobody_put_into_a_sample_is_in_none_and_a_run_of_the_command_line_is_as_it_was_pooled(several: Path) -> None:
    assert {e.sample for e in Project(several).entries.values()} == {""}
    (several / "run.json").write_text(json.dumps({"inputs": [{"file": "a.png", "folder": "a"}, {"file": "b.png", "folder": "b"}]}))
    (several / "sample.json").write_text(json.dumps({"name": "results"}))
    project = Project(several)
    assert {name: len(group) for name, group in project.samples().items()} == {"": 2, "results": 2}
    project.unassign(["a"])
    assert {name: len(group) for name, group in Project(several).samples().items()} == {"": 3, "results": 1}
