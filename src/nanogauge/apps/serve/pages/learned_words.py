"""What to say of a training: what speaks against it, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.stats import binomtest

from ..class_examples import Classed, in_one_micrograph
from .layout import esc, table

_FEW = 10  # of a class, below which little can be learned and less be tested


def numbers_text(c: Classed) -> str:
    """How many particles of each class a micrograph has."""
    return " · ".join(f"{name} {n}" for name, n in c.numbers.items())


def cautions(chosen: list[Classed]) -> str:
    """What speaks against learning from these; "" where nothing does."""
    n: dict[str, int] = {}
    for c in chosen:
        for name, k in c.numbers.items():
            n[name] = n.get(name, 0) + k
    parts = []
    if len(chosen) < 2:
        parts.append("Two micrographs or more are needed, one of them to test on.")
    if len(n) < 2:
        parts.append("Two classes or more are needed.")
    alone = in_one_micrograph(chosen)
    if alone and len(chosen) > 1:
        one = len(alone) == 1
        parts.append(f"{_listed(alone)}: in one micrograph only, so nothing is left to test {'it' if one else 'them'} on.")
    few = [f"{name} ({k})" for name, k in n.items() if k < _FEW]
    if few:
        parts.append(f"Few to learn from: {_listed(few)}.")
    return " ".join(parts)


def stage_words(share: float, seconds_left: float | None) -> str:
    """How far a training is."""
    if share >= 1:
        return "Testing on what was kept aside …"
    if seconds_left is None:
        return "Preparing …"
    left = f"{max(round(seconds_left / 60), 1)} min" if seconds_left > 50 else "less than a minute"
    return f"Learning, {_percent(share)}; {left} left, then a test"


def result_html(figures: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """How well classes are told on the micrographs kept aside, in words and as a table. figures: as `nanogauge train --classes`
    writes them; titles: name -> title of micrographs"""
    rows, matrix = figures.get("classes", []), figures.get("confusion", [])
    if not rows:
        return ""
    names = [str(r["class"]) for r in rows]
    right, total = sum(matrix[i][i] for i in range(len(names))), sum(map(sum, matrix))
    held = [titles.get(str(p), str(p)) for p in figures.get("pictures", [])]
    if not total:
        none = f"Not tested: no particle of a known class was found again in {_listed(held)}."
        return f"<h3>Learned: {esc(', '.join(names))}</h3><p>{esc(none)}</p>"
    many = f"{len(held)} micrograph{'s' if len(held) != 1 else ''} kept aside ({_listed(held)})"
    text = f"On {many} {right} of {total} particles got the class that you gave them: {_share(right, total)}."
    found = figures.get("found")
    if isinstance(found, float) and found < 0.95:
        text += f" {_percent(found)} of those with a class were found at all."
    wrong = sorted(
        ((matrix[i][j], names[i], names[j]) for i in range(len(names)) for j in range(len(names)) if i != j and matrix[i][j]),
        reverse=True,
    )
    if wrong:
        text += " Taken for another: " + "; ".join(f"{a} for {b}, {n}" for n, a, b in wrong[:3]) + "."
    counts = figures.get("counts") or {"maps": 1, "outlines": 1}
    if not counts["maps"]:
        text += " The outline alone decides, so particles cut by the frame are unsure."
    elif not counts["outlines"]:
        text += " What is inside the outline alone decides."
    body = []
    for i, name in enumerate(names):
        true, told = sum(matrix[i]), sum(row[i] for row in matrix)
        body.append((name, true, _share(matrix[i][i], true) if true else "not tested", _share(matrix[i][i], told) if told else "–"))
    figures_table = table(("class", "tested", "recognised", "right when said"), body, numbers=(1,))
    return (
        f"<h3>Learned: {esc(', '.join(names))}</h3><p>{esc(text)}</p>{figures_table}"
        '<p class="ng-soft">In brackets: 95 % intervals, by the number tested alone. A particle of a kind that nobody taught may '
        "get one of these names: give a few of those a class of their own.</p>"
    )


def why(lines: list[str]) -> str:
    """The line in which a training said why it failed."""
    last = next((line for line in reversed(lines) if line.strip()), "it was stopped from outside")
    return f"The classes were not learned: {last.removeprefix('nanogauge: ').removeprefix('error: ')}"


def _share(k: int, n: int) -> str:
    low, high = binomtest(k, n).proportion_ci()
    return f"{_percent(k / n)} ({100 * low:.0f} … {100 * high:.0f})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
