import pytest

from nanogauge.reading import read_micrograph

HEAD = "0\r\n0\r\n0\r\n5.824988e-009\r\n5.0e+004\r\n"


def text(**pairs: str) -> bytes:
    names = {"AP_IMAGE_PIXEL_SIZE": "Image Pixel Size", "AP_PIXEL_SIZE": "Pixel Size", "AP_WIDTH": "Width", "AP_HEIGHT": "Height"}
    body = "".join(f"{k}\r\n{names.get(k, k.title())} = {v}\r\n" for k, v in pairs.items())
    return (HEAD + body + "AP_TIME\r\nTime :8:20:42\r\nAP_DATE\r\nDate :25 Sep 2018\r\n").encode("latin-1")


@pytest.mark.parametrize(
    ("size", "width", "nm"),
    [("800.0 pm", "8.0 nm", 0.8), ("1.836 nm", "18.36 nm", 1.836), ("2.615 µm", "26.15 µm", 2615.0), ("1.5 mm", "15 mm", 1.5e6)],
)
def test_image_pixel_size_in_every_unit(write_tiff, size, width, nm):
    found = read_micrograph(write_tiff(tags={34118: text(AP_PIXEL_SIZE="3 nm", AP_IMAGE_PIXEL_SIZE=size, AP_WIDTH=width)}))
    assert found.format == "tiff/zeiss"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((nm, nm))


def test_instrument(write_tiff):
    tag = text(
        AP_WD="3.9 mm",
        AP_MAG="50.00 K X",
        AP_ACTUALKV="5.00 kV",
        DP_DETECTOR_TYPE="InLens",
        SV_SERIAL_NUMBER="ULTRA",
        AP_WIDTH="6 µm",
    )
    i = read_micrograph(write_tiff(tags={34118: tag})).instrument
    assert (i.maker, i.model, i.detector, i.acquired) == ("Zeiss", "ULTRA", "InLens", "2018-09-25T08:20:42")
    assert (i.working_distance_mm, i.magnification, i.accelerating_voltage_kv) == (3.9, 50_000, 5.0)
    assert i.field_width_nm == pytest.approx(6000)


def test_without_it_the_width_over_the_pixels_and_never_ap_pixel_size(write_tiff):
    found = read_micrograph(write_tiff(tags={34118: text(AP_PIXEL_SIZE="5.825 nm", AP_WIDTH="5.965 µm", AP_HEIGHT="3.579 µm")}))
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((596.5, 596.5))
    assert read_micrograph(write_tiff(tags={34118: text(AP_PIXEL_SIZE="5.825 nm")})).scale is None


def test_a_cropped_or_resized_picture_gives_none(write_tiff, ramp):
    cropped = text(AP_WIDTH="5.965 µm", AP_HEIGHT="4.474 µm")
    assert read_micrograph(write_tiff(tags={34118: cropped})).scale is None
    resized = text(AP_IMAGE_PIXEL_SIZE="1 nm", AP_WIDTH="20 nm", DP_IMAGE_STORE="20 * 12")
    found = read_micrograph(write_tiff(tags={34118: resized}))
    assert found.scale is None
    assert "20 px wide" in found.notes[0]
    unsaid = text(AP_IMAGE_PIXEL_SIZE="1 nm", AP_WIDTH="20 nm")
    assert read_micrograph(write_tiff(tags={34118: unsaid})).scale is None


@pytest.mark.parametrize("bad", ["", "0.0 fm", "5", "nm", "-5 nm", "5 furlong", "1e400 nm", "5 1/nm"])
def test_malformed_values_give_none(write_tiff, bad):
    found = read_micrograph(write_tiff(tags={34118: text(AP_IMAGE_PIXEL_SIZE=bad, AP_WD="far", AP_MAG="much")}))
    assert found.scale is None
    assert found.instrument.working_distance_mm is None
