"""Masks, labels and overlays among micrographs: left out, said, and added where a person wants it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.uploads import Received
from nanogauge.apps.serve.work_folder import choose_work_folder
from nanogauge.core.errors import InputError
from page_tools import PORT, drop
from scenes import spheres
from serve_tools import running


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two micrographs and the mask of one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    grey = spheres().pixels
    Image.fromarray(grey).save(folder / "a.png")
    Image.fromarray(255 - grey).save(folder / "b.png")
    Image.fromarray(np.where(grey > 120, 255, 0).astype(np.uint8)).save(folder / "a_mask.png")
    return folder


def test_a_folder_is_sorted_out_as_on_the_command_line(pictures: Path) -> None:
    root, found, left_out = choose_work_folder(pictures)
    assert [p.name for p in found] == ["a.png", "b.png"]
    assert left_out == {pictures / "a_mask.png": "mask of a.png"}
    project = Project(root, found, left_out)
    assert set(project.entries) == {"a", "b"}
    assert {p.name: what for p, what in project.left_out.items()} == {"a_mask.png": "mask of a.png"}

    project.add_file((pictures / "a_mask.png").resolve())
    assert set(project.entries) == {"a", "b", "a_mask"}
    assert not project.left_out
    again = Project(*choose_work_folder(pictures))
    assert set(again.entries) == {"a", "b", "a_mask"}
    assert not again.left_out, "what a person has added is not left out again"


def test_a_folder_of_masks_alone_opens_and_says_so(pictures: Path) -> None:
    for name in ("a.png", "b.png"):
        (pictures / name).unlink()
    _, found, left_out = choose_work_folder(pictures)
    assert not found
    assert left_out == {pictures / "a_mask.png": "mask"}
    (pictures / "a_mask.png").write_text("x")
    (pictures / "a_mask.png").rename(pictures / "letter.txt")
    with pytest.raises(InputError):
        choose_work_folder(pictures)


def test_what_is_dropped_with_others_is_sorted_out_and_remembered(work: Path, pictures: Path) -> None:
    project = Project(work)

    def take(name: str, *, among_others: bool) -> tuple[Any, str]:
        copy = Path(shutil.copyfile(pictures / "a_mask.png", pictures / "incoming"))
        return project.take(Received(copy, name, "0" * 64, (300, 420)), among_others=among_others)

    for _ in range(2):  # dropped again, it is not kept twice
        assert take("a_mask.png", among_others=True) == (None, "left out: a_mask.png (mask of a.png)")
        assert [p.name for p in project.left_out] == ["a_mask.png"]
    assert not list((work / "uploads").glob("a_mask_*"))
    assert set(Project(work).left_out.values()) == {"mask of a.png"}
    entry, said = take("a_mask.png", among_others=False)  # dropped alone, it is meant
    assert entry.name.startswith("a_mask")
    assert not said


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_says_what_is_left_out_and_adds_it(tab: Any, work: Path, pictures: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        tab.goto(page.address)
        drop(tab, sorted(pictures.glob("*.png")))
        tab.wait_for_selector(".ng-left-out:has-text('a_mask.png (mask of a.png)')")
        tab.wait_for_selector("article[data-name=b]")
        assert tab.locator("article[data-name=a_mask]").count() == 0
        tab.click(".ng-left-out button")
        tab.click("[aria-label='Add a_mask.png all the same']")
        tab.wait_for_selector("article[data-name=a_mask]")
        tab.click(".q-dialog button:has-text('Close')")
        tab.wait_for_selector(".ng-left-out", state="hidden")


@pytest.mark.slow
@pytest.mark.browser
def test_a_dropped_folder_holds_every_format_and_each_picture_once(tab: Any, tmp_path: Path, free_port: PORT) -> None:
    lot = tmp_path / "lot 7"
    lot.mkdir()
    first, second = (spheres(k, shape=(240, 320)).pixels for k in (1, 2))
    tifffile.imwrite(lot / "a.tif", first)
    Image.fromarray(first).save(lot / "a.jpg", quality=80)
    header = np.zeros(256, "<i4")  # of an MRC file of one section, 16 bits each
    header[:4], header[7:10] = (320, 240, 1, 1), (320, 240, 1)
    header[10:13] = np.array([6400, 4800, 20], "<f4").view("<i4")  # ångströms: 2 nm a pixel
    header[52:54] = np.frombuffer(b"MAP DD\0\0", "<i4")
    (lot / "b.mrc").write_bytes(header.tobytes() + second.astype("<i2").tobytes())
    (lot / "notes.txt").write_text("of Monday")
    with running(tmp_path / "work", free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector("[data-testid=files]", state="attached")
        tab.set_input_files("input[webkitdirectory]", str(lot))
        tab.wait_for_selector("article[data-name=b]")
        tab.wait_for_selector(".ng-left-out:has-text('a.jpg (copy of a.tif)')")
        assert tab.locator("article").count() == 2
        assert "notes" not in tab.inner_text("body")
