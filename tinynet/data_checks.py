"""First look, then act: all that training and tests are given is checked before anything changes.

Each function raises ValueError or TypeError that begins with `who` and says what was expected and
what came.
"""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .checks import whole_number
from .contract import FLOATS
from .errors import NotFiniteError
from .files import check_place
from .fingerprint import detached
from .inputs import as_input, augmented
from .layer import Layer
from .non_finite import check_model_is_finite
from .recipes import Recipe
from .state import evaluating, preserved

BLOCK = 1024  # images looked at together
PROBE = 1024  # images, at most, that an augmentation is tried on
ARRAYS = (np.ndarray, np.memmap)  # a matrix or a masked array computes otherwise
SCALE = 2.5  # by which augmentation may spread or flatten the values of images

# -- images and labels --


def check_layer(who: str, model: Layer) -> None:
    """A Layer."""
    if not isinstance(model, Layer):
        raise TypeError(f"{who}: expected model, a Layer, got {type(model).__name__}")


def check_model(who: str, model: Layer) -> None:
    """A Layer all of whose parameters and buffers are finite."""
    check_layer(who, model)
    try:
        check_model_is_finite(model)
    except NotFiniteError as error:
        raise NotFiniteError(f"{who}: expected a network of finite numbers, but {error}") from None


def check_images(who: str, x: np.ndarray) -> None:
    """Images (N, …), N ≥ 1, of uint8 or of finite float32 or float64."""
    expected = f"{who}: expected images (N, …), N ≥ 1"
    if type(x) not in ARRAYS:
        raise ValueError(f"{expected}: expected a NumPy array, got {_kind(x)}")
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{expected}, got {x.shape}")
    if x.dtype not in (np.uint8, *FLOATS):
        raise TypeError(f"{expected}, of uint8, float32 or float64, got {x.dtype}")
    for start in range(0, len(x) if x.dtype != np.uint8 else 0, BLOCK):
        block = x[start : start + BLOCK].reshape(len(x[start : start + BLOCK]), -1)
        wrong = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if wrong.size:
            values = block[wrong[0]]
            raise NotFiniteError(
                f"{who}: expected finite images; first not finite: the images fed in, "
                f"image {start + wrong[0]}, with a pixel of {values[~np.isfinite(values)][0]}"
            )


def checked_labels(who: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y as an array of N integers, one for each image; a list of ints is one, too."""
    if type(y) not in (*ARRAYS, list, tuple):
        raise ValueError(f"{who}: expected labels (N,), a NumPy array, got {_kind(y)}")
    try:
        y = np.asarray(y)
    except ValueError:
        raise ValueError(f"{who}: expected labels (N,), got lists of different lengths") from None
    if y.shape != (len(x),):
        raise ValueError(f"{who}: expected {len(x)} labels, one for each image, got {y.shape}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"{who}: expected integer labels, got {y.dtype}")
    return y


def check_range(who: str, y: np.ndarray, classes: int) -> None:
    """Labels in 0 … classes − 1, the number of logits."""
    wrong = np.flatnonzero((y < 0) | (y >= classes))
    if wrong.size:
        raise ValueError(
            f"{who}: expected labels in 0 … {classes - 1}, got {y[wrong[0]]} at index {wrong[0]}: "
            f"the network gives {classes} logits"
        )


def _kind(value):
    """The name of its type, and how to make a NumPy array of it where that is known."""
    kind = type(value).__name__
    if isinstance(value, np.ma.MaskedArray):
        return f"{kind}; write x.filled(…)"
    if hasattr(value, "to_numpy"):
        return f"{kind}; write x.to_numpy()"
    return f"{kind}; write x.numpy()" if hasattr(value, "numpy") else kind


# -- what the network makes of them --


def begin_training(model: Layer) -> None:
    """Training mode for a network in evaluation mode; else each layer keeps the mode it has.

    So a BatchNorm that was put into evaluation mode by itself stays frozen.
    """
    itself = [layer for prefix, layer in model.named_layers() if not prefix]  # compiled: two
    if not all(layer.training for layer in itself):
        model.train()


@contextmanager
def as_in_training(model: Layer) -> Iterator[None]:
    """Within a with statement each layer has the mode that it will be trained in."""
    modes = [(layer, layer.training) for _, layer in model.named_layers()]
    begin_training(model)
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode


def class_count(who: str, model: Layer, x: np.ndarray, batch_size: int) -> int:
    """K, the number of logits that the network gives for images x, in the mode it is in.

    Asked for full batches and for the last one, which may be smaller. The layers say so by their
    output_shape; where one does not, one image goes through them, in evaluation mode.
    """
    sizes = sorted({min(len(x), batch_size), len(x) % batch_size or batch_size}, reverse=True)
    image = as_input(x[:1])
    try:
        shapes = [model.output_shape((size, *image.shape[1:])) for size in sizes]
        if None in shapes:
            shapes = (_traced if model.training else _asked)(model, image, sizes)
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        batches = " and ".join(map(str, sizes))
        raise kind(f"{who}: batches of {batches}: {error}") from error
    for size, shape in zip(sizes, shapes, strict=True):
        if len(shape) != 2 or shape[0] != size or shape[1] < 1:
            raise ValueError(
                f"{who}: expected a network that gives logits (N, K), got {tuple(shape)} for "
                f"{size} images of shape {image.shape[1:]}"
            )
    return shapes[0][1]


def _asked(model, image, sizes):
    """[the shape of the network's output] for batches of these sizes, of which image (1, …) is one.

    In evaluation, where nothing changes.
    """
    y = model(image)
    if not isinstance(y, np.ndarray) or len(y) != 1:
        got = getattr(y, "shape", type(y).__name__)
        raise ValueError(f"expected logits (1, K) of one image, got {got}")
    return [(size, *y.shape[1:]) for size in sizes]


def _traced(model, image, sizes):
    """What _asked gives, before training: each layer, too, is asked for batches of these sizes.

    Raises where a layer that says what it takes does not take such a batch.
    """
    with preserved(model), evaluating(), np.errstate(all="ignore"):
        y, passed = image, []
        for layer in model.leaves():
            passed.append((layer, y.shape[1:]))
            y = layer.forward(y)
            if not isinstance(y, np.ndarray) or len(y) != 1:
                got = getattr(y, "shape", type(y).__name__)
                raise ValueError(f"{layer}: expected an array (1, …) for one image, got {got}")
    if y.dtype != image.dtype:
        raise TypeError(f"expected {image.dtype} logits, as the images are, got {y.dtype}")
    for layer, shape in passed:
        for size in sizes:
            layer.output_shape((size, *shape))
    return [(size, *y.shape[1:]) for size in sizes]


def checked_training_data(
    who: str, model: Layer, x: np.ndarray, y: np.ndarray, batch_size: int
) -> np.ndarray:
    """y as an array, if the network can be trained on images x and labels y."""
    check_model(who, model)
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(
            f"{who}: expected a parameter to train, got a network that has none, or all of whose "
            "parameters are left out of training (requires_grad is False)"
        )
    check_images(who, x)
    y = checked_labels(who, x, y)
    with as_in_training(model):
        check_range(who, y, class_count(who, model, x, batch_size))
    return y


def checked_test_data(
    who: str, model: Layer, x: np.ndarray, y: np.ndarray, batch_size: int
) -> np.ndarray:
    """y as an array, if the network can be tested on images x and labels y."""
    check_model(who, model)
    check_images(who, x)
    y = checked_labels(who, x, y)
    with evaluating():
        check_range(who, y, class_count(who, model, x, batch_size))
    return y


def checked_test(who: str, model: Layer, x: np.ndarray, test: tuple, batch_size: int) -> tuple:
    """The test, a pair (images, labels), with images like x, those that are trained on."""
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise ValueError(f"{who}: expected a pair (images, labels), got {_pair(test)}")
    x_test, y_test = test
    check_images(who, x_test)
    y_test = checked_labels(who, x_test, y_test)
    if x_test.dtype != x.dtype:
        raise TypeError(
            f"{who}: expected {x.dtype} images, as those trained on are, got {x_test.dtype}: they "
            "would not be fed in alike"
        )
    shape, expected = as_input(x_test[:1]).shape[1:], as_input(x[:1]).shape[1:]
    if shape != expected:
        raise ValueError(
            f"{who}: expected images of shape {expected}, as those trained on, got {shape}"
        )
    return x_test, checked_test_data(who, model, x_test, y_test, batch_size)


def _pair(test):
    kind = type(test).__name__
    return f"{kind} of {len(test)}" if isinstance(test, (tuple, list)) else kind


# -- augmentation --


def checked_augmentation(who: str, model: Layer, x: np.ndarray, recipe: Recipe) -> np.ndarray:
    """What the recipe's augmentation makes of a batch of x, if the network can be fed with it.

    It is called once, with copies and a random generator of its own. Tests see images as they
    are, so what it makes has to have their dtype and scale.
    """
    size = min(len(x), recipe.batch_size, PROBE)
    images = x[np.linspace(0, len(x) - 1, size).astype(int)]
    augment = detached(recipe.augment)
    try:
        inspect.signature(augment).bind(images, None)
    except TypeError:
        raise TypeError(
            f"{who}: augment: expected a function of (images, rng), got one of "
            f"{inspect.signature(augment)}"
        ) from None
    except ValueError:
        pass  # it does not say what it takes
    try:
        made = augmented(images.copy(), augment, np.random.default_rng(0))
    except (ValueError, TypeError) as error:
        if not str(error).startswith("augment: "):
            raise  # the augmentation's own
        raise type(error)(f"{who}: {error}") from None
    check_images(f"{who}: augment", made)
    with as_in_training(model):
        class_count(f"{who}: augment", model, made, size)
    ratios = [_ratio(spread(made), spread(images)) for spread in (np.ptp, np.std)]
    if min(ratios) > SCALE or max(ratios) < 1 / SCALE:
        raise ValueError(
            f"{who}: augment: expected images on the scale of those it is given, as tests see "
            f"them: it makes values in {made.min():g} … {made.max():g} of values in "
            f"{images.min():g} … {images.max():g}"
        )
    return made


def _ratio(made, given):
    return float(made) / float(given) if made > 0 and given > 0 else 1.0


# -- the rest --


def check_files(who: str, **paths: str | os.PathLike | None) -> None:
    """Files that will be written, by the name of their argument: each may be, and none is another.

    None for those that will not. Raises OSError, or TypeError or ValueError.
    """
    places = {}
    for name, path in paths.items():
        if path is None:
            continue
        place = os.path.realpath(check_place(path, f"{who}: {name}"))
        if place in places:
            both = f"{places[place]} and {name}"
            raise ValueError(f"{who}: expected two files for {both}, got one, {place}")
        places[place] = name


def checked_rng(who: str, seed) -> np.random.Generator:
    """The random generator of a seed: a whole number, None, a Generator, and what NumPy takes."""
    if isinstance(seed, (bool, float, np.bool_, np.floating)):
        seed = whole_number(seed, f"{who}: seed", at_least=0)
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{who}: seed: expected a whole number, got {seed!r}: {error}") from None
