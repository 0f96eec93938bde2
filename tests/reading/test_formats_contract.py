"""What holds for every format, whatever its maker."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat

import numpy as np
import pytest
from PIL import Image

from nanogauge.core.errors import InputError, UnreadableFile, UnsupportedFormat
from nanogauge.core.micrograph import Instrument
from nanogauge.reading import CONTAINERS, SUFFIXES, read_micrograph
from nanogauge.reading.contract import Facts, Fields, calibrate
from nanogauge.reading.makers import MAKERS

CALIBRATED = {
    "thermo": {34682: b"[Scan]\nPixelWidth=2e-9\nPixelHeight=2e-9\n"},
    "zeiss": {34118: b"AP_IMAGE_PIXEL_SIZE\nImage Pixel Size = 2.0 nm\n"},
    "tescan": {50431: b"\0\0Device=AMBER\nPixelSizeX=0.000000002\nPixelSizeY=0.000000002\n"},
    "phenom": {34683: b'<FeiImage><pixelWidth unit="nm">2</pixelWidth></FeiImage>'},
    "gatan": {65003: "nm", 65004: "nm", 65009: 2.0, 65010: 2.0},
    "ome": {270: '<?xml version="1.0"?><OME><Pixels SizeX="10" PhysicalSizeX="2" PhysicalSizeXUnit="nm"/></OME>'},
    "imagej": {270: "ImageJ=1.54f\nunit=nm\n"},
}
SIDECARS = {
    "jeol": "$CM_FULL_SIZE 10 6\n$$SM_MICRON_BAR 5\n$$SM_MICRON_MARKER 10nm\n",
    "hitachi": "[SemImageFile]\nDataSize=10x6\nPixelSize=2\n",
    "tescan": "[MAIN]\nPixelSizeX=2e-9\nPixelSizeY=2e-9\n",
}


@pytest.mark.parametrize("maker", CALIBRATED)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "rgb"])
def test_every_tag_format_gives_pixels_scale_and_hash(write_tiff, ramp, maker, dtype):
    rgb = dtype == "rgb"
    pixels = np.stack([ramp] * 3, axis=-1) if rgb else ramp.astype(dtype)
    photometric = "rgb" if rgb else "minisblack"
    path = write_tiff(pixels, tags=CALIBRATED[maker], resolution=(0.5, 0.5), photometric=photometric)
    found = read_micrograph(str(path))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.format == f"tiff/{maker}"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((2.0, 2.0))
    assert found.scale.source == "metadata"
    assert found.instrument.pixel_size_nm == found.scale.nm_per_px
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.name, found.path, found.notes) == (path.name, path, ())


@pytest.mark.parametrize("maker", SIDECARS)
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".bmp"])
def test_every_sidecar_serves_every_picture(tmp_path, ramp, maker, suffix):
    Image.fromarray(ramp).save(tmp_path / f"a{suffix}")
    (tmp_path / ("a.hdr" if maker == "tescan" else "a.txt")).write_text(SIDECARS[maker])
    found = read_micrograph(tmp_path / f"a{suffix}")
    assert found.format.split("/")[1] == maker
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((2.0, 2.0))


@pytest.mark.parametrize("maker", CALIBRATED)
def test_the_suffix_decides_nothing(write_tiff, maker):
    for name in ("a.png", "a.dm3", "a", "a.tar.gz"):
        assert read_micrograph(write_tiff(tags=CALIBRATED[maker], name=name, resolution=(0.5, 0.5))).format == f"tiff/{maker}"


@pytest.mark.parametrize("maker", CALIBRATED)
@pytest.mark.parametrize("seed", range(8))
def test_garbled_metadata_never_raise(write_tiff, ramp, maker, seed):
    random = np.random.default_rng(seed)
    tags = {}
    for code, value in CALIBRATED[maker].items():
        if isinstance(value, float):
            tags[code] = float(random.choice([np.nan, np.inf, -1.0, 0.0, 1e300]))
            continue
        data = bytearray(value if isinstance(value, bytes) else value.encode())
        for place in random.integers(0, len(data), 6):
            data[place] = random.integers(1, 256)
        tags[code] = bytes(data)
    found = read_micrograph(write_tiff(tags=tags))
    np.testing.assert_array_equal(found.pixels, ramp)


def test_tags_come_before_a_sidecar_and_a_sidecar_helps_tags_without_scale(write_tiff, tmp_path):
    (tmp_path / "a.txt").write_text(SIDECARS["hitachi"].replace("PixelSize=2", "PixelSize=7"))
    assert read_micrograph(write_tiff(tags=CALIBRATED["thermo"])).scale.nm_per_px == pytest.approx((2, 2))
    found = read_micrograph(write_tiff(tags={34682: b"[Beam]\nHV=5000\n"}))
    assert (found.format, found.scale.nm_per_px) == ("tiff/hitachi", (7, 7))


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", UnreadableFile, "empty"),
        (b"x,y\n1,2\n", UnreadableFile, "looks like text"),
        ("größe\r\n".encode("utf-16"), UnreadableFile, "looks like text"),
        (bytes(600), UnreadableFile, "zero bytes"),
        (b"%PDF-1.7 \x00\x01", UnsupportedFormat, "a PDF"),
        (b"GIF89a\x01\x00", UnreadableFile, "cut-off GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", UnreadableFile, "cut-off WebP"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", UnreadableFile, "cut-off JPEG 2000"),
        (b"\x93NUMPY\x01\0", UnreadableFile, "cut-off npy"),
        (b"ZISRAWFILE\0\0", UnsupportedFormat, "a Zeiss CZI file, which is not read here; export"),
        (b"\0\0\0\x18ftypheic", UnsupportedFormat, "a HEIC photograph"),
        (b"\0\0\0\x18ftypisom", UnsupportedFormat, "a film"),
        (b"\x1f\x8b\x08\0", UnsupportedFormat, "a gzip archive, which is not read here; unpack it first"),
        (b"\x01\x02\x03\xff\xfe\xfd\x00\x00\x00", UnsupportedFormat, "01 02 03 ff"),
        (b"II*\0", UnreadableFile, "cut-off"),
        (b"II*\0\x08\0\0\0\0\0", UnreadableFile, "TIFF"),
        (b"\x89PNG\r\n\x1a\n", UnreadableFile, "cut-off"),
        (b"\xff\xd8\xff\xe0", UnreadableFile, "cut-off"),
        (b"BM\0\0\0\0\0\0\0\0", UnreadableFile, "cut-off"),
    ],
)
def test_bad_files_give_one_clear_line(tmp_path, capfd, data, error, words):
    path = tmp_path / "picture.tif"
    path.write_bytes(data)
    with pytest.raises(error, match=words) as caught:
        read_micrograph(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert ";" in message  # what to do
    assert capfd.readouterr() == ("", "")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(UnreadableFile, match="no such file"):
        read_micrograph(tmp_path / "nowhere.tif")
    with pytest.raises(UnreadableFile, match="folder"):
        read_micrograph(tmp_path)
    with pytest.raises(InputError):
        read_micrograph("a\0b.tif")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission(write_tiff):
    path = write_tiff()
    path.chmod(0)
    with pytest.raises(UnreadableFile, match="permission"):
        read_micrograph(path)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)


def test_permission_denied_by_the_system(write_tiff, monkeypatch):
    path = write_tiff()

    def denied(*_args, **_kwargs):
        raise PermissionError(13, "denied")

    monkeypatch.setattr(type(path), "open", denied)
    with pytest.raises(UnreadableFile, match="permission"):
        read_micrograph(path)


def test_registries_are_well_formed():
    here = {
        ".png",
        ".jpg",
        ".jpeg",
        ".jp2",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".dm3",
        ".dm4",
        ".emd",
        ".hspy",
        ".ser",
        ".mrc",
    }
    assert here | {".bcf", ".elid"} <= SUFFIXES
    assert not SUFFIXES & {".npy", ".npz", ".emi"}, "masks, and pictures that would be measured twice, in a folder"
    assert all(s == s.lower() for c in CONTAINERS for s in c.suffixes)
    names = [m.name for m in MAKERS]
    assert len(set(names)) == len(names)
    assert set(names) >= set(CALIBRATED) | set(SIDECARS)


@pytest.mark.parametrize("size", [(1.0, 3.0), (0.0, 0.0), (np.nan, 1.0), (1e-9, 1e-9), (1e9, 1e9), (-1.0, -1.0)])
def test_implausible_pixels_give_no_scale(size):
    instrument, scale, notes = calibrate(Facts(instrument=Instrument(pixel_size_nm=size)), (6, 10))
    assert (instrument.pixel_size_nm, scale) == (None, None)
    assert notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("15000 Volt", (15000, "Volt")), ("50.00 K X", (50000, "X")), ("8.1", (8.1, "")), ("x", None), ("", None), ("1e999 V", None)],
)
def test_quantities(text, expected):
    assert Fields({"k": text}).quantity("k") == expected


def test_the_shared_raw_files(shared_scale):
    """Every real file with a known truth is right or honestly refused; every uncalibrated one gives no scale."""
    import csv

    refused = {"tia_128x128-TEM_search.emi", "quad1image_001_no_beam_scan_or_system_meta.tif"}  # no .ser beside it; destroyed
    if not importlib.util.find_spec("rsciio"):
        refused.add("phenom_Elid2Version0.elid")
    with (shared_scale / "raw" / "truth.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 20
    for row in rows:
        path = shared_scale / "raw" / row["file"]
        truth = row["nm_per_px"]
        if path.name == "test_tiff_Zeiss_SEM_512pix.tif":
            truth = "11.649976"  # its row lacks a column
        if path.name in refused:
            with pytest.raises((UnreadableFile, UnsupportedFormat)):
                read_micrograph(path)
            continue
        found = read_micrograph(path)
        if not truth:
            assert found.scale is None, path.name
            continue
        assert found.scale is not None, path.name
        # the SightX truth stems from a dpi rounded to whole numbers, 0.5 % off
        assert found.scale.mean_nm_per_px == pytest.approx(float(truth), rel=0.006 if "sightx" in path.name else 1e-4), path.name


def test_the_shared_images(shared_scale):
    import csv

    with (shared_scale / "truth.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            found = read_micrograph(shared_scale / "images" / row["file"])
            assert found.shape == (int(float(row["height"])), int(float(row["width"]))), row["file"]
            truth = row["metadata_nm_per_px"]
            if truth:
                assert found.scale is not None, row["file"]
                assert found.scale.mean_nm_per_px == pytest.approx(float(truth), rel=1e-3), row["file"]
            elif not found.format.endswith("/imagej"):
                assert found.scale is None, row["file"]
