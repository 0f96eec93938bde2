"""Ways to separate touching particles, on the same probability maps of the shipped network.

    python benchmarks/separation.py IMAGES LABELS --ids val.txt [--true-maps] [--engine FILE.onnx]

Every method gets the maps at the micrograph's working magnification, drops what is unsure as the shipped way does, and is scored by
`nanogauge.training.evaluate`. `--true-maps` feeds the maps made from the truth instead: what the method itself loses, whatever the
network.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from nanogauge.core.protocols import Maps
from nanogauge.core.settings import SeparateSettings, Settings
from nanogauge.detection.confidence import judge_of
from nanogauge.detection.engines import make_engine
from nanogauge.detection.looks import typical_diameter
from nanogauge.detection.segment import segment
from nanogauge.detection.separate import Judge, mean_foreground, separate, tidy, to_grid
from nanogauge.reading import read_micrograph
from nanogauge.reading.labels import read_labels
from nanogauge.training.evaluate import score_image, summarise_scores

Labels = NDArray[np.int32]
S = SeparateSettings()


JUDGE: list[Judge] = [mean_foreground]
"""How sure a particle is: by the calibration of the network measured with."""


def finished(labels: Labels, maps: Maps) -> Labels:
    """What the shipped way does after separating: unsure and tiny objects dropped, holes filled."""
    return tidy(labels, JUDGE[0](labels, maps), S)


def components(maps: Maps) -> Labels:
    """No separation: connected parts of the foreground."""
    labels, _ = ndimage.label(maps.foreground > S.foreground_above)
    return finished(labels, maps)


def boundary_cut(maps: Maps) -> Labels:
    """Parts of the foreground with the boundaries taken out, grown back over them (DCAN, Chen et al., CVPR 2016)."""
    mask = maps.foreground > S.foreground_above
    inner, n = ndimage.label(mask & (maps.boundary < 0.5))
    parts, _ = ndimage.label(mask)
    lonely, _ = ndimage.label(mask & ~np.isin(parts, np.unique(parts[inner > 0])))
    seeds = np.where(lonely > 0, lonely + n, inner)
    return finished(watershed(maps.boundary, seeds, mask=mask), maps)


def mask_distance(maps: Maps) -> Labels:
    """Watershed on the Euclidean distance inside the foreground: ImageJ's way, with the network's mask."""
    mask = maps.foreground > S.foreground_above
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.0)
    seeds, _ = ndimage.label(h_maxima(distance, 1.0))
    return finished(watershed(-distance, seeds, mask=mask), maps)


def domes(maps: Maps) -> Labels:
    """Watershed from the domes of the learned distance that stand 0.15 above their saddles (h-maxima, Vincent 1993)."""
    mask = maps.foreground > S.foreground_above
    middle = ndimage.gaussian_filter(maps.distance * (1 - maps.boundary), 0.8)
    seeds, _ = ndimage.label(h_maxima(middle, 0.15))
    return finished(watershed(-middle, seeds, mask=mask), maps)


METHODS: dict[str, Callable[[Maps], Labels]] = {
    "components of the mask": components,
    "watershed on the mask's distance": mask_distance,
    "boundary cut": boundary_cut,
    "watershed, domes of the learned distance": domes,
    "watershed, thresholded learned distance": lambda maps: separate(maps, dataclasses.replace(S, merge_below=0.0), judge=JUDGE[0]),
    "the same, weak cuts merged (shipped)": lambda maps: separate(maps, S, judge=JUDGE[0]),
}
COLUMNS = ("iou_pooled", "f50_mean", "f50_pooled", "pq_mean", "particle_mre", "image_mean_mre_median")


def true_maps(labels: Labels) -> Maps:
    """The maps the network is taught for these labels."""
    import torch

    from nanogauge.training.batches import targets
    from nanogauge.training.dataset import normalised_distance

    depth = np.round(255 * normalised_distance(labels)).astype(np.uint8)
    one = [torch.from_numpy(a[None]) for a in (labels, depth, np.ones(labels.shape, bool))]
    maps = targets(*one, instances=torch.tensor([True]), doubt_px=torch.tensor([0]))[0].numpy()
    return Maps(maps[0], maps[1], maps[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--ids", type=Path, help="text file of file stems")
    parser.add_argument("--engine", default="unet", help="a network's FILE.onnx instead of the shipped one")
    parser.add_argument("--true-maps", action="store_true")
    args = parser.parse_args()
    truth = {p.stem: p for p in sorted(args.labels.iterdir())}
    pictures = {p.stem: p for p in sorted(args.images.iterdir())}
    ids = args.ids.read_text().split() if args.ids else sorted(truth)
    engine, settings = make_engine(args.engine), Settings()
    JUDGE[0] = judge_of(engine) or mean_foreground
    scores: dict[str, list] = {name: [] for name in METHODS}
    seconds = dict.fromkeys(METHODS, 0.0)
    for name in ids:
        labels = read_labels(truth[name])
        if args.true_maps:
            maps = true_maps(labels)
        else:
            grey = read_micrograph(pictures[name]).grey8()
            maps = segment(
                grey, engine, typical_diameter=lambda m: typical_diameter(m, settings.separate), settings=settings.segment
            ).maps
        for method, split in METHODS.items():
            begun = time.process_time()
            found = split(maps)
            seconds[method] += time.process_time() - begun
            scores[method].append(score_image(to_grid(found, maps.foreground, labels.shape), labels, name=name))
    print(f"| {'method':42} | {' | '.join(COLUMNS)} | CPU s |")
    print(f"|{'---|' * (len(COLUMNS) + 2)}")
    for method, results in scores.items():
        figures = summarise_scores(results)
        print(f"| {method:42} | {' | '.join(f'{figures[c]:.3f}' for c in COLUMNS)} | {seconds[method] / len(ids):.2f} |")


if __name__ == "__main__":
    main()
