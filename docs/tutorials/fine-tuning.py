# %% [markdown]
# # Fine-tuning
#
# When the network does badly on your material, show it ten annotated micrographs. This tutorial trains a network: it takes about
# two minutes of a processor core, and needs PyTorch (`pip install ".[train]"`). So it is not run whenever these pages are built;
# `scripts/site --all` runs it.
#
# ## Annotated micrographs
#
# A folder with pictures, and beside each what is in it: a label TIFF or PNG, an ImageJ ROI zip, COCO or LabelMe JSON. The page saves
# such a folder from your corrections (*Report and files > Training data*). Here micrographs of long crossed rods are rendered, which the
# shipped network finds hard.

# %%
import tempfile
from pathlib import Path

import tifffile

from nanogauge.training.synthetic import Scene, render
from nanogauge.training.synthetic.imaging import Look

folder = Path(tempfile.mkdtemp()) / "rods"
folder.mkdir()
scene = Scene(
    shape=(384, 512), mode="tem", kinds=("rod",), layout="pile", median_diameter_px=30, coverage=0.3, overlap=0.3, aspect=(0.1, 0.2)
)
look = Look(background=0.75, contrast=1.0, edge=0, shadow=0, noise=0.05)
for k in range(8):
    rendering = render(scene, seed=k, look=look)
    tifffile.imwrite(folder / f"{k}.tif", rendering.pixels)
    tifffile.imwrite(folder / f"{k}_labels.tif", rendering.labels.astype("uint16"))

# %% [markdown]
# ## Train
#
# A fifth of the micrographs is kept to test on. Rods that lie under others are in several pieces, which the reader of labels
# mentions. The command line does the same: `nanogauge train --data rods -o runs/rods`.

# %%
from nanogauge.training.finetune import FIGURES, fine_tune, recipe

tuned = fine_tune(folder, folder.parent / "run", recipe(steps=60))
tuned.held_out, tuned.better

# %% [markdown]
# ## Is it better?
#
# Both networks are scored on the micrographs kept back. Where `better` is False, keep the shipped network: fine-tuning may make things
# worse.

# %%
import pandas as pd

pd.DataFrame({"before": tuned.before, "after": tuned.after}).rename(index=FIGURES).round(3)

# %% [markdown]
# ## Use it

# %%
import nanogauge

nanogauge.measure(folder / f"{tuned.held_out[0]}", scale=1.0, engine=str(tuned.network)).plot()

# %% [markdown]
# A network of your own was never held against truth, so its confidence is not calibrated, and its intervals do not know what may have
# been missed. [Training](../training.md) says how to calibrate it.
