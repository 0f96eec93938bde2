"""`Measurements`: several micrographs, each measured or read when it is first asked for."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd

from ...batch.inputs import unique_names
from ...core.errors import InputError, NanogaugeError
from ...core.particles import has_classes
from ...core.settings import Settings
from ...results.folder import make_folder
from ...results.measurement import SUMMARY_COLUMNS, Measurement
from ...results.tables import write_particles, write_summary
from ...statistics.samples import Part, Sample, part_of, pool_tables
from .progress import progress_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OnError = Literal["raise", "warn"]


class Measurements(Sequence[Measurement]):
    """A lazy sequence of measurements, and the sample they make up together.

    An item is measured (or read, by `nanogauge.load`) when it is first asked for. Items are found by position or by the
    micrograph's name; a slice is a list.

    Attributes
    ----------
    names : tuple of str
        The micrographs' names, in order.
    name : str
        Name of the sample.
    failed : dict
        Name -> what went wrong, for micrographs that were left out (``on_error="warn"``).
    """

    def __init__(
        self,
        names: Sequence[str],
        make: Callable[[int], Measurement],
        *,
        name: str,
        on_error: OnError = "raise",
        keep: bool = True,
        progress: bool = True,
    ) -> None:
        self.names, self.name = tuple(names), name
        self.failed: dict[str, str] = {}
        self._make, self._on_error, self._keep, self._progress = make, on_error, keep, progress
        self._kept: dict[int, Measurement] = {}
        self._parts: dict[int, Part] = {}
        self._rows: dict[int, dict[str, Any]] = {}
        self._settings: Settings | None = None

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, key: int | str) -> Measurement: ...
    @overload
    def __getitem__(self, key: slice) -> list[Measurement]: ...
    def __getitem__(self, key: int | str | slice) -> Measurement | list[Measurement]:
        if isinstance(key, slice):
            return [self._get(k) for k in range(len(self))[key]]
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no micrograph {key!r}; there are {', '.join(self.names[:10])}{' …' * (len(self) > 10)}")
            return self._get(self.names.index(key))
        if not -len(self) <= key < len(self):
            raise IndexError(f"there are {len(self)} micrographs, none has the index {key}")
        return self._get(key % len(self))

    def __iter__(self) -> Iterator[Measurement]:
        """All that can be measured, in order."""
        return (m for _, m in self._items())

    def _items(self) -> Iterator[tuple[str, Measurement]]:
        """Name and measurement of all that can be measured."""
        missing = sum(k not in self._parts for k in range(len(self)))
        with progress_bar(len(self), show=self._progress and missing > 1) as step:
            for k, name in enumerate(self.names):
                try:
                    m = self._get(k)
                except NanogaugeError as error:
                    if self._on_error == "raise":
                        raise
                    if name not in self.failed:
                        warnings.warn(f"left out: {error}", stacklevel=3)
                    self.failed[name] = str(error)
                else:
                    yield name, m
                step(name)

    def _get(self, k: int) -> Measurement:
        m = self._kept.get(k)
        if m is None:
            m = self._make(k)
            self._parts[k], self._rows[k] = part_of(m, name=self.names[k]), m.summary_row()
            self._settings = self._settings or m.settings
            if self._keep:
                self._kept[k] = m
        return m

    def _measure_all(self) -> None:
        if any(k not in self._parts and n not in self.failed for k, n in enumerate(self.names)):
            for _ in self:
                pass
        if not self._parts:
            raise InputError(f"{self.name}: none of {len(self)} micrographs could be measured ({next(iter(self.failed.values()))})")

    @cached_property
    def sample(self) -> Sample:
        """All micrographs pooled; measures those that are not yet measured.

        Raises
        ------
        InputError
            Where none can be measured, or the first that cannot with ``on_error="raise"``.
        """
        self._measure_all()
        return pool_tables([self._parts[k] for k in sorted(self._parts)], name=self.name, settings=self._settings)

    def summary(self) -> pd.DataFrame:
        """A row for each micrograph, as in summary.csv: status, scale, number of particles, mean, d10, d50, d90 ..."""
        self._measure_all()
        return pd.DataFrame([self._rows[k] for k in sorted(self._rows)], columns=SUMMARY_COLUMNS)

    def to_frame(self) -> pd.DataFrame:
        """The particles of all micrographs, first column `micrograph`."""
        return self.sample.to_frame()

    @overload
    def plot_distribution(self, ax: None = None) -> Figure: ...
    @overload
    def plot_distribution(self, ax: Axes) -> Axes: ...
    def plot_distribution(self, ax: Axes | None = None) -> Figure | Axes:
        """The size distribution of the whole sample; see `Sample.plot_distribution`."""
        return self.sample.plot_distribution(ax)

    def save(self, folder: str | Path) -> Path:
        """Writes a folder for each micrograph, summary.csv and particles.csv; `nanogauge.load` and ``nanogauge report`` read them.

        Raises
        ------
        OutputError
            Where the folder cannot be written.
        """
        out = make_folder(Path(folder).expanduser())
        places = dict(zip(self.names, unique_names([Path(n) for n in self.names]), strict=True))
        for name, m in self._items():
            m.save(out / places[name])
        self._measure_all()
        write_summary(out / "summary.csv", [self._rows[k] for k in sorted(self._rows)], SUMMARY_COLUMNS)
        parts = [p for _, p in sorted(self._parts.items())]
        classes = any(has_classes(p.particles) for p in parts)
        write_particles(out / "particles.csv", [(p.name, p.particles) for p in parts], classes=classes)
        return out

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<Measurements {self.name}: {len(self._parts)} of {len(self)} measured{failed}>"

    def _repr_html_(self) -> str:
        """What is measured so far; showing it measures nothing."""
        shown = ["micrograph", "status", "n_particles", "mean_nm", "d50_nm", "mean_px", "message"]
        rows = [{"micrograph": n, "status": "not measured yet"} | self._rows.get(k, {}) for k, n in enumerate(self.names)]
        for row in rows:
            row["status"] = "failed" if row["micrograph"] in self.failed else row["status"]
        table = pd.DataFrame(rows).reindex(columns=shown).dropna(axis="columns", how="all")
        return f"<p>{html.escape(repr(self)[1:-1])}</p>" + table.to_html(
            index=False, na_rep="", float_format="{:.4g}".format, border=0
        )
