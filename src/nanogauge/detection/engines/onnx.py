"""The network on ONNX Runtime. The only module that imports onnxruntime."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ...core.cpu import cores
from ...core.errors import EngineError
from ...core.protocols import COUNTS, N_MAPS, NO_CLASSES, EngineClasses, SizesInView, TaughtOutlines

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Devices by the names of ONNX Runtime's providers; which of them there are depends on the build that is installed."""

NO_BUSY_WAITING = ("session.intra_op.allow_spinning", "0")
"""An entry of a session's options: its threads would look for work all through a run and long after, in time that others need."""

_MOST_AT_ONCE = 4  # tiles; each takes 0.1 GB
_BATCH = 8  # tiles that an accelerator is given together

_MODELS = Path(__file__).resolve().parent.parent / "models"
SHIPPED = {
    "unet": _MODELS / "unet-efficientnet-lite2-6.onnx",
    "unet-int8": _MODELS / "unet-efficientnet-lite2-6-int8.onnx",
    "unet-resnet50-cbam": _MODELS / "unet-resnet50-cbam.onnx",
}
"""The networks that come with the package, by the names of their engines, the default first."""
DEFAULT = SHIPPED["unet"]
_LOCATOR = _MODELS / "scale-bar-locator.onnx"
_LETTERS = _MODELS / "scale-label-letters.onnx"
_SIZES = _MODELS / "size-estimator.onnx"
_LETTERS_STRIDE = 32
_LOCATOR_STRIDE, _LOCATOR_MOST_PX2 = 32, 640_000  # of a picture it is given: bars and text grow with the picture


@dataclass(frozen=True)
class Facts:
    """What a network says of itself, in the metadata of its file.

    working_diameter_px: particle diameter it sees best; sees_px: the smallest and largest it sees; calibration: as in
    `confidence.probability`, None where its confidence was never held against truth; detection: as in
    `readings.relative_uncertainty`, empty where its intervals were not; classes: that it tells apart; precision: "int8" where
    weights and levels have 8 bits, else float32
    """

    network: str = ""
    stride: int = 32
    tile_px: int = 512
    working_diameter_px: float | None = 44.0
    sees_px: tuple[float, float] = (8.0, 210.0)
    calibration: Mapping[str, float] | None = None
    detection: Mapping[str, float] = field(default_factory=dict)
    classes: EngineClasses = NO_CLASSES
    precision: str = "float32"

    @classmethod
    def read(cls, stored: Mapping[str, str], path: Path) -> Facts:
        """From the metadata of a file (JSON under the key "nanogauge"), else from FILE.json beside it, as older files have it.
        Raises EngineError where they cannot be read."""
        beside = path.with_suffix(".json")
        try:
            text = stored.get("nanogauge")
            if text is None:
                text = beside.read_text(encoding="utf-8") if beside.is_file() else "{}"
            values = json.loads(text)
            if "sees_px" in values:
                values["sees_px"] = (float(values["sees_px"][0]), float(values["sees_px"][1]))
            if "classes" in values:
                values["classes"] = _classes(values["classes"])
            return cls(**values)
        except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
            raise EngineError(f"{path}: what the network says of itself cannot be read ({error}); export it again") from error


def _classes(values: dict[str, Any]) -> EngineClasses:
    pixels, taught = values.get("nm_per_px"), values.get("taught")
    maps, outlines = values.get("counts", COUNTS)
    return EngineClasses(
        names=tuple(str(n) for n in values["names"]),
        of=str(values["of"]),
        temperature=float(values["temperature"]),
        nm_per_px=None if pixels is None else (float(pixels[0]), float(pixels[1])),
        outlines=_rows(values.get("outlines", ())),
        counts=(float(maps), float(outlines)),
        taught=None
        if taught is None
        else TaughtOutlines(_rows(taught["centres"]), _rows(taught["whitening"]), float(taught["farthest"])),
    )


def _rows(matrix: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in matrix)


def _session(path: Path, n_threads: int | None, providers: list[str]) -> onnxruntime.InferenceSession:
    """A network of a file. Raises EngineError where it cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = n_threads or cores()  # its own default counts cores that this process may not use
    options.add_session_config_entry(*NO_BUSY_WAITING)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises its own types, none of them public
        raise EngineError(f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from error


class OnnxLocator:
    """A `BarLocator`: the network that finds scale bars and text. Always on the processor, where it takes hundredths of a second.
    Raises EngineError where the file is missing or broken."""

    def __init__(self, path: Path = _LOCATOR, *, n_threads: int | None = None) -> None:
        if not path.is_file():
            raise EngineError(f"{path}: the weights of the scale bar locator are missing; install nanogauge again")
        self._run = _session(path, n_threads, [PROVIDERS["cpu"]]).run

    def maps(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Of an (H, W) uint8 picture: bar, label, other text, left and right ends, (5, h, w) in [0, 1]; px a cell spans."""
        factor = min(1.0, (_LOCATOR_MOST_PX2 / pixels.size) ** 0.5)
        part = pixels if factor == 1.0 else cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        h, w = part.shape
        below, beside = -h % _LOCATOR_STRIDE, -w % _LOCATOR_STRIDE
        padded = np.pad(np.asarray(part, np.float32) / 255, ((0, below), (0, beside)), mode="edge")
        out = np.asarray(self._run(None, {"grey": padded[None, None]})[0][0], np.float32)
        cell_px = padded.shape[1] / out.shape[2] / factor
        return out[:, : -(-h * out.shape[1] // padded.shape[0]), : -(-w * out.shape[2] // padded.shape[1])], cell_px


class OnnxLetterReader:
    """A `LetterReader`: the network that reads the letters of a scale bar's label. Always on the processor, where it takes a
    millisecond or two. Raises EngineError where the file is missing or broken."""

    def __init__(self, path: Path = _LETTERS, *, n_threads: int | None = None) -> None:
        if not path.is_file():
            raise EngineError(f"{path}: the weights that read the letters of labels are missing; install nanogauge again")
        session = _session(path, n_threads, [PROVIDERS["cpu"]])
        self._run = session.run
        self.alphabet = str(session.get_modelmeta().custom_metadata_map.get("letters", ""))
        if not self.alphabet:
            raise EngineError(f"{path}: the network does not say which letters it tells apart; export it again")

    def columns(self, line: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Of a line (32, W) uint8: the probabilities of no letter, of each of the alphabet, of any other, (W/2, n)."""
        wide = line.shape[1]
        padded = np.pad(np.asarray(line, np.float32) / 255, ((0, 0), (0, -wide % _LETTERS_STRIDE)), mode="edge")
        return np.asarray(self._run(None, {"grey": padded[None, None]})[0][0].T[: (wide + 1) // 2], np.float32)


class OnnxSizeEstimator:
    """A `SizeEstimator`: the network that tells sizes without outlines. Always on the processor, where a view takes some ten
    milliseconds. Raises EngineError where the file is missing or broken."""

    stride = 32

    def __init__(self, path: Path = _SIZES, *, n_threads: int | None = None) -> None:
        if not path.is_file():
            raise EngineError(f"{path}: the weights that tell sizes without outlines are missing; install nanogauge again")
        session = _session(path, n_threads, [PROVIDERS["cpu"]])
        self._run = session.run
        try:
            values = json.loads(session.get_modelmeta().custom_metadata_map.get("nanogauge", "{}"))
            self.rule: Mapping[str, float] = {k: float(v) for k, v in values.get("rule", {}).items()}
            sizes = values["sizes"]
            self._ln_sizes = np.linspace(math.log(sizes["smallest_px"]), math.log(sizes["largest_px"]), int(sizes["n"]))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise EngineError(f"{path}: what the network says of itself cannot be read ({error}); export it again") from error

    def look(self, view: NDArray[np.float32]) -> SizesInView:
        """Of standardised grey levels (H, W), multiples of 32."""
        shares, figures = self._run(None, {"grey": np.asarray(view, np.float32)[None, None]})
        ln_d50, ln_scale, ln_gsd, ln_n, _ = (float(v) for v in figures[0])
        d50_px, scale, gsd, n = (math.exp(v) for v in (ln_d50, ln_scale, ln_gsd, ln_n))
        covered = shares[0, 1:].sum((1, 2), dtype=np.float64)
        by_area_px = math.exp(float(covered @ self._ln_sizes) / max(float(covered.sum()), 1e-9))
        return SizesInView(d50_px, scale, gsd, n, np.asarray(shares[0], np.float32), by_area_px)


class OnnxEngine:
    """A network exported by `nanogauge export`. Raises EngineError where the file is missing or broken."""

    def __init__(
        self, path: Path = DEFAULT, *, n_threads: int | None = None, device: str = "auto", batch: int | None = None
    ) -> None:
        """device: a key of `PROVIDERS`, or auto: cuda where there is one, else cpu. What it lacks runs on the processor.

        batch: tiles given to the network together; None: as suits the device, one on a processor. Always one where the network's
        file allows no more (`training.export.free_batch`).
        """
        self.path = path
        if not path.is_file():
            raise EngineError(f"{path}: the network's weights are missing; install nanogauge again or export a network there")
        chosen = _provider(device)
        self._providers = list(dict.fromkeys([chosen, PROVIDERS["cpu"]]))
        self._session = self._load(n_threads)
        n_threads = n_threads or cores()
        self._at_once = min(n_threads, _MOST_AT_ONCE) if chosen == PROVIDERS["cpu"] else 1
        self._threads_each = n_threads // self._at_once
        if chosen not in self._session.get_providers():  # ONNX Runtime falls back without a word
            raise EngineError(f"device {device!r} could not be started ({chosen}); check its driver, or choose another --device")
        self._input = self._session.get_inputs()[0].name
        outputs = [o.name for o in self._session.get_outputs()]
        channels = self._session.get_outputs()[0].shape[1]
        self.n_maps = channels if isinstance(channels, int) else N_MAPS
        self._outputs = outputs[:1]
        wanted = batch or (1 if chosen == PROVIDERS["cpu"] else _BATCH)
        self.batch = 1 if isinstance(self._session.get_inputs()[0].shape[0], int) else wanted
        facts = Facts.read(self._session.get_modelmeta().custom_metadata_map, path)
        self.name = (facts.network or path.stem) + ("" if facts.precision == "float32" else f" ({facts.precision})")
        self.stride, self.tile_px, self.sees_px = facts.stride, facts.tile_px, facts.sees_px
        self.working_diameter_px = facts.working_diameter_px
        self.calibration, self.detection = facts.calibration, facts.detection
        self.classes = facts.classes
        if self.classes.names:
            if "classes" not in outputs:
                raise EngineError(f"{path}: names classes but has no map of them; export the network again")
            self._outputs = [outputs[0], "classes"]

    def _load(self, n_threads: int | None) -> onnxruntime.InferenceSession:
        return _session(self.path, n_threads, self._providers)

    @property
    def providers(self) -> list[str]:
        """ONNX Runtime's providers that are in use, the device's first."""
        return list(self._session.get_providers())

    @cached_property
    def _narrow(self) -> onnxruntime.InferenceSession:
        """The network on its share of the threads, for several tiles at a time."""
        return self._load(self._threads_each)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        """Standardised (H, W), multiples of 32 -> (n, H, W) in [0, 1]: foreground, boundary, distance, pointers, classes."""
        return self._run(self._session, tile)

    def predict_all(self, tiles: Iterator[NDArray[np.float32]], n: int) -> Iterator[NDArray[Any]]:
        """`predict` of n tiles, in their order. Side by side on a core each they take less time than one after the other on all
        cores, for these wait for each other at every layer. An accelerator takes them in batches, while the next is made ready."""
        if self.batch > 1:
            yield from self._in_batches(tiles)
            return
        alone = n if self._at_once == 1 else int(n % self._at_once == 1)
        for _ in range(alone):
            yield self.predict(next(tiles))
        if alone == n:
            return
        with ThreadPoolExecutor(self._at_once) as pool:
            waiting: deque[Future[NDArray[Any]]] = deque()
            for tile in tiles:
                waiting.append(pool.submit(self._run, self._narrow, tile))
                if len(waiting) > self._at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _in_batches(self, tiles: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[Any]]:
        """The maps of the tiles, in their order. Tiles of one shape that follow each other go together; a batch runs while the one
        before it is handed out and the one after it is gathered."""
        with ThreadPoolExecutor(1) as pool:
            running: Future[NDArray[Any]] | None = None
            gathered: list[NDArray[np.float32]] = []
            for tile in tiles:
                if gathered and (len(gathered) == self.batch or tile.shape != gathered[0].shape):
                    before, running = running, pool.submit(self._run_batch, gathered)
                    gathered = []
                    if before is not None:
                        yield from before.result()
                gathered.append(tile)
            if running is not None:
                yield from running.result()
            if gathered:
                yield from self._run_batch(gathered)

    def _run_batch(self, tiles: list[NDArray[np.float32]]) -> NDArray[Any]:
        """Tiles (H, W) of one shape -> (n, maps, H, W). Bound input and output are copied once each way."""
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, np.ascontiguousarray(np.stack(tiles)[:, None], np.float32))
        for name in self._outputs:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return _joined(binding.copy_outputs_to_cpu())

    def _run(self, session: onnxruntime.InferenceSession, tile: NDArray[np.float32]) -> NDArray[Any]:
        maps: NDArray[Any] = _joined(session.run(self._outputs, {self._input: np.asarray(tile, np.float32)[None, None]}))[0]
        return maps


def _joined(outputs: list[Any]) -> NDArray[Any]:
    """Maps (n, 3 or 5, H, W) and, of a network with classes, (n, K, H, W), in one array."""
    return np.asarray(outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1), np.float32)


def loaded_engine(path: Path = DEFAULT, *, n_threads: int | None = None, device: str = "auto") -> OnnxEngine:
    """A network, its hash taken too. Raises EngineError."""
    engine = OnnxEngine(path, n_threads=n_threads, device=device)
    _ = engine.sha256
    return engine


def _provider(device: str) -> str:
    """The provider of a device. EngineError where this build of ONNX Runtime has none."""
    available = onnxruntime.get_available_providers()
    if device == "auto":
        return PROVIDERS["cuda"] if PROVIDERS["cuda"] in available and _has_cuda() else PROVIDERS["cpu"]
    if device not in PROVIDERS or PROVIDERS[device] not in available:
        there = ", ".join(name for name, provider in PROVIDERS.items() if provider in available)
        raise EngineError(
            f"device {device!r} is not there; this ONNX Runtime has {there}; install the build for it (onnxruntime-gpu ...)"
        )
    return PROVIDERS[device]


def _has_cuda() -> bool:
    """Whether a driver is loaded: the GPU build of ONNX Runtime runs on machines without a GPU too."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists() or os.name == "nt"
