"""What is said of lines and spaces: `Lines`, from the picture itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.json_value import json_value
from ...core.scale import Scale
from .edges import Edges, find_edges
from .pattern import find_pattern, upright
from .spectrum import SpectrumFit, fit_spectrum, periodogram

Floats = NDArray[np.float64]
Unit = Literal["nm", "px"]

LEAST_WHOLE = 3
"""Lines that are undisturbed from end to end, fewer than which give no roughness."""
LEAST_WIDE_PX = 18.0
"""Lines and spaces, narrower than which the linescan over an edge is not seen out."""
LEAST_LENGTH_NM, MOST_STEP_NM = 2000.0, 10.0
"""Of the edges, that roughness is usually asked for: their length, and from one place to the next."""
_LEAST_SOUND = 0.3  # of a line, that its width and place count
_LEAST_CONTRAST = 0.1


@dataclass(frozen=True, slots=True)
class Roughness:
    """Of one kind of curve: edges, or widths. Lengths in the figures' unit.

    biased, unbiased: three standard deviations, as seen, and without the noise's part
    restored: the latter with what the beam and the filter across rows have smoothed away, by the model
    standard_error: of the unbiased one, by the spread between lines
    noise: three standard deviations of the noise alone, without a filter
    f, psd: (k,) frequencies and measured PSD; fit: model and floor; said: (k,) what the model says is seen
    """

    biased: float
    unbiased: float
    restored: float
    standard_error: float
    noise: float
    fit: SpectrumFit
    f: Floats
    psd: Floats
    said: Floats

    def to_dict(self) -> dict[str, Any]:
        """For lines.json."""
        return {
            "three_sigma_unbiased": self.unbiased,
            "standard_error": self.standard_error,
            "three_sigma_biased": self.biased,
            "three_sigma_restored": self.restored,
            "three_sigma_noise": self.noise,
            "correlation_length": self.fit.correlation,
            "hurst_exponent": self.fit.hurst,
            "three_sigma_infinite": 3 * self.fit.sigma,
            "psd_0": float(self.fit.roughness(np.zeros(1))[0]),
            "psd_noise_floor": self.fit.floor,
        }


@dataclass(frozen=True)
class Lines:
    """Lines and spaces of a picture.

    edges: as found, in px of the upright picture
    unit: of all figures; across, along: length of a px across and along the lines in it
    scale_uncertainty: relative standard uncertainty of the scale; 0 without one
    """

    edges: Edges
    unit: Unit
    across: float
    along: float
    scale_uncertainty: float

    @cached_property
    def tilt(self) -> float:
        """Of the lines from the upright, length across a length along, by all edges that are sound throughout."""
        rows = np.arange(self.edges.x_px.shape[-1]) - (self.edges.x_px.shape[-1] - 1) / 2
        good = self.edges.sound.all(axis=-1)
        if not good.any():
            return self.edges.pattern.tilt * self.across / self.along
        slope = (self.edges.x_px[good] @ rows) / (rows @ rows)
        return float(slope.mean()) * self.across / self.along

    @property
    def _cosine(self) -> float:
        return 1 / math.hypot(1.0, self.tilt)

    @property
    def step(self) -> float:
        """From one place of an edge to the next."""
        return self.along / self._cosine

    @cached_property
    def across_lines(self) -> Floats:
        """(n, 2, m) where edges are, across the lines."""
        rows = np.arange(self.edges.x_px.shape[-1])
        return np.asarray((self.edges.x_px * self.across - self.tilt * rows * self.along) * self._cosine, np.float64)

    @cached_property
    def widths(self) -> Floats:
        """(n, m') widths at equal places along the lines: of a leaning line the two edges of a row are not."""
        u = self.across_lines
        width = float(np.median(u[:, 1] - u[:, 0]))
        rows = round(width * self.tilt / self.step)
        left, right = u[:, 0], u[:, 1]
        m = u.shape[-1] - abs(rows)
        return np.asarray(right[:, :m] - left[:, rows:] if rows >= 0 else right[:, -rows:] - left[:, :m], np.float64)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """(n,) lines that are undisturbed from end to end."""
        return np.asarray(self.edges.sound.all(axis=(1, 2)), bool)

    @property
    def sound_share(self) -> Floats:
        """(n,) of each line's length."""
        return np.asarray(self.edges.sound.all(axis=1).mean(axis=-1), np.float64)

    @cached_property
    def cds(self) -> Floats:
        """(n,) mean width of each line over what is sound of it; NaN where that is little."""
        u = self.across_lines
        return self._mean_of(u[:, 1] - u[:, 0])

    def _mean_of(self, values: Floats) -> Floats:
        sound = self.edges.sound.all(axis=1)
        count = sound.sum(axis=-1)
        mean = np.where(sound, values, 0).sum(axis=-1) / np.maximum(count, 1)
        return np.where(self.sound_share >= _LEAST_SOUND, mean, np.nan)

    @cached_property
    def pitch(self) -> tuple[float, float]:
        """From line to line, and its standard error."""
        at = self._mean_of(self.across_lines.mean(axis=1))
        k = np.arange(len(at))
        good = np.isfinite(at)
        if good.sum() < 2:
            return self.edges.pattern.period_px * self.across * self._cosine, math.nan
        k, at = k[good], at[good]
        about = k - k.mean()
        pitch = float(about @ at / (about @ about))
        left = at - at.mean() - pitch * about
        error = math.sqrt(float(left @ left) / max(len(k) - 2, 1) / float(about @ about)) if len(k) > 2 else math.nan
        return pitch, error

    @cached_property
    def lwr(self) -> Roughness | None:
        """Linewidth roughness; None of fewer than three whole lines."""
        return self._roughness(self.widths[self.whole], edges=2)

    @cached_property
    def ler(self) -> Roughness | None:
        """Line-edge roughness over left and right edges; None of fewer than three whole lines."""
        return self._roughness(self.across_lines[self.whole].reshape(-1, self.across_lines.shape[-1]), edges=1)

    @property
    def of_sides(self) -> tuple[float, float]:
        """Three standard deviations of left and of right edges, without the noise's part."""
        if self.ler is None:
            return math.nan, math.nan
        noise = (self.ler.biased**2 - self.ler.unbiased**2) / 9
        left, right = (float(self.across_lines[self.whole][:, s].var(axis=-1).mean()) for s in (0, 1))
        return 3 * math.sqrt(max(left - noise, 0)), 3 * math.sqrt(max(right - noise, 0))

    @property
    def edge_correlation(self) -> float:
        """Of the two edges of a line: 1 where they move together, 0 where each by itself."""
        if self.ler is None or self.lwr is None:
            return math.nan
        left, right = self.of_sides
        return (left**2 + right**2 - self.lwr.unbiased**2) / (2 * left * right) if left * right > 0 else math.nan

    def _roughness(self, curves: Floats, *, edges: int) -> Roughness | None:
        if self.whole.sum() < LEAST_WHOLE:
            return None
        e = self.edges
        f, psd = periodogram(curves, self.step)
        rows = np.fft.rfftfreq(e.x_px.shape[-1], self.step)
        transfer = np.interp(f, rows, e.transfer)
        beam = np.exp(-2 * (math.pi * f * e.beam_px * self.across) ** 2)
        expected = edges * (e.noise_px * self.across * self._cosine) ** 2 * self.step
        fit = fit_spectrum(f, psd, transfer=transfer, beam=beam, floor=expected, n=len(curves))
        rough = fit.roughness(f)
        variances = curves.var(axis=-1)
        seen = float(variances.mean())
        noise = 2 * f[1] * fit.floor * float((transfer[1:] ** 2).sum())
        smoothed = 2 * f[1] * float((rough[1:] * (1 - (transfer[1:] * beam[1:]) ** 2)).sum())
        filtered = 2 * f[1] * float((rough[1:] * beam[1:] ** 2 * (1 - transfer[1:] ** 2)).sum())  # the filter is ours: given back
        unbiased = math.sqrt(max(seen - noise + filtered, 0.0))
        of_lines = variances.reshape(int(self.whole.sum()), -1).mean(axis=1)
        error = float(of_lines.std(ddof=1)) / math.sqrt(len(of_lines))
        said = transfer**2 * (beam**2 * rough + fit.floor)
        return Roughness(
            biased=3 * math.sqrt(seen), unbiased=3 * unbiased, restored=3 * math.sqrt(max(seen - noise + smoothed, 0.0)),
            standard_error=3 * error / max(2 * unbiased, 1e-12), noise=3 * math.sqrt(fit.floor / self.step), fit=fit, f=f, psd=psd,
            said=said,
        )  # fmt: skip

    def table(self) -> pd.DataFrame:
        """A row a line, from left to right, or from top to bottom: where it is, its width, its roughness as seen."""
        u, unit = self.across_lines, self.unit
        sound = self.edges.sound
        spread = [
            [3 * float(c[g].std()) if g.any() else math.nan for c, g in zip(*pair, strict=True)]
            for pair in zip(u, sound, strict=True)
        ]
        width = u[:, 1] - u[:, 0]
        both: NDArray[np.bool_] = np.asarray(sound.all(axis=1), bool)
        return pd.DataFrame(
            {
                "line": np.arange(1, len(u) + 1),
                f"position_{unit}": self._mean_of(u.mean(axis=1)),
                f"cd_{unit}": self.cds,
                f"lwr_3s_biased_{unit}": [3 * float(w[g].std()) if g.any() else math.nan for w, g in zip(width, both, strict=True)],
                f"ler_left_3s_biased_{unit}": [s[0] for s in spread],
                f"ler_right_3s_biased_{unit}": [s[1] for s in spread],
                "sound_share": self.sound_share,
                "whole": self.whole,
            }
        )

    def psd_table(self) -> pd.DataFrame | None:
        """Frequencies, measured PSD of edges and widths, and what the model says; None without roughness."""
        if self.lwr is None or self.ler is None:
            return None
        width = pd.DataFrame({f"lwr_psd_{self.unit}3": self.lwr.psd, f"lwr_model_{self.unit}3": self.lwr.said})
        edge: dict[str, Floats] = {f"ler_psd_{self.unit}3": self.ler.psd, f"ler_model_{self.unit}3": self.ler.said}
        out = pd.DataFrame({f"frequency_per_{self.unit}": self.ler.f, **edge})
        if len(width) == len(out):
            return out.join(width)
        values = {
            str(c): np.interp(self.ler.f, self.lwr.f, width[c]) for c in width
        }  # of leaning lines widths are a few rows shorter
        return out.assign(**values)

    @property
    def warnings(self) -> list[str]:
        """What to know before the figures are used."""
        out = []
        n, length = int(self.whole.sum()), self.widths.shape[-1] * self.step
        if abs(self.edges.pattern.contrast) < _LEAST_CONTRAST:
            out.append("lines and spaces are about as bright: which is which is a guess; --dark-lines takes it the other way round")
        width_px = float(np.median(self.edges.x_px[:, 1] - self.edges.x_px[:, 0]))
        if min(width_px, self.edges.pattern.period_px - width_px) < LEAST_WIDE_PX:
            out.append(
                f"lines or spaces under {LEAST_WIDE_PX:.0f} px: their width may be 3 % off, for edges shine into each other there"
            )
        if n < len(self.whole):
            out.append(
                f"{len(self.whole) - n} of {len(self.whole)} lines are disturbed: left out of LER and LWR, and in part of the width"
            )
        if self.lwr is None:
            out.append(f"{n} whole lines are too few for LER and LWR; {LEAST_WHOLE} are needed")
        elif self.lwr.unbiased**2 < 0.3 * self.lwr.biased**2:
            out.append("most of the roughness seen is noise; average more frames")
        if self.unit == "nm" and (length < LEAST_LENGTH_NM or self.step > MOST_STEP_NM):
            out.append(
                f"edges of {length:.0f} nm, every {self.step:.2g} nm; usual are {LEAST_LENGTH_NM:.0f} nm at least, every "
                f"{MOST_STEP_NM:.0f} nm at most: roughness longer than the picture is missing"
            )
        return out

    def to_dict(self) -> dict[str, Any]:
        """All figures, for lines.json; a number that is not known is None."""
        e, k = self.edges, self.across * self._cosine
        cds = self.cds[np.isfinite(self.cds)]
        cd = float(cds.mean()) if len(cds) else math.nan
        between = float(cds.std(ddof=1)) if len(cds) > 1 else math.nan
        pitch, pitch_error = self.pitch
        half = cd + (e.linescan.left_px + e.linescan.right_px - e.linescan.half_left_px - e.linescan.half_right_px) * k

        cd_error = math.hypot(between / math.sqrt(max(len(cds), 1)), e.linescan.error_px * k)

        def known(value: float, error: float) -> dict[str, float]:
            combined = math.hypot(error, value * self.scale_uncertainty)
            return {"value": value, "standard_error": error, "expanded_uncertainty": 2 * combined}

        left, right = self.of_sides
        out = {
            "unit": self.unit,
            "lines": len(self.whole),
            "whole_lines": int(self.whole.sum()),
            "direction": "horizontal" if e.pattern.lying else "vertical",
            "tilt_deg": math.degrees(math.atan(self.tilt)),
            "length": self.widths.shape[-1] * self.step,
            "step": self.step,
            "pitch": known(pitch, pitch_error),
            "cd": known(cd, cd_error) | {"between_lines": between, "at_half_height": half},
            "space": pitch - cd,
            "duty": cd / pitch,
            "lwr": self.lwr.to_dict() if self.lwr else None,
            "ler": self.ler.to_dict() | {"three_sigma_unbiased_left": left, "three_sigma_unbiased_right": right}
            if self.ler
            else None,
            "edge_correlation": self.edge_correlation,
            "beam": e.beam_px * k,
            "linescan_misfit": e.linescan.misfit,
            "filter_rows": e.filter_rows,
            "warnings": self.warnings,
        }
        return _known(out)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {k: _known(v) if isinstance(v, dict) else json_value(v) for k, v in values.items()}


def lines_of_pixels(pixels: NDArray[Any], scale: Scale | None, *, dark_lines: bool = False) -> Lines:
    """The lines and spaces of a picture.

    Parameters
    ----------
    pixels : (h, w) array
        Grey levels, the data bar cut off.
    scale : Scale or None
        None: all figures are in px.
    dark_lines : bool
        Lines are the darker part of the pattern, instead of the brighter.

    Raises
    ------
    InputError
        Where it shows none: one line that says why, without a file's name.

    Notes
    -----
    Edges: where the analytical linescan of Mack and Bunday (2015) has its step, row by row by least squares. Roughness: PSD under a
    Hann window, mean over the lines that are whole; a K-correlation model (Palasantzas 1993) and a white floor by maximum
    likelihood; the floor's part is taken off the variance (Mack's unbiased roughness).
    """
    pattern = find_pattern(pixels, dark_lines=dark_lines)
    edges = find_edges(upright(pixels, pattern), pattern, dark_lines=dark_lines)
    ky, kx = scale.nm_per_px if scale else (1.0, 1.0)
    across, along = (ky, kx) if pattern.lying else (kx, ky)
    return Lines(edges, "nm" if scale else "px", across, along, scale.relative_uncertainty if scale else 0.0)
