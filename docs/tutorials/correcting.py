# %% [markdown]
# # Correcting
#
# No program is right about every particle. Find the doubtful ones, correct them on the page or from Python, and keep a record of
# what you changed.

# %%
import nanogauge

path = nanogauge.example("oxide-polyhedra")
m = nanogauge.measure(path)
m.plot()

# %% [markdown]
# ## What to look at first
#
# The confidence of a particle is the probability that a careful person would draw it too. Start at the lower end.

# %%
doubtful = m.particles.sort_values("confidence").head(6)
doubtful[["label", "y", "x", "equivalent_diameter_nm", "confidence", "flags"]]

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, len(doubtful), figsize=(11, 2.2), layout="constrained")
for ax, row in zip(axes, doubtful.itertuples(), strict=True):
    y, x, reach = int(row.y), int(row.x), int(row.equivalent_diameter_px)
    box = (slice(max(y - reach, 0), y + reach), slice(max(x - reach, 0), x + reach))
    ax.imshow(m.micrograph.pixels[box], cmap="gray")
    ax.contour(m.labels[box] == row.label, levels=[0.5], colors="#E69F00")
    ax.set_title(f"{row.label}: {row.confidence:.2f}", fontsize=9)
    ax.set_axis_off()

# %% [markdown]
# ## On the page
#
# Save the result, and open it in the browser:
#
# ```sh
# nanogauge serve results
# ```
#
# ![A micrograph on the page](../pictures/serve.jpg)
#
# Delete, merge, split, redraw, add by one click; the distribution follows. Every edit is saved as it is made. `nanogauge.load` then
# reads the corrected result. [More about the page](../serve.md).
#
# ## From Python
#
# The page stands on `nanogauge.editing`, which a script can use too. Each edit is recorded, and can be undone.

# %%
import tempfile
from pathlib import Path

import numpy as np

from nanogauge.editing.session import open_session

folder = m.save(Path(tempfile.mkdtemp()) / "oxide")
session = open_session(folder, path)

least_sure = int(doubtful["label"].iloc[0])
session.edit("delete", {"labels": [least_sure]})

at = m.counted[["y", "x"]].to_numpy()
gap = np.hypot(*(at[:, None] - at).transpose(2, 0, 1)) - m.counted["equivalent_diameter_px"].to_numpy()[:, None]
np.fill_diagonal(gap, np.inf)
a, b = (int(m.counted["label"].iloc[k]) for k in np.unravel_index(gap.argmin(), gap.shape))  # two that touch
session.edit("merge", {"labels": [a, b]})
session.undo()

corrected = session.measurement()
corrected.operator_edits

# %%
print(m)
print(corrected)

# %% [markdown]
# The corrected result is saved beside the first, with its edits, so whoever reads it later sees what was changed by hand.

# %%
corrected.save(folder.with_name("oxide-corrected"))
nanogauge.load(folder, micrographs=path.parent).operator_edits

# %% [markdown]
# ## Labels of your own
#
# If you drew the labels yourself, or another program did, measure those. Here the outlines found above are grown by a pixel:

# %%
from scipy import ndimage

grown = ndimage.grey_dilation(m.labels, size=3)
nanogauge.measure_labels(path, grown)
