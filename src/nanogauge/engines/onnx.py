"""The network on ONNX Runtime. The only module that imports onnxruntime."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import EngineError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Devices by the names of ONNX Runtime's providers; which of them there are depends on the build that is installed."""

SHIPPED = Path(__file__).resolve().parent.parent / "models" / "unet-resnet50-cbam.onnx"


class OnnxEngine:
    """U-Net (ResNet50, CBAM) exported by `nanogauge export`. Raises EngineError where the file is missing or broken."""

    name = "unet"
    stride = 32
    tile_px = 512
    working_diameter_px: float | None = 44.0
    calibrated = True

    def __init__(self, path: Path = SHIPPED, *, n_threads: int | None = None, device: str = "auto") -> None:
        """device: a key of `PROVIDERS`, or auto: cuda where there is one, else cpu. What it lacks runs on the processor."""
        self.path = path
        if not path.is_file():
            raise EngineError(f"{path}: the network's weights are missing; install nanogauge again or export a network there")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if n_threads is not None:
            options.intra_op_num_threads = n_threads
        chosen = _provider(device)
        providers = list(dict.fromkeys([chosen, PROVIDERS["cpu"]]))
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime raises its own types, none of them public
            raise EngineError(f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from error
        if chosen not in self._session.get_providers():  # ONNX Runtime falls back without a word
            raise EngineError(f"device {device!r} could not be started ({chosen}); check its driver, or choose another --device")
        self._input = self._session.get_inputs()[0].name

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        """Standardised (H, W), multiples of 32 -> (3, H, W): foreground, boundary, distance, in [0, 1]."""
        out = self._session.run(None, {self._input: np.asarray(tile, np.float32)[None, None]})[0]
        return np.asarray(out[0], np.float32)


def loaded_engine(*, n_threads: int | None = None, device: str = "auto") -> OnnxEngine:
    """The shipped network, its hash taken too. Raises EngineError."""
    engine = OnnxEngine(n_threads=n_threads, device=device)
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
