"""Trains the network of sizes.

    python -m nanogauge.training.sizes.learn OUT FOLDER[:IDS][=SHARE] ... [--steps N] [--frozen] [--start-from FILE]

FOLDER holds images/ and labels/; IDS names those that may be used; SHARE says how often its pictures are drawn (1). Rendered
micrographs are made first and kept in OUT/rendered.npz. OUT/checkpoint.pt is written every few minutes and gone on from;
`export` makes the network's file of it.

With --frozen the encoder stays as it is: what it saw of earlier views is learned from again and again beside the new ones, which
costs a tenth of looking anew. So a run begins; it goes on without.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections import deque
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from ...core.errors import SettingsError
from ...detection.engines.onnx import DEFAULT
from .. import augment, small
from ..batches import toned
from ..dataset import parse_source
from ..efficientnet import EfficientNetLite, load_imagenet
from ..real import I32, U8
from ..shipped import read_onnx
from ..synthetic import render_crop
from .examples import Picture, example, picture_of, read_pictures
from .network import SizeNet, loss

_BATCH, _RATE, _WARM_UP, _EMA = 4, 2e-3, 25, 0.99
_AGAIN, _REMEMBERED = 12, 3000  # earlier views in a step beside the new ones; of how many last ones
_SLOWER = 0.4  # the encoder's rate, which has learned already
_FROZEN = 2  # stages of the encoder, with what is before them, that stay as ImageNet made them
_RENDERED_SHARE, _RENDERED_SIDE, _RENDERED_PX = 0.4, 480, (5.0, 180.0)
_BARE = 0.35  # of the renderings without a particle
_KEEP_MINUTES = 2.0
ENCODERS = ("imagenet", "shipped")


def rendered(path: Path, n: int, seed: int) -> list[Picture]:
    """Rendered micrographs, from a file where they are there; made and written to it where they are not."""
    if not path.exists():
        made = list(islice(_renderings(seed), n))
        np.savez(path, grey=np.stack([g for g, _ in made]), labels=np.stack([labels.astype(np.uint16) for _, labels in made]))
    with np.load(path) as kept:
        return [picture_of(g, labels.astype(np.int32)) for g, labels in zip(kept["grey"], kept["labels"], strict=True)]


def _renderings(seed: int) -> Iterator[tuple[U8, I32]]:
    """Grey levels and labels without end; of those without a particle, such as mats of fibres, some are left out."""
    for k in count():
        rng = np.random.default_rng([seed, k])
        diameter = math.exp(rng.uniform(*np.log(_RENDERED_PX)))
        grey, labels = render_crop(rng, (_RENDERED_SIDE, _RENDERED_SIDE), median_diameter_px=diameter)
        if labels.any() or rng.random() < _BARE:
            yield grey, labels


def begun(encoder: str = "imagenet") -> SizeNet:
    """A network whose first stages have learned already: from ImageNet ("imagenet"), or from micrographs, as those of the shipped
    network have ("shipped"). Raises SettingsError where ImageNet's weights are not installed, or for another name."""
    if encoder not in ENCODERS:
        raise SettingsError(f"unknown encoder {encoder!r}; known: {', '.join(ENCODERS)}")
    network = SizeNet()
    learned = EfficientNetLite("lite2")
    if encoder == "shipped":
        learned.load_state_dict(read_onnx(DEFAULT).encoder.state_dict())
    else:
        with torch.no_grad():
            load_imagenet(learned)
    network.stem.load_state_dict(learned.stem.state_dict())
    network.stages.load_state_dict(learned.stages[: len(network.stages)].state_dict())
    return network


def learn(
    out: Path,
    sources: list[str],
    *,
    steps: int,
    minutes: float = math.inf,
    frozen: bool = False,
    encoder: str = "imagenet",
    n_rendered: int = 500,
    seed: int = 1,
    rate: float = _RATE,
    start_from: Path | None = None,
) -> Path:
    """Trains for so many steps in all, on from OUT/checkpoint.pt where it is; the path of the checkpoint.

    minutes: after which it ends all the same, the rate having fallen to nothing by then
    frozen: the encoder learns nothing; encoder: what it begins as, see `begun`
    start_from: a checkpoint whose network is the first instead
    """
    begun_at = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    views = _Views(sources, rendered(out / "rendered.npz", n_rendered, 1))
    network = begun(encoder) if start_from is None else SizeNet()
    if start_from is not None:
        network.load_state_dict(torch.load(start_from, map_location="cpu", weights_only=True)["ema"])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval()
    still = [network.stem, *(network.stages if frozen else network.stages[:_FROZEN])]
    for module in still:
        module.requires_grad_(False)
    slow = [p for p in network.stages.parameters() if p.requires_grad]
    fast = [p for name, p in network.named_parameters() if p.requires_grad and not name.startswith("stages")]
    optimiser = torch.optim.AdamW([{"params": slow, "share": _SLOWER}, {"params": fast, "share": 1.0}], lr=rate, weight_decay=1e-2)
    done = small.resumed(out, network, averaged, optimiser)
    network.train()
    for module in still:
        module.eval()
    saved, losses, remembered = time.monotonic(), [], deque[tuple[Tensor, ...]](maxlen=_REMEMBERED)
    for step in range(done, steps):
        rng = np.random.default_rng([seed, step, 7])
        share = min(max(step / steps, (time.monotonic() - begun_at) / (60 * minutes)), 1.0)
        now = small.rate_at(step, share, rate=rate, warm_up=_WARM_UP)
        for part in optimiser.param_groups:
            part["lr"] = now * part["share"]
        x, cells, truth = views.batch(rng)
        with torch.set_grad_enabled(not frozen), torch.autocast("cpu", torch.bfloat16):  # half the time where it is in hardware
            f8, f16 = (f.float() for f in network.features(x))
        if frozen:
            new = list(zip(f8, f16, cells, truth, strict=True))
            again = rng.integers(len(remembered), size=_AGAIN) if remembered else ()
            f8, f16, cells, truth = (torch.stack(part) for part in zip(*new, *(remembered[k] for k in again), strict=True))
            remembered += new
        value = loss(*network.sizes_of(f8, f16), shares=cells, truth=truth)
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        small.follow(averaged, network, step=step, decay=_EMA)
        losses.append(float(value.detach()))
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-50:]):.4f}, {time.process_time():.0f} s", flush=True)
        last = step == steps - 1 or share == 1.0
        if last or time.monotonic() - saved > 60 * _KEEP_MINUTES:
            small.kept(out, network, averaged, optimiser, step=step + 1)
            saved = time.monotonic()
        if last:
            break
    return out / "checkpoint.pt"


class _Views:
    """Views of the pictures of all sources, and of rendered ones."""

    def __init__(self, sources: list[str], made: list[Picture]) -> None:
        named = [parse_source(s) for s in sources]
        total = sum(s.share for s in named)
        self.groups = [*(read_pictures(s.folder, s.ids) for s in named), made]
        self.shares = [*(s.share / total * (1 - _RENDERED_SHARE) for s in named), _RENDERED_SHARE]

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Standardised views with their tone changed (N, 1, S, S), shares of their cells, their figures."""
        views, tones = [], []
        for _ in range(_BATCH):
            group = self.groups[int(rng.choice(len(self.groups), p=self.shares))]
            views.append(example(group[int(rng.integers(len(group)))], rng))
            tones.append(augment.draw_tone(rng))
        grey, cells, truth = (torch.from_numpy(np.stack(part)) for part in zip(*views, strict=True))
        x = toned(grey, default_collate(tones))[:, None]
        return x.contiguous(memory_format=torch.channels_last), cells, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", nargs="+", metavar="FOLDER[:IDS][=SHARE]")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after so long all the same")
    parser.add_argument("--frozen", action="store_true", help="the encoder learns nothing")
    parser.add_argument("--encoder", choices=ENCODERS, default="imagenet", help="what the encoder begins as")
    parser.add_argument("--rendered", type=int, default=500, help="how many micrographs to render")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=_RATE)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start-from", type=Path, help="a checkpoint whose network is the first")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    learn(
        args.out,
        args.sources,
        steps=args.steps,
        minutes=args.minutes,
        frozen=args.frozen,
        encoder=args.encoder,
        n_rendered=args.rendered,
        seed=args.seed,
        rate=args.rate,
        start_from=args.start_from,
    )


if __name__ == "__main__":
    main()
