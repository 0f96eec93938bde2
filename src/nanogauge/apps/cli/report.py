"""The command that reports on what was measured. It imports nothing that measures, which would take it a second longer."""

from __future__ import annotations

import math
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

from ...reporting import Collected
from ...reporting.run_report import Outputs, write_report
from ...results.folder import make_folder
from ...results.run_json import result_folders
from ...results.saved import read_saved
from .summary import print_line, stdout


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
            saved = read_saved(result, pictures=not collected.paged)
            page = next((p for p in (result / "report.html", result / "overlay.png") if p.is_file()), result)
            collected.add(saved, sample=sample, link=_link(page.resolve(), target.resolve()))
    samples = write_report(target, collected, outputs)
    if not quiet:
        console = stdout()
        for s in samples:
            d = s.distribution
            text = f"{s.name}: {s.n_micrographs} micrograph{'' if s.n_micrographs == 1 else 's'}, {d.n} particles counted"
            if s.budget is not None:
                mean = s.budget["mean"]
                within = f" ± {mean.expanded:.2g}" if math.isfinite(mean.expanded) else ""
                known = f"k = {mean.coverage_factor:g}" if within else "too few particles for an uncertainty"
                text += f", mean {mean.value:.4g}{within} {s.unit} ({known})"
            print_line(console, text)
            for warning in s.warnings:
                print_line(console, f"{s.name}: {warning}")
        said = f"Look at {target / 'report.html'} and {target / 'report.pdf'}"
        print_line(console, said)
    return 0


def _names(folders: list[Path]) -> list[str]:
    """A name for each folder: its own, with its parent's where two are alike."""
    own = [f.resolve().name for f in folders]
    return [n if own.count(n) == 1 else "/".join(f.resolve().parts[-2:]) for n, f in zip(own, folders, strict=True)]


def _link(file: Path, base: Path) -> str:
    """A relative address from a page in `base`."""
    try:
        return quote(Path(relpath(file, base)).as_posix())
    except ValueError:  # another drive
        return file.as_uri()
