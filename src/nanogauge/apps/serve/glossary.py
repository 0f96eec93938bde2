"""Words of the field in a sentence each, for whoever points at them on the page."""

from __future__ import annotations

import html
import re

GLOSSARY = {
    "d10": "A tenth of the particles (or of their volume, as chosen) is smaller than this.",
    "d50": "The median: half of the particles (or of their volume, as chosen) is smaller.",
    "d90": "Nine tenths of the particles (or of their volume, as chosen) are smaller than this.",
    "D[1,0]": "The arithmetic mean of the diameters, each particle counting once (ISO 9276-2).",
    "D[3,2]": "Sauter mean diameter, Σd³ / Σd²: of the sphere with the same volume per surface as all particles together.",
    "D[4,3]": "De Brouckere mean diameter, Σd⁴ / Σd³: the mean by volume, as laser diffraction states it.",
    "GSD": "Geometric standard deviation: exp of the standard deviation of ln d; 1 if all are alike. Of a log-normal "
    "distribution two thirds lie between the geometric mean divided by it and multiplied by it.",
    "CV": "Coefficient of variation: standard deviation over mean.",
    "span": "(d90 − d10) / d50: the width of the distribution, relative to its median.",
    "circularity": "√(4πA) / P, 1 for a disc (ISO 9276-6). ImageJ's circularity is its square, 4πA / P², here called form factor.",
    "form factor": "4πA / P², 1 for a disc (ISO 9276-6): what ImageJ calls circularity.",
    "roundness": "4A / (π · longest Feret diameter²), 1 for a disc.",
    "solidity": "Area over the area of the convex hull: 1 without dents.",
    "Feret": "The distance between two parallel lines that touch the particle on both sides: what a caliper would read.",
    "equivalent diameter": "Of the circle with the particle's area, √(4A/π).",
    "Cliff's δ": "How often a particle of the one sample is larger than one of the other, minus how often it is smaller: 0 no "
    "difference, ±1 no overlap. It does not depend on any model of the distribution.",
    "Kruskal": "Tests whether samples have the same distribution, by ranks alone; several samples at once.",
    "Kolmogorov": "The largest distance between two cumulative curves, and how likely it is by chance.",
    "confidence": "How likely a careful person would draw this particle: of those at 0.8 about four in five are right.",
    "edge weight": "Large particles are cut by the frame more often; each whole one counts for those (Miles & Lantuéjoul).",
    "95 % interval": "Would be right in 95 of 100 such measurements; it holds what the note below says.",
    "recognised": "Of the particles that you gave this class, how many got it (recall).",
    "right when said": "Of the particles that got this class, how many you had given it (precision).",
    "geometric mean": "exp of the mean of ln d: the median of a log-normal distribution.",
}
_SPELLINGS = {
    "geometric sd": "GSD",
    "geometric standard deviation": "GSD",
    "coefficient of variation": "CV",
    "cliff": "Cliff's δ",
    "sauter": "D[3,2]",
    "de brouckere": "D[4,3]",
    "volume mean": "D[4,3]",
}
_KEYS = {k.casefold(): k for k in GLOSSARY} | _SPELLINGS
_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_WORD = re.compile(
    "|".join(rf"(?<!\w){re.escape(k)}(?!\w)" for k in sorted(_KEYS, key=len, reverse=True)).replace("'", f"['{_APOSTROPHE}]"),
    re.IGNORECASE,
)


def explained(text: object) -> str:
    """Text for HTML, its first word of the field with what it means to whoever points at it or comes to it by Tab.

    >>> explained("CV & more")
    '<abbr tabindex="0" title="Coefficient of variation: standard deviation over mean.">CV</abbr> &amp; more'
    >>> explained("plain")
    'plain'
    """
    plain = str(text)
    found = _WORD.search(plain)
    if found is None:
        return html.escape(plain)
    term = _KEYS[found[0].casefold().replace(_APOSTROPHE, "'")]
    before, word, after = (html.escape(part) for part in (plain[: found.start()], found[0], plain[found.end() :]))
    return f'{before}<abbr tabindex="0" title="{html.escape(GLOSSARY[term])}">{word}</abbr>{after}'
