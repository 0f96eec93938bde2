"""TOML files read, held against the dataclass they fill in, and written; what is wrong is said in one line."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import NanogaugeError, SettingsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    D = TypeVar("D", bound=DataclassInstance)

Ranges = Mapping[str, tuple[float, float]]
Choices = Mapping[str, tuple[str, ...]]
_NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def read_toml(
    path: Path, *, raising: type[NanogaugeError] = SettingsError, remedy: str = "give the path of a TOML file"
) -> dict[str, Any]:
    """The tables of a TOML file. Raises `raising`, naming the file, where it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise raising(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
        raise raising(f"{path}: not valid TOML ({error}); {remedy}") from error


def toml_text(values: Mapping[str, Any]) -> str:
    """The tables as TOML."""
    import tomli_w  # here, as a packed training run goes without it

    return tomli_w.dumps(values)


def filled_in(
    default: D,
    values: Mapping[str, Any],
    *,
    where: str,
    section: str = "",
    ranges: Ranges | None = None,
    choices: Choices | None = None,
) -> D:
    """A dataclass with the values of a table in place of its defaults.

    where, section: file and table, for messages; ranges, choices: what some keys must lie in or be one of

    Raises SettingsError for an unknown key, and for a value of a wrong type or out of range. A whole number does for a float.
    """
    kinds = get_type_hints(type(default))
    table = f"[{section}] " if section else ""
    changes = {}
    for key, value in values.items():
        if key not in kinds:
            raise SettingsError(f"{where}: {table}unknown key {key!r}; known: {', '.join(kinds)}")
        said = f"{where}: {table}{key} must"
        if not _is(value, kinds[key]):
            raise SettingsError(f"{said} be {_name(kinds[key])}, got {value!r}")
        if ranges and key in ranges and not ranges[key][0] <= value <= ranges[key][1]:
            raise SettingsError(f"{said} lie in {ranges[key][0]:g} ... {ranges[key][1]:g}, got {value!r}")
        if choices and key in choices and value not in choices[key]:
            raise SettingsError(f"{said} be one of {', '.join(c for c in choices[key] if c)}, got {value!r}")
        changes[key] = tuple(value) if isinstance(value, list) else kinds[key](value) if kinds[key] is float else value
    return dataclasses.replace(default, **changes)


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        each = get_args(kind)
        each = each[:1] * len(value) if isinstance(value, list | tuple) and each[-1] is ... else each
        return isinstance(value, list | tuple) and len(value) == len(each) and all(map(_is, value, each))
    if get_origin(kind) is dict:
        return isinstance(value, dict) and all(_is(v, get_args(kind)[1]) for v in value.values())
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float if kind is float else kind)


def _name(kind: Any) -> str:
    """Such as "a whole number", "a list of 2 numbers"."""
    if get_origin(kind) is tuple:
        each = get_args(kind)
        many = "texts" if each[0] is str else f"{_NAMES[each[0]]}s"
        return f"a list of {many}" if each[-1] is ... else f"a list of {len(each)} {many}"
    if get_origin(kind) is dict:
        return f"a table of {_NAMES[get_args(kind)[1]]}s"
    return _NAMES[kind] if kind in (str, bool) else f"a {_NAMES[kind]}"
