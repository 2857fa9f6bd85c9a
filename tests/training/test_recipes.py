"""Recipe: the settings of training, in one place, as data."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import tinynet as tn
from tinynet.recipes import BEST, DEFAULT, QUICK, Recipe


def test_the_recipes_are_what_was_found():
    assert dict(DEFAULT) | dict(augment=None) == dict(
        epochs=20, batch_size=128, max_lr=0.1, weight_decay=5e-4, label_smoothing=0.0,
        average=0.995, augment=None,
    )  # fmt: skip
    assert dict(BEST) == dict(DEFAULT) | dict(epochs=40)
    assert (QUICK.epochs, QUICK.batch_size, QUICK.max_lr, QUICK.average) == (4, 64, 0.2, 0.0)
    assert repr(DEFAULT.augment) == (
        "RandomElastic(displacement=0.4, smoothness=4.0, "
        "affine=RandomAffine(rotation=12.0, scale=0.1, shear=0.15, shift=2.0))"
    )
    assert Recipe() == dict(DEFAULT) | dict(average=0.0, augment=None)


def test_it_is_a_mapping_and_a_value():
    assert {**DEFAULT, "epochs": 5} == dict(DEFAULT | dict(epochs=5)) == replace(DEFAULT, epochs=5)
    assert list(Recipe())[0] == "epochs" and len(Recipe()) == 7 and "average" in Recipe()
    assert pickle.loads(pickle.dumps(QUICK)) == copy.deepcopy(QUICK) == QUICK != DEFAULT
    with pytest.raises(KeyError, match="speed"):
        Recipe()["speed"]
    with pytest.raises(KeyError, match="keys"):  # a method, no setting
        Recipe()["keys"]
    with pytest.raises(FrozenInstanceError):
        DEFAULT.epochs = 3
    with pytest.raises(TypeError):
        DEFAULT["epochs"] = 3


def test_numbers_are_converted():
    recipe = Recipe(epochs=2.0, batch_size=np.float64(32), max_lr=1, average=np.float32(0.5))
    assert [type(v) for v in (recipe.epochs, recipe.batch_size)] == [int, int]
    assert [type(v) for v in (recipe.max_lr, recipe.average)] == [float, float]
    assert (recipe.epochs, recipe.batch_size, recipe.max_lr, recipe.average) == (2, 32, 1.0, 0.5)


@pytest.mark.parametrize("settings, kind, words", [
    (dict(epochs=0), ValueError, "Recipe: expected epochs ≥ 1, got 0"),
    (dict(epochs=2.5), ValueError, "Recipe: expected epochs ≥ 1, got 2.5, which is not whole"),
    (dict(epochs=np.inf), ValueError, "got inf, which is not whole"),
    (dict(epochs=True), ValueError, "got True"),
    (dict(batch_size="32"), TypeError, "Recipe: batch_size: expected a whole number, got '32'"),
    (dict(batch_size=None), TypeError, "batch_size: expected a whole number, got None"),
    (dict(max_lr=-1), ValueError, "Recipe: max_lr: SGD: expected lr ≥ 0, got -1"),
    (dict(max_lr=np.nan), ValueError, "expected lr ≥ 0, got nan"),
    (dict(max_lr=np.inf), ValueError, "expected lr ≥ 0, got inf"),
    (dict(max_lr="0.1"), TypeError, "expected lr ≥ 0, a number, got '0.1'"),
    (dict(max_lr=True), TypeError, "expected lr ≥ 0, a number, got True"),
    (dict(weight_decay=np.array([1.0])), TypeError, "weight_decay ≥ 0, a number, got array"),
    (dict(label_smoothing=1.1), ValueError, "expected label_smoothing in [0, 1], got 1.1"),
    (dict(average=1), ValueError, "WeightAverage: expected decay in [0, 1), got 1"),
    (dict(augment=3), TypeError, "augment: expected a function of (images, rng)"),
    (dict(augment=tn.augment.RandomAffine), TypeError, "or None, got <class "),
])  # fmt: skip
def test_wrong_settings(settings, kind, words):
    with pytest.raises(kind) as info:
        Recipe(**settings)
    assert words in str(info.value)
    with pytest.raises(kind) as info:
        tn.fit(tn.Linear(2, 2), np.ones((2, 2)), [0, 1], progress=False, **settings)
    assert str(info.value).startswith("fit: ")


def test_unknown_settings_are_named():
    x, y = np.ones((2, 2)), [0, 1]
    words = r"{}: unknown settings: batchsize, lr; expected some of epochs, batch_size, .*augment$"
    for train in (tn.fit, tn.find_lr):
        with pytest.raises(TypeError, match=words.format(train.__name__)):
            train(tn.Linear(2, 2), x, y, progress=False, batchsize=3, lr=0.1)
        with pytest.raises(TypeError, match="expected recipe, a Recipe, got dict"):
            train(tn.Linear(2, 2), x, y, recipe={"epochs": 1})
    with pytest.raises(TypeError, match="Recipe: unknown settings: speed"):
        DEFAULT | dict(speed=1)


def test_fit_takes_a_recipe_and_changes():
    x, y = np.eye(8, dtype=np.float32), np.arange(8) % 3
    models = [tn.Linear(8, 3, rng=0) for _ in range(3)]
    recipe = Recipe(epochs=3, batch_size=3, max_lr=0.3, average=0.5)
    tn.fit(models[0], x, y, recipe=recipe, progress=False)
    tn.fit(models[1], x, y, recipe=Recipe(epochs=9, average=0.5), epochs=3, batch_size=3,
           max_lr=0.3, progress=False)  # fmt: skip
    tn.fit(models[2], x, y, progress=False, **recipe)
    for model in models[1:]:
        np.testing.assert_array_equal(model.weight.data, models[0].weight.data)
