"""Nanoparticle sizes, in nanometres, from electron micrographs.

>>> import nanogauge
>>> m = nanogauge.measure("examples/thermo-gold-spheres.png")
>>> m.scale
<Scale 1.35 nm/px ± 0.1 %, scale bar>
>>> m.distribution
<Distribution n = 58: mean 45.9 nm, median 45.6 nm, sd 4.5 nm>

``m.particles`` is a pandas DataFrame with a row for each particle; ``m.distribution`` has mean, median, d10, d50, d90 ... with
95 % intervals; ``m.plot()`` shows what was found; ``m.save(folder)`` writes it, `load` reads it back.

Everything is imported when first used, so ``import nanogauge`` is quick.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
