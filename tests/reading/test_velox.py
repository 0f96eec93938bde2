"""Velox files as h5py writes them."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from nanogauge.core.errors import NoSuchPart, UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph


def write(path, pixels, *, unit="m", width="2e-9", detector="HAADF", index=True):
    result = {"Detector": detector, "PixelSize": {"width": width, "height": "3e-9"}, "PixelUnitX": unit, "PixelUnitY": unit}
    metadata = {"BinaryResult": result | ({"DetectorIndex": "1"} if index else {}), "Optics": {"AccelerationVoltage": "300000"}}
    text = np.frombuffer(json.dumps(metadata).encode() + bytes(9), np.uint8)
    with h5py.File(path, "a") as file:
        group = file.create_group(f"Data/Image/{len(file.get('Data/Image', {}))}")
        group["Data"] = pixels
        group["Metadata"] = np.tile(text[:, None], (1, pixels.shape[2]))
    return path


def test_first_slice_of_the_first_detector(tmp_path, ramp):
    stack = np.stack([ramp, 255 - ramp], axis=-1).astype(np.uint16)
    path = write(tmp_path / "a.emd", stack[..., :1] * 0, detector="SuperX", index=False)
    found = read_micrograph(write(path, stack))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.format == "emd/velox"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((3, 2))
    assert (found.instrument.detector, found.instrument.accelerating_voltage_kv) == ("HAADF", 300)
    assert found.notes == ("first of 2 pictures used (HAADF)", "first of 2 slices used")


@pytest.mark.parametrize("options", [{"unit": ""}, {"width": "x"}, {"width": "0"}, {"width": "-1"}])
def test_malformed_sizes_give_none(tmp_path, ramp, options):
    assert read_micrograph(write(tmp_path / "a.emd", ramp[..., None], **options)).scale is None


def test_a_cut_off_file_is_one_clear_line(tmp_path):
    path = write(tmp_path / "a.emd", np.zeros((40, 60, 1), np.uint16))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UnreadableFile, match="cut-off"):
        read_micrograph(path)


def test_a_diffraction_pattern_is_refused(tmp_path, ramp):
    path = write(tmp_path / "a.emd", ramp[..., None], unit="1/m")
    with pytest.raises(UnsupportedFormat, match=r"a diffraction pattern .* in 1/m"):
        read_micrograph(path)


def test_detectors_and_element_maps_are_chosen_by_name(tmp_path, ramp):
    path = write(tmp_path / "a.emd", ramp[..., None], detector="SuperX", index=False)
    for factor, detector in ((2, "BF"), (3, "HAADF")):
        write(path, (ramp // factor)[..., None], detector=detector)
    with h5py.File(path, "a") as file:
        text = h5py.string_dtype()
        file.create_dataset("SharedProperties/r", data=[json.dumps({"dataPath": "/Data/Image/0"})], dtype=text)
        file.create_dataset(
            "Displays/ImageDisplay/d", data=[json.dumps({"data": "/SharedProperties/r", "title": "Au"})], dtype=text
        )
    found = read_micrograph(path, detector="haadf")
    np.testing.assert_array_equal(found.pixels, ramp // 3)
    assert found.notes == ("no. 2 of 3 pictures used (HAADF)",)
    assert found.part.detectors == ("BF", "HAADF", "Au")
    np.testing.assert_array_equal(read_micrograph(path, detector="Au").pixels, ramp)
    np.testing.assert_array_equal(read_micrograph(path, detector="1").pixels, ramp // 2)
    with pytest.raises(NoSuchPart, match=r"no detector 'Ag'; there are BF, HAADF, Au$"):
        read_micrograph(path, detector="Ag")
