# %% [markdown]
# # A scale of your own
#
# What to do when the scale bar was cropped away, when it is wrong, or when you have calibrated your microscope.

# %%
import nanogauge

micrograph = nanogauge.read_micrograph(nanogauge.example("oxide-polyhedra"))
cropped = micrograph.pixels[:640]  # the data bar is gone, and the scale with it

m = nanogauge.measure(cropped, name="cropped")
print(m)
print(m.message)

# %% [markdown]
# There is no scale, so sizes are in pixels. State it, in whichever form you have it:

# %%
for scale in ("4.2 nm/px", 4.2, "500 nm / 119 px", (4.2, 4.2)):
    print(repr(scale), "->", m.with_scale(scale).scale)

# %% [markdown]
# `with_scale` looks for nothing again: it puts the same particles under another scale. To measure with it from the start, write
# `nanogauge.measure(cropped, scale=4.2)`.
#
# The figure after the ± is the rounding of the number you gave, "4.2" standing for 4.15 to 4.25; whole numbers are taken as meant. It enters the uncertainty budget. If
# you know your scale better, say so:

# %%
calibrated = nanogauge.Scale((4.2, 4.2), relative_uncertainty=0.003, source="user")
in_nm = m.with_scale(calibrated)
in_nm.budget["mean"].expanded, m.with_scale(4.2).budget["mean"].expanded

# %% [markdown]
# ## When sources contradict each other
#
# Your figure always wins. Where it contradicts the file or the bar by more than 5 %, the message says so.

# %%
doubted = nanogauge.measure(micrograph, scale="8.4 nm/px")
doubted.message

# %% [markdown]
# ## One scale for a folder
#
# Put a `nanogauge.toml` beside the micrographs. The command line, the page and Python read it.

# %%
import tempfile
from pathlib import Path

import tifffile

folder = Path(tempfile.mkdtemp())
tifffile.imwrite(folder / "a.tif", cropped)
(folder / "nanogauge.toml").write_text('scale = "4.2 nm/px"\n')

nanogauge.measure(folder / "a.tif").scale

# %% [markdown]
# ## Pixels that are not square
#
# Scanning microscopes may step differently in y and x. Give both, y first. Outlines are then measured in nanometres, so shapes are
# those of the specimen. A micrograph that is stretched by a fifth in y shows the difference:

# %%
stretched = cropped.repeat(6, axis=0)[::5]
as_if_square = nanogauge.measure(stretched, scale=4.2)
as_it_is = as_if_square.with_scale((4.2 / 1.2, 4.2))
print("aspect ratio, pixels taken for square:", round(as_if_square.counted["aspect_ratio"].mean(), 3))
print("aspect ratio, pixels as they are:     ", round(as_it_is.counted["aspect_ratio"].mean(), 3))
