"""Two versions of nanogauge and a script of scikit-image, by turns in one run: processor time warm and cold, and what results move.

    python benchmarks/before_after.py DATA/emps/images/*.png --before HEAD~5
    python benchmarks/before_after.py DATA/emps/images/*.png --before HEAD --network int8.onnx      # another network, the same code

`--before` is a revision of this repository, or a folder that holds `nanogauge/`. Each version has one process that stays, on one
thread; each file goes to all of them, one after the other, so that a slow moment hits all. Commands are started anew each time.
Seconds are of the processor (user and system), the medians of `--rounds`; sums are over all files.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent.parent
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

MEASURES = """
import json, sys, time
import cv2, numpy as np
from nanogauge.core.settings import Settings
from nanogauge.pipeline.measure import Measurer
cv2.setNumThreads(1)
measurer = Measurer(Settings().replace("segment", engine=sys.argv[1]), n_threads=1)
for line in sys.stdin:
    file, out = json.loads(line)
    began = time.process_time()
    m = measurer.measure(file)
    took = time.process_time() - began
    np.save(out, m.labels)
    table = m.particles
    d = table["equivalent_diameter_px"]
    print(json.dumps({"seconds": took, "mean": float(d.mean()) if len(d) else None, "table": table.to_csv()}), flush=True)
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
    began = time.process_time()
    measured(file)
    print(json.dumps({"seconds": time.process_time() - began}), flush=True)
"""
)
OTSU_ONCE = OTSU + "\nmeasured(sys.argv[1])\n"


@dataclass
class Stays:
    """A process that answers a line for each file."""

    process: subprocess.Popen[str]
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def started(cls, code: str, *arguments: str, path: Path | None = None) -> Stays:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(path),
        )
        return cls(process)

    def ask(self, file: Path, out: Path, *, counts: bool = True) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(file), str(out)]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{file}: the process ended; its message stands above")
        answer: dict[str, Any] = json.loads(line)
        if counts:
            self.seconds.append(answer["seconds"])
        return answer

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def environment(path: Path | None) -> dict[str, str]:
    """One thread, nanogauge from `path`, and bytecode kept, as where it is installed."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict.fromkeys(_THREADS, "1") | ({} if path is None else {"PYTHONPATH": str(path)})


def source_of(before: str, folder: Path) -> Path:
    """The folder that holds `nanogauge/` of that revision or folder."""
    if (Path(before) / "nanogauge").is_dir():
        return Path(before).resolve()
    packed = subprocess.run(["git", "-C", str(HERE), "archive", before, "src"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def once(arguments: list[str], path: Path | None) -> float:
    """Processor seconds of a command in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment(path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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


def warm(files: list[Path], before: Path, network: str, rounds: int, folder: Path) -> tuple[dict[str, float], list[str], Path]:
    """Seconds a micrograph, how results move, and the file that takes the median time."""
    stays = {
        "before": Stays.started(MEASURES, "unet", path=before),
        "after": Stays.started(MEASURES, network, path=HERE / "src"),
        "scikit-image, Otsu + watershed": Stays.started(OTSU_STAYS),
    }
    for process in stays.values():
        process.ask(files[0], folder / "first.npy", counts=False)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in stays}
    best: dict[str, float] = dict.fromkeys(stays, 0.0)
    of_file: list[float] = []
    for k, file in enumerate(files):
        took: dict[str, list[float]] = {name: [] for name in stays}
        for turn in range(rounds):
            for name in (stays, reversed(stays))[turn % 2]:
                answer = stays[name].ask(file, folder / f"{name[:6].strip()}-{k}.npy")
                took[name].append(answer["seconds"])
                if turn == 0:
                    answers[name].append(answer)
        for name, seconds in took.items():
            best[name] += statistics.median(seconds) / len(files)
        of_file.append(statistics.median(took["after"]))
    for process in stays.values():
        process.end()
    labels = [(folder / f"before-{k}.npy", folder / f"after-{k}.npy") for k in range(len(files))]
    usual = files[of_file.index(statistics.median_low(of_file))]
    return best, moved(answers["before"], answers["after"], labels), usual


def cold(file: Path, before: Path, rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of commands, each in a new process."""
    measure = ["-m", "nanogauge", "measure", str(file), "-q", "--fresh", "-o"]
    commands: dict[str, list[str]] = {
        "`import nanogauge`": ["-c", "import nanogauge"],
        "`nanogauge --help`": ["-m", "nanogauge", "--help"],
        "`nanogauge measure FILE --no-report`": [*measure, "{out}", "--no-report"],
        "`nanogauge measure FILE`": [*measure, "{out}"],
    }
    versions = {"before": before, "after": HERE / "src"}
    took: dict[str, dict[str, list[float]]] = {c: {v: [] for v in versions} for c in commands}
    rival: list[float] = []
    for turn in range(rounds + 1):  # the first fills caches of bytecode
        for name, arguments in commands.items():
            for version, path in (list(versions.items()), list(reversed(versions.items())))[turn % 2]:
                done = [a.replace("{out}", str(folder / version)) for a in arguments]
                seconds = once(done, path)
                if turn:
                    took[name][version].append(seconds)
        seconds = once(["-c", OTSU_ONCE, str(file)], None)
        if turn:
            rival.append(seconds)
    out = {name: {v: statistics.median(s) for v, s in by.items()} for name, by in took.items()}
    return out | {"scikit-image, Otsu + watershed, a script": {"rival": statistics.median(rival)}}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--before", required=True, help="revision of this repository, or a folder that holds nanogauge/")
    parser.add_argument("--network", default="unet", help="engine of the version after: a name or FILE.onnx")
    parser.add_argument("--rounds", type=int, default=1, help="of each file, warm")
    parser.add_argument("--cold", type=int, default=5, metavar="ROUNDS", help="of each command; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = source_of(options.before, folder)
        seconds, said, usual = warm(options.files, before, options.network, options.rounds, folder)
        print(f"| A micrograph, file to result (mean of {len(options.files)}) | s of the processor | over before |\n|---|---|---|")
        for what, s in seconds.items():
            print(f"| {what} | {s:.3f} | {s / seconds['before']:.2f} |")
        print("\n" + "\n".join(f"- {line}" for line in said), flush=True)
        if options.cold:
            found = cold(usual, before, options.cold, folder)
            rival = found.popitem()[1]["rival"]
            print("\n| Command, new process | before, s | after, s | over before | over the script |\n|---|---|---|---|---|")
            for what, by in found.items():
                b, a = by["before"], by["after"]
                print(f"| {what} | {b:.2f} | {a:.2f} | {a / b:.2f} | {a / rival:.2f} |")
            print(f"| scikit-image, Otsu + watershed, a script | | {rival:.2f} | | 1 |")


if __name__ == "__main__":
    main()
