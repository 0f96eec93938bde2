"""The text reader on rendered text; its models ship in the wheel, so it works without a network."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from nanogauge.detection.engines.ocr import RapidOcrReader, loaded_reader
from nanogauge.detection.engines.onnx import NO_BUSY_WAITING


@pytest.fixture(scope="module")
def reader() -> RapidOcrReader:
    return RapidOcrReader(n_threads=1)


def written(text: str) -> np.ndarray:
    picture = Image.new("L", (320, 120), 30)
    ImageDraw.Draw(picture).text((90, 50), text, fill=255, font=ImageFont.load_default(24))
    return np.asarray(picture)


def test_reads_lines_with_boxes(reader: RapidOcrReader, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("the reader touched the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    lines = reader.read(written("500 nm"))
    assert [line.text.replace(" ", "") for line in lines] == ["500nm"]
    y0, x0, y1, x1 = lines[0].box
    assert 35 <= y0 < y1 <= 95
    assert 70 <= x0 < x1 <= 200
    assert 0.5 < lines[0].confidence <= 1


def test_reads_one_line(reader: RapidOcrReader) -> None:
    text, confidence = reader.read_line(written("200 nm")[44:84, 80:190])
    assert text.replace(" ", "") == "200nm"
    assert confidence > 0.5


def test_empty_pictures(reader: RapidOcrReader) -> None:
    assert reader.read(np.full((90, 140), 128, np.uint8)) == []
    assert reader.read(np.zeros((2, 9), np.uint8)) == []
    assert reader.read_line(np.zeros((1, 9), np.uint8)) == ("", 0.0)


def test_n_threads_must_be_positive() -> None:
    with pytest.raises(ValueError, match="got 0"):
        RapidOcrReader(n_threads=0)


def test_networks_do_not_wait_busily() -> None:
    """A thread that looks for work takes it from what goes on beside it."""
    reader = loaded_reader(n_threads=2)
    for part in (reader._engine.text_det, reader._engine.text_rec):
        options = part.session.session.get_session_options()
        assert options.get_session_config_entry(NO_BUSY_WAITING[0]) == NO_BUSY_WAITING[1]
        assert options.intra_op_num_threads == 2


def test_what_is_patched_to_load_is_put_back() -> None:
    from omegaconf import OmegaConf
    from rapidocr.inference_engine.onnxruntime.main import OrtInferSession

    before = OmegaConf.load, OrtInferSession._init_sess_opts
    loaded_reader(n_threads=1)
    assert (OmegaConf.load, OrtInferSession._init_sess_opts) == before
