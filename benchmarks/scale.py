"""How well scales are read: right (within 2 %), refused, wrong, invented, for each set; wrong and refused ones on an HTML sheet.

    python benchmarks/scale.py --out /tmp/sheet                      # all sets that are there, 500 rendered micrographs
    python benchmarks/scale.py --out /tmp/sheet --sets rendered --n 5000
    python benchmarks/scale.py --out /tmp/sheet --sets overlaid --n 5000     # bars drawn over real micrographs, by style
    python benchmarks/scale.py --out /tmp/sheet --sets overlaid --n 5000 --small --seed 5 --keep rows.jsonl   # in pieces
    python benchmarks/scale.py --out /tmp/sheet --sets makers --bar-only   # the file's metadata are not looked at

Right: within max(2 %, 1.5 px of the bar's length) of the truth. Refused: no scale, with a reason. Wrong: any other number.
Invented: a number read from a picture that has no readable bar. "All that show": without those of which a letter or an
end of the bar changes what it was drawn over by less than 20 grey levels for the most part, as a black bar does a black particle.
The rendered set covers all styles of bars and data bars, fonts, tones, sizes, spellings, grounds, blur and JPEG; the seed decides
all. Wrong and invented ones are printed as they come. With
--keep a run that was cut off goes on where it was: give each seed and set a file of its own.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scale_cases import REAL, Case, real_cases, real_grounds, rendered_case

from nanogauge.core.micrograph import Micrograph
from nanogauge.pipeline.measure import Measurer
from nanogauge.scale.bar import ScaleBarReading


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    case: Case
    verdict: str
    nm_per_px: float | None
    error_in_sigma: float | None
    reason: str
    reading: ScaleBarReading | None
    cpu_seconds: float


def judge(case: Case, measurer: Measurer, *, bar_only: bool) -> Outcome:
    """Reads one case and compares."""
    micrograph = replace(case.micrograph, scale=None) if bar_only else case.micrograph
    started = time.process_time()
    reading, decision, _ = measurer.read_scale(micrograph)
    seconds = time.process_time() - started
    read = decision.scale.nm_per_px[1] if decision.scale else None
    reason = "; ".join(decision.warnings)
    sigma = None
    if case.unscored:
        verdict = "unscored"
    elif not case.wanted:
        verdict = "invented" if read is not None and (case.nothing or decision.source == "scale_bar") else "rightly none"
    elif read is None:
        verdict = "refused"
    else:
        off = min((read / w - 1 for w in case.wanted), key=abs)
        tolerance = max(0.02, 1.5 / case.bar_px) if math.isfinite(case.bar_px) else 0.02
        verdict = "right" if abs(off) <= tolerance else "wrong" if abs(math.log(1 + off)) < math.log(1.5) else "grossly wrong"
        sigma = off / max(decision.scale.relative_uncertainty, 1e-9) if decision.scale and verdict == "right" else None
    return Outcome(case, verdict, read, sigma, reason, reading, seconds)


def rendered_outcomes(
    numbers: Iterable[int], *, seed: int, workers: int, grounds: Path | None, with_locator: bool, small: bool = False
) -> Iterator[Outcome]:
    """What becomes of the rendered micrographs of these numbers, in order."""
    work = partial(_judge_rendered, seed=seed, grounds=grounds, with_locator=with_locator, small=small)
    if workers == 1:
        yield from (o for k in numbers if (o := work(k)) is not None)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from (o for o in pool.map(work, numbers, chunksize=8) if o is not None)


def _judge_rendered(k: int, *, seed: int, grounds: Path | None, with_locator: bool, small: bool) -> Outcome | None:
    case = rendered_case(k, seed, real_grounds(grounds) if grounds is not None else (), small=small)
    return _without_picture(judge(case, _measurer(with_locator), bar_only=True)) if case is not None else None


def kept(file: Path) -> list[Outcome]:
    """Outcomes of an earlier run, without pictures and readings; [] where there is no such file."""
    if not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [_of_row(**row) for row in rows]


def keep(file: Path, o: Outcome) -> None:
    """Adds an outcome to the file."""
    row = {
        "name": o.case.name,
        "group": o.case.group,
        "verdict": o.verdict,
        "sigma": o.error_in_sigma,
        "reason": o.reason,
        "hidden": o.case.hidden,
    }
    with file.open("a", encoding="utf-8") as f:
        f.write(json.dumps(row | {"cpu": o.cpu_seconds, "size": int(o.case.micrograph.pixels.size)}, default=float) + "\n")


def _of_row(
    name: str, group: str, verdict: str, sigma: float | None, reason: str, cpu: float, size: int, *, hidden: bool = False
) -> Outcome:
    blank = np.broadcast_to(np.zeros((1, 1), np.uint8), (1, size))
    return Outcome(
        Case(name, group, Micrograph(pixels=blank, name=name), (), math.nan, "", hidden=hidden),
        verdict,
        None,
        sigma,
        reason,
        None,
        cpu,
    )


class Blind:
    """A locator that sees nothing: bars are sought by geometry alone."""

    def maps(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        return np.zeros((5, 1, 1), np.float32), 1.0


@cache
def _measurer(with_locator: bool = True) -> Measurer:
    """Those of this process. The models load here, not in the first measurement."""
    cv2.setNumThreads(1)
    measurer = Measurer(n_threads=1, locator=None if with_locator else Blind())
    measurer.reader.read(np.zeros((64, 64), np.uint8))
    return measurer


def _without_picture(o: Outcome) -> Outcome:
    """As it is where the sheet needs its picture, else with a blank of its size, which takes no memory."""
    if o.verdict not in ("right", "rightly none", "unscored"):
        return o
    blank = np.broadcast_to(np.zeros((1, 1), np.uint8), (1, o.case.micrograph.pixels.size))
    return replace(o, case=replace(o.case, micrograph=Micrograph(pixels=blank, name=o.case.name)))


def print_table(name: str, outcomes: list[Outcome]) -> None:
    """A line a group, and one for the set."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        groups[o.case.group].append(o)
    rows = [*sorted(groups.items()), ("all", outcomes)] if len(groups) > 1 else [("all", outcomes)]
    shown = [o for o in outcomes if not o.case.hidden]
    rows += [("all that show", shown)] if len(shown) < len(outcomes) else []
    print(f"\n{name}\n{'':22s}     n         right  refused  wrong  gross  none invented   CPU s")
    for group, part in rows:
        c = Counter(o.verdict for o in part)
        n = sum(c[v] for v in ("right", "refused", "wrong", "grossly wrong"))
        share = f"{c['right']} ({100 * c['right'] / n:.1f} %)" if n else "–"
        cpu = float(np.median([o.cpu_seconds for o in part]))
        print(
            f"{group:22s}{n:6d}{share:>14s}{c['refused']:9d}{c['wrong']:7d}{c['grossly wrong']:7d}"
            f"{c['rightly none']:6d}{c['invented']:9d}{cpu:8.2f}"
        )
    sigmas = np.abs([o.error_in_sigma for o in outcomes if o.error_in_sigma is not None])
    if len(sigmas) > 20:
        within = [f"{100 * np.mean(sigmas <= k):.0f} % within {k}" for k in (1, 2)]
        print(f"error against stated standard uncertainty, right ones: {', '.join(within)}")
    large = [o.cpu_seconds for o in outcomes if o.case.micrograph.pixels.size > 1.0e6]
    if large:
        late = np.quantile(large, 0.95)
        print(f"CPU seconds a micrograph over 1 megapixel: median {np.median(large):.2f}, 95th percentile {late:.2f}")


def write_sheet(out: Path, results: dict[str, list[Outcome]]) -> Path:
    """The pictures of all wrong, invented and refused ones, wrong ones first."""
    order = ["grossly wrong", "wrong", "invented", "refused"]
    parts = [
        "<!doctype html><meta charset=utf-8><title>Scale reading</title><style>body{font:14px sans-serif;margin:2em}"
        "figure{display:inline-block;width:420px;margin:8px;vertical-align:top}img{width:100%}figcaption{font-size:12px}</style>"
    ]
    for name, outcomes in results.items():
        for verdict in order:
            chosen = [o for o in outcomes if o.verdict == verdict]
            if chosen:
                parts.append(f"<h2>{html.escape(name)}: {verdict} ({len(chosen)})</h2>")
                parts += [_figure(o) for o in chosen[:300]]
    path = out / "scale.html"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _figure(o: Outcome) -> str:
    colour = cv2.cvtColor(o.case.micrograph.grey8(), cv2.COLOR_GRAY2BGR)
    if o.reading is not None and o.reading.box is not None:
        y0, x0, y1, x1 = o.reading.box
        cv2.rectangle(colour, (x0 - 2, y0 - 2), (x1 + 1, y1 + 1), (0, 0, 255), 1)
    colour = (
        colour[int(0.6 * len(colour)) :]
        if len(o.case.wanted) and o.reading and o.reading.box and o.reading.box[0] > 0.65 * len(colour)
        else colour
    )
    factor = min(1.0, 640 / colour.shape[1])
    small = cv2.resize(colour, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    packed = base64.b64encode(cv2.imencode(".png", small)[1].tobytes()).decode()
    return f'<figure><img src="data:image/png;base64,{packed}"><figcaption>{html.escape(_words(o))}</figcaption></figure>'


def _words(o: Outcome) -> str:
    """The truth and what was read."""
    truth = f"{o.case.wanted[0]:.4g} nm/px" if o.case.wanted else "none"
    read = f"{o.nm_per_px:.4g} nm/px" if o.nm_per_px else "none"
    seen = f"{o.reading.raw_text!r} = {o.reading.length_px} px" if o.reading and o.reading.length_px else ""
    return f"{o.case.name} ({o.case.group}): {o.case.text!r} over {o.case.bar_px:.1f} px, {truth}; read {seen} {read}. {o.reason}"


def main() -> None:
    """Parses the command line and runs."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, required=True, help="folder for scale.html")
    p.add_argument("--sets", nargs="+", choices=[*REAL, "rendered", "overlaid"], default=[*REAL, "rendered"])
    p.add_argument(
        "--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data", help="folder of the real sets"
    )
    p.add_argument("--n", type=int, default=500, help="how many rendered micrographs")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--every", type=int, default=1, help="only every so many cases")
    p.add_argument("--bar-only", action="store_true", help="ignore the files' metadata")
    p.add_argument("--no-locator", action="store_true", help="by geometry alone, to compare")
    p.add_argument("--small", action="store_true", help="rendered micrographs of up to 512 x 700 px only: they take less time")
    p.add_argument("--keep", type=Path, help="file of outcomes of one rendered set: what is in it is not read again")
    p.add_argument("--workers", type=int, default=1, help="processes for the rendered micrographs")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[Outcome]] = {}
    for name in a.sets:
        if name in REAL and not (a.data / REAL[name][1]).is_file():
            print(f"{name}: {a.data / REAL[name][1]} is not there; left out")
            continue
        if name in ("rendered", "overlaid"):
            grounds = a.data if name == "overlaid" else None
            done = kept(a.keep) if a.keep else []
            numbers = sorted(set(range(0, a.n, a.every)) - {int(o.case.name) for o in done})
            outcomes = rendered_outcomes(
                numbers, seed=a.seed, workers=a.workers, grounds=grounds, with_locator=not a.no_locator, small=a.small
            )
        else:
            cases = (case for k, case in enumerate(real_cases(name, a.data)) if k % a.every == 0)
            outcomes = (_without_picture(judge(case, _measurer(not a.no_locator), bar_only=a.bar_only)) for case in cases)
        results[name] = []
        for o in outcomes:
            results[name].append(o)
            if a.keep and name in ("rendered", "overlaid"):
                keep(a.keep, o)
            if o.verdict in ("wrong", "grossly wrong", "invented"):
                print(f"{o.verdict}: {_words(o)}", flush=True)
        earlier = done if name in ("rendered", "overlaid") else []
        print_table(name, [*earlier, *results[name]])
        print(write_sheet(a.out, results), flush=True)


if __name__ == "__main__":
    main()
