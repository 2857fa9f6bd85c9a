# %% [markdown]
# # 10 · Initialisation and depth
#
# - **Time:** 35 minutes
# - **Before:** lesson 4 (convolution), lesson 6 (what BatchNorm does), lesson 9 (the residual
#   block); mathematics: the expectation of a sum, and that the variance of a sum of independent
#   variables is the sum of their variances
# - **After:** you can compute how large activations and gradients will be in a deep network before
#   it is trained, choose its initial weights accordingly, and say what BatchNorm and residual
#   blocks change, and what they do not
# - **Code:** [`layers/conv.py`](../../tinynet/layers/conv.py) and
#   [`layers/linear.py`](../../tinynet/layers/linear.py) (the default initialisation),
#   [`layers/batchnorm.py`](../../tinynet/layers/batchnorm.py)
#
# Whether a network of 17 convolutions learns anything can be decided before the first step: by the
# size of the random numbers that it starts from.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input, batches

rng = np.random.default_rng(0)
(x_train, y_train), (x_held, y_held) = tn.datasets.hold_out(*tn.datasets.mnist()[0])
x_train, y_train = as_input(x_train[:2400]), y_train[:2400]  # (n, 1, 28, 28), (n,)
x_held, y_held = x_held[:1000], y_held[:1000]

# %% [markdown]
# ## Forward through one layer
#
# A linear layer has weights w $(o, i)$ and makes $y_j = \sum_i w_{ji}\,x_i$ of each x $(i,)$. Let
# the biases be 0, and all $w_{ji}$ be drawn independently, with mean 0 and variance $\sigma^2$, and
# without a look at x. Then $E[y_j] = \sum_i E[w_{ji}]\,E[x_i] = 0$, so the variance of $y_j$ is
# $E[y_j^2]$. Multiply out the square:
#
# $$E[y_j^2] = \sum_i \sum_k E[w_{ji} w_{jk}]\;E[x_i x_k] = \sum_i \sigma^2\,E[x_i^2]
#   = \mathrm{fan\_in} \cdot \sigma^2 \cdot E[x^2]$$
#
# For $i \ne k$ the two weights are independent, and $E[w_{ji} w_{jk}] = 0 \cdot 0$: all mixed terms
# vanish. Nothing was asked of x: it need not be independent, nor have mean 0. Its **mean square**
# $E[x^2]$ counts, the mean over the entries. fan_in is how many inputs one output is a sum of.
#
# A convolution with weights w $(o, c, k_h, k_w)$ takes the same sum over a window:
#
# $$y_{o,i,j} = \sum_{c,a,b} w_{o,c,a,b}\;x_{c,\,i+a,\,j+b} \qquad
#   \mathrm{fan\_in} = c \cdot k_h \cdot k_w$$
#
# (At a padded border some inputs are 0; fan_in is smaller there.)
#
# **ReLU.** Changing the sign of all weights changes the sign of y and is equally likely, so y is
# distributed symmetrically about 0. ReLU keeps one half: $E[\text{ReLU}(y)^2] = \frac12 E[y^2]$.
# Altogether each convolution with its ReLU multiplies the mean square by
#
# $$\boxed{\;\tfrac12 \cdot \mathrm{fan\_in} \cdot \sigma^2\;}$$
#
# ## Backward through one layer
#
# The backward pass of the linear layer is $dx_i = \sum_j w_{ji}\,dy_j$, a sum of the same kind over
# the outputs. That of the convolution sums over all windows that a pixel stands in, one for each
# place in the window and each output channel (stride 1):
#
# $$dx_{c,i,j} = \sum_{o,a,b} w_{o,c,a,b}\;dy_{o,\,i-a,\,j-b} \qquad
#   \mathrm{fan\_out} = o \cdot k_h \cdot k_w$$
#
# The same steps give $E[dx^2] = \mathrm{fan\_out} \cdot \sigma^2 \cdot E[dy^2]$, if we take dy for
# independent of these weights. (It is not quite: it has been computed with y. The measurements
# below say how good this is.) ReLU lets half of dy through: again the factor ½.


# %%
def mean_square(array):
    return np.square(array, dtype=np.float64).mean()


linear = tn.Linear(800, 400, bias=False, rng=0)
conv = tn.Conv2d(64, 256, 3, padding=1, bias=False, rng=0)
for layer, shape, fan_in, fan_out in [
    (linear, (100, 800), 800, 400),
    (conv, (4, 64, 12, 12), 64 * 3 * 3, 256 * 3 * 3),
]:
    layer.weight.data *= 0.05 / layer.weight.data.std()  # σ = 0.05
    x = np.maximum(rng.standard_normal(shape, np.float32), 0)  # as behind a ReLU: mean above 0
    y = layer(x)
    dy = rng.standard_normal(y.shape, np.float32)
    dx = layer.backward(dy)
    if layer is conv:  # without the border
        y, dx = y[:, :, 1:-1, 1:-1], dx[:, :, 1:-1, 1:-1]
    forward, backward = mean_square(y) / mean_square(x), mean_square(dx) / mean_square(dy)
    print(
        f"{type(layer).__name__}: forward × {forward:.3f}, fan_in σ² = {fan_in * 0.05**2:.3f}; ",
        end="",
    )
    print(f"backward × {backward:.3f}, fan_out σ² = {fan_out * 0.05**2:.3f}")
    np.testing.assert_allclose(forward, fan_in * 0.05**2, rtol=0.2)
    np.testing.assert_allclose(backward, fan_out * 0.05**2, rtol=0.2)
    print(f"   behind a ReLU: × {mean_square(np.maximum(y, 0)) / mean_square(y):.3f}")
    np.testing.assert_allclose(mean_square(np.maximum(y, 0)), mean_square(y) / 2, rtol=0.1)

# %% [markdown]
# ## Xavier and He
#
# With $K$ layers the factor comes to the power of $K$. Only a factor of 1 survives that.
#
# **Xavier** (X. Glorot and Y. Bengio, AISTATS 2010) had symmetric activations such as tanh, with
# slope 1 at 0, in mind: no ½. Forward asks for $\mathrm{fan\_in} \cdot \sigma^2 = 1$, backward for
# $\mathrm{fan\_out} \cdot \sigma^2 = 1$. Both hold only if the two are equal; the compromise is
#
# $$\sigma^2 = \frac{2}{\mathrm{fan\_in} + \mathrm{fan\_out}}$$
#
# **He** (K. He and others, ICCV 2015) put in the ½ of ReLU:
#
# $$\sigma^2 = \frac{2}{\mathrm{fan\_in}}$$
#
# or $2/\mathrm{fan\_out}$. Either will do: where all kernels have one size, one layer's fan_out is
# the next one's fan_in, so in a product over all layers nearly everything cancels.
#
# We call $g = \sigma \sqrt{\mathrm{fan\_in}}$ the **gain**. He is $g = \sqrt 2 = 1.41$. Xavier is
# $g = 1$ where fan_in = fan_out. And tinynet's default, which is PyTorch's: uniform between
# $\pm b$ with $b = 1/\sqrt{\mathrm{fan\_in}}$. A uniform distribution has the variance $b^2/3$, so
# $g = 1/\sqrt 3 = 0.58$. (Glorot and Bengio call it the common heuristic, and warn of it.)
# With ReLU, each layer multiplies the mean square by $g^2/2 = 1/6$, the standard deviation by 0.41.

# %%
conv = tn.Conv2d(64, 64, 3, rng=0)
default = conv.weight.data.std() * np.sqrt(64 * 3 * 3)
np.testing.assert_allclose(default, 1 / np.sqrt(3), rtol=0.01)
gains = {"default": None, "He": np.sqrt(2), "twice He": 2 * np.sqrt(2)}
for name, gain in gains.items():
    g = gain or default
    powers = ", ".join(f"{(g / np.sqrt(2)) ** k:8.2g}" for k in (1, 5, 9, 17))
    print(f"{name:9} gain {g:.2f}: standard deviation behind 1, 5, 9, 17 layers × {powers}")

# %% [markdown]
# ## 5, 9 and 17 convolutions
#
# Our networks are narrow and their images 7×7, so that they train in a second. A block is two
# convolutions; `skip` puts lesson 9's `Residual` around it, `norm` a BatchNorm behind each
# convolution. `gain=None` leaves the default, biases included.


# %%
class Residual(tn.Layer):
    """y = x + body(x), as in lesson 9."""

    def __init__(self, body):
        self.body = body

    def forward(self, x):
        y = x + self.body(x)
        self.save(y)
        return y

    def backward(self, dy):
        self.saved(dy)
        return dy + self.body.backward(dy)


def convolution(channels, out_channels, gain, norm, rng, stride=1):
    """[Conv2d 3×3], its weights drawn with this gain, its biases 0; and a BatchNorm, if norm."""
    conv = tn.Conv2d(channels, out_channels, 3, stride=stride, padding=1, rng=rng)
    if gain is not None:
        w = conv.weight.data  # (o, c, kh, kw)
        w[...] = gain / np.sqrt(w[0].size) * rng.standard_normal(w.shape)  # fan_in = c·kh·kw
        conv.bias.data[:] = 0
    return [conv, tn.BatchNorm2d(out_channels)] if norm else [conv]


def network(blocks, gain=None, norm=False, skip=False, seed=0):
    """A network for digits with 2·blocks + 1 convolutions."""
    rng = np.random.default_rng(seed)
    layers = [tn.AvgPool2d(2), *convolution(1, 8, gain, norm, rng, stride=2), tn.ReLU()]  # 7×7
    for _ in range(blocks):
        body = [*convolution(8, 8, gain, norm, rng), tn.ReLU(), *convolution(8, 8, gain, norm, rng)]
        layers += [Residual(tn.Sequential(*body))] if skip else body
        layers += [tn.ReLU()]
    return tn.Sequential(*layers, tn.Flatten(), tn.Linear(8 * 7 * 7, 10, rng=rng))


def sizes(draws=3, **settings):
    """(2, ReLUs of the network): standard deviations of activations and gradients behind each.

    Of activations: from digit to digit, for that is what they say about it. The typical value
    (geometric mean) of several draws of the weights.
    """
    logs = []
    for seed in range(draws):
        model, loss = network(**settings, seed=seed), tn.CrossEntropyLoss()
        x, activations, gradients = x_train[:32], [], []
        for layer in model:
            x = layer(x)
            if isinstance(layer, tn.ReLU):
                activations.append(np.sqrt(x.var(axis=0).mean()))
        loss(x, y_train[:32])
        gradient = loss.backward()
        for layer in reversed(model.layers):
            if isinstance(layer, tn.ReLU):
                gradients.insert(0, gradient.std())
            gradient = layer.backward(gradient)
        logs.append(np.log([activations, gradients]))
    return np.exp(np.mean(logs, axis=0))


plain = {name: {k: sizes(blocks=k, gain=gain) for k in (2, 4, 8)} for name, gain in gains.items()}
for name, gain in gains.items():
    activations, gradients = plain[name][8]  # (17,) each
    predicted = (gain or default) / np.sqrt(2) * 19 / 21
    forward = (activations[-1] / activations[0]) ** (1 / 16)
    backward = (gradients[0] / gradients[-1]) ** (1 / 16)
    print(f"{name:9} each layer × {predicted:.2f} predicted; ", end="")
    print(f"{forward:.2f} measured forward, {backward:.2f} backward")
    np.testing.assert_allclose([forward, backward], predicted, rtol=0.12)
    for k in (2, 4):
        np.testing.assert_allclose(plain[name][k][0], activations[: 2 * k + 1], rtol=1e-6)

last = network(8)[:-2](x_train[:64])  # default: behind the last ReLU, (n, 8, 7, 7)
size, differing = np.sqrt(mean_square(last)), last.std(axis=0).max()
print(
    f"default, last activations: size {size:.2g}, from digit to digit they vary by {differing:.1g}"
)
assert differing < 1e-4 * size and plain["default"][8][0][-1] < 1e-6 * plain["default"][8][0][0]

styles = dict(zip(gains, [("#0072b2", "o"), ("#000000", "s"), ("#d55e00", "^")], strict=True))
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True)
for name, (colour, marker) in styles.items():
    axes[0].semilogy(range(1, 18), plain[name][8][0], marker=marker, color=colour, label=name)
    for k, line in ((2, ":"), (4, "--"), (8, "-")):
        depth = range(1, 2 * k + 2)
        axes[1].semilogy(depth, plain[name][k][1], line, marker=marker, ms=4, color=colour)
axes[0].set(title="activations, forward →", ylabel="standard deviation behind the ReLU")
axes[1].set(title="gradients, ← backward: 5 (⋯), 9 (– –), 17 (—)")
for ax in axes:
    ax.set(xlabel="convolution")
axes[0].legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# A straight line on this scale is a power, and its slope the factor for one layer. (19/21 is the
# border: 3 rows of a window at 7 heights are 21, and 2 of these lie outside; columns likewise. So
# the mean square gets the factor $(19/21)^2$, and He's line falls a little. The first 5 or 9
# activations of the deep network are those of the shorter ones, so the left picture has one line
# for all.)
#
# With the default, what tells one digit from another is less than a millionth of what it was when
# it is behind the 17th convolution; what is left there comes from the biases, the same for all
# digits. The gradient is lost in the same way on its way back: the loss hardly depends on the first
# layers, nor do the last layers know the digit. With twice He everything doubles instead.
#
# What does that do to training? 2,400 digits once, in batches of 32, three seeds each; the rest is
# the same for all.


# %%
def compiled(model):
    """The network with the bodies of its residual blocks compiled, and the rest around them."""
    for layer in model:
        if isinstance(layer, Residual):
            layer.body = tn.compile(layer.body, threads=1)  # too small to share out
    return tn.compile(model, threads=1)


def accuracy_of(model, seed, rate, epochs=1):
    """Train; the accuracy on held-out digits, or NaN if the loss was no number any more."""
    loss, rng = tn.CrossEntropyLoss(), np.random.default_rng(seed)
    optimizer = tn.SGD(model.parameters(), rate, momentum=0.9, nesterov=True)
    schedule = tn.OneCycleLR(optimizer, rate, epochs * len(x_train) // 32)
    for _ in range(epochs):
        for batch in batches(len(x_train), 32, rng):
            with np.errstate(over="ignore", invalid="ignore"):
                value = loss(model(x_train[batch]), y_train[batch])
            if not np.isfinite(value):
                return np.nan
            model.backward_parameters(loss.backward())
            optimizer.step()
            schedule.step()
    return tn.evaluate(model, x_held, y_held, batch_size=500).accuracy


def trained(seed, rate=0.01, epochs=1, **settings):
    return accuracy_of(compiled(network(**settings, seed=seed)), seed, rate, epochs)


def three_seeds(name, **settings):
    """The three accuracies, printed."""
    accuracies = np.array([trained(seed, **settings) for seed in range(3)])
    words = ("no number" if np.isnan(a) else f"{a:.1%}" for a in accuracies)
    print(f"{name:42}", "  ".join(f"{word:>9}" for word in words), flush=True)
    return accuracies


accuracy = {
    (name, blocks): three_seeds(f"{2 * blocks + 1} convolutions, {name}", blocks=blocks, gain=gain)
    for blocks in (2, 4, 8)
    for name, gain in gains.items()
}
for blocks in (2, 4, 8):
    assert accuracy["default", blocks].mean() < 0.2 < 0.3 < accuracy["He", blocks].mean()
assert accuracy["He", 8].mean() < accuracy["He", 2].min()
assert (accuracy["twice He", 4] < 0.2).all() and np.isnan(accuracy["twice He", 8]).all()

# %% [markdown]
# The weights that a network starts from decide. With the default, 5 convolutions are already too
# many for these few steps; with He, all depths learn, 17 more slowly than 5. (With a few seeds not
# in this time: of seeds 0 to 11, when this was written, one of 9 convolutions and one of 17 stayed
# below 25 %.) With twice He, 5 may still learn, 9 stay at guessing and 17 end in numbers that are
# none. The structure is the same in all, and so is the learning rate. It is the size of the weights
# that decides, and no want of additions. (The default is drawn uniformly, and has biases. That is
# not the point: weights drawn as He's are, with a gain of 1, fail at 9 and 17 convolutions as well.
# See the experiment.)
#
# ## BatchNorm behind each convolution
#
# BatchNorm divides each channel by its standard deviation. Then the gain cancels:

# %%
normed = {name: sizes(blocks=8, gain=gain, norm=True) for name, gain in gains.items()}
for name, (activations, gradients) in normed.items():
    print(f"{name:9} activations: first {activations[0]:.2f}, last {activations[-1]:.2f}; ", end="")
    print(f"gradients: first {gradients[0]:.1e}, last {gradients[-1]:.1e}")
    assert 5 < gradients[0] / gradients[-1] < 30 and 0.8 < activations[-1] / activations[0] < 1.25
np.testing.assert_allclose(normed["twice He"], normed["He"], rtol=0.01)
accuracy["BatchNorm", 2] = three_seeds("5 convolutions, BatchNorm", blocks=2, norm=True, rate=0.02)
accuracy["BatchNorm", 8] = three_seeds("17 convolutions, BatchNorm", blocks=8, norm=True, rate=0.02)
assert accuracy["BatchNorm", 8].min() > 0.5
assert accuracy["BatchNorm", 8].max() < accuracy["BatchNorm", 2].min()

# %% [markdown]
# Small and large weights give the same activations and gradients (up to $\varepsilon$), and the
# default initialisation trains. Nothing vanishes: the gradient even *grows* on its way back
# (question 3). Yet the deeper network is worse than the shorter one, on the very same digits. It
# could do what the shorter one does, if 12 of its convolutions just passed on what they get. SGD
# does not find that, not in this time. (Each digit was seen once, so it is not overfitting.)
#
# ## Residual blocks
#
# That is the observation of K. He and others (Deep residual learning for image recognition, CVPR
# 2016). In §4.1 they argue that vanishing gradients are unlikely to be the cause: their plain
# networks have BatchNorm, and they checked that the gradients keep healthy sizes. Their remedy is a
# block that begins near "pass on what you get": $y = x + F(x)$. So here is the honest experiment:
# BatchNorm in both networks, the same initial weights, with and without the additions. (The rate is
# the best of 0.01, 0.02, 0.05 and 0.1 for the *plain* network, tried when this was written.)

# %%
accuracy["BatchNorm, additions", 8] = three_seeds(
    "17 convolutions, BatchNorm and additions", blocks=8, norm=True, skip=True, rate=0.02
)
gap = accuracy["BatchNorm, additions", 8] - accuracy["BatchNorm", 8]
print("with additions, more digits read right by", ", ".join(f"{g:.1%}" for g in gap))
assert (gap > 0.03).all()

# %% [markdown]
# They help, with healthy gradients on both sides. *Why* is less settled than that: He and others
# conjecture that plain deep networks converge slowly, and this lesson has measured no more than
# that they do. With more epochs the gap shrinks (see the experiment).
#
# ## Additions without BatchNorm
#
# Are additions a remedy for bad sizes, then? Take He's weights, which train the plain network, and
# add. In $F$ there are two convolutions ($g^2 = 2$ each) and one ReLU (½), so $E[F^2] =
# 2 \cdot \frac12 \cdot 2 \cdot E[x^2] = 2\,E[x^2]$. The mixed term $2\,E[x F]$ is 0, because F has
# mean 0 whatever x is:
#
# $$E[(x + F)^2] = 3\,E[x^2]$$
#
# and the ReLU behind it keeps at least half: *each block multiplies the mean square by 1.5 to 3*.
# Backward likewise, $E[dx^2] = 3\,E[dy^2]$ before the ReLU's share. The initialisation that was
# right for the plain network is too large for this one. With the default weights $E[F^2] = \frac13
# \cdot \frac12 \cdot \frac13 \cdot E[x^2] = E[x^2]/18$: hardly a change, the block nearly passes x
# on. With BatchNorm, F is of size 1 whatever x is: the mean square grows by 1 a block at most, a
# sum and no product. (The variance from digit to digit, which `sizes` measures, is a part of the
# mean square, and the border takes its share here, too.)


# %%
def first_loss(model):
    return tn.CrossEntropyLoss()(model(x_train[:32]), y_train[:32])


added = {
    "He, additions": sizes(blocks=8, gain=np.sqrt(2), skip=True),
    "default, additions": sizes(blocks=8, skip=True),
    "BatchNorm, additions": sizes(blocks=8, norm=True, skip=True),
}
growth = {name: (s[0, -1] / s[0, 0]) ** (2 / 8) for name, s in added.items()}
for name, factor in growth.items():
    print(f"{name:21} variance from digit to digit × {factor:.2f} a block")
assert 1.5 < growth["He, additions"] < 3 and growth["default, additions"] < 1.2
assert growth["BatchNorm, additions"] < 1.5

accuracy["He, additions", 8] = three_seeds("He, additions", blocks=8, gain=np.sqrt(2), skip=True)
for name, skip in (("plain", False), ("additions", True)):
    starts = [first_loss(network(8, np.sqrt(2), skip=skip, seed=seed)) for seed in range(3)]
    print(f"He, {name}, loss before training:", ", ".join(f"{start:.1f}" for start in starts))
    assert min(starts) > 4 if skip else max(starts) < 3
assert accuracy["He, additions", 8].min() < 0.2 < 0.3 < accuracy["He", 8].mean()

lines = {
    "He": (plain["He"][8], "#000000", "s"),
    "He, additions": (added["He, additions"], "#d55e00", "^"),
    "BatchNorm": (normed["default"], "#009e73", "x"),
    "BatchNorm, additions": (added["BatchNorm, additions"], "#0072b2", "o"),
}
figure, axes = plt.subplots(1, 3, figsize=(12, 4))
for name, (values, colour, marker) in lines.items():
    places = np.linspace(1, 17, values.shape[1])  # with additions: behind the blocks only
    for ax, curve in zip(axes[:2], values, strict=True):
        ax.semilogy(places, curve, marker=marker, color=colour, label=name)
    axes[2].plot(accuracy[name, 8], [name] * 3, marker, color=colour, ms=9, mfc="none", mew=2)
axes[0].set(title="activations", xlabel="convolution", ylabel="standard deviation", ylim=(0.05, 40))
axes[1].set(title="gradients", xlabel="convolution")
axes[0].legend(frameon=False)
axes[2].set(xlim=(0, 1), ylim=(3.5, -0.5), yticks=[], title="17 convolutions, trained")
axes[2].set(xlabel="accuracy (three seeds, marks as on the left)")
figure.tight_layout()

# %% [markdown]
# The result turns round: without BatchNorm and with He's weights, the plain network learned, and
# the one with additions stayed at guessing with some seeds, at the same learning rate. (When this
# was written, of seeds 0 to 11 the plain network stayed below 25 % with one, that with additions
# with ten.) Its logits are large before it has learned anything, and its loss begins far above
# log 10 = 2.3. A smaller rate was no cure, not in this time: 0.002 gave 35.9, 37.0 and 24.3 %.
# Additions and the initial weights have to fit each other, and BatchNorm makes them fit.

# %% [markdown]
# ## Experiment
#
# Predict first, then run, for seeds 0, 1 and 2. (a) He, plain, 17 convolutions, `epochs` 3: is it
# only slow? (b) Xavier's gain of 1: which depths, 2, 4 or 8 blocks, survive its factor $1/\sqrt 2$
# a layer? (c) BatchNorm with and without additions, `epochs` 2: what is left of the gap? (d) The
# default weights (`gain` None) with additions and without BatchNorm, 17 convolutions: what does the
# calculation above promise?

# %%
settings = dict(blocks=4, gain=1, norm=False, skip=False)  # Change: blocks, gain, norm, skip
seed, rate, epochs = 0, 0.01, 1  # Change: seed; epochs 3; rate 0.02 with BatchNorm
print(f"{settings}, rate {rate}, {epochs} epochs: {trained(seed, rate, epochs, **settings):.1%}")

# %% [markdown]
# ## Questions
#
# **Question 1.** A network has LeakyReLU with slope $a$ for negative x (lesson 9) behind each
# layer. Which gain keeps the mean square? What does it give for $a = 0$ and $a = 1$?
#
# **Question 2.** Which initial value of the *last* convolution in each residual block makes
# additions and He's weights go together, without BatchNorm? And why can that value not be used
# everywhere?
#
# **Question 3.** With BatchNorm, the gradient grew towards the first layers, and the gain did not
# matter. By which factor a layer? (For z with a normal distribution of variance 1, $x =
# \text{ReLU}(z)$ has the mean $1/\sqrt{2\pi}$.)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# What came of it when this was written (not run here, for the time it takes):
#
# - (a) Three epochs gave 80.4, 76.8 and 79.8 %: it is slow, not stuck.
# - (b) With a gain of 1, 5 convolutions gave 70.9, 27.9 and 38.1 %; 9 gave 19.8, 10.4 and 12.2 %;
#   17 stayed at guessing. Xavier's gain lacks the 2 against ReLU's ½.
# - (c) After two epochs 77.9, 79.1 and 80.8 % without additions, 90.7, 91.4 and 90.8 % with them:
#   12 points, after 16 with one epoch.
# - (d) 79.2, 80.0 and 83.2 %. It trains: where blocks nearly pass on what they get, additions are a
#   remedy for small weights, as He's weights are another.

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# y is symmetric: one half of the mean square is kept as it is, the other is
# multiplied by $a^2$. Together $\frac{1 + a^2}{2}\,E[y^2]$, hence $g = \sqrt{2 / (1 + a^2)}$. For
# $a = 0$ this is He; for $a = 1$, no ReLU at all, it is 1, Xavier for fan_in = fan_out.

# %%
for a in (0, 0.1, 0.5, 1):
    gain = np.sqrt(2 / (1 + a**2))
    x = rng.standard_normal((100, 200))  # (n, i)
    start = mean_square(x)
    for _ in range(20):
        y = x @ (gain / np.sqrt(200) * rng.standard_normal((200, 200)))
        x = np.where(y > 0, y, a * y)
    print(f"a = {a}: gain {gain:.2f}, mean square behind 20 layers × {mean_square(x) / start:.2f}")
    assert 0.1 < mean_square(x) / start < 10

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Zero. Then $F = 0$, each block passes on what it gets, and sizes stay as they are, however many
# blocks there are (H. Zhang and others, Fixup, ICLR 2019, begin so). Its gradient is not 0: it is
# dy times the body's inner activations. The convolution before it gets no gradient in the first
# step, and does from the second on. Were *all* weights and biases 0, all activations would be 0 and
# all convolutions' gradients, too, for ever; and weights that are equal but not 0 get equal
# gradients, so that all channels stay copies of one.


# %%
def zero_last(model):
    """The same network, with the last convolution of each residual block 0."""
    for layer in model:
        if isinstance(layer, Residual):
            layer.body[-1].weight.data[:] = 0
    return model


model = zero_last(network(8, np.sqrt(2), skip=True))
loss = tn.CrossEntropyLoss()
loss(model(x_train[:32]), y_train[:32])
model.backward(loss.backward())
first, last = model[3].body[0].weight.grad, model[3].body[-1].weight.grad
print(f"gradients in the first block: {np.abs(first).max():.1e} and {np.abs(last).max():.1e}")
assert not first.any() and last.any()
result = accuracy_of(compiled(model), seed=0, rate=0.01)
print(f"He and additions, last convolutions 0, seed 0: {result:.1%}")
assert result > 0.6

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# $E[x^2] = \frac12$, so x has the variance $v = \frac12 - \frac1{2\pi} = 0.34$. The
# next convolution multiplies by $g^2$; the part that comes from x's *mean* is a constant for each
# channel, which BatchNorm takes away. So its variance is $g^2 v$, and BatchNorm divides by
# $\sqrt{g^2 v}$. Backward: BatchNorm $1/(g^2 v)$, the convolution $g^2$, ReLU ½. The gain cancels:
#
# $$\frac{1}{g^2 v} \cdot g^2 \cdot \frac12 = \frac{1}{2 v} = \frac{\pi}{\pi - 1} = 1.47$$
#
# for the mean square, 1.21 for the size. Below: 10 wide layers on single pixels, without a border.
# Our narrow layers, with one, have a little less.

# %%
layers = []
for _ in range(11):
    layers += [tn.Conv2d(100, 100, 1, rng=rng), tn.BatchNorm2d(100), tn.ReLU()]
wide = tn.Sequential(*layers)
dy = rng.standard_normal((300, 100, 1, 1), np.float32)  # (n, c, 1, 1)
wide(dy)  # any x will do
dx = dy
for layer in reversed(layers[3:]):  # back to behind the first ReLU
    dx = layer.backward(dx)
factor = (mean_square(dx) / mean_square(dy)) ** (1 / 20)
activations, gradients = normed["default"]
narrow = (gradients[0] / gradients[-1]) ** (1 / 16)
print(f"predicted {np.sqrt(np.pi / (np.pi - 1)):.2f}, wide {factor:.2f}, ours {narrow:.2f}")
np.testing.assert_allclose(factor, np.sqrt(np.pi / (np.pi - 1)), rtol=0.05)
assert 1.05 < narrow < factor

# %% [markdown]
# ## Where to go
#
# - **Exercises:** [`he_init.py`](../../tinynet/exercises/blanks/he_init.py): the weights of a
#   linear layer and of a convolution. `python -m tinynet.exercise he_init` checks it. In the
#   `backward` of [`batchnorm2d.py`](../../tinynet/exercises/blanks/batchnorm2d.py) the gain
#   cancels.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and compare a map before and behind a
#   BatchNorm: it has another size, and the same drawing.
# - **Next:** [lesson 11](11_honest_test.py): how to find out what a network is worth without
#   deceiving oneself.
