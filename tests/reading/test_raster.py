"""PNG, JPEG, JPEG 2000, WebP, GIF and BMP of every pixel type, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from nanogauge.core.errors import NoSuchPart, UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph
from nanogauge.reading.contract import refuse_huge


@pytest.mark.parametrize(("suffix", "name"), [(".png", "png"), (".bmp", "bmp")])
def test_grey_pixels_come_back_exactly(tmp_path, ramp, suffix, name):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(ramp).save(path)
    found = read_micrograph(path)
    assert found.format == name
    assert found.scale is None
    np.testing.assert_array_equal(found.pixels, ramp)


def test_jpeg_is_close(tmp_path, ramp):
    path = tmp_path / "a.jpg"
    Image.fromarray(ramp).save(path, quality=95, dpi=(300, 300))
    found = read_micrograph(path)
    assert (found.format, found.scale, found.shape) == ("jpeg", None, (6, 10))
    assert np.abs(found.pixels.astype(int) - ramp).max() < 12


def test_sixteen_bits_stay_sixteen_bits(tmp_path, ramp):
    path = tmp_path / "a.png"
    deep = ramp.astype(np.uint16) * 257 + 3
    path.write_bytes(imagecodecs.png_encode(deep))
    found = read_micrograph(path)
    assert found.pixels.dtype == np.uint16
    np.testing.assert_array_equal(found.pixels, deep)


def test_sixteen_bit_colour_and_alpha_stay_sixteen_bits(tmp_path, ramp):
    deep = ramp.astype(np.uint16) * 200 + 1
    full = np.full_like(deep, 65535)
    for n, samples in enumerate(([deep] * 3, [deep] * 3 + [full], [deep, full])):
        path = tmp_path / f"{n}.png"
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(np.stack(samples, axis=-1))))
        np.testing.assert_array_equal(read_micrograph(path).pixels, deep)


def test_equal_channels_keep_their_value_and_colour_becomes_luminance(tmp_path, ramp):
    rgb = np.stack([ramp] * 3, axis=-1)
    Image.fromarray(rgb).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "grey.png").pixels, ramp)
    rgb[0, 0] = (255, 0, 0)
    Image.fromarray(rgb).save(tmp_path / "red.png")
    found = read_micrograph(tmp_path / "red.png").pixels
    assert found[0, 0] == 76
    np.testing.assert_array_equal(found[1:], ramp[1:])


def test_palette_and_bilevel(tmp_path, ramp):
    image = Image.fromarray(ramp).convert("P")
    image.putpalette([255 - i // 3 for i in range(768)])
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "p.png").pixels, 255 - ramp)
    Image.fromarray(ramp > 100).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "b.png").pixels, np.where(ramp > 100, 255, 0))


def test_transparency_is_set_over_black_but_an_idle_alpha_is_ignored(tmp_path, ramp):
    rgba = np.stack([ramp, ramp, ramp, np.full_like(ramp, 255)], axis=-1)
    Image.fromarray(rgba).save(tmp_path / "full.png")
    assert read_micrograph(tmp_path / "full.png").notes == ()
    rgba[..., 3] = 0
    Image.fromarray(rgba).save(tmp_path / "empty.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "empty.png").pixels, ramp)
    rgba[..., 3] = 255
    rgba[5, 9, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "hole.png")
    found = read_micrograph(tmp_path / "hole.png")
    assert found.pixels[5, 9] == 0
    assert found.pixels[5, 8] == ramp[5, 8]
    assert "transparent" in found.notes[0]


def test_the_picture_is_not_turned_by_its_orientation(tmp_path, ramp):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(ramp).save(tmp_path / "a.png", exif=exif)
    found = read_micrograph(tmp_path / "a.png")
    assert found.shape == ramp.shape
    assert "orientation 6" in found.notes[0]


def test_cmyk_jpeg_becomes_grey(tmp_path):
    Image.new("CMYK", (10, 6), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert read_micrograph(tmp_path / "a.jpg").pixels.min() > 250


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_a_cut_off_picture_is_one_clear_line(tmp_path, suffix, fraction):
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(1).integers(0, 255, (40, 60), np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(UnreadableFile, match="cut-off") as caught:
        read_micrograph(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_flipped_byte_in_a_png_never_gives_a_wrong_picture(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (40, 60), np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(noise).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UnreadableFile):
        read_micrograph(path)


def test_more_than_a_gigapixel_is_refused(tmp_path, ramp):
    path = tmp_path / "bomb.png"
    Image.fromarray(ramp).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    data[29:33] = __import__("zlib").crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormat, match="gigapixel"):
        read_micrograph(path)
    with pytest.raises(UnsupportedFormat, match="crop"):
        refuse_huge(Path("a.tif"), 50_000, 50_000)


def test_jpeg_2000_of_8_and_16_bits(tmp_path, ramp):
    large = np.kron(ramp, np.ones((8, 8), np.uint8))
    for pixels in (large, large.astype(np.uint16) * 200 + 1):
        Image.fromarray(pixels).save(tmp_path / "a.jp2")
        found = read_micrograph(tmp_path / "a.jp2")
        assert (found.format, found.pixels.dtype, found.scale) == ("jp2", pixels.dtype, None)
        np.testing.assert_array_equal(found.pixels, pixels)


def test_webp(tmp_path, ramp):
    Image.fromarray(np.stack([ramp] * 3, axis=-1)).save(tmp_path / "a.webp", lossless=True)
    found = read_micrograph(tmp_path / "a.webp")
    assert found.format == "webp"
    np.testing.assert_array_equal(found.pixels, ramp)


def test_the_frames_of_a_gif_are_pages(tmp_path, ramp):
    frames = [Image.fromarray(p) for p in (ramp, 255 - ramp)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = read_micrograph(tmp_path / "a.gif")
    assert (found.format, found.notes) == ("gif", ("first of 2 slices used",))
    np.testing.assert_array_equal(found.pixels, ramp)
    found = read_micrograph(tmp_path / "a.gif", page=2)
    assert (found.part.page, found.part.n_pages, found.notes) == (2, 2, ("page 2 of 2 used",))
    np.testing.assert_array_equal(found.pixels, 255 - ramp)
    with pytest.raises(NoSuchPart, match=r"a\.gif: no page 3; it has 2 pages, 1 to 2$"):
        read_micrograph(tmp_path / "a.gif", page=3)


def test_channels_of_a_colour_picture(tmp_path, ramp):
    Image.fromarray(np.stack([ramp, ramp // 2, ramp // 3], axis=-1)).save(tmp_path / "a.png")
    for name, factor in (("red", 1), ("Green", 2), ("3", 3)):
        np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png", channel=name).pixels, ramp // factor)
    assert read_micrograph(tmp_path / "a.png", channel="2").part.channel == "green"
    with pytest.raises(NoSuchPart, match=r"no channel 'infrared'; there are red, green, blue$"):
        read_micrograph(tmp_path / "a.png", channel="infrared")
    Image.fromarray(ramp).save(tmp_path / "g.png")
    with pytest.raises(NoSuchPart, match=r"no channel 'red', it is grey; leave --channel out$"):
        read_micrograph(tmp_path / "g.png", channel="red")
    with pytest.raises(NoSuchPart, match=r"no detector 'SE', it names no detector; leave --detector out$"):
        read_micrograph(tmp_path / "g.png", detector="SE")
    with pytest.raises(NoSuchPart, match=r"no page 2; it has only one page$"):
        read_micrograph(tmp_path / "g.png", page=2)
