import pytest

from nanogauge.reading import read_micrograph


def test_sizes_and_units(write_tiff):
    found = read_micrograph(write_tiff(tags={65003: "nm", 65004: "µm".encode("latin-1"), 65009: 2.0, 65010: 0.003}))
    assert found.format == "tiff/gatan"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((3.0, 2.0))


@pytest.mark.parametrize(("unit", "size"), [("1/nm", 2.0), ("", 1.0), ("nm", 0.0), ("nm", -1.0), ("nm", float("nan"))])
def test_uncalibrated_or_reciprocal_gives_none(write_tiff, unit, size):
    assert read_micrograph(write_tiff(tags={65003: unit, 65004: unit, 65009: size, 65010: size})).scale is None
