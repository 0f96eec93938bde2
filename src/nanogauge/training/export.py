"""Checkpoint -> one ONNX file: fp32 with the sigmoid in the graph, then int8 (QDQ, static, per channel), calibrated on pictures."""

from __future__ import annotations

import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import SettingsError
from .graft import MOST_LOGIT, graft
from .graph import halve, optimise
from .network import OUTPUTS, UNet, build

OPSET = 18
_WORTH_HALVING = 256  # weights of a layer


class WithSigmoid(nn.Module):
    """Logits to maps in [0, 1]; of a network with classes, to its maps and to the probability of each class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.has_classes = isinstance(network, UNet) and network.class_head is not None
        self.n_maps = len(network.outputs) if isinstance(network, UNet) else len(OUTPUTS)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        y = self.network(x)
        if not self.has_classes:
            return torch.sigmoid(y)
        likely = torch.exp(y[:, self.n_maps :].clamp(-MOST_LOGIT, MOST_LOGIT))  # quicker than a softmax across channels
        return torch.sigmoid(y[:, : self.n_maps]), likely / likely.sum(1, keepdim=True)


def load(checkpoint: Path) -> UNet:
    """The averaged (EMA) network of a checkpoint, in evaluation mode."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    network = build(state["recipe"]["network"], classes=len(state["recipe"].get("names", ())))
    network.load_state_dict(state["ema"])
    return network.eval()


def export_fp32(network: nn.Module, path: Path, *, names: dict[str, str] | None = None) -> None:
    """Writes PATH: input "grey" (1, 1, H, W), output "maps" (1, n, H, W), H and W free multiples of 32; of a network with K
    classes also "classes" (1, K, H, W)."""
    whole = WithSigmoid(network)
    maps = network.outputs if isinstance(network, UNet) else OUTPUTS
    outputs = ["maps", "classes"] if whole.has_classes else ["maps"]
    write_onnx(whole, path, outputs=outputs, names={"outputs": ",".join(maps)} | (names or {}))


def write_onnx(module: nn.Module, path: Path, *, outputs: list[str], names: dict[str, str], height: int | None = None) -> None:
    """Writes PATH: input "grey" (1, 1, H, W), H and W free multiples of 32, or H of that height; outputs and metadata by name."""
    example = torch.zeros(1, 1, height or 96, 128)
    h, w = torch.export.Dim("h", min=1, max=256), torch.export.Dim("w", min=1, max=256)
    with _quietly(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about its own internals
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["grey"],
            output_names=outputs,
            dynamic_shapes=({3: 32 * w} if height else {2: 32 * h, 3: 32 * w},),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # torch writes stack traces with this machine's paths there
    for key, value in names.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch and the quantiser print of their own progress and of packages that are not needed."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)


class _Reader:
    """Calibration pictures as ONNX Runtime's quantiser wants them, one by one: it keeps all layers' values of what it is given."""

    def __init__(self, pictures: Sequence[NDArray[np.float32]]) -> None:
        self._pictures, self._range = pictures, iter(range(len(pictures)))

    def __len__(self) -> int:
        return len(self._pictures)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._range = iter(range(start_index, end_index))

    def get_next(self) -> dict[str, Any] | None:
        k = next(self._range, None)
        return None if k is None else {"grey": self._pictures[k][None, None]}


def quantise(fp32: Path, int8: Path, pictures: Sequence[NDArray[np.float32]]) -> None:
    """Static int8 QDQ, calibrated on `pictures` (H, W) of multiples of 32.

    The first and the last convolutions stay in float, and so do a CBAM encoder's small ones: they cost little and decide much.
    (Without the clipped activations and the depthwise convolutions of EfficientNet-Lite in int8, it would be neither faster nor
    truer: every change of type rounds once more.) Ranges end at the 99.999th percentile: a few outliers would else coarsen every
    other level.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with _quietly(), tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(fp32), str(ready), skip_symbolic_shape=True)
        graph = onnx.load(str(ready)).graph
        convolutions = [n for n in graph.node if n.op_type == "Conv"]
        shapes = {i.name: list(i.dims) for i in graph.initializer}
        ends = (convolutions[-1].input[1], "network.head.weight", "network.class_head.out.weight")
        attends = any(n.op_type == "ReduceMean" for n in graph.node)
        kept = [n.name for n in convolutions if n.input[1] in ends or (attends and _small(shapes.get(n.input[1], [64, 64])))]
        if not attends:
            kept.append(convolutions[0].name)
        quantize_static(
            str(ready),
            str(int8),
            _Reader(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Concat", "Relu", "Clip", "MaxPool", "Resize"],
            nodes_to_exclude=kept,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.999, "CalibStridedMinMax": 1, "ActivationSymmetric": False},
        )


def free_batch(path: Path) -> bool:
    """Lets the network in a file take several tiles at once, which accelerators need to be busy, and says whether it does: where
    two tiles together do not give what each gives alone, the file stays as it is."""
    import onnxruntime

    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    del model.graph.value_info[:]  # shapes in between, which say one tile
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    tiles = np.random.default_rng(0).normal(size=(2, 1, 64, 96)).astype(np.float32)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        together, *alone = (session.run(None, {"grey": x}) for x in (tiles, tiles[:1], tiles[1:]))
    except Exception:  # onnxruntime raises its own types, none of them public
        return False
    for both, first, second in zip(together, *alone, strict=True):
        if both.shape[0] != 2 or not np.allclose(both, np.concatenate([first, second]), atol=1e-5):
            return False
    onnx.save(model, str(path))
    return True


def facts_of(checkpoint: Path) -> dict[str, Any]:
    """What the network of a checkpoint says of itself: its name and the sizes it has learned from. Its confidence is not
    calibrated: no figure of another network's is handed on."""
    recipe = torch.load(checkpoint, map_location="cpu", weights_only=True)["recipe"]
    sees = recipe.get("diameters", [8.0, 210.0])
    facts = {"network": recipe["network"], "working_diameter_px": min(recipe.get("diameter_px", 44.0), 44.0), "sees_px": list(sees)}
    if recipe.get("names"):
        facts["classes"] = {"names": list(recipe["names"]), "of": recipe["of"], "temperature": 1.0}
        if recipe["of"] == "phases":  # pictures are taken as they are
            facts["working_diameter_px"] = None
    return facts


def export_classes(checkpoint: Path, out: Path, *, temperature: float = 1.0, nm_per_px: tuple[float, float] | None = None) -> None:
    """Checkpoint of `classes.learn` -> OUT, for batches of tiles.

    Where the head alone has learned, it is grafted onto the network it began with, which says of particles what it said, and with
    the same right: its calibration is handed on. A network of phases takes pictures as they are.
    """
    recipe = torch.load(checkpoint, map_location="cpu", weights_only=True)["recipe"]
    start, network = Path(recipe["start_from"]), load(checkpoint)
    grafted = start.suffix == ".onnx" and start.is_file() and not recipe["whole"]
    of_head = facts_of(checkpoint)
    facts = described(start) if grafted else of_head
    facts["network"] = recipe["network"]
    if recipe["of"] == "phases":
        facts["working_diameter_px"] = None
    pixels = None if nm_per_px is None else list(nm_per_px)
    facts["classes"] = of_head["classes"] | {"temperature": temperature, "nm_per_px": pixels}
    if grafted:
        assert network.class_head is not None
        graft(start, network.class_head, out)
    else:
        export_fp32(network, out)
    describe(out, facts)
    free_batch(out)


def described(path: Path) -> dict[str, Any]:
    """What the network in a file says of itself."""
    stored = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
    found: dict[str, Any] = json.loads(stored.get("nanogauge", "{}"))
    return found


def classes_in(path: Path) -> tuple[str, ...]:
    """The classes that the network in a file tells apart; () where it has none."""
    return tuple(described(path).get("classes", {}).get("names", ()))


def describe(path: Path, facts: dict[str, Any]) -> None:
    """Writes what a network says of itself (`engines.onnx.Facts`) into its file, over what stood there."""
    model = onnx.load(str(path))
    kept = [entry for entry in model.metadata_props if entry.key != "nanogauge"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    entry = model.metadata_props.add()
    entry.key, entry.value = "nanogauge", json.dumps(facts)
    onnx.save(model, str(path))


def export_file(source: Path, out: Path, pictures: list[Path], *, half: bool = False) -> None:
    """Checkpoint, or a network exported in fp32, -> OUT, for batches of tiles where it can be: fp32, or int8 where there are
    pictures to calibrate on (each brought to the working magnification of the fp32 network itself). half: fp32 weights stored in
    half precision. What an exported network says of itself, it goes on to say. Raises SettingsError for one without pictures."""
    exported = source.suffix == ".onnx"
    if exported and not pictures:
        raise SettingsError(f"{source}: is exported already; give pictures to quantise it with (--calibrate FOLDER)")
    facts = described(source) if exported else facts_of(source)
    with tempfile.TemporaryDirectory() as folder:
        fp32 = source if exported else Path(folder) / "fp32.onnx" if pictures else out
        if not exported:
            export_fp32(load(source), fp32)
            describe(fp32, facts)
        if pictures:
            quantise(fp32, out, calibration(fp32, pictures))
            optimise(out)
            describe(out, facts | {"precision": "int8"})
        elif half:
            halve(out)
    free_batch(out)


def calibration(fp32: Path, pictures: list[Path], *, side_px: int = 384, at_most: int = 32) -> list[NDArray[np.float32]]:
    """Pictures as the network sees them: working magnification, standardised, the upper left `side_px` square (a smaller one
    continued by reflection). Of more than `at_most`, so many evenly chosen."""
    from ..core.settings import SeparateSettings
    from ..detection.engines.onnx import OnnxEngine
    from ..detection.looks import typical_diameter
    from ..detection.segment import rescale, segment, standardise
    from ..reading import read_micrograph

    engine = OnnxEngine(fp32)
    found = []
    for k in np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), at_most)).round().astype(int)):
        grey = read_micrograph(pictures[k]).grey8()
        zoom = segment(grey, engine, typical_diameter=lambda maps: typical_diameter(maps, SeparateSettings())).zoom
        working = standardise(rescale(grey.astype(np.float32), zoom))[:side_px, :side_px]
        short = [(0, side_px - n) for n in working.shape]
        found.append(np.ascontiguousarray(np.pad(working, short, mode="reflect")))
    return found


def _small(shape: list[int]) -> bool:
    """Layers of the stem and of the attention: few weights, large influence."""
    return shape[0] <= 3 or shape[1] <= 2 or shape[0] * shape[1] * int(np.prod(shape[2:])) < 10_000
