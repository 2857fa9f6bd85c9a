# %% [markdown]
# # 9 · A layer of your own
#
# - **Time:** 25 minutes
# - **Before:** lesson 3 (backpropagation as a rule, the gradient check); mathematics: the
#   derivative of a sum, and for question 2 the mean of a random number
# - **After:** you can write a layer with parameters or with layers inside it, check it, train it,
#   and run the rest of the network compiled around it
# - **Code:** [`layer.py`](../../tinynet/layer.py) (the contract),
#   [`gradcheck.py`](../../tinynet/gradcheck.py),
#   [`compiled/network.py`](../../tinynet/compiled/network.py)
#
# A framework is finished when it lets you add what it does not have. We add a small layer, then a
# famous one, the residual block. What the block is good for, and what not, is lesson 10's question;
# here it is an example of layers inside a layer.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input

rng = np.random.default_rng(0)

# %% [markdown]
# ## The contract
#
# A layer is a subclass of `tn.Layer` with two methods:
#
# - `forward(x)` returns y. It never writes to x. What backward will need it keeps with
#   `self.save(y, …)`; the y is there so that backward can check what it is given.
# - `backward(dy)` gets its things back with `self.saved(dy)`, sets `p.grad` for its own parameters,
#   and returns dx.
#
# float32 in, float32 out, and float64 likewise. That is all; training, saving, the gradient check
# and `tn.compile` work with it from then on.
#
# ## Warm-up: LeakyReLU
#
# ReLU gives 0 for negative x, and no gradient flows back. LeakyReLU lets a little through, with a
# small slope $a$:
#
# $$y = \begin{cases} x & x > 0 \\ a\,x & x \le 0 \end{cases} \qquad
#   \frac{\partial y}{\partial x} = \begin{cases} 1 & x > 0 \\ a & x \le 0 \end{cases} \qquad
#   dx = \begin{cases} dy & x > 0 \\ a\,dy & x \le 0 \end{cases}$$
#
# Each entry of y depends on one entry of x, so dx is dy times the slope, entry by entry, and all
# arrays have one shape, whatever it is.


# %%
class LeakyReLU(tn.Layer):
    """y = x where x > 0, else slope·x, for x of any shape."""

    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x):
        factor = np.where(x > 0, 1, self.slope).astype(x.dtype)
        y = factor * x
        self.save(y, factor)
        return y

    def backward(self, dy):
        (factor,) = self.saved(dy)
        return factor * dy


print(tn.gradcheck(LeakyReLU(), rng.standard_normal((4, 5))))

x = rng.standard_normal((2, 3, 4, 4), np.float32)
dy = rng.standard_normal(x.shape, np.float32)
ours, tinynets = LeakyReLU(slope=0), tn.ReLU()
np.testing.assert_array_equal(ours(x), tinynets(x))
np.testing.assert_array_equal(ours.backward(dy), tinynets.backward(dy))
print("with slope 0 it is tinynet's ReLU")

# %% [markdown]
# Why `astype(x.dtype)`? Without it the factors are float64, and a float32 network would be widened
# to float64 at this layer, with twice the bytes to move from there on. The gradient check works in
# float64 and cannot see it. What it does see:


# %%
class WrongLeakyReLU(LeakyReLU):
    """Takes the sign of dy for the sign of x: an easy mistake."""

    def backward(self, dy):
        self.saved(dy)
        return np.where(dy > 0, 1, self.slope) * dy


try:
    tn.gradcheck(WrongLeakyReLU(), rng.standard_normal((4, 5)))
except tn.GradientError as error:
    print(error)
else:
    raise AssertionError("the check should have seen this")

# %% [markdown]
# ## Layers inside a layer: the residual block
#
# K. He and others (Deep residual learning for image recognition, CVPR 2016) let a block compute
# only a *correction* to its input. If $F$ is what the layers in the block do,
#
# $$y = x + F(x)$$
#
# x reaches y in two ways, directly and through $F$; the chain rule adds the two up. Write
# $J_F^T dy$ for what the backward pass of $F$ makes of dy:
#
# $$dx = dy + J_F^T\,dy$$
#
# Whatever $F$ does to the gradient, dy itself arrives as well. y and x must have the same shape,
# and so must $F(x)$.
#
# In code, $F$ is a `Sequential`. We assign it to an attribute, and its parameters are found under
# the attribute's name. Its own layers keep what *their* backward needs; we have nothing to keep,
# but still call `save` and `saved`, because they check dy. `output_shape` lets a network see,
# before it computes anything, that shapes do not fit.


# %%
class Residual(tn.Layer):
    """y = x + body(x); body: a Layer that keeps the shape of x."""

    def __init__(self, body):
        self.body = body

    def forward(self, x):
        self.check(x)
        y = x + self.body(x)
        self.save(y)
        return y

    def backward(self, dy):
        self.saved(dy)
        return dy + self.body.backward(dy)

    def output_shape(self, shape):
        if self.body.output_shape(shape) not in (None, shape):
            raise ValueError(
                f"Residual: expected a body that keeps the shape {shape}, got one that makes "
                f"{self.body.output_shape(shape)} of it"
            )
        return shape


def body(channels, slope=0.1, rng=None):
    """Two convolutions that keep the shape, and a LeakyReLU between them."""
    return tn.Sequential(
        tn.Conv2d(channels, channels, 3, padding=1, rng=rng),
        LeakyReLU(slope),
        tn.Conv2d(channels, channels, 3, padding=1, rng=rng),
    )


block = Residual(body(2, rng=0))
print(tn.gradcheck(block, rng.standard_normal((2, 2, 5, 5))))
print([name for name, _ in block.named_parameters()])

inner = block.body  # by hand, with the layers' own passes
x, dy = rng.standard_normal((2, 2, 2, 5, 5))
y, dx = block(x), block.backward(dy)
np.testing.assert_array_equal(y, x + inner(x))
np.testing.assert_array_equal(dx, dy + inner.backward(dy))
try:
    Residual(tn.Sequential(tn.Conv2d(2, 3, 3)))(x)
except ValueError as error:
    print(error)

# %% [markdown]
# In the picture x goes from left to right, and dy back. Where x is handed to two takers, its
# gradients are added; where two values are added, both get dy whole.

# %%
figure, axes = plt.subplots(2, 1, figsize=(8, 4.6))
for ax, title, way, colour, words in [
    (axes[0], "forward", 1, "#0072b2", ["x", "x", "F(x)", "y = x + F(x)"]),
    (axes[1], "backward", -1, "#d55e00", ["dx = dy + $J_F^T$ dy", "dy", "$J_F^T$ dy", "dy"]),
]:
    through = [(0, 0), (4 - 0.3 * way, 0), (8, 0)]
    around = [(1, 0.14 * (1 - way)), (1, 1.2), (7, 1.2), (7, 0.14 * (1 + way))]  # to the circle
    for points in (through, around):
        ax.plot(*np.transpose(points), color=colour, linewidth=2)
        for start, end in list(zip(points, points[1:], strict=False))[::way]:
            arrow = dict(arrowstyle="->", color=colour, lw=2, shrinkA=0, shrinkB=0)
            ax.annotate("", *(end, start)[::way], arrowprops=arrow)
    for place, what, shape in [(4, "F", "square"), (4 + 3 * way, "+", "circle")]:
        frame = dict(boxstyle=shape, fc="white", ec="black")
        ax.text(place, 0, what, ha="center", va="center", size=14, bbox=frame)
    places = [
        (-0.1, 0, "right"),
        (4, 1.4, "center"),
        (4 + 1.5 * way, 0.25, "center"),
        (8.1, 0, "left"),
    ]
    for (x, y, side), word in zip(places, words, strict=True):
        ax.text(x, y, word, ha=side, va="center", size=12)
    ax.set(xlim=(-3, 10.8), ylim=(-0.5, 1.8), title=title)
    ax.axis("off")
figure.tight_layout()

# %% [markdown]
# ## Compile the rest around it
#
# `tn.compile` knows kernels for tinynet's layers. A layer that it does not know runs as it is, in
# its place between the kernels. For our block this means that its convolutions run as plain NumPy.
# But a compiled network is a layer, too: so compile the *body*, and then the network around it.
# Parameters stay the same arrays; the results agree to rounding, which the cell asserts. The times
# are those of your machine. In this network our LeakyReLUs stand between the kernels, too.


# %%
def network(slope=0.1, blocks=3, seed=0):
    """A network for digits with our two layers in it."""
    rng = np.random.default_rng(seed)
    layers = [tn.Conv2d(1, 8, 3, stride=2, padding=1, rng=rng), LeakyReLU(slope)]  # 28×28 to 14×14
    for _ in range(blocks):
        layers += [Residual(body(8, slope, rng)), LeakyReLU(slope)]
    return tn.Sequential(*layers, tn.AvgPool2d(2), tn.Flatten(), tn.Linear(8 * 7 * 7, 10, rng=rng))


def compiled(model):
    """The network with the bodies of its residual blocks compiled, and the rest around them."""
    for layer in model:
        if isinstance(layer, Residual):
            layer.body = tn.compile(layer.body, threads=1)  # too small to share out
    return tn.compile(model, threads=1)


(x_train, y_train), (x_held, y_held) = tn.datasets.hold_out(*tn.datasets.mnist()[0])
x_train, y_train = x_train[:3000], y_train[:3000]
x_held, y_held = x_held[:2000], y_held[:2000]
images = as_input(x_train[:64])  # (64, 1, 28, 28)
dlogits = rng.standard_normal((64, 10), np.float32)
plain, whole = network(), compiled(network())
around = tn.compile(network(), threads=1)
outcome = {}
for name, model in {
    "plain": plain,
    "compiled around the blocks": around,
    "the blocks' bodies, too": whole,
}.items():
    times = []
    for _ in range(5):
        start = time.perf_counter()
        logits = model(images)
        model.backward(dlogits)
        times.append(time.perf_counter() - start)
    outcome[name] = logits, [p.grad for p in model.parameters()]
    print(f"{name:27} {1e3 * min(times):6.1f} ms forward and backward")
for logits, gradients in outcome.values():
    np.testing.assert_allclose(logits, outcome["plain"][0], rtol=1e-3, atol=1e-5)
    for here, there in zip(gradients, outcome["plain"][1], strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-3 * np.abs(there).max())

# %% [markdown]
# ## Train it
#
# To `tn.fit` our layers are layers like any other: their parameters are found, trained, and would
# be saved. 3,000 digits once, three seeds:


# %%
def trained(seed, slope=0.1):
    """(the network, its accuracy on held-out digits)"""
    model = compiled(network(slope, seed=seed))
    tn.fit(model, x_train, y_train, epochs=1, batch_size=32, max_lr=0.02, seed=seed, progress=False)
    return model, tn.evaluate(model, x_held, y_held).accuracy


accuracies = [trained(seed)[1] for seed in range(3)]
print("held-out digits read right:", "  ".join(f"{a:.1%}" for a in accuracies))
assert min(accuracies) > 0.8

# %% [markdown]
# It trains. Whether the additions have a part in that, this does not say: for that one has to take
# them away and leave everything else as it is. [Lesson 10](10_depth.py) does, and asks first how
# large the initial weights should be.

# %% [markdown]
# ## Experiment
#
# Predict, then watch, what the slope does to the accuracy: 0 (ReLU), 0.1, 0.5, and 1. What kind of
# function is the whole network at slope 1, however many layers it has? And what at slope −1?

# %%
slope, seed = 1, 0  # Change: slope 0, 0.5, -1; seed 1, 2
model, accuracy = trained(seed, slope)
print(f"slope {slope}, seed {seed}: held-out digits read right {accuracy:.1%}")

# %% [markdown]
# ## Questions
#
# **Question 1.** Let the network learn the slope of LeakyReLU: one parameter $a$ for the layer
# (PReLU: K. He and others, ICCV 2015). What is its gradient? Write the layer, and check it.
#
# **Question 2.** Dropout sets each value to 0 with probability $p$ while it trains, and divides
# what stays by $1 - p$, so that the mean remains; in evaluation it does nothing (N. Srivastava and
# others, JMLR 15, 2014). Write it. What does the gradient check say to it?
#
# **Question 3.** To save parameters, somebody puts the *same* block into a network twice. Why does
# tinynet refuse?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# At slope 1 LeakyReLU gives back x. What remains, convolutions, additions, a mean and the linear
# layer, is a chain of maps of the form $A x + b$, which is again one such map: the whole network is
# a linear classifier, in many more parameters than it needs. Such a function takes the point in the
# middle of two digits to the middle of their logits, which the cell below checks. At slope −1,
# $y = |x|$: no straight line either, and it can be trained.
#
# The accuracies hardly tell. When this was written seeds 0 to 2 gave, at slope 0, 87.7, 87.2,
# 87.7 %; at 0.5, 86.2, 88.1, 88.4 %; at 1, 87.2, 87.1, 88.6 %; at −1, 91.7, 88.4, 90.3 %. Of these
# only −1 stands out a little. After 94 steps the ReLU has not earned anything yet over a linear
# classifier. It is a short training, and judges the slope no more than it judges the additions.

# %%
a, b = as_input(x_held[:100]), as_input(x_held[100:200])
for slope in (0.1, 1):
    straight = network(slope)
    off = np.abs(straight((a + b) / 2) - (straight(a) + straight(b)) / 2).max()
    print(f"slope {slope}: the middle's logits differ from the logits' middle by up to {off:.1g}")
    assert (off < 1e-5) == (slope == 1)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# $a$ takes part wherever $x \le 0$, where $y = a x$ and $\partial y/\partial a = x$.
# The one $a$ serves all entries, so the contributions add up: $da = \sum_{x \le 0} x\,dy$, a sum
# over the batch and everything else.


# %%
class PReLU(tn.Layer):
    """y = x where x > 0, else a·x, with one learned slope a."""

    def __init__(self):
        self.a = tn.Parameter(np.full(1, 0.25, np.float32))

    def forward(self, x):
        a = self.a.data.astype(x.dtype)
        y = np.where(x > 0, x, a * x)
        self.save(y, x, a)
        return y

    def backward(self, dy):
        x, a = self.saved(dy)
        self.a.grad = np.array([(np.minimum(x, 0) * dy).sum()], self.a.data.dtype)
        return np.where(x > 0, dy, a * dy)


print(tn.gradcheck(PReLU(), rng.standard_normal((4, 5))))

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Forward multiplies by a random mask, backward by the same mask. `self.training` says
# which mode it is in. Two forward passes in training give two different y, so differences of y mean
# nothing: the check refuses, and says why. In training mode one can check it with a generator that
# is set back at each forward.


# %%
class Dropout(tn.Layer):
    """In training, zeros with probability p, and the rest divided by 1 − p."""

    def __init__(self, p=0.5, rng=None):
        self.p, self.rng = p, np.random.default_rng(rng)

    def forward(self, x):
        keep = np.ones(x.shape, x.dtype)
        if self.training:
            keep = (self.rng.random(x.shape) >= self.p) / x.dtype.type(1 - self.p)
        y = keep.astype(x.dtype, copy=False) * x
        self.save(y, keep)
        return y

    def backward(self, dy):
        (keep,) = self.saved(dy)
        return keep.astype(dy.dtype, copy=False) * dy


class Repeated(Dropout):
    """The same mask each time, for the check."""

    def forward(self, x):
        self.rng = np.random.default_rng(0)
        return super().forward(x)


x = rng.standard_normal((4, 5))
try:
    tn.gradcheck(Dropout(), x)
except tn.GradientError as error:
    print(error)
else:
    raise AssertionError("the check should have refused")
tn.gradcheck(Dropout().eval(), x)
print(tn.gradcheck(Repeated(), x))
ones = np.ones(100_000)
np.testing.assert_allclose(Dropout(0.3, rng=0)(ones).mean(), 1, atol=0.01)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# A layer keeps what one backward pass needs, and the second forward would overwrite
# what the first one kept. And the gradient of shared weights is the *sum* over the places where
# they stand, while backward assigns. Two layers can hold the same arrays, but then their gradients
# have to be added before the step, by you.

# %%
shared = Residual(body(8))
try:
    tn.Sequential(shared, tn.ReLU(), shared)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Where to go
#
# - **Exercises:** [`relu.py`](../../tinynet/exercises/blanks/relu.py) and
#   [`linear.py`](../../tinynet/exercises/blanks/linear.py): two layers to write, without parameters
#   and with. `python -m tinynet.exercise relu` checks the first.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and look at the maps behind a ReLU: where
#   they are 0, a LeakyReLU would have let a little through.
# - **Next:** [lesson 10](10_depth.py) asks what makes a deep network train, and what this lesson's
#   residual block has to do with it.
