"""The folder of one micrograph, written so that it is either whole or not there."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from pathlib import Path

from ..core.errors import OutputError
from ..reporting import card_of, micrograph_page
from ..reporting.run_report import write_single_pdf
from ..results.folder import MEASUREMENT_FILES, save_measurement
from ..results.measurement import Measurement
from ..results.records import Record, record_of
from .job import Job

MARK = "measurement.json"
"""The file that is put in place last: a folder without it is not whole."""
_OWN = (*MEASUREMENT_FILES, "scale_bar.png", "labels.ome.tif", "coco.json", "report.html", "report.pdf")
_count = itertools.count()


def write_part(job: Job, name: str, m: Measurement) -> dict[str, int]:
    """All files of one measurement into OUT/NAME; their lengths in bytes.

    They are made beside and moved in as a whole; where OUT/NAME holds older results, file by file, measurement.json last. Files
    that are not nanogauge's stay. Raises OutputError, naming OUT/NAME.
    """
    target, temporary = job.out / name, job.state / "new" / f"{os.getpid()}-{next(_count)}"
    try:
        save_measurement(m, temporary, unit_row=job.unit_row, coco=job.coco, ome=job.ome)
        if job.pages != "none" or job.pdf_info is not None:
            record = _record(m, name, temporary) if job.pages == "linked" and job.pdf_info is None else record_of(m, name=name)
            if job.pages != "none":
                page = micrograph_page(card_of(record), linked=job.pages == "linked")
                (temporary / "report.html").write_text(page, encoding="utf-8")
            if job.pdf_info is not None:
                write_single_pdf(record, temporary / "report.pdf", info=job.pdf_info)
        lengths = {p.name: p.stat().st_size for p in temporary.iterdir()}
        _publish(temporary, target)
    except (OSError, OutputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = getattr(cause, "strerror", None) or error
        hint = "free space" if is_disk_full(error) else "check its access rights, or choose another output folder"
        raise OutputError(f"{target}: cannot write ({reason}); {hint} and run the same command again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return lengths


def _record(m: Measurement, name: str, folder: Path) -> Record:
    """The record for a page that shows the pictures beside it: none is encoded a second time."""
    bar = folder / "scale_bar.png"
    return Record(name=name, about=m.to_dict(), particles=m.particles, scale_bar=bar.read_bytes() if bar.is_file() else None)


def _publish(temporary: Path, target: Path) -> None:
    try:
        os.rename(temporary, target)
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES):
            raise
    target.mkdir(exist_ok=True)
    (target / MARK).unlink(missing_ok=True)
    new = {p.name for p in temporary.iterdir()}
    for stale in set(_OWN) - new:
        (target / stale).unlink(missing_ok=True)
    for name in sorted(new, key=lambda n: n == MARK):
        os.replace(temporary / name, target / name)


def is_whole(folder: Path, files: dict[str, int]) -> bool:
    """Whether a folder still holds what was written, by the files' lengths in bytes."""
    try:
        return bool(files) and all((folder / name).stat().st_size == length for name, length in files.items())
    except OSError:
        return False


def is_edited(folder: Path) -> bool:
    """Whether an operator edited the results since they were measured."""
    try:
        return bool(json.loads((folder / MARK).read_text(encoding="utf-8")).get("operator_edits"))
    except (OSError, ValueError, AttributeError):
        return False


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, is a full disk or an exhausted quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
