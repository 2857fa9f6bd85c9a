# %% [markdown]
# # 4 · Convolution: loops, im2col, one matrix product, and three gradients
#
# - **Time:** 30 minutes
# - **Before:** lessons 1 and 3; matrix products, transposes, sums with several indices
# - **After:** you can write a convolution in loops, turn it into one matrix product, and derive the
#   gradients of its bias, weights and input
# - **Code:** [`conv.py`](../../tinynet/layers/conv.py)
#
# Nearly all the work of a convolutional network is done in one function. Written as its definition
# says, in loops, it is correct and hopelessly slow. Written as a matrix product it is fast, and its
# gradients come almost for free, because we know those of a matrix product.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input

np.set_printoptions(precision=3, suppress=True, linewidth=100)
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072b2", "#d55e00", "#000000", "#cc79a7"])
rng = np.random.default_rng(0)
(images, labels), _ = tn.datasets.mnist()

# %% [markdown]
# ## The definition, in loops
#
# A kernel slides over the image. At each place the numbers under it are multiplied by its weights
# and added up. With several input channels the kernel has as many channels; with several output
# channels there are as many kernels. (In mathematics this is the *cross-correlation*; convolution
# turns the kernel by 180° first, which makes no difference where kernels are learned.)
#
# $$y[n, o, p, q] = b[o] + \sum_{c, i, j} w[o, c, i, j] \cdot
# \hat x[n,\, c,\; p s + i,\; q s + j].$$
#
# $x$: (n, c, h, w) are the images, $w$: (o, c, kh, kw) the weights, $b$: (o,) the bias. $s$ is the
# *stride*: how far the window moves from one output pixel to the next. $\hat x$ is $x$ in a frame
# of zeros, $\text{pad}$ wide on each side (the *padding*).
#
# How large is $y$? Along the rows, the framed image has $h + 2\,\text{pad}$, and the first window
# covers rows 0 to $kh - 1$. It can move down $h + 2\,\text{pad} - kh$ rows before it leaves the
# image. In steps of $s$ that are $\lfloor (h + 2\,\text{pad} - kh)/s \rfloor$ moves, and with the
# place where it started
#
# $$oh = \left\lfloor \frac{h + 2\,\text{pad} - kh}{s} \right\rfloor + 1,$$
#
# and likewise $ow$ along the columns. $y$: (n, o, oh, ow).


# %%
def frame(x, pad):
    """x (n, c, h, w) inside zeros: (n, c, h + 2·pad, w + 2·pad)."""
    return np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])


def sizes(x, w, stride, pad):
    """(oh, ow)"""
    return tuple(
        (size + 2 * pad - k) // stride + 1 for size, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )


def conv_loops(x, w, b, stride=1, pad=0):
    (oh, ow), framed = sizes(x, w, stride, pad), frame(x, pad)
    channels_out, channels_in, kh, kw = w.shape
    y = np.zeros((len(x), channels_out, oh, ow), x.dtype)
    for n in range(len(x)):
        for o in range(channels_out):
            for p in range(oh):
                for q in range(ow):
                    total = b[o]
                    for c in range(channels_in):
                        for i in range(kh):
                            for j in range(kw):
                                pixel = framed[n, c, p * stride + i, q * stride + j]
                                total += w[o, c, i, j] * pixel
                    y[n, o, p, q] = total
    return y


def like(x, w, b, stride, pad):
    """tinynet's layer with these weights."""
    layer = tn.Conv2d(w.shape[1], w.shape[0], w.shape[2:], stride, pad, dtype=w.dtype)
    layer.weight.data, layer.bias.data = w, b
    return layer


small = rng.standard_normal((2, 3, 7, 6))  # (n, c, h, w)
w, b = rng.standard_normal((4, 3, 3, 3)), rng.standard_normal(4)  # (o, c, kh, kw), (o,)
for stride, pad in ((1, 0), (1, 1), (2, 1)):
    y = conv_loops(small, w, b, stride, pad)
    print(f"stride {stride}, padding {pad}: {small.shape} becomes {y.shape}")
    np.testing.assert_allclose(like(small, w, b, stride, pad)(small), y)

# %% [markdown]
# Drawn: an image of 5×5 pixels (grey) and a kernel of 3×3, whose window is framed. From left to
# right the first three windows, the last one, and the pixels of $y$, numbered in the order of their
# windows.


# %%
def squares(ax, values, title, window=None, shade=None, line="-"):
    """Numbers in squares, grey where shade is 1; window: (row, column, height, width), framed."""
    h, width = values.shape
    ax.imshow(np.zeros((h, width)) if shade is None else shade, cmap="Greys", vmin=0, vmax=5)
    ax.set(title=title, xticks=[], yticks=[])
    ax.set_xticks(np.arange(width) + 0.5, minor=True)
    ax.set_yticks(np.arange(h) + 0.5, minor=True)
    ax.grid(which="minor", color="lightgrey")
    ax.tick_params(which="minor", length=0)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, value, ha="center", va="center", fontsize=9)
    if window is not None:
        row, column, height, wide = window
        corner, look = (column - 0.5, row - 0.5), dict(color="#d55e00", lw=3, ls=line, zorder=3)
        ax.add_patch(plt.Rectangle(corner, wide, height, fill=False, clip_on=False, **look))


figure, axes = plt.subplots(3, 5, figsize=(11, 6.8))
for row, (stride, pad) in zip(axes, ((1, 0), (2, 0), (2, 1)), strict=True):
    image = frame(np.ones((1, 1, 5, 5)), pad)[0, 0]
    oh, ow = sizes(np.ones((1, 1, 5, 5)), w, stride, pad)
    blank = np.full(image.shape, "")
    for ax, t in zip(row, (0, 1, 2, oh * ow - 1), strict=False):
        p, q = divmod(t, ow)
        window = p * stride, q * stride, 3, 3
        squares(ax, blank, f"window {t}", window, image)
    squares(row[4], np.arange(oh * ow).reshape(oh, ow), f"y: {oh}×{ow}")
    row[0].set_ylabel(f"stride {stride}, padding {pad}")
figure.tight_layout()

# %% [markdown]
# What a kernel does to a picture depends on its weights alone. Four kernels that people designed
# long before networks learned their own:

# %%
kernels = {
    "blur": np.ones((3, 3)) / 9,
    "right edges": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4,
    "bottom edges": np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]) / 4,
    "outline": np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) / 2,
}
digit = as_input(images[:1]).astype(np.float64) + 0.1307 / 0.3081  # (1, 1, 28, 28), paper is 0
w4 = np.stack(list(kernels.values()))[:, None]  # (4, 1, 3, 3)
maps = like(digit, w4, np.zeros(4), 1, 1)(digit)[0]  # (4, 28, 28)
figure, axes = plt.subplots(1, 5, figsize=(11, 2.6))
for ax, title, values in zip(axes, ["x", *kernels], [digit[0, 0], *maps], strict=True):
    limit = np.abs(values).max()
    ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set(title=title, xticks=[], yticks=[])
figure.tight_layout()

# %% [markdown]
# ## im2col: every window as a column
#
# The inner three loops are a dot product: of the kernel and the window, both read as one long
# vector of $c \cdot kh \cdot kw$ numbers. All these dot products at once are a matrix product, if
# we write
#
# - the kernels as the *rows* of a matrix $W$: (o, c·kh·kw), which is `w.reshape(o, -1)`, and
# - the windows as the *columns* of a matrix, cols: (c·kh·kw, oh·ow), for each image.
#
# Then entry $(o, t)$ of the product $W\,\text{cols}$ is kernel $o$ times window $t$, and
#
# $$y = W \, \text{cols} + b, \qquad (o,\; c{\cdot}kh{\cdot}kw) \times (c{\cdot}kh{\cdot}kw,\;
# oh{\cdot}ow) = (o,\; oh{\cdot}ow).$$
#
# Copying the windows into columns is called *im2col*. An example that fits on paper: one channel of
# 3×4 pixels, a kernel of 2×2, hence 2×3 = 6 windows.

# %%
tiny = np.arange(12).reshape(1, 1, 3, 4)
print(tiny[0, 0])
print("columns: the six windows, each read row by row")
print(tn.im2col(tiny, 2)[0])

figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), width_ratios=[1, 1, 1, 1.6])
squares(axes[3], tn.im2col(tiny, 2)[0], "cols: window 0, 1, … 5")
for ax, t, line in zip(axes, (0, 1, 5), ("-", "--", ":"), strict=False):
    squares(ax, tiny[0, 0], f"window {t} of x", (*divmod(t, 3), 2, 2), line=line)
    look = dict(color="#d55e00", lw=3, ls=line, fill=False, clip_on=False)
    axes[3].add_patch(plt.Rectangle((t - 0.42, -0.42), 0.84, 3.84, **look))
figure.tight_layout()

# %% [markdown]
# Look at the *rows* of this matrix. The first holds the upper left pixel of each window: that is
# the image without its last row and column. The second holds the upper right pixels: the same
# picture, one column further. So im2col needs no loop over windows, only one over the $kh \cdot kw$
# positions in the kernel, with a slice of the whole image for each.


# %%
def im2col(x, kh, kw, stride=1, pad=0):
    """x (n, c, h, w) → (n, c·kh·kw, oh·ow)"""
    n, c = x.shape[:2]
    framed = frame(x, pad)
    oh, ow = (framed.shape[2] - kh) // stride + 1, (framed.shape[3] - kw) // stride + 1
    cols = np.empty((n, c, kh, kw, oh, ow), x.dtype)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i, i + stride * oh, stride)
            columns = slice(j, j + stride * ow, stride)
            cols[:, :, i, j] = framed[:, :, rows, columns]
    return cols.reshape(n, c * kh * kw, oh * ow)


def conv(x, w, b, stride=1, pad=0):
    cols = im2col(x, *w.shape[2:], stride, pad)  # (n, c·kh·kw, oh·ow)
    y = w.reshape(len(w), -1) @ cols + b[:, None]  # (n, o, oh·ow): a product for each image
    return y.reshape(len(x), len(w), *sizes(x, w, stride, pad))


for stride, pad in ((1, 0), (1, 1), (2, 1)):
    np.testing.assert_array_equal(
        im2col(small, 3, 3, stride, pad), tn.im2col(small, 3, stride, pad)
    )
    np.testing.assert_allclose(conv(small, w, b, stride, pad), conv_loops(small, w, b, stride, pad))

x1, w1, b1 = digit, rng.standard_normal((8, 1, 3, 3)), np.zeros(8)
started = time.perf_counter()
conv_loops(x1, w1, b1, 1, 1)
loops = time.perf_counter() - started
conv(x1, w1, b1, 1, 1)
started = time.perf_counter()
for _ in range(20):
    conv(x1, w1, b1, 1, 1)
product = (time.perf_counter() - started) / 20
print(f"one digit, 8 channels: loops {1000 * loops:.1f} ms, matrix product {1000 * product:.3f} ms")
assert loops > 10 * product

# %% [markdown]
# The price is memory: nearly every pixel is in nine windows of 3×3, so cols is nine times as large
# as $x$. (Lesson 13 shows how to have the speed without the memory.)
#
# ## Derivation: the three gradients
#
# Given $dy$: (n, o, oh, ow), the gradient of the loss with respect to $y$. As in lesson 3, ask of
# each number where it goes and with which factor.
#
# **Bias.** $b[o]$ is added to every pixel of channel $o$ of every image, with factor 1. Hence
#
# $$db[o] = \sum_{n, p, q} dy[n, o, p, q].$$
#
# **Weights.** For one image $y = W\,\text{cols} + b$. Let $r$ be an index along
# $c \cdot kh \cdot kw$. $W[o, r]$ goes to $y[o, t]$ for every window $t$, with factor
# $\text{cols}[r, t]$. Hence $dW[o, r] = \sum_t dy[o, t]\,\text{cols}[r, t]$; as matrices, and
# summed over the images, because all images use the same weights:
#
# $$dW = \sum_n dy_n\, \text{cols}_n^{\mathsf T}, \qquad
# (o,\; oh{\cdot}ow) \times (oh{\cdot}ow,\; c{\cdot}kh{\cdot}kw) = (o,\; c{\cdot}kh{\cdot}kw).$$
#
# **Input.** In two steps, backwards through the two steps of forward. First through the product:
# $\text{cols}[r, t]$ goes to $y[o, t]$ for every $o$, with factor $W[o, r]$, so
#
# $$d\text{cols} = W^{\mathsf T} dy, \qquad
# (c{\cdot}kh{\cdot}kw,\; o) \times (o,\; oh{\cdot}ow) = (c{\cdot}kh{\cdot}kw,\; oh{\cdot}ow).$$
#
# Then through im2col, which *copies* each pixel into every window that covers it. A copy forward is
# a sum backward: a pixel gets the sum of the entries of $d\text{cols}$ to which it was copied. This
# is *col2im*: the same loop as im2col, with both sides exchanged and `=` turned into `+=`. At the
# end the frame is cut off: its zeros were no input, so their gradient goes nowhere.


# %%
def col2im(dcols, x_shape, kh, kw, stride=1, pad=0):
    """dcols (n, c·kh·kw, oh·ow) → (n, c, h, w): each pixel gets the sum of its copies."""
    n, c, h, width = x_shape
    framed = np.zeros((n, c, h + 2 * pad, width + 2 * pad), dcols.dtype)
    oh, ow = (framed.shape[2] - kh) // stride + 1, (framed.shape[3] - kw) // stride + 1
    dcols = dcols.reshape(n, c, kh, kw, oh, ow)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i, i + stride * oh, stride)
            columns = slice(j, j + stride * ow, stride)
            framed[:, :, rows, columns] += dcols[:, :, i, j]
    return framed[:, :, pad : pad + h, pad : pad + width]


def conv_backward(dy, x, w, stride=1, pad=0):
    """(dx, dw, db)"""
    kh, kw = w.shape[2:]
    cols = im2col(x, kh, kw, stride, pad)  # (n, c·kh·kw, oh·ow)
    db = dy.sum(axis=(0, 2, 3))  # (o,)
    dy = dy.reshape(*dy.shape[:2], -1)  # (n, o, oh·ow)
    dw = (dy @ cols.transpose(0, 2, 1)).sum(axis=0)  # (o, c·kh·kw)
    dcols = w.reshape(len(w), -1).T @ dy  # (n, c·kh·kw, oh·ow)
    return col2im(dcols, x.shape, kh, kw, stride, pad), dw.reshape(w.shape), db


for stride, pad in ((1, 0), (1, 1), (2, 1), (3, 2)):
    layer = like(small, w, b, stride, pad)
    dy = rng.standard_normal(layer(small).shape)
    dx, dw, db = conv_backward(dy, small, w, stride, pad)
    np.testing.assert_allclose(layer.backward(dy), dx, atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, dw, atol=1e-12)
    np.testing.assert_allclose(layer.bias.grad, db, atol=1e-12)
    tn.gradcheck(layer, small)
print("dx, dw and db agree with tinynet's, and those with central differences")

# %% [markdown]
# Forward and backward side by side, for an image of 4×4 and a kernel of 3×3 (so four windows).
# Forward *gathers*: each pixel of $y$ is the sum of its window times the kernel. Backward
# *scatters*: each pixel of $dy$ adds the kernel, times itself, to the same window of $dx$.

# %%
image, kernel = np.arange(16).reshape(4, 4) % 5, np.array([[1, 0, 2], [0, 3, 0], [1, 1, 0]])
dy, y, dx = np.array([[1, 2], [3, -1]]), np.zeros((2, 2), int), np.zeros((4, 4), int)
figure, axes = plt.subplots(2, 5, figsize=(11, 5))
squares(axes[0, 0], kernel, "the kernel w")
squares(axes[1, 0], dy, "dy")
for t, (above, below) in enumerate(axes.T[1:]):
    p, q = divmod(t, 2)
    window = slice(p, p + 3), slice(q, q + 3)
    y[p, q] = (image[window] * kernel).sum()
    dx[window] += kernel * dy[p, q]
    squares(above, image, f"x: y[{p}, {q}] = {y[p, q]}", (p, q, 3, 3))
    squares(below, dx, f"dx, and {dy[p, q]}·w added", (p, q, 3, 3))
figure.tight_layout()

layer = like(image[None, None] * 1.0, kernel[None, None] * 1.0, np.zeros(1), 1, 0)
np.testing.assert_array_equal(layer(image[None, None] * 1.0)[0, 0], y)
np.testing.assert_array_equal(layer.backward(dy[None, None] * 1.0)[0, 0], dx)

# %% [markdown]
# ### The same as one large matrix
#
# im2col copies and a matrix product is linear, so without the bias convolution is *one linear map*
# from the pixels of $x$ to those of $y$: there is a matrix $A$: (oh·ow, h·w) with $y = A x$, for
# one channel in and one out. To see it, convolve an image of zeros with a single 1, for each place
# of the 1: that gives a column. And a linear map's backward is its transpose,
# $dx = A^{\mathsf T} dy$ (lesson 3: $dx_i = \sum_j A_{ji}\, dy_j$). So we can check the derivation
# once more, and look at both.

# %%
h = 6
kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)
units = np.eye(h * h).reshape(h * h, 1, h, h)  # 36 images, each with a single 1
A = conv(units, kernel, np.zeros(1)).reshape(h * h, -1).T  # (16, 36) = (oh·ow, h·w)
dy = rng.standard_normal((1, 1, 4, 4))
dx = conv_backward(dy, units[:1], kernel)[0]
np.testing.assert_allclose(A.T @ dy.ravel(), dx.ravel())

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), width_ratios=[2.2, 1.1, 1.2])
axes[0].imshow(np.where(A == 0, np.nan, A), cmap="viridis")
axes[0].set(title="A: y = A x", xlabel="pixel of x", ylabel="pixel of y", yticks=range(0, 16, 5))
axes[1].imshow(np.where(A.T == 0, np.nan, A.T), cmap="viridis")
axes[1].set(title="its transpose: dx = Aᵀ dy", xlabel="pixel of y", ylabel="pixel of x")
copies = (A != 0).sum(axis=0).reshape(h, h)  # windows that hold each pixel
axes[2].imshow(copies, cmap="Greys", vmin=0, vmax=18)
for i, j in np.ndindex(h, h):
    axes[2].text(j, i, copies[i, j], ha="center", va="center")
axes[2].set(title="windows that cover a pixel", xticks=[], yticks=[])
figure.tight_layout()

ones = np.ones((1, 1, h, h))
np.testing.assert_array_equal(col2im(im2col(ones, 3, 3), ones.shape, 3, 3)[0, 0], copies)
print(f"A has {A.size} entries, {np.count_nonzero(A)} of them not zero, and 9 different weights")

# %% [markdown]
# Each row of $A$ is the kernel, spread over the pixels of one window; the next row is the same,
# moved on. Two things make a convolution out of a matrix: most weights are zero (an output pixel
# sees only its window), and the rest are *shared* (the same nine in each row). Sharing is why $dW$
# is a sum over all windows. On the right: to how many columns im2col copies each pixel, which is
# how many terms col2im adds up for it.
#
# ## Experiment: learn a kernel from what it does
#
# Take a kernel and keep it secret. Given only digits $x$ and the secret kernel's results $t$, can
# gradient descent find it? Start at random, and step against the gradient of $L = \frac{1}{2N} \sum
# (y - t)^2$, where $N$ is the number of output pixels; so $dy = (y - t)/N$. Watch the loss fall on
# a logarithmic scale, and the kernel appear. The secret may also be something that no kernel can
# do: watch what is learned then. Which secret is learned fastest? Does one digit suffice?

# %%
secret = kernels["outline"]  # Change: another of the kernels; or draw one of your own
rate = 0.3  # Change: the learning rate, 0.03; 0.4, which is too large
many = 20  # Change: the number of digits: 1 is enough, or is it?
steps = 800


def seen(y):
    return y  # Change: np.maximum(y, 0), or np.abs(y): not linear any more


def learn(secret, rate=0.3, many=20, seen=seen):
    """(losses, [kernel at the start, after 10 steps, at the end])"""
    x = as_input(images[:many]).astype(np.float64)  # (n, 1, 28, 28)
    t = seen(conv(x, secret[None, None], np.zeros(1), pad=1))
    student = tn.Conv2d(1, 1, 3, padding=1, rng=0, dtype=np.float64)
    losses, shots = [], [student.weight.data[0, 0].copy()]
    for step in range(1, steps + 1):
        y = student(x)
        losses.append(((y - t) ** 2).mean() / 2)
        student.backward((y - t) / y.size)
        for parameter in student.parameters():
            parameter.data -= rate * parameter.grad
        if step in (10, steps):
            shots.append(student.weight.data[0, 0].copy())
    return losses, shots


losses, shots = learn(secret, rate, many)
figure, axes = plt.subplots(1, 5, figsize=(12, 2.8), width_ratios=[1.6, 1, 1, 1, 1])
axes[0].semilogy(losses)
axes[0].set(xlabel="step", title="loss")
titles = ["at the start", "after 10 steps", f"after {steps}", "the secret"]
for ax, title, values in zip(axes[1:], titles, [*shots, secret], strict=True):
    ax.imshow(values, cmap="RdBu_r", vmin=-2, vmax=2)
    for i, j in np.ndindex(3, 3):
        color = "white" if abs(values[i, j]) > 1.2 else "black"
        number = f"{values[i, j]:.2f}" if abs(values[i, j]) < 100 else f"{values[i, j]:.0e}"
        ax.text(j, i, number, ha="center", va="center", color=color)
    ax.set(title=title, xticks=[], yticks=[])
figure.tight_layout()
print(f"loss {losses[0]:.3f} at the start, {losses[-1]:.1e} at the end")

# %% [markdown]
# It takes hundreds of steps for ten numbers, because neighbouring pixels of a digit are nearly
# equal: kernels that differ in details give nearly the same results, so the gradient hardly tells
# them apart. Lesson 7 is about descending such valleys faster.
#
# ## Questions
#
# **Question 1.** Which padding keeps 28×28 at stride 1, for a kernel of 3? Of 5? Of 4? And how many
# weights has a convolution from 8 channels to 8 with kernels of 3×3, compared with a Linear layer
# that turns all the pixels of (8, 28, 28) into as many?
#
# **Question 2.** At stride 1 $dx$ is itself a convolution, of $dy$. With which kernel, and which
# padding?
#
# **Question 3.** Move a digit one pixel to the right, then convolve. Is that the same as convolving
# first and moving the result? Where is it not? And with stride 2?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# All four kernels are found, each weight to within 0.005, from three digits. "outline" is learned
# slowest, and is furthest from right after 800 steps: its details are just what a smooth digit says
# least about. The other three take about the same time. One digit is enough: its 784 pixels give
# 784 equations for ten unknowns, and what matters is that they differ. With a rate of 0.03 the loss
# is still far from there after as many steps. With 0.4 the loss explodes (lesson 7 says at which
# rate that begins).
#
# Of $\max(y, 0)$ and $|y|$ no kernel is the cause. The loss comes to rest above 0, and what is
# found is the best that a linear map can do: for $\max(y, 0) = \frac12 y + \frac12 |y|$ about half
# of the secret kernel, for $|y|$ hardly anything of it.

# %%
outline, same, ends = kernels["outline"], np.positive, {}  # same: y as it is
for name, kernel in kernels.items():
    found, shown = learn(kernel, many=3, seen=same)
    error, ends[name] = np.abs(shown[-1] - kernel).max(), found[-1]
    print(f"{name:12} loss {found[-1]:.0e}, largest error of a weight {error:.0e}")
    assert error < 5e-3
others = [end for name, end in ends.items() if name != "outline"]
assert max(others) < 2 * min(others) < 0.1 * ends["outline"]
one, shown = learn(outline, many=1, seen=same)
slow, _ = learn(outline, rate=0.03, many=3, seen=same)
fast, _ = learn(outline, rate=0.4, many=3, seen=same)
print(f"one digit: loss {one[-1]:.0e}; rate 0.03: {slow[-1]:.0e}; rate 0.4: {fast[-1]:.0e}")
assert np.abs(shown[-1] - outline).max() < 5e-3 and one[-1] < 1e-5 < slow[-1] < 1 < fast[-1]
ways = {"max(y, 0)": (lambda y: np.maximum(y, 0), 0.5), "|y|": (np.abs, 0)}
for name, (way, share) in ways.items():
    found, shown = learn(outline, many=3, seen=way)
    print(f"{name}: loss {found[400]:.5f} after 400 steps, {found[-1]:.5f} after {steps}")
    print(shown[-1])
    assert found[-1] > 0.01 and found[400] / found[-1] < 1.01
    assert np.abs(shown[-1] - share * outline).max() < 0.2

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# $oh = h + 2\,\text{pad} - k + 1 = h$ needs $\text{pad} = (k - 1)/2$: 1 for a kernel of 3, 2 for
# one of 5. For 4 it would be 1½: an even kernel has no middle pixel, and no padding that is the
# same on both sides keeps the size. The convolution has $8 \cdot 8 \cdot 9 + 8 = 584$ weights, the
# Linear layer 39 million.

# %%
for k in (3, 5):
    assert tn.Conv2d(1, 1, k, padding=(k - 1) // 2)(np.zeros((1, 1, 28, 28))).shape[2:] == (28, 28)
assert all((28 + 2 * pad - 4) // 1 + 1 != 28 for pad in range(28))
weights = sum(parameter.data.size for parameter in tn.Conv2d(8, 8, 3).parameters())
pixels = 8 * 28 * 28
print(f"convolution {weights:,}, linear {pixels * pixels + pixels:,}")
assert weights == 584

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Pixel $x[c, u, v]$ goes to $y[o, p, q]$ wherever $u + \text{pad} = p + i$ and $v + \text{pad} = q
# + j$ for some $(i, j)$ of the kernel, with factor $w[o, c, i, j]$. So
#
# $$dx[c, u, v] = \sum_{o, i, j} w[o, c, i, j] \;
# dy[o,\; u + \text{pad} - i,\; v + \text{pad} - j]$$
#
# (with zeros where $dy$ is not defined). Put $i' = k - 1 - i$, which runs through the same numbers
# backwards: $u + \text{pad} - i = u + i' - (k - 1 - \text{pad})$. This is the formula of a
# convolution of $dy$ with padding $k - 1 - \text{pad}$, whose kernel is turned by 180° and has its
# input and output channels exchanged.

# %%
for pad in (0, 1, 2):
    dy = rng.standard_normal(conv(small, w, b, 1, pad).shape)
    turned = w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]  # (c, o, kh, kw)
    as_convolution = conv(dy, turned, np.zeros(3), 1, 3 - 1 - pad)
    np.testing.assert_allclose(as_convolution, conv_backward(dy, small, w, 1, pad)[0], atol=1e-12)
print("dx is a convolution of dy with the turned kernel, for padding 0, 1 and 2")

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# Yes, but for the edge. Each output pixel is the same function of its window, so if the content of
# the windows moves, the outputs move with it: a network need not learn a digit anew for each place.
# At the edge something has moved out, or the frame in. With stride 2 it holds for moves by an even
# number of pixels only: a move by one falls between two windows, and the windows then hold other
# pixels.

# %%
moved = np.roll(digit, 1, axis=3)
y, y_moved = conv(digit, w4, np.zeros(4), 1, 1), conv(moved, w4, np.zeros(4), 1, 1)
np.testing.assert_allclose(y_moved[..., 2:-1], np.roll(y, 1, axis=3)[..., 2:-1])
y, y_moved = conv(digit, w4, np.zeros(4), 2, 1), conv(moved, w4, np.zeros(4), 2, 1)
difference = min(np.abs(y_moved - np.roll(y, s, axis=3))[..., 2:-2].max() for s in (0, 1))
print(f"stride 2, moved by 1: a difference of {difference:.2f}, whichever way we align them")
y_moved = conv(np.roll(digit, 2, axis=3), w4, np.zeros(4), 2, 1)
np.testing.assert_allclose(y_moved[..., 2:-1], np.roll(y, 1, axis=3)[..., 2:-1])
assert difference > 0.1

# %% [markdown]
# ## Where to go
#
# - **Exercise:** [`conv2d.py`](../../tinynet/exercises/blanks/conv2d.py), forward and backward, an
#   evening's work. `python -m tinynet.exercise conv2d` checks it.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and choose a pixel of the second
#   convolution's maps: its window has eight channels, and 72 products make one number.
# - **Next:** [lesson 5](05_pooling.py): pooling, made of the same im2col and col2im.
