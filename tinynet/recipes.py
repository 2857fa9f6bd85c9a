"""Recipes: everything that was chosen about a training run, as data to read and to change.

A recipe is the settings of `fit` by name:

    tn.fit(model, x, y, **tn.recipes.DEFAULT)
    tn.fit(model, x, y, **{**tn.recipes.DEFAULT, "epochs": 5})

They were chosen on the last 10,000 training digits, held out, and never on the test set:
examples/search.py holds how, examples/results/ every run.
"""

from .augment import RandomAffine, RandomElastic

DEFAULT = dict(
    epochs=20,
    batch_size=128,
    max_lr=0.1,
    weight_decay=5e-4,
    label_smoothing=0.0,
    average=0.995,
    augment=RandomElastic(
        displacement=0.4,
        smoothness=4.0,
        affine=RandomAffine(rotation=12.0, scale=0.1, shear=0.15, shift=2.0),
    ),
)

# The same for longer, and nothing else chosen for it.
BEST = DEFAULT | dict(epochs=40)

# Above 99.4 % in as little time as possible: four epochs are too few to learn from strong
# distortions, and smaller batches take more steps in them.
QUICK = DEFAULT | dict(
    epochs=4,
    batch_size=64,
    max_lr=0.2,
    average=0.0,
    augment=RandomAffine(rotation=6.0, scale=0.05, shear=0.075, shift=1.0),
)

RECIPES = {"default": DEFAULT, "best": BEST, "quick": QUICK}
