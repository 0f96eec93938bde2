"""The few figures that must not creep: measured, appended to history.csv, and drawn against the commits before.

    python benchmarks/history.py                      # measures, and appends a row for each figure: two minutes
    python benchmarks/history.py --only accuracy      # those whose name begins so
    python benchmarks/history.py --only work          # instructions, counted; as good on a busy machine as on an idle one
    python benchmarks/history.py --check              # what got worse by 5 % or more from one row to the next; measures nothing
    python benchmarks/history.py --plot history.png   # draws what is there; measures nothing

Speed is kept as a ratio to a yardstick that runs in turn with it in the same process, and in processor time of one thread, so that
rows of other machines and of busy ones can be set beside each other. The yardstick is a fixed piece of work: two matrix products of
768 x 768 and eight blurs of a picture of 1024 x 1024. Accuracy is that of the four examples, which no network has learned from.
Work is kept as the instructions that steps take, counted under callgrind where there is one (see instructions.py): a step that
takes 5 % more is named, and the command ends with 1. Commit first: a row names the commit it was measured on, with a + where the
source had been changed since.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from instructions import work  # noqa: E402
from performance import interleaved, scene  # noqa: E402

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ("date", "commit", "machine", "benchmark", "value")
EXAMPLES = sorted((ROOT / "examples").glob("*.png"))
ROUNDS = 5


def yardstick() -> Callable[[], object]:
    """The fixed piece of work."""
    rng = np.random.default_rng(0)
    a, picture = rng.random((768, 768), np.float32), rng.random((1024, 1024), np.float32)

    def work() -> None:
        for _ in range(2):
            a @ a
        for _ in range(8):
            cv2.GaussianBlur(picture, (0, 0), 3.0)

    return work


def speed() -> dict[str, float]:
    """Each step over the yardstick."""
    from nanogauge.core.scale import Scale
    from nanogauge.core.settings import Settings
    from nanogauge.detection.edges import true_edge
    from nanogauge.detection.find import find_particles
    from nanogauge.detection.segment import predict
    from nanogauge.detection.separate import separate
    from nanogauge.measuring import measure_particles
    from nanogauge.pipeline.measure import Measurer
    from nanogauge.reading import read_micrograph

    cv2.setNumThreads(1)
    measurer = Measurer(n_threads=1)
    engine, grey = measurer.engine, read_micrograph(EXAMPLES[0]).grey8()
    tile = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    maps, picture = scene(2000, (1024, 1280))
    labels, scale = separate(maps), Scale((1.0, 1.0), 0.02, "user")
    jobs: dict[str, Callable[[], object]] = {
        "yardstick": yardstick(),
        "network, a tile of 512 px": partial(predict, tile, engine),
        "particles found in an example": partial(find_particles, grey, engine, Settings()),
        "2,000 particles separated": partial(separate, maps),
        "2,000 outlines moved to the edge": partial(true_edge, labels, picture, maps.foreground),
        "2,000 particles measured": partial(measure_particles, labels, pixels=picture, scale=scale, foreground=maps.foreground),
        "an example from file to result": partial(measurer.measure, EXAMPLES[0]),
    }
    least = interleaved(jobs, rounds=ROUNDS, clock=time.process_time)
    unit = least.pop("yardstick")
    return {f"speed: {name}, yardsticks": seconds / unit for name, seconds in least.items()}


def start_up() -> dict[str, float]:
    """Whole commands in fresh processes, over one that imports NumPy, pandas, OpenCV and ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        measure = ["-m", "nanogauge", "measure", str(EXAMPLES[0]), "-o", folder, "--no-report", "-q", "--fresh"]
        commands = {
            "imports": ["-c", "import numpy, pandas, cv2, onnxruntime"],
            "nanogauge --help": ["-m", "nanogauge", "--help"],
            "nanogauge measure FILE --no-report": measure,
        }
        least = interleaved({k: partial(_run, v) for k, v in commands.items()}, rounds=3, clock=_children)
    unit = least.pop("imports")
    return {f"start: {name}, imports of the libraries": seconds / unit for name, seconds in least.items()}


def _run(arguments: list[str]) -> None:
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as where it is installed
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True, env=kept)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def accuracy() -> dict[str, float]:
    """Of the four examples: particles found, and how far the mean lies off."""
    from nanogauge.pipeline.measure import Measurer
    from nanogauge.reading.labels import read_labels
    from nanogauge.training.evaluate import score_image, summarise_scores

    with (ROOT / "examples" / "truth.csv").open(newline="", encoding="utf-8") as stream:
        mean = {r["file"]: float(r["mean_equivalent_diameter_nm"]) for r in csv.DictReader(stream)}
    measurer, scores, off = Measurer(n_threads=1), [], []
    for file in EXAMPLES:
        m = measurer.measure(file)
        truth = read_labels(ROOT / "examples" / "labels" / f"{file.stem}.tif", shape=m.micrograph.shape)
        scores.append(score_image(m.labels, truth, name=file.stem))
        off.append(100 * abs(m.distribution.mean.value / mean[file.name] - 1))
    figures = summarise_scores(scores)
    return {
        "accuracy: mean F1 at IoU 0.5 of the examples": figures["f50_mean"],
        "accuracy: pooled IoU of the examples": figures["iou_pooled"],
        "accuracy: mean diameter off, % (mean of the examples)": float(np.mean(off)),
    }


def size() -> dict[str, float]:
    """Lines of the source."""
    files = [p.read_text(encoding="utf-8").count("\n") for p in (ROOT / "src").rglob("*.py")]
    return {"size: lines of src": float(sum(files)), "size: lines of its longest file": float(max(files))}


GROUPS = {"work": work, "speed": speed, "start": start_up, "accuracy": accuracy, "size": size}
WORSE = 1.05
"""Of a number of instructions, from one row to the next: what is said."""
NOISY = {"speed": 1.2, "start": 1.2}
"""Of figures of the clock, which are off by as much on a machine that others use too."""


def machine() -> str:
    """The machine in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, OpenCV {cv2.__version__}"


def commit() -> str:
    """The commit; with a + where files were changed since."""

    def said(*command: str) -> str:
        return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    return said("rev-parse", "--short", "HEAD") + ("+" if said("status", "--porcelain", "--untracked-files=no", "src") else "")


def append(values: dict[str, float]) -> None:
    """One row a figure."""
    about = [date.today().isoformat(), commit(), machine()]
    new = not FILE.exists()
    with FILE.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerows([*about, name, f"{value:.5g}"] for name, value in values.items())


def rows_of(file: Path = FILE) -> list[dict[str, str]]:
    """The history."""
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def grown(rows: list[dict[str, str]]) -> list[str]:
    """A line for each figure of work or time whose newest value is larger, by more than its kind is off, than the one before on the
    same machine."""
    series: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        series.setdefault((row["machine"], row["benchmark"]), []).append(row)
    said = []
    for (_, name), values in series.items():
        group = name.split(":")[0]
        if len(values) < 2 or group not in ("work", *NOISY):
            continue
        before, now = values[-2:]
        factor = float(now["value"]) / float(before["value"])
        if factor >= NOISY.get(group, WORSE):
            more = f"{before['commit']} {before['value']} -> {now['commit']} {now['value']} ({100 * (factor - 1):+.1f} %)"
            said.append(f"{name}: {more}")
    return said


def plot(out: Path) -> None:
    """A small picture for each figure: its values in the order of the rows, a colour for each machine."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = rows_of()
    commits = list(dict.fromkeys(r["commit"] for r in rows))
    machines = list(dict.fromkeys(r["machine"] for r in rows))
    names = list(dict.fromkeys(r["benchmark"] for r in rows))
    figure, axes = pyplot.subplots(-(-len(names) // 3), 3, figsize=(13, 2.6 * -(-len(names) // 3)), sharex=True, squeeze=False)
    for ax, name in zip(axes.ravel(), names, strict=False):
        for k, where in enumerate(machines):
            mine = [r for r in rows if r["benchmark"] == name and r["machine"] == where]
            ax.plot([commits.index(r["commit"]) for r in mine], [float(r["value"]) for r in mine], "o-", color=f"C{k}", label=where)
        ax.set_title(name, fontsize=8)
        ax.set_ylim(bottom=0)
        ax.grid(alpha=0.3)
        ax.set_xticks(range(len(commits)), commits, rotation=60, fontsize=7)
    for ax in axes.ravel()[len(names) :]:
        ax.axis("off")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="lower right", fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=GROUPS, help="measure these figures only")
    parser.add_argument("--check", action="store_true", help="name what got worse instead of measuring")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the history instead of measuring")
    options = parser.parse_args()
    if options.plot:
        plot(options.plot)
        return
    if options.check:
        _say_grown()
        return
    values: dict[str, float] = {}
    for name, measured in GROUPS.items():
        if options.only in (None, name) and (name != "work" or options.only or shutil.which("valgrind")):
            values |= measured()
    append(values)
    for name, value in values.items():
        print(f"{value:10.5g}  {name}")
    _say_grown()


def _say_grown() -> None:
    worse = grown(rows_of())
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    if worse:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
