# %% [markdown]
# # 5 · Max and average pooling, ties included
#
# - **Time:** 30 minutes
# - **Before:** lessons 1 and 3; lesson 4 for im2col; what a maximum and a one-sided slope are
# - **After:** you can write both poolings and their gradients, with overlapping windows, and say
#   what happens where two pixels share the maximum, and when that matters
# - **Code:** [`pool.py`](../../tinynet/layers/pool.py)
#
# Pooling makes a picture smaller: each window of pixels becomes one number. It has no weights, and
# its forward pass is one line. Its backward pass has one question in it that is worth a lesson: who
# gets the gradient when several pixels are the largest? In a network with ReLU that is no rare
# case.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072b2", "#d55e00", "#000000", "#cc79a7"])
rng = np.random.default_rng(0)
_, (images, labels) = tn.datasets.mnist()


def show(ax, values, title, lines=0):
    """A small array as a picture with its numbers; lines: the size of the windows to draw."""
    ax.imshow(values, cmap="Oranges", vmin=0, vmax=1.6 * max(values.max(), 1))
    for i, j in np.ndindex(values.shape):
        ax.text(j, i, f"{values[i, j]:g}", ha="center", va="center")
    for edge in range(0, len(values) + 1, lines) if lines else ():
        ax.axhline(edge - 0.5, color="black")
        ax.axvline(edge - 0.5, color="black")
    ax.set(title=title, xticks=[], yticks=[])


# %% [markdown]
# ## Forward
#
# A window of $k \times k$ pixels moves over each channel by itself, in steps of the *stride* $s$;
# if nothing is said the stride is $k$, so that windows do not overlap. $x$: (n, c, h, w) becomes
# $y$: (n, c, oh, ow), with the sizes of lesson 4.
#
# $$\text{max:}\quad y[p, q] = \max_{0 \le i, j < k} x[p s + i,\; q s + j] \qquad
# \text{average:}\quad y[p, q] = \frac{1}{k^2} \sum_{0 \le i, j < k} x[p s + i,\; q s + j]$$
#
# (for every image and channel). Average pooling is a convolution *of each channel by itself*, with
# weights that are all $1/k^2$. As one convolution of $c$ channels to $c$ it has the weights $1/k^2$
# from each channel to itself and 0 to all others, which the cell asserts. Max pooling is not
# linear. A frame around the image (lesson 4), where there is one, counts as $-\infty$ for the
# maximum, so that it never wins, and as zeros for the mean.


# %%
def windows(x, k, s):
    """(p, q, the slices of x's rows and columns under window (p, q)) for all windows."""
    h, w = x.shape[-2:]
    for p in range((h - k) // s + 1):
        for q in range((w - k) // s + 1):
            yield p, q, slice(p * s, p * s + k), slice(q * s, q * s + k)


def pool(x, k, s, reduce):
    """x (h, w) → y (oh, ow); reduce: np.max or np.mean"""
    h, w = x.shape
    y = np.zeros(((h - k) // s + 1, (w - k) // s + 1), x.dtype)
    for p, q, rows, columns in windows(x, k, s):
        y[p, q] = reduce(x[rows, columns])
    return y


x = rng.standard_normal((9, 8))
for k, s in ((2, 2), (3, 2), (3, 1)):
    y = tn.MaxPool2d(k, s)(x[None, None])[0, 0]
    np.testing.assert_array_equal(pool(x, k, s, np.max), y)
    y = tn.AvgPool2d(k, s)(x[None, None])[0, 0]
    np.testing.assert_allclose(pool(x, k, s, np.mean), y)
    print(f"windows of {k}×{k}, stride {s}: {x.shape} becomes {y.shape}")

as_convolution = tn.Conv2d(3, 3, 2, stride=2, bias=False, dtype=np.float64)
as_convolution.weight.data[:] = np.eye(3)[:, :, None, None] / 2**2  # (o, c, kh, kw) = (3, 3, 2, 2)
three = rng.standard_normal((1, 3, 8, 8))
np.testing.assert_allclose(as_convolution(three), tn.AvgPool2d(2)(three))

# %% [markdown]
# What each of them keeps of a digit, compared with simply taking every fourth pixel: the maximum
# keeps every stroke and makes it broader (no ink is lost, and on average there is more), the mean
# keeps the amount of ink and makes it paler, and single pixels lose strokes (here the top of the
# loop).

# %%
digit = images[9] / 255  # (28, 28)
small = {
    "x, 28 × 28": digit,
    "maximum of 4 × 4": pool(digit, 4, 4, np.max),
    "mean of 4 × 4": pool(digit, 4, 4, np.mean),
    "every fourth pixel": digit[1::4, 1::4],
}
maximum, mean = small["maximum of 4 × 4"], small["mean of 4 × 4"]  # (7, 7)
assert mean.max() < maximum.max() == digit.max() and maximum.mean() > digit.mean()
np.testing.assert_allclose(mean.mean(), digit.mean())
assert small["every fourth pixel"][1].max() == 0 < maximum[1].max()
figure, axes = plt.subplots(1, 4, figsize=(10, 3))
for ax, (title, values) in zip(axes, small.items(), strict=True):
    ax.imshow(values, cmap="gray_r", vmin=0, vmax=1)
    ax.set(title=title, xticks=[], yticks=[])
figure.tight_layout()

# %% [markdown]
# ## Derivation: backward
#
# Given $dy$: (n, c, oh, ow). The rule of lesson 3: where does each $x_i$ go, and with which factor?
#
# **Average.** Each pixel of a window goes to its $y$ with factor $1/k^2$. So each gets $dy / k^2$.
#
# **Maximum.** Let pixel $a$ be the largest of its window, and the others smaller. Move one of the
# others a little: the maximum stays what it is. Factor 0. Move $a$: the maximum moves as much.
# Factor 1. So $a$ gets all of $dy$, and the others nothing. The window's $y$ is a copy of one
# pixel, and the gradient goes back the way the copy came.
#
# **Overlap.** If windows overlap ($s < k$), a pixel goes to several places, and gets the sum of
# what comes back from them. In code: `+=` rather than `=`.


# %%
def max_backward(dy, x, k, s):
    """dx (h, w) of max pooling; of equal pixels the first in reading order is the one."""
    dx = np.zeros_like(x)
    for p, q, rows, columns in windows(x, k, s):
        i, j = np.unravel_index(x[rows, columns].argmax(), (k, k))  # argmax: the first, if equal
        dx[p * s + i, q * s + j] += dy[p, q]
    return dx


def mean_backward(dy, x, k, s):
    dx = np.zeros_like(x)
    for p, q, rows, columns in windows(x, k, s):
        dx[rows, columns] += dy[p, q] / k**2
    return dx


for k, s in ((2, 2), (3, 2), (3, 1)):
    for layer, by_hand in (
        (tn.MaxPool2d(k, s), max_backward),
        (tn.AvgPool2d(k, s), mean_backward),
    ):
        y = layer(x[None, None])
        dy = rng.standard_normal(y.shape)
        dx = by_hand(dy[0, 0], x, k, s)
        np.testing.assert_allclose(layer.backward(dy)[0, 0], dx, atol=1e-15)
        tn.gradcheck(layer, x[None, None])
print("both gradients agree with tinynet's, and those with central differences")

# %%
x4 = np.array([[1, 5, 2, 0], [3, 4, 8, 1], [0, 2, 3, 3], [6, 1, 1, 2]], float)
dy4 = np.array([[4, 8], [12, 16]], float)
figure, axes = plt.subplots(1, 5, figsize=(12, 2.9))
show(axes[0], x4, "x", 2)
show(axes[1], pool(x4, 2, 2, np.max), "y, the maxima")
show(axes[2], dy4, "dy, given")
show(axes[3], max_backward(dy4, x4, 2, 2), "dx of max pooling", 2)
show(axes[4], mean_backward(dy4, x4, 2, 2), "dx of average pooling", 2)
figure.tight_layout()
for dx in (max_backward(dy4, x4, 2, 2), mean_backward(dy4, x4, 2, 2)):
    assert dx.sum() == dy4.sum()

# %% [markdown]
# Both deal out each $dy$ completely: the entries of $dx$ add up to those of $dy$. Average pooling
# tells every pixel a little, max pooling tells one pixel everything.
#
# Did you notice the window at the lower right? Its maximum, 3, stands in it twice.
#
# ## Ties
#
# Let two pixels share the maximum. Move one of them up: the maximum follows. Move it down: the
# other one holds the maximum where it was. The slope is 1 on one side and 0 on the other, so
# **there is no derivative**, as with ReLU at 0. One needs a convention. Three that come to mind:
#
# - *first*: the first in reading order gets all of $dy$;
# - *even*: those in the tie share $dy$ evenly;
# - *all*: each of those in the tie gets all of $dy$. (It comes out if one writes
#   `dx = dy * (x == y)`.)
#
# Ties are no rarity. ReLU makes zeros, and a window of zeros is a tie of all its pixels. We count
# in the trained network, in the two max-pooling layers.


# %%
def tied(x):
    """Which windows of 2×2 of x (n, c, h, w) hold their maximum more than once: (n·c, oh·ow)."""
    n, c, h, w = x.shape
    cols = tn.im2col(x.reshape(n * c, 1, h, w), 2, 2)  # (n·c, 4, oh·ow)
    return (cols == cols.max(axis=1, keepdims=True)).sum(axis=1) > 1


model = tn.models.mnist_lite(pretrained=True).eval()
after_9 = model[:9](as_input(images[:200]))  # what goes into the first max pooling
after_19 = model[9:19](after_9)  # and into the second
for name, values in (("first", after_9), ("second", after_19)):
    print(f"windows with a tie in the {name} max pooling: {tied(values).mean():.0%}")
    assert tied(values).mean() > 0.25

# %% [markdown]
# Which conventions make sense? Any that deals out $dy$ completely: shares of 0 or more that add up
# to 1. Then the slope that $dx$ claims, whichever way $x$ moves, lies between the two slopes that
# the kink has there. *first* and *even* do that. *all* does not: a window of four zeros hands on
# four times the gradient it got.
#
# tinynet takes *first*, as PyTorch does on a CPU. It is the cheapest, and what matters more: it is
# *said*, so that the plain layer and the compiled one can be held against each other, ties
# included.
#
# And the gradient check? At a tie it fails, rightly: it moves one pixel of the tie up (slope 1) and
# down (slope 0), and finds ½ for each of them. No convention would satisfy it.

# %%
zeros = np.zeros((1, 1, 2, 2))
layer = tn.MaxPool2d(2)
layer(zeros)
print("backward of a window of zeros, dy = 1:", layer.backward(np.ones((1, 1, 1, 1))).ravel())
eps = 1e-6
moves = [zeros + eps * np.eye(4)[i].reshape(1, 1, 2, 2) for i in range(4)]
print("central differences:", [float((layer(m) - layer(-m)).item() / (2 * eps)) for m in moves])
try:
    tn.gradcheck(layer, zeros)
except tn.GradientError as error:
    print(error)
else:
    raise AssertionError("a tie should have been noticed")

# %% [markdown]
# So one checks max pooling at a random $x$, where ties have probability zero, and tests the
# convention by itself, against a loop.
#
# ## Overlapping windows
#
# With windows of 3×3 and stride 2, neighbours share a row or a column. A single large pixel in the
# overlap may win several windows, and gets the sum of all their gradients. Here the 9 in the middle
# wins all four:

# %%
x5 = np.array(
    [[1, 2, 0, 3, 1], [0, 1, 4, 2, 0], [2, 3, 9, 1, 5], [1, 0, 2, 6, 1], [4, 1, 0, 2, 3]], float
)
dy5 = np.array([[1, 10], [100, 1000]], float)
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2))
show(axes[0], x5, "x, and the first window")
axes[0].add_patch(plt.Rectangle((-0.5, -0.5), 3, 3, fill=False, lw=3))
show(axes[1], pool(x5, 3, 2, np.max), "y, the maxima")
show(axes[2], dy5, "dy, given")
show(axes[3], max_backward(dy5, x5, 3, 2), "dx")
figure.tight_layout()
layer = tn.MaxPool2d(3, 2)
layer(x5[None, None])
dx = layer.backward(dy5[None, None])[0, 0]
np.testing.assert_array_equal(dx, max_backward(dy5, x5, 3, 2))
assert dx[2, 2] == 1111 and dx.sum() == 1111

# %% [markdown]
# ### All windows at once
#
# `pool.py` has no loop over windows. `im2col` writes each window into a column; then pooling is
# `max` or `mean` down the columns, and backward fills the columns and lets `col2im` add up what
# belongs to the same pixel. Both were derived in lesson 4.

# %%
x = rng.integers(0, 3, (2, 3, 7, 7)).astype(float)  # small whole numbers: full of ties
cols = tn.im2col(x.reshape(6, 1, 7, 7), 3, 2)  # (n·c, k·k, oh·ow) = (6, 9, 9)
winner = cols.argmax(axis=1)[:, None]  # (6, 1, 9): the first of equal ones
y = np.take_along_axis(cols, winner, axis=1).reshape(2, 3, 3, 3)
dy = rng.standard_normal(y.shape)
dcols = np.zeros_like(cols)
np.put_along_axis(dcols, winner, dy.reshape(winner.shape), axis=1)
dx = tn.col2im(dcols, (6, 1, 7, 7), 3, 2).reshape(x.shape)

layer = tn.MaxPool2d(3, 2)
np.testing.assert_array_equal(layer(x), y)
np.testing.assert_array_equal(layer.backward(dy), dx)
for image, channel in np.ndindex(2, 3):
    by_loops = max_backward(dy[image, channel], x[image, channel], 3, 2)
    np.testing.assert_allclose(dx[image, channel], by_loops, atol=1e-15)
print("im2col, the loops and tinynet agree, ties and overlaps included")

# %% [markdown]
# ## Experiment: how much does a small move matter?
#
# It is often said that pooling makes a network indifferent to small moves. Measure it: move digits
# to the right by a few pixels, pool both, and see how much the result changed, relative to its
# size, $\lVert \text{pool}(\text{moved}) - \text{pool}(x) \rVert / \lVert \text{pool}(x) \rVert$.
# Watch how the curves order themselves, and where a curve comes close to $1.4 \approx \sqrt 2$: so
# far apart are two vectors of the same length at right angles, two results that have nothing in
# common. What do larger windows change, what windows that overlap, and what edges instead of ink?

# %%
k, s = 4, 4  # Change: 2, 2; 7, 7; and windows that overlap, 4, 2
ink = as_input(images[:200]).astype(np.float64) + 0.1307 / 0.3081  # paper is 0
edges = np.maximum(ink - np.roll(ink, 1, 3), 0)
x = ink  # Change: edges


def changes(x, k, s):
    """{way of pooling: the relative change when x is moved by 0 … 6 pixels}"""
    ways = {
        "no pooling": lambda x: x,
        "every s-th pixel": lambda x: x[:, :, ::s, ::s],
        "maximum": tn.MaxPool2d(k, s),
        "mean": tn.AvgPool2d(k, s),
    }
    result = {}
    for name, way in ways.items():
        still, size = way(x), np.linalg.norm(way(x))
        moved = [way(np.roll(x, shift, axis=3)) for shift in range(7)]
        result[name] = np.array([np.linalg.norm(y - still) / size for y in moved])
    return result


figure, ax = plt.subplots(figsize=(6.5, 3.8))
for (name, values), marker in zip(changes(x, k, s).items(), "oxs^", strict=True):
    ax.plot(values, marker=marker, label=name)
    print(f"{name:17} moved by 1: {values[1]:.2f}, by 2: {values[2]:.2f}")
ax.set(xlabel="moved by, pixels", ylabel="relative change", title=f"windows {k}×{k}, stride {s}")
ax.legend()
figure.tight_layout()

# %% [markdown]
# ## Questions
#
# **Question 1.** `x4` above, pooled with windows of 2×2 and *stride 1*: which pixels win how many
# windows? What is $dx$ if all $dy$ are 1?
#
# **Question 2.** A max pooling follows a ReLU directly. Show that in a tie of zeros it does not
# matter, for the weights before the ReLU, which of the pixels gets the gradient. What about ties
# between positive values, which the network has on flat paper?
#
# **Question 3.** Do ReLU and max pooling commute: is pooling first and ReLU after it the same? If
# so, which order is cheaper? And do BatchNorm (in use) and max pooling commute?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# Pooling softens a small move, and does not make it unseen: with windows of 4×4, one pixel still
# changes the maximum by 36 % and the mean by 32 % of their size, where without pooling it is 60 %.
# Taking every fourth pixel helps nothing. The larger the windows, the less a move by one pixel
# changes: 48, 36, 30 % of the maximum for 2, 4, 7. Of ink, the mean changes no more than the
# maximum for a move by one pixel, and more for a move by five. Overlap (stride 2 with windows of 4)
# makes almost no difference: it is the width of the window that counts. Edges are thin, so without
# pooling a move by one pixel changes them by more than their size (1.18), and by five pixels hardly
# anything is left in common (1.38). Pooling brings most there.

# %%
plain, brought = {}, {}  # the change by 1 and 5 pixels without pooling; what pooling leaves of it
for sort, values in (("ink", ink), ("edges", edges)):
    by_window = {(k, s): changes(values, k, s) for k, s in ((2, 2), (4, 4), (7, 7), (4, 2))}
    for (k, s), found in by_window.items():
        words = ", ".join(f"{name} {c[1]:.2f}, {c[5]:.2f}" for name, c in found.items())
        print(f"{sort}, {k}×{k}, stride {s}; moved by 1 and by 5: {words}")
        assert max(found["maximum"][1], found["mean"][1]) < 0.85 * found["no pooling"][1]
        assert abs(found["every s-th pixel"][1] - found["no pooling"][1]) < 0.06
    one = np.array([by_window[k, k]["maximum"][1] for k in (2, 4, 7)])
    assert one[0] > one[1] > one[2]
    plain[sort] = by_window[4, 4]["no pooling"][[1, 5]]
    brought[sort] = one / plain[sort][0]
    if sort == "ink":
        np.testing.assert_allclose(one, [0.48, 0.36, 0.30], atol=0.005)
        np.testing.assert_allclose(by_window[4, 4]["mean"][1], 0.32, atol=0.005)
    overlap = by_window[4, 2]["maximum"] - by_window[4, 4]["maximum"]
    assert np.abs(overlap).max() < 0.04
    for k in (2, 4, 7):
        assert sort == "edges" or by_window[k, k]["mean"][1] < by_window[k, k]["maximum"][1] + 0.01
        assert by_window[k, k]["mean"][5] > by_window[k, k]["maximum"][5]
np.testing.assert_allclose([plain["ink"][0], *plain["edges"]], [0.60, 1.18, 1.38], atol=0.005)
assert (brought["edges"] < brought["ink"]).all()

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# There are nine windows. The 8 wins all four that hold it; of the two equal threes the left one,
# the first in reading order, wins two; the 5, the 4 and the 6 win one each. With $dy = 1$
# everywhere $dx$ counts the wins, and its entries add up to nine.

# %%
layer = tn.MaxPool2d(2, 1)
layer(x4[None, None])
wins = layer.backward(np.ones((1, 1, 3, 3)))[0, 0]
print(wins.astype(int))
figure, axes = plt.subplots(1, 3, figsize=(8, 3.1))
show(axes[0], x4, "x")
show(axes[1], pool(x4, 2, 1, np.max), "y, stride 1")
show(axes[2], wins, "windows won")
figure.tight_layout()
assert wins.sum() == 9 and (wins[1, 2], wins[2, 2]) == (4, 2)
assert wins[0, 1] == wins[1, 1] == wins[3, 0] == 1

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Whichever gets it, its value is 0 after the ReLU, so before the ReLU it was 0 or less, and there
# ReLU's factor is 0 (tinynet's and PyTorch's choice at 0 itself). The gradient is stopped one layer
# further on, for all weights that lie before it.
#
# On flat paper two pixels share a positive maximum because their *patches* are the same. The weight
# gradient of the convolution directly before is the sum of $dy$ times patch, so it is the same
# whoever gets $dy$. Further back the argument repeats. That convolution hands $dy$ on to the pixels
# of the one patch or of the other, which hold the same values. Where such a value is 0, the ReLU
# that made it stops the gradient. Where it is positive, the two pixels were made of equal patches
# themselves; and so on, back to the digit. Only the gradient of the *digit* differs, because it
# arrives at other pixels. (What would matter is a tie between different patches with the same
# positive sum of products, and that is an accident.) We compare all weight gradients of the trained
# network, while it trains, under three conventions.


# %%
class PoolWithTies(tn.MaxPool2d):
    """Max pooling whose gradient goes to the last of equal pixels, or to all of them evenly."""

    def __init__(self, k, rule):
        super().__init__(k)
        self.rule = rule

    def forward(self, x):
        cols = self.columns(x, fill=-np.inf)  # (n·c, k·k, oh·ow)
        self.won = cols == cols.max(axis=1, keepdims=True)
        self.x_shape = x.shape
        return super().forward(x)

    def backward(self, dy):
        won = self.won
        if self.rule == "last":
            last = won.shape[1] - 1 - won[:, ::-1].argmax(axis=1)  # (n·c, oh·ow)
            won = np.arange(won.shape[1])[None, :, None] == last[:, None]
        share = won / won.sum(axis=1, keepdims=True)
        return self.pixels(share * dy.reshape(len(share), 1, -1), self.x_shape)


def gradients(rule):
    """{name: the gradient} of all weights, and of the digits, with another rule for ties."""
    layers = list(tn.models.mnist_lite(pretrained=True))
    if rule != "first":
        layers[9], layers[19] = PoolWithTies(2, rule), PoolWithTies(2, rule)
    network, loss = tn.Sequential(*layers), tn.CrossEntropyLoss()
    for parameter in network.parameters():
        parameter.data = parameter.data.astype(np.float64)
    loss(network(as_input(images[:20]).astype(np.float64)), labels[:20])
    dx = network.backward(loss.backward())
    return {"the digits": dx} | {name: p.grad for name, p in network.named_parameters()}


expected = gradients("first")
for rule in ("last", "even"):
    difference = {
        name: np.abs(gradient - expected[name]).max() / np.abs(expected[name]).max()
        for name, gradient in gradients(rule).items()
    }
    of_digits = difference.pop("the digits")
    print(f"{rule} against first, relative: the digits' gradient {of_digits:.0e}, ", end="")
    print(f"{len(difference)} weight and bias gradients at most {max(difference.values()):.0e}")
    assert of_digits > 1e-3 and max(difference.values()) < 1e-9

# %% [markdown]
# In our network BatchNorm stands between ReLU and pooling. While it trains it hands on more than
# the $dy$ of the pixel itself, but that changes nothing: its gradients hold sums of $dy$ and of $dy
# \cdot \hat x$ over the channel, and pixels in a tie have the same $\hat x$; what else it hands
# back, it hands back to the pixel that got $dy$. Lesson 6 has the formula.

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# ReLU never falls when its input grows, so the largest stays the largest: $\max_i(\max(x_i, 0)) =
# \max(\max_i x_i, 0)$. Pooling first leaves a quarter of the pixels to the ReLU, so it is cheaper.
# BatchNorm in use is $a x + d$. If $a > 0$ the same holds. If $a < 0$ it turns the order around:
# the largest after it is the smallest before, and they do not commute. $a$ has the sign of
# $\gamma$, which is learned, so a program must not assume it.

# %%
x = rng.standard_normal((2, 3, 6, 6))
relu, pooling = tn.ReLU(), tn.MaxPool2d(2)
np.testing.assert_array_equal(pooling(relu(x)), relu(pooling(x)))

norm = tn.BatchNorm2d(3).eval()
norm.weight.data[:] = [1, 0.5, -1]
commutes = [np.allclose(pooling(norm(x))[:, c], norm(pooling(x))[:, c]) for c in range(3)]
print("γ = 1, 0.5, −1: BatchNorm and max pooling commute:", commutes)
assert commutes == [True, True, False]
negative = [int((model[i].weight.data < 0).sum()) for i in (8, 18)]
print("negative γ before the two poolings of the trained network:", negative)

# %% [markdown]
# ## Where to go
#
# - **Exercises:** [`maxpool2d.py`](../../tinynet/exercises/blanks/maxpool2d.py) and
#   [`avgpool2d.py`](../../tinynet/exercises/blanks/avgpool2d.py): `python -m tinynet.exercise
#   maxpool2d` checks the first.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and choose a pixel of a max pooling's map:
#   it shows the four numbers and which one was kept. Move your digit a little and compare the maps
#   before and behind the pooling.
# - **Next:** [lesson 6](06_batchnorm.py): a layer in which each output depends on the whole batch.
