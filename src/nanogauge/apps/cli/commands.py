"""The commands over many files: what `main` calls. Each returns the exit code; one failing input never stops the others."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...batch.inputs import picture, problem, progress, sort_out
from ...core.errors import NanogaugeError, SettingsError, TruthError, UnreadableFile
from ...core.json_value import json_value
from ...core.scale import Scale
from ...core.settings import Settings, read_settings
from ...core.toml import read_toml
from ...pipeline.measure import Measurer
from ...reading import SUFFIXES, read_micrograph
from ...results.folder import make_folder
from ...scale.user_scale import stated_scale, user_scales
from .each import say_left_out
from .measure_files import import_all, measure_all, with_calibration
from .summary import print_line, stdout


def scale_all(
    inputs: list[Path],
    *,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    read: dict[str, Any] | None = None,
    calibration: Path | None = None,
    json_output: bool = False,
) -> int:
    """Reads the scale of all inputs and prints it, checked against what the user states. 0: all could be read; 1: some failed."""
    measurer = Measurer(with_calibration(Settings(), calibration))
    files, left_out = sort_out(inputs)
    scales = user_scales(files, inputs, stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px))
    console = Console(stderr=True)
    say_left_out(left_out)
    rows = []
    with progress(len(files), console, quiet=json_output) as step:
        for file in files:
            rows.append(_scale_row(file, measurer, scales.get(file), read or {}))
            step(file.name)
    failed = [r for r in rows if r["status"] == "error"]
    if json_output:
        print(json.dumps(rows, indent=1))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("micrograph", "status", "scale", "from", "scale bar", "metadata", "confidence"):
            table.add_column(heading, overflow="fold", no_wrap=heading not in ("micrograph", "scale bar"))
        for r in rows:
            bar = f"{r['text']} = {r['bar_length_px']:.1f} px" if r["bar_length_px"] else ""
            bar += f", {r['refined_by']}" if r["refined_by"] else ""
            meta = f"{r['metadata_nm_per_px']:.4g} nm/px" if r["metadata_nm_per_px"] else ""
            value = f"{r['nm_per_px']:.5g} nm/px" if r["nm_per_px"] else "none"
            source, confidence = ("", "") if r["source"] == "none" else (_from(r), f"{r['confidence']:.2f}")
            table.add_row(Path(r["file"]).name, r["status"], value, source, bar, meta, confidence)
        stdout().print(table)
    for r in rows:
        if r["status"] == "error":
            print_line(console, f"nanogauge: {r['warnings'][0]}")
            continue
        for warning in () if json_output else r["warnings"]:
            console.print(f"{Path(r['file']).name}: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return 1 if failed or not files else 0


def _from(row: dict[str, Any]) -> str:
    return str(row["source"]).replace("_", " ") + (", calibrated" if row["calibration"] else "")


def _scale_row(file: Path, measurer: Measurer, user: Scale | None, read: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "file": str(file),
        "status": "error",
        "nm_per_px": None,
        "relative_uncertainty": None,
        "source": "none",
        "calibration": "",
        "confidence": 0.0,
        "value_nm": None,
        "bar_length_px": None,
        "bar_box": None,
        "text": None,
        "refined_by": "",
        "metadata_nm_per_px": None,
        "warnings": [],
    }
    try:
        micrograph = read_micrograph(picture(file), **read)
        bar, decision, _ = measurer.read_scale(micrograph, user=user)
    except Exception as error:  # one file never stops the others
        return row | {"warnings": [problem(error, file)]}
    scale = decision.scale
    row |= {
        "status": "ok" if scale else "no_scale",
        "nm_per_px": scale.nm_per_px[1] if scale else None,
        "relative_uncertainty": scale.relative_uncertainty if scale else None,
        "source": decision.source,
        "calibration": scale.calibration if scale else "",
        "confidence": round(decision.confidence, 4),
        "metadata_nm_per_px": micrograph.scale.nm_per_px[1] if micrograph.scale else None,
        "warnings": [*decision.warnings, *micrograph.notes],
    }
    if bar is not None:
        shown = bar.to_dict()
        row |= {
            "value_nm": shown["value_nm"],
            "bar_length_px": shown["length_px"],
            "bar_box": shown["box_y0_x0_y1_x1"],
            "text": bar.text,
            "refined_by": bar.refined_by,
        }
    return row


def evaluate_all(
    images: Path,
    labels: Path,
    *,
    ids_file: Path | None = None,
    engine: str | None = None,
    device: str | None = None,
    settings_file: Path | None = None,
    json_output: bool = False,
) -> int:
    """Segments the micrographs that have labels and prints the scores. Raises TruthError where truth and micrographs do not fit."""
    from ...reading.labels import read_labels
    from ...training.evaluate import score_image, summarise_scores  # brings scipy.stats, which takes half a second to import

    settings = (read_settings(settings_file) if settings_file else Settings()).replace("segment", engine=engine, device=device)
    settings = settings.replace("measure", n_bootstrap=0)  # scores need no intervals
    measurer = Measurer(settings)
    truth_files, image_files = _by_stem(labels), _by_stem(images)
    names = _read_ids(ids_file) if ids_file else [n for n in truth_files if n in image_files]
    missing = [n for n in names if n not in truth_files or n not in image_files]
    if missing or not names:
        raise TruthError(f"{labels}: no micrograph or no labels for {', '.join(missing[:5]) or 'any file'}; stems must be equal")
    scores = []
    console = Console(stderr=True)
    with progress(len(names), console, quiet=json_output) as step:
        for name in names:
            micrograph = read_micrograph(image_files[name])
            truth = read_labels(truth_files[name], shape=micrograph.shape)
            scores.append(score_image(measurer.measure(micrograph).labels, truth, name=name))
            step(name)
    figures = summarise_scores(scores)
    if json_output:
        rows = [
            {
                "id": s.name,
                "iou": json_value(s.iou),
                "f50": json_value(s.f50),
                "tp": s.matches.tp,
                "fp": s.matches.fp,
                "fn": s.matches.fn,
            }
            for s in scores
        ]
        print(json.dumps({"figures": {k: json_value(v) for k, v in figures.items()}, "images": rows}, indent=1))
    else:
        for key, value in figures.items():
            print(f"{key:24s} {value:.4f}" if isinstance(value, float) else f"{key:24s} {value}")
    return 0


def _read_ids(path: Path) -> list[str]:
    """File stems from a text file, parted by white space. UnreadableFile where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: cannot be read as text ({getattr(error, 'strerror', None) or 'not UTF-8'})") from error


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UnreadableFile(f"{folder}: not a folder; give a folder of pictures")
    return {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES}


def synthesise(out: Path, *, n: int, seed: int, shape: tuple[int, int]) -> int:
    """Renders micrographs with truth into OUT."""
    from ...training.synthetic import write_micrographs

    make_folder(out)
    write_micrographs(out, n=n, seed=seed, shape=shape)
    print(f"{n} micrographs with labels, particle tables and truth.csv in {out}")
    return 0


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def train(recipe_file: Path, folder: Path, *, steps: int | None, cool_down: int | None, fresh: bool) -> int:
    """Trains by a recipe; see nanogauge.training.loop, and line_defects for one that names what it `renders`."""
    if "renders" in read_toml(recipe_file, remedy="give the path of a recipe"):
        if cool_down is not None:
            raise SettingsError(f"{recipe_file}: --cool-down is for other recipes; set cooldown_steps in this one")
        module = _train_module("line_defects")
        make_folder(folder)
        network = module.train_line_defects(module.read_line_defect_recipe(recipe_file, steps=steps), folder, resume=not fresh)
        print(f"{network}: use it with nanogauge lines --engine {network}")
        return 0
    loop, recipes = _train_module("loop"), _train_module("recipe")
    recipe = recipes.read_recipe(recipe_file, steps=steps)
    if cool_down is not None:
        at = loop.last_step(folder)
        recipe = recipes.cool_down(recipe, at_step=at, steps=cool_down)
    loop.run(recipe, folder, resume=not fresh)
    return 0


def fine_tune(data: Path, folder: Path, *, start_from: str, steps: int | None, hold_out: float, fresh: bool) -> int:
    """Fine-tunes on a user's micrographs and prints the figures before and after; see nanogauge.training.finetune."""
    module = _train_module("finetune")
    recipe = module.recipe(start_from=start_from) if steps is None else module.recipe(start_from=start_from, steps=steps)
    make_folder(folder)
    if fresh:
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    result = module.fine_tune(data, folder, recipe, hold_out=hold_out)
    print(f"on {len(result.held_out)} held-out micrographs{'':16} before   after")
    for key, name in module.FIGURES.items():
        print(f"{name:42} {result.before[key]:7.3f} {result.after[key]:7.3f}")
    if result.better:
        print(f"{result.network}: use it with --engine {result.network}")
    else:
        print(f"{result.network}: no better on the held-out micrographs; stay with the network you started from, or annotate more")
    return 0


def train_classes(
    data: Path,
    network: Path,
    run: Path,
    *,
    of: str,
    only: list[str],
    start_from: str,
    steps: int,
    hold_out: float,
    fresh: bool,
    whole: bool = False,
) -> int:
    """Learns classes from a user's micrographs and prints the figures on those held out; see nanogauge.training.classes."""
    module = _train_module("classes.train")
    make_folder(run)
    if fresh:
        (run / "checkpoint.pt").unlink(missing_ok=True)
    trained = module.train_classes(
        data, network, run, of=of, only=only, start_from=start_from, steps=steps, hold_out=hold_out, whole=whole
    )
    print("\n".join(trained.lines()))
    use = f"nanogauge measure --engine {network}" if of == "particles" else f"nanogauge phases measure --engine {network}"
    print(f"{network}: use it with {use}; figures in {run}")
    return 0


def export(checkpoint: Path, out: Path, *, calibrate: Path | None, ids_file: Path | None, half: bool = False) -> int:
    """Checkpoint -> ONNX, int8 where there are pictures to calibrate on."""
    module = _train_module("export")
    names = set(_read_ids(ids_file)) if ids_file else None
    pictures = [p for s, p in _by_stem(calibrate).items() if names is None or s in names] if calibrate else []
    module.export_file(checkpoint, out, pictures, half=half)
    print(f"{out}: {os.path.getsize(out) / 1e6:.1f} MB, sha256 {sha256_of(out)}")
    return 0


def _train_module(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"nanogauge.training.{name}")
    except ImportError as error:
        raise NanogaugeError(f'training needs more packages ({error.name} is missing): pip install "nanogauge[train]"') from error


__all__ = ["evaluate_all", "export", "fine_tune", "import_all", "measure_all", "scale_all", "synthesise", "train", "train_classes"]
