import numpy as np
import pytest
import tifffile

from nanogauge.reading import read_micrograph


def write(path, pixels, **metadata):
    tifffile.imwrite(path, pixels, ome=True, metadata=metadata)
    return path


def test_physical_sizes_and_default_unit(tmp_path, ramp):
    found = read_micrograph(write(tmp_path / "a.ome.tif", ramp, PhysicalSizeX=0.5, PhysicalSizeY=0.4))
    assert found.format == "tiff/ome"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((400, 500))
    np.testing.assert_array_equal(found.pixels, ramp)


@pytest.mark.parametrize(("unit", "nm"), [("nm", 2.0), ("µm", 2000.0), ("Å", 0.2), ("pm", 0.002)])
def test_named_units(tmp_path, ramp, unit, nm):
    sizes = {"PhysicalSizeX": 2.0, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 2.0, "PhysicalSizeYUnit": unit}
    found = read_micrograph(write(tmp_path / "a.tif", ramp, **sizes))
    assert found.scale is not None
    assert found.scale.mean_nm_per_px == pytest.approx(nm)


XML = '<?xml version="1.0"?><OME><Image><Pixels SizeX="{width}" SizeY="6" {size}/></Image></OME>'


@pytest.mark.parametrize(
    "size", ["", 'PhysicalSizeX="0"', 'PhysicalSizeX="x"', 'PhysicalSizeX="-1"', 'PhysicalSizeX="1" PhysicalSizeXUnit="pixel"']
)
def test_malformed_values_give_none(write_tiff, size):
    assert read_micrograph(write_tiff(tags={270: XML.format(width=10, size=size)})).scale is None


def test_another_width_and_broken_xml_give_none(write_tiff):
    assert read_micrograph(write_tiff(tags={270: XML.format(width=20, size='PhysicalSizeX="1"')})).scale is None
    assert read_micrograph(write_tiff(tags={270: "<OME><Pixels"})).scale is None
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><OME><Image><Pixels PhysicalSizeX="1" SizeX="10">&a;</Pixels></Image></OME>'
    assert read_micrograph(write_tiff(tags={270: bomb})).scale is None
