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

from contextlib import contextmanager


class WeightAverage:
    """The average w̄ of a model's parameters and of BatchNorm's running statistics.

    decay: d in [0, 1), a step. Averaged weights see other activations than the latest weights did,
    hence the running statistics are averaged with them: those of one step do not fit.

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

    def __init__(self, model, decay):
        if not 0 <= decay < 1:
            raise ValueError(f"WeightAverage: expected decay in [0, 1), got {decay}")
        self.decay = decay
        self.steps = 0
        state = [p.data for p in model.parameters()] + [b for _, b in model.named_buffers()]
        self.latest = [a for a in state if a.dtype.kind == "f"]  # counters have no mean
        self.average = [a.copy() for a in self.latest]

    def update(self):
        """Take in the weights as they are now: call it after each optimizer.step()."""
        self.steps += 1
        part = (1 - self.decay) / (1 - self.decay**self.steps)
        for mean, latest in zip(self.average, self.latest, strict=True):
            mean += part * (latest - mean)

    @contextmanager
    def in_place(self):
        """Within a with statement the model has the averaged weights, then the latest again."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self):
        """Exchange the model's weights and their average."""
        for mean, latest in zip(self.average, self.latest, strict=True):
            mean[...], latest[...] = latest.copy(), mean.copy()
