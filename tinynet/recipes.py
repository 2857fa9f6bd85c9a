"""Recipes: everything that was chosen about a training run, as data to read and to change.

A recipe is the settings of `fit`, by name:

    tn.fit(model, x, y, recipe=tn.recipes.DEFAULT)
    tn.fit(model, x, y, recipe=tn.recipes.DEFAULT, epochs=5)
    tn.fit(model, x, y, **tn.recipes.DEFAULT)

DEFAULT, BEST and QUICK were chosen on the last 10,000 training digits, held out, and never on the
test set: examples/research/search.py holds how, examples/results/ every run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from .augment import RandomAffine, RandomElastic
from .average import checked_decay
from .checks import count
from .loss import checked_smoothing
from .optim import checked_setting


@dataclass(frozen=True, eq=False)
class Recipe(Mapping):
    """The settings of a training run and their defaults; it is also a mapping, for `**recipe`.

    epochs: times through the images. batch_size: images a step. max_lr: the peak rate.
    weight_decay: of weights with two axes or more, not of biases and BatchNorm. label_smoothing:
    see `CrossEntropyLoss`. average: the decay, a step, of an average of the weights (see
    `WeightAverage`) that is tested after each epoch and left in the model at the end; 0 for the
    weights themselves. augment: called with (images, rng), gives as many images of the same
    dtype; None for the images as they are.

    Raises ValueError or TypeError for a setting that cannot be.

    >>> recipe = Recipe(epochs=5)
    >>> recipe | dict(epochs=6, max_lr=0.2)  # doctest: +ELLIPSIS
    Recipe(epochs=6, batch_size=128, max_lr=0.2, ...)
    """

    epochs: int = 20
    batch_size: int = 128
    max_lr: float = 0.1
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    average: float = 0.0
    augment: Callable | None = None

    def __post_init__(self):
        values = dict(
            epochs=count(self.epochs, "Recipe", "epochs"),
            batch_size=count(self.batch_size, "Recipe", "batch_size"),
            max_lr=self._number("max_lr", lambda value: checked_setting("lr", value)),
            weight_decay=self._number(
                "weight_decay", lambda value: checked_setting("weight_decay", value)
            ),
            label_smoothing=self._number("label_smoothing", checked_smoothing),
            average=self._number("average", checked_decay),
        )
        if self.augment is not None and (
            isinstance(self.augment, type) or not callable(self.augment)
        ):
            raise TypeError(
                "Recipe: augment: expected a function of (images, rng), an object that is called "
                f"like one, or None, got {self.augment!r}"
            )
        for name, value in values.items():
            object.__setattr__(self, name, value)  # 32 for 32.0

    def _number(self, name, check):
        """A setting as the part of training checks it that it is for: it knows the range."""
        try:
            return check(getattr(self, name))
        except (TypeError, ValueError) as error:
            raise type(error)(f"Recipe: {name}: {error}") from None

    def __getitem__(self, name: str):
        if name not in SETTINGS:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(SETTINGS)

    def __len__(self) -> int:
        return len(SETTINGS)

    def __or__(self, changes: Mapping) -> "Recipe":
        return changed("Recipe", self, changes)


SETTINGS = tuple(field.name for field in fields(Recipe))


def changed(who: str, recipe: Recipe, settings: Mapping) -> Recipe:
    """The recipe with other settings; the errors begin with who."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"{who}: expected recipe, a Recipe, got {type(recipe).__name__}")
    unknown = [str(name) for name in settings if name not in SETTINGS]
    if unknown:
        raise TypeError(
            f"{who}: unknown settings: {', '.join(unknown)}; expected some of {', '.join(SETTINGS)}"
        )
    try:
        return replace(recipe, **settings)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{who}: {str(error).removeprefix('Recipe: ')}") from None


DEFAULT = Recipe(
    average=0.995,
    augment=RandomElastic(
        displacement=0.4,
        smoothness=4.0,
        affine=RandomAffine(rotation=12.0, scale=0.1, shear=0.15, shift=2.0),
    ),
)

# The same for longer, and nothing else chosen for it.
BEST = replace(DEFAULT, epochs=40)

# Above 99.4 % in as little time as possible: four epochs are too few to learn from strong
# distortions, and smaller batches take more steps in them.
QUICK = replace(
    DEFAULT,
    epochs=4,
    batch_size=64,
    max_lr=0.2,
    average=0.0,
    augment=RandomAffine(rotation=6.0, scale=0.05, shear=0.075, shift=1.0),
)

RECIPES = {"default": DEFAULT, "best": BEST, "quick": QUICK}
