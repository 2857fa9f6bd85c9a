"""An average of a network's weights over the last steps of its training.

SGD with a large rate circles around a minimum; the mean of the places it passes lies nearer to it
than any of them. With the decay d, the weights w_i after step i count less the longer ago they are:

    w̄_t = Σ_{i ≤ t} d^{t−i}·w_i / Σ_{i ≤ t} d^{t−i}

(an exponential moving average, about 1/(1 − d) steps long). One step further the upper sum is
d times what it was, plus w_t, and the lower one is (1 − d^t)/(1 − d), which together is

    w̄_t = w̄_{t−1} + (1 − d)/(1 − d^t) · (w_t − w̄_{t−1})

B. Polyak, A. Juditsky. Acceleration of stochastic approximation by averaging. SIAM Journal on
Control and Optimization 30(4), 1992.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .checks import matching, setting
from .layer import Layer


class WeightAverage:
    """The average w̄ of a model's parameters and of BatchNorm's running statistics.

    decay: d in [0, 1), a step. Averaged weights see other activations than the latest weights did,
    hence the running statistics are averaged with them: those of one step do not fit. Parameters
    that are left out of training (requires_grad is False) are left out here, too.

    >>> from tinynet import Linear
    >>> model = Linear(1, 1, bias=False)
    >>> average = WeightAverage(model, decay=0.5)
    >>> for weight in (0.0, 3.0):
    ...     model.weight.data[...] = weight
    ...     average.update()
    >>> with average.in_place():
    ...     print(model.weight.data)  # (0.5·0 + 3) / (0.5 + 1)
    [[2.]]
    """

    def __init__(self, model: Layer, decay: float):
        if not isinstance(model, Layer):
            raise TypeError(f"WeightAverage: expected a Layer, got {type(model).__name__}")
        self.decay = checked_decay(decay)
        self.steps = 0
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._buffers = [
            (layer, k) for _, layer in model.named_layers() for k in layer.buffer_names
        ]
        self.average = [a.copy() for a in self._latest()]

    def _latest(self):
        """The model's own arrays, as they are now: a layer may put another in a buffer's place."""
        state = [p.data for p in self._parameters] + [getattr(*place) for place in self._buffers]
        return [a for a in state if a.dtype.kind == "f"]  # counters have no mean

    def update(self) -> None:
        """Take in the weights as they are now: call it after each optimizer.step()."""
        self.steps += 1
        part = (1 - self.decay) / (1 - self.decay**self.steps)
        for mean, latest in zip(self.average, self._latest(), strict=True):
            mean += part * (latest - mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within a with statement the model has the averaged weights, then the latest again."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchange the model's weights and their average."""
        for mean, latest in zip(self.average, self._latest(), strict=True):
            mean[...], latest[...] = latest.copy(), mean.copy()

    def state_dict(self) -> dict:
        """{name: array}: copies of the averaged arrays, and how many steps they are of."""
        arrays = {str(i): mean.copy() for i, mean in enumerate(self.average)}
        return arrays | {"steps": np.array(self.steps, np.int64)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what state_dict gave: ValueError, and nothing loaded, if it does not fit."""
        state = matching(state, self.state_dict(), "WeightAverage")
        if state["steps"] < 0:
            raise ValueError(f"WeightAverage: expected steps ≥ 0, got {state['steps']}")
        for i, mean in enumerate(self.average):
            mean[...] = state[str(i)]
        self.steps = int(state["steps"])


def checked_decay(value):
    """The decay of an average, as a float; ValueError or TypeError otherwise."""
    return setting(value, "WeightAverage", "decay in [0, 1)", lambda decay: 0 <= decay < 1)
