"""Numbers that are not finite: found before they spread, and traced to where they came from."""

from collections.abc import Iterable

import numpy as np

from .errors import NotFiniteError
from .layer import Layer
from .state import evaluating, preserved

ABSURD = 1000  # times the median of the batch's images
FEW = 3  # images that are named


def check_state_is_finite(arrays: Iterable) -> None:
    """arrays: pairs (name, array); NotFiniteError names the first that is not finite."""
    for name, array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise NotFiniteError(f"{name} is not finite")


def check_model_is_finite(model: Layer) -> None:
    """NotFiniteError that names the first parameter or buffer that is not finite."""
    check_state_is_finite((name, p.data) for name, p in model.named_parameters())
    check_state_is_finite(model.named_buffers())


def origin(model: Layer, inputs: np.ndarray) -> str:
    """What is not finite first, when the model goes through these inputs; the model stays as is."""
    if not np.isfinite(inputs).all():
        return "the images fed in"
    for name, p in model.named_parameters():
        if not np.isfinite(p.data).all():
            return f"{name}, since an earlier step"
    prefixes = {id(layer): prefix[:-1] for prefix, layer in model.named_layers()}
    with preserved(model), np.errstate(all="ignore"):
        x = inputs
        for i, layer in enumerate(model.leaves()):
            x = layer.forward(x)
            for name, buffer in layer.named_buffers():
                if buffer.dtype.kind == "f" and not np.isfinite(buffer).all():
                    return f"{name} of layer {prefixes.get(id(layer), i)}, {layer}"
            if not np.isfinite(x).all():
                return f"the output of layer {i}, {layer}"
    return "the loss itself"


def culprits(model: Layer, inputs: np.ndarray) -> list:
    """[index] of the images, a few at most, that give absurd numbers even alone; [] if none does.

    Each goes through the layers by itself, in evaluation mode, where images do not mix.
    """
    with preserved(model), evaluating(), np.errstate(all="ignore"):
        peaks = np.array([_peaks(model, inputs[i : i + 1]) for i in range(len(inputs))])  # (n, …)
        usual = np.median(peaks, axis=0)
        absurd = ~(peaks <= ABSURD * usual) & (usual > 0)  # NaN, too
    found = np.flatnonzero(absurd.any(axis=1))
    return found.tolist() if len(found) <= min(FEW, len(inputs) // 2) else []


def _peaks(model, image):
    """[the largest magnitude] of an image (1, …) and of what each layer makes of it."""
    peaks = [np.abs(image).max()]
    for layer in model.leaves():
        image = layer.forward(image)
        peaks.append(np.abs(image).max())
    return peaks
