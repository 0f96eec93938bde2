"""`Measurement`: the result of one micrograph. Everything a user sees is a view of it."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ..core.errors import OutputError
from ..core.json_value import json_value
from ..core.micrograph import Micrograph
from ..core.particles import Flag, has_classes, has_flag, units
from ..core.protocols import LabelStore
from ..core.remarks import code_of
from ..core.scale import Scale, ScaleLike, as_scale, format_length
from ..core.settings import Settings
from ..core.version import __version__
from ..detection.look_alikes import NONE, LookAlikes
from ..detection.readings import LookTaken, Reading
from ..detection.size_estimate import SizeEstimate
from ..measuring import edge_profile
from ..measuring.contours import Polygon, contours
from ..scale.bar import ScaleBarReading, annotation_boxes
from ..scale.resolve import ScaleDecision, scale_dict
from ..statistics.distribution import Distribution, Unit
from ..statistics.metrology import SizeFigures, distribution_of, weights_of
from ..statistics.warnings import class_warnings, warnings_of
from ..statistics.witness import outlined, witness_warnings

if TYPE_CHECKING:  # arrangement brings parts of SciPy that few measurements need
    import pandas as pd
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..arrangement.aggregates import Aggregates
    from ..arrangement.fibres import Fibres
    from ..arrangement.order import Order


Status = Literal["ok", "no_scale", "no_particles", "error"]
SCHEMA_VERSION = 1  # of measurement.json; see schemas/measurement.schema.json
SUMMARY_STATISTICS = ("mean", "sd", "median", "d10", "d50", "d90")
SUMMARY_COLUMNS = (
    ["file", "status", "message", "nm_per_px", "scale_source", "n_particles", "n_border", "confidence"]
    + [f"{name}_{unit}" for unit in ("nm", "px") for name in SUMMARY_STATISTICS]
    + ["seconds"]
)


@dataclass(frozen=True, kw_only=True)
class Measurement(SizeFigures):
    """One measured micrograph: what was found, and under which scale and settings. All figures follow from that.

    Attributes
    ----------
    micrograph : Micrograph
    particles : DataFrame
        A row for each particle (`docs/columns.md`); ``particles.attrs["units"]`` has the unit of each column.
    labels : (H, W) ndarray of int32
        The number of the particle that each pixel of the micrograph belongs to, 0 = background.
    frame : (int, int, int, int)
        (y0, x0, y1, x1), half-open: what is picture and not data bar.
    zoom : float
        Working px per input px.
    foreground : (H, W) ndarray of float32 or None
        A map that is 0.5 on the outlines, which run between the pixels. It falls across the edge in the grey levels; with
        ``edge="outline"`` it is the foreground probability. None for labels made elsewhere.
    edge_moved_px : float or None
        How far outlines were moved to the edge on average, negative inwards; None where they are as found.
    detection : dict
        Statistic -> relative standard uncertainty that comes from particles missed, made up, joined or cut; empty where unknown.
    readings : tuple of Reading
        What was measured and what else the picture could be read as; `detection` is derived from them.
    looks : tuple of LookTaken
        Magnifications at which the picture was looked at, the one that was measured first.
    expected_found : float or None
        Share of the particles a person would draw that are expected to be among those found; None where that is not known.
    look_alikes : LookAlikes
        Places that look like the particles and are not among them.
    estimate : SizeEstimate or None
        The sizes that the picture alone suggests, nothing outlined: a witness of its own. None for a mosaic.
    labels_source : dict
        Kind, file and SHA-256 of labels made elsewhere; empty where they were found here.
    operator_edits : tuple of str
        What a person changed by hand, one line for each change, in order.
    remarks : tuple of str
        What was noticed on the way; `warnings` adds what the file and the figures say.
    seconds : float
        From the file to the particle table.
    mosaic : LabelStore or None
        Full labels and outlines of a picture too large for memory; its pixels and `labels` here are previews.

    Examples
    --------
    >>> import nanogauge
    >>> m = nanogauge.measure("examples/thermo-gold-spheres.png")
    >>> m
    <Measurement thermo-gold-spheres.png: 63 particles (58 counted), mean 45.9 nm, median 45.6 nm>
    >>> m.scale
    <Scale 1.35 nm/px ± 0.1 %, scale bar>
    >>> m.particles.attrs["units"]["area_nm2"]
    'nm²'
    """

    micrograph: Micrograph
    decision: ScaleDecision
    scale_bar: ScaleBarReading | None
    labels: NDArray[np.int32]
    particles: pd.DataFrame
    frame: tuple[int, int, int, int]
    zoom: float
    settings: Settings
    engine: str
    engine_sha256: str
    seconds: float
    version: str = __version__
    remarks: tuple[str, ...] = ()
    foreground: NDArray[np.float32] | None = None
    edge_moved_px: float | None = None
    detection: dict[str, float] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    looks: tuple[LookTaken, ...] = ()
    expected_found: float | None = None
    look_alikes: LookAlikes = NONE
    estimate: SizeEstimate | None = None
    labels_source: dict[str, str] = field(default_factory=dict)
    operator_edits: tuple[str, ...] = ()
    mosaic: LabelStore | None = None

    def __post_init__(self) -> None:
        self.particles.attrs["units"] = units(self.particles.columns)

    @property
    def name(self) -> str:
        """Of the micrograph."""
        return self.micrograph.name

    @property
    def scale(self) -> Scale | None:
        """The scale used, None where sizes are in px."""
        return self.decision.scale

    @property
    def status(self) -> Status:
        """ok | no_scale | no_particles."""
        if not len(self.particles):
            return "no_particles"
        return "no_scale" if self.scale is None else "ok"

    @cached_property
    def distribution(self) -> Distribution:
        """Of the equivalent diameter, in nm where there is a scale, else in px."""
        return self.distribution_px if self.scale is None else self._distribution("nm")

    @cached_property
    def distribution_px(self) -> Distribution:
        """The same in px."""
        return self._distribution("px")

    def _distribution(self, unit: Unit) -> Distribution:
        return distribution_of(self.particles, unit, self.settings.measure, detection=self.detection)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before using the figures, each a text that may have a `code`; what there is to say of the
        scale is in `decision.warnings`."""
        figures = warnings_of(self.particles, self.distribution_px, self.settings.measure)
        seen = outlined(self.particles, weights_of(self.particles, self.settings.measure))
        doubted = witness_warnings(self.estimate, *seen, self.detection, scale=self.scale)
        return (*self.micrograph.notes, *self.remarks, *figures, *doubted, *class_warnings(self.particles, self.settings))

    @property
    def n_border(self) -> int:
        """Particles cut by the frame or the data bar, which the distribution leaves out."""
        return self.with_flag(Flag.TOUCHES_BORDER | Flag.TOUCHES_DATA_BAR)

    @property
    def mean_confidence(self) -> float:
        """Of all particles found: the share expected to be right. NaN where there are none, or none was said."""
        return float(self.particles["confidence"].mean())

    @cached_property
    def outline(self) -> Literal["probability_map", "labels"]:
        """What the outlines measured run along."""
        return "labels" if self.foreground is None or not self.settings.measure.subpixel else "probability_map"

    @cached_property
    def order(self) -> Order | None:
        """How the particles are ordered: neighbours, ψ, grains, lattice constant. None for fewer than 12 particles."""
        from ..arrangement.order import order_of_table

        return order_of_table(self.particles, self.frame, self.scale, self.settings.arrangement)

    @cached_property
    def order_picture(self) -> bytes | None:
        """The order drawn as PNG, once for its file and the report: directions and grains, ψ, correlations, sizes of grains."""
        from .arrangement import order_picture

        return None if self.order is None else order_picture(self.order)

    @cached_property
    def aggregates(self) -> Aggregates | None:
        """Groups of touching particles; None without a particle, and of a mosaic, whose labels are not at hand."""
        if not len(self.particles) or self.mosaic is not None:
            return None
        from ..arrangement.aggregates import aggregates_of

        gap = self.settings.arrangement.contact_gap
        return aggregates_of(self.labels, self.particles, self.frame, self.scale, gap_share=gap)

    @cached_property
    def fibres(self) -> Fibres | None:
        """Fibres, from the picture itself: widths, lengths, directions, meshes. None where nothing is one, and of a mosaic, whose
        pixels are not at hand."""
        if self.mosaic is not None:
            return None
        from ..arrangement.fibres import fibres_of_pixels

        tone = self.settings.arrangement.fibre_tone
        texts = annotation_boxes(self.scale_bar)
        return fibres_of_pixels(self.micrograph.pixels, self.frame, self.scale, tone=tone, keep_out=texts)

    @cached_property
    def fibres_picture(self) -> bytes | None:
        """The fibres drawn as PNG, once for its file and the report: edges over the picture, widths, directions."""
        from .arrangement import fibres_picture

        return None if self.fibres is None else fibres_picture(self.fibres, self.micrograph.pixels)

    @cached_property
    def edge_offset_px(self) -> float:
        """From the outlines to where the grey levels change most steeply, negative inwards; NaN where no edge stands out."""
        if self.mosaic is not None:
            return self.mosaic.edge_offset_px
        return edge_profile(self.labels, self.micrograph.pixels, frame=self.frame).offset_px

    @cached_property
    def contours(self) -> dict[int, list[Polygon]]:
        """Label -> closed outlines along pixel edges, the longest first, traced once for overlay, ROIs and COCO; of a mosaic those
        of the preview."""
        return dict(contours(self.labels))

    @cached_property
    def overlay(self) -> NDArray[np.uint8]:
        """The overlay picture (H', W', 3) RGB, drawn once for overlay.png, the report and the notebook."""
        from .figures import overlay

        return overlay(self) if self.mosaic is None else self.mosaic.overlay

    @property
    def message(self) -> str:
        """One line for the summary: what a reader should know before using the figures; "" where there is nothing."""
        parts = []
        if not len(self.particles):
            parts.append("no particles found")
        elif self.n_border == len(self.particles):
            parts.append("every particle is cut by the frame: no size distribution")
        return "; ".join([*parts, *self.decision.warnings, *self.warnings])

    def with_flag(self, flag: Flag) -> int:
        """How many particles carry a flag, or one of several joined by `|`."""
        return int(has_flag(self.particles, flag).sum())

    def summary_row(self) -> dict[str, Any]:
        """The micrograph's row of summary.csv; None where a figure is not known."""
        row: dict[str, Any] = {
            "file": self.micrograph.name if self.micrograph.path is None else str(self.micrograph.path),
            "status": self.status,
            "message": self.message,
            "nm_per_px": self.scale.mean_nm_per_px if self.scale else None,
            "scale_source": self.decision.source,
            "n_particles": self.n_particles,
            "n_border": self.n_border,
            "confidence": None if math.isnan(self.mean_confidence) else round(self.mean_confidence, 4),
        }
        for unit, values in (("nm", self.distribution if self.scale else None), ("px", self.distribution_px)):
            for name in SUMMARY_STATISTICS:
                value = getattr(values, name).value if values is not None else math.nan
                row[f"{name}_{unit}"] = None if math.isnan(value) else value
        return row | {"seconds": round(self.seconds, 3)}

    def to_dict(self) -> dict[str, Any]:
        """Everything that decides a number, and the figures; for measurement.json."""
        m = self.micrograph
        instrument = {k: getattr(m.instrument, k) for k in m.instrument.__dataclass_fields__}
        classes = {"classes": self.by_class().to_list()} if has_classes(self.particles) else {}
        return {
            "schema_version": SCHEMA_VERSION,
            "file": m.name,
            "sha256": m.sha256,
            "format": m.format,
            "shape_px": list(m.shape if self.mosaic is None else self.mosaic.shape),
            "status": self.status,
            "message": self.message,
            "warnings": [{"code": code_of(w), "text": str(w)} for w in self.warnings],
            "notes": list(m.notes),
            "part": asdict(m.part),
            "instrument": instrument,
            "scale": scale_dict(self.decision, self.scale_bar, m.scale),
            "frame_y0_x0_y1_x1": list(self.frame),
            "n_particles": self.n_particles,
            "n_border": self.n_border,
            "confidence": None if math.isnan(self.mean_confidence) else round(self.mean_confidence, 4),
            "exclusions": self.exclusions,
            "outline": self.outline,
            "edge_moved_px": self.edge_moved_px,
            "edge_offset_px": None if math.isnan(self.edge_offset_px) else self.edge_offset_px,
            "detection": self.detection,
            "readings": [{k: json_value(v) for k, v in asdict(r).items()} for r in self.readings],
            "looks": [{"zoom": look.zoom, "n_seen": look.n_seen} for look in self.looks],
            "expected_found": None if self.expected_found is None else round(self.expected_found, 4),
            "look_alikes": self.look_alikes.to_list(),
            "size_estimate": None if self.estimate is None else self.estimate.to_dict(),
            "distribution": self.distribution.to_dict(),
            "distribution_px": self.distribution_px.to_dict(),
            **self.conclusions(),
            "working_magnification": self.zoom,
            "engine": {"name": self.engine, "sha256": self.engine_sha256},
            "labels_source": self.labels_source or None,
            "settings": self.settings.to_dict(),
            "version": self.version,
            "seconds": self.seconds,
            "operator_edits": list(self.operator_edits),
            **classes,
        } | self._arrangement()

    def _arrangement(self) -> dict[str, Any]:
        """What was asked for of how the particles lie; nothing where nothing was."""
        asked, found = self.settings.arrangement, {}
        if asked.order:
            found["order"] = None if self.order is None else self.order.to_dict()
        if asked.aggregates:
            found["aggregates"] = None if self.aggregates is None else self.aggregates.to_dict()
        if asked.fibres:
            found["fibres"] = None if self.fibres is None else self.fibres.to_dict()
        return found

    def save(self, folder: str | Path) -> Path:
        """Writes measurement.json, particles.csv, labels.tif, overlay.png and rois.zip; `nanogauge.load` reads them back.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            Where it cannot be written, or holds a result that was edited on the page.
        """
        from .folder import holds_edits, save_measurement

        if holds_edits(Path(folder)):
            raise OutputError(f"{folder}: holds a result that was edited by hand; save into another folder")
        return save_measurement(self, Path(folder))

    def with_scale(self, scale: ScaleLike) -> Measurement:
        """The same particles under another scale; nothing is looked for again.

        Parameters
        ----------
        scale : Scale, str, float or (float, float)
            As `nanogauge.measure` takes it: "2.5 nm/px", 2.5, (y, x), or a `Scale`.

        Raises
        ------
        ScaleError
            For what is no scale.

        Examples
        --------
        >>> import nanogauge
        >>> m = nanogauge.measure("examples/thermo-gold-spheres.png", scale=1.35)
        >>> m.with_scale(2.7).distribution["mean"].value / m.distribution["mean"].value
        2.0
        """
        from .rescaled import under_scale

        decision, particles = under_scale(self, as_scale(scale))
        other = replace(self, decision=decision, particles=particles)
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k in ("outline", "edge_offset_px")})  # as they were
        return other

    def to_frame(self) -> pd.DataFrame:
        """A copy of the particle table with the micrograph's name as its first column, ready to be concatenated."""
        table = self.particles.copy()
        table.insert(0, "micrograph", self.micrograph.name)
        return table

    def to_xarray(self) -> xarray.Dataset:
        """Pixels, labels and foreground as an xarray Dataset over (y, x), pixel centres in nm (px without a scale).

        Raises
        ------
        ModuleNotFoundError
            Where xarray is not installed.
        """
        from .datasets import dataset_of

        return dataset_of(self)

    @overload
    def plot(self, ax: None = None) -> Figure: ...
    @overload
    def plot(self, ax: Axes) -> Axes: ...
    def plot(self, ax: Axes | None = None) -> Figure | Axes:
        """Shows the micrograph with its outlines.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw it. Without it the micrograph and its size distribution stand side by side in a new figure, which a
            notebook shows and which needs no display.

        Returns
        -------
        Axes or Figure
            `ax`, or the new figure.
        """
        from .figures import draw_overlay, measurement_figure

        if ax is None:
            return measurement_figure(self)
        draw_overlay(ax, self)
        return ax

    def __repr__(self) -> str:
        return f"<Measurement {self.micrograph.name}: {self.headline()}>"

    def headline(self) -> str:
        """ "42 particles (40 counted), mean 51.2 nm, median 50.8 nm" in one line."""
        d = self.distribution
        if not self.n_particles:
            return "no particles"
        found = "1 particle" if self.n_particles == 1 else f"{self.n_particles} particles"
        if d.n == 0:
            return f"{found}, all cut by the frame"
        mean, median = (format_length(e.value, digits=3) if d.unit == "nm" else f"{e.value:.3g} px" for e in (d.mean, d.median))
        return f"{found}{'' if d.n == self.n_particles else f' ({d.n} counted)'}, mean {mean}, median {median}"

    def _repr_html_(self) -> str:
        from .figures import overlay_data_uri

        note = f"<p>{html.escape(self.message)}</p>" if self.message else ""
        return (
            f"<h4>{html.escape(self.micrograph.name)}</h4><p>{html.escape(self.headline())}</p>{note}"
            f'<img style="max-width:min(48em, 100%)" src="{overlay_data_uri(self)}">'
            f"{self.distribution._repr_html_()}"
        )
