# %% [markdown]
# # First measurement
#
# From a file to a size distribution. The micrograph is rendered, so the true sizes are known.

# %%
import nanogauge

path = nanogauge.example("gold-spheres")
m = nanogauge.measure(path)
m

# %% [markdown]
# That is the whole measurement. The picture shows what was found: green particles are counted, dashed ones are cut by the frame
# and left out, dotted yellow ones are unsure. The scale bar that was read is in blue.
#
# ## The scale
#
# Everything in nanometres hangs on one number, so ask where it comes from.

# %%
m.scale

# %%
m.decision.source, m.scale_bar.text, round(m.scale_bar.length_px, 1)

# %% [markdown]
# The picture has no metadata, so the scale bar was read. Had neither been there, the sizes would be in pixels and the message would
# say so. Here there is nothing to say:

# %%
m.message

# %% [markdown]
# ## The particles
#
# A pandas DataFrame with a row for each particle. The [columns](../columns.md) are lengths in px and nm, shapes, confidence and flags.

# %%
m.particles[["label", "equivalent_diameter_nm", "feret_max_nm", "aspect_ratio", "circularity", "confidence", "flags"]].head()

# %% [markdown]
# Units travel with the frame:

# %%
m.particles.attrs["units"]["equivalent_diameter_nm"], m.particles.attrs["units"]["area_nm2"]

# %% [markdown]
# ## The distribution
#
# A statistic is read by its name. It has a value, a 95 % interval and a standard error, and formats like a number.

# %%
d50 = m.distribution["d50"]
print(f"median {d50:.1f} nm, 95 % interval {d50.low:.1f} to {d50.high:.1f} nm")

# %%
m.plot_distribution()

# %% [markdown]
# ## How sure is it?
#
# The interval covers the choice of particles, and what may have been missed, made up or joined. The budget adds the scale and the
# outlines. `expanded` is the expanded uncertainty, k = 2.

# %%
import pandas as pd

budget = m.budget["mean"]
pd.DataFrame([{"component": c.name, "contribution / nm": c.contribution} for c in budget.components]).round(2)

# %%
print(f"mean {budget.value:.1f} nm ± {budget.expanded:.1f} nm")

# %% [markdown]
# ## Keep it
#
# The folder holds the table, the labels, the overlay, ImageJ ROIs, and everything that decided a number.

# %%
import tempfile
from pathlib import Path

folder = m.save(Path(tempfile.mkdtemp()) / "gold")
sorted(p.name for p in folder.iterdir())

# %%
print(nanogauge.load(folder, micrographs=path.parent))
