"""The network on ONNX Runtime. The only module that imports onnxruntime."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import EngineError

SHIPPED = Path(__file__).resolve().parent.parent / "models" / "unet-resnet50-cbam.onnx"


class OnnxEngine:
    """U-Net (ResNet50, CBAM) exported by `nanogauge export`. Raises EngineError where the file is missing or broken."""

    name = "unet"
    stride = 32
    tile_px = 512
    working_diameter_px: float | None = 44.0

    def __init__(self, path: Path = SHIPPED, *, n_threads: int | None = None) -> None:
        self.path = path
        if not path.is_file():
            raise EngineError(f"{path}: the network's weights are missing; install nanogauge again or export a network there")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if n_threads is not None:
            options.intra_op_num_threads = n_threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own types, none of them public
            raise EngineError(f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from error
        self._input = self._session.get_inputs()[0].name

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        """Standardised (H, W), multiples of 32 -> (3, H, W): foreground, boundary, distance, in [0, 1]."""
        out = self._session.run(None, {self._input: np.asarray(tile, np.float32)[None, None]})[0]
        return np.asarray(out[0], np.float32)
