"""What is fuzzed: whole files of every kind that nanogauge reads, each with the function that reads it."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi

from nanogauge.core.micrograph import Micrograph
from nanogauge.core.settings import Settings, read_settings, write_settings
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph, read_picture
from nanogauge.reading.labels import read_labels
from nanogauge.reporting import card_of, micrograph_page, read_info
from nanogauge.results.interchange import read_annotation
from nanogauge.results.saved import read_saved
from nanogauge.scale.user_scale import user_scales

SHAPE = (48, 60)


@dataclass(frozen=True)
class Target:
    """seeds: file name -> sound bytes; run: reads the damaged file at a path (whatever lies beside it is sound)."""

    name: str
    seeds: dict[str, bytes]
    run: Callable[[Path], object]
    beside: dict[str, bytes]


def targets() -> list[Target]:
    """All of them, made anew (deterministic)."""
    grey = _picture()
    pictures = _pictures(grey)
    texts = _texts()
    toml = write_settings(Settings()).encode()
    given = b'scale = "2.5 nm/px"\n[files]\n"a*.tif" = { scale_bar = "500 nm", bar_px = 123.5 }\n'
    info = b'sample = "Au 30"\noperator = "N. N."\ncalibration = "grating 2025-01"\n'
    tiff = pictures["a.tif"]
    results = _results(grey)
    return [
        Target("micrographs", pictures, read_micrograph, {}),
        Target("micrographs by window", {k: v for k, v in pictures.items() if k.endswith(".tif")}, _windows, {}),
        Target("sidecars", texts, lambda path: read_micrograph(path.parent / "a.tif"), {"a.tif": tiff}),
        Target("labels", _labels(), lambda path: read_annotation(path, shape=SHAPE), {}),
        Target("labels of truth", _labels(), lambda path: read_labels(path, shape=SHAPE), {}),
        Target("annotations", _annotations(), lambda path: read_annotation(path, shape=SHAPE, image_name="a.tif"), {}),
        Target("settings", {"s.toml": toml}, read_settings, {}),
        Target("given scales", {"nanogauge.toml": given}, _given, {"a.tif": tiff}),
        Target("report facts", {"i.toml": info}, read_info, {}),
        Target("saved results", results, _report, results),
    ]


def _windows(path: Path) -> object:
    mosaic = read_picture(path, mosaic_px=1)
    return mosaic if isinstance(mosaic, Micrograph) else mosaic.read(0, min(64, mosaic.shape[0]), 0, min(64, mosaic.shape[1]))


def _report(path: Path) -> object:
    return micrograph_page(card_of(read_saved(path.parent)))


def _given(path: Path) -> object:
    return user_scales([path.parent / "a.tif"], [path.parent], None)


def _picture() -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    discs = sum((np.hypot(y - a, x - b) < r) * 120 for a, b, r in ((12, 14, 7), (30, 40, 9), (36, 12, 6)))
    return np.asarray(np.clip(60 + discs + np.random.default_rng(0).normal(0, 8, SHAPE), 0, 255), np.uint8)


def _pictures(grey: np.ndarray) -> dict[str, bytes]:
    out = {f"a.{k}": _pil(grey, k) for k in ("png", "jpeg", "bmp")}
    out |= {"rgb.png": _pil(np.repeat(grey[..., None], 3, 2), "png"), "deep.png": _pil(grey.astype(np.uint16) * 200, "png")}
    thermo = b"[User]\r\nDate=06/13/2016\r\n[Beam]\r\nHV=5000\r\n[EScan]\r\nPixelWidth=2e-9\r\nPixelHeight=2e-9\r\n"
    zeiss = b"\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 2.5 nm\r\nAP_MAG\r\nMag = 50.00 K X\r\nAP_ACTUALKV\r\nEHT = 5.00 kV\r\n"
    tescan = b"\0\0[MAIN]\r\nPixelSizeX=2e-9\r\nPixelSizeY=2e-9\r\nMagnification=5e4\r\n[SEM]\r\nHV=5000\r\nWD=0.005\r\n"
    ome = '<OME><Image><Pixels PhysicalSizeX="2" PhysicalSizeXUnit="nm" PhysicalSizeY="2" PhysicalSizeYUnit="nm"/></Image></OME>'
    out |= {
        "a.tif": _tiff(grey),
        "big.tif": _tiff(grey, bigtiff=True),
        "tiled.tif": _tiff(grey, tile=(16, 16), compression="zlib"),
        "strips.tif": _tiff(grey, rowsperstrip=5, compression="lzw"),
        "jpeg.tif": _tiff(grey, compression="jpeg"),
        "packbits.tif": _tiff(grey, compression="packbits", byteorder=">"),
        "deep.tif": _tiff(grey.astype(np.uint16) * 200, predictor=True, compression="zlib"),
        "float.tif": _tiff(grey.astype(np.float32) / 255),
        "rgb.tif": _tiff(np.repeat(grey[..., None], 3, 2), photometric="rgb"),
        "imagej.tif": _tiff(grey, imagej=True, resolution=(0.4, 0.4), metadata={"unit": "nm"}),
        "ome.tif": _tiff(grey, description=ome),
        "thermo.tif": _tiff(grey, extratags=[(34680, 2, 0, thermo, True)]),
        "zeiss.tif": _tiff(grey, extratags=[(34118, 2, 0, zeiss, True)]),
        "tescan.tif": _tiff(grey, extratags=[(50431, 7, len(tescan), tescan, True)]),
    }
    return out


def _results(grey: np.ndarray) -> dict[str, bytes]:
    """What `measure` saves of a micrograph and `report` reads."""
    settings = Settings().replace("segment", engine="threshold").replace("measure", n_bootstrap=0)
    m = Measurer(settings.replace("segment", engine="threshold"), n_threads=1).measure(Micrograph(pixels=grey, name="a.tif"))
    with tempfile.TemporaryDirectory() as place:
        m.save(Path(place) / "a")
        names = ("measurement.json", "particles.csv", "overlay.png")
        return {n: (Path(place) / "a" / n).read_bytes() for n in names}


def _pil(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _tiff(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **({"photometric": "minisblack", "metadata": None} | options))
    return file.getvalue()


def _texts() -> dict[str, bytes]:
    hitachi = "[SemImageFile]\r\nInstructName=SU8230\r\nDataSize=60x48\r\nPixelSize=9.9\r\nMagnification=10000\r\n"
    jeol = "$CM_FORMAT JEOL/SEM\n$CM_MAG 30000\n$CM_FULL_SIZE 60 48\n$$SM_MICRON_BAR 100\n$$SM_MICRON_MARKER 1um\n"
    tescan = "[MAIN]\nDevice=MIRA3\nPixelSizeX=2e-9\nPixelSizeY=2e-9\n[SEM]\nHV=5000\n"
    return {"a.txt": hitachi.encode("utf-16"), "a.tif.txt": jeol.encode(), "a-tif.hdr": tescan.encode()}


def _labels() -> dict[str, bytes]:
    labels = np.zeros(SHAPE, np.uint16)
    labels[5:20, 5:20], labels[25:40, 25:50] = 1, 700
    return {
        "l.png": _pil(labels, "png"),
        "l.tif": _tiff(labels, compression="zlib"),
        "mask.png": _pil((labels > 0).astype(np.uint8) * 255, "png"),
    }


def _annotations() -> dict[str, bytes]:
    square = np.array([[5, 5], [20, 5], [20, 20], [5, 20]])
    roi = ImagejRoi.frompoints(square, name="0001")
    roi.roitype = ROI_TYPE.POLYGON
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for k in range(3):
            file.writestr(f"{k}.roi", roi.tobytes())
    points = square.astype(float).tolist()
    ring = [*points, points[0]]
    coco = {
        "images": [{"id": 1, "file_name": "a.tif", "width": SHAPE[1], "height": SHAPE[0]}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "segmentation": [square.ravel().tolist()],
                "bbox": [5, 5, 15, 15],
                "area": 225,
                "iscrowd": 0,
            },
            {
                "id": 2,
                "image_id": 1,
                "category_id": 1,
                "segmentation": {"size": list(SHAPE), "counts": [100, 20, 2760]},
                "iscrowd": 1,
            },
        ],
        "categories": [{"id": 1, "name": "particle"}],
    }
    labelme = {
        "version": "5.0",
        "shapes": [
            {"label": "p", "points": points, "shape_type": "polygon"},
            {"label": "c", "points": [[30, 30], [36, 30]], "shape_type": "circle"},
        ],
        "imagePath": "a.tif",
        "imageHeight": SHAPE[0],
        "imageWidth": SHAPE[1],
    }
    geojson = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}],
    }
    out = {"r.roi": roi.tobytes(), "r.zip": archive.getvalue()} | _arrays() | _tools(points)
    return (
        out
        | {f"{n}.json": json.dumps(v).encode() for n, v in (("coco", coco), ("labelme", labelme))}
        | {"g.geojson": json.dumps(geojson).encode()}
    )


def _arrays() -> dict[str, bytes]:
    labels = np.zeros(SHAPE, np.int32)
    labels[5:20, 5:20] = 3
    files = {name: io.BytesIO() for name in ("n.npy", "n.npz", "n.h5", "n_seg.npy")}
    np.save(files["n.npy"], labels)
    np.savez_compressed(files["n.npz"], masks=np.stack([labels > 0, labels == 0]))
    with h5py.File(files["n.h5"], "w") as file:
        file.create_dataset("exported_data", data=labels[..., None].astype(np.uint8), compression="gzip")
    content = {"masks": labels.astype(np.uint16), "filename": "a.tif", "flows": [np.zeros(3), None], "est_diam": 11.5}
    np.save(files["n_seg.npy"], np.array(content, object), allow_pickle=True)
    return {name: file.getvalue() for name, file in files.items()}


def _tools(points: list[list[float]]) -> dict[str, bytes]:
    """Small files of annotation tools, as they write them."""
    h, w = SHAPE
    x, y = [p[0] for p in points], [p[1] for p in points]
    form, oval = (
        {"name": "polygon", "all_points_x": x, "all_points_y": y},
        {"name": "ellipse", "cx": 30, "cy": 30, "rx": 6, "ry": 4},
    )
    regions = [{"shape_attributes": f, "region_attributes": {}} for f in (form, oval)]
    via = {"a.tif1": {"filename": "a.tif", "size": 1, "regions": regions, "file_attributes": {}}}
    third = {
        "project": {}, "file": {"1": {"fid": "1", "fname": "a.tif"}}, "view": {"1": {"fid_list": ["1"]}},
        "metadata": {"a": {"vid": "1", "xy": [7, 5, 5, 20, 5, 20, 20], "av": {}}, "b": {"vid": "1", "xy": [2, 30, 30, 5, 5]}},
    }  # fmt: skip
    cell = json.dumps(form).replace('"', '""')
    table = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    table += f'a.tif,1,"{{}}",1,0,"{cell}","{{}}"\n'
    about = {"original_width": w, "original_height": h, "image_rotation": 0}
    bits = (
        f"{4 * h * w:032b}{7:05b}"
        + "0010001101111111"
        + "".join("111" + f"{n - 1:016b}" + "11111111" for n in (4 * h, 4 * h * (w - 1)))
    )
    brush = [int((bits + "0000000")[k : k + 8], 2) for k in range(0, len(bits), 8)]
    values = (
        {"points": [[10, 10], [30, 10], [30, 40]], "polygonlabels": ["p"]},
        {"x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "rotation": 20, "ellipselabels": ["p"]},
        {"x": 70, "y": 70, "width": 10, "height": 5, "rotation": 20, "rectanglelabels": ["p"]},
        {"format": "rle", "rle": brush, "brushlabels": ["p"]},
    )
    studio = [
        {"data": {"image": "/data/upload/1/3fa85f64-a.tif"}, "annotations": [{"result": [about | {"value": v} for v in values]}]}
    ]
    sam = [
        {"segmentation": {"size": list(SHAPE), "counts": [100, 20, 2760]}, "area": 20},
        {"segmentation": [[5.0, 5.0, 20.0, 5.0, 20.0, 20.0]], "area": 100},
    ]
    xml = (
        f'<annotations><image id="0" name="a.tif" width="{w}" height="{h}"><polygon label="p" points="5,5;20,5;20,20"/>'
        '<mask label="p" rle="0,12" left="30" top="30" width="4" height="3"/><box label="p" xtl="1" ytl="1" xbr="3" ybr="4"/>'
        '<ellipse label="p" cx="40" cy="20" rx="4" ry="3" rotation="10"/></image></annotations>'
    )
    yolo = "0 0.1 0.1 0.3 0.1 0.3 0.4\n1 0.6 0.6 0.8 0.6 0.8 0.9 0.7 0.9\n"
    files = {"v.json": via, "v3.json": third, "ls.json": studio, "sam.json": sam}
    texts = {"v.csv": table, "c.xml": xml, "y.txt": yolo}
    return {n: json.dumps(v).encode() for n, v in files.items()} | {n: t.encode() for n, t in texts.items()}
