# %% [markdown]
# # Comparing samples
#
# Several micrographs make up a sample. Several samples are compared. Here two lots of silica are rendered, three micrographs of
# each; the second lot is 6 % larger.

# %%
import nanogauge
from nanogauge.training.synthetic import Scene, render
from nanogauge.training.synthetic.imaging import Look

look = Look(background=0.2, contrast=0.45, noise=0.03)


def micrographs(lot, diameter_px):
    scene = Scene(shape=(480, 640), layout="sparse", median_diameter_px=diameter_px, geometric_sd=1.1, coverage=0.25, overlap=0.0)
    for seed in range(3):
        pixels = render(scene, seed=100 * lot + seed, look=look).pixels
        yield nanogauge.Micrograph(pixels=pixels, name=f"lot {lot}, field {seed + 1}")


lots = {
    f"lot {lot}": nanogauge.measure_many(micrographs(lot, d), scale="1.50 nm/px", name=f"lot {lot}")
    for lot, d in ((1, 30), (2, 31.8))
}
lots["lot 1"]

# %% [markdown]
# Nothing is measured yet: each micrograph is measured when it is first asked for. The sample asks for all of them.

# %%
first, second = (lot.sample for lot in lots.values())
first

# %% [markdown]
# ## Do the micrographs of a sample agree?
#
# If they differ more than chance allows, the sample is not homogeneous, or one of the micrographs is not like the others. The
# interval of the pooled sample is wider then.

# %%
first.micrographs[["micrograph", "n", "mean", "sd", "d50"]].round(2)

# %%
first.homogeneity.p_value, first.homogeneity.homogeneous

# %% [markdown]
# ## Side by side

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharex=True, layout="constrained")
for ax, sample in zip(axes, (first, second), strict=True):
    sample.plot_distribution(ax=ax)
    ax.set_title(sample.name)

# %%
comparison = nanogauge.compare([first, second])
comparison

# %% [markdown]
# `test` counts each particle for itself. `p_value_micrographs` counts each micrograph as one, which is stricter, and hardly ever
# significant for three micrographs against three.

# %%
comparison.test

# %% [markdown]
# The difference of the medians has an interval. It includes what differs between micrographs, and the scale of each sample.

# %%
pair = comparison.pairs.iloc[0]
print(f"lot 2 is larger by {pair.difference_of_medians:.2f} nm ({pair.low:.2f} to {pair.high:.2f})")

# %% [markdown]
# ## As a report
#
# Save both, and let the command line write the report:
#
# ```sh
# nanogauge report results/lot-1 results/lot-2 -o comparison
# ```

# %%
import tempfile
from pathlib import Path

out = Path(tempfile.mkdtemp())
for name, lot in lots.items():
    lot.save(out / name.replace(" ", "-"))
sorted(str(p.relative_to(out)) for p in out.glob("*/*.csv"))
