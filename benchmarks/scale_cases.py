"""Micrographs with a known scale: the real sets, and rendered ones of every style of bar, font, tone, size and spelling."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nanogauge.core.micrograph import Micrograph
from nanogauge.core.scale import format_length
from nanogauge.detection.engines import make_reader
from nanogauge.reading import read_micrograph
from nanogauge.training.synthetic.annotate import (
    FONTS,
    MAKERS,
    POSITIONS,
    STYLES,
    BarTruth,
    add_data_bar,
    add_panel_letter,
    draw_scale_bar,
)

Grey = NDArray[np.uint8]
REAL = {  # folder of pictures, table of truth
    "emps": ("emps/images", "emps/scale_truth.csv"),
    "silica": ("silica/images", "silica/scale_truth.csv"),
    "makers": ("scale/images", "scale/truth.csv"),
    "raw": ("scale/raw", "scale/raw/truth.csv"),
}
GROUNDS = {"emps/images": "emps/val.txt", "loops/images": None, "shale/images": None}  # not learned from
SHAPES = ((512, 640), (512, 700), (480, 512), (768, 1024), (960, 1280))
N_SMALL = 3  # of them
OWN_GROUND = ("boxed", "arrows")  # styles that are drawn on a plate
LEAST_SHOWN, END_PX = 20, 4  # grey levels by which a letter or an end changes what it is drawn over; px of an end
LEAST_GROUND_PX = 200
LEAST_BAR_PX, LEAST_BAR_SHARE = 40, 0.2  # of a white bar; of the picture's width
TONES = (255.0, 255.0, 255.0, 0.0, 0.0, 230.0, 200.0, 70.0, 40.0, 76.0, 150.0, 226.0)  # the last three: red, green, yellow
NUMBERS = (
    1,
    1,
    2,
    2,
    5,
    5,
    10,
    10,
    20,
    20,
    50,
    50,
    100,
    100,
    200,
    200,
    500,
    500,
    3,
    4,
    30,
    40,
    25,
    250,
    300,
    400,
    1.5,
    2.5,
    0.5,
    0.2,
)
EXTRA_FONTS = ("Liberation", "Free", "Carlito", "Caladea", "Arimo", "Tinos", "Noto")


@dataclass(frozen=True)
class Case:
    """One micrograph with its truth. wanted: nm per px that count as right, () where none may be read from the picture;
    unscored: a row whose truth is unsure; nothing: no scale may come from the metadata either; hidden: a letter or an end of the
    bar does not show against what it was drawn over, see `_is_hidden`"""

    name: str
    group: str
    micrograph: Micrograph
    wanted: tuple[float, ...]
    bar_px: float
    text: str
    unscored: bool = False
    nothing: bool = False
    hidden: bool = False


def real_cases(name: str, data: Path) -> Iterator[Case]:
    """Pictures of a set under `data`, with the truth of its table."""
    folder, table = data / REAL[name][0], data / REAL[name][1]
    files = {p.name: p for p in folder.rglob("*") if p.is_file()} | {p.stem: p for p in folder.rglob("*") if p.is_file()}
    with table.open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        key = row.get("id") or row["file"]
        path = files.get(key) or files.get(Path(key).name)
        if path is None or path.suffix in (".csv", ".txt", ".hdr", ".md"):
            continue
        none = row.get("maker", "").startswith("neg") or row.get("status") in ("no_bar", "no_text")
        known = bool(row.get("nm_per_px")) and (row.get("status") or "ok") == "ok" and not none
        wanted = [float(row["nm_per_px"])] if known else []
        if known and row.get("bar_px_alt"):
            wanted.append(float(row["value_nm"]) / float(row["bar_px_alt"]))
        try:
            micrograph = read_micrograph(path)
        except Exception as error:
            print(f"{path.name}: not read ({error})")
            continue
        bar_px = float(row.get("bar_px") or row.get("bar_length_px") or "nan")
        text = row.get("text_as_printed") or row.get("bar_text") or ""
        nothing = name == "raw" and not row.get("nm_per_px")
        unscored = not (known or none or nothing)
        yield Case(path.name, row.get("maker") or name, micrograph, tuple(wanted), bar_px, text, unscored, nothing)


def rendered_case(k: int, seed: int, grounds: tuple[Grey, ...] = (), *, small: bool = False) -> Case | None:
    """The k-th rendered micrograph of a seed: styles and makers in turn, all else at random; one in twelve has no readable scale.

    grounds: pictures to draw over, see `real_grounds`; () for drawn ones; small: the smaller shapes only. None where no bar of its
    kind fitted in forty attempts.
    """
    groups = [*STYLES, *(f"data bar {m}" for m in MAKERS), "nothing to read", "nothing to read"]
    for attempt in range(40):
        rng = np.random.default_rng([seed, k, attempt])
        try:
            return _rendered(f"{k:05d}", groups[k % len(groups)], rng, _fonts(), grounds, SHAPES[:N_SMALL] if small else SHAPES)
        except ValueError:
            continue
    return None


@cache
def real_grounds(data: Path) -> tuple[Grey, ...]:
    """Parts of measuring pictures, which no locator was trained on: the most rows in a run that are well away from any text and
    hold no white bar. They depend on the text reader alone, not on how bars are found."""
    reader, grounds = make_reader(n_threads=1), []
    for folder, ids in GROUNDS.items():
        names = set((data / ids).read_text(encoding="utf-8").split()) if ids else None
        for path in sorted((data / folder).iterdir()):
            if names is not None and path.stem not in names:
                continue
            grey = read_micrograph(path).grey8()
            marked = _rows_of_white_bars(grey)
            for line in reader.read(grey):
                around = 2.5 * (line.box[2] - line.box[0])
                marked[max(int(line.box[0] - around), 0) : int(line.box[2] + around)] = True
            free = np.flatnonzero(~marked)
            run = max(np.split(free, np.flatnonzero(np.diff(free) > 1) + 1), key=len)
            if len(run) >= LEAST_GROUND_PX:
                grounds.append(np.ascontiguousarray(grey[run[0] : run[-1] + 1]))
    return tuple(grounds)


def _rows_of_white_bars(grey: Grey) -> NDArray[np.bool_]:
    """Rows (H,) of a picture in which a long white rectangle lies: a bar of its own, that what is drawn would lie over."""
    white = np.asarray(cv2.morphologyEx((grey >= 250).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, LEAST_BAR_PX), np.uint8)), bool)
    return np.asarray(white.sum(axis=1) >= LEAST_BAR_SHARE * grey.shape[1], np.bool_)


def _of_ground(grounds: tuple[Grey, ...], shape: tuple[int, int], rng: np.random.Generator) -> Grey:
    """A part of one of the grounds, enlarged where it is smaller than the shape."""
    ground = grounds[int(rng.integers(len(grounds)))]
    zoom = max(shape[0] / ground.shape[0], shape[1] / ground.shape[1], float(rng.uniform(0.7, 1.5)))
    tall, wide = (min(math.ceil(side / zoom), most) for side, most in zip(shape, ground.shape, strict=True))
    y, x = int(rng.integers(ground.shape[0] - tall + 1)), int(rng.integers(ground.shape[1] - wide + 1))
    return np.asarray(cv2.resize(ground[y : y + tall, x : x + wide], shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _rendered(
    name: str,
    group: str,
    rng: np.random.Generator,
    fonts: list[Path],
    grounds: tuple[Grey, ...],
    shapes: tuple[tuple[int, int], ...],
) -> Case:
    shape = shapes[rng.integers(len(shapes))]
    pixels = _of_ground(grounds, shape, rng) if grounds else _ground(shape, rng)
    if rng.random() < 0.4:
        pixels = add_panel_letter(pixels, str(rng.choice(["a", "(b)", "C", "d)"])), rng=rng, boxed=bool(rng.random() < 0.3))
    if group == "nothing to read":
        return Case(name, group, _degraded(name, _distracted(pixels, rng, fonts), rng), (), math.nan, "")
    length = float(np.exp(rng.uniform(math.log(15 if shape[0] < 600 else 25), math.log(0.5 * shape[1]))))
    value, hidden = float(rng.choice(NUMBERS)) * float(rng.choice([1, 1, 1, 1000, 1000])), False
    font = fonts[int(rng.integers(len(fonts)))]
    if group.startswith("data bar"):
        maker = group.removeprefix("data bar ")
        least = {"thermo": 0.2, "phenom": 0.2, "hitachi": 0.2, "hitachi_tm": 0.3}.get(maker, 0.05)
        length = float(rng.uniform(least, 0.45)) * shape[1]
        pixels, truth, _ = add_data_bar(
            pixels,
            maker=maker,
            nm_per_px=_round_value(value) / length,
            rng=rng,
            value_nm=_round_value(value),
        )  # type: ignore[arg-type]
    else:
        ground, tone = pixels, _tone(pixels, rng, boxed=group in OWN_GROUND)
        position = str(rng.choice(POSITIONS[:4])) if rng.random() < 0.5 else "above"
        if group == "block" and length > 110 and rng.random() < 0.5:
            position = "inside"
        draw = partial(
            draw_scale_bar,
            nm_per_px=value / length,
            style=group,  # type: ignore[arg-type]
            value_nm=value,
            tone=tone,
            position=position,  # type: ignore[arg-type]
            font=font,
            text=_spelling(value, rng),
        )
        alike = deepcopy(rng)
        pixels, truth = draw(pixels, rng=rng)
        if group not in (*OWN_GROUND, "embossed"):
            flat = [draw(np.full_like(ground, level), rng=deepcopy(alike))[0] for level in (0, 255)]
            drawn = flat[1].astype(np.int16) - flat[0] < 128
            hidden = _is_hidden(drawn & (cv2.absdiff(pixels, ground) < LEAST_SHOWN), drawn, truth, inside=position == "inside")
    lengths = [truth.length_px]
    if group == "heavy_ticks":  # both conventions are in use: centres of the ticks, and their outer edges
        lengths.append(float(truth.box[3] - truth.box[1]))
    if group == "embossed":  # the outline's inner and outer edges
        lengths += [truth.length_px - 1.5, truth.length_px + 1.5]
    wanted = tuple(truth.value_nm / length for length in lengths)
    return Case(name, group, _degraded(name, pixels, rng), wanted, truth.length_px, truth.text, hidden=hidden)


def _is_hidden(unseen: NDArray[np.bool_], drawn: NDArray[np.bool_], truth: BarTruth, *, inside: bool) -> bool:
    """Whether most of a letter, or of either end of the bar, is unseen, of masks (H, W) of what was drawn and of that of it which
    does not show. inside: the bar is the letters' own ground."""
    y0, x0, y1, x1 = truth.label_box
    shares = []
    if not inside:
        columns = drawn[y0:y1, x0:x1].any(axis=0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], columns.astype(np.int8), [0]])))
        shares += [_share(unseen[y0:y1, x0 + a : x0 + b], drawn[y0:y1, x0 + a : x0 + b]) for a, b in zip(edges[::2], edges[1::2])]  # noqa: B905
    y0, x0, y1, x1 = truth.box
    shares += [_share(unseen[y0:y1, part], drawn[y0:y1, part]) for part in (slice(x0, x0 + END_PX), slice(x1 - END_PX, x1))]
    return max(shares) > 0.5


def _share(unseen: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    return float(unseen.sum() / max(drawn.sum(), 1))


def _round_value(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value))
    return min((m * decade for m in (1.0, 2.0, 5.0)), key=lambda v: abs(v - value))


def _spelling(value_nm: float, rng: np.random.Generator) -> str:
    text = format_length(value_nm)
    number, unit = text.split()
    if unit == "nm" and value_nm >= 100 and rng.random() < 0.25:
        number, unit = f"{value_nm / 1000:g}", "µm"  # noqa: RUF100
    if unit == "µm":
        unit = str(rng.choice(["µm", "µm", "μm", "um"]))
    if rng.random() < 0.15 and float(number) < 100 and unit != "nm":
        longer = f"{float(number):.1f}" if rng.random() < 0.5 else f"{float(number):#.3g}"
        number = longer if float(longer) == float(number) else number  # nobody rounds 0.25 to 0.2
    if "." in number and rng.random() < 0.1:
        number = number.replace(".", ",")
    if number.startswith("0.") and rng.random() < 0.1:
        number = number[1:]
    return number + str(rng.choice([" ", " ", ""])) + unit


def _ground(shape: tuple[int, int], rng: np.random.Generator) -> Grey:
    """A cheap micrograph: a grainy ground, shaded discs on it, dark or light."""
    level, relief, grain = rng.uniform(40, 210), rng.uniform(3, 22), rng.uniform(2, 14)
    texture = gaussian_filter(rng.normal(size=(shape[0] // 4, shape[1] // 4)), 3)
    picture = level + relief * cv2.resize(texture / texture.std(), (shape[1], shape[0])).astype(np.float32)
    if rng.random() < 0.75:
        radius = rng.uniform(6, 60)
        tone = float(np.clip(level + rng.choice([-1, 1]) * rng.uniform(30, 110), 15, 245))
        for _ in range(int(rng.uniform(0.05, 0.6) * shape[0] * shape[1] / (math.pi * radius**2))):
            r = radius * rng.lognormal(0, 0.15)
            centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
            cv2.circle(picture, centre, int(r) + 1, tone, -1, cv2.LINE_AA)
            cv2.circle(picture, centre, int(r) + 1, float(np.clip(tone + 35, 0, 255)), 2, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 1.6)) + rng.normal(0, grain, shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _tone(pixels: Grey, rng: np.random.Generator, *, boxed: bool) -> float:
    """A tone that a person could read where the bar will stand."""
    low = pixels[int(0.85 * pixels.shape[0]) :]
    for _ in range(50):
        tone = float(rng.choice(TONES))
        if boxed or abs(tone - float(low.mean())) > 45 + float(low.std()):
            return tone
    return 255.0 if low.mean() < 128 else 0.0


def _distracted(pixels: Grey, rng: np.random.Generator, fonts: list[Path]) -> Grey:
    """Bare, a bar whose text is missing, text without a bar, or a reciprocal bar."""
    kind = int(rng.integers(4))
    if kind == 0:
        return pixels
    text = {1: " ", 2: str(rng.choice(["EHT = 5.00 kV", "x50,000", "WD 8.1 mm", "7/20/2022", "d = 53.2 nm"])), 3: "5 1/nm"}[kind]
    drawn, truth = draw_scale_bar(
        pixels, nm_per_px=1.0, value_nm=120.0, rng=rng, font=fonts[int(rng.integers(len(fonts)))], text=text
    )
    if kind == 2:
        y0, x0, y1, x1 = truth.box
        drawn[y0:y1, x0:x1] = pixels[y0:y1, x0:x1]
    return drawn


def _degraded(name: str, pixels: Grey, rng: np.random.Generator) -> Micrograph:
    """Blur and JPEG, as pictures in journals have them."""
    if rng.random() < 0.4:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 0.9)).astype(np.uint8)
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return Micrograph(pixels=pixels, name=name)


@cache
def _fonts() -> list[Path]:
    """Those that ship with matplotlib, and upright text fonts of the machine, none where there are none."""
    found = [p for p in Path("/usr/share/fonts").rglob("*.ttf") if p.name.startswith(EXTRA_FONTS)]
    return [*FONTS, *sorted(p for p in found if not any(w in p.name for w in ("Emoji", "Symbol", "Math", "Mono")))[:24]]
