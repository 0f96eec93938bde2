"""The scale that the user states: on the command line, or in a nanogauge.toml that lies with the micrographs.

    scale = "2.5 nm/px"            # for every micrograph in this folder and below it, or
    scale_bar = "500 nm"           # the label of the scale bar, and
    bar_px = 123.5                 # its length in px

    [files."overview*.tif"]        # for some of them: a name or a pattern
    scale = "12 nm/px"

The command line goes before files, the nearest folder before its parents, a name or pattern before its folder.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.errors import ScaleError, SettingsError
from ..core.scale import Scale, parse_scale
from ..core.stores import is_remote, reaching
from ..core.toml import read_toml

FILE_NAME = "nanogauge.toml"
_KEYS = ("scale", "scale_bar", "bar_px")


def stated_scale(*, scale: str | None = None, scale_bar: str | None = None, bar_px: float | str | None = None) -> Scale | None:
    """The scale of `scale` ("2.5 nm/px"), or of a bar's label ("500 nm") and its length in px; None where nothing is given.

    ScaleError where one of label and length is missing, where both ways are given, or where a value cannot be understood.
    """
    if scale is not None:
        if scale_bar is not None or bar_px is not None:
            raise ScaleError("give either the scale or the scale bar and its length, not both")
        return parse_scale(scale)
    if scale_bar is None and bar_px is None:
        return None
    if scale_bar is None or bar_px is None:
        missing, there = ("the bar's length in px", "its label") if bar_px is None else ("the bar's label", "its length in px")
        raise ScaleError(f"{missing} is missing; a scale bar needs it as well as {there}, such as '500 nm' and 123.5")
    return parse_scale(f"{scale_bar} / {bar_px} px")


def user_scales(files: list[Path], inputs: list[Path], stated: Scale | None) -> dict[Path, Scale]:
    """The user's scale of each file that has one: `stated` for all of them, else by the nanogauge.toml of its folder and of the
    folders above, up to the input folder that the file came from; in an object store of its own folder alone.

    SettingsError, naming the file, for a nanogauge.toml that cannot be read, with an unknown key or a scale that makes no sense.
    """
    if stated is not None:
        return dict.fromkeys(files, stated)
    tops = [_top(i) for i in inputs if not is_remote(i)]
    found = {f: s for f in files if (s := _folder_scale(f, tops)) is not None}
    _read.cache_clear()
    _is_there.cache_clear()
    return found


def _top(named: Path) -> Path:
    """The folder that an input names: itself, that of a file, or that before a pattern."""
    if named.is_dir():
        return named.resolve()
    while any(c in named.name for c in "*?[") or any(c in str(named.parent) for c in "*?["):
        named = named.parent
        if named == named.parent:
            break
    return (named if named.is_dir() else named.parent).resolve()


@lru_cache(maxsize=256)
def _is_there(path: Path) -> bool:
    """Whether a store has it; asked once, not for every micrograph beside it."""
    with reaching(path):
        return path.is_file()


def _folder_scale(file: Path, tops: list[Path]) -> Scale | None:
    if is_remote(file):
        path = file.parent / FILE_NAME
        return _scale_in(path, file.name) if _is_there(path) else None
    folder = Path(os.path.realpath(file)).parent  # unlike resolve(), no error where links lead in a circle
    above = [t for t in tops if t == folder or t in folder.parents]
    top = max(above, key=lambda t: len(t.parts), default=folder)
    for place in (folder, *folder.parents):
        path = place / FILE_NAME
        if path.is_file() and (scale := _scale_in(path, file.name)) is not None:
            return scale
        if place == top:
            break
    return None


def _scale_in(path: Path, name: str) -> Scale | None:
    """What one nanogauge.toml says of a file: by its name, by the first pattern that fits, else for all."""
    values = _read(path)
    files: dict[str, dict[str, Any]] = values.get("files", {})
    fitting = [files[name]] if name in files else [v for pattern, v in files.items() if fnmatchcase(name, pattern)]
    chosen = fitting[0] if fitting else {k: v for k, v in values.items() if k != "files"}
    return _stated_in(path, chosen)


@lru_cache(maxsize=256)
def _read(path: Path) -> dict[str, Any]:
    """A checked nanogauge.toml; every scale in it is tried, so that a mistake shows at once."""
    values = read_toml(path, remedy="check its access rights and how it is written")
    files = values.get("files", {})
    if not isinstance(files, dict) or not all(isinstance(v, dict) for v in files.values()):
        raise SettingsError(f'{path}: [files] must hold tables, such as [files."a.tif"] with a scale in it')
    _check_keys(path, {k for k in values if k != "files"}, "")
    _stated_in(path, {k: v for k, v in values.items() if k != "files"})
    for pattern, table in files.items():
        _check_keys(path, set(table), f' in [files."{pattern}"]')
        _stated_in(path, table)
    return values


def _check_keys(path: Path, keys: set[str], where: str) -> None:
    unknown = sorted(keys - set(_KEYS))
    if unknown:
        raise SettingsError(
            f"{path}: unknown key {unknown[0]!r}{where}; known: {', '.join(_KEYS)}, and [files] at the top; settings of the "
            "measurement belong into a file of their own, given with --settings"
        )


def _stated_in(path: Path, table: dict[str, Any]) -> Scale | None:
    for key in ("scale", "scale_bar"):
        if key in table and not isinstance(table[key], str):
            raise SettingsError(f'{path}: {key} must be text, such as "2.5 nm/px" or "500 nm", got {table[key]!r}')
    bar_px = table.get("bar_px")
    if bar_px is not None and (isinstance(bar_px, bool) or not isinstance(bar_px, int | float)):
        raise SettingsError(f"{path}: bar_px must be a number of px, got {bar_px!r}")
    try:
        return stated_scale(scale=table.get("scale"), scale_bar=table.get("scale_bar"), bar_px=bar_px)
    except ScaleError as error:
        raise SettingsError(f"{path}: {error}") from error
