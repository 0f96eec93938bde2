"""Labels to learn letters from: what each column is said to be is what stands there; the network learns and is exported."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nanogauge.detection.engines.onnx import OnnxLetterReader  # noqa: E402
from nanogauge.training.letters.examples import CELL_PX, HEIGHT_PX, LETTERS, OTHER, WIDTH_PX, example, kind_of, length_text  # noqa: E402
from nanogauge.training.letters.export import export  # noqa: E402
from nanogauge.training.letters.network import LetterNet, loss  # noqa: E402

N_COLUMNS = WIDTH_PX // CELL_PX


def spelt(classes: np.ndarray) -> str:
    return "".join(f" {LETTERS}?"[k] for k, _ in groupby(classes.tolist())).replace(" ", "")


def test_columns_spell_a_length() -> None:
    rng, grounds = np.random.default_rng(3), [np.full((200, 300), 100, np.uint8)]
    spellings = []
    for _ in range(60):
        pixels, classes, asked = example(grounds, [], rng)
        assert pixels.shape == (HEIGHT_PX, WIDTH_PX)
        assert pixels.dtype == np.uint8
        assert classes.shape == asked.shape == (N_COLUMNS,)
        assert set(classes.tolist()) <= set(range(OTHER + 1))
        spellings.append(spelt(classes))
    whole = [s for s in spellings if any(u in s for u in ("nm", "µm", "mm", "Å")) and any(c.isdigit() for c in s)]
    assert len(whole) >= 58
    assert sum("." in s for s in spellings) > 10


def test_letters_that_do_not_show_are_not_asked() -> None:
    asked_share = []
    for k in range(30):
        _, classes, asked = example([], [], np.random.default_rng(k))
        asked_share.append(float(asked[classes > 0].mean()) if (classes > 0).any() else 1.0)
    assert np.median(asked_share) == 1.0


def test_what_looks_alike_is_one_class() -> None:
    assert kind_of(",") == kind_of(".") == 1
    assert kind_of("u") == kind_of("μ") == kind_of("µ")
    assert kind_of("k") == OTHER
    assert kind_of(" ") == 0


def test_numbers_that_no_bar_bears_are_among_them() -> None:
    numbers = {length_text(np.random.default_rng(k)).split()[0] for k in range(300)}
    assert len(numbers) > 80
    assert sum("." in n or "," in n for n in numbers) > 40


def test_a_few_steps_lower_the_loss_and_the_file_gives_the_same(tmp_path: Path) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = LetterNet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rng, losses = np.random.default_rng(1), []
    for _ in range(25):
        grey, classes, asked = (np.stack(part) for part in zip(*(example([], [], rng) for _ in range(8)), strict=True))
        value = loss(
            network(torch.from_numpy(grey[:, None].astype(np.float32) / 255)), torch.from_numpy(classes), torch.from_numpy(asked)
        )
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])
    torch.save({"ema": network.state_dict()}, tmp_path / "checkpoint.pt")
    export(tmp_path / "checkpoint.pt", tmp_path / "letters.onnx")
    reader = OnnxLetterReader(tmp_path / "letters.onnx", n_threads=1)
    assert reader.alphabet == LETTERS
    shares = reader.columns(grey[0])
    assert shares.shape == (N_COLUMNS, OTHER + 1)
    assert shares.sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    with torch.no_grad():
        direct = torch.softmax(network.eval()(torch.from_numpy(grey[:1, None].astype(np.float32) / 255)), 1)[0].numpy().T
    assert shares == pytest.approx(direct, abs=0.02)  # weights in half precision
    assert reader.columns(grey[0][:, :101]).shape == (51, OTHER + 1)
