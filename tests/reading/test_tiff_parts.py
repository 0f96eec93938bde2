"""Pages, detectors and channels of TIFF and OME-Zarr."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nanogauge.core.errors import NoSuchPart, UnsupportedFormat
from nanogauge.reading import read_micrograph, read_picture
from nanogauge.reading.containers import tiff


def test_a_page_of_a_stack(write_tiff, ramp):
    path = write_tiff(np.stack([ramp, 255 - ramp, ramp // 2]))
    for page, right in ((1, ramp), (2, 255 - ramp), (3, ramp // 2)):
        found = read_micrograph(path, page=page)
        np.testing.assert_array_equal(found.pixels, right)
        assert found.notes == (f"page {page} of 3 used",)
        assert (found.part.page, found.part.n_pages) == (page, 3)
    with pytest.raises(NoSuchPart, match=r"no page 4; it has 3 pages, 1 to 3$"):
        read_micrograph(path, page=4)


def test_each_page_has_its_own_scale_and_detector(tmp_path, ramp):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for k, detector in enumerate(("ETD", "CBS")):
            text = f"[Detectors]\nName={detector}\n[Scan]\nPixelWidth={k + 2}e-9\nPixelHeight={k + 2}e-9\n".encode()
            file.write(ramp // (k + 1), photometric="minisblack", metadata=None, extratags=[(34682, 1, len(text), text, True)])
    found = read_micrograph(path, detector="cbs")
    np.testing.assert_array_equal(found.pixels, ramp // 2)
    assert found.scale.nm_per_px == pytest.approx((3, 3))
    assert (found.part.detector, found.part.detectors) == ("CBS", ("ETD", "CBS"))
    assert found.notes == ("page 2 of 2 used (CBS)",)
    with pytest.raises(NoSuchPart, match=r"no detector 'BSD'; there are ETD, CBS$"):
        read_micrograph(path, detector="BSD")


def test_channels_in_pages_of_their_own(tmp_path, ramp):
    stack = np.stack([np.stack([ramp // (1 + 2 * z), ramp // (2 + 2 * z)]) for z in range(2)])  # (Z, C, Y, X)
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "ZCYX", "Channel": {"Name": ["BF", "HAADF"]}})
    found = read_micrograph(tmp_path / "a.ome.tif", channel="haadf")
    np.testing.assert_array_equal(found.pixels, stack[0, 1])
    assert (found.part.channel, found.part.channels) == ("HAADF", ("BF", "HAADF"))
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.ome.tif", channel="HAADF", page=2).pixels, stack[1, 1])
    with pytest.raises(NoSuchPart, match=r"no channel 'SE'; there are BF, HAADF$"):
        read_micrograph(tmp_path / "a.ome.tif", channel="SE")
    tifffile.imwrite(tmp_path / "b.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(read_micrograph(tmp_path / "b.tif", channel="2").pixels, stack[0, 1])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_channels_of_a_colour_page(write_tiff, ramp, planar):
    rgb = np.stack([ramp, ramp // 2, ramp // 3], axis=0 if planar == "separate" else -1)
    path = write_tiff(rgb, photometric="rgb", planarconfig=planar)
    found = read_micrograph(path, channel="blue")
    np.testing.assert_array_equal(found.pixels, ramp // 3)
    assert found.notes == ("channel blue of red, green, blue used",)
    assert read_micrograph(path).part.channel == ""


def test_a_grey_page_has_no_channel(write_tiff):
    with pytest.raises(NoSuchPart, match="it is grey; leave --channel out"):
        read_micrograph(write_tiff(), channel="red")


def test_a_mosaic_obeys_too(write_tiff, ramp):
    path = write_tiff(np.stack([ramp, 255 - ramp]))
    mosaic = read_picture(path, mosaic_px=1, page=2)
    np.testing.assert_array_equal(mosaic.read(0, 6, 0, 10), 255 - ramp)
    assert (mosaic.part.page, mosaic.notes) == (2, ("page 2 of 2 used",))
    with pytest.raises(NoSuchPart, match="no page 3"):
        read_picture(path, mosaic_px=1, page=3)
    rgb = write_tiff(np.stack([ramp] * 3, axis=-1), photometric="rgb", name="b.tif")
    with pytest.raises(UnsupportedFormat, match="save it as a grey TIFF"):
        read_picture(rgb, mosaic_px=1, channel="red")


def test_ome_zarr(tmp_path, ramp):
    zarr = pytest.importorskip("zarr", reason='needs the extra: pip install "nanogauge[formats]"')
    stack = np.stack([np.stack([ramp // (1 + 2 * c), ramp // (2 + 2 * c)]) for c in range(2)])  # (C, Z, Y, X)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.create_array("0", shape=stack.shape, dtype=stack.dtype)[...] = stack
    axes = [{"name": n} for n in "cz"] + [{"name": n, "unit": "nanometer"} for n in "yx"]
    transform = [{"type": "scale", "scale": [1, 1, 3, 2]}]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transform}]}]
    group.attrs["omero"] = {"channels": [{"label": "BF"}, {"label": "HAADF"}]}
    found = read_micrograph(tmp_path / "a.zarr", channel="HAADF", page=2)
    np.testing.assert_array_equal(found.pixels, stack[1, 1])
    assert found.scale.nm_per_px == (3.0, 2.0)
    with pytest.raises(NoSuchPart, match=r"no channel 'SE'; there are BF, HAADF$"):
        read_micrograph(tmp_path / "a.zarr", channel="SE")


def picture(seed: int, shape: tuple[int, int] = (384, 512)) -> np.ndarray:
    """Bright discs with noise over a dark data bar."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    grey = rng.normal(90, 8, shape)
    for cy, cx in rng.uniform((0, 0), shape, (40, 2)):
        grey[np.hypot(y - cy, x - cx) < 18] += 60
    grey[-30:] = 0
    return np.clip(grey, 0, 255).astype(np.uint8)


def pages(path: Path, *shown: np.ndarray, nm_per_px: tuple[float, ...] = ()) -> Path:
    """A TIFF with a page for each, marked as nothing; of a Thermo microscope where pixel sizes are given (0: none)."""
    with tifffile.TiffWriter(path) as file:
        for k, page in enumerate(shown):
            tags: dict[str, object] = {}
            if k < len(nm_per_px) and nm_per_px[k]:
                text = f"[Scan]\nPixelWidth={nm_per_px[k]}e-9\nPixelHeight={nm_per_px[k]}e-9\n".encode()
                tags = {"extratags": [(34682, 1, len(text), text, True)]}
            file.write(page, metadata=None, photometric="rgb" if page.ndim == 3 else "minisblack", **tags)
    return path


@pytest.mark.parametrize("thumbnail", ["every fourth px", "mean", "of colours", "16 bit"])
def test_of_one_picture_in_several_sizes_the_largest_is_read(tmp_path, thumbnail):
    large = picture(1)
    small = large[::4, ::4] if thumbnail == "every fourth px" else large.reshape(96, 4, 128, 4).mean((1, 3)).astype(np.uint8)
    if thumbnail == "of colours":
        small = np.stack([small] * 3, axis=-1)
    found = read_micrograph(pages(tmp_path / "a.tif", small, large.astype(np.uint16) * 9 if thumbnail == "16 bit" else large))
    assert found.shape == large.shape
    assert found.notes == ("page 2, the largest that shows the same picture, of 2 pages used",)
    found = read_micrograph(pages(tmp_path / "b.tif", small, large[::2, ::2], large))
    assert (found.part.page, found.shape) == (3, large.shape)
    asked = read_micrograph(tmp_path / "b.tif", page=1)
    assert asked.shape == small.shape[:2]
    assert asked.notes[0] == "page 1 of 3 used"


def test_pages_of_other_pictures_or_of_one_size_are_no_thumbnails(tmp_path):
    large, other = picture(1), picture(2)
    for shown in ((other[::4, ::4], large), (large, 255 - large), (large, large[::4, ::4]), (large[:80, :80], large)):
        found = read_micrograph(pages(tmp_path / "a.tif", *shown))
        np.testing.assert_array_equal(found.pixels, shown[0])
        assert found.notes == ("first of 2 pages used",)


@pytest.mark.parametrize(("sizes", "wanted"), [((8.0, 2.0), 2.0), ((0.0, 2.0), 2.0), ((8.0, 0.0), None)])
def test_the_scale_is_that_of_the_page_read_not_of_its_thumbnail(tmp_path, sizes, wanted):
    large = picture(1)
    found = read_micrograph(pages(tmp_path / "a.tif", large[::4, ::4], large, nm_per_px=sizes))
    assert found.shape == large.shape
    assert (found.scale and found.scale.mean_nm_per_px) == (wanted and pytest.approx(wanted))


def test_a_picture_too_large_to_be_unpacked_is_known_by_its_form(tmp_path, monkeypatch):
    large = picture(1)
    monkeypatch.setattr(tiff, "_COMPARED_PX", 1000)
    monkeypatch.setattr(tiff, "_picture", lambda *_: pytest.fail("unpacked"))
    path = pages(tmp_path / "a.tif", large[::4, ::4], large, large[:, :400])
    with tifffile.TiffFile(path) as file:
        assert tiff._usual_page(path, file, 3) == (1, "largest")
