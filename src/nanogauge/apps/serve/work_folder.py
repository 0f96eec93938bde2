"""What a person means by the folder that is named: results, micrographs to measure, or a new place to work in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ...batch.inputs import sort_out
from ...core.errors import InputError
from ...results.folder import MARK
from .project import MEMORY


class WorkFolder(NamedTuple):
    """root: where results go; pictures: micrographs to measure; left_out: pictures beside them that are none, with what they are"""

    root: Path
    pictures: list[Path]
    left_out: dict[Path, str]


def choose_work_folder(given: Path | None) -> WorkFolder:
    """What is meant by what the user named: results, a new folder, or a folder of micrographs, whose results then go into results/
    within it; masks and the like beside them are left out, as `nanogauge measure` does. InputError for a folder that is neither."""
    root = given or Path("results")
    if root.is_file():
        raise InputError(f"{root}: a file; give a folder of results or of micrographs")
    if (root / MARK).is_file():
        root = root.parent
    if not root.exists() or (root / MEMORY).is_file() or (root / "run.json").is_file() or any(root.glob("*/measurement.json")):
        return WorkFolder(root, [], {})
    found, left_out = sort_out([root])
    pictures = [p for p in found if p.is_file()]
    if pictures or left_out:
        return WorkFolder(root / "results", pictures, left_out)
    if any(not p.name.startswith(".") for p in root.iterdir()):
        raise InputError(f"{root}: neither results nor micrographs in it; give such a folder, or a new one to work in")
    return WorkFolder(root, [], {})
