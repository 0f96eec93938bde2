"""The networks: U-Net with an EfficientNet-Lite encoder, the default, and with ResNet50 and attention (CBAM), the paper's.

Sources: U-Net, Ronneberger et al., MICCAI 2015; ResNet, He et al., CVPR 2016 (stride in the 3x3 convolution, "v1.5"); CBAM,
Woo et al., ECCV 2018; the combination for nanoparticles, Tao, Ji & Liu, RSC Adv. 2025, 15, 20211; EfficientNet-Lite, see
efficientnet.py.

Input (N, 1, H, W) float, standardised grey levels, H and W multiples of 32. Output (N, 3, H, W) logits, in the order of
`OUTPUTS`; a sigmoid turns each into its map. A network that also points at the middles has two more (`POINTERS`). With K classes K
more follow: a softmax over them says of which class a pixel is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import SettingsError
from .efficientnet import EfficientNetLite

OUTPUTS = ("foreground", "boundary", "distance")
POINTERS = ("down", "right")
"""From a pixel to its particle's middle, in radii of that particle, a quarter of it above 1/2 (Panoptic-DeepLab, Cheng et al., CVPR
2020, has it in pixels)."""
STRIDE = 32


def conv_bn(c_in: int, c_out: int, kernel: int, *, stride: int = 1, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class CBAM(nn.Module):
    """Channel attention, then spatial attention (Woo et al. 2018, eqs. 1 to 3). Shape in = shape out."""

    def __init__(self, channels: int, *, reduction: int = 16, kernel: int = 7) -> None:
        super().__init__()
        hidden = max(channels // reduction, 8)
        self.mlp = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1))
        self.spatial = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        average = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
        peak = F.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.mlp(average) + self.mlp(peak))
        pooled = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True).values], 1)  # (N, 2, H, W)
        return x * torch.sigmoid(self.spatial(pooled))


class Bottleneck(nn.Module):
    """ResNet bottleneck 1x1, 3x3, 1x1 with expansion 4."""

    def __init__(self, c_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(c_in, width, 1), conv_bn(width, width, 3, stride=stride), conv_bn(width, 4 * width, 1, relu=False)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or c_in != 4 * width:
            self.shortcut = conv_bn(c_in, 4 * width, 1, stride=stride, relu=False)
        nn.init.zeros_(self.body[2][1].weight)  # type: ignore[index]  # starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class ResNetEncoder(nn.Module):
    """ResNet50 on one grey channel, CBAM on the output of every stage. Returns features at strides 2, 4, 8, 16, 32."""

    def __init__(self, blocks: tuple[int, ...] = (3, 4, 6, 3), *, attention: bool = True) -> None:
        super().__init__()
        self.stem = conv_bn(1, 64, 7, stride=2)
        self.channels = [64]
        self.stages = nn.ModuleList()
        c_in = 64
        for i, n in enumerate(blocks):
            width = 64 * 2**i
            stage: list[nn.Module] = [Bottleneck(c_in, width, stride=1 if i == 0 else 2)]
            stage += [Bottleneck(4 * width, width, stride=1) for _ in range(n - 1)]
            c_in = 4 * width
            if attention:
                stage.append(CBAM(c_in))
            self.stages.append(nn.Sequential(*stage))
            self.channels.append(c_in)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        features = [x]
        x = F.max_pool2d(x, 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class ClassHead(nn.Module):
    """Of which class each pixel is, from what the decoder sees at strides 16, 8, 4 and 2.

    The levels are summed at stride 4 (panoptic feature pyramid, Kirillov et al., CVPR 2019), where a 3x3 convolution looks at
    them; the finest is added before the sub-pixel convolution. With three classes the default network takes 14 % longer.
    """

    def __init__(self, decoder: tuple[int, ...], classes: int, *, width: int = 48) -> None:
        super().__init__()
        *coarse, fine = decoder
        self.levels = nn.ModuleList(conv_bn(c, width, 1, relu=False) for c in coarse)
        self.context = conv_bn(width, width, 3)
        self.narrow = conv_bn(width, fine, 1, relu=False)
        self.fine = conv_bn(fine, fine, 1, relu=False)
        self.out = nn.Conv2d(fine, 4 * classes, 3, padding=1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        *coarse, fine = levels
        y = self.levels[0](coarse[0])
        for reduce, level in zip(self.levels[1:], coarse[1:], strict=True):
            y = F.interpolate(y, scale_factor=2.0, mode="nearest") + reduce(level)
        y = F.interpolate(self.narrow(self.context(F.relu(y))), scale_factor=2.0, mode="nearest")
        return F.pixel_shuffle(self.out(F.relu(y + self.fine(fine))), 2)


class UNet(nn.Module):
    """Decoder of four upsampling steps to stride 2, then a sub-pixel head (Shi et al., CVPR 2016) to full resolution.

    The head predicts each 2x2 block of output pixels from the stride-2 features: outlines at full resolution at a third of
    the cost of a full-resolution decoder block.
    """

    def __init__(
        self,
        encoder: ResNetEncoder | EfficientNetLite,
        *,
        decoder: tuple[int, ...] = (256, 128, 64, 32),
        outputs: tuple[str, ...] = OUTPUTS,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.encoder, self.outputs = encoder, outputs
        channels = self.encoder.channels[::-1]  # ResNet50: 2048, 1024, 512, 256, 64; EfficientNet-Lite2: 352, 120, 48, 24, 16
        self.reduce = nn.ModuleList()
        self.fuse = nn.ModuleList()
        c = channels[0]
        for skip, out in zip(channels[1:], decoder, strict=True):
            # 1x1 reductions first: a 3x3 on 2048 + 1024 channels would cost more than the encoder
            self.reduce.append(nn.ModuleList([conv_bn(c, out, 1), conv_bn(skip, out, 1)]))
            self.fuse.append(nn.Sequential(conv_bn(2 * out, out, 3), conv_bn(out, out, 3)))
            c = out
        self.head = nn.Conv2d(c, 4 * len(outputs), 3, padding=1)
        self.class_head = ClassHead(decoder, classes) if classes else None

    def forward(self, x: Tensor) -> Tensor:
        features = cast(list[Tensor], self.encoder(x))
        y = features.pop()
        levels: list[Tensor] = []
        for reduce, fuse in zip(self.reduce, self.fuse, strict=True):
            skip = features.pop()
            y = F.interpolate(reduce[0](y), scale_factor=2.0, mode="nearest")  # type: ignore[index]
            y = fuse(torch.cat([y, reduce[1](skip)], 1))  # type: ignore[index]
            levels.append(y)
        maps = F.pixel_shuffle(self.head(y), 2)  # (N, 4 n, H/2, W/2) -> (N, n, H, W)
        return maps if self.class_head is None else torch.cat([maps, self.class_head(levels)], 1)


NETWORKS: dict[str, Callable[[int], UNet]] = {
    "unet-efficientnet-lite2": lambda k: UNet(EfficientNetLite("lite2"), decoder=(128, 96, 48, 32), classes=k),
    "unet-efficientnet-lite2-pointers": lambda k: UNet(
        EfficientNetLite("lite2"), decoder=(128, 96, 48, 32), outputs=OUTPUTS + POINTERS, classes=k
    ),
    "unet-efficientnet-lite1": lambda k: UNet(EfficientNetLite("lite1"), decoder=(128, 96, 48, 32), classes=k),
    "unet-efficientnet-lite0": lambda k: UNet(EfficientNetLite("lite0"), decoder=(128, 96, 48, 32), classes=k),
    "unet-resnet50-cbam": lambda k: UNet(ResNetEncoder(), classes=k),
    "unet-resnet50": lambda k: UNet(ResNetEncoder(attention=False), classes=k),
    "unet-tiny-cbam": lambda k: UNet(ResNetEncoder((1, 1, 1, 1)), decoder=(32, 32, 16, 16), classes=k),
}
"""By name; `unet-tiny-cbam` is a quick double for tests (same code, one block a stage)."""


def build(name: str = "unet-efficientnet-lite2", *, classes: int = 0) -> UNet:
    """A network of `NETWORKS` with random weights, for so many classes. SettingsError for an unknown name."""
    if name not in NETWORKS:
        raise SettingsError(f"unknown network {name!r}; known: {', '.join(NETWORKS)}")
    return NETWORKS[name](classes)


def freeze_normalisation(network: nn.Module) -> None:
    """Keeps the statistics of every batch normalisation as they are; its scale and shift still learn."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def give_statistics(network: nn.Module, pictures: Iterable[Tensor]) -> None:
    """Gives every batch normalisation the statistics of batches (N, 1, H, W), standardised, and leaves what the network does.

    What each convolution makes of the batches becomes its normalisation's mean and variance, and scale and shift make up for it: in
    evaluation mode, in which it is left, the network is what it was. One that was read back from an export, whose normalisations
    are the identity, can learn with statistics of its own again.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    sums = {m: (torch.zeros_like(m.bias), torch.zeros_like(m.bias)) for m in norms}
    seen = dict.fromkeys(norms, 0)

    def watch(norm: nn.Module, given: tuple[Tensor], made: Tensor) -> None:
        x = given[0].detach()
        sums[norm][0].add_(x.sum((0, 2, 3)))  # type: ignore[index]
        sums[norm][1].add_(x.square().sum((0, 2, 3)))  # type: ignore[index]
        seen[norm] += x.numel() // x.shape[1]  # type: ignore[index]

    hooks = [m.register_forward_hook(watch) for m in norms]
    network.eval()
    with torch.no_grad():
        for batch in pictures:
            network(batch)
        for hook in hooks:
            hook.remove()
        for m in norms:
            mean = sums[m][0] / seen[m]
            variance = (sums[m][1] / seen[m] - mean.square()).clamp(min=0)
            usual_mean, usual_variance = cast(Tensor, m.running_mean), cast(Tensor, m.running_var)
            gain = m.weight / (usual_variance + m.eps).sqrt()
            m.bias.add_(gain * (mean - usual_mean))
            m.weight.copy_(gain * (variance + m.eps).sqrt())
            usual_mean.copy_(mean)
            usual_variance.copy_(variance)
