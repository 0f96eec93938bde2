"""How busy a device is kept: tiles a second by batch, their share of the device's own peak, and micrographs a second.

    python benchmarks/gpu.py                        # cuda where there is one, else a dry run on the processor
    python benchmarks/gpu.py --device tensorrt MICROGRAPH [MICROGRAPH ..]

Takes `--seconds` a line, five minutes at most in all; needs the extra `train` (onnx). The roofline is the multiplications of the
network's convolutions over the peak of a large matrix product in float32, measured on the same device in the same run. A GPU may
use TF32 for either.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from nanogauge.core.settings import Settings
from nanogauge.detection.engines.onnx import DEFAULT, PROVIDERS, OnnxEngine
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.training.export import free_batch

TILE_PX = 512


def rate(job: Callable[[], object], seconds: float) -> float:
    """Calls a second, after a first one that makes everything ready."""
    job()
    begun, n = time.perf_counter(), 0
    while not n or time.perf_counter() - begun < seconds:
        job()
        n += 1
    return n / (time.perf_counter() - begun)


def multiplications(path: Path) -> float:
    """Of the convolutions, for one tile of TILE_PX squared."""
    model = onnx.load(str(path))
    for k, size in enumerate((1, 1, TILE_PX, TILE_PX)):
        model.graph.input[0].type.tensor_type.shape.dim[k].dim_value = size
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.value_info, *graph.output)}
    shapes |= {
        i.name: list(i.dims) for i in graph.initializer
    }  # weights in half precision come by way of a cast, which has a shape
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    return float(sum(np.prod(shapes[n.input[1]]) * np.prod(shapes[n.output[0]][2:]) for n in convolutions))


def peak(provider: str, side: int, seconds: float) -> float:
    """Multiplications a second of a chain of matrix products (side, side), its input and output copied once."""
    n = 8
    square = [side, side]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, square) for name in ("x0", f"x{n}")]
    weight = np.random.default_rng(0).normal(0, side**-0.5, square).astype(np.float32)
    products = [helper.make_node("MatMul", [f"x{k}", "w"], [f"x{k + 1}"]) for k in range(n)]
    graph = helper.make_graph(products, "peak", values[:1], values[1:], [onnx.numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[provider])
    return n * float(side) ** 3 * rate(lambda: session.run(None, {"x0": weight}), seconds)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("micrographs", type=Path, nargs="*", help="default: those in examples/")
    parser.add_argument("--device", default="auto", help="cuda, tensorrt, cpu ...; auto: cuda where there is one")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each line of the table")
    parser.add_argument("--network", type=Path, default=DEFAULT)
    parser.add_argument("-o", "--out", type=Path, help="JSON file")
    args = parser.parse_args()
    files = args.micrographs or sorted((Path(__file__).parents[1] / "examples").glob("*.png"))
    with tempfile.TemporaryDirectory() as folder:
        network = Path(shutil.copy(args.network, folder))
        batched = free_batch(network)
        engine = OnnxEngine(network, device=args.device)
        provider = engine.providers[0]
        device = next(name for name, p in PROVIDERS.items() if p == provider)
        best = peak(provider, 512 if device == "cpu" else 4096, args.seconds)
        floor = multiplications(network) / best
        print(f"{device}: {best / 1e12:.3f} tera multiplications/s, roofline {1 / floor:.1f} tiles/s of {TILE_PX} px")
        tile = np.random.default_rng(0).normal(size=(TILE_PX, TILE_PX)).astype(np.float32)
        tiles: dict[int, float] = {}
        for batch in args.batches if batched else [1]:
            engine = OnnxEngine(network, device=args.device, batch=batch)
            n = 4 * batch

            def every(engine: OnnxEngine = engine, n: int = n) -> list[object]:
                return list(engine.predict_all(iter([tile] * n), n))

            tiles[batch] = n * rate(every, args.seconds)
            print(f"batch {batch:3d}: {tiles[batch]:8.1f} tiles/s, {100 * tiles[batch] * floor:5.1f} % of the roofline", flush=True)
        measurer = Measurer(Settings(), engine=OnnxEngine(network, device=args.device))
        pictures = [read_micrograph(f) for f in files]
        speed = len(pictures) * rate(lambda: [measurer.measure(p) for p in pictures], args.seconds)
    print(f"{speed:.2f} micrographs/s, read into memory beforehand, one process, scale and particle table too")
    if args.out:
        result = {"device": device, "peak": best, "roofline_tiles": 1 / floor, "tiles": tiles, "micrographs": speed}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
