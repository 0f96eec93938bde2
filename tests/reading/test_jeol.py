import struct

import pytest
import tifffile
from PIL import Image

from nanogauge.reading import read_micrograph
from nanogauge.reading.makers import jeol

SEM = """$CM_FORMAT JEOL/SEM
$CM_INSTRUMENT JSM-7800F
$CM_ACCEL_VOLT 15.00
$CM_MAG 30000
$CM_DATE 2019/03/12
$CM_TIME 10:21:55
$CM_FULL_SIZE 10 5
$CM_SIGNAL SEI
$$SM_WD 9.7
$$SM_MICRON_BAR 4
$$SM_MICRON_MARKER {marker}
"""
TEM = """<?xml version="1.0" encoding="utf-16"?><TemReporter><Instruments>JEM-ARM200F</Instruments><DateTime>2019-11-27</DateTime>
<ElectronGun><AccelerationVoltage>200000</AccelerationVoltage></ElectronGun><Eos><EosMode>{eos}</EosMode></Eos>
<ImageFormingSystem><ModeString>{mode}</ModeString><SelectorValue>150000</SelectorValue></ImageFormingSystem>
<ImageDataInformation><ImageSize><Width>40</Width><Height>30</Height></ImageSize>
<PixelsPerMeter><Horizontal>99</Horizontal><Vertical>99</Vertical></PixelsPerMeter></ImageDataInformation>
<DrawImageInformation><ImageSize><Width>{width}</Width><Height>6</Height></ImageSize>
<PixelsPerMeter><Horizontal>3642</Horizontal><Vertical>3600</Vertical></PixelsPerMeter></DrawImageInformation></TemReporter>"""


@pytest.mark.parametrize(("marker", "nm"), [("100nm", 25.0), ("1um", 250.0), ("1µm", 250.0), ("2mm", 5e5)])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".bmp"])
def test_sidecar(tmp_path, ramp, marker, nm, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(ramp).save(path)
    (tmp_path / "a.TXT").write_text(SEM.format(marker=marker), encoding="latin-1")
    found = read_micrograph(path)
    assert found.format.endswith("/jeol")
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((nm, nm))
    i = found.instrument
    assert (i.maker, i.model, i.detector, i.acquired) == ("JEOL", "JSM-7800F", "SEI", "2019-03-12T10:21:55")
    assert (i.accelerating_voltage_kv, i.working_distance_mm, i.magnification, i.data_bar_first_row) == (15.0, 9.7, 30_000, 5)


def test_a_resized_picture_loses_its_scale(write_tiff, ramp, tmp_path):
    path = write_tiff(ramp[:, :8])
    (tmp_path / "a.txt").write_text(SEM.format(marker="1um"))
    assert read_micrograph(path).scale is None


@pytest.mark.parametrize(
    ("line", "nm"),
    [
        ("0.5um", 500.0),
        ("400.0nm, 400.0nm", 400.0),
        ("400.0 nm", 400.0),
        ("0.4", 400.0),
        ("400", 400.0),
        ("12", None),
        ("x", None),
        ("-4nm", None),
    ],
)
def test_pixel_size_with_and_without_a_unit(line, nm):
    text = f"$CM_MAG 30000\n$CM_FULL_SIZE 10 6\n$CM_PIXEL_SIZE {line}\n"  # 120 mm / 30000 / 10 px = 400 nm
    facts = jeol.from_sidecar(text, (6, 10))
    assert facts is not None
    assert facts.instrument.pixel_size_nm == ((nm, nm) if nm else None)
    assert bool(facts.notes) == (nm is None)


def test_pixel_size_against_the_bar_gives_none():
    facts = jeol.from_sidecar("$CM_PIXEL_SIZE 10nm\n" + SEM.format(marker="100nm"), (6, 10))
    assert facts is not None
    assert facts.instrument.pixel_size_nm is None


@pytest.mark.parametrize("marker", ["", "nm", "0nm", "-5nm", "5 parsec"])
def test_malformed_markers_give_none(marker):
    facts = jeol.from_sidecar(SEM.format(marker=marker), (6, 10))
    assert facts is not None
    assert facts.instrument.pixel_size_nm is None


def test_other_text_is_not_jeol(write_tiff, tmp_path):
    path = write_tiff()
    (tmp_path / "a.txt").write_text("my notes: $5 for coffee, 100nm")
    found = read_micrograph(path)
    assert (found.format, found.scale, found.notes) == ("tiff", None, ())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "ascii"])
def test_maker_note(write_tiff, encoding):
    path = write_tiff()
    tifffile.imwrite(path, tifffile.imread(path), metadata=None, extratags=[(34667, 4, 1, 0, True)])
    note = SEM.format(marker="100nm").encode(encoding)
    data = path.read_bytes()
    placeholder, entry = struct.pack("<HHI", 34667, 4, 1), struct.pack("<HHI", 34665, 4, 1)
    directory = struct.pack("<HHHIII", 1, 37500, 7, len(note), len(data) + 18, 0)
    path.write_bytes(data.replace(placeholder + bytes(4), entry + struct.pack("<I", len(data))) + directory + note)
    found = read_micrograph(path)
    assert found.format == "tiff/jeol"
    assert found.scale is not None
    assert found.scale.nm_per_px == (25.0, 25.0)


def test_tem_report(write_tiff):
    found = read_micrograph(write_tiff(tags={270: TEM.format(eos="eosTEM", mode="MAG", width=10)}))
    assert found.format == "tiff/jeol"
    assert found.scale is not None
    assert found.scale.nm_per_px == pytest.approx((1e9 / 3600 / 150_000, 1e9 / 3642 / 150_000))
    assert (found.instrument.model, found.instrument.accelerating_voltage_kv) == ("JEM-ARM200F", 200.0)


@pytest.mark.parametrize(("eos", "mode", "width"), [("eosTEM", "DIFF", 10), ("eosASID", "MAG", 10), ("eosTEM", "MAG", 20)])
def test_tem_report_of_diffraction_stem_or_another_size_gives_none(write_tiff, eos, mode, width):
    found = read_micrograph(write_tiff(tags={270: TEM.format(eos=eos, mode=mode, width=width)}))
    assert found.scale is None
    assert found.notes
