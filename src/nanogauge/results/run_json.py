"""run.json, which says what a run measured, and the folders that it names."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import UnreadableFile
from ..core.version import __version__
from .folder import MARK
from .saved import read_json

RUN_JSON = "run.json"


def write_run_json(out: Path, about: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]]) -> None:
    """OUT/run.json, in one step; inputs one by one, as there may be very many. Raises OSError.

    about: what it says of the run, beside the versions of nanogauge and Python
    """
    head = {"version": __version__, "python": platform.python_version(), **about}
    temporary = out / f".{RUN_JSON}.new"
    with temporary.open("w", encoding="utf-8", errors="backslashreplace") as f:
        f.write(json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "inputs": [')
        for k, entry in enumerate(inputs):
            text = json.dumps(entry, indent=1, ensure_ascii=False).replace("\n", "\n  ")
            f.write(("," if k else "") + "\n  " + text)
        f.write("\n ]\n}\n")
    temporary.replace(out / RUN_JSON)


def input_entry(file: str, folder: str | None, row: Mapping[str, Any], sha256: str | None) -> dict[str, Any]:
    """An input of a run as run.json has it. folder: of its result, None where it failed; row: with its status and seconds."""
    return {"file": file, "sha256": sha256, "folder": folder, "status": row["status"], "seconds": row["seconds"]}


def run_about(out: Path) -> dict[str, Any]:
    """The content of OUT/run.json, empty where there is no such file. Raises UnreadableFile."""
    return read_json(out / RUN_JSON) if (out / RUN_JSON).is_file() else {}


def run_inputs(out: Path) -> list[dict[str, Any]]:
    """The inputs that OUT/run.json names with a folder; none where there is no such file. Raises UnreadableFile."""
    inputs = run_about(out).get("inputs")
    return [i for i in inputs if isinstance(i, dict) and i.get("folder")] if isinstance(inputs, list) else []


def result_folders(out: Path) -> Iterator[Path]:
    """The folders of a run's measurements, in the order of run.json, else of their names. A folder of one measurement is itself
    one. Raises UnreadableFile where there is none."""
    if (out / MARK).is_file():
        yield out
        return
    names = [str(i["folder"]) for i in run_inputs(out)]
    found = [out / n for n in names if (out / n / MARK).is_file()]
    if not names and out.is_dir():
        found = sorted(p.parent for p in out.glob(f"*/{MARK}"))
    if not found:
        raise UnreadableFile(f"{out}: no results in it; give a folder that `nanogauge measure` or `nanogauge import` wrote")
    yield from found
