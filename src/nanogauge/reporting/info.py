"""What only people know about a sample, for the head of a report and the fields ISO 19749 asks for: one TOML file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..core.errors import SettingsError
from ..core.toml import read_toml


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportInfo:
    """Facts of a report that no file of the microscope states; "" where nobody said. Keys of the TOML file are these names."""

    title: str = ""
    report_number: str = ""
    sample: str = ""
    material: str = ""
    batch: str = ""
    customer: str = ""
    laboratory: str = ""
    operator: str = ""
    operator_orcid: str = ""
    date_of_measurement: str = ""
    sampling: str = ""
    preparation: str = ""
    instrument: str = ""
    instrument_serial: str = ""
    calibration: str = ""
    purpose: str = ""
    remarks: str = ""
    licence: str = ""  # this and the keywords are for the crate
    keywords: str = ""

    def to_dict(self) -> dict[str, str]:
        """Name -> text."""
        return asdict(self)


def read_info(path: Path) -> ReportInfo:
    """Facts from a TOML file such as

        sample = "SiO2 lot 7"
        operator = "A. Weber"
        preparation = "drop-cast from ethanol on silicon"
        calibration = "grating MRS-4, certificate 1234, checked 2026-05-02"

    Raises SettingsError where the file cannot be read, or has an unknown key or a value that is no text.
    """
    return info_from_dict(read_toml(path), where=str(path))


def info_from_dict(values: dict[str, object], *, where: str = "report facts") -> ReportInfo:
    """As `read_info`, from a dict."""
    known = [f.name for f in fields(ReportInfo)]
    texts: dict[str, str] = {}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(f"{where}: unknown key {key!r}; known: {', '.join(known)}")
        if not isinstance(value, str | int | float) and not hasattr(value, "isoformat"):
            raise SettingsError(f"{where}: {key} must be text, got {value!r}")
        texts[key] = " ".join(str(value).split()) if key != "remarks" else str(value).strip()
    return ReportInfo(**texts)
