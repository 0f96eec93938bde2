"""The optional formats: against a stand-in for RosettaSciIO, so that these tests run without the extra."""

from __future__ import annotations

import bz2
import sys
import types

import numpy as np
import pytest

from nanogauge.core.errors import UnreadableFile, UnsupportedFormat
from nanogauge.reading import read_micrograph

HEADS = {
    "bcf": (b"AAMVHFSS" + bytes(20), "bruker"),
    "elid": (bz2.compress(b"elid"), "phenom"),
}


def axis(name, size, scale=2.0, units="nm", *, navigate=False):
    return {"name": name, "size": size, "scale": scale, "units": units, "navigate": navigate}


def picture(data, **options):
    return {"data": data, "axes": [axis("y", data.shape[0], **options), axis("x", data.shape[1], **options)], "metadata": {}}


@pytest.fixture
def rosetta(monkeypatch, tmp_path):
    """rosetta(suffix, signals) -> path of a file that the stand-in reads as these signals."""

    def install(suffix, signals):
        head, module = HEADS[suffix]
        plugin = types.ModuleType(f"rsciio.{module}")

        def file_reader(filename, **_options):
            if isinstance(signals, Exception):
                raise signals
            return signals

        plugin.file_reader = file_reader
        monkeypatch.setitem(sys.modules, "rsciio", types.ModuleType("rsciio"))
        monkeypatch.setitem(sys.modules, f"rsciio.{module}", plugin)
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(head)
        return path

    return install


@pytest.mark.parametrize("suffix", HEADS)
def test_each_kind_is_known_by_its_first_bytes(rosetta, ramp, suffix):
    found = read_micrograph(rosetta(suffix, [picture(ramp)]))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.scale is not None
    assert found.scale.nm_per_px == (2.0, 2.0)


@pytest.mark.parametrize("suffix", HEADS)
def test_without_the_extra_it_is_named(tmp_path, monkeypatch, suffix):
    head, module = HEADS[suffix]
    monkeypatch.setitem(sys.modules, f"rsciio.{module}", None)
    (tmp_path / f"a.{suffix}").write_bytes(head)
    with pytest.raises(UnsupportedFormat, match=r'pip install "nanogauge\[rosetta\]"'):
        read_micrograph(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize(
    ("units", "scale", "nm"),
    [("µm", 0.5, 500), ("n_m", 2.0, 2), ("[n_m]", 2.0, 2), ("nm", -2.0, 2), ("Å", 1, 0.1), ("pm", 8, 0.008)],
)
def test_units(rosetta, ramp, units, scale, nm):
    found = read_micrograph(rosetta("elid", [picture(ramp, units=units, scale=scale)]))
    assert found.scale is not None
    assert found.scale.mean_nm_per_px == pytest.approx(nm)


@pytest.mark.parametrize(("units", "scale"), [("", 1.0), ("[]", 1.0), ("nm", 0.0), ("nm", float("nan")), (None, 1.0), ("px", 1)])
def test_uncalibrated_gives_none(rosetta, ramp, units, scale):
    assert read_micrograph(rosetta("elid", [picture(ramp, units=units, scale=scale)])).scale is None


def test_the_first_picture_of_several_signals(rosetta, ramp):
    spectrum = {"data": np.zeros(9), "axes": [axis("Energy", 9, units="keV")], "metadata": {}}
    line_scan = {"data": np.zeros((6, 9)), "axes": [axis("i", 6), axis("Energy", 9, units="keV")], "metadata": {}}
    cube = {
        "data": np.zeros((6, 10, 9)),
        "axes": [axis("y", 6, navigate=True), axis("x", 10, navigate=True), axis("Energy", 9)],
        "metadata": {},
    }
    found = read_micrograph(rosetta("elid", [spectrum, line_scan, cube, picture(ramp), picture(255 - ramp)]))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert "first of 2 pictures" in found.notes[0]
    with pytest.raises(UnsupportedFormat, match="no 2-D picture"):
        read_micrograph(rosetta("elid", [spectrum, line_scan, cube]))


def test_the_first_slice_of_a_stack_and_a_colour_picture(rosetta, ramp):
    axes = [axis("z", 3, navigate=True), axis("y", 6), axis("x", 10)]
    stack = {"data": np.stack([ramp, ramp // 2, ramp // 3]), "axes": axes, "metadata": {}}
    found = read_micrograph(rosetta("elid", [stack]))
    np.testing.assert_array_equal(found.pixels, ramp)
    assert found.notes == ("first of 3 slices used",)
    colour = np.zeros((6, 10), dtype=[(c, "u1") for c in "RGBA"])
    for channel in "RGB":
        colour[channel] = ramp
    np.testing.assert_array_equal(read_micrograph(rosetta("elid", [picture(colour)])).pixels, ramp)


def test_a_damaged_file_and_a_wrong_suffix(rosetta, ramp):
    with pytest.raises(UnreadableFile, match=r"cannot read this Phenom ELID file .unexpected end"):
        read_micrograph(rosetta("elid", RuntimeError("unexpected\nend")))
    path = rosetta("bcf", [picture(ramp)])
    with pytest.raises(UnsupportedFormat, match=r"suffix \.bcf"):
        read_micrograph(path.rename(path.with_suffix(".xyz")))


def test_a_cut_off_elid_file(rosetta, ramp):
    path = rosetta("elid", [picture(ramp)])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UnreadableFile, match="cut-off Phenom ELID"):
        read_micrograph(path)
