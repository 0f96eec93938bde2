"""Reads text in pictures with RapidOCR (PP-OCR networks on onnxruntime). The only module that imports rapidocr."""

from __future__ import annotations

import contextlib
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.cpu import cores
from ...core.errors import EngineError
from ...core.protocols import TextLine
from .onnx import NO_BUSY_WAITING

_MODELS = {"Det": "*det*.onnx", "Rec": "*rec*.onnx"}
_LEAST_CONFIDENCE = 0.3  # of a line; callers judge for themselves, this only drops noise
_BORDER_PX = 8  # text that touches the frame is found less well
_LEAST_HEIGHT_PX = 64  # of what the detector is given: it sees in steps of 32 px
_LEAST_REC_SHAPE = [3, 48, 160]  # channels, height, least width in px; short labels need no 320 px


class RapidOcrReader:
    """A `TextReader` on RapidOCR. The models ship in its wheel: nothing is fetched from the network.

    n_threads: threads a network may use; None: one per core. Models load at the first reading.
    """

    name = "rapidocr"

    def __init__(self, n_threads: int | None = None) -> None:
        if n_threads is not None and n_threads < 1:
            raise ValueError(f"n_threads must be a positive integer, got {n_threads}")
        self._n_threads = n_threads or cores()
        self._engine: Any = None

    def read(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        """All lines of text in an (H, W) uint8 picture, boxes in its px. EngineError where the reader fails.

        The picture is read at the resolution it comes in: text from about 8 px up to 60 px high is found. Time goes with its
        area, about 1.3 s a megapixel on one core.
        """
        if pixels.shape[0] < 4 or pixels.shape[1] < 4:
            return []
        below = max(_BORDER_PX, _LEAST_HEIGHT_PX - pixels.shape[0] - _BORDER_PX)
        framed = cv2.copyMakeBorder(pixels, _BORDER_PX, below, _BORDER_PX, _BORDER_PX, cv2.BORDER_REPLICATE)
        out = self._run(np.asarray(framed, np.uint8), use_det=True)
        if getattr(out, "boxes", None) is None or out.txts is None:
            return []
        height, width = pixels.shape
        lines = []
        for corners, text, confidence in zip(out.boxes, out.txts, out.scores, strict=True):
            x, y = np.asarray(corners, float).T - _BORDER_PX
            box = (max(0.0, y.min()), max(0.0, x.min()), min(float(height), y.max()), min(float(width), x.max()))
            lines.append(TextLine(str(text), float(confidence), (float(box[0]), float(box[1]), float(box[2]), float(box[3]))))
        return lines

    def read_line(self, pixels: NDArray[np.uint8]) -> tuple[str, float]:
        """Text and confidence of an (H, W) uint8 crop that holds one line; ("", 0) where nothing was read."""
        if min(pixels.shape) < 2:
            return "", 0.0
        out = self._run(pixels, use_det=False)
        if not getattr(out, "txts", None):
            return "", 0.0
        return str(out.txts[0]), float(out.scores[0])

    def load(self) -> None:
        """Loads the models, if they are not. Raises EngineError."""
        if self._engine is None:
            self._engine = _load(self._n_threads)

    def _run(self, pixels: NDArray[np.uint8], *, use_det: bool) -> Any:
        self.load()
        coloured = np.ascontiguousarray(np.repeat(pixels[..., None], 3, axis=2))
        try:
            return self._engine(coloured, use_det=use_det, use_cls=False, use_rec=True)
        except Exception as error:  # whatever the library raises, the caller gets ours
            raise EngineError(f"RapidOCR failed on a picture of shape {pixels.shape}: {error}") from error


def loaded_reader(*, n_threads: int | None = None) -> RapidOcrReader:
    """A reader with its models. Raises EngineError."""
    reader = RapidOcrReader(n_threads)
    reader.load()
    return reader


def _load(n_threads: int) -> Any:
    """A RapidOCR engine on the models of the installed wheel. EngineError where it or they are missing."""
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise EngineError("the text reader rapidocr is not installed; run 'pip install rapidocr'")
    models = Path(next(iter(spec.submodule_search_locations))) / "models"
    params: dict[str, Any] = {
        "Global.log_level": "critical",
        "Global.use_cls": False,
        "Global.text_score": _LEAST_CONFIDENCE,
        "EngineConfig.onnxruntime.intra_op_num_threads": n_threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "Global.use_vertical_padding": False,  # it would make a strip four times as high
        "Det.box_thresh": 0.4,
        "Det.limit_side_len": 32,  # no enlarging: the caller chooses the resolution
        "Rec.rec_batch_num": 1,  # a batch is padded to its widest line
        "Rec.rec_img_shape": _LEAST_REC_SHAPE,
    }
    for part, pattern in _MODELS.items():
        found = sorted(models.glob(pattern))
        if not found:  # without an explicit path the library would fetch one from the network
            raise EngineError(f"rapidocr carries no model {pattern} in {models}; reinstall rapidocr")
        params[f"{part}.model_path"] = str(found[0])
    with _quiet(), _plain_tables(), _no_busy_waiting():
        try:
            from rapidocr import RapidOCR

            engine = RapidOCR(params=params)
            for load in ("_load_det_model", "_load_rec_model"):  # newer ones load at the first reading, which waits for it
                getattr(engine, load, lambda: None)()
            return engine
        except Exception as error:
            raise EngineError(f"RapidOCR cannot be loaded: {error}") from error


@contextlib.contextmanager
def _quiet() -> Any:
    """The library's logger is silent from here on; its import resets it, so it is set after the body as well."""
    log = logging.getLogger("RapidOCR")
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _plain_tables() -> Any:
    """RapidOCR reads its table of models for download, of which none is wanted here, into OmegaConf twice, which takes a second.
    Within the body it is a plain dict."""
    import yaml  # type: ignore[import-untyped]
    from omegaconf import OmegaConf

    tables: Any = OmegaConf
    load = tables.load
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    known: dict[str, Any] = {}

    def quick(file: Any) -> Any:
        if not str(file).endswith("default_models.yaml"):
            return load(file)
        if str(file) not in known:  # it is asked for once by a module that resolves names, once by one that fetches
            known[str(file)] = yaml.load(Path(file).read_text(encoding="utf-8"), loader)
        return known[str(file)]

    tables.load = staticmethod(quick)
    try:
        yield
    finally:
        tables.load = staticmethod(load)


@contextlib.contextmanager
def _no_busy_waiting() -> Any:
    """Sessions that RapidOCR makes within the body wait for work as those of `onnx` do; it has no setting for that."""
    from rapidocr.inference_engine.onnxruntime.main import OrtInferSession

    made = getattr(OrtInferSession, "_init_sess_opts", None)
    if made is None:  # another version: threads cost more, results are the same
        yield
        return

    def options(*arguments: Any) -> Any:
        out = made(*arguments)
        out.add_session_config_entry(*NO_BUSY_WAITING)
        return out

    OrtInferSession._init_sess_opts = staticmethod(options)
    try:
        yield
    finally:
        OrtInferSession._init_sess_opts = staticmethod(made)
