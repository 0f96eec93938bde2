"""Networks compared, all trained alike: same examples in the same order, loss, schedule and budget.

    python benchmarks/architectures.py OUT --train IMAGES_LABELS:train.txt --val IMAGES_LABELS:val.txt [--steps N] [--only NAME]
    python benchmarks/architectures.py OUT --pretrained ...  # decoders on one encoder that has seen ImageNet

OUT keeps each run's folder and figures.json; the same command again trains what is missing and prints the table. Scored at the
true working magnification (the truth's median diameter brought to the network's), so that only the network differs, separation as
shipped; "Otsu + watershed" is the ImageJ recipe at full size. Needs nanogauge[train] and, for the
networks that are not our own, segmentation-models-pytorch.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_engine
from nanogauge.detection.find import find_particles
from nanogauge.training.dataset import read_folder
from nanogauge.training.efficientnet import EfficientNetLite, load_imagenet
from nanogauge.training.evaluate import score_image, summarise_scores
from nanogauge.training.loop import run
from nanogauge.training.network import CBAM, OUTPUTS, UNet, build, conv_bn
from nanogauge.training.real import Real
from nanogauge.training.recipe import Recipe

COLUMNS = ("iou_pooled", "f1_pooled", "f50_mean", "pq_mean", "particle_mre", "image_mean_mre_median")
WORKING_DIAMETER_PX = 44.0


class PlainUNet(nn.Module):
    """Ronneberger's U-Net (same padding, batch normalisation), `width` channels at full resolution; with CBAM after each stage."""

    def __init__(self, width: int = 32, *, attention: bool = False) -> None:
        super().__init__()
        sizes = [width * 2**i for i in range(5)]

        def double(c_in: int, c_out: int) -> nn.Sequential:
            return nn.Sequential(conv_bn(c_in, c_out, 3), conv_bn(c_out, c_out, 3), CBAM(c_out) if attention else nn.Identity())

        self.down = nn.ModuleList(double(a, b) for a, b in zip([1, *sizes], sizes, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(sizes))
        self.fuse = nn.ModuleList(double(2 * a, a) for a in sizes[:-1])
        self.head = nn.Conv2d(width, len(OUTPUTS), 1)

    def forward(self, x: Tensor) -> Tensor:
        features: list[Tensor] = []
        for stage in self.down:
            x = stage(F.max_pool2d(x, 2) if features else x)
            features.append(x)
        x = features.pop()
        for up, fuse in zip(reversed(self.up), reversed(self.fuse), strict=True):
            x = fuse(torch.cat([up(x), features.pop()], 1))
        return self.head(x)


def foreign(kind: str, encoder: str) -> Callable[[], nn.Module]:
    """A network of segmentation-models-pytorch on one grey channel, from random weights."""

    def make() -> nn.Module:
        import segmentation_models_pytorch as smp

        return smp.create_model(kind, encoder_name=encoder, encoder_weights=None, in_channels=1, classes=len(OUTPUTS))

    return make


class Attentive(nn.Module):
    """EfficientNet-Lite2 with CBAM on each level that the decoder sees; what goes on to the next stage is as ImageNet taught it."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = EfficientNetLite("lite2")
        self.channels = self.backbone.channels
        self.attention = nn.ModuleList(CBAM(c) for c in self.channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [gate(f) for gate, f in zip(self.attention, self.backbone(x), strict=True)]


class OnEncoder(nn.Module):
    """A decoder of segmentation-models-pytorch on the default network's encoder."""

    def __init__(self, kind: str) -> None:
        from segmentation_models_pytorch.base import SegmentationHead
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
        from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder
        from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder
        from segmentation_models_pytorch.encoders._utils import replace_strides_with_dilation

        super().__init__()
        self.encoder = EfficientNetLite("lite2")
        channels = [1, *self.encoder.channels]
        n = len(OUTPUTS)
        self.levels = len(channels)
        if kind == "U-Net++":
            self.decoder: nn.Module = UnetPlusPlusDecoder(encoder_channels=channels, decoder_channels=(256, 128, 64, 32, 16))
            self.head: nn.Module = SegmentationHead(16, n, kernel_size=3)
        elif kind == "DeepLabV3+":
            for stage in self.encoder.stages[5:]:  # stride 32 to 16
                replace_strides_with_dilation(stage, dilation_rate=2)
            self.decoder = DeepLabV3PlusDecoder(
                encoder_channels=channels, encoder_depth=5, out_channels=256, atrous_rates=(12, 24, 36), output_stride=16,
                aspp_separable=True, aspp_dropout=0.5,
            )  # fmt: skip
            self.head = SegmentationHead(256, n, kernel_size=1, upsampling=4)
        else:  # PSPNet sees strides up to 8
            self.levels = 4
            self.decoder = PSPDecoder(encoder_channels=channels[:4], out_channels=512)
            self.head = SegmentationHead(512, n, kernel_size=3, upsampling=8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.decoder([x, *self.encoder(x)][: self.levels]))


def seen_imagenet(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The same network, its encoder with ImageNet's weights."""

    def made() -> nn.Module:
        network = make()
        load_imagenet(getattr(network.encoder, "backbone", network.encoder))
        return network

    return made


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "U-Net": lambda: PlainUNet(),
    "U-Net + CBAM": lambda: PlainUNet(attention=True),
    "U-Net + ResNet50": lambda: build("unet-resnet50"),
    "U-Net + ResNet50 + CBAM (ours)": lambda: build("unet-resnet50-cbam"),
    "U-Net++ (ResNet50)": foreign("unetplusplus", "resnet50"),
    "DeepLabV3+ (ResNet50)": foreign("deeplabv3plus", "resnet50"),
    "PSPNet (ResNet50)": foreign("pspnet", "resnet50"),
    "SegFormer (MiT-B2)": foreign("segformer", "mit_b2"),
}
ON_ONE_ENCODER: dict[str, Callable[[], nn.Module]] = {
    "U-Net (ours)": seen_imagenet(lambda: build("unet-efficientnet-lite2")),
    "U-Net, random weights": lambda: build("unet-efficientnet-lite2"),
    "U-Net + CBAM": seen_imagenet(lambda: UNet(Attentive(), decoder=(128, 96, 48, 32))),
    "U-Net++": seen_imagenet(lambda: OnEncoder("U-Net++")),
    "DeepLabV3+": seen_imagenet(lambda: OnEncoder("DeepLabV3+")),
    "PSPNet": seen_imagenet(lambda: OnEncoder("PSPNet")),
}
"""All on EfficientNet-Lite2."""


class TorchEngine:
    """A torch network as the pipeline's engine."""

    name, stride, tile_px, sha256 = "torch", 32, 512, ""
    working_diameter_px, sees_px, calibration = WORKING_DIAMETER_PX, (6.0, 250.0), None
    detection: Mapping[str, float] = MappingProxyType({})

    def __init__(self, network: nn.Module) -> None:
        self.n_maps = len(getattr(network, "outputs", OUTPUTS))
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(self, tile: Any) -> Any:
        with torch.inference_mode():
            return torch.sigmoid(self._network(torch.from_numpy(tile)[None, None]))[0].numpy()


def score(engine: Any, items: list[Real], *, zoomed: bool) -> dict[str, float]:
    scores = []
    for item in items:
        zoom = min(WORKING_DIAMETER_PX / item.diameter_px, 4.0) if zoomed else 0.0
        # never so coarse that little picture is left, as in the shipped pipeline
        zoom = max(zoom, min(192 / max(item.grey.shape), 1.0)) if zoomed else 0.0
        settings = Settings().replace("segment", working_magnification=zoom)
        scores.append(score_image(find_particles(item.grey, engine, settings)[0], item.labels, name=item.name))
    found: dict[str, Any] = dict(summarise_scores(scores))
    return {key: float(found[key]) for key in COLUMNS}


def train_and_score(
    make: Callable[[], nn.Module], folder: Path, recipe: Recipe, items: list[Real], val: list[Real]
) -> dict[str, float]:
    torch.manual_seed(recipe.seed)
    network = make()
    begun = time.process_time()
    checkpoint = run(recipe, folder, items=items, network=network, report=lambda _: None)
    seconds = time.process_time() - begun
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
    parameters = sum(p.numel() for p in network.parameters()) / 1e6
    figures = {"parameters_m": parameters, "training_cpu_s": seconds} | score(TorchEngine(network), val, zoomed=True)
    (folder / "figures.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    checkpoint.unlink()
    return figures


def read(entry: str) -> list[Real]:
    folder, _, ids = entry.partition(":")
    return read_folder(Path(folder), Path(ids).read_text(encoding="utf-8").split() if ids else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", required=True, metavar="FOLDER[:IDS]", help="FOLDER/images, FOLDER/labels, a file of stems")
    parser.add_argument("--val", required=True, metavar="FOLDER[:IDS]")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop-px", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="train these only")
    parser.add_argument("--pretrained", action="store_true", help="networks on EfficientNet-Lite2, as ImageNet taught it")
    parser.add_argument("--threads", type=int, help="of torch")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = Recipe(
        steps=args.steps, batch=args.batch, crop_px=args.crop_px, seed=args.seed, cooldown_steps=args.steps // 3, warmup_steps=50,
        ema_decay=0.97, overlay_steps=10**9, synthetic_share=0.0,
    )  # fmt: skip
    networks = ON_ONE_ENCODER if args.pretrained else NETWORKS
    unknown = sorted({*(args.only or ())} - networks.keys())
    if unknown:
        parser.error(f"unknown network {unknown[0]!r}; known: {', '.join(networks)}")
    val = read(args.val)
    items: list[Real] = []
    results: dict[str, dict[str, float]] = {}
    for name, make in networks.items():
        folder = args.out / "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_")
        if (folder / "figures.json").exists():
            results[name] = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        elif args.only is None or name in args.only:
            items = items or read(args.train)
            results[name] = train_and_score(make, folder, recipe, items, val)
            print(name, results[name], flush=True)
    results["Otsu + watershed"] = {"parameters_m": 0.0, "training_cpu_s": 0.0}
    results["Otsu + watershed"] |= score(make_engine("threshold"), val, zoomed=False)
    crops = args.steps * args.batch
    print(f"\n{args.steps} steps of {args.batch} crops of {args.crop_px} px = {crops} crops")
    print(f"scored on {len(val)} micrographs\n")
    print(f"| network | parameters, M | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 2)}")
    for name, figures in results.items():
        cells = (f"{figures[c]:.3f}" if math.isfinite(figures[c]) else "–" for c in COLUMNS)
        print(f"| {name} | {figures['parameters_m']:.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
