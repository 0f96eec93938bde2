"""The command line in a process of its own: what a user types, reads and finds in the folder afterwards.

One run measures many files, good and bad, because loading the text reader takes seconds.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from nanogauge import __version__
from nanogauge.apps.cli.main import main
from nanogauge.batch.inputs import expand, unique_names
from nanogauge.core.particles import column_names
from nanogauge.pipeline.measure import Measurer
from nanogauge.reporting.run_report import RUN_FILES
from nanogauge.results.measurement import SUMMARY_COLUMNS
from nanogauge.training.synthetic import Rendering
from nanogauge.training.synthetic.annotate import add_data_bar

Command = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = (
    "measure", "import", "report", "scale", "rank", "order", "fibres", "aggregates", "lines",
    "calibrate", "evaluate", "synth", "train", "export", "serve",
    "settings",
)  # fmt: skip
PER_MICROGRAPH = {"measurement.json", "particles.csv", "labels.tif", "overlay.png", "rois.zip"}
NM = [c for c in column_names(in_nm=True) if c not in column_names(in_nm=False)]

STATUS = {
    "black.png": "no_particles",
    "blocked.png": "error",
    "cut.tif": "error",
    "empty.tif": "error",
    "good.png": "ok",
    "good.tif": "ok",
    "one.png": "no_particles",
    "plain.png": "no_particles",
    "run [1] µ.png": "ok",
    "text.tif": "error",
    "unscaled.png": "no_scale",
}
FOLDERS = {"good.png": "good_png", "good.tif": "good_tif"}  # else the stem


def refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints on stderr that ends with exit code 2; nothing may be on stdout."""
    with pytest.raises(SystemExit) as end:
        main(argv)
    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.out == ""
    return said.err


def one_line(text: str, *words: object) -> None:
    """One line for the user, with these words in it."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("nanogauge: ")
    for word in words:
        assert str(word) in lines[0]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, scene_with_bar: Rendering, bare_scene: Rendering) -> Path:
    """A folder of what may lie in a folder."""
    folder = tmp_path_factory.mktemp("session") / "in"
    folder.mkdir()
    tifffile.imwrite(folder / "good.tif", scene_with_bar.pixels, metadata=None)
    for name in ("run [1] µ.png", "blocked.png"):
        Image.fromarray(scene_with_bar.pixels).save(folder / name)
    mirrored = scene_with_bar.pixels.copy()  # a picture of its own, above the data bar: one of the same name would be a copy
    mirrored[:300] = mirrored[:300, ::-1]
    Image.fromarray(mirrored).save(folder / "good.png")
    whole = (folder / "good.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.tif").touch()
    (folder / "text.tif").write_text("no picture at all\n" * 20)
    Image.fromarray(np.full((1, 1), 7, np.uint8)).save(folder / "one.png")
    Image.fromarray(np.zeros((30, 44), np.uint8)).save(folder / "black.png")
    plain, _, _ = add_data_bar(np.full((200, 420), 90, np.uint8), maker="zeiss", nm_per_px=2.0, rng=np.random.default_rng(0))
    Image.fromarray(plain).save(folder / "plain.png")
    Image.fromarray(bare_scene.pixels[:200]).save(folder / "unscaled.png")
    (folder / "notes.md").write_text("not a picture, and not tried")
    return folder


@pytest.fixture(scope="module")
def measured(pictures: Path, nanogauge: Command) -> tuple[subprocess.CompletedProcess[str], Path]:
    """`nanogauge measure in -o out` with what it printed. A file is where the folder of blocked.png should go."""
    out = pictures.parent / "out"
    out.mkdir()
    (out / "blocked").touch()
    return nanogauge("measure", "in", "-o", "out", "--engine", "threshold", cwd=pictures.parent), out


def summary(out: Path) -> dict[str, dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8", newline="") as f:
        rows = csv.DictReader(f)
        assert rows.fieldnames == SUMMARY_COLUMNS
        return {Path(row["file"]).name: row for row in rows}


def test_some_failed_is_exit_code_1_and_a_line_each(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = measured
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    lines = done.stderr.strip().splitlines()
    failing = [name for name, status in STATUS.items() if status == "error"]
    assert len(lines) == len(failing)
    for name, line in zip(failing, lines, strict=True):
        assert line.startswith("nanogauge: ")
        assert name in line
        assert "unexpected" not in line
    assert "7 of 11 measured" in done.stdout


def test_summary_has_a_row_and_the_status_of_every_file(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    rows = summary(measured[1])
    assert {name: row["status"] for name, row in rows.items()} == STATUS
    for row in rows.values():
        has_nm = row["status"] == "ok"
        assert bool(row["mean_nm"]) == bool(row["d50_nm"]) == has_nm
        assert bool(row["mean_px"]) == (row["status"] in ("ok", "no_scale"))
        assert bool(row["message"]) == (row["status"] != "ok")
        assert row["scale_source"] == ("scale_bar" if row["nm_per_px"] else "none")
    assert rows["plain.png"]["nm_per_px"]  # a scale, though no particles
    assert float(rows["good.tif"]["nm_per_px"]) == pytest.approx(1.7, rel=0.01)


def test_all_files_of_what_was_measured_are_there(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, out = measured
    wanted = {FOLDERS.get(n, Path(n).stem) for n, status in STATUS.items() if status != "error"}
    assert {p.name for p in out.iterdir() if p.is_dir()} == {*wanted, "plots", ".nanogauge"}
    assert {p.name for p in out.iterdir() if p.is_file()} == {*RUN_FILES, "blocked"}
    for name in wanted:
        assert {p.name for p in (out / name).iterdir()} - {"scale_bar.png"} == PER_MICROGRAPH
        with zipfile.ZipFile(out / name / "rois.zip") as rois:
            assert len(rois.namelist()) == len(pd.read_csv(out / name / "particles.csv"))


def test_nm_columns_only_where_there_is_a_scale(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, out = measured
    assert not [c for c in pd.read_csv(out / "unscaled" / "particles.csv") if "nm" in c]
    assert set(NM) <= set(pd.read_csv(out / "good_tif" / "particles.csv"))
    table = pd.read_csv(out / "particles.csv")
    assert list(table) == ["micrograph", *column_names(in_nm=True)]
    assert set(table["micrograph"]) == {"good_png", "good_tif", "run [1] µ", "unscaled"}
    unscaled = table[table["micrograph"] == "unscaled"]
    assert len(unscaled) > 5
    assert unscaled[NM].isna().all(axis=None)
    sometimes = [c for c in NM if c.startswith(("geodesic", "equivalent_diameter_")) and c != "equivalent_diameter_nm"]
    assert table.loc[table["micrograph"] != "unscaled", [c for c in NM if c not in sometimes]].notna().all(axis=None)


def test_the_table_of_the_run_is_that_of_its_micrographs(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, out = measured
    table, rows = pd.read_csv(out / "particles.csv"), summary(out)
    for name in ("good.tif", "good.png", "unscaled.png"):
        folder = FOLDERS.get(name, Path(name).stem)
        one = pd.read_csv(out / folder / "particles.csv")
        part = table[table["micrograph"] == folder].reset_index(drop=True)
        pd.testing.assert_frame_equal(part[list(one)], one)
        assert int(rows[name]["n_particles"]) == len(one)
        assert int(rows[name]["n_border"]) == (one["edge_weight"] == 0).sum()
    assert rows["good.tif"]["mean_nm"] == rows["run [1] µ.png"]["mean_nm"]
    assert float(rows["good.png"]["mean_nm"]) == pytest.approx(float(rows["good.tif"]["mean_nm"]), rel=0.01)


def test_run_json_says_what_was_done(measured: tuple[subprocess.CompletedProcess[str], Path], pictures: Path) -> None:
    run = json.loads((measured[1] / "run.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert run["version"] == __version__
    assert run["engine"]["name"] == run["settings"]["segment"]["engine"] == "threshold"
    assert {Path(i["file"]).name: i["status"] for i in run["inputs"]} == STATUS
    assert all(len(i["sha256"]) == 64 for i in run["inputs"] if i["status"] != "error")


def test_report_names_every_file(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    page = (measured[1] / "report.html").read_text(encoding="utf-8")
    for name in STATUS:
        assert name in page


def test_summary_table_is_whole_in_a_pipe(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    for name in STATUS:
        assert [line for line in measured[0].stdout.splitlines() if line.startswith(name)], name


@pytest.mark.slow
def test_scale_by_the_user_and_json(pictures: Path, nanogauge: Command, tmp_path: Path) -> None:
    arguments = ["good.tif", "empty.tif", "--scale", "2.5 nm/px", "--json", "--engine", "threshold", "-o", tmp_path]
    done = nanogauge("measure", *arguments, cwd=pictures)
    assert done.returncode == 1
    good, empty = json.loads(done.stdout, parse_constant=pytest.fail)
    assert list(good) == list(empty) == SUMMARY_COLUMNS
    assert (good["status"], good["scale_source"], good["nm_per_px"]) == ("ok", "user", 2.5)
    assert good["mean_nm"] == pytest.approx(2.5 * good["mean_px"])
    assert "you stated 2.5 nm/px, the scale bar says 1.7" in good["message"]
    assert (empty["status"], empty["mean_nm"]) == ("error", None)
    one_line(done.stderr, "empty.tif", "empty")
    table = pd.read_csv(tmp_path / "good" / "particles.csv")
    assert np.allclose(table["equivalent_diameter_nm"], 2.5 * table["equivalent_diameter_px"])


@pytest.mark.slow
def test_scale_json(pictures: Path, nanogauge: Command, scene_with_bar: Rendering) -> None:
    done = nanogauge("scale", "good.png", "text.tif", "one.png", "none*.tif", "--json", cwd=pictures)
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    for row in rows:
        assert set(row) == {
            *("file", "status", "nm_per_px", "source", "confidence", "value_nm", "bar_length_px", "bar_box", "text"),
            *("relative_uncertainty", "refined_by", "metadata_nm_per_px", "calibration", "warnings"),
        }
    good, text, one, none = rows
    bar = scene_with_bar.bar
    assert bar is not None
    assert (good["file"], good["status"], good["source"], good["text"]) == ("good.png", "ok", "scale_bar", bar.text)
    assert good["nm_per_px"] == pytest.approx(1.7, rel=0.01)
    assert good["value_nm"] == bar.value_nm
    assert good["bar_length_px"] == pytest.approx(bar.length_px, abs=1)
    assert np.allclose(good["bar_box"], bar.box, atol=6)
    assert 0.5 < good["confidence"] <= 1
    assert (text["status"], text["nm_per_px"], one["status"]) == ("error", None, "no_scale")
    assert "no file fits" in none["warnings"][0]
    assert [line.split(":")[1].strip() for line in done.stderr.strip().splitlines()] == ["text.tif", "none*.tif"]


@pytest.mark.slow
def test_scale_as_a_table(pictures: Path, nanogauge: Command) -> None:
    done = nanogauge("scale", "one.png", "empty.tif", cwd=pictures)
    assert done.returncode == 1
    assert re.search(r"one\.png +no_scale +none", done.stdout)
    assert re.search(r"empty\.tif +error", done.stdout)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, nanogauge: Command) -> Path:
    """`nanogauge synth` with two micrographs."""
    out = tmp_path_factory.mktemp("synth") / "made"
    done = nanogauge("synth", out, "-n", 2, "--seed", 5, "--width", 480, "--height", 320)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(out) in done.stdout
    return out


@pytest.mark.slow
def test_synth_is_the_same_for_the_same_seed(rendered: Path, nanogauge: Command, tmp_path: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*")}

    main_arguments = ["-n", 2, "--width", 480, "--height", 320, "--seed"]
    assert nanogauge("synth", tmp_path / "again", *main_arguments, 5).returncode == 0
    with pytest.raises(SystemExit):
        main(["synth", str(tmp_path / "other"), *map(str, main_arguments), "6"])
    assert files(rendered) == files(tmp_path / "again")
    assert files(rendered) != files(tmp_path / "other")
    assert {p.split(".")[-1] for p in files(rendered)} == {"tif", "csv"}
    assert len(files(rendered)) == 2 * 3 + 1
    for path in (rendered / "images").iterdir():
        pixels = tifffile.imread(path)
        assert pixels.shape[1] == 480
        assert pixels.shape[0] > 320


@pytest.mark.slow
def test_measuring_what_synth_made_shows_the_truth_beside_it(rendered: Path, nanogauge: Command, tmp_path: Path) -> None:
    """Then `evaluate` of the same pictures against IoU computed here, from the labels that `measure` wrote."""
    done = nanogauge("measure", rendered / "images" / "*.tif", "-o", tmp_path, "--engine", "threshold")
    assert done.returncode == 0, done.stderr
    assert "true mean" in done.stdout
    truth = pd.read_csv(rendered / "truth.csv")
    for mean in truth["mean_equivalent_diameter_nm"].dropna():
        assert f"{mean:.3g}" in done.stdout or f"{mean / 1000:.3g}" in done.stdout

    done = nanogauge(
        "evaluate", "--images", rendered / "images", "--labels", rendered / "labels", "--engine", "threshold", "--json"
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout, parse_constant=pytest.fail)
    both = either = 0
    ious = {}
    for name in sorted(p.stem for p in (rendered / "labels").iterdir()):
        found = tifffile.imread(tmp_path / name / "labels.tif") > 0
        true = tifffile.imread(rendered / "labels" / f"{name}.tif") > 0
        ious[name] = (found & true).sum() / (found | true).sum()
        both, either = both + (found & true).sum(), either + (found | true).sum()
    assert {row["id"]: pytest.approx(row["iou"]) for row in scores["images"]} == ious
    assert scores["figures"]["images"] == 2
    assert scores["figures"]["iou_pooled"] == pytest.approx(both / either)
    assert scores["figures"]["iou_mean"] == pytest.approx(np.mean(list(ious.values())))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str, nanogauge: Command) -> None:
    done = nanogauge(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"nanogauge {command}" in done.stdout
    assert all(len(line.rstrip()) <= 80 for line in done.stdout.splitlines())
    if command == "measure":
        for word in ("Examples", "report.html", "--scale", "2.5 nm/px", "ROI Manager"):
            assert word in done.stdout


def test_help_of_the_whole_names_every_command_and_the_exit_codes(nanogauge: Command) -> None:
    done = nanogauge("--help")
    assert done.returncode == 0
    for word in (*COMMANDS, "Exit codes: 0", "nanogauge measure image.tif"):
        assert word in done.stdout


def test_version(nanogauge: Command) -> None:
    assert nanogauge("--version").stdout.split() == ["nanogauge", __version__]


@pytest.mark.parametrize(
    "argv", [["measure"], ["mesure", "a.tif"], ["measure", "a.tif", "--scal", "1"], ["synth", "x", "-n", "0"], ["evaluate"]]
)
def test_wrong_usage_is_exit_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "help" in refused(argv, capsys)


def test_what_cannot_be_understood_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (40, 20)).save("a.png")
    Path("bad.toml").write_text("[segment]\nworkin = 3\n")
    measure = ["measure", "a.png", "-o", "out"]
    one_line(refused([*measure, "--engine", "threshold", "--scale", "2.5 nn/px"], capsys), "'nn'", "nm")
    one_line(refused([*measure, "--engine", "threshold", "--scale", ""], capsys), "2.5 nm/px")
    one_line(refused([*measure, "--settings", "bad.toml"], capsys), "bad.toml", "'workin'", "[segment]")
    one_line(refused([*measure, "--settings", "gone.toml"], capsys), "gone.toml", "No such file")
    one_line(refused([*measure, "--engine", "magic"], capsys), "'magic'", "unet, unet-int8, unet-resnet50-cbam, threshold")
    one_line(refused(["settings", "bad.toml"], capsys), "bad.toml", "'workin'")
    assert not Path("out").exists()


def test_an_output_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    Image.new("L", (40, 20)).save(tmp_path / "a.png")
    for out in (taken, taken / "below"):
        argv = ["measure", str(tmp_path / "a.png"), "--engine", "threshold", "-o", str(out)]
        one_line(refused(argv, capsys), out, "choose another output folder")
        one_line(refused(["synth", str(out), "-n", "1"], capsys), out)
    (tmp_path / "out" / "summary.csv").mkdir(parents=True)  # a folder where a file should go
    argv = ["measure", str(tmp_path / "a.png"), "--engine", "threshold", "-q", "-o", str(tmp_path / "out")]
    one_line(refused(argv, capsys), "summary.csv")


def test_inputs_that_hold_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hollow").mkdir()
    inputs = [str(tmp_path / name) for name in ("hollow", "gone.tif", "*.tif")]
    with pytest.raises(SystemExit) as end:
        main(["measure", *inputs, "--engine", "threshold", "-q", "-o", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert end.value.code == 1
    assert said.out == ""
    hollow, gone, pattern = said.err.strip().splitlines()
    assert "hollow: no pictures in this folder" in hollow
    assert "gone.tif: no such file" in gone
    assert "*.tif: no file fits this pattern" in pattern
    assert [row["status"] for row in summary(tmp_path / "out").values()] == ["error"] * 3
    assert (tmp_path / "out" / "report.html").is_file()


def test_truth_that_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, shape in (("images", (30, 40)), ("labels", (30, 50))):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / name / "a.png")
    images, labels = str(tmp_path / "images"), str(tmp_path / "labels")
    evaluate = ["evaluate", "--engine", "threshold", "--images", images, "--labels"]
    one_line(refused([*evaluate, labels], capsys), "a.png", "(30, 50)", "(30, 40)")
    one_line(refused([*evaluate, str(tmp_path / "gone")], capsys), "gone", "not a folder")
    one_line(refused([*evaluate, labels, "--ids", str(tmp_path / "ids.txt")], capsys), "ids.txt")
    (tmp_path / "ids.txt").write_text("a b")
    one_line(refused([*evaluate, labels, "--ids", str(tmp_path / "ids.txt")], capsys), "for b;")


def test_settings_are_printed_as_toml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.toml"
    path.write_text("[measure]\nseed = 5\n")
    for argv, seed in ((["settings"], 0), (["settings", str(path)], 5)):
        with pytest.raises(SystemExit) as end:
            main(argv)
        assert not end.value.code
        assert f"seed = {seed}\n" in capsys.readouterr().out


def test_ctrl_c_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from nanogauge.apps.cli import commands

    def stopped(*args: object, **kwargs: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "measure_all", stopped)
    with pytest.raises(SystemExit) as end:
        main(["measure", str(tmp_path / "a.tif")])
    assert end.value.code not in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
def test_report_on_results_and_several_compared(
    measured: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = measured
    (tmp_path / "info.toml").write_text('sample = "lot 7"\noperator = "A. Weber"\n')
    with pytest.raises(SystemExit) as end:
        main(["report", str(out), "-o", str(tmp_path / "one"), "--info", str(tmp_path / "info.toml")])
    assert end.value.code == 0
    assert "micrographs" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "one").iterdir()} == {"report.html", "report.pdf", "results.xlsx", "sample.json", "plots"}
    assert "lot 7" in (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    again, first = (json.loads((f / "sample.json").read_text(encoding="utf-8")) for f in (tmp_path / "one", out))
    assert again["distribution"] == first["distribution"]
    assert again["budget"] == first["budget"]
    with pytest.raises(SystemExit) as end:
        main(["report", str(out / "good_tif"), str(out / "good_png"), "-o", str(tmp_path / "two"), "-q"])
    assert end.value.code == 0
    assert "Samples compared" in (tmp_path / "two" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "two" / "plots" / "comparison.csv").is_file()
    one_line(refused(["report", str(tmp_path)], capsys), tmp_path, "no results")
    (tmp_path / "info.toml").write_text("oprator = 1")
    one_line(refused(["report", str(out), "--info", str(tmp_path / "info.toml")], capsys), "oprator")


@pytest.mark.slow
def test_of_too_few_particles_the_report_says_so(tmp_path: Path, bare_scene: Rendering, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(bare_scene.pixels[:160, :160]).save(tmp_path / "part.png")
    arguments = [
        "measure",
        str(tmp_path / "part.png"),
        "--engine",
        "threshold",
        "-q",
        "-o",
        str(tmp_path / "out"),
        "--scale",
        "2 nm/px",
    ]
    for command in (arguments, ["report", str(tmp_path / "out"), "-o", str(tmp_path / "again")]):
        with pytest.raises(SystemExit) as end:
            main(command)
        assert end.value.code == 0
    said = capsys.readouterr().out
    assert "nan" not in said
    assert "(too few particles for an uncertainty)" in said


@pytest.mark.slow
def test_a_run_of_many_has_a_page_a_micrograph(tmp_path: Path, bare_scene: Rendering) -> None:
    from nanogauge.reporting import MOST_CARDS

    for k in range(MOST_CARDS + 1):
        Image.fromarray(bare_scene.pixels[:60, k : 90 + k]).save(tmp_path / f"p{k:02d}.png")
    arguments = ["measure", str(tmp_path), "--engine", "threshold", "-q", "-o", str(tmp_path / "out"), "--scale", "2 nm/px"]
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image" not in text
    assert 'href="p24/report.html"' in text
    assert "data:image" in (tmp_path / "out" / "p24" / "report.html").read_text(encoding="utf-8")


def test_an_error_nobody_foresaw_fails_its_file_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:

    for name in ("a.png", "b.png", "c.png"):
        Image.new("L", (40, 20), 90).save(tmp_path / name)
    real = Measurer.measure

    def sometimes(self: Measurer, source: Path, **kwargs: object) -> object:
        if source.name == "b.png":
            raise RuntimeError("two\nlines")
        return real(self, source, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Measurer, "measure", sometimes)
    with pytest.raises(SystemExit) as end:
        main(["measure", str(tmp_path), "--engine", "threshold", "-q", "-o", str(tmp_path / "out")])
    assert end.value.code == 1
    one_line(capsys.readouterr().err, "b.png", "RuntimeError", "two lines")
    assert [row["status"] for row in summary(tmp_path / "out").values()] == ["no_particles", "error", "no_particles"]


def test_inputs_are_expanded_in_order_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("d/b.TIF", "d/a.png", "d/notes.txt", "d/below/c.png", "e[1].png", "f1.png", "f2.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    inputs = [Path(p) for p in ("f*.png", "d", "d/a.png", "e[1].png", "gone.png", "no*.png")]
    wanted = ["f1.png", "f2.png", "d/a.png", "d/b.TIF", "e[1].png", "gone.png", "no*.png"]
    assert [p.as_posix() for p in expand(inputs)] == wanted
    assert expand([tmp_path / "f*.png"]) == [tmp_path / "f1.png", tmp_path / "f2.png"]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.tif", "b.png"], ["a", "b"]),
        (["a.tif", "a.png"], ["a_tif", "a_png"]),
        (["x/a.tif", "y/a.tif", "a_tif.png"], ["a_tif", "a_tif_2", "a_tif_3"]),
        (["Gold.tif", "gold.png"], ["Gold_tif", "gold_png"]),
        (["summary.csv.tif", "run.json.png", "summary.tif"], ["summary_csv_tif", "run_json_png", "summary"]),
        (["..tif", "...tif"], ["__tif", "___tif"]),
        (["a.b.c.tif"], ["a.b.c"]),
    ],
)
def test_folder_names_are_unique_and_inside_the_output(files: list[str], names: list[str]) -> None:
    assert unique_names([Path(f) for f in files]) == names


def test_what_is_doubtful_about_a_sample_is_printed(tmp_path: Path, nanogauge: Command) -> None:
    y, x = np.mgrid[0:300, 0:400]
    for name, radius in (("a", 8.0), ("b", 16.0)):
        radii = radius + np.random.default_rng(1).uniform(-1, 1, (6, 8))
        grey = np.full(y.shape, 60, np.uint8)
        for (row, column), r in np.ndenumerate(radii):
            grey[(y - 50 * row - 25) ** 2 + (x - 50 * column - 25) ** 2 < r**2] = 190
        Image.fromarray(grey).save(tmp_path / f"{name}.png")
    done = nanogauge("measure", "a.png", "b.png", "--engine", "threshold", "--scale", "1 nm/px", "-o", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all micrographs as one sample: the micrographs differ more than chance allows" in done.stdout
    apart = nanogauge(
        "measure", "a.png", "b.png", "--separate", "--engine", "threshold", "--scale", "1 nm/px", "-o", "apart", cwd=tmp_path
    )
    assert "as one sample" not in apart.stdout
