"""The commands that measure many files, or report on what was measured. Each returns the exit code; one failing input never stops
the others."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from .annotations import find_annotations
from .errors import UnreadableFile
from .export import make_folder
from .formats import SUFFIXES, read_micrograph
from .given import given_scales, stated_scale
from .imported import measure_annotation
from .inputs import expand, picture, problem, progress, unique_names
from .pipeline import Tools, measure_micrograph
from .report import Collected, read_record, result_folders
from .result import SUMMARY_COLUMNS, Measurement
from .runfolder import Outputs, RunFolder, write_report
from .settings import Settings, read_settings
from .summary import print_summary, stdout


def measure_all(
    inputs: list[Path],
    out: Path,
    *,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    engine: str | None = None,
    settings_file: Path | None = None,
    outputs: Outputs | None = None,
    json_output: bool = False,
    quiet: bool = False,
) -> int:
    """Measures all inputs into OUT. 0: all measured; 1: some failed."""
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("segment", engine=engine)
    files = expand(inputs)
    scales = given_scales(files, inputs, stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px))
    tools = Tools(settings.segment.engine)
    about = {
        "engine": {"name": tools.engine.name, "sha256": tools.engine.sha256},  # one that cannot be loaded fails the run here
        "scale_given": scale if scale_bar is None else f"{scale_bar} / {bar_px} px",
        "settings": settings.to_dict(),
    }

    def measure(file: Path) -> Measurement:
        return measure_micrograph(picture(file), tools=tools, settings=settings, scale=scales.get(file))

    return _run(files, measure, out, about=about, outputs=outputs, json_output=json_output, quiet=quiet)


def import_all(
    micrographs: Path,
    annotations: Path | None,
    out: Path,
    *,
    scale: str | None = None,
    scale_bar: str | None = None,
    bar_px: str | None = None,
    settings_file: Path | None = None,
    outputs: Outputs | None = None,
    json_output: bool = False,
    quiet: bool = False,
) -> int:
    """Measures particles that were found elsewhere: a micrograph and its annotation, or a folder of them. 0: all; 1: some failed.

    Micrographs of a folder that have no annotation are left out, and said. Raises UnreadableFile or AnnotationError where
    nothing fits.
    """
    settings = read_settings(settings_file) if settings_file else Settings()
    user = stated_scale(scale=scale, scale_bar=scale_bar, bar_px=bar_px)
    tools = Tools(settings.segment.engine)
    if micrographs.is_dir():
        pairs = find_annotations(micrographs, annotations, picture_suffixes=SUFFIXES)
    else:
        pairs = {micrographs: annotations if annotations is not None else _beside(micrographs)}
    without = [p for p, a in pairs.items() if a is None]
    if without and not quiet:
        names = ", ".join(p.name for p in without[:5]) + (" …" if len(without) > 5 else "")
        said = f"nanogauge: {len(without)} of {len(pairs)} micrographs have no annotation and are left out: {names}"
        Console(stderr=True).print(said, markup=False, highlight=False, soft_wrap=True)
    given = {p: a for p, a in pairs.items() if a is not None}
    scales = given_scales(list(given), [micrographs], user)
    about = {
        "engine": {"name": "imported", "sha256": None},
        "scale_given": scale if scale_bar is None else f"{scale_bar} / {bar_px} px",
        "settings": settings.to_dict(),
        "annotations": {str(p): str(a) for p, a in given.items()},
    }

    def measure(file: Path) -> Measurement:
        return measure_annotation(read_micrograph(file), given[file], tools=tools, settings=settings, scale=scales.get(file))

    return _run(list(given), measure, out, about=about, outputs=outputs, json_output=json_output, quiet=quiet)


def _beside(micrograph: Path) -> Path:
    """The annotation that lies beside one micrograph, by its name."""
    if not micrograph.is_file():
        raise UnreadableFile(f"{micrograph}: no such file; check the path")
    pairs = {p.resolve(): a for p, a in find_annotations(micrograph.parent, picture_suffixes=SUFFIXES).items()}
    found = pairs.get(micrograph.resolve())
    if found is None:
        raise UnreadableFile(f"{micrograph}: no annotation of that name beside it; give its file as second argument")
    return found


def report_all(folders: list[Path], out: Path | None, *, outputs: Outputs | None = None, quiet: bool = False) -> int:
    """A report on one results folder, or on several, each a sample. Into OUT, else into the only folder.

    Raises UnreadableFile where a folder holds no results.
    """
    outputs = outputs or Outputs()
    found = {folder: list(result_folders(folder)) for folder in dict.fromkeys(folders)}
    if out is None and len(found) > 1:
        out = Path("report")
    target = make_folder(out if out is not None else folders[0])
    collected = Collected(n_expected=sum(map(len, found.values())))
    names = dict(zip(found, _names(list(found)), strict=True))
    for folder, results in found.items():
        sample = outputs.sample if outputs.sample and len(found) == 1 else names[folder]
        for result in results:
            record = read_record(result, pictures=not collected.paged)
            page = next((p for p in (result / "report.html", result / "overlay.png") if p.is_file()), result)
            collected.add(record, sample=sample, link=_link(page.resolve(), target.resolve()))
    samples = write_report(target, collected, outputs)
    if not quiet:
        console = stdout()
        for s in samples:
            d = s.distribution
            text = f"{s.name}: {s.n_micrographs} micrograph{'' if s.n_micrographs == 1 else 's'}, {d.n} particles counted"
            if s.budget is not None:
                mean = s.budget["mean"]
                text += f", mean {mean.value:.4g} ± {mean.expanded:.2g} {s.unit} (k = {mean.coverage_factor:g})"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        said = f"Look at {target / 'report.html'} and {target / 'report.pdf'}"
        console.print(said, markup=False, highlight=False, soft_wrap=True)
    return 0


def _names(folders: list[Path]) -> list[str]:
    """A name for each folder: its own, with its parent's where two are alike."""
    own = [f.resolve().name for f in folders]
    return [n if own.count(n) == 1 else "/".join(f.resolve().parts[-2:]) for n, f in zip(own, folders, strict=True)]


def _link(file: Path, base: Path) -> str:
    """A relative address from a page in `base`."""
    from os.path import relpath
    from urllib.parse import quote

    try:
        return quote(Path(relpath(file, base)).as_posix())
    except ValueError:  # another drive
        return file.as_uri()


def _run(
    files: list[Path],
    measure: Callable[[Path], Measurement],
    out: Path,
    *,
    about: dict[str, Any],
    outputs: Outputs | None,
    json_output: bool,
    quiet: bool,
) -> int:
    """Measures files one after the other into OUT."""
    console = Console(stderr=True)
    failed = 0
    with (
        RunFolder(out, n_inputs=len(files), about=about, outputs=outputs) as run,
        progress(len(files), console, quiet=quiet or json_output) as step,
    ):
        for file, name in zip(files, unique_names(files), strict=True):
            begun = time.perf_counter()
            try:
                run.add(measure(file), name=name, file=file)
            except Exception as error:  # the other inputs are still measured; the row says what happened
                failed += 1
                message = problem(error, file)
                run.fail(file, message, seconds=time.perf_counter() - begun)
                console.print(f"nanogauge: {message}", markup=False, highlight=False, soft_wrap=True)
            step(file.name)
    if json_output:
        print(json.dumps([{c: _plain(r.get(c)) for c in SUMMARY_COLUMNS} for r in run.rows], indent=1))
    elif not quiet:
        print_summary(run.rows, files, out, stdout())
    return 1 if failed or not files else 0


def _plain(value: Any) -> Any:
    """A value for JSON, which knows no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
