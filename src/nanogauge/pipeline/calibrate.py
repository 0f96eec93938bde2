"""A calibration of the magnification from micrographs of a certified grating or of certified spheres (ISO 16700).

The factor is the certified length over the one measured under the scale that the instrument states. Its uncertainty has what the
certificate says, how well pictures repeat, how even the field is (gratings), and how well outlines are known (spheres).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import CalibrationError
from ..core.micrograph import Instrument, Micrograph
from ..core.scale import Scale, format_length
from ..reading import read_micrograph
from ..reading.contract import METADATA_RELATIVE_UNCERTAINTY
from ..results.measurement import Measurement
from ..scale.calibration import Calibration, instrument_name
from ..scale.grating import Correction, correction, find_grating
from .measure import Measurer

_LEAST_SPHERES = 20
_OUTLIER = 3.0  # robust standard deviations
_MOST_SPREAD = 0.03  # of the factor between pictures
_OTHER_AXIS = METADATA_RELATIVE_UNCERTAINTY / 2  # a diameter goes with the root of both axes, of which one is as the maker left it


@dataclass(frozen=True, kw_only=True)
class Certified:
    """A certified length: its value and expanded uncertainty in nm, the coverage factor of that, and the certificate in words."""

    value_nm: float
    expanded_nm: float
    coverage_factor: float = 2.0
    certificate: str = ""

    @property
    def relative(self) -> float:
        """Relative standard uncertainty."""
        return self.expanded_nm / self.coverage_factor / self.value_nm

    def text(self) -> str:
        """ "463 nm ± 2 nm (k = 2)"."""
        value, expanded = format_length(self.value_nm, digits=6), format_length(self.expanded_nm, digits=3)
        return f"{value} ± {expanded} (k = {self.coverage_factor:g})"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person says of a calibration: its day, until when it is to hold, the instrument's serial number, remarks."""

    date: str
    valid_until: str = ""
    serial: str = ""
    remarks: str = ""


def calibrate_with_grating(
    files: Sequence[Path],
    pitch: Certified,
    *,
    about: About,
    measurer: Measurer,
    scale: Scale | None = None,
) -> Calibration:
    """From micrographs of a grating: lines, or a square grid, at any angle.

    A square grid tells both axes apart, as do lines in pictures of several angles. Of lines in one direction alone the factor
    is taken for both axes, and the maker's 2 % of the other axis stay in the uncertainty.

    Parameters
    ----------
    files
        Micrographs of one instrument; several of them tell how well they repeat.
    pitch
        Certified pitch.
    measurer
        Reads the scale, and finds and measures spheres.
    scale
        The scale that the instrument states, where the files do not say it.

    Raises
    ------
    CalibrationError
        No scale or no clear grating in a picture, several instruments, or pictures that disagree by more than 3 %.
    """
    measurer = _uncalibrated(measurer)
    pictures = [_picture(file, measurer, scale) for file in files]
    gratings = []
    for p in pictures:
        try:
            gratings.append(find_grating(p.pixels, pitch_nm=pitch.value_nm, nm_per_px=p.stated.nm_per_px))
        except CalibrationError as error:
            raise CalibrationError(f"{p.file}: {error}") from error
    found = correction(gratings, [p.stated.nm_per_px for p in pictures], pitch_nm=pitch.value_nm)
    parts = {"certificate": pitch.relative, "repeatability": _repeatability(found)}
    if not math.isnan(found.unevenness):
        parts["field"] = found.unevenness
    if not found.both_axes:
        parts["other_axis"] = _OTHER_AXIS
    rows = [
        {"n_periods": round(g.n_periods, 1), "kind": "square grid" if len(g.vectors) == 2 else "lines", "deviation": round(d, 6)}
        for g, d in zip(gratings, found.deviations, strict=True)
    ]
    remarks = [about.remarks] if about.remarks else []
    if not found.both_axes:
        remarks.append("one direction only was measured: its factor is used for both axes")
    if not math.isnan(found.angle_deg):
        remarks.append(f"angle between the grid's axes {found.angle_deg:.2f} degrees")
    return _calibration(pictures, found.factor, parts, f"a grating of pitch {pitch.text()}", pitch, about, rows, remarks)


def calibrate_with_spheres(
    files: Sequence[Path],
    diameter: Certified,
    *,
    about: About,
    measurer: Measurer,
    scale: Scale | None = None,
) -> Calibration:
    """From micrographs of certified spheres, found and measured as all particles are.

    The mean area-equivalent diameter of the spheres that count gives the factor; that they are round tells the axes apart.
    Parameters and errors as in `calibrate_with_grating`; fewer than 20 spheres are an error too.
    """
    measurer = _uncalibrated(measurer)
    pictures, counts, means, sds, ratios, outlines = [], [], [], [], [], []
    for file in files:
        p = _picture(file, measurer, scale)
        m = measurer.measure(p.micrograph, scale=p.stated)
        sizes, round_by = _spheres(m)
        if len(sizes) < 2:
            raise CalibrationError(f"{file}: {len(sizes)} whole spheres in it; give micrographs with more of them")
        pictures.append(p)
        counts.append(len(sizes))
        means.append(float(sizes.mean()))
        sds.append(float(sizes.std(ddof=1)))
        ratios.append(round_by)
        outlines.append(_outline_uncertainty(m))
    n = sum(counts)
    if n < _LEAST_SPHERES:
        raise CalibrationError(f"only {n} whole spheres in all; at least {_LEAST_SPHERES} are needed")
    mean = float(np.average(means, weights=counts))
    axes = float(np.exp(np.median(np.log(np.concatenate(ratios)))))  # factor y over factor x
    both = diameter.value_nm / mean
    factor = (both * math.sqrt(axes), both / math.sqrt(axes))
    deviations = [v / mean - 1 for v in means]
    spread = np.log(np.concatenate(ratios))
    parts = {
        "certificate": diameter.relative,
        "counting": float(np.average(sds, weights=counts)) / mean / math.sqrt(n),
        "outlines": float(np.average(outlines, weights=counts)),
        "axes": float(1.25 * spread.std(ddof=1) / math.sqrt(n)) / 2,  # 1.25: of a median
    }
    if len(files) > 1:
        _check_spread([p.file for p in pictures], deviations)
        parts["repeatability"] = float(np.std(deviations, ddof=1)) / math.sqrt(len(files))
    rows = [{"n_spheres": c, "deviation": round(d, 6)} for c, d in zip(counts, deviations, strict=True)]
    remarks = [about.remarks] if about.remarks else []
    standard = f"spheres of diameter {diameter.text()}"
    return _calibration(pictures, factor, parts, standard, diameter, about, rows, remarks)


def _uncalibrated(measurer: Measurer) -> Measurer:
    """One that takes the scale as the instrument states it."""
    return measurer.under(measurer.settings.replace("scale", calibration=""))


@dataclass(frozen=True, kw_only=True)
class _Picture:
    file: Path
    micrograph: Micrograph
    stated: Scale
    pixels: NDArray[np.generic]  # without the data bar


def _picture(file: Path, measurer: Measurer, scale: Scale | None) -> _Picture:
    micrograph = read_micrograph(file, **asdict(measurer.settings.read))
    _, decision, (y0, x0, y1, x1) = measurer.read_scale(micrograph, user=scale)
    if decision.scale is None:
        raise CalibrationError(
            f"{file}: {'; '.join(decision.warnings[:-1])}; give the scale that the microscope states with --scale"
        )
    return _Picture(file=file, micrograph=micrograph, stated=decision.scale, pixels=micrograph.pixels[y0:y1, x0:x1])


def _repeatability(found: Correction) -> float:
    """Of the mean over the pictures; of one picture, over its quarters."""
    n = len(found.deviations)
    if n > 1:
        return float(np.std(found.deviations, ddof=1)) / math.sqrt(n)
    if math.isnan(found.unevenness):
        raise CalibrationError("one picture of so few periods does not tell how well it repeats; give several pictures")
    return found.unevenness / 2


def _check_spread(files: Sequence[Path], deviations: Sequence[float]) -> None:
    low, high = int(np.argmin(deviations)), int(np.argmax(deviations))
    if deviations[high] - deviations[low] > _MOST_SPREAD:
        raise CalibrationError(
            f"{files[low].name} and {files[high].name} differ by {100 * (deviations[high] - deviations[low]):.1f} %; "
            "calibrate magnifications that differ one by one, or leave a picture out"
        )


def _spheres(m: Measurement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the spheres that count, outliers left out: diameters in nm, and the factor of y over that of x that makes each one
    round."""
    table = m.counted
    sizes = table["equivalent_diameter_nm"].to_numpy(float)
    if not len(sizes):
        return sizes, sizes
    middle = np.median(sizes)
    spread = 1.4826 * np.median(np.abs(sizes - middle))
    good = np.abs(sizes - middle) <= max(_OUTLIER * spread, 0.02 * middle)
    scale = m.scale
    assert scale is not None
    sd_y, sd_x = _half_axes(m.labels, table["label"].to_numpy(int)[good])
    return sizes[good], (sd_x * scale.nm_per_px[1]) / (sd_y * scale.nm_per_px[0])


def _half_axes(labels: NDArray[np.int32], wanted: NDArray[np.int_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviations of the pixels' y and x in each label."""
    y, x = np.nonzero(labels)
    of = labels[y, x]
    n = np.maximum(np.bincount(of), 1)
    out = []
    for values in (y.astype(float), x.astype(float)):
        mean = np.bincount(of, values) / n
        out.append(np.sqrt(np.bincount(of, (values - mean[of]) ** 2) / n)[wanted])
    return out[0], out[1]


def _outline_uncertainty(m: Measurement) -> float:
    """Relative standard uncertainty of the mean diameter but for counting and the scale."""
    budget = m.budget
    if budget is None:
        return 0.0
    mean = budget["mean"]
    return math.sqrt(sum(c.contribution**2 for c in mean.components if c.name not in ("counting", "scale"))) / mean.value


def _calibration(
    pictures: Sequence[_Picture],
    factor: tuple[float, float],
    parts: dict[str, float],
    reference: str,
    certified: Certified,
    about: About,
    rows: Sequence[dict[str, Any]],
    remarks: Sequence[str],
) -> Calibration:
    instruments = [p.micrograph.instrument for p in pictures]
    if len(pictures) > 1:
        _check_spread([p.file for p in pictures], [float(r["deviation"]) for r in rows])
    sizes = [p.stated.nm_per_px[1] for p in pictures]
    magnifications = _stated(instruments, lambda i: i.magnification)
    voltages = _stated(instruments, lambda i: i.accelerating_voltage_kv)
    return Calibration(
        factor_y=factor[0],
        factor_x=factor[1],
        relative_uncertainty=math.sqrt(sum(u * u for u in parts.values())),
        reference=reference,
        certificate=certified.certificate,
        date=about.date,
        valid_until=about.valid_until,
        instrument=_one_name(pictures),
        serial=about.serial,
        nm_per_px_min=min(sizes),
        nm_per_px_max=max(sizes),
        magnification_min=min(magnifications, default=0.0),
        magnification_max=max(magnifications, default=0.0),
        accelerating_voltage_kv=voltages[0] if len(set(voltages)) == 1 else 0.0,
        remarks="; ".join(remarks),
        components=parts,
        micrographs=tuple(_told(p) | r for p, r in zip(pictures, rows, strict=True)),
    )


def _told(p: _Picture) -> dict[str, Any]:
    y, x = p.stated.nm_per_px
    return {"file": p.micrograph.name, "sha256": p.micrograph.sha256, "nm_per_px_y": y, "nm_per_px_x": x}


def _stated(instruments: Sequence[Instrument], value: Callable[[Instrument], float | None]) -> list[float]:
    return [v for v in map(value, instruments) if v is not None]


def _one_name(pictures: Sequence[_Picture]) -> str:
    names = {instrument_name(p.micrograph.instrument): p.file.name for p in pictures}
    named = {n: f for n, f in names.items() if n}
    if len(named) > 1:
        (one, its), (other, others) = list(named.items())[:2]
        raise CalibrationError(f"{its} is of {one}, {others} of {other}; calibrate one instrument at a time")
    return next(iter(named), "")
