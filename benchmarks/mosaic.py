"""A mosaic measured window by window: time, peak memory, and whether the particles are those of the picture measured whole.

    python benchmarks/mosaic.py DATA/silica/images/B01-1.bmp --side 20000

The mosaic is a micrograph (without its data bar) and its mirror images, side by side, as tiled OME-TIFF. It is measured by the
command line in a process of its own. Its upper left part, small enough to be measured whole, is measured both ways, with windows
as for any mosaic; and what the command found in that part is held against it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from nanogauge.core.micrograph import Micrograph
from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.detection.find import find_particles
from nanogauge.pipeline.measure import Measurer, particle_table
from nanogauge.pipeline.mosaic import measure_mosaic
from nanogauge.reading import Mosaic, read_micrograph, read_picture

TILE_PX = 512
NM_PER_PX = 2.0


def make_mosaic(path: Path, picture: np.ndarray, side: int) -> None:
    """A side x side OME-TIFF of `picture` and its mirror images."""
    cell = np.block([[picture, picture[:, ::-1]], [picture[::-1], picture[::-1, ::-1]]])
    h, w = cell.shape

    def tiles() -> Iterator[np.ndarray]:
        for y in range(0, side, TILE_PX):
            rows = cell[np.arange(y, min(y + TILE_PX, side)) % h]
            for x in range(0, side, TILE_PX):
                yield np.ascontiguousarray(rows[:, np.arange(x, min(x + TILE_PX, side)) % w])

    about = {"axes": "YX", "PhysicalSizeX": NM_PER_PX, "PhysicalSizeXUnit": "nm"}
    about |= {"PhysicalSizeY": NM_PER_PX, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(
        path,
        tiles(),
        shape=(side, side),
        dtype=np.uint8,
        tile=(TILE_PX, TILE_PX),
        compression="zlib",
        ome=True,
        metadata=about,
        bigtiff=True,
    )


def command(path: Path, out: Path, engine: str, threads: int) -> pd.DataFrame:
    """`nanogauge measure` in a process of its own: prints time and peak memory, gives the particle table."""
    arguments = [
        sys.executable,
        "-m",
        "nanogauge",
        "measure",
        str(path),
        "-o",
        str(out),
        "--engine",
        engine,
        "--no-report",
        "-q",
    ]
    began = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(arguments, env=environment)
    before, peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN), 0.0
    while process.poll() is None:  # not ru_maxrss: it starts at the memory that this process, the parent, once had
        peak_mb = max(peak_mb, _high_water_mb(process.pid))
        time.sleep(0.2)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    assert process.returncode == 0, "the command failed"
    about = json.loads(next(out.glob("*/measurement.json")).read_text(encoding="utf-8"))
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{path.name}: {about['n_particles']} particles, magnification {about['working_magnification']:.3g}, "
        f"{processor:.0f} s of processor, {wall:.0f} s in all, peak memory {peak_mb:.0f} MB",
        flush=True,
    )
    return pd.read_csv(out / "particles.csv")


def _high_water_mb(pid: int) -> float:
    """The most resident memory a process has had; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM")), 0.0)


def both_ways(path: Path, engine: str, threads: int) -> pd.DataFrame:
    """A picture measured by windows and whole: prints how they differ, gives the table of the whole."""
    settings = Settings().replace("measure", n_bootstrap=0, n_fit_bootstrap=0, edge="outline")
    settings = settings.replace("segment", largest_px=32768, engine=engine)
    network = Measurer(settings, n_threads=threads).engine
    scale = Scale((NM_PER_PX, NM_PER_PX), 0.01, "user")
    mosaic = read_picture(path, mosaic_px=1)
    assert isinstance(mosaic, Mosaic)
    windows = measure_mosaic(
        mosaic,
        engine=network,
        settings=settings,
        scale=scale,
    )
    settings = settings.replace("segment", working_magnification=windows.zoom)
    grey = read_micrograph(path).grey8()
    inside = find_particles(grey, network, settings)
    labels, foreground, sure = inside.labels, inside.foreground, inside.confidence
    micrograph = Micrograph(pixels=grey, name=path.name)
    whole = particle_table(labels, micrograph, scale, foreground, (0, 0, *grey.shape), settings.measure, confidence=sure)

    assert windows.mosaic is not None
    stored = windows.mosaic.read(0, grey.shape[0], 0, grey.shape[1])
    n = int(labels.max())
    area, other = np.bincount(labels.ravel(), minlength=n + 1), np.bincount(stored.ravel())
    pairs, counts = np.unique(labels.ravel().astype(np.int64) << 32 | stored.ravel(), return_counts=True)
    a, b = pairs >> 32, pairs & 0xFFFFFFFF
    real = (a > 0) & (b > 0)
    a, b, counts = a[real], b[real], counts[real]
    identical = int(((counts == area[a]) & (counts == other[b])).sum())
    alike = int((counts > 0.9 * (area[a] + other[b] - counts)).sum())
    print(
        f"{path.name}, {grey.shape[0]} px high, magnification {windows.zoom:.3g}: {n} particles whole, {windows.n_particles} by "
        f"windows; {identical} with the same pixels, {alike} with IoU over 0.9; "
        f"{100 * np.mean((labels > 0) == (stored > 0)):.4f} % of the pixels alike (particle or not)"
    )
    column = "equivalent_diameter_nm"
    for name, of in (("mean", np.mean), ("d10", lambda v: np.quantile(v, 0.1)), ("d50", np.median)):
        x, y = (float(of(t[column])) for t in (whole, windows.particles))
        print(f"  {name} {x:.4f} nm whole, {y:.4f} nm by windows ({100 * (y / x - 1):+.4f} %)")
    return whole


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("micrograph", type=Path)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--part", type=int, default=6_000, help="side of the part that is measured both ways; 0: leave it out")
    parser.add_argument("--rows", type=int, default=900, help="of the micrograph, so many are picture")
    parser.add_argument("--engine", default="unet")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="cores to use")
    parser.add_argument("--work", type=Path, default=Path("runs/mosaic"), help="folder for mosaics and results; deleted first")
    a = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # for the command too: it takes as many threads as it may use cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: a.threads])
    shutil.rmtree(a.work, ignore_errors=True)
    a.work.mkdir(parents=True)
    picture = read_micrograph(a.micrograph).grey8()[: a.rows]
    whole = None
    if a.part:
        make_mosaic(a.work / "part.ome.tif", picture, a.part)
        whole = both_ways(a.work / "part.ome.tif", a.engine, a.threads)
    make_mosaic(a.work / "mosaic.ome.tif", picture, a.side)
    found = command(a.work / "mosaic.ome.tif", a.work / "out", a.engine, a.threads)
    if whole is not None:
        inside = a.part - 600  # the part's own edge cuts particles
        x, y = (t[(t["y"] < inside) & (t["x"] < inside)]["equivalent_diameter_nm"] for t in (whole, found))
        print(
            f"within the first {inside} px: {len(x)} particles of the part measured whole, {len(y)} of the mosaic; "
            f"mean {x.mean():.4f} and {y.mean():.4f} nm ({100 * (y.mean() / x.mean() - 1):+.4f} %)"
        )


if __name__ == "__main__":
    main()
