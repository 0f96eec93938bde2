"""TIFF pixels of every type, pages, and damaged files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from nanogauge.core.errors import UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("uint8", "uint8"),
        ("uint16", "uint16"),
        ("uint32", "uint16"),
        ("int16", "uint16"),
        ("int32", "uint16"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("float16", "float32"),
    ],
)
def test_pixel_types_keep_their_values(write_tiff, ramp, written, read):
    found = read_micrograph(write_tiff(ramp.astype(written)))
    assert found.pixels.dtype == read
    np.testing.assert_array_equal(found.pixels, ramp)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
def test_signed_greys_keep_their_order(write_tiff, ramp, dtype):
    signed = (ramp.astype(int) // 2 - 60).astype(dtype)
    found = read_micrograph(write_tiff(signed))
    assert found.pixels.dtype == np.float32
    np.testing.assert_array_equal(found.pixels, signed)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("layout", [{"rowsperstrip": 2}, {"tile": (16, 32)}, {"byteorder": ">"}, {"bigtiff": True}])
def test_compressions_and_layouts(write_tiff, ramp, compression, layout):
    pixels = ramp.astype(np.uint16) * 250
    np.testing.assert_array_equal(read_micrograph(write_tiff(pixels, compression=compression, **layout)).pixels, pixels)


def test_jpeg_in_tiff(write_tiff, ramp):
    found = read_micrograph(write_tiff(np.kron(ramp, np.ones((8, 8), np.uint8)), compression="jpeg"))
    assert abs(int(found.pixels[4, 4]) - ramp[0, 0]) < 6
    rgb = np.stack([np.kron(ramp, np.ones((8, 8), np.uint8))] * 3, axis=-1)
    found = read_micrograph(write_tiff(rgb, compression="jpeg", photometric="rgb"))
    assert abs(int(found.pixels[44, 76]) - ramp[5, 9]) < 6


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_is_zero_is_turned(write_tiff, ramp, dtype):
    pixels = ramp.astype(dtype)
    found = read_micrograph(write_tiff(pixels, photometric="miniswhite"))
    np.testing.assert_array_equal(found.pixels, np.iinfo(dtype).max - pixels)


def test_bilevel(write_tiff, ramp):
    found = read_micrograph(write_tiff(ramp > 100))
    np.testing.assert_array_equal(found.pixels, np.where(ramp > 100, 255, 0))
    turned = read_micrograph(write_tiff(ramp > 100, photometric="miniswhite"))
    np.testing.assert_array_equal(turned.pixels, np.where(ramp > 100, 0, 255))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_equal_colour_channels_are_exact(write_tiff, ramp, planar, dtype):
    channel = ramp.astype(dtype)
    rgb = np.stack([channel] * 3, axis=-1 if planar == "contig" else 0)
    found = read_micrograph(write_tiff(rgb, photometric="rgb", planarconfig=planar))
    assert found.pixels.dtype == dtype
    np.testing.assert_array_equal(found.pixels, channel)


def test_rgba(write_tiff, ramp):
    rgba = np.stack([ramp, ramp, ramp, np.full_like(ramp, 255)], axis=-1)
    np.testing.assert_array_equal(read_micrograph(write_tiff(rgba, photometric="rgb", extrasamples=["unassalpha"])).pixels, ramp)
    rgba[0, 0, 3] = 0
    rgba[0, 0, :3] = 200
    assert read_micrograph(write_tiff(rgba, photometric="rgb", extrasamples=["unassalpha"])).pixels[0, 0] == 0
    assert read_micrograph(write_tiff(rgba, photometric="rgb", extrasamples=["unspecified"])).pixels[0, 0] == 200


@pytest.mark.parametrize("step", [257, 256, 1])
def test_palette_is_applied_and_an_overlay_becomes_luminance(write_tiff, ramp, step):
    colours = np.tile(np.arange(256, dtype=np.uint16) * step, (3, 1))
    colours[:, 40] = (0, 255 * step, 0)
    found = read_micrograph(write_tiff(ramp, photometric="palette", colormap=colours))
    expected = ramp.copy()
    expected[ramp == 40] = 150
    np.testing.assert_array_equal(found.pixels, expected)


def test_not_finite_levels_are_replaced(write_tiff, ramp):
    pixels = ramp.astype(np.float32)
    pixels[0, :3] = (np.nan, np.inf, -np.inf)
    found = read_micrograph(write_tiff(pixels))
    np.testing.assert_array_equal(found.pixels[0, :4], (12, 236, 12, 12))
    assert "3 pixels" in found.notes[0]
    with pytest.raises(UnreadableFile, match="finite"):
        read_micrograph(write_tiff(np.full_like(pixels, np.nan)))
    assert np.isfinite(read_micrograph(write_tiff(np.full((2, 3), 1e300))).pixels).all()


def test_the_first_page_is_used_and_said(write_tiff, ramp):
    found = read_micrograph(write_tiff(np.stack([ramp, 255 - ramp, ramp])))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.notes == ("first of 3 pages used",)


def test_a_thumbnail_before_the_picture_is_passed_over(tmp_path, ramp):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(ramp[::2, ::2], subfiletype=1, metadata=None)
        writer.write(ramp, metadata=None)
    np.testing.assert_array_equal(read_micrograph(path).pixels, ramp)


@pytest.mark.parametrize(
    ("resolution", "unit", "said"),
    [
        ((5e6, 5e6), "CENTIMETER", '"2 nm/px"'),
        ((5e6, 2.5e6), "CENTIMETER", '"4 x 2 nm/px"'),
        ((5.08e6, 5.08e6), "INCH", '"5 nm/px"'),
    ],
)
def test_a_resolution_finer_than_prints_is_offered_but_not_taken(write_tiff, resolution, unit, said):
    found = read_micrograph(write_tiff(resolution=resolution, resolutionunit=unit))
    assert found.scale is None
    assert said in found.hint


@pytest.mark.parametrize(("per_unit", "unit"), [(300, "INCH"), (12_000, "INCH"), (118, "CENTIMETER"), (5e6, "NONE")])
def test_a_resolution_of_prints_or_of_nothing_is_not_offered(write_tiff, per_unit, unit):
    assert read_micrograph(write_tiff(resolution=(per_unit, per_unit), resolutionunit=unit)).hint == ""


def test_a_resolution_tag_is_never_a_scale(write_tiff):
    for unit, value in (("inch", 72), ("centimeter", 28.35), ("centimeter", 1e7), ("none", 5)):
        found = read_micrograph(write_tiff(resolution=(value, value), resolutionunit=unit))
        assert found.scale is None
        assert found.instrument.pixel_size_nm is None


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "lzw"}, {"rowsperstrip": 5}, {"tile": (16, 16)}])
@pytest.mark.parametrize("fraction", [0.03, 0.5, 0.97])
def test_a_cut_off_tiff_is_one_clear_line(write_tiff, capfd, options, fraction):
    noise = np.random.default_rng(1).integers(0, 65535, (40, 60), np.uint16)
    path = write_tiff(noise, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(UnreadableFile, match=r"cut-off|without a picture") as caught:
        read_micrograph(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(40))
def test_noise_in_the_directory_raises_nothing_else(write_tiff, capfd, seed):
    path = write_tiff(tags={34682: "[Scan]\nPixelWidth=1e-9\n"})
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(4, min(len(data), 250), 6):
        data[place] = random.integers(0, 256)
    path.write_bytes(data)
    try:
        assert read_micrograph(path).pixels.ndim == 2
    except (UnreadableFile, UnsupportedFormat) as error:
        assert "\n" not in str(error)  # noqa: PT017
    assert capfd.readouterr() == ("", "")


def test_more_than_a_gigapixel_is_refused(write_tiff):
    path = write_tiff(np.zeros((2, 3), np.uint8))
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[256].overwrite(50_000)
        file.pages.first.tags[257].overwrite(50_000)
    with pytest.raises(UnsupportedFormat, match="gigapixel"):
        read_micrograph(path)


def test_complex_pixels_are_refused(write_tiff, ramp):
    with pytest.raises((UnsupportedFormat, UnreadableFile), match="complex"):
        read_micrograph(write_tiff(ramp.astype(np.complex64)))
