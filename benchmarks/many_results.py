"""Tables and report of very many micrographs: processor time and memory by their number, which must grow in proportion to it.

    python benchmarks/many_results.py                          # 1,000, 3,000 and 10,000: half an hour, some GB of disk
    python benchmarks/many_results.py --n 300 1000 --profile   # where the time goes

The results are those of the examples, copied under other names, as a run of that many micrographs leaves them; nothing is measured.
Each number is done in a process of its own: summary.csv, particles.csv and particles.parquet; what the report gathers from the
folders; the report, its pages, workbook and PDF.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

ROOT = Path(__file__).parents[1]
_COPIED = ("measurement.json", "particles.csv", "overlay.png", "report.html", "scale_bar.png")


def measure_examples(out: Path) -> None:
    """The results that are copied: the four examples, with a page each."""
    from nanogauge.batch import BatchOptions, Item, Listed, run_batch
    from nanogauge.core.settings import Settings
    from nanogauge.reporting.run_report import Outputs

    files = sorted((ROOT / "examples").glob("*.png"))
    source = Listed(Item(file=f, name=f.stem) for f in files)
    source.n_expected = None  # as of a run whose end is not known: a page for each micrograph
    outputs, options = Outputs(), BatchOptions(workers="1")
    with run_batch(source, out, settings=Settings(), about={}, outputs=outputs, options=options, quiet=True) as result:
        assert not result.n_failed


def copies(measured: Path, out: Path, n: int) -> list[tuple[str, dict[str, Any]]]:
    """n result folders in OUT; name and row of summary.csv of each. Files are linked where the disk can."""
    from nanogauge.results.saved import read_saved

    originals = sorted(p.parent for p in measured.glob("*/measurement.json"))
    rows = {p: read_saved(p, particles=False, pictures=False).summary_row(f"{p.name}.png") for p in originals}
    made = []
    for k in range(n):
        folder = originals[k % len(originals)]
        name = f"m{k:06d}"
        (out / name).mkdir(parents=True)
        for part in _COPIED:
            if (folder / part).is_file():
                _link(folder / part, out / name / part)
        made.append((name, rows[folder] | {"file": f"in/{name}.png"}))
    return made


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def one(measured: Path, out: Path, n: int, *, profile: bool) -> dict[str, float]:
    """Tables and report of n micrographs, in this process."""
    from nanogauge.batch import LARGE_RUN
    from nanogauge.reporting.run_report import Outputs, collect, write_report
    from nanogauge.results.run_tables import RunTables

    entries = copies(measured, out, n)
    figures: dict[str, float] = {"n": n}
    watch = cProfile.Profile()

    def timed(name: str, job: Callable[[], Any]) -> Any:
        begun = time.process_time()
        found = watch.runcall(job) if profile else job()
        figures[f"{name}_s"] = time.process_time() - begun
        figures[f"{name}_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return found

    def tables() -> int:
        with RunTables(out, data_set=n > LARGE_RUN) as written:
            for name, row in entries:
                written.add(row, name)
        return written.n_particles

    figures["particles"] = timed("tables", tables)
    collected = timed("gather", lambda: collect(out, entries, n=n, sample="copies"))
    timed("report", lambda: write_report(out, collected, Outputs()))
    figures["html_mb"] = (out / "report.html").stat().st_size / 1e6
    if profile:
        pstats.Stats(watch, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
    return figures


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument(
        "--work", type=Path, default=Path("runs/many"), help="folder for the results; deleted first, and at the end"
    )
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.one is not None:
        print(json.dumps(one(a.one, a.work, a.n[0], profile=a.profile)))
        return
    shutil.rmtree(a.work, ignore_errors=True)
    measure_examples(a.work / "measured")
    print(
        f"{'micrographs':>11} {'particles':>10} {'tables':>8} {'gather':>8} {'report':>8} {'all, ms each':>12} {'peak memory':>12}"
    )
    for n in a.n:
        arguments = ["--one", a.work / "measured", "--n", n, "--work", a.work / "copies", *(["--profile"] if a.profile else [])]
        said = subprocess.run([sys.executable, __file__, *map(str, arguments)], stdout=subprocess.PIPE, check=True).stdout
        f = json.loads(said)
        total = f["tables_s"] + f["gather_s"] + f["report_s"]
        print(
            f"{n:11d} {f['particles']:10d} {f['tables_s']:6.1f} s {f['gather_s']:6.1f} s {f['report_s']:6.1f} s "
            f"{1000 * total / n:12.2f} {f['report_peak_mb']:9.0f} MB",
            flush=True,
        )
        shutil.rmtree(a.work / "copies")
    shutil.rmtree(a.work)


if __name__ == "__main__":
    main()
