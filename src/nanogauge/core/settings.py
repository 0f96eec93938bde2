"""Every knob, with its default: frozen dataclasses <-> one TOML file. An unknown key is an error.

    [segment]
    working_diameter_px = 44.0

`read_settings` raises SettingsError, naming the key; `write_settings` gives TOML that reads back to the same settings.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .rules import check_rules
from .toml import Choices, Ranges, filled_in, read_toml, toml_text


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """Which picture of a file that holds several."""

    page: int = 0  # of a stack, from 1; 0: the first, or the one that holds the calibration
    detector: str = ""  # by name, or by number from 1; "": the first
    channel: str = ""  # of a colour picture or stack, by name or number; "": the luminance, or the first


@dataclass(frozen=True, kw_only=True)
class ScaleSettings:
    """How long a pixel is."""

    calibration: str = ""  # file that `nanogauge calibrate` wrote, applied to scales that the instrument states


@dataclass(frozen=True, kw_only=True)
class SegmentSettings:
    """pixels -> probability maps."""

    engine: str = "unet"
    device: str = "auto"  # cpu, cuda, tensorrt, openvino, directml, coreml; auto: cuda where there is one, else cpu
    working_magnification: float = 0.0  # working px per input px; 0: found from the particles' size
    looks: str = "several"  # or "one": no finer look for small particles, no coarser one for the largest
    thumbnail_px: int = 384  # long side of the first look
    largest_px: int = 4096  # long side of the working picture at most
    largest_zoom: float = 4.0
    overlap_px: int = 64  # of neighbouring tiles
    flips: bool = False  # average over mirrored copies (twice the time)


@dataclass(frozen=True, kw_only=True)
class SeparateSettings:
    """probability maps -> labels."""

    foreground_above: float = 0.5
    seed_above: float = 0.4  # normalised distance from which a pixel is in a particle's middle
    merge_below: float = 0.6  # neighbours with weaker evidence of a cut between them are one particle; 0: never joined
    overlaps_are_none: bool = True  # where two particles overlap and can be seen through, the overlap is no particle
    least_diameter_px: float = 4.0  # smaller objects are dropped; in working px
    least_confidence: float = 0.1  # objects less likely to be particles are dropped


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """labels -> particle table and distribution."""

    low_confidence_below: float = 0.8  # particles less likely right are flagged
    subpixel: bool = True  # outlines where the probability is 0.5, between the pixels; False: along the labels
    edge: str = "steepest"  # outlines at the steepest change of grey level; "outline": as people draw them
    least_diameter_px: float = 0.0  # size window: smaller particles are left out of the distribution
    largest_frame_share: float = 1.0  # size window: so are those that take more of the frame's height or width
    weighting: str = "number"  # or "volume"
    edge_correction: bool = True  # Miles-Lantuéjoul weights
    n_bootstrap: int = 1000
    n_fit_bootstrap: int = 199  # samples for the p-values of the fits
    seed: int = 0
    coverage_factor: float = 2.0  # of expanded uncertainties
    relative_error: float = 0.05  # wished, for the number of particles needed
    scale_uncertainty: float = 0.0  # relative standard uncertainty by the instrument's specification; 0: that of the scale read
    outline_uncertainty_px: float = 1.0  # half-width, where there is no probability map
    edge_uncertainty_nm: float = 0.0  # standard uncertainty of an edge's position: beam width, coating, contamination


@dataclass(frozen=True, kw_only=True)
class ArrangementSettings:
    """How the particles lie: worked out where it is asked for."""

    aggregates: bool = False  # groups of touching particles, their sizes and fractal law, with every micrograph
    fibres: bool = False  # fibres, wires, nets: widths, lengths, directions, meshes, with every micrograph
    recognise_mats: bool = True  # say so where a picture shows a mat or a net, whose meshes are no particles
    fibre_tone: str = "auto"  # or bright, dark, beside what lies around them
    contact_gap: float = 0.1  # particles touch where less than this share of the smaller one's diameter, or 2 px, lies between them
    order: bool = False  # neighbours, ψ, grains, lattice constant, with every micrograph
    lattice: str = "auto"  # or hexagonal, square
    least_misorientation_deg: float = 4.0  # neighbouring lattices turned by less are one grain
    low_angle_below_deg: float = 15.0  # boundaries between grains turned by less are of low angle
    least_grain: int = 10  # grains of fewer particles are none


@dataclass(frozen=True, kw_only=True)
class ClassSettings:
    """Which class each particle is of; none unless asked for."""

    # "shape"; "rules"; "network", those that it has learned; "labels", of an annotation that is imported; "none"; "": by rules
    # where there are some, else by the network where it tells particles apart
    by: str = ""
    unsure_below: float = 0.5  # a shape less likely is not named
    # class = "aspect_ratio < 0.5 and solidity > 0.9"; the first rule that fits counts
    rules: dict[str, str] = field(default_factory=dict)

    @property
    def by_rules(self) -> bool:
        """Whether rules decide."""
        return bool(self.rules) and self.by != "none"

    @property
    def wanted(self) -> bool:
        """Whether particles get a class."""
        return self.by in ("shape", "network", "labels") or self.by_rules


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a run.

    Attributes
    ----------
    segment, separate, measure, arrangement, classes
        One group for each step: pixels to maps, maps to labels, labels to sizes, how they lie, and of which kinds they are.
        `nanogauge settings` prints every key with its default.

    Examples
    --------
    >>> from nanogauge import Settings
    >>> Settings().replace("measure", weighting="volume")
    Settings(measure.weighting='volume')
    """

    read: ReadSettings = field(default_factory=ReadSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    segment: SegmentSettings = field(default_factory=SegmentSettings)
    separate: SeparateSettings = field(default_factory=SeparateSettings)
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    arrangement: ArrangementSettings = field(default_factory=ArrangementSettings)
    classes: ClassSettings = field(default_factory=ClassSettings)

    def __repr__(self) -> str:
        """Only what differs from the defaults."""
        default = Settings().to_dict(whole=True)
        changed = (f"{s}.{k}={v!r}" for s, keys in self.to_dict().items() for k, v in keys.items() if v != default[s][k])
        return f"Settings({', '.join(changed)})"

    def to_dict(self, *, whole: bool = False) -> dict[str, dict[str, Any]]:
        """Section -> key -> value; the section of classes only where they are asked for, or the `whole` is."""
        sections = dataclasses.asdict(self)
        if not whole and self.classes == ClassSettings():
            del sections["classes"]
        return sections

    def replace(self, section: str, **values: Any) -> Settings:
        """A copy with some keys of one section changed; None leaves a key as it is. Raises SettingsError."""
        return settings_from_dict(merge(self.to_dict(), {section: {k: v for k, v in values.items() if v is not None}}))


def merge(base: dict[str, dict[str, Any]], over: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`base` with the keys of `over` laid on top, section by section."""
    return {name: base.get(name, {}) | over.get(name, {}) for name in [*base, *(n for n in over if n not in base)]}


def settings_from_dict(values: dict[str, Any], *, where: str = "settings") -> Settings:
    """Settings from nested dicts. SettingsError for an unknown section or key, a wrong type or a value out of range."""
    sections: dict[str, Any] = {}
    known = {f.name: f for f in dataclasses.fields(Settings)}
    for name, content in values.items():
        if name not in known:
            raise SettingsError(f"{where}: unknown section [{name}]; known: {', '.join(known)}")
        if not isinstance(content, dict):
            raise SettingsError(f"{where}: [{name}] must be a table of keys, got {content!r}")
        default = getattr(Settings(), name)
        sections[name] = filled_in(default, content, where=where, section=name, ranges=_RANGES, choices=_CHOICES)
    settings = Settings(**sections)
    _check_classes(settings.classes, where)
    return settings


def _check_classes(classes: ClassSettings, where: str) -> None:
    check_rules(classes.rules, where=where)
    if classes.by == "rules" and not classes.rules:
        raise SettingsError(f'{where}: [classes] by = "rules", but there is none; write them under [classes.rules]')
    if classes.by in ("shape", "network", "labels") and classes.rules:
        raise SettingsError(f"{where}: [classes] by = {classes.by!r}, and [classes.rules] holds rules; leave one of them out")


_RANGES: Ranges = {
    "page": (0, 10_000_000),
    "working_magnification": (0, 64),
    "thumbnail_px": (64, 4096),
    "largest_px": (256, 32768),
    "largest_zoom": (1, 16),
    "overlap_px": (0, 256),
    "foreground_above": (0.01, 0.99),
    "seed_above": (0.01, 0.99),
    "merge_below": (0, 1),
    "least_diameter_px": (0, 1000),
    "least_confidence": (0, 1),
    "low_confidence_below": (0, 1),
    "largest_frame_share": (0.01, 1),
    "n_bootstrap": (0, 100_000),
    "n_fit_bootstrap": (0, 100_000),
    "coverage_factor": (1, 4),
    "relative_error": (0.001, 0.9),
    "scale_uncertainty": (0, 0.5),
    "outline_uncertainty_px": (0, 20),
    "edge_uncertainty_nm": (0, 1e6),
    "seed": (0, 2**31 - 1),
    "contact_gap": (0, 1),
    "least_misorientation_deg": (1, 30),
    "low_angle_below_deg": (0, 45),
    "least_grain": (4, 1_000_000),
    "unsure_below": (0, 1),
}
_CHOICES: Choices = {
    "device": ("auto", "cpu", "cuda", "tensorrt", "openvino", "directml", "coreml"),
    "looks": ("several", "one"),
    "weighting": ("number", "volume"),
    "edge": ("outline", "steepest"),
    "fibre_tone": ("auto", "bright", "dark"),
    "lattice": ("auto", "hexagonal", "square"),
    "by": ("", "shape", "rules", "network", "labels", "none"),
}


def read_settings(path: Path) -> Settings:
    """Settings from a TOML file; keys left out keep their defaults.

    Raises
    ------
    SettingsError
        Where the file cannot be read, or for an unknown key or a value out of range; names the file and the key.
    """
    return settings_from_dict(read_toml(path), where=str(path))


def write_settings(settings: Settings) -> str:
    """The settings as TOML text."""
    return toml_text(settings.to_dict(whole=True))
