"""Classes of particles by rules: `rod = "aspect_ratio < 0.5 and solidity > 0.9"`.

A rule compares columns of the particle table with numbers or with each other: < <= > >= == !=, joined by and, or, not, in brackets
where needed. It is parsed into comparisons and never run as a program. Where a column is not known of a particle, so is what
depends on it (Kleene's logic of three values): it may be true, false, or not known.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import SettingsError
from .particles import UNSURE, column_dtypes

if TYPE_CHECKING:
    import pandas as pd

OTHER = "other"
"""The class of particles that no rule fits."""
_MOST_LETTERS = 1000
_NAME = re.compile(r"[A-Za-z][\w -]*")
_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ALLOWED = "columns of the particle table, numbers, < <= > >= == !=, and, or, not"
_Truth = NDArray[np.float64]  # (n,) 1, 0, or NaN where it is not known


@cache
def _known_columns() -> frozenset[str]:
    return frozenset(name for name, dtype in column_dtypes(in_nm=True).items() if dtype != "str")


def check_rules(rules: Mapping[str, str], *, where: str) -> None:
    """Raises SettingsError, in one line, for a name or a rule that is none. where: the file, for messages."""
    for name, text in rules.items():
        if not _NAME.fullmatch(name) or name in (OTHER, UNSURE):
            raise SettingsError(
                f"{where}: [classes.rules] {name!r} cannot be a class; take letters, digits, _ and -, but not {OTHER} or {UNSURE}"
            )
        try:
            _check(_parsed(text))
        except _NoRule as error:
            raise SettingsError(f"{where}: [classes.rules] {name} = {text!r}: {error}; a rule has {_ALLOWED}") from error


def columns_of(text: str) -> frozenset[str]:
    """The columns that a rule compares."""
    return frozenset(node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name))


def classes_by_rules(table: pd.DataFrame, rules: Mapping[str, str]) -> tuple[list[str], NDArray[np.float64]]:
    """The class of each particle, of the first rule that fits, and how sure that is: 1, or NaN where a figure that decides is not
    known and the class is "unsure"."""
    names, open_ = np.full(len(table), OTHER, object), np.ones(len(table), bool)
    sure = np.ones(len(table))
    for name, text in rules.items():
        truth = _truth(_parsed(text), table)
        names[open_ & (truth == 1)] = name
        unknown = open_ & np.isnan(truth)
        names[unknown], sure[unknown] = UNSURE, np.nan
        open_ &= truth == 0
    return [str(n) for n in names], sure


class _NoRule(Exception):
    """What is wrong with a rule."""


def _parsed(text: str) -> ast.expr:
    if len(text) > _MOST_LETTERS:
        raise _NoRule(f"longer than {_MOST_LETTERS} letters")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _NoRule("cannot be read") from error


def _check(node: ast.expr) -> None:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for op in ops:
                if type(op) not in _OPERATORS:
                    raise _NoRule(f"{ast.unparse(node)!r} is no comparison of numbers")
            for side in (left, *others):
                _check_figure(side)
        case _:
            raise _NoRule(f"{ast.unparse(node)!r} is not a comparison")


def _check_figure(node: ast.expr) -> None:
    match node:
        case ast.Name(id=name):
            if name not in _known_columns():
                near = get_close_matches(name, _known_columns(), n=1)
                hint = f" (is {near[0]} meant?)" if near else ""
                raise _NoRule(f"{name!r} is not a column of numbers of the particle table{hint}")
        case ast.Constant(value=value) if type(value) in (int, float):
            pass
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) in (int, float):
            pass
        case _:
            raise _NoRule(f"{ast.unparse(node)!r} is neither a column nor a number")


def _truth(node: ast.expr, table: pd.DataFrame) -> _Truth:
    if isinstance(node, ast.BoolOp):
        each = np.array([_truth(v, table) for v in node.values])
        decides = 0.0 if isinstance(node.op, ast.And) else 1.0
        unknown = np.where(np.isnan(each).any(axis=0), np.nan, 1 - decides)
        return np.where((each == decides).any(axis=0), decides, unknown)
    if isinstance(node, ast.UnaryOp):
        return np.asarray(1 - _truth(node.operand, table), np.float64)
    assert isinstance(node, ast.Compare)  # `_check` let nothing else through
    sides = [_figure(side, table) for side in (node.left, *node.comparators)]
    out = np.ones(len(table))
    for op, a, b in zip(node.ops, sides[:-1], sides[1:], strict=True):
        holds = np.where(np.isnan(a) | np.isnan(b), np.nan, _OPERATORS[type(op)](a, b))
        out = np.where((out == 0) | (holds == 0), 0.0, out * holds)
    return out


def _figure(node: ast.expr, table: pd.DataFrame) -> NDArray[np.float64]:
    if isinstance(node, ast.Name):  # in nm, where there is no scale: not known
        return table[node.id].to_numpy(np.float64) if node.id in table else np.full(len(table), np.nan)
    return np.full(len(table), float(ast.literal_eval(node)))
