"""Nanogauge Measure: measures the particles of the open image with nanogauge, and shows outlines and sizes in Fiji.

A Jython 2.7 script for Fiji. Put it into Fiji's folder `scripts/Plugins/Nanogauge/` and start Fiji again, or open it in the
script editor and press Run. The first time it asks where the program `nanogauge` is. docs/napari-fiji.md tells more.

Only documented calls of the ImageJ 1.x API are used (imagej.net/ij/developer/api).
"""

from __future__ import division, print_function

import csv
import io
import json
import os
import re
import shutil
import tempfile

COMMAND_KEY = "nanogauge.command"
KEEP_KEY = "nanogauge.keep"
SET_BY_US = "nanogauge.calibration"
ENGINES = ["unet", "threshold"]
NAMES = ["nanogauge", "nanogauge.exe"]


class Problem(Exception):
    """What went wrong, in words for the user."""


# --- without ImageJ: what to run, what it wrote ------------------------------------------------------------------------------


def find_command(path_variable):
    """The program `nanogauge` in the folders of PATH; "" where there is none."""
    for folder in (path_variable or "").split(os.pathsep):
        for name in NAMES:
            candidate = os.path.join(folder, name)
            if folder and os.path.isfile(candidate):
                return candidate
    return ""


def command_line(program, picture, out, scale="", engine="unet", report=False):
    """Arguments of `nanogauge measure`, a list."""
    line = [program, "measure", picture, "-o", out, "--quiet", "--fresh", "--workers", "1"]
    if scale.strip():
        line += ["--scale", scale.strip()]
    if engine != "unet":
        line += ["--engine", engine]
    return line if report else line + ["--no-report"]


def file_name(title):
    """An image's title as the name of a TIFF file: without its suffix and what no file system likes."""
    stem = re.sub(r"(?i)\.(tiff?|png|jpe?g|bmp|dm[34]|ser|emd)$", "", title)
    return (re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).strip("._") or "image")[:100] + ".tif"


def free_folder(parent, name):
    """A folder in `parent` that does not exist yet: name, name-2, name-3 ..."""
    candidate, k = os.path.join(parent, name), 2
    while os.path.exists(candidate):
        candidate, k = os.path.join(parent, "%s-%d" % (name, k)), k + 1
    return candidate


def error_text(code, said):
    """The line to show for a run that failed: the last one that nanogauge printed, without its own name."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = re.sub(r"^nanogauge: ", "", lines[-1]) if lines else "it printed nothing"
    return "nanogauge ended with code %d: %s" % (code, text)


def result_folder(out):
    """The folder of the one micrograph in a results folder. Problem where there is none."""
    for name in sorted(os.listdir(out)) if os.path.isdir(out) else []:
        if os.path.isfile(os.path.join(out, name, "measurement.json")):
            return os.path.join(out, name)
    raise Problem("nanogauge wrote no result into %s" % out)


def read_measurement(folder):
    """measurement.json as a dict."""
    with io.open(os.path.join(folder, "measurement.json"), encoding="utf-8") as f:
        return json.load(f)


def read_table(folder):
    """particles.csv as (column names, rows); numbers as float, an empty cell of a number as NaN, flags as text."""
    with open(os.path.join(folder, "particles.csv")) as f:
        rows = list(csv.reader(f))
    columns = rows[0]
    return columns, [[_cell(name, text) for name, text in zip(columns, row)] for row in rows[1:]]


def _cell(name, text):
    if name == "flags":
        return text
    return float(text) if text else float("nan")


def pixel_nm(about):
    """(height, width) of a pixel in nm, None where there is no scale."""
    pair = about["scale"]["nm_per_px_y_x"]
    return None if pair is None else (pair[0], pair[1])


def summary_lines(about):
    """What to say of a measurement, a line each."""
    scale, d = about["scale"], about["distribution"]
    pixel = pixel_nm(about)
    sources = {"metadata": "the file's metadata", "scale_bar": "the scale bar", "user": "you"}
    lines = ["%s: %d particles, %d counted" % (about["file"], about["n_particles"], d["n"])]
    if pixel is None:
        lines.append("No scale: sizes are in px. State it in the dialog, such as 2.5 nm/px.")
    else:
        where = sources.get(scale["source"], scale["source"])
        shown = "%.5g nm/px" % pixel[1] if abs(pixel[0] / pixel[1] - 1) < 1e-3 else "%.5g x %.5g nm/px (y x x)" % pixel
        lines.append("Scale: %s, from %s (+/- %.2g %%)" % (shown, where, 100 * scale["relative_uncertainty"]))
    if d["n"]:
        figures = [(name, d[name]["value"]) for name in ("mean", "sd", "d10", "d50", "d90")]
        lines.append(", ".join("%s %.4g %s" % (name, value, d["unit"]) for name, value in figures if value is not None))
    if about["message"]:
        lines.append("Mind: " + about["message"])
    return lines


# --- with ImageJ -------------------------------------------------------------------------------------------------------------


def nanogauge_program():
    """Where nanogauge is: as remembered, else on PATH, else as the user shows; checked, and remembered. None: cancelled."""
    from ij import Prefs
    from ij.io import OpenDialog
    from java.lang import System

    program = Prefs.get(COMMAND_KEY, "")
    if not (program and os.path.isfile(program)):
        program = find_command(System.getenv("PATH"))
    if not program:
        asked = OpenDialog("Where is nanogauge? (bin/nanogauge or Scripts\\nanogauge.exe in its Python environment)")
        program = asked.getPath()
        if program is None:
            return None
    code, said = run([program, "--version"])
    if code != 0 or not said.startswith("nanogauge "):
        Prefs.set(COMMAND_KEY, "")
        Prefs.savePreferences()
        raise Problem("%s is not nanogauge, or does not start: %s" % (program, said.strip()[-300:]))
    Prefs.set(COMMAND_KEY, program)
    Prefs.savePreferences()
    return program


def run(line):
    """Runs a program; answers its exit code and what it printed. Escape ends it. Problem where it cannot be started."""
    from ij import IJ
    from java.io import File, IOException
    from java.lang import ProcessBuilder
    from java.util.concurrent import TimeUnit

    printed = File.createTempFile("nanogauge", ".txt")
    builder = ProcessBuilder(line)
    for name in ("PYTHONHOME", "PYTHONPATH"):  # those of another Python would mislead it
        builder.environment().remove(name)
    builder.environment().put("PYTHONIOENCODING", "utf-8")
    builder.redirectErrorStream(True).redirectOutput(printed)
    try:
        process = builder.start()
        IJ.resetEscape()
        while not process.waitFor(200, TimeUnit.MILLISECONDS):
            if IJ.escapePressed():
                process.destroy()
                raise Problem("stopped")
        with io.open(printed.getPath(), encoding="utf-8", errors="replace") as f:
            return process.exitValue(), f.read()
    except IOException as error:
        raise Problem("cannot start %s: %s" % (line[0], error.getMessage()))
    finally:
        printed.delete()


def original_file(imp):
    """Path of the file that a single, unchanged image was opened from, "" where there is none: it has the microscope's metadata,
    which ImageJ does not keep, and files that lie beside it are found."""
    info = imp.getOriginalFileInfo()
    if info is None or imp.changes or imp.getStackSize() > 1 or not info.directory or not info.fileName:
        return ""
    path = os.path.join(info.directory, info.fileName)
    stated = (info.width, info.height)  # (0, 0) for PNG and JPEG
    same = stated in ((0, 0), (imp.getWidth(), imp.getHeight()))
    return path if same and os.path.isfile(path) else ""


def save_plane(imp, folder):
    """The plane shown as a TIFF with the image's calibration, unless that is what an earlier measurement set: a scale found or
    stated once must not come back as if the file said so. Answers its path; Problem where it cannot be written."""
    from ij import ImagePlus
    from ij.io import FileSaver

    plane = ImagePlus(imp.getTitle(), imp.getProcessor().duplicate())
    if imp.getProperty(SET_BY_US) != described(imp.getCalibration()):
        plane.setCalibration(imp.getCalibration().copy())
    path = os.path.join(folder, file_name(imp.getTitle()))
    if not FileSaver(plane).saveAsTiff(path):
        raise Problem("cannot write %s" % path)
    return path


def described(calibration):
    """Pixel width, height and unit as text, to tell calibrations apart."""
    return "%r x %r %s" % (calibration.pixelWidth, calibration.pixelHeight, calibration.getUnit())


def ask(imp):
    """The user's choices as a dict, None: cancelled."""
    from ij import Prefs
    from ij.gui import GenericDialog
    from ij.io import DirectoryChooser

    file_on_disk = original_file(imp)
    dialog = GenericDialog("Nanogauge")
    dialog.addMessage("Measure the particles of " + imp.getTitle())
    dialog.addStringField("Scale (empty: as found)", "", 16)
    dialog.addMessage("such as 2.5 nm/px, or 500 nm / 123.5 px")
    dialog.addChoice("Engine", ENGINES, ENGINES[0])
    if file_on_disk:
        dialog.addCheckbox("Measure the file on disk, which has the microscope's metadata", True)
    dialog.addCheckbox("Replace what is in the ROI Manager", True)
    dialog.addCheckbox("Keep all results, with a report, in a folder", Prefs.get(KEEP_KEY, "no") == "yes")
    dialog.showDialog()
    if dialog.wasCanceled():
        return None
    choices = {"scale": dialog.getNextString(), "engine": dialog.getNextChoice(), "file": ""}
    if file_on_disk and dialog.getNextBoolean():
        choices["file"] = file_on_disk
    choices["replace"] = dialog.getNextBoolean()
    keep = dialog.getNextBoolean()
    Prefs.set(KEEP_KEY, "yes" if keep else "no")  # Jython cannot tell the overloads for numbers and truth values apart
    choices["folder"] = ""
    if keep:
        choices["folder"] = DirectoryChooser("Folder for the results").getDirectory()
        if choices["folder"] is None:
            return None
    return choices


def show(imp, folder, about, replace=True):
    """Calibration, ROIs and table of a measurement into ImageJ."""
    from ij.measure import ResultsTable
    from ij.plugin.frame import RoiManager

    pixel = pixel_nm(about)
    if pixel is not None:
        calibration = imp.getCalibration().copy()
        calibration.pixelHeight, calibration.pixelWidth = pixel
        calibration.setUnit("nm")
        imp.setCalibration(calibration)
        imp.setProperty(SET_BY_US, described(calibration))
        imp.repaintWindow()
    columns, rows = read_table(folder)
    manager = RoiManager.getInstance() or RoiManager()
    if replace:
        manager.reset()
    if rows:
        manager.runCommand("Open", os.path.join(folder, "rois.zip"))
        manager.runCommand(imp, "Show All")
    table = ResultsTable()
    for row in rows:
        table.incrementCounter()
        for name, value in zip(columns, row):
            table.addValue(name, value)
    table.showRowNumbers(False)
    table.show("Particles of " + imp.getTitle())


def measure(imp, program, choices):
    """Runs nanogauge on an image and shows what it found. Answers the result's folder and measurement.json; Problem if it fails."""
    from ij import IJ

    work = tempfile.mkdtemp(prefix="nanogauge-")
    keep = choices["folder"]
    done = False
    try:
        picture = choices["file"] or save_plane(imp, work)
        out = os.path.join(work, "results")
        if keep:
            out = free_folder(keep, file_name(imp.getTitle())[:-4] + "-nanogauge")
        IJ.showStatus("nanogauge measures %s ... (Escape stops)" % imp.getTitle())
        line = command_line(program, picture, out, scale=choices["scale"], engine=choices["engine"], report=bool(keep))
        code, said = run(line)
        if code != 0:
            raise Problem(error_text(code, said))
        folder = result_folder(out)
        about = read_measurement(folder)
        show(imp, folder, about, replace=choices["replace"])
        done = True
    finally:
        if keep or not done:
            shutil.rmtree(work, ignore_errors=True)
    for text in summary_lines(about):
        IJ.log(text)
    IJ.log("Results: " + (out if keep else folder + " (temporary)"))
    IJ.showStatus("nanogauge: %d particles" % about["n_particles"])
    return folder, about


def main():
    from ij import IJ, WindowManager

    imp = WindowManager.getCurrentImage()
    if imp is None:
        IJ.error("Nanogauge", "No image is open: open a micrograph first.")
        return
    try:
        program = nanogauge_program()
        choices = None if program is None else ask(imp)
        if choices is not None:
            measure(imp, program, choices)
    except Problem as problem:
        IJ.showStatus("")
        IJ.error("Nanogauge", "%s" % problem)


if __name__ in ("__main__", "__builtin__"):  # the second in Fiji's script editor and menus
    main()
