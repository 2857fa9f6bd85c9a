# %% [markdown]
# # 3 · Backpropagation as one rule, checked numerically
#
# - **Time:** 35 minutes
# - **Before:** lessons 1 and 2; derivatives, the chain rule and Taylor's formula of one variable;
#   matrix products and transposes
# - **After:** you can write the backward pass of a layer you have never seen, and check it; you
#   know which mistakes a gradient check sees, and which it cannot
# - **Code:** [`layer.py`](../../tinynet/layer.py), [`linear.py`](../../tinynet/layers/linear.py),
#   [`gradcheck.py`](../../tinynet/gradcheck.py)
#
# Training moves each weight $w$ against $\partial L / \partial w$, the derivative of the loss $L$
# when $w$ alone moves and all else is held fixed. A network has thousands of weights, and $L$ is
# computed from them through dozens of layers. Backpropagation computes all those derivatives in one
# pass from the loss back to the input, and each layer takes part in it with one small function.
# That function is all you ever have to derive.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input

np.set_printoptions(precision=4, suppress=True, linewidth=100)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Derivation: what dy becomes
#
# A layer turns $x$ into $y$. What comes after it, the other layers and the loss, turns $y$ into the
# number $L$. Write $dy$ for the gradient of $L$ with respect to $y$: an array of the *shape of
# $y$*, whose entry $dy_j = \partial L / \partial y_j$ says how much $L$ grows when $y_j$ grows by
# one (small) unit. Likewise $dx$, of the shape of $x$, and $dw$ for each weight array $w$.
#
# Now move one entry $x_i$ by a little $\delta$. Each $y_j$ moves by
# $\frac{\partial y_j}{\partial x_i} \delta$, and each of these moves changes $L$ by $dy_j$ times as
# much. All of them together:
#
# $$dx_i = \sum_j \frac{\partial y_j}{\partial x_i}\, dy_j.$$
#
# This is the chain rule, and the whole of backpropagation. `backward(dy)` gets $dy$ from the layer
# behind it, which calls it its $dx$; returns $dx$ to the layer before it; and does the same for its
# own weights, which are inputs like $x$. Nobody needs to know more than its neighbour's array.
#
# In practice one reads it as two habits. Ask of each number $x_i$: **where does it go, and with
# which factor?**
#
# - Goes to *one place with factor $a$* ($y = a x$): it gets $a \cdot dy$.
# - Goes to *several places*: it gets the *sum* of what comes back from them.
#
# | forward | where $x_i$ goes | hence backward |
# |:--|:--|:--|
# | $y_i = a\,x_i$ | to $y_i$, factor $a$ | $dx_i = a\,dy_i$ |
# | $y = \sum_i x_i$ | to $y$, factor 1 | $dx_i = dy$ for every $i$ |
# | $y_j = x$ for every $j$ (copies) | to all $y_j$, factor 1 | $dx = \sum_j dy_j$ |
# | $y = u \cdot v$ | $u$ to $y$, factor $v$ | $du = v\,dy$, and $dv = u\,dy$ |
# | $y_i = \max(x_i, 0)$ | to $y_i$, factor 1 if $x_i > 0$, else 0 | $dx_i = dy_i$, or 0 |
#
# A sum forward is a copy backward, and a copy forward is a sum backward.
#
# On a graph of single numbers, $L = \frac{1}{2}(\max(w x + b, 0) - t)^2$: values (black) go from
# left to right, gradients (below them) from right to left, each from its neighbour's by one line of
# the table.

# %%
value = dict(w=1.5, x=2.0, b=-1.0, t=3.0)
value["u"] = value["w"] * value["x"]
value["z"] = value["u"] + value["b"]
value["a"] = max(value["z"], 0)
value["L"] = (value["a"] - value["t"]) ** 2 / 2
gradient = dict(L=1.0, a=value["a"] - value["t"], t=value["t"] - value["a"])
gradient["z"] = gradient["a"] if value["z"] > 0 else 0.0
gradient["u"] = gradient["b"] = gradient["z"]  # a sum forward is a copy backward
gradient["w"], gradient["x"] = gradient["u"] * value["x"], gradient["u"] * value["w"]

nodes = {"·": (2, 1), "+": (4, 1), "max( , 0)": (6, 1), "½(a − t)²": (8, 1)}
places = [nodes[name] for name in nodes]
edges = dict(w=((0, 1.8), places[0]), x=((0, 0.2), places[0]), b=((2.6, -0.2), places[1]))
edges |= dict(u=places[:2], z=places[1:3], a=places[2:], t=((6.6, -0.2), places[3]))
edges["L"] = places[3], (10, 1)
figure, ax = plt.subplots(figsize=(11, 3))
boxes = {}
for name, place in nodes.items():
    round_box = dict(boxstyle="round", facecolor="white", edgecolor="black")
    text = ax.text(*place, name, ha="center", va="center", fontsize=11, bbox=round_box)
    boxes[place] = text.get_bbox_patch()
for name, (start, end) in edges.items():
    ends = dict(patchA=boxes.get(start), patchB=boxes.get(end))  # an arrow ends at its boxes
    ax.annotate("", end, start, arrowprops=dict(arrowstyle="-|>", color="grey", **ends))
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if name in "wxbt":
        middle = start[0] - 0.1, start[1]
    look = dict(ha="right" if name in "wxbt" else "center", fontsize=11, linespacing=1.5)
    ax.text(*middle, f"{name} = {value[name]:g}\n", va="center", **look)
    ax.text(*middle, f"\nd{name} = {gradient[name]:g}", va="center", color="#d55e00", **look)
ax.set(xlim=(-1.5, 10.5), ylim=(-0.7, 2.3))
ax.axis("off")
figure.tight_layout()

step = 1e-6  # is each right? Move the input, and look at L
for name in "wxbt":
    moved = value | {name: value[name] + step}
    L = (max(moved["w"] * moved["x"] + moved["b"], 0) - moved["t"]) ** 2 / 2
    assert abs((L - value["L"]) / step - gradient[name]) < 1e-4

# %% [markdown]
# ### A whole layer: Linear
#
# With $n$ images (rows), $i$ inputs and $o$ outputs (each letter names the size of an axis, and in
# a formula the index along it):
#
# $$y = x W^{\mathsf T} + b: \qquad y_{no} = \sum_i x_{ni} W_{oi} + b_o,$$
#
# $x$: (n, i), $W$: (o, i), $b$: (o,), $y$: (n, o). Ask where each goes:
#
# - $b_o$ goes to $y_{no}$ for every image $n$, with factor 1. Hence $db_o = \sum_n dy_{no}$.
# - $W_{oi}$ goes to $y_{no}$ for every $n$, with factor $x_{ni}$. Hence
#   $dW_{oi} = \sum_n dy_{no}\, x_{ni}$. As matrices: $dW = dy^{\mathsf T} x$, and the shapes agree:
#   (o, n) times (n, i) is (o, i).
# - $x_{ni}$ goes to $y_{no}$ for every output $o$, with factor $W_{oi}$. Hence
#   $dx_{ni} = \sum_o dy_{no} W_{oi}$, which is $dx = dy\, W$: (n, o) times (o, i) is (n, i).
#
# Nothing was looked up, no matrix calculus. Each gradient has the shape of its array, which often
# leaves only one way to multiply.
#
# ## A network of two layers, by hand
#
# Pixels, Linear, ReLU, Linear, loss. Backward is forward read from the bottom to the top, with each
# line replaced by what $dy$ becomes there. The start is lesson 2: $dz = (p - q)/n$. The first
# weights are drawn at random. How large they should be, the **initialisation**, is lesson 10.

# %%
(images, labels), _ = tn.datasets.mnist()
x = as_input(images[:32]).reshape(32, 784).astype(np.float64)  # (n, i) = (32, 784)
label = labels[:32]
W1, b1 = rng.standard_normal((20, 784)) / 28, np.zeros(20)  # (20, 784), (20,)
W2, b2 = rng.standard_normal((10, 20)) / 4, np.zeros(10)  # (10, 20), (10,)

# forward
h = x @ W1.T + b1  # (32, 20)
a = np.maximum(h, 0)  # (32, 20)
z = a @ W2.T + b2  # (32, 10): the logits
p = np.exp(z - z.max(axis=1, keepdims=True))
p /= p.sum(axis=1, keepdims=True)  # (32, 10)
L = -np.log(p[np.arange(32), label]).mean()

# backward
q = np.eye(10)[label]  # (32, 10): 1 at the label
dz = (p - q) / 32  # forward was softmax and cross-entropy
dW2 = dz.T @ a  # (10, 20): forward was z = a @ W2.T + b2
db2 = dz.sum(axis=0)  # (10,)
da = dz @ W2  # (32, 20)
dh = np.where(h > 0, da, 0)  # (32, 20): forward was a = max(h, 0)
dW1 = dh.T @ x  # (20, 784): forward was h = x @ W1.T + b1
db1 = dh.sum(axis=0)  # (20,)
dx = dh @ W1  # (32, 784)
print(f"loss {L:.4f}; dW1 {dW1.shape}, dx {dx.shape}")

# %% [markdown]
# tinynet does the same, with one class for each line. `backward` of `Sequential` is a loop from the
# last layer to the first: `dy = layer.backward(dy)`.

# %%
network = tn.Sequential(tn.Linear(784, 20), tn.ReLU(), tn.Linear(20, 10))
for parameter, value in zip(network.parameters(), (W1, b1, W2, b2), strict=True):
    parameter.data = value
loss = tn.CrossEntropyLoss()
np.testing.assert_allclose(loss(network(x), label), L)
np.testing.assert_allclose(network.backward(loss.backward()), dx, atol=1e-15)
for parameter, gradient in zip(network.parameters(), (dW1, db1, dW2, db2), strict=True):
    np.testing.assert_allclose(parameter.grad, gradient, atol=1e-15)
print("all five gradients agree with tinynet's")

# %% [markdown]
# Note what backward needed from forward: $x$, $a$, and where $h > 0$. That is what a layer keeps
# (`self.save`), and why training takes more memory than use.
#
# The same pass gives more than weights' gradients. At its very end stands $dx$: how each *pixel*
# would change the result. Start at the trained network's logit of one class ($dy$ is 1 there, 0
# elsewhere) instead of at the loss, and look at $dx$: more ink on a red pixel raises the logit,
# more ink on a blue one lowers it.

# %%
trained = tn.models.mnist_lite(pretrained=True).eval()
_, (test_images, test_labels) = tn.datasets.mnist()
chosen = [0, 2, 4]
ask = [(i, test_labels[i]) for i in chosen] + [(4, 9)]  # (4, 9): what makes this four a nine?
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2))
for ax, (i, k) in zip(axes, ask, strict=True):
    logits = trained(as_input(test_images[i : i + 1]))  # (1, 10)
    dy = np.zeros_like(logits)
    dy[0, k] = 1
    pixels = trained.backward(dy)[0, 0]  # (28, 28)
    limit = np.abs(pixels).max()
    ax.imshow(pixels, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.contour(test_images[i], levels=[128], colors="black", linewidths=1)
    ax.set(title=f"a {test_labels[i]}: gradient of logit {k}", xticks=[], yticks=[])
figure.tight_layout()

# %% [markdown]
# ## Is it right? Ask forward
#
# A wrong backward pass seldom crashes. The network trains, only worse, and nobody knows why. But
# there is a second way to a derivative, which needs forward alone: move one number there and back,
# and look at $L$. The **central difference**
#
# $$D(\varepsilon) = \frac{f(t + \varepsilon) - f(t - \varepsilon)}{2 \varepsilon}
# \approx f'(t).$$
#
# How large should the step $\varepsilon$ be? Two errors pull in opposite directions.
#
# *The step is not zero.* Taylor's formula,
# $f(t \pm \varepsilon) = f \pm \varepsilon f' + \frac{\varepsilon^2}{2} f''
# \pm \frac{\varepsilon^3}{6} f''' + \ldots$; in the difference $f$ and $f''$ cancel, and
#
# $$D(\varepsilon) = f'(t) + \frac{\varepsilon^2}{6} f'''(t) + \ldots$$
#
# Ten times smaller a step, a hundred times smaller an error. (The one-sided difference
# $(f(t + \varepsilon) - f(t))/\varepsilon$ keeps the term with $f''$, so its error shrinks only as
# $\varepsilon$ does.)
#
# *Numbers are rounded.* Each $f$ is off by about $u\,|f|$, where $u$ is half the gap between 1 and
# the next number: $6 \cdot 10^{-8}$ in float32, $10^{-16}$ in float64. The difference keeps this
# error and is divided by $2\varepsilon$: an error of about $u\,|f| / \varepsilon$, which *grows* as
# the step shrinks.
#
# The sum $\frac{\varepsilon^2}{6}|f'''| + \frac{u |f|}{\varepsilon}$ is smallest where its
# derivative is zero, at $\frac{\varepsilon}{3}|f'''| = \frac{u|f|}{\varepsilon^2}$, that is at
#
# $$\varepsilon = \sqrt[3]{3\, u\, |f| / |f'''|}.$$
#
# We measure it: the loss of a Linear layer (no kinks) as a function of single weights. How large
# $f'''$ is we read off the right arm, where the error is $\frac{\varepsilon^2}{6}|f'''|$.


# %%
def loss_of(weight, x, y):
    """The mean cross-entropy of logits x @ weight.T, in the dtype of its arguments."""
    z = x @ weight.T
    z = z - z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), y])


weight = rng.standard_normal((10, 12))
inputs, targets = rng.standard_normal((6, 12)), np.arange(6)
z = inputs @ weight.T
p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
exact = ((p - np.eye(10)[targets]) / 6).T @ inputs  # (10, 12): the rule, in float64


def median_error(eps, dtype, central):
    """Of the difference quotients of all 120 weights, against the exact gradient."""
    w, x = weight.astype(dtype), inputs.astype(dtype)
    errors = []
    for index in np.ndindex(w.shape):
        there, back = w.copy(), w.copy()
        there[index] += dtype(eps)
        if central:
            back[index] -= dtype(eps)
        rise = loss_of(there, x, targets) - loss_of(back, x, targets)
        errors.append(abs(rise / (eps * (1 + central)) - exact[index]))
    return np.median(errors)


steps = np.logspace(-11, 0, 45)
figure, ax = plt.subplots(figsize=(7.5, 4.6))
for dtype, color in ((np.float32, "#d55e00"), (np.float64, "#0072b2")):
    for central, style in ((True, "-"), (False, ":")):
        errors = np.array([median_error(eps, dtype, central) for eps in steps])
        kind = "central" if central else "one-sided"
        ax.loglog(steps, errors, style, color=color, label=f"{dtype.__name__}, {kind}")
        if central:
            u = np.finfo(dtype).eps / 2
            best = errors.argmin()
            third = 6 * errors[40] / steps[40] ** 2  # |f'''|, from the right arm (at ε = 0.1)
            predicted = (3 * u * loss_of(weight, inputs, targets) / third) ** (1 / 3)
            print(
                f"{dtype.__name__}: best step {steps[best]:.0e}, predicted {predicted:.0e}; "
                f"error there {errors[best]:.0e}"
            )
            assert predicted / 5 < steps[best] < predicted * 5
            digits = -np.log10(errors[[best, 20]] / np.median(np.abs(exact)))  # steps[20] is 1e-6
            assert (3 < digits[0] < 5) if dtype is np.float32 else (digits > [9, 7]).all()
ax.set(xlabel="step ε", ylabel="median error of the difference", ylim=(1e-13, 10))
ax.set_title("Too long a step is inexact, too short a step is rounded away")
ax.legend()
figure.tight_layout()

# %% [markdown]
# The right arm of a V is $\varepsilon^2$ (central) or $\varepsilon$ (one-sided); the left arm is
# rounding. (It becomes flat where the step is so short that $t + \varepsilon$ is rounded to $t$:
# the difference is 0, and all of the gradient is the error.) With float32 a central difference is
# good to some four digits at best: too few to tell a small mistake from rounding. With float64 it
# is more than nine. Hence tinynet checks in float64. It takes $\varepsilon = 10^{-6}$, shorter than
# the best step here: the more than seven digits that it leaves are enough, and a short step meets
# fewer of ReLU's kinks, of which more below.
#
# ## A gradient check in twenty lines
#
# A layer gives an array $y$, not one number. Put a number behind it: draw an array $dy$ at random
# and let $L = \sum dy \cdot y$. Each $y_j$ goes to $L$ with factor $dy_j$, so the gradient of $L$
# with respect to $y$ is $dy$, and `backward(dy)` has to return the gradient of this $L$.


# %%
def check(layer, x, eps=1e-6):
    """The largest difference between backward and central differences, of each array."""
    dy = rng.standard_normal(layer(x).shape)  # random, on purpose: see question 3
    arrays = {"dx": (x, layer.backward(dy))}
    for name, parameter in layer.named_parameters():
        arrays[name] = parameter.data, parameter.grad
    worst = {}
    for name, (array, gradient) in arrays.items():
        numerical = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            before = array[index]
            array[index] = before + eps
            there = (dy * layer(x)).sum()
            array[index] = before - eps
            back = (dy * layer(x)).sum()
            array[index] = before
            numerical[index] = (there - back) / (2 * eps)
        worst[name] = float(np.abs(gradient - numerical).max())
    return worst


linear = tn.Linear(5, 3, rng=0)
for parameter in linear.parameters():
    parameter.data = parameter.data.astype(np.float64)
x = rng.standard_normal((4, 5))
print("ours:", {name: f"{error:.1e}" for name, error in check(linear, x).items()})
print("tinynet's:")
print(tn.gradcheck(linear, x))
assert max(check(linear, x).values()) < 1e-7

# %% [markdown]
# `tn.gradcheck` does the same, and a little more: it widens the layer to float64 for the time of
# the check, checks the contract (nobody's arrays are written to, a gradient is assigned and not
# added), and for large arrays uses random directions instead of every entry.
#
# ## Three bugs it catches
#
# Each is the kind of mistake that everyone makes, has the right shapes, and trains, somehow.


# %%
class MeanBias(tn.Linear):
    """Takes the mean over the batch where the sum belongs."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.bias.grad = dy.mean(axis=0)
        return dx


class MaskOfDy(tn.ReLU):
    """Stops the gradient where it is negative, instead of where x was."""

    def backward(self, dy):
        super().backward(dy)
        return np.where(dy > 0, dy, 0)


class Transposed(tn.Linear):
    """Multiplies by Wᵀ instead of W. Where W is square, the shape is right all the same."""

    def backward(self, dy):
        super().backward(dy)
        return dy @ self.weight.data.T


bugs = [
    (MeanBias(3, 2, rng=0), (4, 3)),
    (MaskOfDy(), (4, 3)),
    (Transposed(3, 3, rng=0), (4, 3)),
]
for layer, shape in bugs:
    try:
        tn.gradcheck(layer, rng.standard_normal(shape))
    except tn.GradientError as error:
        print(f"{type(layer).__name__}: {error}\n")
    else:
        raise AssertionError(f"{layer} should have been caught")

# %% [markdown]
# Read the two values like a doctor. In the first bug they differ by a factor of exactly 4, the
# number of images: a sum that became a mean. In the second, one of them is 0, or $dy$ itself where
# it should be 0: a mask. In the third they have nothing to do with each other: a wrong index.
#
# ## One bug it cannot catch
#
# The check asks whether backward is the derivative of *this forward*. It does not know what forward
# was meant to be.


# %%
class Wrong(tn.Layer):
    """Meant to be ReLU, max(x, 0). It is max(x, 1), and its backward is right for that."""

    def forward(self, x):
        y = np.maximum(x, 1)
        self.save(y, x <= 1)
        return y

    def backward(self, dy):
        (stopped,) = self.saved(dy)
        return np.where(stopped, 0, dy)


x = rng.standard_normal((4, 3))
print(tn.gradcheck(Wrong(), x))
print("but it is not ReLU:", not np.array_equal(Wrong()(x), tn.ReLU()(x)))

# %% [markdown]
# For this one needs a second, independent forward: a definition in plain loops, or another
# library's. tinynet has both in its tests (`tests/oracle.py`, `tests/golden`).
#
# There are also points where the check is wrong and the layer right: **kinks**. At $x = 0$ ReLU has
# no derivative. tinynet takes 0 there (as our table does), and the central difference sees the
# slope 0 on one side and 1 on the other, and says ½. gradcheck guesses what happened. The remedy is
# another, random, $x$.

# %%
relu, eps = tn.ReLU(), 1e-6
difference = (relu(np.array([eps])) - relu(np.array([-eps]))) / (2 * eps)
print("central difference of ReLU at 0:", difference)
assert difference == 0.5

x = rng.standard_normal((4, 3))
x[1, 2] = 0
try:
    tn.gradcheck(relu, x)
except tn.GradientError as error:
    print(error)
    assert error.index == (1, 2) and "kink" in str(error)
else:
    raise AssertionError("a kink should have been noticed")

# %% [markdown]
# ## Experiment: break it
#
# Here is a layer that you may not know, *swish*: $y = x \cdot s$ with
# $s = \sigma(x) = 1 / (1 + e^{-x})$. Its $x$ goes to $y$ by two ways: directly, with factor $s$,
# and through $s$, with factor $x \cdot s'$, where $s' = s\,(1 - s)$. So
# $dx = dy \cdot (s + x\, s\,(1 - s))$.
#
# Break backward, and predict what the picture shows before you run it. Each point is one entry of
# $dx$; right ones lie on the diagonal. Which mistakes make a cloud, which keep some points on the
# diagonal, and which would you not see in the picture alone?


# %%
class Swish(tn.Layer):
    def forward(self, x):
        s = 1 / (1 + np.exp(-x))
        y = x * s
        self.save(y, x, s)
        return y

    def backward(self, dy):
        x, s = self.saved(dy)
        # Change: leave out the second term; forget the factor x; write s * (1 + s); flip a sign;
        # return dx[::-1]
        dx = dy * (s + x * s * (1 - s))
        return dx


eps = 1e-6  # Change: 1e-12, or 1.0 (from which gradcheck goes on to shorter steps by itself)
x = 2 * rng.standard_normal((10, 8))
layer = Swish()
dy = rng.standard_normal(layer(x).shape)
dx = layer.backward(dy)
numerical = dy * (layer(x + eps) - layer(x - eps)) / (2 * eps)  # y_i depends on x_i alone
figure, ax = plt.subplots(figsize=(4.4, 4.2))
ax.plot(numerical.ravel(), dx.ravel(), "o", alpha=0.6)
ax.axline((0, 0), slope=1, color="black", lw=0.8)
ax.set(xlabel="central difference", ylabel="backward", title="each entry of dx")
figure.tight_layout()
try:
    print(tn.gradcheck(layer, x, eps=eps))
except tn.GradientError as error:
    print(error)

# %% [markdown]
# ## Questions
#
# **Question 1.** A *residual* layer computes $y = x + f(x)$, where $f$ is another layer. What does
# $dy$ become? Why is it said that gradients pass through many such layers more easily?
#
# **Question 2.** One could do without backward passes, and take central differences of the loss for
# every weight. How many forward passes would one step of training mnist_lite take? Measure a
# forward pass and a forward with backward, and compare.
#
# **Question 3.** Why is $dy$ random, rather than all ones? Think of a layer that subtracts from $x$
# its mean: $y_i = x_i - \frac1n \sum_j x_j$. What is $dx$ for $dy = (1, \ldots, 1)$? Which wrong
# backward passes would a check with ones let through?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# Reversing dx, a wrong index, scatters the points. All other mistakes keep a part of them on or
# near the diagonal, where the wrong factor matters little: without the second term a third of the
# points lies within 0.05 of it, and the cloud as a whole leans as it should. Whoever compared two
# such pictures, or looked at a few entries only, might let it pass. The gradient check does not: it
# looks at the worst entry.
#
# With $\varepsilon = 10^{-12}$ the *right* backward is refused, because the difference has only
# three digits left: the left arm of the V. With 1.0 the points lie off the diagonal by up to 0.1,
# and gradcheck still finds it right, since it goes on to shorter steps.


# %%
class RightSwish(Swish):  # whatever you changed above
    def backward(self, dy):
        x, s = self.saved(dy)
        return dy * (s + x * s * (1 - s))


s = 1 / (1 + np.exp(-x))
right = dy * (s + x * s * (1 - s))
mistakes = {
    "without the second term": dy * s,
    "without the factor x": dy * (s + s * (1 - s)),
    "1 + s for 1 − s": dy * (s + x * s * (1 + s)),
    "a flipped sign": dy * (s - x * s * (1 - s)),
    "dx[::-1]": right[::-1],
}
for name, wrong in mistakes.items():
    near = (np.abs(wrong - right) < 0.05).mean()
    slant = np.corrcoef(wrong.ravel(), right.ravel())[0, 1]
    print(f"{name:24} {near:4.0%} of the points near the diagonal, correlation {slant:.2f}")
    assert (slant > 0.5) == (near > 0.15) == (name != "dx[::-1]")
    assert np.abs(wrong - right).max() > 0.1
try:
    tn.gradcheck(RightSwish(), x, eps=1e-12)
except tn.GradientError as error:
    print(error)
else:
    raise AssertionError("so short a step should have failed")
tn.gradcheck(RightSwish(), x, eps=1.0)
off = np.abs(dy * (layer(x + 1.0) - layer(x - 1.0)) / 2 - right).max()
print(f"with a step of 1.0 the points lie off the diagonal by up to {off:.2f}")
assert 0.05 < off < 0.2

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# $x_i$ goes to two places: to $y_i$ directly, with factor 1, and into $f$. So $dx$ is the sum of
# what comes back: $dx = dy + f.\text{backward}(dy)$. Whatever $f$ does, even if its factors are
# tiny, the first term carries $dy$ back unchanged.


# %%
class Residual(tn.Layer):
    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        y = x + self.inner(x)
        self.save(y)
        return y

    def backward(self, dy):
        self.saved(dy)  # nothing was kept; this checks that dy looks like y
        return dy + self.inner.backward(dy)


print(tn.gradcheck(Residual(tn.Linear(3, 3, rng=0)), rng.standard_normal((4, 3))))

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Two for each of the 11,950 parameters: 23,900 forward passes. A backward pass costs about as much
# as two forward passes (one for $dx$, one for $dw$), whatever the number of weights.

# %%
fresh = tn.models.mnist_lite(rng=0)
batch, batch_labels = as_input(images[:64]), labels[:64]
count = sum(parameter.data.size for parameter in fresh.parameters())


def seconds(f, times=5):
    """The shortest of a few runs, after one that does not count."""
    f()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        f()
        taken.append(time.perf_counter() - started)
    return min(taken)


def forward_and_backward():
    loss = tn.CrossEntropyLoss()
    loss(fresh(batch), batch_labels)
    fresh.backward_parameters(loss.backward())


forward_time, both = seconds(lambda: fresh(batch)), seconds(forward_and_backward)
print(f"{count:,} parameters")
print(f"forward {1000 * forward_time:.0f} ms, forward and backward {1000 * both:.0f} ms")
print(f"all gradients by central differences: {2 * count * forward_time / 60:.0f} minutes")
assert count == 11_950

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# $x_i$ goes to $y_i$ with factor 1 and to every $y_j$ with factor $-1/n$, so $dx_i = dy_i - \frac1n
# \sum_j dy_j$: backward subtracts the mean, too. For $dy$ all ones this is zero. Whatever is wrong
# with it in proportion to its right value, a factor of 2, a flipped sign, or a backward that always
# returns zero, is still zero and passes. BatchNorm subtracts a mean, and so would be checked by
# nothing. A random $dy$ has no such blind spot.


# %%
class Centre(tn.Layer):
    def forward(self, x):
        y = x - x.mean()
        self.save(y)
        return y

    def backward(self, dy):
        self.saved(dy)
        return np.zeros_like(dy)  # wrong


x = rng.standard_normal(6)
eps, ones = 1e-6, np.ones(6)
numerical = np.zeros(6)
for i in range(6):
    step = eps * np.eye(6)[i]
    numerical[i] = (ones * (Centre()(x + step) - Centre()(x - step))).sum() / (2 * eps)
print("dy of ones: central differences", numerical)
np.testing.assert_allclose(numerical, 0, atol=1e-9)  # as the wrong backward says
try:
    tn.gradcheck(Centre(), x)
except tn.GradientError as error:
    print("random dy:", error)
else:
    raise AssertionError("a backward of zeros should have been caught")

# %% [markdown]
# ## Where to go
#
# - **Exercises:** [`relu.py`](../../tinynet/exercises/blanks/relu.py) and
#   [`linear.py`](../../tinynet/exercises/blanks/linear.py): `python -m tinynet.exercise relu`
#   checks the first, and says where to look.
# - **Draw:** run [`python examples/draw.py`](../draw.py). "What would change its mind" is the
#   picture of this lesson, for your own digit: choose another class and add ink where it is asked
#   for.
# - **Next:** [lesson 4](04_convolution.py) applies the rule to a convolution.
