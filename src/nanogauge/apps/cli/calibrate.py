"""`nanogauge calibrate`: micrographs of something certified to a calibration file."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from ...batch.inputs import expand
from ...core.errors import CalibrationError, OutputError
from ...core.scale import parse_length, parse_scale
from ...core.settings import Settings, read_settings
from ...pipeline.calibrate import About, Certified, calibrate_with_grating, calibrate_with_spheres
from ...pipeline.measure import Measurer
from ...scale.calibration import Calibration, write_calibration
from ...scale.calibration import day as parse_day


def calibrate_all(
    inputs: list[Path],
    out: Path,
    *,
    pitch: str | None,
    diameter: str | None,
    uncertainty: str,
    coverage_factor: float = 2.0,
    certificate: str = "",
    serial: str = "",
    day: str = "",
    valid_until: str = "",
    remarks: str = "",
    scale: str | None = None,
    read: dict[str, Any] | None = None,
    settings_file: Path | None = None,
    json_output: bool = False,
) -> int:
    """Writes the calibration of all inputs into OUT and says what it is. Raises CalibrationError, InputError, ScaleError."""
    settings = (read_settings(settings_file) if settings_file else Settings()).replace("read", **(read or {}))
    files = expand(inputs)
    value = parse_length(pitch or diameter or "")
    expanded = parse_length(uncertainty)
    if expanded >= value / 5:
        raise CalibrationError(f"an uncertainty of {uncertainty} is no certificate for {pitch or diameter}; check both")
    known = Certified(value_nm=value, expanded_nm=expanded, coverage_factor=coverage_factor, certificate=certificate)
    parse_day(day, "--date")
    parse_day(valid_until, "--valid-until")
    about = About(date=day or date.today().isoformat(), valid_until=valid_until, serial=serial, remarks=remarks)
    make = calibrate_with_grating if pitch else calibrate_with_spheres
    found = make(files, known, about=about, measurer=Measurer(settings), scale=parse_scale(scale) if scale else None)
    try:
        out.write_text(write_calibration(found), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror}); check the path and its access rights") from error
    if json_output:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print("\n".join(_lines(found, out)))
    return 0


def _lines(c: Calibration, out: Path) -> list[str]:
    """What was found, for people."""
    parts = ", ".join(f"{name.replace('_', ' ')} {100 * u:.2g} %" for name, u in c.components.items())
    lines = [
        f"{len(c.micrographs)} micrograph{'' if len(c.micrographs) == 1 else 's'} of {c.reference}",
        f"factor   y {c.factor_y:.5f}, x {c.factor_x:.5f}: the true pixel size over the stated one",
        f"standard uncertainty {100 * c.relative_uncertainty:.2g} % ({parts})",
        f"holds    from {c.nm_per_px_min:.4g} to {c.nm_per_px_max:.4g} nm/px (stated)"
        + (f" of {c.instrument}" if c.instrument else ""),
    ]
    lines += [c.remarks] if c.remarks else []
    return [*lines, f"{out}: use it with nanogauge measure --calibration {out}"]
