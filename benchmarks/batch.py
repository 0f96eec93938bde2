"""Very many micrographs: rate, memory, nothing lost; a run killed again and again; two workers against one.

    python benchmarks/batch.py --n 10000                       the long run, killed three times, with its report
    python benchmarks/batch.py --n 1000 --engine unet --real DATA/emps/images --every-real 10
    python benchmarks/batch.py --compare 1,2 --n 60            micrographs a second by number of workers
    python benchmarks/batch.py --compare 1,2 --n 40 --engine unet --real DATA/emps/images

The micrographs are strips of a rendered field, each another; every hundredth is a file that is none. With --real every
two hundredth (--every-real; with --compare: each) is a real one, repeated under other names. Memory is the resident memory of
the run's processes, looked up in /proc each second.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from nanogauge.training.synthetic import Scene, render

EVERY_BAD, EVERY_REAL = 100, 200


def make_inputs(folder: Path, n: int, real: list[Path], *, every_real: int = EVERY_REAL) -> tuple[int, int]:
    """n inputs; how many of them are no pictures, and how many real."""
    folder.mkdir(parents=True)
    scene = Scene(shape=(900, 1300), layout="sparse", overlap=-0.25, coverage=0.15, median_diameter_px=14, geometric_sd=1.2)
    pixels = render(scene, seed=3).pixels
    n_bad = n_real = 0
    for k in range(n):
        name = folder / f"m{k:05d}"
        if real and k % every_real == min(7, every_real - 1):
            source = real[n_real % len(real)]
            shutil.copy(source, name.with_suffix(source.suffix))
            n_real += 1
        elif k % EVERY_BAD == 50:
            name.with_suffix(".png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
            n_bad += 1
        else:
            y, x = 3 * k % 860, 7 * k % 1190
            Image.fromarray(pixels[y : y + 31, x : x + 100]).save(name.with_suffix(".png"))
    return n_bad, n_real


def memory_mb(pid: int) -> dict[int, float]:
    """Resident memory of a process and of those it started."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "status").read_text()
        except OSError:
            continue
        number = int(folder.name)
        if number == pid or f"\nPPid:\t{pid}\n" in text:
            found[number] = next((int(x.split()[1]) / 1e3 for x in text.splitlines() if x.startswith("VmRSS")), 0.0)
    return found


def done_lines(out: Path) -> int:
    try:
        return (out / ".nanogauge" / "journal.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def command(work: Path, out: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "nanogauge", "measure", "in", "-o", out, "--scale", "2 nm/px", *options]


def run(
    arguments: list[str], work: Path, out: Path, *, kill_at: int | None, log: list[dict[str, float]], log_at: float
) -> int | None:
    """The exit code; None where it was killed, at `kill_at` outcomes."""
    with (work / "said.txt").open("a") as said:
        process = subprocess.Popen(arguments, cwd=work, stdout=said, stderr=said)
        while process.poll() is None:
            time.sleep(1)
            memory, n = memory_mb(process.pid), done_lines(out)
            others = [v for p, v in memory.items() if p != process.pid]
            log.append(
                {"s": time.time() - log_at, "done": n, "run_mb": memory.get(process.pid, 0), "worker_mb": max(others, default=0)}
            )
            if kill_at is not None and n >= kill_at:
                process.kill()
                process.wait()
                return None
    return process.returncode


def long_run(work: Path, n: int, real: list[Path], workers: int, engine: str, every_real: int) -> None:
    begun = time.time()
    n_bad, n_real = make_inputs(work / "in", n, real, every_real=every_real)
    print(f"{n} inputs, {n_real} of them real, {n_bad} no pictures, made in {time.time() - begun:.0f} s", flush=True)
    out, log, begun = work / "out", [], time.time()
    arguments = command(work, "out", "--workers", str(workers), "--engine", engine)
    for share in (0.2, 0.45, 0.7):
        assert run(arguments, work, out, kill_at=int(share * n), log=log, log_at=begun) is None
        print(f"killed after {done_lines(out)} outcomes, {time.time() - begun:.0f} s", flush=True)
    code = run(arguments, work, out, kill_at=None, log=log, log_at=begun)
    print(f"exit code {code} (1: the inputs that are no pictures), {time.time() - begun:.0f} s in all", flush=True)
    (work / "memory.json").write_text(json.dumps(log))
    with (out / "summary.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    files = sorted(p.name for p in (work / "in").iterdir())
    assert [Path(r["file"]).name for r in rows] == files, "a row is missing, or out of order"
    failed = [r for r in rows if r["status"] == "error"]
    lost = [r for r in rows if r["status"] != "error" and not (out / Path(r["file"]).stem / "measurement.json").is_file()]
    n_particles = sum(int(r["n_particles"] or 0) for r in rows)
    with (out / "particles.csv").open("rb") as f:
        n_lines = sum(1 for _ in f) - 1
    import pyarrow.dataset as ds

    n_parquet = ds.dataset(out / "particles.parquet").count_rows()
    print(
        f"rows {len(rows)}, failed {len(failed)} (of {n_bad}), lost {len(lost)}; particles {n_particles} = {n_lines} = {n_parquet}"
    )
    assert len(failed) == n_bad
    assert not lost
    assert n_particles == n_lines == n_parquet
    resumed = json.loads((out / "run.json").read_text(encoding="utf-8"))
    print(f"the last of the four runs kept {resumed['n_kept']} and measured {n - n_bad - resumed['n_kept']}")
    for share in (0.1, 0.25, 0.5, 0.75, 0.95):
        near = min((e for e in log if e["run_mb"] > 50 and e["worker_mb"] > 50), key=lambda e: abs(e["done"] - share * n))
        print(
            f"at {near['done']:6.0f}: {near['s']:6.0f} s, run {near['run_mb']:4.0f} MB, largest worker {near['worker_mb']:4.0f} MB"
        )
    most = {key: max(e[key] for e in log) for key in ("run_mb", "worker_mb")}
    print(f"most memory: run {most['run_mb']:.0f} MB (report and all), worker {most['worker_mb']:.0f} MB")
    folder_mb = (out / "report.html").stat().st_size / 1e6
    print(f"report.html {folder_mb:.2f} MB, report.pdf {(out / 'report.pdf').stat().st_size / 1e6:.2f} MB")


def processor_s() -> float:
    """Processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(work: Path, n: int, real: list[Path], numbers: list[int], engine: str, repeats: int) -> None:
    """Each number of workers on all cores, and on a core each: one worker alone uses every core for the network's tiles."""
    make_inputs(work / "in", n, real, every_real=1 if real else EVERY_REAL)
    all_cores = sorted(os.sched_getaffinity(0))
    cases = [(k, c) for k in numbers for c in sorted({min(k, len(all_cores)), len(all_cores)})]
    seconds: dict[tuple[int, int], list[float]] = {case: [] for case in cases}
    busy: dict[tuple[int, int], list[float]] = {case: [] for case in cases}
    for _ in range(repeats):
        for k, n_cores in cases:
            shutil.rmtree(work / "out", ignore_errors=True)
            arguments = command(work, "out", "--workers", str(k), "--engine", engine, "--no-report", "-q")
            begun, before = time.time(), processor_s()
            os.sched_setaffinity(0, all_cores[:n_cores])  # the command inherits it
            subprocess.run(arguments, cwd=work, stderr=subprocess.DEVNULL, check=False)
            os.sched_setaffinity(0, all_cores)
            seconds[k, n_cores].append(time.time() - begun)
            busy[k, n_cores].append(processor_s() - before)
    first = min(seconds[cases[0]])
    for k, n_cores in cases:
        took = seconds[k, n_cores]
        rate = f"{n / min(took):.2f} a second, {first / min(took):.2f} x ({', '.join(f'{s:.1f}' for s in took)} s for {n})"
        print(f"{k} workers on {n_cores} cores: {rate}; {min(busy[k, n_cores]) / n:.3f} s of processor each", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="threshold")
    parser.add_argument("--real", type=Path, help="folder of real micrographs")
    parser.add_argument("--every-real", type=int, default=EVERY_REAL, help="of the long run, one input in so many is a real one")
    parser.add_argument("--compare", help="numbers of workers, such as 1,2")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/batch"), help="folder for inputs and results; deleted first")
    a = parser.parse_args()
    real = sorted(p for p in a.real.iterdir() if p.suffix.lower() in (".png", ".tif", ".jpg")) if a.real else []
    shutil.rmtree(a.work, ignore_errors=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if a.compare:
        compare(a.work, a.n, real, [int(k) for k in a.compare.split(",")], a.engine, a.repeats)
    else:
        long_run(a.work, a.n, real, a.workers, a.engine, a.every_real)


if __name__ == "__main__":
    main()
