"""Two versions of nanogauge and a script of scikit-image, by turns in one run: processor time warm and cold, and what results move.

    python benchmarks/before_after.py DATA/emps/images/*.png --before HEAD~5
    python benchmarks/before_after.py DATA/emps/images/*.png --before HEAD --network int8.onnx      # another network, the same code
    python benchmarks/before_after.py DATA/silica/images/C02-1.png --before HEAD~5 --threads 2      # on two cores

`--before` is a revision of this repository, or a folder that holds `nanogauge/`. Each version has one process that stays, on
`--threads`; each file goes to all of them, one after the other, so that a slow moment hits all. Commands are started anew,
on the cores that this process may use.
Seconds are of the processor (user and system) and of the clock, which says something on a quiet machine only, the medians of
`--rounds`; sums are over all files.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent.parent
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

MEASURES = """
import json, sys, time
import cv2, numpy as np
from nanogauge.core.settings import Settings
from nanogauge.pipeline.measure import Measurer
n_threads = int(sys.argv[2])
cv2.setNumThreads(n_threads)
measurer = Measurer(Settings().replace("segment", engine=sys.argv[1]), n_threads=n_threads)
for line in sys.stdin:
    file, out = json.loads(line)
    began, clock = time.process_time(), time.perf_counter()
    m = measurer.measure(file)
    took, passed = time.process_time() - began, time.perf_counter() - clock
    np.save(out, m.labels)
    table = m.particles
    d = table["equivalent_diameter_px"]
    mean = float(d.mean()) if len(d) else None
    print(json.dumps({"seconds": took, "clock": passed, "mean": mean, "table": table.to_csv()}), flush=True)
"""

OTSU = """
import sys
import numpy as np
from scipy import ndimage
from skimage import feature, filters, io, measure, segmentation

def measured(file):
    grey = io.imread(file, as_gray=True)
    mask = grey > filters.threshold_otsu(grey)
    depth = ndimage.distance_transform_edt(mask)
    seeds = np.zeros(grey.shape, int)
    peaks = feature.peak_local_max(depth, min_distance=5, labels=measure.label(mask))
    seeds[tuple(peaks.T)] = range(1, len(peaks) + 1)
    labels = segmentation.watershed(-depth, seeds, mask=mask)
    return labels, measure.regionprops_table(labels, grey, properties=("label", "equivalent_diameter_area"))
"""
OTSU_STAYS = (
    OTSU
    + """
import json, time
for line in sys.stdin:
    file, out = json.loads(line)
    began, clock = time.process_time(), time.perf_counter()
    measured(file)
    print(json.dumps({"seconds": time.process_time() - began, "clock": time.perf_counter() - clock}), flush=True)
"""
)
OTSU_ONCE = OTSU + "\nmeasured(sys.argv[1])\n"


class Took(NamedTuple):
    """Seconds of the processor and of the clock."""

    processor: float
    clock: float

    @classmethod
    def median(cls, of: list[Took]) -> Took:
        return cls(*(statistics.median(s) for s in zip(*of, strict=True)))


@dataclass
class Stays:
    """A process that answers a line for each file."""

    process: subprocess.Popen[str]

    @classmethod
    def started(cls, code: str, *arguments: str, path: Path | None = None, n_threads: int = 1) -> Stays:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(path, n_threads),
        )
        return cls(process)

    def ask(self, file: Path, out: Path) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(file), str(out)]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{file}: the process ended; its message stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def environment(path: Path | None, n_threads: int) -> dict[str, str]:
    """So many threads, nanogauge from `path`, and bytecode kept, as where it is installed."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict.fromkeys(_THREADS, str(n_threads)) | ({} if path is None else {"PYTHONPATH": str(path)})


def source_of(before: str, folder: Path) -> Path:
    """The folder that holds `nanogauge/` of that revision or folder."""
    if (Path(before) / "nanogauge").is_dir():
        return Path(before).resolve()
    packed = subprocess.run(["git", "-C", str(HERE), "archive", before, "src"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def once(arguments: list[str], path: Path | None, n_threads: int) -> Took:
    """Seconds of a command in a process of its own."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment(path, n_threads))
    passed, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, passed)


def overlap(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Pixels that are a particle in both over those that are in either; 1 where neither has one."""
    either = int(((a > 0) | (b > 0)).sum())
    return 1.0 if either == 0 else int(((a > 0) & (b > 0)).sum()) / either


def moved(before: list[dict[str, Any]], after: list[dict[str, Any]], labels: list[tuple[Path, Path]]) -> list[str]:
    """What became of the results, in words."""
    pairs = [(np.load(a), np.load(b)) for a, b in labels]
    same = sum(np.array_equal(a, b) for a, b in pairs)
    tables = sum(a["table"] == b["table"] for a, b in zip(before, after, strict=True))
    off = [100 * abs(b["mean"] / a["mean"] - 1) for a, b in zip(before, after, strict=True) if a["mean"] and b["mean"]] or [0.0]
    n = [sum(int(p[k].max()) for p in pairs) for k in (0, 1)]
    return [
        f"label maps alike to the last pixel: {same} of {len(pairs)}; tables alike to the last digit: {tables}",
        f"particles: {n[0]} before, {n[1]} after; least IoU of a micrograph's particles {min(overlap(a, b) for a, b in pairs):.4f}",
        f"a micrograph's mean diameter moves by {statistics.mean(off):.3f} % on average, {max(off):.3f} % at most",
    ]


def warm(
    files: list[Path], before: Path, network: str, rounds: int, folder: Path, n_threads: int
) -> tuple[dict[str, Took], list[str], Path]:
    """Seconds a micrograph, how results move, and the file that takes the median time."""
    stays = {
        "before": Stays.started(MEASURES, "unet", str(n_threads), path=before, n_threads=n_threads),
        "after": Stays.started(MEASURES, network, str(n_threads), path=HERE / "src", n_threads=n_threads),
        "scikit-image, Otsu + watershed": Stays.started(OTSU_STAYS, n_threads=n_threads),
    }
    for process in stays.values():
        process.ask(files[0], folder / "first.npy")
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in stays}
    mean = {name: Took(0.0, 0.0) for name in stays}
    of_file: list[float] = []
    for k, file in enumerate(files):
        took: dict[str, list[Took]] = {name: [] for name in stays}
        for turn in range(rounds):
            for name in (stays, reversed(stays))[turn % 2]:
                answer = stays[name].ask(file, folder / f"{name[:6].strip()}-{k}.npy")
                took[name].append(Took(answer["seconds"], answer["clock"]))
                if turn == 0:
                    answers[name].append(answer)
        for name, of in took.items():
            mean[name] = Took(*(a + b / len(files) for a, b in zip(mean[name], Took.median(of), strict=True)))
        of_file.append(Took.median(took["after"]).processor)
    for process in stays.values():
        process.end()
    labels = [(folder / f"before-{k}.npy", folder / f"after-{k}.npy") for k in range(len(files))]
    usual = files[of_file.index(statistics.median_low(of_file))]
    return mean, moved(answers["before"], answers["after"], labels), usual


def cold(file: Path, before: Path, rounds: int, folder: Path, n_threads: int) -> dict[str, dict[str, Took]]:
    """Seconds of commands, each in a new process."""
    measure = ["-m", "nanogauge", "measure", str(file), "-q", "--fresh", "-o"]
    commands: dict[str, list[str]] = {
        "`import nanogauge`": ["-c", "import nanogauge"],
        "`nanogauge --help`": ["-m", "nanogauge", "--help"],
        "`nanogauge measure FILE --no-report`": [*measure, "{out}", "--no-report"],
        "`nanogauge measure FILE`": [*measure, "{out}"],
    }
    versions = {"before": before, "after": HERE / "src"}
    took: dict[str, dict[str, list[Took]]] = {c: {v: [] for v in versions} for c in commands}
    rival: list[Took] = []
    for turn in range(rounds + 1):  # the first fills caches of bytecode
        for name, arguments in commands.items():
            for version, path in (list(versions.items()), list(reversed(versions.items())))[turn % 2]:
                done = [a.replace("{out}", str(folder / version)) for a in arguments]
                seconds = once(done, path, n_threads)
                if turn:
                    took[name][version].append(seconds)
        seconds = once(["-c", OTSU_ONCE, str(file)], None, n_threads)
        if turn:
            rival.append(seconds)
    out = {name: {v: Took.median(s) for v, s in by.items()} for name, by in took.items()}
    return out | {"scikit-image, Otsu + watershed, a script": {"rival": Took.median(rival)}}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--before", required=True, help="revision of this repository, or a folder that holds nanogauge/")
    parser.add_argument("--network", default="unet", help="engine of the version after: a name or FILE.onnx")
    parser.add_argument("--rounds", type=int, default=1, help="of each file, warm")
    parser.add_argument("--cold", type=int, default=5, metavar="ROUNDS", help="of each command; 0: none")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = source_of(options.before, folder)
        seconds, said, usual = warm(options.files, before, options.network, options.rounds, folder, options.threads)
        threads = f"{options.threads} thread{'s' if options.threads > 1 else ''}"
        print(
            f"| A micrograph, file to result (mean of {len(options.files)}), {threads} | s of the processor | s of the clock |",
            end="",
        )
        print(" over before |\n|---|---|---|---|")
        for what, s in seconds.items():
            print(f"| {what} | {s.processor:.3f} | {s.clock:.3f} | {_over(s, seconds['before'])} |")
        print("\n" + "\n".join(f"- {line}" for line in said), flush=True)
        if options.cold:
            found = cold(usual, before, options.cold, folder, options.threads)
            rival = found.popitem()[1]["rival"]
            print(f"\n| Command, new process, {threads}; s of the processor, of the clock | before | after |", end="")
            print(" over before | over the script |\n|---|---|---|---|---|")
            for what, by in found.items():
                b, a = by["before"], by["after"]
                ran = f"{b.processor:.2f}, {b.clock:.2f} | {a.processor:.2f}, {a.clock:.2f}"
                print(f"| {what} | {ran} | {_over(a, b)} | {_over(a, rival)} |")
            ran = f"{rival.processor:.2f}, {rival.clock:.2f}"
            print(f"| scikit-image, Otsu + watershed, a script | | {ran} | | 1 |")


def _over(a: Took, b: Took) -> str:
    """How much of the processor's and of the clock's time one takes over another's."""
    return ", ".join(f"{p / q:.2f}" for p, q in zip(a, b, strict=True))


if __name__ == "__main__":
    main()
