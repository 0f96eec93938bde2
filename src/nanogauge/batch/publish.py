"""The folder of one micrograph, written so that it is either whole or not there."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NamedTuple

from ..core.errors import OutputError
from ..core.stores import is_remote, lengths
from ..reporting import card_of, micrograph_page
from ..reporting.run_report import write_single_pdf
from ..results.folder import holds_edits, new_result, write_measurement
from ..results.measurement import Measurement
from ..results.saved import SavedMeasurement, saved_of
from ..results.versions import set_aside
from .job import Job


class Published(NamedTuple):
    """files: what was written, and the lengths in bytes; aside: where an earlier result went that a person had edited."""

    files: dict[str, int]
    aside: Path | None


def write_part(job: Job, name: str, m: Measurement) -> Published:
    """All files of one measurement into OUT/NAME.

    Files in OUT/NAME that are not nanogauge's stay, unless a person had edited the result there: that goes aside as a whole, for
    edits of another result mean nothing beside this one; in an object store it stays, and is an error. Raises OutputError, naming
    OUT/NAME.
    """
    aside = None
    target = job.out / name
    try:
        with new_result(target, beside=None if is_remote(target) else job.state / "new") as making:
            write_measurement(m, making, unit_row=job.unit_row, coco=job.coco, ome=job.ome)
            if job.pages != "none" or job.pdf_info is not None:
                saved = _linked(m, name, making) if job.pages == "linked" and job.pdf_info is None else saved_of(m, name=name)
                if job.pages != "none":
                    page = micrograph_page(card_of(saved), linked=job.pages == "linked")
                    (making / "report.html").write_text(page, encoding="utf-8")
                if job.pdf_info is not None:
                    write_single_pdf(saved, making / "report.pdf", info=job.pdf_info)
            made = lengths(making)
            if holds_edits(target):
                if is_remote(target):
                    raise OSError(errno.EEXIST, "it holds a result that was edited by hand", str(target))
                aside = set_aside(target, {"why": "measured again"})
    except (OSError, OutputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = getattr(cause, "strerror", None) or error
        hint = "free space" if is_disk_full(error) else "check its access rights, or choose another output folder"
        raise OutputError(f"{target}: cannot write ({reason}); {hint} and run the same command again") from error
    return Published(made, aside)


def _linked(m: Measurement, name: str, folder: Path) -> SavedMeasurement:
    """For a page that shows the pictures beside it: none is encoded a second time."""
    bar = folder / "scale_bar.png"
    crop = bar.read_bytes() if bar.is_file() else None
    return SavedMeasurement(name=name, about=m.to_dict(), table=m.particles, scale_bar_png=crop)


def is_whole(folder: Path, files: dict[str, int]) -> bool:
    """Whether a folder still holds what was written, by the files' lengths in bytes."""
    try:
        return bool(files) and files.items() <= lengths(folder).items()
    except OSError:
        return False


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, is a full disk or an exhausted quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
