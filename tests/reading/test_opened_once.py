"""A file is opened once, and is the same whether it is held in memory or read from the disk as needed."""

from __future__ import annotations

import importlib.util
import os
import sys

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

import nanogauge.reading.file as file_module
from nanogauge.core.errors import InputError
from nanogauge.reading import Mosaic, read_micrograph, read_picture
from nanogauge.reading.file import File

OPENED: list[str] = []
WATCHING: list[bool] = []


def _watch(event: str, args: tuple[object, ...]) -> None:
    if WATCHING and event == "open" and isinstance(args[0], str | bytes | os.PathLike):
        OPENED.append(os.path.realpath(os.fsdecode(args[0])))


sys.addaudithook(_watch)  # hooks stay: this one does nothing unless it is asked to


def opened(path, read=read_picture):
    """How often `read` opens the file."""
    OPENED.clear()
    WATCHING.append(True)
    try:
        read(path)
    finally:
        WATCHING.clear()
    return OPENED.count(os.path.realpath(path))


def _hdf5(path, pixels):
    with h5py.File(path, "w") as file:
        group = file.create_group("Data/Image/a")
        group["Data"] = pixels[..., np.newaxis]


def _channels(path, pixels):
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "CYX"})


KINDS = {
    "a.png": lambda path, pixels: Image.fromarray(pixels).save(path),
    "a.jpg": lambda path, pixels: Image.fromarray(pixels).save(path),
    "a.bmp": lambda path, pixels: Image.fromarray(pixels).save(path),
    "a.gif": lambda path, pixels: Image.fromarray(pixels).save(path),
    "a.webp": lambda path, pixels: Image.fromarray(pixels).save(path, lossless=True),
    "a.jp2": lambda path, pixels: Image.fromarray(pixels).save(path),
    "a.tif": lambda path, pixels: tifffile.imwrite(path, pixels),
    "packed.tif": lambda path, pixels: tifffile.imwrite(path, pixels, tile=(16, 16), compression="zlib"),
    "stack.tif": lambda path, pixels: tifffile.imwrite(
        path, np.stack([pixels, pixels // 2]), imagej=True, metadata={"axes": "CYX"}
    ),
    "a.npy": np.save,
    "columns.npy": lambda path, pixels: np.save(path, np.asfortranarray(pixels)),
    "stack.npy": lambda path, pixels: np.save(path, np.stack([pixels, pixels // 2])),
    "a.npz": lambda path, pixels: np.savez(path, one=pixels, two=pixels // 2),
    "a.emd": _hdf5,
}


def _same(path, monkeypatch, **part):
    held = read_micrograph(path, **part)
    monkeypatch.setattr(file_module, "_HELD_BYTES", -1)
    streamed = read_micrograph(path, **part)
    np.testing.assert_array_equal(held.pixels, streamed.pixels)
    assert (held.sha256, held.scale, held.instrument, held.notes) == (
        streamed.sha256,
        streamed.scale,
        streamed.instrument,
        streamed.notes,
    )
    monkeypatch.undo()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind(tmp_path, ramp, monkeypatch, name):
    path = tmp_path / name
    KINDS[name](path, np.tile(ramp, (5, 4)))
    assert opened(path) == 1
    _same(path, monkeypatch)
    monkeypatch.setattr(file_module, "_HELD_BYTES", -1)
    assert opened(path) == 1


def test_a_channel_of_a_stack(tmp_path, ramp, monkeypatch):
    path = tmp_path / "stack.tif"
    KINDS["stack.tif"](path, ramp)
    assert opened(path, lambda p: read_picture(p, channel="2")) == 1
    _same(path, monkeypatch, channel="2")
    np.testing.assert_array_equal(read_micrograph(path, channel="2").pixels, ramp // 2)


@pytest.mark.parametrize("name", ["a.tif", "packed.tif"])
def test_a_mosaic_once_and_once_for_all_its_windows(tmp_path, ramp, name):
    path = tmp_path / name
    KINDS[name](path, np.tile(ramp, (20, 20)))

    def windows(path):
        mosaic = read_picture(path, mosaic_px=1)
        assert isinstance(mosaic, Mosaic)
        for y in range(0, mosaic.shape[0], 16):
            mosaic.read(y, min(y + 16, mosaic.shape[0]), 0, 40)

    assert opened(path, windows) == 2


def test_the_shared_raw_files(shared_scale, monkeypatch):
    n = 0
    for path in sorted((shared_scale / "raw").iterdir()):
        if path.suffix in (".bcf", ".elid") and not importlib.util.find_spec("rsciio"):
            continue
        try:
            times = opened(path)
        except InputError:
            continue
        n += 1
        assert times == 1 or path.suffix in (".bcf", ".elid"), f"{path.name}: opened {times} times"  # RosettaSciIO opens by name
        if path.suffix not in (".bcf", ".elid"):
            _same(path, monkeypatch)
    assert n > 20


def test_numbers_beyond_the_end_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    with File(tmp_path / "a") as file:
        assert file.numbers("<u2", (5, 4), 60).shape == (5, 4)
        for shape, offset in ((51, 0), ((5, 4), 61), (1, -1), (2**62, 0)):
            with pytest.raises(EOFError):
                file.numbers("<u2", shape, offset)
