"""Learn these classes: what counts as an example, what is said of the result, and the whole way on the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nanogauge.apps.serve import trainings
from nanogauge.apps.serve.class_examples import classed_by_hand, in_one_micrograph, save_class_examples
from nanogauge.apps.serve.pages.learned_words import cautions, result_html, stage_words
from nanogauge.apps.serve.pages.networks import networks
from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.studio import Studio, save_session
from nanogauge.apps.serve.trainings import Training, Trainings
from nanogauge.core.errors import InputError, NanogaugeError
from nanogauge.editing.session import open_session
from nanogauge.results.interchange.class_table import read_class_table
from page_tools import PORT, WAIT_MS, after_edit, free, opened
from serve_tools import running


def classed(work: Path, name: str, classes: dict[int, str]) -> None:
    """Gives classes by hand, by the order of the particles in the table."""
    session = open_session(work / name, work / "uploads" / f"{name}.png")
    labels = session.table["label"].tolist()
    for k, given in classes.items():
        session.edit("class", {"labels": [labels[k]], "class": given})
    save_session(session)


def test_what_a_person_classed_is_an_example(several: Path) -> None:
    assert classed_by_hand(Project(several)) == []
    classed(several, "a", {2: "rod", 3: "cube, small", 4: "rod"})
    classed(several, "b", {2: "rod"})
    project = Project(several)
    a, b = classed_by_hand(project)
    assert [(c.entry.name, dict(c.numbers)) for c in (a, b)] == [("a", {"rod": 2, "cube, small": 1}), ("b", {"rod": 1})]
    assert in_one_micrograph([a, b]) == ["cube, small"]
    with pytest.raises(InputError, match="two micrographs"):
        save_class_examples(project, ["a"])
    folder = save_class_examples(project, ["a", "b", "c"])
    assert sorted(p.name for p in (folder / "images").iterdir()) == ["a.png", "b.png"]
    assert read_class_table(folder / "labels" / "a.csv") == dict(sorted(a.classes.items()))
    text = cautions([a, b])
    assert "cube, small: in one micrograph only" in text
    assert "rod (3)" in text
    assert "Two micrographs" in cautions([a])

    from nanogauge.training.classes.data import read_class_folder

    names, items = read_class_folder(folder)
    assert names == ("cube, small", "rod")
    assert [i.name for i in items] == ["a", "b"]


def test_a_checked_micrograph_teaches_all_that_it_shows_of_the_classes_given(several: Path) -> None:
    classed(several, "a", {2: "rod", 3: "cube"})
    table = (several / "b" / "particles.csv").read_text().splitlines()
    head, rest = table[0], table[1:]
    found = ["rod", "cube", "sphere", "unsure"]  # as a network, or a rule, has said
    rows = [f"{line},{found[k % 4]},0.9" for k, line in enumerate(rest)]
    (several / "b" / "particles.csv").write_text("\n".join([f"{head},class,class_confidence", *rows]) + "\n")
    project = Project(several)
    assert [c.entry.name for c in classed_by_hand(project)] == ["a"], "a network does not learn from what it says itself"
    project.check("b", True)
    assert set(classed_by_hand(project)[1].numbers) == {"rod", "cube"}


def test_a_class_of_one_kind_is_refused(several: Path) -> None:
    for name in "ab":
        classed(several, name, {2: "rod"})
    with pytest.raises(InputError, match="only the class rod"):
        save_class_examples(Project(several), ["a", "b"])


def test_the_result_is_said_in_words() -> None:
    figures = {
        "pictures": ["b"],
        "found": 0.8,
        "classes": [{"class": "rod"}, {"class": "<i>"}, {"class": "plate"}],
        "confusion": [[11, 1, 0], [3, 5, 0], [0, 0, 0]],
    }
    html = result_html(figures, {"b": "b 1.png"})
    assert "On 1 micrograph kept aside (b 1.png) 16 of 20 particles got the class that you gave them: 80 % (56 … 94)" in html
    assert "80 % of those with a class were found at all" in html
    assert "Taken for another: &lt;i&gt; for rod, 3; rod for &lt;i&gt;, 1" in html
    assert "not tested" in html
    assert "alone decides" not in html
    assert "The outline alone decides" in result_html(figures | {"counts": {"maps": 0, "outlines": 1}}, {})
    assert "inside the outline alone" in result_html(figures | {"counts": {"maps": 1, "outlines": 0}}, {})
    assert "<i>" not in html
    assert "Not tested" in result_html(figures | {"confusion": [[0, 0, 0]] * 3}, {})
    assert result_html({}, {}) == "", "its figures were lost"
    assert stage_words(0, None) == "Preparing …"
    assert stage_words(0.25, 130) == "Learning, 25 %; 2 min left, then a test"


def test_without_torch_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainings, "find_spec", lambda name: None)
    with pytest.raises(NanogaugeError, match=r'pip install "nanogauge\[train\]"'):
        Trainings(tmp_path).classes.start(tmp_path, steps=1)


def test_networks_made_are_kept_numbered_and_offered(work: Path) -> None:
    root = work / "training"
    for k in range(2):  # two runs that have ended
        run = root / "classes-run"
        run.mkdir(parents=True, exist_ok=True)
        (run / "network.onnx").write_bytes(b"%d" % k)
        (run / "figures.json").write_text(json.dumps({"classes": [{"class": "rod"}, {"class": "cube"}]}))
        made = Trainings(root).classes.made
        assert made is not None
        assert made.path.read_bytes() == b"%d" % k
    assert [m.path.name for m in Trainings(root).all_made()][::-1] == ["classes-1.onnx", "classes-2.onnx"]
    assert not (root / "classes-run" / "network.onnx").exists()
    studio = Studio(Project(work))
    try:
        offered = networks(studio, "unet", "elsewhere.onnx")
        assert offered[str(root.resolve() / "networks" / "classes-2.onnx")].startswith("classes rod, cube (")
        assert offered["elsewhere.onnx"] == "elsewhere.onnx"
        assert offered["unet"] == "the default network"
    finally:
        studio.close()


def test_how_far_a_run_is_stands_in_its_log(tmp_path: Path) -> None:
    import threading

    training = Training(tmp_path, "classes", threading.Lock(), run="run")
    assert training.share == 0
    assert training.seconds_left is None
    training._steps = 100
    training.folder.mkdir()
    (training.folder / "log.csv").write_text("step,learning_rate,loss\n20,1e-3,0.5\n40,1e-3,0.4\n")
    assert training.share == pytest.approx(0.4)
    assert training.seconds_left is not None


@pytest.mark.slow
@pytest.mark.browser
def test_classes_given_by_keys_are_learned_and_told(tab: Any, several: Path, free_port: PORT) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'nanogauge[train]'")
    shutil.rmtree(several / "c")
    shutil.rmtree(several / "d")
    (several / "uploads" / "d.png").unlink()
    project = Project(several)
    project.set_classes([("large", "#112233"), ("small", "#445566")])
    project.add_file(several / "uploads" / "c.png")
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        tab.click(".q-tab:has-text('Particles')")
        tab.click(".ng-classes .q-item")
        tab.click("button:has-text('Learn these classes')")
        tab.wait_for_selector(".q-notification:has-text('no particle has a class yet')")
        for name in "ab":
            opened(tab, page, name)
            tab.keyboard.press("Control+a")
            after_edit(tab, lambda: tab.keyboard.press("1"))
            for label in free(tab)[:4]:
                tab.evaluate("(l) => nanogauge.select([l])", label)
                after_edit(tab, lambda: tab.keyboard.press("2"))
        tab.click(".q-tab:has-text('Particles')")
        tab.click(".ng-classes .q-item")
        tab.click("button:has-text('Learn these classes')")
        dialog = tab.locator(".q-dialog")
        dialog.locator("text=small 4").first.wait_for()
        dialog.locator("input[type=number]").fill("10")
        tab.click(".q-dialog button:has-text('Learn them')")
        tab.click("button:has-text('Cancel')")
        tab.wait_for_selector("text=Stopped; nothing was kept")

        tab.goto(f"{page.address}/report")
        tab.click("button:has-text('Learn these classes')")
        dialog.locator("input[type=number]").fill("10")
        tab.click(".q-dialog button:has-text('Learn them')")
        tab.wait_for_selector(".ng-learn h3:has-text('Learned: large, small')", timeout=4 * WAIT_MS)
        assert "particles got the class that you gave them" in tab.inner_text(".ng-learn")
        tab.click("button:has-text('Measure with it from now on')")
        tab.wait_for_selector("text=New micrographs are measured with it")

        opened(tab, page, "b")
        tab.click(".q-tab:has-text('Filters')")
        tab.click("[aria-label='Particles found by'], .q-field:has-text('Particles found by')")
        tab.wait_for_selector(".q-menu :text('classes large, small')")
        tab.keyboard.press("Escape")
        tab.goto(page.address)
        tab.click("button:has-text('Measure')")
        tab.wait_for_selector("article[data-name=c].openable", timeout=4 * WAIT_MS)
    header, *rows = (several / "c" / "particles.csv").read_text().splitlines()
    column = header.split(",").index("class")
    assert rows
    assert {row.split(",")[column] for row in rows} <= {"", "large", "small", "unsure"}
