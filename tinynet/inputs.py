"""What a network is fed: batches of images, augmented and normalised."""

from collections.abc import Callable, Iterator

import numpy as np

MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST's training digits, in 0 … 1


def as_input(images: np.ndarray) -> np.ndarray:
    """What a network is fed: float arrays as they are; uint8 images as float32, normalised.

    uint8 (N, H, W) → (N, 1, H, W); (N, C, H, W) stays. Pixels become (p/255 − MEAN) / STD.
    """
    if images.dtype != np.uint8:
        return images
    if images.ndim == 3:
        images = images[:, None]
    return images * np.float32(1 / (255 * STD)) - np.float32(MEAN / STD)


def batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices 0 … n − 1 in random order, batch_size at a time; the last batch may be smaller."""
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def augmented(images: np.ndarray, augment: Callable, rng: np.random.Generator) -> np.ndarray:
    """augment(images, rng), if it is as many images of the same dtype; it may write to images."""
    n, dtype = len(images), images.dtype
    made = augment(images, rng)
    if not isinstance(made, np.ndarray):
        raise TypeError(f"augment: expected it to return a NumPy array, got {type(made).__name__}")
    if made.dtype != dtype:
        raise TypeError(
            f"augment: expected it to return {dtype} images, as it was given, got {made.dtype}; "
            "tests see images as they are, on their scale"
        )
    if made.ndim < 2 or len(made) != n:
        raise ValueError(f"augment: expected it to return {n} images, got shape {made.shape}")
    return made


def feed(images: np.ndarray, augment: Callable | None, rng: np.random.Generator) -> np.ndarray:
    """The input for a batch of images, augmented where there is an augmentation."""
    return as_input(images if augment is None else augmented(images, augment, rng))
