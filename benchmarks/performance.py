"""How fast it is, as ratios measured in one run: networks interleaved, stages, cost against pixels, particles and start-up.

    python benchmarks/performance.py DATA -o docs          # writes docs/performance.json and docs/performance.png
    python benchmarks/performance.py DATA --threads 1 --cpu-time        # on a machine that is busy

Two versions of the code in one run, beside scikit-image: `before_after.py`.

`--rivals PYTHON` runs the architectures of Cellpose 3 and InstanSeg (untrained: time only) in another environment, that has
torch and `pip install --no-deps "cellpose<4" instanseg-torch fastremap fill-voids natsort numba llvmlite`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Clock = Callable[[], float]
TILE_PX = 512


def interleaved(jobs: dict[str, Callable[[], object]], *, rounds: int, clock: Clock) -> dict[str, float]:
    """Least seconds of each job, the jobs taken in turn so that a slow moment hits all of them."""
    for job in jobs.values():
        job()
    least = dict.fromkeys(jobs, np.inf)
    for _ in range(rounds):
        for name, job in jobs.items():
            began = clock()
            job()
            least[name] = min(least[name], clock() - began)
    return least


def network_operations(path: Path) -> dict[str, float]:
    """Multiplications (GMAC) of the network's convolutions on a tile: in int8 and in float."""
    import onnx
    from onnx import shape_inference

    model = onnx.load(str(path))
    for dim, value in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 1, TILE_PX, TILE_PX), strict=True):
        dim.ClearField("dim_param")
        dim.dim_value = value
    model.graph.output[0].type.tensor_type.shape.ClearField("dim")
    del model.graph.value_info[:]
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in [*inferred.value_info, *inferred.output]}
    stored = {i.name: list(i.dims) for i in inferred.initializer}
    makers = {o: n for n in inferred.node for o in n.output}
    total = {"int8": 0.0, "float": 0.0}
    for node in inferred.node:
        if node.op_type == "Conv":
            maker = makers.get(node.input[1])  # weights stored in half precision are widened, those in int8 scaled
            is_float = maker is None or maker.op_type == "Cast"
            weight = stored[node.input[1] if maker is None else maker.input[0]]
            shape = shapes.get(node.output[0]) or []
            if len(shape) == 4 and all(shape):
                total["float" if is_float else "int8"] += float(np.prod(shape) * np.prod(weight[1:]) / 1e9)
    return total


def networks(network: Path, int8: Path | None, n_threads: int, *, rounds: int, clock: Clock) -> dict[str, Any]:
    """The network on one tile: eager PyTorch, ONNX Runtime as it is shipped and in int8, and the roofline of each."""
    import torch

    from nanogauge.detection.engines.onnx import OnnxEngine
    from nanogauge.training.shipped import read_onnx

    torch.set_num_threads(n_threads)
    net = read_onnx(network)
    x = np.random.default_rng(0).normal(size=(TILE_PX, TILE_PX)).astype(np.float32)
    files = {"onnxruntime": network} | ({} if int8 is None else {"onnxruntime int8": int8})
    engines = {name: OnnxEngine(path, n_threads=n_threads) for name, path in files.items()}
    a = torch.randint(-60, 60, (1024, 1024), dtype=torch.int8)
    f = torch.randn(1024, 1024)
    one = torch.from_numpy(x)[None, None]

    def eager() -> object:
        with torch.inference_mode():
            return net(one)

    jobs: dict[str, Callable[[], object]] = {"pytorch eager fp32": eager}
    jobs |= {name: partial(engine.predict, x) for name, engine in engines.items()}
    pairs: dict[str, Callable[[], object]] = {}
    if n_threads > 1:  # a tile a core, as nanogauge takes the tiles of a picture; the rivals in the same way
        pool = ThreadPoolExecutor(n_threads)
        for name, engine in engines.items():
            pairs[f"{name}, a tile a core"] = lambda e=engine: list(e.predict_all(iter([x] * n_threads), n_threads))  # type: ignore[misc]

        def eager_alone(_: int) -> object:
            torch.set_num_threads(1)
            return eager()

        def eager_pair() -> object:
            done = list(pool.map(eager_alone, range(n_threads)))
            torch.set_num_threads(n_threads)
            return done

        pairs["pytorch eager fp32, a tile a core"] = eager_pair
    least = interleaved(jobs | pairs, rounds=rounds, clock=clock)
    least |= {name: least[name] / n_threads for name in pairs}
    products: dict[str, Callable[[], object]] = {"int8": lambda: torch._int_mm(a, a), "float": lambda: f @ f}
    # short and many: a peak that is missed makes everything else look good
    peak = {name: 1024**3 / s / 1e9 for name, s in interleaved(products, rounds=25 * rounds, clock=clock).items()}
    work = {name: network_operations(path) for name, path in files.items()}
    roofline = {name: sum(gmac / peak[kind] for kind, gmac in by.items()) for name, by in work.items()}
    best = {name: min(s for job, s in least.items() if job.removesuffix(", a tile a core") == name) for name in files}
    return {
        "seconds_a_tile": least,
        "gmac_a_tile": work,
        "peak_gmac_a_second": peak,
        "roofline_seconds": roofline,
        "over_roofline": {name: best[name] / roofline[name] for name in files},
        "eager_over": {name: min(s for job, s in least.items() if "eager" in job) / best[name] for name in files},
    }


def micrographs(data: Path, n_threads: int, engine: str, *, rounds: int, clock: Clock) -> dict[str, Any]:
    """End to end on real micrographs, against Otsu + watershed: file to Measurement, report not written."""
    from nanogauge.core.settings import Settings
    from nanogauge.pipeline.measure import Measurer

    files = sorted((data / "silica" / "images").iterdir())[:22:7]
    out: dict[str, Any] = {}
    names = {"nanogauge": engine, "otsu + watershed": "threshold"}
    measurers = {k: Measurer(Settings().replace("segment", engine=v), n_threads=n_threads) for k, v in names.items()}
    jobs = {f"{name}": (lambda m=m: [m.measure(f) for f in files]) for name, m in measurers.items()}
    least = interleaved(jobs, rounds=rounds, clock=clock)
    shape = measurers["otsu + watershed"].measure(files[0]).micrograph.shape
    out["files"], out["shape"] = [f.name for f in files], list(shape)
    out["seconds_a_micrograph"] = {name: s / len(files) for name, s in least.items()}
    return out


def scene(n_particles: int, shape: tuple[int, int]) -> tuple[Any, np.ndarray]:
    """Maps of discs on a grid, and the picture."""
    from nanogauge.core.protocols import Maps

    rng = np.random.default_rng(0)
    pitch = np.sqrt(shape[0] * shape[1] / n_particles)
    f, d = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    reach = int(pitch / 2)
    yy, xx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    for y in np.arange(pitch / 2, shape[0] - reach, pitch).astype(int):
        for x in np.arange(pitch / 2, shape[1] - reach, pitch).astype(int):
            radius = rng.uniform(0.24, 0.4) * pitch
            away = np.hypot(yy + rng.uniform(-0.5, 0.5), xx + rng.uniform(-0.5, 0.5))
            window = np.s_[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
            part = np.s_[max(reach - y, 0) :, max(reach - x, 0) :]
            piece = f[window].shape
            f[window] = np.maximum(f[window], 1 / (1 + np.exp(np.clip((away[part][: piece[0], : piece[1]] - radius) * 2, -50, 50))))
            d[window] = np.maximum(d[window], np.clip(1 - away[part][: piece[0], : piece[1]] / radius, 0, 1))
    f = np.clip(f + rng.normal(0, 0.01, shape), 0, 1).astype(np.float32)
    return Maps(f, np.zeros(shape, np.float32), d), (60 + 120 * f).astype(np.uint8)


def particles(*, rounds: int, clock: Clock) -> list[dict[str, float]]:
    """Separating and measuring against the number of particles in a 1280 x 1024 frame."""
    from nanogauge.core.scale import Scale
    from nanogauge.detection.separate import separate
    from nanogauge.measuring import measure_particles

    rows = []
    for n in (20, 200, 2000, 8000):
        maps, grey = scene(n, (1024, 1280))
        labels = separate(maps)
        scale = Scale((1.0, 1.0), 0.02, "user")
        measure = partial(measure_particles, labels, pixels=grey, scale=scale, foreground=maps.foreground)
        jobs: dict[str, Callable[[], object]] = {"separate_s": partial(separate, maps), "measure_s": measure}
        rows.append({"n_particles": int(labels.max())} | interleaved(jobs, rounds=rounds, clock=clock))
    return rows


def pixels(n_threads: int, engine: str, *, rounds: int, clock: Clock) -> list[dict[str, float]]:
    """The network's part against the size of the working picture."""
    from nanogauge.detection.engines import make_engine
    from nanogauge.detection.segment import predict

    network = make_engine(engine, n_threads=n_threads)
    rows = []
    for side in (256, 512, 1024, 2048):
        picture = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
        least = interleaved({"s": lambda p=picture: predict(p, network)}, rounds=max(1, rounds // 2), clock=clock)
        rows.append({"megapixels": side * side / 1e6, "seconds": least["s"]})
    return rows


def start_up(data: Path, engine: str) -> dict[str, Any]:
    """Processor seconds and wall seconds of whole commands, each in a fresh process: the least of three."""
    file = sorted((data / "silica" / "images").iterdir())[0]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "nanogauge --help": ["--help"],
            "nanogauge measure FILE --no-report": ["measure", str(file), "-o", folder, "--engine", engine, "--no-report", "-q"],
            "nanogauge measure FILE": ["measure", str(file), "-o", folder, "--engine", engine, "-q"],
        }
        out = {}
        for name, arguments in commands.items():
            took = []
            for _ in range(3):
                extra = ["--fresh"] if arguments[0] == "measure" else []
                before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                subprocess.run([sys.executable, "-m", "nanogauge", *arguments, *extra], stdout=subprocess.DEVNULL, check=False)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                took.append((cpu, time.perf_counter() - began))
            out[name] = {"cpu_s": min(t[0] for t in took), "wall_s": min(t[1] for t in took)}
    return out


RIVALS = """
import json, sys, time, numpy as np, torch
threads, rounds, cpu = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"
clock = time.process_time if cpu else time.perf_counter
torch.set_num_threads(threads)
out = {}
def least(f):
    f(); t = []
    for _ in range(rounds):
        a = clock(); f(); t.append(clock() - a)
    return min(t)
try:
    from cellpose.resnet_torch import CPnet
    net = CPnet([2, 32, 64, 128, 256], 3, sz=3).eval(); x = torch.randn(1, 2, 512, 512)
    def run():
        with torch.inference_mode(): net(x)
    out["cellpose 3 (untrained)"] = least(run)
except Exception as e: out["cellpose 3 error"] = repr(e)[:200]
try:
    from instanseg.utils.models.InstanSeg_UNet import InstanSeg_UNet
    net = InstanSeg_UNet(in_channels=1, layers=[256, 128, 64, 32], out_channels=[[2, 2, 1]]).eval(); y = torch.randn(1, 1, 512, 512)
    def run():
        with torch.inference_mode(): net(y)
    out["instanseg (untrained)"] = least(run)
except Exception as e: out["instanseg error"] = repr(e)[:200]
print(json.dumps(out))
"""


def rivals(python: str, n_threads: int, *, rounds: int, cpu_time: bool) -> dict[str, Any]:
    """Seconds a tile of other architectures, eager PyTorch, weights untrained."""
    done = subprocess.run(
        [python, "-c", RIVALS, str(n_threads), str(rounds), str(int(cpu_time))], capture_output=True, text=True, check=False
    )
    return dict(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else {"error": done.stderr[-300:]}


def plot(result: dict[str, Any], path: Path) -> None:
    """Networks beside the roofline; cost against pixels and particles."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    bars = result["networks"]["seconds_a_tile"] | {k: v for k, v in result.get("rivals", {}).items() if isinstance(v, float)}
    bars |= {f"roofline of {name}": s for name, s in result["networks"]["roofline_seconds"].items()}
    names = sorted(bars, key=lambda k: -bars[k])
    left.barh(names, [1000 * bars[k] for k in names], color=["#0072B2" if k.startswith("onnx") else "#999999" for k in names])
    left.bar_label(left.containers[0], fmt="%.0f", padding=2, fontsize=8)
    left.set(xlabel="ms a tile of 512 × 512 px", xscale="log", title="Network")
    left.margins(x=0.15)
    left.tick_params(axis="y", labelsize=8)
    rows = result["pixels"]
    middle.loglog([r["megapixels"] for r in rows], [r["seconds"] for r in rows], "o-", color="#0072B2")
    middle.set(xlabel="working picture (megapixels)", ylabel="s", title="Segmentation")
    rows = result["particles"]
    for key, colour in (("separate_s", "#009E73"), ("measure_s", "#D55E00")):
        right.loglog([r["n_particles"] for r in rows], [r[key] for r in rows], "o-", color=colour, label=key[:-2])
    right.axhline(0.3, color="black", lw=0.8, ls=":")
    right.legend(frameon=False)
    right.set(xlabel="particles in 1280 × 1024 px", ylabel="s", title="Separating and measuring")
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    n = result["networks"]
    lines = ["| Network, a tile of 512 × 512 px | ms | times that shipped |", "|---|---|---|"]
    base = n["seconds_a_tile"]["onnxruntime"]
    shown = n["seconds_a_tile"] | {k: v for k, v in result.get("rivals", {}).items() if isinstance(v, float)}
    shown |= {f"roofline of {name}": seconds for name, seconds in n["roofline_seconds"].items()}
    lines += [f"| {k} | {1000 * v:.0f} | {v / base:.2f} |" for k, v in shown.items()]
    lines += ["", "| A micrograph, file to result | s |", "|---|---|"]
    lines += [f"| {k} | {v:.2f} |" for k, v in result["micrographs"]["seconds_a_micrograph"].items()]
    lines += ["", "| Particles in 1280 × 1024 px | separate, s | measure, s |", "|---|---|---|"]
    lines += [f"| {r['n_particles']} | {r['separate_s']:.3f} | {r['measure_s']:.3f} |" for r in result["particles"]]
    lines += ["", "| Working picture, megapixels | s |", "|---|---|"]
    lines += [f"| {r['megapixels']:.2f} | {r['seconds']:.2f} |" for r in result["pixels"]]
    lines += ["", "| Command, fresh process | processor s | wall s |", "|---|---|---|"]
    lines += [f"| `{k}` | {v['cpu_s']:.2f} | {v['wall_s']:.2f} |" for k, v in result["start_up"].items()]
    return "\n".join(lines)


def main() -> None:
    """See the module's docstring."""
    from nanogauge.detection.engines.onnx import DEFAULT

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("data", type=Path, help="folder with silica/images")
    parser.add_argument("-o", "--out", type=Path, help="folder for performance.json and performance.png")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--cpu-time", action="store_true", help="processor time instead of wall time; with --threads 1")
    parser.add_argument("--network", type=Path, default=DEFAULT, help="network to time; default: the shipped one")
    parser.add_argument("--int8", type=Path, help="the same in int8 (nanogauge export NETWORK.onnx --calibrate FOLDER)")
    parser.add_argument("--rivals", help="python of the environment with cellpose and instanseg-torch")
    args = parser.parse_args()
    clock = time.process_time if args.cpu_time else time.perf_counter
    timing: dict[str, Any] = {"rounds": args.rounds, "clock": clock}
    engine = str(args.network)
    result: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "threads": args.threads, "load": os.getloadavg()[0]},
        "clock": "processor time" if args.cpu_time else "wall time",
        "networks": networks(args.network, args.int8, args.threads, **timing),
    }
    if args.rivals:
        result["rivals"] = rivals(args.rivals, args.threads, rounds=args.rounds, cpu_time=args.cpu_time)
    result["pixels"] = pixels(args.threads, engine, **timing)
    result["particles"] = particles(**timing)
    result["micrographs"] = micrographs(args.data, args.threads, engine, rounds=max(2, args.rounds // 3), clock=clock)
    result["start_up"] = start_up(args.data, engine)
    result["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(table(result))
    print(json.dumps({k: result[k] for k in ("machine", "clock", "peak_memory_mb")} | {"ratios": _ratios(result)}, indent=1))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "performance.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        plot(result, args.out / "performance.png")


def _ratios(result: dict[str, Any]) -> dict[str, float]:
    return {f"{name} {k}": round(v, 2) for k in ("over_roofline", "eager_over") for name, v in result["networks"][k].items()}


if __name__ == "__main__":
    main()
