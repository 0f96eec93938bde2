"""What a worker process does: check a file from the browser, measure a micrograph, make a map again, render the examples.

Arguments and answers are plain JSON; files are named by their paths. Each takes `progress(share, text)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UnsupportedFormat
from ...core.protocols import Progress, classes_of, n_maps, predict_each
from ...core.settings import Settings, settings_from_dict
from ...reading import read_micrograph

if TYPE_CHECKING:
    from ...core.protocols import Engine
    from ...pipeline.measure import Measurer

_LEAST_SIDE_PX = 16
_SHARES = {"read": 0.02, "scale": 0.05, "network": 0.25, "measure": 0.85, "write": 0.93}


def check_picture(*, path: str, most_pixels: int, progress: Progress) -> dict[str, Any]:
    """Reads a file whole and says what it is: format, shape, sha256, name of the maker. Raises InputError as `read_micrograph`."""
    file = Path(path)
    refuse_large(file, most_pixels)
    m = read_micrograph(file)
    h, w = m.shape
    if h * w > most_pixels:
        raise UnsupportedFormat(f"{file}: {w} x {h} px is more than {most_pixels / 1e6:g} megapixels; crop it")
    if min(h, w) < _LEAST_SIDE_PX:
        raise UnsupportedFormat(f"{file}: {w} x {h} px is too small for a micrograph; give the picture the microscope wrote")
    return {"format": m.format, "shape": [h, w], "sha256": m.sha256, "maker": m.instrument.maker}


def preview(*, path: str, target: str, progress: Progress) -> None:
    """A small picture of a micrograph that is not measured yet, as JPEG, in one step. Raises InputError as `read_micrograph`."""
    from .thumbnails import write_preview

    write_preview(read_micrograph(path), Path(target))


def read_marks(*, path: str, shape: list[int], image_name: str, target: str, progress: Progress) -> dict[str, Any]:
    """Particles of a picture (H, W) out of ROIs, labels and the like, written to TARGET (.npy). Raises InputError as
    `read_annotation`."""
    from ...results.interchange import read_annotation

    found = read_annotation(path, shape=(shape[0], shape[1]), image_name=image_name)
    np.save(target, found.labels, allow_pickle=False)
    return {"kind": found.kind, "n": found.n_particles, "warnings": list(found.warnings)}


def check_sidecar(*, path: str, shape: list[int], progress: Progress) -> str:
    """The maker whose text file this is, written beside a picture of (H, W); "" where no maker knows it."""
    from ...reading.sidecar import facts_in

    found = facts_in(Path(path), (shape[0], shape[1]))
    return "" if found is None else found[0]


def refuse_large(file: Path, most_pixels: int) -> None:
    """UnsupportedFormat where a header announces more pixels than allowed, before any is decoded. Other kinds of file pass."""
    import tifffile
    from PIL import Image

    shape: tuple[int, int] | None = None
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with file.open("rb") as f:
            head = f.read(4)
        if head[:2] in (b"II", b"MM"):
            with tifffile.TiffFile(file) as tif:
                page = tif.pages.first
                shape = (int(page.imagelength), int(page.imagewidth))
                planes = int(getattr(page, "samplesperpixel", 1)) * int(getattr(page, "imagedepth", 1))
                if shape[0] * shape[1] * planes > 4 * most_pixels:
                    raise UnsupportedFormat(f"{file}: more than {most_pixels / 1e6:g} megapixels; crop it")
        else:
            with Image.open(file) as image:
                shape = (image.height, image.width)
    except UnsupportedFormat:
        raise
    except Exception:  # whatever is wrong with it, read_micrograph says it better
        return
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    if shape is not None and shape[0] * shape[1] > most_pixels:
        raise UnsupportedFormat(
            f"{file}: {shape[1]} x {shape[0]} px is more than {most_pixels / 1e6:g} megapixels; crop it or export it smaller"
        )


def measure_file(
    *,
    path: str,
    folder: str,
    settings: dict[str, Any],
    scale: list[float] | None = None,
    calls_expected: int = 0,
    progress: Progress,
) -> dict[str, Any]:
    """Measures one micrograph into a result folder, written beside and moved into its place whole; keeps the map and a thumbnail.

    Answers the row of summary.csv and how often the network was called, which tells how far the next one of this shape has come.
    """
    from ...core.scale import Scale
    from ...pipeline.measure import Measurer
    from ...results.folder import PROBABILITY, new_result, write_measurement
    from ...results.pictures import write_probability
    from .thumbnails import write_thumbnail

    how = settings_from_dict(settings)
    progress(_SHARES["read"], "reading the file")
    micrograph = read_micrograph(path, **asdict(how.read))
    loaded = _loaded(how.segment.engine, how.segment.device)
    counted = _Counted(loaded.engine, progress, calls_expected)
    progress(_SHARES["scale"], "looking for the scale")
    user = None if scale is None else Scale((scale[0], scale[1]), scale[2], "user")
    m = Measurer(how, engine=counted, reader=loaded.reader).measure(micrograph, scale=user)
    progress(_SHARES["write"], "writing the results")
    with new_result(Path(folder), anew=True) as making:
        write_measurement(m, making)
        if m.foreground is not None:
            write_probability(making / PROBABILITY, m.foreground)
        write_thumbnail(m, making)
    return {"row": m.summary_row() | {"file": path}, "calls": counted.n_calls, "sha256": micrograph.sha256}


def make_probability(
    *, path: str, folder: str, settings: dict[str, Any], frame: list[int], sha256: str, progress: Progress
) -> bool:
    """The map of a micrograph measured elsewhere, made again by the same network; False where that network is not at hand."""
    from ...detection.find import at_edge
    from ...pipeline.measure import Measurer
    from ...results.folder import PROBABILITY
    from ...results.pictures import write_probability

    how = settings_from_dict(settings)
    loaded = _loaded(how.segment.engine, how.segment.device)
    if loaded.engine.sha256 != sha256:
        return False
    measurer = Measurer(how, engine=_Counted(loaded.engine, progress, 0), reader=loaded.reader)
    micrograph = read_micrograph(path, **asdict(how.read))
    bar, _, _ = measurer.read_scale(micrograph)
    box = (frame[0], frame[1], frame[2], frame[3])
    found = at_edge(measurer.find(micrograph, bar, box), micrograph.pixels, how.measure, frame=box)
    write_probability(Path(folder) / PROBABILITY, found.foreground)
    return True


def render_examples(*, folder: str, progress: Progress) -> list[str]:
    """Renders the example micrographs into FOLDER; the same ones every time. Answers their paths."""
    from ...training.synthetic.examples import EXAMPLES, render_example

    out = []
    for k, name in enumerate(EXAMPLES):
        progress(k / len(EXAMPLES), f"rendering {name}")
        out.append(str(render_example(name, Path(folder))))
    return out


@lru_cache(maxsize=2)
def _loaded(engine: str, device: str) -> Measurer:
    """Whose engine and reader serve every micrograph that is to be measured so."""
    from ...pipeline.measure import Measurer

    return Measurer(Settings().replace("segment", engine=engine, device=device))


class _Counted:
    """An engine that tells how far it has come."""

    def __init__(self, engine: Engine, progress: Progress, calls_expected: int) -> None:
        self._engine, self._progress, self._expected = engine, progress, calls_expected
        self.n_calls = 0
        self.name, self.stride, self.tile_px = engine.name, engine.stride, engine.tile_px
        self.working_diameter_px = engine.working_diameter_px
        self.sees_px, self.calibration, self.detection = engine.sees_px, engine.calibration, engine.detection
        self.classes, self.n_maps = classes_of(engine), n_maps(engine)

    @property
    def sha256(self) -> str:
        return self._engine.sha256

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        self._tell()
        return self._engine.predict(tile)

    def predict_all(self, tiles: Iterator[NDArray[np.float32]], n: int) -> Iterator[NDArray[Any]]:
        def told() -> Iterator[NDArray[np.float32]]:
            for tile in tiles:
                self._tell()
                yield tile

        return predict_each(self._engine, told(), n)

    def _tell(self) -> None:
        # how many tiles there will be is known from the last micrograph of this shape; else the bar nears its end more slowly
        share = self.n_calls / self._expected if self._expected else 1 - 0.85**self.n_calls
        low, high = _SHARES["network"], _SHARES["measure"]
        self._progress(low + (high - low) * min(share, 1), f"finding particles, tile {self.n_calls + 1}")
        self.n_calls += 1
