"""Labels and a scale to the particle table: one row a particle, columns as registered in `particles`.

The picture is gone through once, as horizontal runs of equal labels, and all outlines are walked at once, so the cost hardly
depends on how many particles there are; only convex hulls and smallest circles are taken one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.cpu import in_background
from ..core.particles import Flag, column_dtypes, flag_texts
from ..core.scale import Scale
from .frame_effects import Frame, frame_flags, frame_weights, window_flags
from .outlines import Points, area_correction, circumscribed, crossings, find_rim, hull_figures, hulls, inscribed, outline_points
from .run_lengths import Floats, Moments, boxes_of, ellipse_residual, find_runs, index_image, moments_of, run_sums
from .surroundings import inner_outer_areas, local_contrast, nearest_neighbour, poles, surroundings

_Spacing = tuple[float, float]
_LENGTHS = (
    "equivalent_diameter",
    "equivalent_diameter_inner",
    "equivalent_diameter_outer",
    "feret_max",
    "feret_min",
    "feret_90",
    "feret_mean",
    "axis_major",
    "axis_minor",
    "perimeter",
    "inscribed_diameter",
    "circumscribed_diameter",
    "geodesic_length",
    "geodesic_thickness",
    "nearest_neighbour_distance",
)
_RATIOS = (
    "aspect_ratio",
    "circularity",
    "form_factor",
    "roundness",
    "compactness",
    "solidity",
    "convexity",
    "orientation_deg",
)


def measure_particles(
    labels: NDArray[np.integer[Any]],
    *,
    pixels: NDArray[Any],
    scale: Scale | None,
    foreground: NDArray[np.floating[Any]] | None = None,
    confidence: NDArray[np.floating[Any]] | None = None,
    frame: Frame | None = None,
    separated: Iterable[int] | None = None,
    edgeless: Iterable[int] | None = None,
    low_confidence_below: float = 0.8,
    subpixel: bool = True,
    least_diameter_px: float = 0.0,
    largest_frame_share: float = 1.0,
) -> pd.DataFrame:
    """The particle table: one row a label, in order of label; columns and dtypes as `particles.column_names` has them.

    labels: (H, W) integers, 0 = background, any positive values; pixels of one value are one particle, in one piece or not
    pixels: (H, W) grey levels, for `mean_grey` and `local_contrast`
    scale: nm per px in y and x; None leaves the `_nm` columns out
    foreground: (H, W) probability in [0, 1] that a pixel is a particle's, on the same grid; None gives NaN where it is needed
    confidence: (largest label + 1,) the column `confidence` by label; None: the mean of `foreground` over the particle
    frame: (y0, x0, y1, x1) in px, half-open, the part of (H, W) that is picture; None: all of it. A side of the frame that
        is not a side of the picture is a data bar
    separated: the labels that touched a neighbour and were split from it; edgeless: those that show no edge of their own
    low_confidence_below: the column `confidence` under which a particle is flagged
    subpixel: outlines run where the foreground is 0.5, between the pixels; False or no map: along the labels
    least_diameter_px, largest_frame_share: the size window; a particle of smaller equivalent diameter, or whose box takes a
        larger share of the frame's height or width, is flagged and left out of the distribution

    Formulas and sources of the columns stand in `particles.COLUMNS` (docs/columns.md): ISO 9276-6:2008; Legland et al., Image
    Anal. Stereol. 26 (2007) 83 (Crofton perimeter); Miles, Izv. Akad. Nauk Arm. SSR Mat. 9 (1974) and Lantuéjoul, Microsc. Acta
    Suppl. 4 (1980) 266 (edge weights). Where the scale differs in y and x, outlines are measured in nm, and shapes and
    orientation are those of the specimen; without a scale they are those of the pixel grid. Columns in px are of the grid.

    Raises ValueError where a shape, a label, the frame or the size window does not fit.
    """
    frame = _checked_frame(labels, pixels, foreground, frame)
    if not (least_diameter_px >= 0 and 0 < largest_frame_share <= 1):
        raise ValueError(
            f"least_diameter_px must be 0 or more and largest_frame_share in (0, 1], got {least_diameter_px}, {largest_frame_share}"
        )
    dtypes = column_dtypes(in_nm=scale is not None)
    runs = find_runs(labels)
    if not runs.values.size:
        return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in dtypes.items()})
    shape = (labels.shape[0], labels.shape[1])
    index = index_image(runs, shape)
    finding_poles = in_background(poles, runs, shape)
    moments, boxes = moments_of(runs), boxes_of(runs)
    between = foreground if subpixel else None
    rim = find_rim(index)
    points = outline_points(rim, runs.n, between)
    area = moments.area if between is None else np.maximum(moments.area + area_correction(rim, runs.n, between), 0.25)
    near = surroundings(index, np.sqrt(4 * area / np.pi))
    inner, outer = (np.full(runs.n, np.nan),) * 2 if foreground is None else inner_outer_areas(runs, near, foreground)
    crossed = crossings(rim, runs.n)
    origin = np.stack([boxes[0], boxes[1]], axis=1)
    polygons, deepest = hulls(points, origin), finding_poles()
    grid = _figures(moments, (area, inner, outer), crossed, points, polygons, deepest, (1.0, 1.0))
    columns: dict[str, Any] = {"label": runs.values, "y": moments.y, "x": moments.x, "area_px2": grid["area"]}
    columns |= {f"{name}_px": grid[name] for name in _LENGTHS}
    specimen = grid
    if scale is not None:
        y, x = scale.nm_per_px
        if y == x:  # only lengths change, and by one factor
            specimen = grid | {name: grid[name] * y for name in _LENGTHS} | {"area": grid["area"] * y * x}
        else:
            specimen = _figures(moments, (area, inner, outer), crossed, points, polygons, deepest, (y, x))
        columns["area_nm2"] = specimen["area"]
        columns |= {f"{name}_nm": specimen[name] for name in _LENGTHS}
    columns |= {name: specimen[name] for name in _RATIOS}
    columns["ellipse_residual"] = ellipse_residual(runs, moments)
    mean_grey = runs.total(run_sums(runs, pixels)) / moments.area
    columns |= {"mean_grey": mean_grey, "local_contrast": local_contrast(near, pixels, mean_grey)}
    if confidence is not None:
        sure = np.asarray(confidence, np.float64)[runs.values]
    elif foreground is not None:
        sure = runs.total(run_sums(runs, foreground)) / moments.area
    else:
        sure = np.full(runs.n, np.nan)
    columns["confidence"] = sure
    flags = frame_flags(boxes, frame, shape) | window_flags(
        grid["equivalent_diameter"], boxes, frame, least_diameter_px=least_diameter_px, largest_frame_share=largest_frame_share
    )
    columns["edge_weight"] = np.where(flags > 0, 0.0, frame_weights(boxes, frame))
    flags |= np.where(sure < low_confidence_below, Flag.LOW_CONFIDENCE.value, 0)
    for chosen, flag in ((separated, Flag.SEPARATED), (edgeless, Flag.NO_EDGE)):
        if chosen is not None:
            flags |= np.where(np.isin(runs.values, np.fromiter(chosen, np.int64)), flag.value, 0)
    columns["flags"] = flag_texts(flags)
    return pd.DataFrame({name: pd.Series(columns[name], dtype=dtype) for name, dtype in dtypes.items()})


def _checked_frame(labels: NDArray[Any], pixels: NDArray[Any], foreground: NDArray[Any] | None, frame: Frame | None) -> Frame:
    if labels.ndim != 2 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be a non-empty (H, W) array of integers, got shape {labels.shape} of {labels.dtype}")
    if labels.min() < 0:
        raise ValueError(f"labels must be 0 or positive, got {labels.min()}")
    for name, array in (("pixels", pixels), ("foreground", foreground)):
        if array is not None and array.shape != labels.shape:
            raise ValueError(f"{name} must have the shape of labels, {labels.shape}, got {array.shape}")
    height, width = labels.shape
    if frame is None:
        return 0, 0, height, width
    y0, x0, y1, x1 = frame
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"frame must be a non-empty box (y0, x0, y1, x1) within {labels.shape}, got {frame}")
    return frame


def _figures(
    moments: Moments,
    areas: tuple[Floats, Floats, Floats],
    crossed: Floats,
    points: Points,
    polygons: list[Floats],
    deepest: Floats,
    spacing: _Spacing,
) -> dict[str, Floats]:
    """Sizes and shapes, each (n,), where a pixel is `spacing` (y, x) long. areas: at the outline, inside it, outside it."""
    sy, sx = spacing
    area, inner, outer = (a * (sy * sx) for a in areas)
    scaled = polygons if spacing == (1.0, 1.0) else [p * spacing for p in polygons]
    hull = hull_figures(scaled)
    perimeter = _crofton(crossed, spacing)
    yy, xx, xy = moments.yy * sy**2, moments.xx * sx**2, moments.xy * sy * sx
    half, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    # as if each piece of the hull between two outline points bulged a little: half a pixel in all makes the hull of the edge
    # middles hold every pixel centre within it (Pick's theorem), so solidity <= 1 where outlines follow the labels
    hull_area = np.maximum(hull.area + 0.5 * sy * sx, area)
    widths = {
        "feret_max": np.maximum(hull.feret_max, 1e-12),
        "feret_min": hull.feret_min,
        "feret_90": hull.feret_90,
        "feret_mean": hull.perimeter / np.pi,  # Cauchy
        "axis_major": 4 * np.sqrt(half + spread),
        "axis_minor": 4 * np.sqrt(np.maximum(half - spread, 0)),
        "inscribed_diameter": inscribed(points, deepest, spacing),
        "circumscribed_diameter": circumscribed(scaled),
        "equivalent_diameter_inner": np.sqrt(4 * inner / np.pi),
        "equivalent_diameter_outer": np.sqrt(4 * outer / np.pi),
    }
    # a rectangle of the same area and perimeter; a compact particle has none
    root = perimeter**2 / 16 - area
    length = np.where(root >= 0, perimeter / 4 + np.sqrt(np.maximum(root, 0)), np.nan)
    feret_max = widths["feret_max"]
    angle = np.rad2deg(np.arctan2(-2 * xy, xx - yy)) / 2  # rows count downwards, hence -xy for counter-clockwise
    return widths | {
        "area": area,
        "equivalent_diameter": np.sqrt(4 * area / np.pi),
        "perimeter": perimeter,
        "geodesic_length": length,
        "geodesic_thickness": perimeter / 2 - length,
        "nearest_neighbour_distance": nearest_neighbour(moments.y, moments.x, spacing),
        "aspect_ratio": widths["feret_min"] / feret_max,
        "circularity": np.sqrt(4 * np.pi * area) / perimeter,
        "form_factor": 4 * np.pi * area / perimeter**2,
        "roundness": 4 * area / (np.pi * feret_max**2),
        "compactness": np.sqrt(4 * area / np.pi) / feret_max,
        "solidity": area / hull_area,
        "convexity": hull.perimeter / perimeter,
        "orientation_deg": np.where(angle <= -90, 90.0, angle),  # -90 from a covariance of 0, or rounded to it
    }


def _crofton(crossed: Floats, spacing: _Spacing) -> Floats:
    """Perimeter (n,) = π Σ share of all directions · spacing of the lines · crossings (Legland et al. 2007).

    On square pixels all four shares are 1/4, as in `skimage.measure.perimeter_crofton(directions=4)`.
    """
    sy, sx = spacing
    diagonal = math.atan2(sy, sx)  # each direction stands for those nearer to it than to another
    shares = np.array([diagonal / math.pi, 0.5 - diagonal / math.pi, 0.25, 0.25])
    between = np.array([sy, sx, sy * sx / math.hypot(sy, sx), sy * sx / math.hypot(sy, sx)])
    return np.asarray(math.pi * (shares * between) @ crossed, np.float64)
