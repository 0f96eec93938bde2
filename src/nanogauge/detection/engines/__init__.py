"""Engines: what turns grey levels into maps, and what reads text. Each is imported only when it is asked for."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from ...core.errors import SettingsError
from ...core.protocols import BarLocator, Engine, LetterReader, SizeEstimator, TextReader

ENGINES = ("unet", "unet-resnet50-cbam", "threshold")
"""`unet` is the default network, `unet-resnet50-cbam` that of the source paper, `threshold` Otsu + watershed."""
_ahead: dict[tuple[str, int | None, str], Future[Any]] = {}


def load_ahead(*, n_threads: int | None = None, device: str = "auto") -> None:
    """Begins to load the network and the text reader in threads, for a command that has more to import first: half of their time
    runs outside Python's lock. The next `make_engine` and `make_reader` of the same options wait for them, and raise what they
    raised."""
    from .ocr import loaded_reader  # with what it imports: two threads had better not import the same
    from .onnx import loaded_engine

    with_network, with_text = ("unet", n_threads, device), ("text", n_threads, "")
    pool = ThreadPoolExecutor(2)
    _ahead[with_network] = pool.submit(loaded_engine, n_threads=n_threads, device=device)
    _ahead[with_text] = pool.submit(loaded_reader, n_threads=n_threads)
    pool.submit(make_locator, n_threads=n_threads)
    pool.submit(make_letter_reader, n_threads=n_threads)
    pool.submit(make_size_estimator, n_threads=n_threads)
    pool.shutdown(wait=False)


def make_engine(name: str = "unet", *, n_threads: int | None = None, device: str = "auto") -> Engine:
    """The engine of that name, or the network in FILE.onnx.

    device: what the network runs on, as in `SegmentSettings.device`; n_threads: on the processor, None: one per core

    Raises SettingsError for an unknown name, EngineError where it cannot be loaded.
    """
    if name.endswith(".onnx"):
        from .onnx import OnnxEngine

        return OnnxEngine(Path(name), n_threads=n_threads, device=device)
    if name == "unet":
        if (loading := _ahead.pop((name, n_threads, device), None)) is not None:
            engine: Engine = loading.result()
            return engine
        from .onnx import OnnxEngine

        return OnnxEngine(n_threads=n_threads, device=device)
    if name == "unet-resnet50-cbam":
        from .onnx import SHIPPED, OnnxEngine

        return OnnxEngine(SHIPPED[name], n_threads=n_threads, device=device)
    if name == "threshold":
        from .threshold import ThresholdEngine

        return ThresholdEngine()
    raise SettingsError(f"unknown engine {name!r}; known: {', '.join(ENGINES)}, or a network's FILE.onnx")


def make_reader(*, n_threads: int | None = None) -> TextReader:
    """The text reader (RapidOCR)."""
    if (loading := _ahead.pop(("text", n_threads, ""), None)) is not None:
        reader: TextReader = loading.result()
        return reader
    from .ocr import RapidOcrReader

    return RapidOcrReader(n_threads=n_threads)


@cache
def make_locator(*, n_threads: int | None = None) -> BarLocator:
    """The network that finds scale bars; one for all who ask. Raises EngineError where it cannot be loaded."""
    from .onnx import OnnxLocator

    return OnnxLocator(n_threads=n_threads)


@cache
def make_letter_reader(*, n_threads: int | None = None) -> LetterReader:
    """The network that reads the letters of labels; one for all who ask. Raises EngineError where it cannot be loaded."""
    from .onnx import OnnxLetterReader

    return OnnxLetterReader(n_threads=n_threads)


@cache
def make_size_estimator(*, n_threads: int | None = None) -> SizeEstimator:
    """The network that tells sizes without outlines; one for all who ask. Raises EngineError where it cannot be loaded."""
    from .onnx import OnnxSizeEstimator

    return OnnxSizeEstimator(n_threads=n_threads)
