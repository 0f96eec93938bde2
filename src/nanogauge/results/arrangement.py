"""What a run folder holds of how the particles lie: order.json, grains.csv, boundaries.csv, order_curves.csv, order.png;
aggregates.json, aggregates.csv, aggregates.png; fibres.json, fibres.csv, fibre_widths.csv, fibres.png; and of lines and spaces:
lines.json, lines.csv, lines_psd.csv, lines.png, defects.csv."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

from ..core.particles import ORDER_COLUMNS, column_dtypes

if TYPE_CHECKING:
    from ..arrangement.aggregates import Aggregates
    from ..arrangement.fibres import Fibres
    from ..arrangement.lines import Defect, Lines
    from ..arrangement.order import Order

ORDER_FILES = ("order.json", "grains.csv", "boundaries.csv", "order_curves.csv", "order.png")


AGGREGATE_FILES = ("aggregates.json", "aggregates.csv", "aggregates.png")
LINES_FILES = ("lines.json", "lines.csv", "lines_psd.csv", "lines.png", "defects.csv")
FIBRE_FILES = ("fibres.json", "fibres.csv", "fibre_widths.csv", "fibres.png")


def write_aggregates(folder: Path, found: Aggregates) -> None:
    """The three files, into a folder that is there. Raises OSError."""
    from ..arrangement.aggregates.drawing import aggregates_png

    text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n"
    (folder / "aggregates.json").write_text(text, encoding="utf-8")
    (folder / "aggregates.png").write_bytes(aggregates_png(found))
    found.table.to_csv(folder / "aggregates.csv", index=False, float_format="%.6g", lineterminator="\n")


def write_fibres(folder: Path, found: Fibres, picture: bytes) -> None:
    """The four files, into a folder that is there. picture: of `fibres_picture`. Raises OSError."""
    text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n"
    (folder / "fibres.json").write_text(text, encoding="utf-8")
    for name, table in (("fibres", found.table), ("fibre_widths", found.width_table())):
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    (folder / "fibres.png").write_bytes(picture)


def fibres_picture(found: Fibres, pixels: NDArray[Any]) -> bytes:
    """fibres.png: edges over the micrograph's pixels (H, W), widths, directions."""
    from ..arrangement.fibres.drawing import fibres_png

    return fibres_png(found, pixels)


def write_order(folder: Path, order: Order, picture: bytes | None = None) -> None:
    """The five files, into a folder that is there. picture: where it is drawn already. Raises OSError."""
    text = json.dumps(order.to_dict(), indent=1, ensure_ascii=False) + "\n"
    (folder / "order.json").write_text(text, encoding="utf-8")
    tables = {"grains": order.grain_table(), "boundaries": order.boundary_table, "order_curves": order.curves()}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    (folder / "order.png").write_bytes(picture or order_picture(order))


def order_picture(order: Order) -> bytes:
    """order.png: directions and grains, ψ, correlations, sizes of grains."""
    from ..arrangement.order.drawing import order_png

    return order_png(order)


def with_order(table: pd.DataFrame, order: Order | None) -> pd.DataFrame:
    """The particle table with the columns of the particles' order after its own; nothing is known where there is no order."""
    columns = None if order is None else order.particle_columns()
    in_nm = "area_nm2" in table
    names = [n for c in ORDER_COLUMNS for n in (c.name, c.nm_name) if n and (in_nm or n != c.nm_name)]
    if columns is None:
        columns = pd.DataFrame({n: 0 if n == "grain" else float("nan") for n in names}, index=range(len(table)))
    columns.index = table.index
    return pd.concat([table, columns[names]], axis=1).astype(column_dtypes(in_nm=in_nm, order=True))


def particle_groups(found: Aggregates) -> pd.Series:
    """Label -> number of the group that a particle is in; 0 for one that touches no other."""
    p = found.primaries
    return p["group"].where(p["n_in_group"] > 1, 0).set_axis(p["label"]).rename("aggregate")


def write_lines(
    folder: Path,
    lines: Lines,
    pixels: NDArray[Any],
    defects: Sequence[Defect] | None,
    *,
    nm_per_px: tuple[float, float] | None,
    origin: tuple[int, int],
    more: dict[str, Any],
) -> dict[str, Any]:
    """The files of `LINES_FILES`, into a folder that is there; returns what lines.json holds. Raises OSError.

    pixels: what the lines were found in, from `origin` (y, x) of the picture on; defects: None where they were not looked for, no
    defects.csv then; more: for lines.json, before the figures
    """
    from ..arrangement.lines.defects import defect_table
    from ..arrangement.lines.drawing import lines_png

    for name in LINES_FILES:
        (folder / name).unlink(missing_ok=True)
    said = more | lines.to_dict()
    tables = {"lines": lines.table(), "lines_psd": lines.psd_table()}
    if defects is not None:
        table = defect_table(defects, nm_per_px=nm_per_px, origin=origin)
        tables["defects"] = table
        said["defects"] = json.loads(table.to_json(orient="records", double_precision=4))
    for name, rows in tables.items():
        if rows is not None:
            rows.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    (folder / "lines.png").write_bytes(lines_png(lines, pixels, defects or ()))
    (folder / "lines.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return said
