import pytest

from nanogauge.core.errors import UnsupportedFormat
from nanogauge.reading import read_micrograph


def test_sizes_and_units(write_tiff):
    found = read_micrograph(write_tiff(tags={65003: "nm", 65004: "µm".encode("latin-1"), 65009: 2.0, 65010: 0.003}))
    assert found.format == "tiff/gatan"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((3.0, 2.0))


@pytest.mark.parametrize(("unit", "size"), [("", 1.0), ("nm", 0.0), ("nm", -1.0), ("nm", float("nan"))])
def test_uncalibrated_gives_none(write_tiff, unit, size):
    assert read_micrograph(write_tiff(tags={65003: unit, 65004: unit, 65009: size, 65010: size})).scale is None


@pytest.mark.parametrize("unit", ["1/nm", "1/Å", "nm^-1", "mrad"])
def test_a_diffraction_pattern_is_refused(write_tiff, unit):
    unit = unit.encode("latin-1") if "Å" in unit else unit
    with pytest.raises(UnsupportedFormat, match="a diffraction pattern"):
        read_micrograph(write_tiff(tags={65003: unit, 65004: unit, 65009: 0.02, 65010: 0.02}))
