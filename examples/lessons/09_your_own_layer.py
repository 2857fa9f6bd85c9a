# %% [markdown]
# # 9 · A layer of your own
#
# - **Time:** 35 minutes
# - **Before:** lesson 3 (backpropagation as a rule, the gradient check)
# - **After:** you can write a layer with parameters or with layers inside it, check it, train it,
#   and run the rest of the network compiled around it
# - **Code:** [`layer.py`](../../tinynet/layer.py) (the contract),
#   [`gradcheck.py`](../../tinynet/gradcheck.py),
#   [`compiled/network.py`](../../tinynet/compiled/network.py)
#
# A framework is finished when it lets you add what it does not have. We add a small layer, then a
# famous one, the residual block, and see what the fame is about.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input, batches

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
# to float64 at this layer, twice as slow from there on. The gradient check works in float64 and
# cannot see it. What it does see:


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
# Networks of many layers are hard to train: the gradient has to come back through all of them. K.
# He and others (Deep residual learning for image recognition, CVPR 2016) let each block compute
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


def body(channels, rng, dtype=np.float32):
    """Two convolutions that keep the shape, and a ReLU between them."""
    return tn.Sequential(
        tn.Conv2d(channels, channels, 3, padding=1, rng=rng, dtype=dtype),
        tn.ReLU(),
        tn.Conv2d(channels, channels, 3, padding=1, rng=rng, dtype=dtype),
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
# ## What the gradient loses on its way
#
# Put $K$ blocks behind one another. Without the additions the gradient at the first is
# $J_1^T J_2^T \cdots J_K^T\,dy$: if each factor shrinks it a little, the product shrinks it like a
# power of $K$. With the additions it is
#
# $$(I + J_1^T)(I + J_2^T) \cdots (I + J_K^T)\,dy
#   = dy + \sum_k J_k^T\,dy + \text{products of two and more}$$
#
# The first term has not met a single weight. (Between the blocks of our networks there are ReLUs,
# which let a gradient through or stop it. They stand in both, and are left out of both formulas.)
#
# We build both networks with the same initial weights (the addition has no parameters), eight
# blocks each, and look at the size of the gradient behind each block, before any training.


# %%
def deep_network(skip, blocks=8, seed=0):
    """A network for digits with 2·blocks + 1 convolutions; skip: with the additions, or without."""
    rng = np.random.default_rng(seed)
    layers = [tn.Conv2d(1, 8, 3, stride=2, padding=1, rng=rng), tn.ReLU()]  # 28×28 to 14×14
    for _ in range(blocks):
        inner = body(8, rng)
        layers += [Residual(inner) if skip else inner, tn.ReLU()]
    return tn.Sequential(*layers, tn.AvgPool2d(2), tn.Flatten(), tn.Linear(8 * 7 * 7, 10, rng=rng))


def gradient_sizes(model, images, labels):
    """The root mean square of the gradient behind each block, first block first."""
    x = as_input(images)
    for layer in model:
        x = layer(x)
    loss = tn.CrossEntropyLoss()
    loss(x, labels)
    gradient, sizes = loss.backward(), []
    for i in reversed(range(2, len(model))):
        if isinstance(model[i], tn.ReLU):
            sizes.append(np.sqrt(np.square(gradient).mean()))
        gradient = model[i].backward(gradient)
    return sizes[::-1]


(x_train, y_train), (x_held, y_held) = tn.datasets.hold_out(*tn.datasets.mnist()[0])
x_train, y_train = x_train[:3000], y_train[:3000]
x_held, y_held = x_held[:2000], y_held[:2000]
sizes = {
    name: gradient_sizes(deep_network(skip), x_train[:64], y_train[:64])
    for name, skip in [("with the additions", True), ("without", False)]
}
for name, values in sizes.items():
    print(f"{name:19} at the first block {values[0]:.1e}, at the last {values[-1]:.1e}")
assert sizes["without"][0] < sizes["with the additions"][0] / 100

figure, ax = plt.subplots(figsize=(7, 3.4))
for (name, values), colour in zip(sizes.items(), ["#0072b2", "#d55e00"], strict=True):
    ax.semilogy(range(1, len(values) + 1), values, "o-", color=colour, label=name)
ax.set(xlabel="block", ylabel="size of the gradient behind it", title="before training")
ax.legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# ## Compile the rest around it
#
# `tn.compile` knows kernels for tinynet's layers. A layer that it does not know runs as it is, in
# its place between the kernels. For our block this means that its convolutions run as plain NumPy.
# But a compiled network is a layer, too: so compile the *body*, and then the network around it.
# Parameters stay the same arrays; the results agree to rounding, which the cell asserts. The times
# are those of your machine.


# %%
def compiled(model):
    """The network with the bodies of its residual blocks compiled, and the rest around them."""
    for layer in model:
        if isinstance(layer, Residual):
            layer.body = tn.compile(layer.body, threads=1)  # too small to share out
    return tn.compile(model, threads=1)


images = as_input(x_train[:64])
dlogits = rng.standard_normal((64, 10), np.float32)
plain, whole = deep_network(True), compiled(deep_network(True))
around = tn.compile(deep_network(True), threads=1)
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
# 3,000 digits, two epochs, three seeds, with and without the additions; everything else is the
# same, initial weights included. (`tn.fit` would do as well: to it, our block is a layer like any
# other. We keep the loss of each step, to draw it.)


# %%
def train(model, seed, rate=0.02, epochs=2):
    """(losses of all steps, accuracy on held-out digits)"""
    loss, rng = tn.CrossEntropyLoss(), np.random.default_rng(seed)
    optimizer = tn.SGD(model.parameters(), rate, momentum=0.9, nesterov=True)
    schedule = tn.OneCycleLR(optimizer, rate, epochs * -(-len(x_train) // 64))
    losses = []
    for _ in range(epochs):
        for batch in batches(len(x_train), 64, rng):
            losses.append(loss(model(as_input(x_train[batch])), y_train[batch]))
            model.backward_parameters(loss.backward())
            optimizer.step()
            schedule.step()
    return losses, tn.evaluate(model, x_held, y_held).accuracy


runs = {
    name: [train(compiled(deep_network(skip, seed=seed)), seed) for seed in range(3)]
    for name, skip in [("with the additions", True), ("without", False)]
}
for name, trained in runs.items():
    print(f"{name:19} held-out digits read right:", " ".join(f"{a:.1%}" for _, a in trained))
assert min(a for _, a in runs["with the additions"]) > max(a for _, a in runs["without"])
_, accuracy = train(compiled(deep_network(skip=False)), seed=0, rate=0.2)
print(f"without, at 10 times the rate:               {accuracy:.1%}")

figure, ax = plt.subplots(figsize=(8, 3.4))
for (name, trained), colour in zip(runs.items(), ["#0072b2", "#d55e00"], strict=True):
    for seed, (losses, _) in enumerate(trained):
        smooth = np.convolve(losses, np.ones(5) / 5, mode="valid")
        ax.plot(smooth, color=colour, linewidth=1.2, label=name if seed == 0 else None)
ax.axhline(np.log(10), color="black", linewidth=0.8, linestyle=":", label="guessing: log 10")
ax.set(xlabel="step", ylabel="loss (mean of 5 steps)", title="17 convolutions, three seeds each")
ax.legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# Without the additions the loss stays where guessing is. What shrinks the gradient on its way back
# shrinks the digit on its way forward, too: what the last layers see hardly depends on it, and the
# first ones hardly learn. A larger rate is no remedy. It is not that such a network could not
# *represent* good weights; SGD does not find them from where it starts.
#
# (There are other remedies: larger initial weights, or BatchNorm, which brings each layer's values
# back to size one. tinynet's own network, eight convolutions deep, uses BatchNorm.)

# %% [markdown]
# ## Experiment
#
# How deep is too deep? Watch the accuracy without the additions for 1, 2, 4 blocks, and with them
# for 8 and 16. What does a rate of 0.05 do with the additions, for seeds 0, 1 and 2? Then give
# `body` a BatchNorm behind each convolution (above, and run the cells again): who needs the
# additions now?

# %%
blocks, skip, rate = 2, False, 0.02  # Change: blocks 1, 2, 4, 8, 16; skip True; rate 0.05
seed = 0
losses, accuracy = train(compiled(deep_network(skip, blocks, seed)), seed, rate)
print(f"{blocks} blocks, {'with' if skip else 'without'} the additions: loss ", end="")
print(f"{losses[0]:.2f} → {np.mean(losses[-10:]):.2f}, read right {accuracy:.1%}")

# %% [markdown]
# ## Questions
#
# **Question 1.** Let the network learn the slope of LeakyReLU: one parameter $a$ for the layer
# (PReLU: K. He and others, ICCV 2015). What is its gradient? Write the layer, and check it.

# %% [markdown]
# **Answer 1.** $a$ takes part wherever $x \le 0$, where $y = a x$ and $\partial y/\partial a = x$.
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

# %% [markdown]
# **Question 2.** Dropout sets each value to 0 with probability $p$ while it trains, and divides
# what stays by $1 - p$, so that the mean remains; in evaluation it does nothing (N. Srivastava and
# others, JMLR 15, 2014). Write it. What does the gradient check say to it?

# %% [markdown]
# **Answer 2.** Forward multiplies by a random mask, backward by the same mask. `self.training` says
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

# %% [markdown]
# **Question 3.** To save parameters, somebody puts the *same* block into a network twice. Why does
# tinynet refuse?

# %% [markdown]
# **Answer 3.** A layer keeps what one backward pass needs, and the second forward would overwrite
# what the first one kept. And the gradient of shared weights is the *sum* over the places where
# they stand, while backward assigns. Two layers can hold the same arrays, but then their gradients
# have to be added before the step, by you.

# %%
shared = Residual(body(8, rng=0))
try:
    tn.Sequential(shared, tn.ReLU(), shared)
except ValueError as error:
    print(error)
