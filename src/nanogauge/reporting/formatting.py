"""How figures and names are put for readers: digits, units, the names of statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..core.particles import FLAGS, flag_text
from ..core.scale import unit_nm

NAMES = {
    "mean": "mean",
    "sd": "standard deviation",
    "cv": "coefficient of variation",
    "skewness": "skewness",
    "d10": "d10",
    "d16": "d16",
    "median": "d50 (median)",
    "d84": "d84",
    "d90": "d90",
    "span": "span (d90 − d10) / d50",
    "geometric_mean": "geometric mean",
    "geometric_sd": "geometric standard deviation",
    "lognormal_median": "lognormal fit: median",
    "lognormal_gsd": "lognormal fit: GSD",
    "number_mean": "D[1,0] (number mean)",
    "d32": "D[3,2] (Sauter)",
    "d43": "D[4,3] (De Brouckere)",
}
SHORT = {"mean": "mean", "d10": "d10", "d50": "d50", "d90": "d90"}
LAWS = {
    "normal": "normal",
    "lognormal": "lognormal",
    "weibull": "Weibull",
    "lognormal_mixture": "two lognormals",
}
BASES = {"number_mean": "number mean", "volume_mean": "volume mean", "mass_median": "mass median"}
REASONS = {flag_text(flag): entry.reason for flag, entry in FLAGS.items() if entry.reason}
DASH = "–"
_MICROMETRES_FROM_NM = 1000.0


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of one report in one unit: nm or px as stored, µm where the median is a micrometre or more."""

    unit: str
    per_stored: float = 1.0

    def value(self, stored: float) -> float:
        """A stored length in the unit shown."""
        return stored * self.per_stored

    def show(self, stored: float | None, digits: int = 4) -> str:
        """Without its unit; a dash where it is not known."""
        return DASH if stored is None else number(self.value(stored), digits)

    def with_unit(self, stored: float | None, digits: int = 4) -> str:
        """With its unit; a dash where it is not known."""
        text = self.show(stored, digits)
        return text if text == DASH else f"{text} {self.unit}"

    def with_uncertainty(self, stored: float | None, expanded: float | None) -> str:
        """ "51.2 ± 1.3": the uncertainty to two figures, the value to the same place (GUM 7.2.6)."""
        if stored is None or not math.isfinite(stored):
            return DASH
        if expanded is None or not math.isfinite(expanded) or expanded <= 0:
            return self.show(stored)
        places = decimals(self.value(expanded))
        return f"{fixed(self.value(stored), places)} ± {fixed(self.value(expanded), places)}"

    def within(self, stored: float, low: float, high: float) -> str:
        """A value to the place to which its interval is known; to three figures where there is none."""
        if not (math.isfinite(low) and math.isfinite(high) and high > low):
            return self.show(stored, 3).replace("-", "−")
        return fixed(self.value(stored), decimals((self.value(high) - self.value(low)) / 2))

    def interval(self, low: float | None, high: float | None, like: float | None = None) -> str:
        """ "49.9 … 52.5"; a dash where there is none."""
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            return DASH
        width = self.value(high) - self.value(low)
        places = decimals(width / 2) if width > 0 else 2
        return f"{fixed(self.value(low), places)} … {fixed(self.value(high), places)}"


def lengths(unit: str, median: float) -> Lengths:
    """How to show lengths stored in `unit` ("nm" or "px") whose median is given."""
    if unit == "nm" and math.isfinite(median) and median >= _MICROMETRES_FROM_NM:
        return Lengths("µm", unit_nm("nm") / unit_nm("µm"))
    return Lengths(unit)


def number(value: float | None, digits: int = 4) -> str:
    """Significant figures without powers of ten for what people read; a dash for NaN."""
    if value is None or not math.isfinite(value):
        return DASH
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{max(digits - 1, 0)}e}"
    if value == 0:
        return "0"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return fixed(value, places)


def fixed(value: float, places: int) -> str:
    """So many decimals, a true minus sign, and rounding above the point where places are negative."""
    if places < 0:
        value, places = round(value, places), 0
    return f"{value:.{places}f}".replace("-", "−")


def decimals(uncertainty: float) -> int:
    """Decimals that show an uncertainty to two figures."""
    if not math.isfinite(uncertainty) or uncertainty <= 0:
        return 2
    return min(max(1 - math.floor(math.log10(uncertainty)), -12), 12)


def percent(share: float | None, digits: int = 3) -> str:
    """ "12.3 %"."""
    if share is None or not math.isfinite(share):
        return DASH
    return "< 0.01 %" if 0 < share < 1e-4 else f"{number(100 * share, digits)} %"


def p_value(p: float | None) -> str:
    """ "0.031", "< 0.001"."""
    if p is None or not math.isfinite(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def breakable(text: str) -> str:
    """Text whose long words, such as file names and hashes, a page may break (zero-width spaces)."""
    return " ".join(_breakable(word) if len(word) > 18 else word for word in text.split(" "))


def _breakable(word: str) -> str:
    out, since = [], 0
    for character in word:
        out.append(character)
        since += 1
        if character in "_-./\\," or since >= 24:
            out.append("\u200b")
            since = 0
    return "".join(out)
