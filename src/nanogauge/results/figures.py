"""Pictures of a measurement: the overlay (outlines, numbers, the scale bar found) and the size distribution."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from ..core.particles import KINDS, UNSURE, class_colours, has_classes, kinds_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .measured import Measured

_SCALE_BAR = (86, 180, 233)
_ALIKE, _ALIKE_DASH, _ALIKE_CAPTION = (204, 121, 167), 3.0, "looks like a particle, not counted"
_LEAST_LONG_SIDE = 1000  # smaller pictures are enlarged, so that numbers can be read


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    found = find_spec("matplotlib")  # whose font it is; importing it for that would take a tenth of a second
    if found is None or found.origin is None:
        raise ModuleNotFoundError("matplotlib is not installed; install nanogauge again")
    return ImageFont.truetype(str(Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"), size)


def overlay(m: Measured, *, numbers: bool = True, legend: bool = True) -> NDArray[np.uint8]:
    """(H', W', 3) RGB: the micrograph with every outline, its label, and the scale bar that was found; H', W' a whole
    multiple of the micrograph's height and width, a caption below where `legend` is asked for."""
    grey = m.micrograph.grey8()
    h, w = grey.shape
    k = max(1, min(8, -(-_LEAST_LONG_SIDE // max(h, w))))
    canvas = cv2.resize(
        cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), (w * k, h * k), interpolation=cv2.INTER_NEAREST if k == 1 else cv2.INTER_CUBIC
    )
    thickness = max(1, round(max(h, w) * k / 700))
    table = m.particles
    kinds = dict(zip(table["label"].tolist(), kinds_of(table), strict=True))
    classes = dict(zip(table["label"].tolist(), table["class"].tolist(), strict=True)) if has_classes(table) else {}
    colours = class_colours(classes.values())
    for label, rings in m.contours.items():
        polygon = rings[0]
        kind = KINDS[kinds.get(label, "counted")]
        lines = _dashed(polygon[:, ::-1] * float(k), thickness * kind.dash) if kind.dash else None
        points = [(polygon[:, ::-1] * k).reshape(-1, 1, 2)] if lines is None else lines
        colour = colours[classes[label]] if label in classes else kind.colour
        cv2.polylines(canvas, points, lines is None, colour, thickness, cv2.LINE_AA)
    for (y, x), diameter in zip(m.look_alikes.at, m.look_alikes.diameter, strict=True):
        ring = _circle(x, y, diameter / 2) * float(k)
        cv2.polylines(canvas, _dashed(ring, thickness * _ALIKE_DASH), False, _ALIKE, thickness, cv2.LINE_AA)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    if numbers:
        for label, y, x, d in zip(table["label"], table["y"], table["x"], table["equivalent_diameter_px"], strict=True):
            size = int(np.clip(d * k / 3.2, 0, max(26, w * k / 45)))
            if size >= 8:
                draw.text(
                    ((x + 0.5) * k, (y + 0.5) * k),
                    str(label),
                    font=_font(size),
                    fill="white",
                    anchor="mm",
                    stroke_width=max(1, size // 20),
                    stroke_fill="black",
                )
    _draw_scale_bar(draw, m, k, (w * k, h * k))
    if not legend:
        return np.asarray(picture)
    return np.vstack([np.asarray(picture), _caption(m, w * k)])


def _circle(x: float, y: float, radius: float) -> NDArray[np.float64]:
    """(n, 2) x and y of a ring about the middle of a pixel."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.column_stack([x + 0.5 + radius * np.cos(turn), y + 0.5 + radius * np.sin(turn)])


def _draw_scale_bar(draw: ImageDraw.ImageDraw, m: Measured, k: int, size: tuple[int, int]) -> None:
    bar = m.scale_bar
    if bar is None or bar.box is None:
        return
    y0, x0, y1, x1 = (float(v) * k for v in bar.box)
    colour = _SCALE_BAR
    draw.rectangle((x0 - 2, y0 - 2, x1 + 1, y1 + 1), outline=colour, width=2)
    if bar.nm_per_px is not None and bar.length_px is not None:
        text = f"{bar.text} = {bar.length_px:.1f} px" + (" (not used)" if bar.refused else "")
        em = _text_px(size[0])
        width = draw.textlength(text, font=_font(em))
        x = float(np.clip(x0, 2, max(size[0] - width - 4, 2)))
        y = y0 - 1.6 * em if y0 > 1.8 * em else y1 + 0.4 * em
        draw.rectangle((x - 2, y - 1, x + width + 2, y + 1.27 * em), fill="black")
        draw.text((x, y), text, font=_font(em), fill=colour)


def _dashed(ring: NDArray[Any], dash: float) -> list[NDArray[np.int32]]:
    """A closed ring (n, 2) as every second piece of about the length `dash`."""
    closed = np.vstack([ring, ring[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    n = max(2, 2 * round(along[-1] / (2 * dash)))
    cuts = np.linspace(0, along[-1], n + 1)
    pieces = []
    for a, b in zip(cuts[:-1:2], cuts[1::2], strict=True):
        at = np.concatenate([[a], along[(along > a) & (along < b)], [b]])
        points = np.stack([np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])], axis=1)
        pieces.append(np.round(points).astype(np.int32).reshape(-1, 1, 2))
    return pieces


def scale_bar_crop(m: Measured) -> NDArray[np.uint8] | None:
    """(h, w) grey: the micrograph around its scale bar and the text beside it, enlarged to at least 400 px of width; None where
    no bar was seen."""
    bar = m.scale_bar
    if bar is None or bar.box is None:
        return None
    y0, x0, y1, x1 = (float(v) for v in bar.box)
    up, aside = (
        max(3 * (y1 - y0), 40.0),
        max(3 * (x1 - x0), 0.25 * m.micrograph.shape[1]),
    )  # in a data bar the label may stand far off
    near = [b for b in bar.text_boxes if b[0] < y1 + up and b[2] > y0 - up and b[1] < x1 + aside and b[3] > x0 - aside]
    y0, x0 = min([y0, *(b[0] for b in near)]), min([x0, *(b[1] for b in near)])
    y1, x1 = max([y1, *(b[2] for b in near)]), max([x1, *(b[3] for b in near)])
    h, w = m.micrograph.shape
    margin = max(8.0, 0.06 * (x1 - x0))
    a, b = max(int(y0 - margin), 0), min(int(y1 + margin) + 1, h)
    c, d = max(int(x0 - margin), 0), min(int(x1 + margin) + 1, w)
    crop = m.micrograph.grey8()[a:b, c:d]
    k = max(1, min(4, 400 // max(crop.shape[1], 1)))
    return np.ascontiguousarray(np.kron(crop, np.ones((k, k), np.uint8)))


def _text_px(width: int) -> int:
    """Height of notes on a picture of that width, so that they can be read when it is shown smaller."""
    return int(np.clip(width / 55, 15, 80))


def _class_caption(name: str) -> str:
    return {"": "no class", UNSURE: "unsure of the class"}.get(name, name)


def _caption(m: Measured, width: int) -> NDArray[np.uint8]:
    """A strip below the picture: what was measured, the scale, the colours."""
    em = _text_px(width)
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    scale = f"{m.scale.mean_nm_per_px:.4g} nm/px from {m.decision.source.replace('_', ' ')}" if m.scale else "no scale: sizes in px"
    lines = [f"{m.headline()}  ·  {scale}"]
    if ruler.textlength(lines[0], font=_font(em)) > width - em:
        lines = [m.headline(), scale]
    longest = max(ruler.textlength(line, font=_font(em)) for line in lines)
    top = max(7, min(em, int(em * (width - em) / longest)))
    legend = {name: kind.caption for name, kind in KINDS.items()}
    colours: dict[str, tuple[int, int, int]] = {name: kind.colour for name, kind in KINDS.items()}
    if has_classes(m.particles):  # colours tell classes apart, dashes the rest
        classes = class_colours(m.particles["class"])
        legend = {f"class {name}": _class_caption(name) for name in classes} | legend
        colours = {f"class {name}": colour for name, colour in classes.items()} | dict.fromkeys(colours, (220, 220, 220))
    dashes = {name: kind.dash for name, kind in KINDS.items()}
    if m.look_alikes.n:
        legend, colours, dashes = (
            legend | {"alike": _ALIKE_CAPTION},
            colours | {"alike": _ALIKE},
            dashes | {"alike": _ALIKE_DASH},
        )
    widest = max(ruler.textlength(text, font=_font(em)) for text in legend.values()) + 2 * em
    if em * (width - 4) / widest < 9:  # too small to be read: the reasons go
        legend = {kind: text.split(":")[0] for kind, text in legend.items()}
        widest = max(ruler.textlength(text, font=_font(em)) for text in legend.values()) + 2 * em
    em = max(6, min(em, int(em * (width - 4) / widest)))
    keys = _side_by_side(legend, em, width)
    first = round(0.5 * em + 1.5 * top * len(lines))
    strip = Image.new("RGB", (width, first + round(1.6 * em * (keys[-1][1] + 1) + 0.3 * em)), "black")
    draw = ImageDraw.Draw(strip)
    for i, line in enumerate(lines):
        draw.text((0.5 * em, 0.4 * em + 1.5 * i * top), line, font=_font(top), fill="white")
    for x, row, kind in keys:
        y = first + 1.6 * em * row
        ring = np.array([(x, y + 0.2 * em), (x + em, y + 0.2 * em), (x + em, y + 0.95 * em), (x, y + 0.95 * em)])
        wide = max(2, em // 8)
        dash = dashes.get(kind, 0.0)
        pieces = _dashed(ring, wide * dash / 2) if dash else [np.vstack([ring, ring[:1]])]
        for piece in pieces:
            draw.line([(float(a), float(b)) for a, b in piece.reshape(-1, 2)], fill=colours[kind], width=wide)
        draw.text((x + 1.4 * em, y), legend[kind], font=_font(em), fill=(220, 220, 220))
    return np.asarray(strip)


def _side_by_side(texts: Mapping[str, str], em: int, width: int) -> list[tuple[float, int, str]]:
    """x, row and key of each text, as many side by side as fit."""
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    places: list[tuple[float, int, str]] = []
    x, row = 0.5 * em, 0
    for key, text in texts.items():
        wide = 2.4 * em + ruler.textlength(text, font=_font(em))
        if x > em and x + wide > width:
            x, row = 0.5 * em, row + 1
        places.append((x, row, key))
        x += wide
    return places


def colour_key(colours: Mapping[str, tuple[int, int, int] | None], width: int) -> NDArray[np.uint8]:
    """(h, width, 3) RGB: a strip with each name beside its colour; None: a word without one."""
    em = max(6, _text_px(width))
    places = _side_by_side({name: name for name in colours}, em, width)
    strip = Image.new("RGB", (width, round(1.6 * em * (places[-1][1] + 1) + 0.6 * em)), "black")
    draw = ImageDraw.Draw(strip)
    for x, row, name in places:
        y, colour = 0.4 * em + 1.6 * em * row, colours[name]
        if colour is not None:
            draw.rectangle((x, y + 0.1 * em, x + em, y + 1.1 * em), fill=colour)
        draw.text((x + (0 if colour is None else 1.4 * em), y), name, font=_font(em), fill=(220, 220, 220))
    return np.asarray(strip)


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """(H, W) or (H, W, 3) RGB -> PNG, marked as ours, so that nobody measures it for a micrograph."""
    out, marked = io.BytesIO(), PngInfo()
    marked.add_text("Software", "nanogauge")
    Image.fromarray(picture).save(out, "PNG", compress_level=2, pnginfo=marked)  # half the time of 4, no larger for overlays
    return out.getvalue()


def jpeg_bytes(picture: NDArray[np.uint8] | Image.Image, *, longest: int = 1400) -> bytes:
    """A picture for a page as JPEG, shrunk to `longest` px."""
    image = picture.convert("RGB") if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.thumbnail((longest, longest))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def data_uri(data: bytes) -> str:
    """data: URI of a JPEG's or PNG's bytes."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def jpeg_data_uri(picture: NDArray[np.uint8], *, longest: int = 1400) -> str:
    """data: URI of a picture for a page, shrunk to `longest` px."""
    return data_uri(jpeg_bytes(picture, longest=longest))


def overlay_data_uri(m: Measured) -> str:
    """The overlay as a data: URI."""
    return jpeg_data_uri(m.overlay)


def distribution_svg(m: Measured) -> str:
    """The distribution as inline SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from ..statistics.drawing import draw_distribution

    figure = Figure(figsize=(4.6, 3.1), layout="constrained")
    draw_distribution(figure.add_subplot(), m)
    out = io.StringIO()
    FigureCanvasSVG(figure).print_svg(out)  # type: ignore[no-untyped-call]
    text = out.getvalue()
    return text[text.index("<svg") :]


def draw_overlay(axes: Any, m: Measured) -> None:
    """The micrograph with its outlines, under its name."""
    axes.imshow(m.overlay)
    axes.set_axis_off()
    axes.set_title(m.micrograph.name, fontsize=10)


def measurement_figure(m: Measured) -> Figure:
    """Overlay and distribution side by side, as a matplotlib figure that needs no display."""
    from ..statistics.drawing import NotebookFigure, draw_distribution

    figure = NotebookFigure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_overlay(left, m)
    draw_distribution(right, m)
    return figure
