"""Engines: what turns grey levels into maps, and what reads text. Each is imported only when it is asked for."""

from __future__ import annotations

from pathlib import Path

from ..errors import SettingsError
from ..ports import Engine, TextReader

ENGINES = ("unet", "threshold")


def make_engine(name: str = "unet", *, n_threads: int | None = None, device: str = "auto") -> Engine:
    """The engine of that name, or the network in FILE.onnx.

    device: what the network runs on, as in `SegmentSettings.device`; n_threads: on the processor, None: one a core

    Raises SettingsError for an unknown name, EngineError where it cannot be loaded.
    """
    if name.endswith(".onnx"):
        from .onnx import OnnxEngine

        return OnnxEngine(Path(name), n_threads=n_threads, device=device)
    if name == "unet":
        from .onnx import OnnxEngine

        return OnnxEngine(n_threads=n_threads, device=device)
    if name == "threshold":
        from .threshold import ThresholdEngine

        return ThresholdEngine()
    raise SettingsError(f"unknown engine {name!r}; known: {', '.join(ENGINES)}, or a network's FILE.onnx")


def make_reader(*, n_threads: int | None = None) -> TextReader:
    """The text reader (RapidOCR)."""
    from .ocr import RapidOcrReader

    return RapidOcrReader(n_threads=n_threads)
