# %% [markdown]
# # 1 · A network forward, by hand, on one digit
#
# - **Time:** 30 minutes
# - **Before:** sums of products (the dot product of two vectors), mean and standard deviation; a
#   little NumPy
# - **After:** you can compute any number inside a convolutional network with pen and paper, from
#   the pixels to the decision, and say what each layer is for
# - **Code:** [`models.py`](../../tinynet/models.py), [`layers/`](../../tinynet/layers)
#
# A trained network looks mysterious: pixels go in, "this is a seven" comes out. There is no mystery
# in it. Every number inside is a sum of products, a maximum, or a scale and a shift of one other
# number. In this lesson we follow one digit through a network that reads more than 99 % of the test
# digits that we show it correctly, compute one pixel after each layer by hand, and compare it with
# what the network computed. To use a trained network, as here, is called **inference**; how it came
# by its numbers, **training**, is the matter of later lessons.
#
# (A digit is *read right*, in our words, when it is *classified* correctly: when the network names
# the one of the ten **classes** that its label says. The **accuracy** is the part, or fraction, of
# digits that are read right. The [glossary](GLOSSARY.md) has all such words beside those of the
# field.)

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet import plot
from tinynet.train import as_input

np.set_printoptions(precision=3, suppress=True, linewidth=100)

model = tn.models.mnist_lite(pretrained=True).eval()  # eval: to use it, not to train it
_, (images, labels) = tn.datasets.mnist()  # the test digits
print(tn.summary(model, (1, 28, 28)))
accuracy = tn.evaluate(model, images[:2000], labels[:2000]).accuracy
assert accuracy > 0.99
print(f"\nOf the first 2,000 test digits it reads {accuracy:.2%} correctly.")

# %% [markdown]
# Each row of the table is a **layer**: a function from an array to an array. The network is the
# layers one after the other, and nothing more:
#
#     for layer in model: x = layer(x)
#
# An array between two layers has the shape (n, c, h, w): n images, each of c *channels*, each
# channel a picture of h rows and w columns. The table writes −1 for n. The digit that we put in has
# one channel, its grey values; after the first layer it has eight. Drawn, a box for what each layer
# gives is as high as its pictures and as wide as it has channels: blue are layers with learned
# numbers, orange those that shrink (pooling).

# %%
plot.architecture(model, (1, 28, 28))

# %% [markdown]
# We run the digit through and keep what each layer gives.

# %%
number = 0  # of the test digit
image = images[number]  # (28, 28), whole numbers from 0 (paper) to 255 (ink)
x = as_input(images[number : number + 1])  # (1, 1, 28, 28)

outputs = []
for layer in model:
    outputs.append(layer(outputs[-1] if outputs else x))

print(f"label {labels[number]}, image {image.shape} {image.dtype}, input {x.shape} {x.dtype}")
for i, (layer, y) in enumerate(zip(model, outputs, strict=True)):
    print(f"{i:2} {layer!r:28} {y.shape}")

# %% [markdown]
# (Python counts from 0, so `model[0]` is the table's Conv2d-1.)
#
# ## Before the first layer: a common scale
#
# A pixel $v$ from 0 to 255 becomes
#
# $$x = \frac{v/255 - 0.1307}{0.3081}.$$
#
# Division by 255 makes it a number from 0 to 1; 0.1307 is the mean of all such numbers in the
# training digits and 0.3081 their standard deviation. So the inputs have mean 0 and spread
# (standard deviation) 1. Paper, as we call the background, becomes $-0.424$: zero is a light grey,
# not paper.

# %%
p, q = 12, 19  # the pixel that we follow: row and column, counted from 0 at the top left
pixel = (image[p, q] / 255 - 0.1307) / 0.3081
paper = (0 / 255 - 0.1307) / 0.3081
print(f"{image[p, q]} becomes {pixel:.3f}; paper becomes {paper:.3f}")
np.testing.assert_allclose(x[0, 0, p, q], pixel, rtol=1e-5)
assert round(paper, 3) == -0.424

# %% [markdown]
# ## Derivation: what each layer does to one pixel
#
# ### Convolution: a patch times weights, plus a bias
#
# `model[0]` is a convolution from 1 channel to 8 with kernels of 3×3. Its weights are an array
# `weight` of shape (8, 1, 3, 3): for each *output* channel $o$ and each *input* channel $c$ a 3×3
# picture, the kernel. Its `bias` has shape (8,).
#
# To get pixel $(p, q)$ of output channel $o$, lay the 3×3 kernel on the image with its middle on
# pixel $(p, q)$. Multiply each weight by the pixel under it, add the products up, add the bias:
#
# $$y[o, p, q] = b[o] + \sum_{c}\sum_{i=0}^{2}\sum_{j=0}^{2} \text{weight}[o, c, i, j] \cdot
# \hat x[c,\; p + i,\; q + j].$$
#
# Here $\hat x$ is $x$ inside a frame of zeros one pixel wide (in the field's word, with a *padding*
# of 1), of shape (1, 30, 30). The frame shifts the indices by one: row $p$ of $x$ is row $p + 1$ of
# $\hat x$. So the window $\hat x[c,\; p \ldots p+2,\; q \ldots q+2]$ has $x[c, p, q]$ in its
# middle. It also makes the result as large as the image: without the frame the kernel would not fit
# around the pixels at the edge.
#
# We take channel $o = 3$.

# %%
o = 3
conv = model[0]
weight, bias = conv.weight.data, conv.bias.data  # (8, 1, 3, 3), (8,)
framed = np.pad(x[0], [(0, 0), (1, 1), (1, 1)])  # (1, 30, 30): x̂
patch = framed[:, p : p + 3, q : q + 3]  # (1, 3, 3)
product = patch * weight[o]  # (1, 3, 3), element by element
after_conv = product.sum() + bias[o]

print("patch\n", patch[0])
print("weights\n", weight[o, 0])
print("products\n", product[0])
print(f"sum {product.sum():.3f} + bias {bias[o]:.3f} = {after_conv:.3f}")
np.testing.assert_allclose(outputs[0][0, o, p, q], after_conv, rtol=1e-4, atol=1e-5)

# %% [markdown]
# That is one pixel of one of the eight channels, and the network has the same number. Here it is as
# a picture. Red is positive, blue negative.

# %%
figure, axes = plt.subplots(1, 5, figsize=(12, 2.9))
maps = [
    ("the digit, and the patch", x[0, 0]),
    ("patch", patch[0]),
    ("weights of channel 3", weight[o, 0]),
    ("patch · weights", product[0]),
    ("channel 3, all pixels", outputs[0][0, o]),
]
for ax, (title, values) in zip(axes, maps, strict=True):
    limit = np.abs(values).max()
    ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set(title=title, xticks=[], yticks=[])
    if values.shape == (3, 3):
        for i in range(3):
            for j in range(3):
                dark = abs(values[i, j]) > 0.6 * limit
                color = "white" if dark else "black"
                ax.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", color=color)
for ax in (axes[0], axes[-1]):
    ax.add_patch(plt.Rectangle((q - 1.5, p - 1.5), 3, 3, fill=False, color="black", lw=2))
figure.tight_layout()

# %% [markdown]
# The weights of this channel are positive on the upper left and negative on the right and below.
# The sum is large where the upper left of the patch is ink and the lower right is paper: on the
# *right edge of a stroke* that leans as the stem of this seven does. The cell lays the kernel on
# two small pictures to show it, a stroke's right edge and its left edge. So a kernel is a small
# picture of what its channel looks for, and nobody drew it: training found it.

# %%
ink = (255 / 255 - 0.1307) / 0.3081
right_edge = np.array([[ink, ink, paper], [ink, ink, paper], [ink, paper, paper]])
left_edge = np.array([[paper, ink, ink], [paper, ink, ink], [ink, ink, ink]])
on_right, on_left = ((edge * weight[o, 0]).sum() + bias[o] for edge in (right_edge, left_edge))
print(f"on a right edge {on_right:.2f}, on a left edge {on_left:.2f}")
assert on_right > 1 and on_left < 0

# %% [markdown]
# The kernels of all eight channels, of which ours is the fourth:

# %%
plot.filters(conv)

# %% [markdown]
# On flat paper all nine pixels are $-0.424$, so the result is $-0.424$ times the sum of the
# weights, plus the bias, here a negative number:

# %%
on_paper = paper * weight[o].sum() + bias[o]
print(f"on paper: {on_paper:.3f}")
np.testing.assert_allclose(outputs[0][0, o, 1:4, 1:4], on_paper, rtol=1e-4)  # a corner of paper
assert on_paper < 0

# %% [markdown]
# ### ReLU: nothing below zero
#
# $$y = \max(x, 0)$$
#
# for each number by itself. Left edges and paper gave negative numbers, which become 0: the channel
# says "how much of a right edge", never "how little". Without ReLU two convolutions in a row would
# be a sum of products of sums of products, which is again one convolution, only wider. ReLU is what
# makes more layers more than one.

# %%
after_relu = max(after_conv, 0)
print(f"{after_conv:.3f} becomes {after_relu:.3f}")
np.testing.assert_allclose(outputs[1][0, o, p, q], after_relu, rtol=1e-4, atol=1e-5)

# %% [markdown]
# ### BatchNorm, once trained: a scale and a shift
#
# During training BatchNorm measures the mean $\mu$ and the variance $\sigma^2$ of each channel and
# keeps an average of them. Used, as here, it takes these averages as fixed numbers (one of each per
# channel: `running_mean` and `running_var` have the shape (8,)):
#
# $$y = \gamma \cdot \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta.$$
#
# The fraction puts the channel on a common scale, mean 0 and spread 1, as we did with the pixels.
# $\varepsilon = 10^{-5}$ keeps the root away from zero. $\gamma$ (`weight`) and $\beta$ (`bias`)
# are learned: the network may choose another scale if that serves it. Lesson 6 is about how it
# trains.
#
# Multiply out, and it is $y = a\,x + d$ with two fixed numbers for each channel:
# $a = \gamma / \sqrt{\sigma^2 + \varepsilon}$ and $d = \beta - a\,\mu$.

# %%
norm = model[2]
gamma, beta = norm.weight.data[o], norm.bias.data[o]
mean, var = norm.running_mean[o], norm.running_var[o]
after_norm = gamma * (after_relu - mean) / np.sqrt(var + norm.eps) + beta
a = gamma / np.sqrt(var + norm.eps)
d = beta - a * mean
print(f"mean {mean:.3f}, variance {var:.3f}, gamma {gamma:.3f}, beta {beta:.3f}")
print(f"{after_relu:.3f} becomes {after_norm:.3f}; in short {a:.3f} · x + {d:.3f}")
np.testing.assert_allclose(after_norm, a * after_relu + d, rtol=1e-4)
np.testing.assert_allclose(outputs[2][0, o, p, q], after_norm, rtol=1e-4, atol=1e-5)

# %% [markdown]
# ### The second convolution: patches of eight channels
#
# `model[3]` is a convolution from 8 channels to 8. The formula above holds as it stands, but now
# the sum over $c$ has eight terms: the patch is a block of shape (8, 3, 3), and so is the kernel of
# one output channel. 72 products, one sum. It looks for *combinations*: say, a right edge here
# together with a horizontal edge one pixel below.

# %%
weight, bias = model[3].weight.data, model[3].bias.data  # (8, 8, 3, 3), (8,)
framed = np.pad(outputs[2][0], [(0, 0), (1, 1), (1, 1)])  # (8, 30, 30)
patch = framed[:, p : p + 3, q : q + 3]  # (8, 3, 3)
value = (patch * weight[o]).sum() + bias[o]
by_channel = (patch * weight[o]).sum(axis=(1, 2))  # (8,): what each input channel contributes
print("contribution of each input channel:", by_channel)
print(f"their sum, with the bias: {value:.3f}")
np.testing.assert_allclose(outputs[3][0, o, p, q], value, rtol=1e-4, atol=1e-5)

# %% [markdown]
# ### Max pooling: the strongest of four
#
# `model[9]` cuts each channel into squares of 2×2 and keeps the maximum of each:
#
# $$y[o, p, q] = \max_{i, j \in \{0, 1\}} x[o,\; 2p + i,\; 2q + j].$$
#
# 28×28 becomes 14×14. "There is a right edge *somewhere* in this square" is kept, where exactly is
# forgotten: a digit that moves by a pixel changes less from here on (lesson 5 measures how much).
# And each later kernel of 3×3 covers twice as much of the digit in each direction, for a quarter of
# the work.

# %%
row, column = 3, 7  # of the pooled map: its pixel (3, 7) is made of rows 6 and 7, columns 14 and 15
square = outputs[8][0, o, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]  # (2, 2)
print(f"{square}\nbecomes {square.max():.3f}")
assert outputs[9][0, o, row, column] == square.max()

# %% [markdown]
# ### The end: nine votes for each class
#
# The last two convolutions have no frame, so the picture shrinks: 7×7 to 5×5 to 3×3. The last one,
# `model[23]`, has ten output channels, one for each digit from 0 to 9. Each of its 3×3 pixels looks
# at the digit from a slightly different place and votes; average pooling takes the mean of the
# nine:
#
# $$z[k] = \frac{1}{9}\sum_{p=0}^{2}\sum_{q=0}^{2} x[k, p, q].$$
#
# The ten numbers $z$ are the **logits**, and the largest says what the network reads. (Flatten, the
# last layer, turns the shape (1, 10, 1, 1) into (1, 10) and computes nothing.)

# %%
votes = outputs[23][0]  # (10, 3, 3)
logits = votes.sum(axis=(1, 2)) / 9  # (10,)
print(logits)
print(f"the largest is that of class {logits.argmax()}; the label is {labels[number]}")
np.testing.assert_allclose(outputs[25][0], logits, rtol=1e-4, atol=1e-5)
assert logits.argmax() == labels[number]

# %% [markdown]
# ## All of it at once
#
# Four kinds of arithmetic were all there is. Here they are as one function that computes **one**
# pixel of any layer from the layer's input. We call it for pixels of every layer, drawn at random,
# and compare with the network.


# %%
def by_hand(layer, x, o, p, q):
    """One number: pixel (p, q) of channel o of what the layer makes of x (c, h, w)."""
    if isinstance(layer, tn.Conv2d):
        (kh, kw), (ph, pw) = layer.kernel_size, layer.padding
        framed = np.pad(x, [(0, 0), (ph, ph), (pw, pw)])
        patch = framed[:, p : p + kh, q : q + kw]  # (c, kh, kw)
        return (patch * layer.weight.data[o]).sum() + layer.bias.data[o]
    if isinstance(layer, tn.ReLU):
        return max(x[o, p, q], 0)
    if isinstance(layer, tn.BatchNorm2d):
        centred = x[o, p, q] - layer.running_mean[o]
        scaled = centred / np.sqrt(layer.running_var[o] + layer.eps)
        return layer.weight.data[o] * scaled + layer.bias.data[o]
    (kh, kw), (sh, sw) = layer.kernel_size, layer.stride  # a pooling layer; sh, sw: how far apart
    window = x[o, p * sh : p * sh + kh, q * sw : q * sw + kw]
    return window.max() if isinstance(layer, tn.MaxPool2d) else window.mean()


rng = np.random.default_rng(0)
before = x
largest = 0.0
for layer, y in zip(model, outputs, strict=True):
    if not isinstance(layer, tn.Flatten):
        _, channels, rows, columns = y.shape
        for _ in range(50):
            at = rng.integers(channels), rng.integers(rows), rng.integers(columns)
            np.testing.assert_allclose(by_hand(layer, before[0], *at), y[0][at], atol=1e-4)
            largest = max(largest, abs(by_hand(layer, before[0], *at) - y[0][at]))
    before = y
print(f"50 pixels of each of 25 layers agree; the largest difference is {largest:.1e}")

# %% [markdown]
# The differences that are left come from rounding: the network's float32 has seven digits, and adds
# in another order than we do.
#
# ## The digit, layer by layer
#
# The same, seen from further away: all channels of every layer, the **feature maps**. Follow three
# things down the picture. The blue (negative) of a convolution is gone after the ReLU below it.
# After each pooling the maps have half as many pixels to a side, so these look coarser, and the
# convolution behind it makes more maps. And what they show moves from *where is ink* to *what is
# it*: in the last convolution the votes of the right class are red (positive) all over.

# %%
assert votes[labels[number]].min() > 0
plot.feature_maps(model, image)

# %% [markdown]
# ## Experiment: cover a part of the digit
#
# What does the network look at? Cover a square of the digit with paper, see how far the logit of
# its class falls, and do so for a square around every pixel. Watch where the fall is deep (red):
# these are the pixels that the reading rests on. Then look for a digit that has another reading
# with its decisive part covered.

# %%
which = 0  # Change: another test digit, say 2 (a one), 3 (a zero), 4 (a four), 8 (a five)
size = 7  # Change: the side of the square, an odd number; 3 is a dot, 11 a third of the digit


def cover(which, size):
    """(28, 28) each: how far the label's logit falls with a square on a pixel, and the reading."""
    margin, label = size // 2, labels[which]
    covered = np.repeat(images[which : which + 1], 28 * 28, axis=0)  # (784, 28, 28), all the same
    for n, (row, column) in enumerate(np.ndindex(28, 28)):
        top, left = max(row - margin, 0), max(column - margin, 0)
        covered[n, top : row + margin + 1, left : column + margin + 1] = 0
    whole = model(as_input(images[which : which + 1]))[0, label]
    logits = np.concatenate([model(as_input(part)) for part in np.split(covered, 14)])  # (784, 10)
    fall = (whole - logits[:, label]).reshape(28, 28)
    return fall, logits.argmax(axis=1).reshape(28, 28)


fall, reading = cover(which, size)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), width_ratios=[1, 1.12, 1.12])
axes[0].imshow(images[which], cmap="gray_r")
axes[0].set_title(f"test digit {which}, a {labels[which]}")
limit = np.abs(fall).max()
shown = axes[1].imshow(fall, cmap="RdBu_r", vmin=-limit, vmax=limit)
axes[1].set_title(f"fall of the logit of {labels[which]}")
figure.colorbar(shown, ax=axes[1], fraction=0.046)
shown = axes[2].imshow(reading, cmap=plt.get_cmap("viridis", 10), vmin=-0.5, vmax=9.5)
axes[2].set_title("what it is read as")
figure.colorbar(shown, ax=axes[2], ticks=range(10), fraction=0.046)
for ax in axes:
    ax.set(xticks=[], yticks=[])
figure.tight_layout()

# %% [markdown]
# ## Questions
#
# **Question 1.** How many multiplications does one pixel of `model[3]` take? And the whole layer,
# for one digit? Compare the sum over all convolutions with the "Multiply-adds" that the summary
# printed.
#
# **Question 2.** How large is the part of the digit on which one pixel of the last convolution's
# 3×3 map depends? (A pixel of `model[0]`'s output depends on 3×3 pixels of the digit. One of
# `model[3]`'s depends on 3×3 of those, hence on 5×5 pixels. Go on, and mind the pooling. The field
# calls this window the *receptive field*.)
#
# **Question 3.** In use, BatchNorm is $a\,x + d$ for each channel, and a convolution that follows
# it is linear in its input. So $a$ and $d$ can be moved into that convolution's weights and bias,
# and the BatchNorm layer left out: $\text{weight}'[o, c] = \text{weight}[o, c]\cdot a[c]$ and
# $b'[o] = b[o] + \sum_{c,i,j} \text{weight}[o, c, i, j]\cdot d[c]$. For most pixels that gives the
# same result. For which does it not, and why?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# Where the square touches no ink nothing is covered, and the fall is 0; it is deep where it hides
# much of a stroke. A dot of 3×3 seldom changes the reading. A square of 7×7 does at many places of
# the zero, which most often becomes a six, and of the four, which most often becomes a seven. The
# one keeps its reading wherever the square lies, even one of 11×11: what is left of it is still a
# short upright stroke.

# %%
for digit in (2, 3, 4):
    for size in (3, 7, 11):
        fall, reading = cover(digit, size)
        others = {int(k): int((reading == k).sum()) for k in np.unique(reading)}
        own = others.pop(int(labels[digit]))
        print(f"a {labels[digit]}, square of {size:2}: right in {own} of 784 places; else {others}")
        if digit == 2:
            assert not others
        if size == 3:
            assert sum(others.values()) < 10
        if size == 7 and digit != 2:
            assert sum(others.values()) > 30
            assert max(others, key=others.get) == {3: 6, 4: 7}[digit]

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# One pixel: $8 \cdot 3 \cdot 3 = 72$. The layer has $8 \cdot 28 \cdot 28$ pixels, so 451,584. In
# general a convolution takes as many multiplications as its output has pixels times the number of
# weights in one output channel's kernel.

# %%
count = 0
for layer, y in zip(model, outputs, strict=True):
    if isinstance(layer, tn.Conv2d):
        count += y[0].size * layer.weight.data[0].size
print(f"{72 * 8 * 28 * 28:,} in model[3], {count:,} in all")
assert count == tn.summary(model, (1, 28, 28)).multiply_adds

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Let the window be $r$ pixels wide, and let one step in the layer's output be $s$ pixels of the
# digit. At the start $r = s = 1$. A kernel of width $k$ reaches $k - 1$ steps further, so $r$ grows
# by $(k - 1)\,s$; a pooling with stride 2 does this too ($k = 2$), and then doubles $s$. At the end
# $r = 38$: more than the digit's 28, so each of the nine votes may depend on nearly all of the
# digit. We check this by measurement at a layer where the window is smaller than the digit: change
# each pixel of the digit a little and see which ones move the middle pixel of `model[16]`'s output.

# %%
r, s, at_layer = 1, 1, []
for layer in model:
    if hasattr(layer, "kernel_size"):
        r += (layer.kernel_size[0] - 1) * s
        s *= layer.stride[0]
    at_layer.append((r, s))
print(f"window after model[16]: {at_layer[16][0]}, after model[23]: {at_layer[23][0]}")
assert at_layer[23][0] == 38

noise = rng.standard_normal((1, 1, 28, 28)).astype(np.float32)
moved = np.repeat(noise, 785, axis=0)  # the first stays as it is, the others change one pixel each
moved[1:].reshape(784, 784)[np.arange(784), np.arange(784)] += 1
middle = model[:17](moved)[:, :, 7, 7]  # (785, 16)
moves = (np.abs(middle[1:] - middle[0]) > 1e-5).any(axis=1).reshape(28, 28)
height = np.ptp(np.flatnonzero(moves.any(axis=1))) + 1
width = np.ptp(np.flatnonzero(moves.any(axis=0))) + 1
print(f"measured: pixels in a window of {height} × {width} move it")
assert max(height, width) <= at_layer[16][0]

# %% [markdown]
# For another image the measured window may be smaller: max pooling and ReLU let through only some
# of their inputs, so the pixels at its rim may happen not to matter. The rule gives what a pixel
# *can* depend on.

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# The pixels at the edge, where the kernel lies partly on the frame. The frame is put around
# BatchNorm's *output* and holds zeros. Moved into the convolution, $d$ would be added for these
# positions too, as if the frame were $d[c]$ and not 0. Inside, all is the same.

# %%


def merge(norm, conv):
    """A convolution that does what BatchNorm (in use) and then conv do, where there is no frame."""
    a = norm.weight.data / np.sqrt(norm.running_var + norm.eps)  # (c,)
    d = norm.bias.data - a * norm.running_mean  # (c,)
    merged = tn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=conv.padding)
    merged.weight.data = conv.weight.data * a[:, None, None]
    merged.bias.data = conv.bias.data + (conv.weight.data * d[:, None, None]).sum(axis=(1, 2, 3))
    return merged


difference = np.abs(merge(model[2], model[3])(outputs[1]) - outputs[3])[0].max(axis=0)  # (28, 28)
print(f"largest difference inside {difference[1:-1, 1:-1].max():.1e}")
print(f"largest difference at the edge {difference.max():.2f}")
assert difference[1:-1, 1:-1].max() < 1e-4 < difference.max()

# %% [markdown]
# Two convolutions of our network have no frame. `model[23]` follows a BatchNorm directly, and the
# merger is exact. Between `model[18]` and `model[20]` stands a max pooling, and the scale has to be
# taken past it: $\max_i (a\,x_i + d) = a \max_i x_i + d$ only if $a > 0$, that is if $\gamma > 0$.
# (With $a < 0$ the largest result belongs to the *smallest* $x_i$.) In the trained network all
# these $\gamma$ are positive, so here the merger is exact, too. Nothing makes them so: turn the
# sign of one, and it is not.

# %%
np.testing.assert_allclose(merge(model[22], model[23])(outputs[21]), outputs[23], atol=1e-4)
norm, pooling, conv = model[18], model[19], model[20]
assert (norm.weight.data > 0).all()
for sign in (1, -1):
    norm.weight.data[0] *= sign
    error = np.abs(merge(norm, conv)(pooling(outputs[17])) - conv(pooling(norm(outputs[17]))))
    print(f"γ of channel 0 is {norm.weight.data[0]:+.2f}: largest difference {error.max():.1e}")
    assert (error.max() < 1e-4) == (sign > 0)
norm.weight.data[0] *= -1  # as it was

# %% [markdown]
# ## Where to go
#
# - **Exercise:** [`conv2d.py`](../../tinynet/exercises/blanks/conv2d.py), its `forward` alone for
#   now: `by_hand` is one pixel of it. `python -m tinynet.exercise conv2d` checks it; `backward` is
#   lesson 4's matter.
# - **Draw:** run [`python examples/draw.py`](../draw.py), draw a seven and choose a pixel of a map:
#   the page works it out as this lesson did, patch times weights included.
# - **Next:** [lesson 2](02_loss.py) makes probabilities of the ten logits, and one number of them
#   that says how wrong the network is.
