"""Instructions that the steps outside the network take, counted under callgrind: the same on a busy machine as on an idle one.

    python benchmarks/instructions.py            # a table; five minutes of an idle core
    python benchmarks/history.py --only work     # the same, kept in history.csv, and held against the row before

The clock of a shared machine is off by tenths; a count of instructions by some thousandths, so that a step which takes 5 % more is
seen at once. It says nothing of memory or of threads: the seconds are in the other rows of history.csv. Valgrind hides AVX-512, so
that machines with and without it count alike, and does not know an AVX2 instruction of OpenCV 5, so that OpenCV does without AVX2
here. Needs valgrind (apt install valgrind) on Linux.

A process does each step once; another does one of them MORE times more. The difference is that step's, start and imports fall out.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
MORE = 3
_SIMULATED = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "OPENCV_CPU_DISABLE": "AVX2,FP16",
    "PYTHONHASHSEED": "0",
}


def steps() -> dict[str, Callable[[], object]]:
    """What is counted, each small: instructions are simulated, fifty times slower than done."""
    import cv2
    import numpy as np
    from performance import scene

    from nanogauge.core.scale import Scale
    from nanogauge.detection.edges import true_edge
    from nanogauge.detection.separate import separate
    from nanogauge.measuring import measure_particles
    from nanogauge.reading import read_micrograph
    from nanogauge.results.run_tables import RunTables
    from nanogauge.results.tables import write_particle_csv
    from nanogauge.scale.bar.locate import find_bars
    from nanogauge.statistics.distribution import summarise

    cv2.setNumThreads(1)
    maps, picture = scene(150, (280, 350))
    labels, scale = separate(maps), Scale((1.0, 1.0), 0.02, "user")
    table = measure_particles(labels, pixels=picture, scale=scale, foreground=maps.foreground)
    example = ROOT / "examples" / "thermo-gold-spheres.png"
    grey = read_micrograph(example).grey8()[-200:]
    folder = Path(tempfile.mkdtemp(prefix="nanogauge-"))
    (folder / "one").mkdir()
    write_particle_csv(folder / "one" / "particles.csv", table)
    row = {"file": "one.png", "status": "ok", "n_particles": len(table)}
    sizes = np.random.default_rng(0).lognormal(3, 0.2, 500)

    def tables() -> None:
        with RunTables(folder) as written:
            for _ in range(50):
                written.add(row, "one")

    return {
        "150 particles separated": partial(separate, maps),
        "150 outlines moved to the edge": partial(true_edge, labels, picture, maps.foreground),
        "150 particles measured": partial(measure_particles, labels, pixels=picture, scale=scale, foreground=maps.foreground),
        "an example read": partial(read_micrograph, example),
        "scale bars sought in 640 x 200 px, without text": partial(find_bars, grey),
        "the figures of 500 sizes": partial(summarise, sizes, unit="nm"),
        "tables of 50 micrographs": tables,
    }


def carry_out(again: int) -> None:
    """The steps, each once, and the one of that number MORE times more; in the process that callgrind watches."""
    for k, (name, step) in enumerate(steps().items()):
        for _ in range(1 + MORE * (k == again)):
            step()
        print(name, flush=True)


def work() -> dict[str, float]:
    """Million instructions of each step. Raises SystemExit, saying so, where there is no valgrind."""
    if shutil.which("valgrind") is None:
        raise SystemExit("instructions are counted by valgrind, which is not here: apt install valgrind")
    names, once = _counted(-1)
    return {f"work: {name}, million instructions": (_counted(k)[1] - once) / MORE / 1e6 for k, name in enumerate(names)}


def _counted(again: int) -> tuple[list[str], int]:
    """Names of the steps, and the instructions of the process that does them all once and one of them more often."""
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        __file__,
        "--carry-out",
        str(again),
    ]
    environment = os.environ | _SIMULATED
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        own = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("==")]  # not valgrind's
        raise SystemExit(f"the steps could not be counted: {own[-1] if own else f'exit status {done.returncode}'}")
    return done.stdout.strip().splitlines(), int(found[1])


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--carry-out", type=int, help=argparse.SUPPRESS)
    again = parser.parse_args().carry_out
    if again is not None:
        carry_out(again)
        return
    for name, value in work().items():
        print(f"{value:10.2f}  {name}")


if __name__ == "__main__":
    main()
