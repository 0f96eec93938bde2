"""One task carried out, in whatever process it was sent to. Never raises for a bad file: that is an outcome too."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..core.errors import EngineError, UnreadableFile
from ..core.stores import fetched, is_remote, lengths
from ..core.version import __version__
from ..pipeline.measure import Measurer
from ..reading.containers.ome_zarr import sha256_of as sha256_of_folder
from ..reading.sidecar import belongs_to, sidecar_files
from ..results.folder import is_edited
from ..results.interchange.class_table import table_beside
from ..results.interchange.companions import no_micrographs
from ..results.measurement import Measurement
from ..results.saved import read_saved
from .inputs import picture, printable, problem
from .job import Item, Job, Outcome, Task, Trouble, failure, key_of
from .publish import is_disk_full, is_whole, write_part


def carry_out(job: Job, task: Task, measurer: Measurer) -> Outcome:
    """Measures one micrograph and writes its folder; keeps what an earlier run left where its key is still the same. One in an
    object store is fetched to this machine first."""
    named = task.item.file
    if not is_remote(named):
        return _carry_out(job, task, measurer, named)
    begun = time.perf_counter()
    try:
        with fetched(named, belongs_to(named)) as here:
            what = no_micrographs([here]).get(here) if task.item.only_found else None
            if what is not None:
                said = f"{named}: {what}, no micrograph, and not measured; to measure it all the same, name it"
                return failure(task, said, seconds=time.perf_counter() - begun)
            return _carry_out(job, replace(task, item=replace(task.item, file=here)), measurer, named)
    except OSError as error:
        return failure(task, _not_fetched(named, error), seconds=time.perf_counter() - begun)


def _not_fetched(named: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{named}: no such object; check the address"
    if error.filename == str(named):
        return f"{named}: cannot be fetched ({error.strerror}); check the address, the credentials and the network"
    return f"{named}: cannot be fetched ({error.strerror or error}); free space for temporary files"


def _carry_out(job: Job, task: Task, measurer: Measurer, named: Path) -> Outcome:
    """The same for a file of this machine. named: by this name in all that is written and said."""
    begun = time.perf_counter()
    file = task.item.file
    before = _stamp(file)
    try:
        picture(file)
        _check_network(job, measurer)
        if task.previous is not None and task.previous.files:
            key = _key(job, task.item, sha256_of(file))
            if key == task.previous.key and (kept := _kept(job, task, key, named)) is not None:
                return kept
        scale, annotation = task.item.scale, task.item.annotation
        found = (
            measurer.measure(file, scale=scale) if annotation is None else measurer.measure_labels(file, annotation, scale=scale)
        )
        m = _with_printable_name(found, named)
        if before != _stamp(file):
            raise UnreadableFile(_CHANGED.format(file))
        key = _key(job, task.item, m.micrograph.sha256)
        files, aside = write_part(job, task.item.name, m)
    except Exception as error:  # the other inputs are still measured; the row says what happened
        changed = before is not None and before != _stamp(file)
        said = problem(UnreadableFile(_CHANGED.format(file)) if changed else error, file).replace(str(file), str(named))
        trouble: Trouble = "disk_full" if is_disk_full(error) else "input"
        return failure(task, said, trouble=trouble, seconds=time.perf_counter() - begun, named=named)
    row = m.summary_row() | {"file": str(named)}
    return Outcome(index=task.index, row=row, sha256=m.micrograph.sha256, key=key, files=files, aside=aside)


def _kept(job: Job, task: Task, key: str, named: Path) -> Outcome | None:
    """The earlier results, where they are whole. Those that an operator edited since are kept too, and their row is read anew."""
    if task.previous is None:
        return None
    folder, files = job.out / task.item.name, task.previous.files
    if is_whole(folder, files):
        return Outcome(index=task.index, row={"status": KEPT}, key=key, files=files, kept=True)
    if not is_edited(folder):
        return None
    saved = read_saved(folder, particles=False, pictures=False)
    row = saved.summary_row(str(named))
    files = {name: length for name, length in lengths(folder).items() if name in files}
    return Outcome(index=task.index, row=row, sha256=saved.about["sha256"], key=key, files=files, kept=True)


KEPT = "kept"
"""The status of an outcome whose row stands in the journal already."""
_CHANGED = "{}: the file changed while it was read; run the same command again once it is complete"


def _with_printable_name(m: Measurement, named: Path) -> Measurement:
    """Bytes of a file's name that are no text fit into no file to be written; a copy of an object is called as that is."""
    name = printable(m.micrograph.name)
    if name == m.micrograph.name and not is_remote(named):
        return m
    path = named if is_remote(named) else m.micrograph.path
    return replace(m, micrograph=replace(m.micrograph, name=name, path=path))


def _check_network(job: Job, measurer: Measurer) -> None:
    """All processes of a run, on whatever machine, must measure alike."""
    if job.version != __version__:
        raise EngineError(f"this process has nanogauge {__version__}, the run {job.version}; install the same everywhere")
    if not job.annotated and job.engine_sha256 is not None and measurer.engine.sha256 != job.engine_sha256:
        raise EngineError("this process has another network than the run was started with; install the same nanogauge everywhere")


def _key(job: Job, item: Item, sha256: str) -> str:
    beside = {}
    for path in sidecar_files(item.file):
        with suppress(OSError):
            beside[path.name] = sha256_of(path)
    if job.settings.scale.calibration:
        with suppress(OSError):
            beside["calibration"] = sha256_of(Path(job.settings.scale.calibration))
    annotation = "" if item.annotation is None else sha256_of(item.annotation)
    if item.annotation is not None and (table := table_beside(item.annotation)) is not None:
        beside[table.name] = sha256_of(table)
    return key_of(job.fingerprint(), item, sha256=sha256, beside=beside, annotation_sha256=annotation)


def sha256_of(file: Path) -> str:
    """Hex digest of a file, or of a picture that is a folder. Raises OSError."""
    if file.is_dir():
        return sha256_of_folder(file)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stamp(file: Path) -> tuple[int, int] | None:
    """Length and time of the last change; None where there is no such file."""
    try:
        s = file.stat()
    except (OSError, ValueError):
        return None
    return s.st_size, s.st_mtime_ns
