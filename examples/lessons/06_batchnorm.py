# %% [markdown]
# # 6 · BatchNorm: its backward pass in full, and its two modes
#
# - **Time:** 35 minutes
# - **Before:** lesson 3 (the chain rule as a rule about dy); partial derivatives, mean and
#   variance, dot products. For the second way also projections, and what an eigenvalue of a matrix
#   is: who lacks these may leave out "Backward, second way"
# - **After:** you can derive BatchNorm's backward pass in two ways, say why two parts of dy
#   disappear in it, and recognise the three accidents that its two modes invite
# - **Code:** [`layers/batchnorm.py`](../../tinynet/layers/batchnorm.py),
#   [`layer.py`](../../tinynet/layer.py) (`train`, `eval`, buffers)
#
# In the layers before this one, an output depends on a few inputs of its own image. In BatchNorm,
# while it trains, each output depends on every value of its channel in the whole batch (the
# mini-batch, that is: the few dozen digits of one step), which makes its backward pass the hardest
# of all our layers. While it is used (in inference), each output depends on one input alone. One
# layer, two functions: that is where its accidents come from. (S. Ioffe, C. Szegedy. Batch
# normalization. ICML 2015.)

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input

(x_train, y_train), (x_test, y_test) = tn.datasets.mnist()
rng = np.random.default_rng(0)

# %% [markdown]
# ## What it does forward
#
# BatchNorm looks at one channel at a time. A batch of $n$ images of $h \times w$ pixels has
# $m = n \cdot h \cdot w$ values in that channel. Where they come from plays no part, so we write
# them as one vector $x = (x_1, \dots, x_m)$. Every sum below runs over these $m$ values.
#
# $$\mu = \frac1m \sum_i x_i \qquad
#   \sigma^2 = \frac1m \sum_i (x_i - \mu)^2 \qquad
#   s = \sqrt{\sigma^2 + \varepsilon} \qquad
#   \hat x_i = \frac{x_i - \mu}{s} \qquad
#   y_i = \gamma\,\hat x_i + \beta$$
#
# $\mu$ and $\sigma^2$ are the channel's mean and variance; the small number $\varepsilon$ = 0.00001
# keeps $s$ away from 0. $\hat x$ has mean 0 and, but for $\varepsilon$, variance 1. Then comes a
# scale $\gamma$ and a shift $\beta$, both learned, one of each for the channel.
#
# Here it is, by hand, for a real channel: channel 2 behind the first convolution and ReLU of the
# trained network, for 64 digits.

# %%
trained = tn.models.mnist_lite(pretrained=True).eval()
images = as_input(x_train[:64]).astype(np.float64)  # (64, 1, 28, 28)
behind_relu = trained[:2](images)  # (64, 8, 28, 28)
x = behind_relu[:, 2].ravel()  # (m,), one channel
m, eps = x.size, 1e-5
gamma, beta = 1.75, 0.25  # any two numbers

mu = x.sum() / m
s = np.sqrt(((x - mu) ** 2).sum() / m + eps)
xhat = (x - mu) / s  # (m,)
y = gamma * xhat + beta  # (m,)

norm = tn.BatchNorm2d(1, eps=eps)
norm.weight.data[:], norm.bias.data[:] = gamma, beta
y_of_tinynet = norm(x.reshape(64, 1, 28, 28))
np.testing.assert_allclose(y, y_of_tinynet.ravel(), rtol=1e-6)
print(f"m = {m:,}   mean {x.mean():.3f} → {xhat.mean():.3f}   variance {x.var():.4f} → ", end="")
print(f"{xhat.var():.4f} → {y.var():.4f}, near γ² = {gamma**2:.4f}")

# %% [markdown]
# ## Backward, first way: the three ways by which x reaches y
#
# We are given $dy$, a vector $(m,)$ whose entry $dy_i$ is short for $\partial L / \partial y_i$,
# and want $dx$, which is $\partial L / \partial x_i$ for each $i$. Two gradients come at once,
# because $\beta$ is added to every $y_i$, and $\gamma$ multiplies every $\hat x_i$:
#
# $$d\beta = \sum_i dy_i \qquad d\gamma = \sum_i dy_i\,\hat x_i \qquad d\hat x_i = \gamma\,dy_i$$
#
# Now the hard part. If one $x_i$ moves, $\hat x_i$ moves; but $\mu$ moves too, and $s$ moves, and
# with these **every** $\hat x_j$. The chain rule says: add up all the ways.
#
# **Directly**, with $\mu$ and $s$ held fixed: $\partial \hat x_i / \partial x_i = 1/s$, which
# brings $dx_i = d\hat x_i / s$.
#
# **Through μ.** Each $\hat x_j$ falls by $1/s$ when $\mu$ rises by 1, hence
# $d\mu = -\sum_j d\hat x_j / s$. And $\mu$ rises by $1/m$ with each $x_i$. Together:
# $-\frac1{m s} \sum_j d\hat x_j$. ($\mu$ stands in $\sigma^2$ as well, but
# $\partial\sigma^2/\partial\mu = -\frac2m \sum_i (x_i - \mu) = 0$: the deviations from a mean add
# up to 0. So nothing flows that way.)
#
# **Through s.** $\hat x_j = (x_j - \mu)/s$, so
# $\partial\hat x_j/\partial s = -(x_j - \mu)/s^2 = -\hat x_j/s$, and
# $ds = -\frac1s \sum_j d\hat x_j\,\hat x_j$. How $s$ follows $x_i$:
# $\partial\sigma^2/\partial x_i = 2(x_i - \mu)/m$, and the root has the derivative
# $\partial s/\partial\sigma^2 = 1/(2s)$; the product is $(x_i - \mu)/(m s) = \hat x_i / m$.
# Together: $-\frac{\hat x_i}{m s} \sum_j d\hat x_j\,\hat x_j$.
#
# The sum of the three, with $d\hat x = \gamma\,dy$ put in, and $d\beta$, $d\gamma$ recognised:
#
# $$\boxed{\;dx_i = \frac{\gamma}{s}\Bigl( dy_i - \frac{d\beta}{m} - \hat x_i\,\frac{d\gamma}{m}
#   \Bigr)\;}$$
#
# Nothing was approximated, $\varepsilon$ included. In code the three ways stay three lines:

# %%
dy = rng.standard_normal(m)  # (m,); any gradient will do
dbeta, dgamma, dxhat = dy.sum(), (dy * xhat).sum(), gamma * dy

directly = dxhat / s  # (m,)
dmu = -dxhat.sum() / s
through_mu = dmu * np.full(m, 1 / m)  # (m,)
ds = -(dxhat * xhat).sum() / s
through_s = ds * xhat / m  # (m,)
dx = directly + through_mu + through_s

dx_of_tinynet = norm.backward(dy.reshape(64, 1, 28, 28))
np.testing.assert_allclose(dx, dx_of_tinynet.ravel(), rtol=1e-5, atol=1e-9)
np.testing.assert_allclose([dgamma, dbeta], [norm.weight.grad[0], norm.bias.grad[0]], rtol=1e-5)
np.testing.assert_allclose(dx, gamma / s * (dy - dbeta / m - xhat * dgamma / m), atol=1e-12)
print("three lines, one line and tinynet agree")

# %% [markdown]
# ## Backward, second way: two directions are removed
#
# Look at the formula as geometry. Write $\mathbf 1 = (1, \dots, 1)$ for the vector of $m$ ones.
# Then $d\beta = \mathbf 1 \cdot dy$ and $d\gamma = \hat x \cdot dy$ are dot products, and
#
# $$dx = \frac{\gamma}{s}\Bigl( dy - \frac{\mathbf 1\,(\mathbf 1 \cdot dy)}{m} -
#   \frac{\hat x\,(\hat x \cdot dy)}{m} \Bigr) = \frac{\gamma}{s}\,P\,dy, \qquad
#   P = I - \frac{\mathbf 1 \mathbf 1^T}{m} - \frac{\hat x \hat x^T}{m} \quad (m \times m)$$
#
# If $u$ is a vector of length 1, then $u\,(u \cdot v)$ is the part of $v$ that points along $u$.
# $\mathbf 1/\sqrt m$ has length 1. $\hat x/\sqrt m$ has (but for $\varepsilon$) length 1, since
# $\hat x \cdot \hat x = m$. And the two are at right angles:
# $\mathbf 1 \cdot \hat x = \sum \hat x_i = 0$. So $P$ takes two parts away from $dy$: its mean, and
# its component along $\hat x$. It is a **projection** onto the $m - 2$ directions that are left,
# and the Jacobian of BatchNorm (the matrix of all $\partial y_j/\partial x_i$) is
# $\gamma/s \cdot P$. (Backward multiplies by the transpose of the Jacobian; this one is its own
# transpose.)
#
# It could not be otherwise. Add a constant to all $x_i$: $\mu$ moves along, and $y$ stays as it
# was. Multiply all deviations from $\mu$ by a factor: $s$ grows along, and $y$ stays. The loss is
# flat along these two directions, $\mathbf 1$ and $\hat x$, and a gradient has no component along a
# direction in which nothing changes. Whoever forgets a term of the formula breaks one of the two.
#
# A vector of six values is small enough to see the whole matrix. We take the Jacobian apart
# numerically, one column for each $x_i$ (central differences), and compare.


# %%
def normalised(x, eps):
    return (x - x.mean()) / np.sqrt(x.var() + eps)


def jacobian(x, eps, step=1e-6):
    """(m, m): entry [j, i] is ∂x̂_j/∂x_i, by central differences."""
    moves = step * np.eye(x.size)
    return np.stack(
        [(normalised(x + v, eps) - normalised(x - v, eps)) / (2 * step) for v in moves], axis=1
    )


six = rng.standard_normal(6)
for epsilon in (0.0, 0.1):
    root, hat = np.sqrt(six.var() + epsilon), normalised(six, epsilon)
    p = np.eye(6) - np.ones((6, 6)) / 6 - np.outer(hat, hat) / 6
    np.testing.assert_allclose(jacobian(six, epsilon), p / root, atol=1e-8)
    eigenvalues = np.linalg.eigvalsh(p)
    print(f"ε = {epsilon}: eigenvalues of P", np.round(eigenvalues, 4) + 0.0)
    np.testing.assert_allclose(eigenvalues[1], epsilon / (six.var() + epsilon), atol=1e-12)

# %% [markdown]
# A projection's eigenvalues are 1 (directions that stay) and 0 (directions that vanish). With
# $\varepsilon$ the direction of $\hat x$ does not quite vanish: what is left of it is the factor
# $\varepsilon/(\sigma^2 + \varepsilon)$, which the cell asserts. With an $\varepsilon$ of 0.00001
# it is next to nothing.
#
# With three values we can draw it. All $\hat x$ with mean 0 lie in the plane at right angles to
# $(1, 1, 1)$, and there, having length $\sqrt 3$, on a circle. Whatever $x$ does, $\hat x$ moves
# along this circle: so only the part of $dy$ along the circle can reach $x$.

# %%
three, dy3 = np.array([2.9, 0.2, 1.1]), np.array([1.9, 0.5, -0.5])
hat3 = normalised(three, 0)
mean_part = np.full(3, dy3.mean())
hat_part = hat3 * (hat3 @ dy3) / 3
rest = dy3 - mean_part - hat_part

plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])  # (2, 3): two axes of the plane
in_plane = plane @ (dy3 - mean_part)
np.testing.assert_allclose(plane @ np.ones(3), 0, atol=1e-12)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
width = 0.26
for k, (values, label, colour) in enumerate(
    [
        (dy3, "dy", "#555555"),
        (dy3 - mean_part, "… without its mean", "#e69f00"),
        (rest, "… and without its part along x̂", "#0072b2"),
    ]
):
    left.bar(np.arange(3) + (k - 1) * width, values, width, label=label, color=colour)
left.axhline(0, color="black", linewidth=0.8)
left.set_xticks(range(3), ["1st value", "2nd value", "3rd value"])
left.set_title("what is taken away from dy")
left.legend(frameon=False)

turn = np.linspace(0, 2 * np.pi, 200)
right.plot(np.sqrt(3) * np.cos(turn), np.sqrt(3) * np.sin(turn), color="#bbbbbb")
point = plane @ hat3


def arrow(vector, colour, label):
    right.annotate(
        "",
        point + vector,
        point,
        arrowprops=dict(arrowstyle="-|>", color=colour, linewidth=2, shrinkA=0, shrinkB=0),
    )
    right.plot([], [], color=colour, linewidth=2, label=label)


right.plot([0, point[0]], [0, point[1]], color="#bbbbbb", linestyle=":")
right.plot(*point, "o", color="black")
right.annotate("x̂", point, xytext=(-18, -24), textcoords="offset points", fontsize=13)
arrow(in_plane, "#e69f00", "dy without its mean")
arrow(plane @ hat_part, "#d55e00", "its part along x̂: removed")
arrow(plane @ rest, "#0072b2", "what is left: dx · s/γ")
right.set_aspect("equal")
right.set(xlim=(-2.4, 3.4), ylim=(-2.1, 2.9), xticks=[], yticks=[])
right.set_title("the plane at right angles to (1, 1, 1)")
right.legend(frameon=False, loc="upper left", fontsize=9)
figure.tight_layout()

# %% [markdown]
# ## Two modes
#
# In training, each batch is normalised by its own mean and variance. When the network is used, that
# would be strange: what it says about your digit would depend on whose digits happen to be in the
# same batch. So BatchNorm keeps **running statistics**, and moves them a little in each training
# step:
#
# $$\mu_\text{run} \leftarrow (1 - \alpha)\,\mu_\text{run} + \alpha\,\mu \qquad
#   \sigma^2_\text{run} \leftarrow (1 - \alpha)\,\sigma^2_\text{run} +
#   \alpha\,\frac{m}{m-1}\,\sigma^2$$
#
# $\alpha$ is the argument `momentum`, 0.1 as in PyTorch (Keras calls $1 - \alpha$ momentum: its 0.9
# is our 0.1). The factor $m/(m-1)$ makes the estimate of the variance unbiased. They start at 0 and
# 1 and are buffers: saved with the weights, but no gradient reaches them.
#
# `model.train()` and `model.eval()` choose between the two. In evaluation $\mu_\text{run}$ and
# $\sigma^2_\text{run}$ are constants: $y$ is a straight line in $x$, the two roundabout ways are
# closed, and $dx = \gamma/s_\text{run} \cdot dy$. Both backward passes have to be right, and both
# can be checked:

# %%
norm = tn.BatchNorm2d(3)
x_small = rng.standard_normal((4, 3, 2, 2))
print(tn.gradcheck(norm.train(), x_small))
print(tn.gradcheck(norm.eval(), x_small))

norm.train()(x_small)  # one step of the running statistics, from 0 and 1
batch_mean, batch_var = x_small.mean((0, 2, 3)), x_small.var((0, 2, 3))
m_small = x_small.size // 3
np.testing.assert_allclose(norm.running_mean, 0.9 * 0 + 0.1 * batch_mean, rtol=1e-5)
np.testing.assert_allclose(
    norm.running_var, 0.9 * 1 + 0.1 * batch_var * m_small / (m_small - 1), rtol=1e-5
)

# %% [markdown]
# ## Accident 1: the test in training mode
#
# Forget `model.eval()`, and nothing crashes. We test the trained network in both modes, on batches
# that hold 100 test digits of one class only. (`tn.evaluate` would not let us: it sets evaluation
# mode itself. So we call the network ourselves, and put the running statistics back afterwards,
# because a forward pass in training mode moves them.)

# %%
fast = tn.compile(trained)  # the same parameters and buffers, faster


def accuracy(images, labels, training):
    """The part of digits that are read right, all in one batch; leaves the network as it was."""
    state = fast.state_dict()
    logits = fast.train(training)(as_input(images))
    fast.load_state_dict(state)
    fast.eval()
    return (logits.argmax(axis=1) == labels).mean()


one_class = []
for digit in range(10):
    chosen = np.flatnonzero(y_test == digit)[:100]
    batch = x_test[chosen], y_test[chosen]
    one_class.append([accuracy(*batch, training=False), accuracy(*batch, training=True)])
one_class = np.array(one_class)

sizes = [1, 2, 4, 8, 16, 32, 64, 128]
by_size = [
    np.mean(
        [
            accuracy(x_test[i : i + size], y_test[i : i + size], training=True)
            for i in range(0, 512, size)
        ]
    )
    for size in sizes
]
in_eval = tn.evaluate(fast, x_test[:512], y_test[:512]).accuracy
print("batches of one class: evaluation mode, training mode")
for digit, (right_mode, wrong_mode) in enumerate(one_class):
    print(f"  only {digit}s: {right_mode:7.1%} {wrong_mode:7.1%}")
print("mixed batches in training mode:")
print("  " + "   ".join(f"{size}: {a:.1%}" for size, a in zip(sizes, by_size, strict=True)))
assert one_class[:, 0].min() > 0.98 and one_class[:, 1].mean() < 0.75
assert by_size[0] < 0.9 < in_eval and by_size[-1] > in_eval - 0.01
assert one_class[:, 1].argmin() == 1  # of all classes the ones suffer most

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
left.bar(np.arange(10) - 0.2, one_class[:, 0], 0.4, color="#0072b2", label="evaluation mode")
left.bar(np.arange(10) + 0.2, one_class[:, 1], 0.4, color="#d55e00", label="training mode")
left.set_xticks(range(10))
left.set(xlabel="the only digit in the batch", ylabel="read right", ylim=(0, 1.25))
left.legend(frameon=False, ncols=2, loc="upper center")
left.set_title("100 digits of one class")
right.axhline(in_eval, color="#0072b2", label="evaluation mode")
right.plot(sizes, by_size, "o-", color="#d55e00", label="training mode")
right.set_xscale("log", base=2)
right.set_xticks(sizes, sizes)
right.set(xlabel="digits in the batch", ylabel="read right")
right.legend(frameon=False, loc="lower right")
right.set_title("digits as they come")
figure.tight_layout()

# %% [markdown]
# How strongly a channel answers to ones (vertical strokes, say) is what tells them from other
# digits. In a batch of nothing but ones it is what all have in common: it moves the channel's mean
# and variance, and BatchNorm in training mode takes both away. Mixed batches of 128 hide the
# mistake, as their statistics are nearly those of all digits. So the bug sleeps until someone sorts
# the test set, or tests one digit at a time.
#
# It does worse than a wrong answer. A forward pass in training mode also moves the running
# statistics, so the network itself is damaged, without one step of an optimiser:

# %%
state = fast.state_dict()
ones = x_train[y_train == 1]
damage = []
for count in range(0, 41):
    if count % 10 == 0:
        damage.append((count, tn.evaluate(fast, x_test[:2000], y_test[:2000]).accuracy))
    fast.train()(as_input(ones[100 * count : 100 * count + 100]))
fast.load_state_dict(state)
fast.eval()
for count, result in damage:
    print(f"after {count:2} batches of ones in training mode: {result:.2%} of mixed digits right")
assert damage[-1][1] < 0.95 < damage[0][1]

# %% [markdown]
# ## Accident 2: statistics that are not warm yet
#
# The reverse: training runs well, and the test gives nonsense. The running statistics start at 0
# and 1; after $k$ steps a part $(1 - \alpha)^k$ of what they hold is still this invention, and the
# rest lags behind weights that change. We train the network for a few steps, once for each of three
# $\alpha$, and test it on the way. Training never reads the running statistics: so the three
# trainings must be the same to the last bit, which the cell asserts, and only the tests differ.


# %%
def set_momentum(model, alpha):
    for layer in model:
        if isinstance(layer, tn.BatchNorm2d):
            layer.momentum = alpha


def train_and_test(alpha, checkpoints, seed=0):
    """(losses of all steps, [test accuracy in evaluation mode at each checkpoint])."""
    model = tn.models.mnist_lite(rng=seed)
    set_momentum(model, alpha)
    model = tn.compile(model)
    loss, optimizer = tn.CrossEntropyLoss(), tn.SGD(model.parameters(), 0.05, 0.9, nesterov=True)
    batch_rng = np.random.default_rng(seed)
    losses, accuracies = [], []
    for step in range(1, checkpoints[-1] + 1):
        batch = batch_rng.integers(0, len(x_train), 64)
        model.train()
        losses.append(loss(model(as_input(x_train[batch])), y_train[batch]))
        model.backward_parameters(loss.backward())
        optimizer.step()
        if step in checkpoints:
            accuracies.append(tn.evaluate(model, x_test[:1000], y_test[:1000]).accuracy)
    return losses, accuracies


checkpoints = [1, 2, 4, 7, 12, 20, 35, 60, 100]
warming = {alpha: train_and_test(alpha, checkpoints) for alpha in (0.01, 0.1, 0.5)}
assert warming[0.01][0] == warming[0.1][0] == warming[0.5][0]  # the same training, to the last bit

print("steps     " + " ".join(f"{step:6}" for step in checkpoints))
for alpha, (_, accuracies) in warming.items():
    print(f"α = {alpha:<5} " + " ".join(f"{a:6.1%}" for a in accuracies))
print("of 0 and 1, α = 0.01: " + " ".join(f"{0.99**step:.0%}" for step in checkpoints))
slow, usual, quick = (np.array(accuracies) for _, accuracies in warming.values())
assert slow[:4].max() < 0.2 and slow[-2] < 0.5 and slow[-1] < 0.65 and usual[-1] > 0.85
assert np.mean(warming[0.1][0][50:60]) < np.log(10) / 4  # the loss, by step 60
assert 0.5**7 < 0.01 and 0.5 + 0.5**2 + 0.5**3 == 7 / 8

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
left.plot(range(1, 101), warming[0.1][0], color="#555555")
left.set(xlabel="step", ylabel="loss of the batch", title="training: the same for every α")
for (alpha, (_, accuracies)), colour, marker in zip(
    warming.items(), ["#d55e00", "#0072b2", "#009e73"], "os^", strict=True
):
    right.plot(checkpoints, accuracies, marker=marker, color=colour, label=f"α = {alpha}")
right.set_xscale("log")
right.set(xlabel="step", ylabel="read right", title="the same weights in evaluation mode")
right.legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# After 60 steps the loss has fallen far below where guessing is (log 10), and with $\alpha$ = 0.01
# the test still reads fewer than half of the digits right; after 100 steps not two in three, where
# the same weights with $\alpha$ = 0.1 read more than eight in ten. For the first seven steps it
# reads hardly more than guessing would. Nothing is wrong with the weights: only the 0 and 1 of the
# beginning, of which 37 % are still there at step 100. With $\alpha$ = 0.5 less than 1 % of them is
# left after seven steps. The price is that seven eighths of such statistics come from the last
# three batches.
#
# ## Accident 3: momentum, in whose sense?
#
# A `momentum` of 0.9 copied from Keras, where it means what we call 0.1, gives statistics of little
# more than the last batch. The next experiment shows what that costs.

# %% [markdown]
# ## Experiment
#
# The trained network reads 512 training digits in training mode once, with another `momentum`, in
# batches of `batch_size`; only its running statistics change. Then it is tested properly. Watch the
# test accuracy: which of the two numbers can you make extreme without harm, if the other one is
# chosen well? What does $\alpha$ = 1 with batches of 4 do, and why does $\alpha$ = 0 never do harm
# here?

# %%
alpha, batch_size = 0.9, 4  # Change: 0.1 and 4; 0.9 and 128; 1.0 and 2; 0.0 and 4


def read_again(alpha, batch_size):
    """Test accuracy after 512 digits in training mode; leaves the network as it was."""
    state = fast.state_dict()
    set_momentum(trained, alpha)
    for start in range(0, 512, batch_size):
        fast.train()(as_input(x_train[start : start + batch_size]))
    set_momentum(trained, 0.1)
    result = tn.evaluate(fast, x_test[:2000], y_test[:2000]).accuracy
    fast.load_state_dict(state)
    fast.eval()
    return result


print(f"α = {alpha}, batches of {batch_size}: {read_again(alpha, batch_size):.2%} right; ", end="")
print(f"as trained: {tn.evaluate(fast, x_test[:2000], y_test[:2000]).accuracy:.2%}")

# %% [markdown]
# ## Questions
#
# **Question 1.** Many networks have the order convolution, BatchNorm, ReLU. What is the gradient of
# the convolution's bias there? And in our network, with convolution, ReLU, BatchNorm?
#
# **Question 2.** A batch has $m = 2$ values in a channel. What does BatchNorm give, and what is
# $dx$? Why does tinynet refuse $m = 1$ in training?
#
# **Question 3.** Multiply the weights and the bias of a convolution in front of a BatchNorm by 10.
# What happens to the output, and to the gradient of the weights? What does this do to SGD?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# Either number may be extreme if the other is moderate: small batches do no harm with a small
# $\alpha$, which averages over many of them, and a large $\alpha$ does none with large batches, of
# which each is a good sample by itself. Both at once are bad: with $\alpha$ = 1 the statistics are
# those of the last batch alone, four digits (two are worse still), and more than a tenth of the
# test digits is lost. With $\alpha$ = 0 the statistics do not move, and stay as they were trained;
# in a network that is still to be trained they would stay at 0 and 1, which is accident 2 for ever.

# %%
usual = tn.evaluate(fast, x_test[:2000], y_test[:2000]).accuracy
sizes = (2, 4, 16, 128)
print("batches of", *(f"{size:7}" for size in sizes))
again = {}
for alpha in (0.0, 0.1, 0.9, 1.0):
    again[alpha] = [read_again(alpha, size) for size in sizes]
    print(f"α = {alpha}   ", *(f"{a:7.2%}" for a in again[alpha]))
assert again[0.0] == [usual] * 4
assert min(again[0.1]) > usual - 0.01  # a small α
assert min(again[0.9][3], again[1.0][3]) > usual - 0.01  # large batches
assert max(again[0.9][0], again[0.9][1], again[1.0][0], again[1.0][1]) < 0.95
assert again[1.0][0] < again[1.0][1] < usual - 0.1

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# The bias adds a constant to every value of its channel: a step along $\mathbf 1$, in which
# BatchNorm's output does not change. Its gradient is the sum of $dx$, which is 0; the bias can be
# left out (`bias=False`). Behind a ReLU this is no longer so: the bias decides which values are cut
# off at 0, which changes the shape of $x$.

# %%
images = rng.standard_normal((16, 3, 8, 8))
for between, order in ([], "convolution, BatchNorm"), ([tn.ReLU()], "convolution, ReLU, BatchNorm"):
    conv = tn.Conv2d(3, 4, 3, rng=0, dtype=np.float64)
    model = tn.Sequential(conv, *between, tn.BatchNorm2d(4))
    model.backward(rng.standard_normal(model(images).shape))
    print(f"{order}: largest |dbias| = {np.abs(conv.bias.grad).max():.1e}, ", end="")
    print(f"largest |dweight| = {np.abs(conv.weight.grad).max():.1e}")
    assert (np.abs(conv.bias.grad).max() < 1e-10) == (between == [])

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# Two values lie at the same distance on both sides of their mean, so $\hat x$ is $(1, -1)$ or $(-1,
# 1)$, whatever they were: all that is left of $x$ is which was larger. $P$ leaves $m - 2 = 0$
# directions, so $dx$ is 0 (but for $\varepsilon$), and nothing in front of the layer learns. With
# $m = 1$, $\hat x$ is always 0, and the unbiased variance would divide by $m - 1 = 0$.

# %%
norm = tn.BatchNorm2d(1)
for pair in ([3.0, 5.0], [-100.0, 7.0]):
    y_of_pair = norm(np.array(pair).reshape(2, 1, 1, 1))
    dx_of_pair = norm.backward(np.array([0.3, -2.0]).reshape(2, 1, 1, 1))
    print(pair, "→", y_of_pair.ravel().round(4), "  dx:", dx_of_pair.ravel().round(6))
    np.testing.assert_allclose(dx_of_pair, 0, atol=1e-4)
try:
    norm(np.ones((1, 1, 1, 1)))
except ValueError as error:
    print(error)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# The output stays (but for $\varepsilon$): $\mu$ and $s$ grow with $x$. The gradient is 10 times
# *smaller*, since $dx = \gamma/s \cdot P\,dy$ has $s$ below the line. So weights 10 times as long
# get steps a tenth as long: measured against the weights, learning is 100 times as slow. The rate
# that matters is the rate divided by the square of the weights' length, and weight decay, which
# shortens the weights, is what keeps it up.

# %%
results = []
for factor in (1, 10):
    conv, norm = tn.Conv2d(3, 4, 3, rng=0, dtype=np.float64), tn.BatchNorm2d(4, eps=1e-12)
    conv.weight.data *= factor
    conv.bias.data *= factor
    model = tn.Sequential(conv, norm)
    output = model(images)
    model.backward(np.random.default_rng(1).standard_normal(output.shape))
    results.append((output, conv.weight.grad))
np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6, atol=1e-8)
np.testing.assert_allclose(results[0][1], 10 * results[1][1], rtol=1e-6, atol=1e-8)
print("outputs equal; gradients 10 times smaller")

# %% [markdown]
# ## Where to go
#
# - **Exercise:** [`batchnorm2d.py`](../../tinynet/exercises/blanks/batchnorm2d.py), forward in both
#   modes, and backward. `python -m tinynet.exercise batchnorm2d` checks it.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and choose a pixel of a BatchNorm's map:
#   it shows the running mean and variance with which the network reads *your* digit, one digit
#   alone, which in training mode would be impossible to trust.
# - **Next:** [lesson 7](07_sgd.py): gradients are there; how far to step?
