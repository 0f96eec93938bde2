"""Berkeley emd, HyperSpy's hspy and zspy, and HDF5 files that are none of them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from nanogauge.core.errors import NoSuchPart, UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph


def berkeley(path, pixels, units=("n_m", "n_m"), steps=(3.0, 2.0), name="image", first=1, how="w"):
    with h5py.File(path, how) as file:
        group = file.create_group(f"data/{name}")
        group.attrs["emd_group_type"] = 1
        group["data"] = pixels
        for i, (n, unit, step) in enumerate(zip(pixels.shape, units, steps, strict=True)):
            group[f"dim{i + first}"] = np.arange(n) * step
            group[f"dim{i + first}"].attrs["units"] = unit
        if "microscope" not in file:
            file.create_group("microscope").attrs["voltage"] = 300.0
    return path


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("units", ["n_m", b"[n_m]", "nm"])
def test_berkeley(tmp_path, ramp, units, first):
    found = read_micrograph(berkeley(tmp_path / "a.emd", ramp, (units, units), first=first))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.format == "emd/berkeley"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((3, 2))
    assert found.instrument.accelerating_voltage_kv == 300


def test_a_berkeley_tilt_series_has_its_pages_last_or_first(tmp_path, ramp):
    series = np.stack([ramp, 255 - ramp])
    path = berkeley(tmp_path / "a.emd", series, ("deg", "nm", "nm"), (1.0, 3.0, 2.0))
    np.testing.assert_array_equal(read_micrograph(path, page=2).pixels, 255 - ramp)
    path = berkeley(tmp_path / "b.emd", np.moveaxis(series, 0, -1), ("nm", "nm", "deg"), (3.0, 2.0, 1.0))
    found = read_micrograph(path, page=2)
    np.testing.assert_array_equal(found.pixels, 255 - ramp)
    assert found.scale.nm_per_px == pytest.approx((3, 2))


def test_several_berkeley_pictures(tmp_path, ramp):
    path = berkeley(tmp_path / "a.emd", ramp, name="BF")
    berkeley(path, 255 - ramp, name="HAADF", how="a")
    assert read_micrograph(path).notes == ("first of 2 pictures used (BF)",)
    np.testing.assert_array_equal(read_micrograph(path, detector="haadf").pixels, 255 - ramp)


@pytest.mark.parametrize(
    ("shape", "units", "words"),
    [
        ((6, 10), ("1/nm", "1/nm"), "a diffraction pattern"),
        ((6, 10, 50), ("nm", "nm", "eV"), "holds a spectrum image"),
        ((90,), ("eV",), "holds a spectrum"),
        ((2, 3, 6, 10), ("nm", "nm", "1/nm", "1/nm"), "holds diffraction patterns"),
    ],
)
def test_what_is_no_micrograph_is_named(tmp_path, shape, units, words):
    path = berkeley(tmp_path / "a.emd", np.ones(shape, np.float32), units, (1.0,) * len(shape))
    with pytest.raises(UnsupportedFormat, match=words):
        read_micrograph(path)
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        n = len(shape)
        signal = {1: 1, 2: 2, 3: 1, 4: 2}[n]
        hyperspy(file, np.ones(shape, np.float32), units, (1.0,) * n, navigate=[i < n - signal for i in range(n)])
    with pytest.raises(UnsupportedFormat, match=words):
        read_micrograph(tmp_path / "a.hspy")


def hyperspy(file, pixels, units=("nm", "nm"), steps=(3.0, 2.0), navigate=(False, False), title="HAADF"):
    """The tree of a HyperSpy file in an open HDF5 file or Zarr group."""
    file.attrs["file_format"] = "HyperSpy"
    group = file.create_group(f"Experiments/{title}")
    array = group.create_array("data", shape=pixels.shape, dtype=pixels.dtype) if hasattr(group, "create_array") else None
    if array is None:
        group["data"] = pixels
    else:
        array[...] = pixels
    for i in range(pixels.ndim):
        axis = group.create_group(f"axis-{i}")
        axis.attrs.update({"scale": steps[i], "units": units[i], "navigate": navigate[i], "size": pixels.shape[i]})
    group.create_group("metadata/Acquisition_instrument/TEM").attrs["beam_energy"] = 200.0
    group.create_group("metadata/Signal").attrs["signal_type"] = ""


@pytest.mark.parametrize("kind", ["hspy", "zspy2", "zspy3"])
def test_hyperspy(tmp_path, ramp, kind):
    stack = np.stack([ramp, 255 - ramp])
    options = {"units": ("", "nm", "nm"), "steps": (1.0, 3.0, 2.0), "navigate": (True, False, False)}
    path = tmp_path / f"a.{kind[:4]}"
    if kind == "hspy":
        with h5py.File(path, "w") as file:
            hyperspy(file, stack, **options)
    else:
        zarr = pytest.importorskip("zarr", reason='needs the extra: pip install "nanogauge[formats]"')
        hyperspy(zarr.open_group(str(path), mode="w", zarr_format=int(kind[-1])), stack, **options)
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.pixels, ramp)
    assert (found.format, found.notes) == (kind[:4], ("first of 2 slices used",))
    assert found.scale is not None
    assert found.scale.nm_per_px == (3.0, 2.0)
    assert found.instrument.accelerating_voltage_kv == 200
    assert found.part.detector == "HAADF"
    np.testing.assert_array_equal(read_micrograph(path, page=2).pixels, 255 - ramp)
    with pytest.raises(NoSuchPart, match=r"no detector 'BF'; there is HAADF$"):
        read_micrograph(path, detector="BF")


def test_zspy_without_zarr_names_the_extra(tmp_path, ramp, monkeypatch):
    (tmp_path / "a.zspy" / "Experiments").mkdir(parents=True)
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(UnsupportedFormat, match=r'pip install "nanogauge\[formats\]"'):
        read_micrograph(tmp_path / "a.zspy")


def test_other_hdf5_files_are_named(tmp_path, ramp):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["picture"] = ramp
    with pytest.raises(UnsupportedFormat, match=r"an HDF5 file of no kind that is read here \(it holds picture\)"):
        read_micrograph(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("entry").attrs["NX_class"] = "NXentry"
    with pytest.raises(UnsupportedFormat, match="a NeXus file"):
        read_micrograph(tmp_path / "a.h5")
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[:300])
    with pytest.raises(UnreadableFile, match="cut-off HDF5"):
        read_micrograph(tmp_path / "a.h5")
