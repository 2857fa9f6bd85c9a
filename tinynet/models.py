"""Networks that are known by name."""

from pathlib import Path

import numpy as np

from .checks import whole_number
from .layers import AvgPool2d, BatchNorm2d, Conv2d, Flatten, MaxPool2d, ReLU
from .sequential import Sequential
from .weights_file import load

PRETRAINED = Path(__file__).parent / "weights" / "mnist_lite.npz"


def mnist_lite(
    rng: np.random.Generator | int | None = None,
    *,
    num_classes: int = 10,
    pretrained: bool = False,
) -> Sequential:
    """The network for 28×28 digits with 11,950 parameters: (N, 1, 28, 28) to logits (N, 10).

    rng: a numpy Generator, or a seed, for the initial weights. num_classes: how many logits.
    pretrained: the weights of a finished run instead, the default recipe's with seed 0, for
    images fed in as `fit` does it; of ten classes. Images may be up to 39 pixels high and wide;
    smaller ones than 28 and larger ones are refused with a ValueError.

    >>> from tinynet import predict_proba
    >>> from tinynet.datasets import mnist
    >>> _, (x, y) = mnist()
    >>> predict_proba(mnist_lite(pretrained=True), x[:8]).argmax(axis=1), y[:8]
    (array([7, 2, 1, 0, 4, 1, 4, 9]), array([7, 2, 1, 0, 4, 1, 4, 9], dtype=uint8))
    """
    k = whole_number(num_classes, "mnist_lite: num_classes")
    if pretrained:
        if k != 10:
            raise ValueError(
                f"mnist_lite: the pretrained weights are of 10 classes, got num_classes={k}; "
                "for others replace the head of mnist_lite(pretrained=True): "
                f"model.layers[-3] = tn.Conv2d(20, {k}, 3)"
            )
        model = mnist_lite()
        load(model, PRETRAINED)
        return model
    rng = np.random.default_rng(rng)

    def block(in_channels, out_channels, padding=1):
        return (
            Conv2d(in_channels, out_channels, 3, padding=padding, rng=rng),
            ReLU(),
            BatchNorm2d(out_channels),
        )

    return Sequential(
        *block(1, 8),
        *block(8, 8),
        *block(8, 8),
        MaxPool2d(2),  # 28×28 to 14×14
        *block(8, 16),
        *block(16, 16),
        *block(16, 16),
        MaxPool2d(2),  # 14×14 to 7×7
        *block(16, 20, padding=0),  # 7×7 to 5×5
        Conv2d(20, k, 3, rng=rng),  # 5×5 to 3×3: a 3×3 map of logits for each class
        AvgPool2d(3),  # to 1×1; of 40×40 pixels to 2×2, which would be four logits a class
        Flatten(size=1),
    )
