# %% [markdown]
# # 2 · Softmax and the loss, and why its gradient is p − y
#
# - **Time:** 30 minutes
# - **Before:** lesson 1; the exponential, the natural logarithm (our log), and their derivatives;
#   the chain rule; what a partial derivative is
# - **After:** you can turn logits into probabilities and a loss without overflow, derive the
#   gradient in three lines, and say what label smoothing changes
# - **Code:** [`loss.py`](../../tinynet/loss.py)
#
# A network gives ten numbers, the logits. To train it we need one number that says how wrong they
# are, the **loss** $L$, and how $L$ changes when each logit changes, the **gradient**. Both are a
# page of code, `loss.py`. This lesson is that page, slowly.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.loss import log_softmax, softmax
from tinynet.train import as_input

np.set_printoptions(precision=4, suppress=True, linewidth=100)
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072b2", "#d55e00", "#000000", "#cc79a7"])

model = tn.models.mnist_lite(pretrained=True).eval()
_, (images, labels) = tn.datasets.mnist()
images, labels = images[:2000], labels[:2000]
logits = np.concatenate([model(as_input(images[i : i + 200])) for i in range(0, 2000, 200)])
print(logits.shape, logits.dtype)  # (n, K): n images, K = 10 classes

# %% [markdown]
# Why not simply count the mistakes? Because a count does not change when the weights change a
# little: its derivative is 0 nearly everywhere, and says nothing about which way to go. We want a
# number that gets a little better when the network gets a little better.
#
# ## From logits to probabilities
#
# Call the logits of one image $z = (z_0, \ldots, z_{K-1})$. **Softmax** makes probabilities of
# them:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}.$$
#
# The exponential makes every number positive, the division makes their sum 1. Two properties follow
# at once, and we shall need both:
#
# - *Only differences count.* Add a constant $c$ to all logits: $e^{z_k + c} = e^c e^{z_k}$, and
#   $e^c$ cancels in the fraction. The probabilities stay the same.
# - *A difference of logits is a ratio of probabilities:* $p_a / p_b = e^{z_a - z_b}$. One more in
#   the logit of $a$ makes $a$ $e \approx 2.7$ times as likely, compared with $b$.

# %%
doubtful = np.abs(softmax(logits).max(axis=1) - 0.6).argmin()  # an image the network is unsure of
z = logits[doubtful]  # (10,)
p = np.exp(z) / np.exp(z).sum()  # (10,)
print("z", z)
print("p", p, "sum", p.sum())
np.testing.assert_allclose(p, softmax(logits[doubtful : doubtful + 1])[0], rtol=1e-5)
shifted = np.exp(z + 5) / np.exp(z + 5).sum()
np.testing.assert_allclose(shifted, p, rtol=1e-5)
np.testing.assert_allclose(p[3] / p[5], np.exp(z[3] - z[5]), rtol=1e-4)

# %% [markdown]
# ## Overflow, and how to avoid it
#
# `np.exp(z) / np.exp(z).sum()` is the formula, and wrong as a program. The largest float32 is about
# $3.4 \cdot 10^{38} = e^{88.7}$. A logit of 89 gives ∞, and ∞/∞ is not a number.

# %%
large = np.array([100, 99, 0], np.float32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print("as written:", np.exp(large) / np.exp(large).sum())
print("NumPy warns:", *sorted({str(w.message) for w in caught}), sep="\n    ")
print("largest logit that does not overflow:", np.log(np.finfo(np.float32).max))

# %% [markdown]
# Only differences count, so subtract the largest logit, $m = \max_j z_j$, from all. Now the largest
# is 0, $e^0 = 1$, and nothing can overflow. The others may become so small that they *underflow* to
# 0, which is harmless here: a probability of $10^{-50}$ may be called 0.

# %%
exponentials = np.exp(large - large.max())
print("shifted:", exponentials / exponentials.sum())

# %% [markdown]
# But the loss is a logarithm of a probability, and $\log 0 = -\infty$. So compute the logarithm
# itself:
#
# $$\log p_k = \log \frac{e^{z_k - m}}{\sum_j e^{z_j - m}}
# = (z_k - m) - \log \sum_j e^{z_j - m}.$$
#
# This is the **log-sum-exp** trick. In the sum one term is $e^0 = 1$, so it lies between 1 and $K$,
# and its logarithm between 0 and $\log K$. Nothing can overflow, nothing is the logarithm of zero.
# The picture has two logits, $d$ and 0, and the value of $-\log p$ for the second, which is
# $\log(e^d + 1)$ and very nearly $d$ when $d$ is large.

# %%
d = np.arange(0, 150, dtype=np.float32)
pairs = np.stack([d, np.zeros_like(d)], axis=1)  # (150, 2)
with np.errstate(all="ignore"):  # we know what goes wrong here
    e = np.exp(pairs)
    ways = {
        "exp / sum, then log": -np.log(e / e.sum(axis=1, keepdims=True))[:, 1],
        "shifted by the maximum, then log": -np.log(softmax(pairs))[:, 1],
        "log-sum-exp": -log_softmax(pairs)[:, 1],
    }

figure, ax = plt.subplots(figsize=(7, 3.8))
for (name, values), width in zip(ways.items(), (9, 5, 1.5), strict=True):
    finite = np.isfinite(values)
    ax.plot(d[finite], values[finite], label=name, lw=width)
    print(f"{name}: finite up to d = {d[finite].max():.0f}")
ax.set(xlabel="d: how far the logit lies below the other", ylabel="−log p")
ax.set_title("Overflow and underflow lose the loss of the most wrong answers")
ax.legend()
figure.tight_layout()
assert [np.isinf(values).any() for values in ways.values()] == [True, True, False]

# %% [markdown]
# Where the first two ways end, the probability has become 0 and the loss ∞: the network would be
# told nothing just where it is most wrong.
#
# ## Derivation: the loss and its gradient
#
# ### Cross-entropy
#
# Let the label of an image be $y$. The network does well if $p_y$ is large. Of $n$ images with
# labels $y_1, \ldots, y_n$ (a **batch**; the field also says *mini-batch*, for it is a small part
# of the digits to learn from), all are right with probability $\prod_i p^{(i)}_{y_i}$, if each is
# decided by itself. A product of many numbers below 1 underflows, so take the logarithm, which
# makes a sum of it; divide by $n$, so that the number does not depend on how many images there are;
# and change the sign, so that smaller is better:
#
# $$L = -\frac{1}{n} \sum_{i=1}^{n} \log p^{(i)}_{y_i}.$$
#
# To write it without picking an index: let $q_k$ be 1 for $k = y$ and 0 otherwise. (This is the $y$
# of "p − y". We call the label $y$ and the *target* $q$.) For one image
#
# $$L = -\sum_k q_k \log p_k,$$
#
# the **cross-entropy** between $q$ and $p$. It is 0 if $p_y = 1$, and grows without bound as
# $p_y \to 0$. A network that knows nothing gives each class $1/K$, so its loss is
# $\log K = \log 10 \approx 2.303$. A new network starts there, a good check of a training program.

# %%
print("log 10 =", np.log(10))
untrained = tn.models.mnist_lite(rng=0)(as_input(images[:500]))
loss_untrained = tn.CrossEntropyLoss()(untrained, labels[:500])
print("an untrained network:", loss_untrained)
assert abs(loss_untrained - np.log(10)) < 0.2
print("the trained one:     ", tn.CrossEntropyLoss()(logits, labels))
by_hand = -log_softmax(logits)[np.arange(2000), labels].mean()
np.testing.assert_allclose(tn.CrossEntropyLoss()(logits, labels), by_hand, rtol=1e-5)

# %% [markdown]
# ### The gradient is p − q
#
# Take one image. Put $\log p_k = z_k - \log \sum_j e^{z_j}$ into the loss, and use
# $\sum_k q_k = 1$:
#
# $$L = -\sum_k q_k z_k + \Big(\sum_k q_k\Big) \log \sum_j e^{z_j}
# = -\sum_k q_k z_k + \log \sum_j e^{z_j}.$$
#
# Now the derivative with respect to one logit $z_i$, the others held fixed. In the first sum only
# the term $k = i$ holds $z_i$: it gives $-q_i$. The second part by the chain rule: the derivative
# of $\log s$ is $1/s$, that of $s = \sum_j e^{z_j}$ with respect to $z_i$ is $e^{z_i}$; together
#
# $$\frac{\partial}{\partial z_i} \log \sum_j e^{z_j} = \frac{e^{z_i}}{\sum_j e^{z_j}} = p_i.$$
#
# So, with $1/n$ because $L$ is the mean over $n$ images,
#
# $$\frac{\partial L}{\partial z_i} = \frac{p_i - q_i}{n}.$$
#
# In words: what the network said, minus what it should have said. A step against the gradient
# lifts the label's logit in proportion to $1 - p_y$ and lowers each other in proportion to its
# probability. Once $p = q$ nothing moves.
#
# We check it: by hand, by tinynet, and by moving each logit a little both ways, in float64
# (lesson 3 is about that).

# %%
batch = logits[:8].astype(np.float64)  # (n, K) = (8, 10)
target = np.zeros((8, 10))
target[np.arange(8), labels[:8]] = 1
by_hand = (softmax(batch) - target) / 8  # (8, 10)

loss = tn.CrossEntropyLoss()
loss(batch, labels[:8])
np.testing.assert_allclose(loss.backward(), by_hand, rtol=1e-12)

numerical = np.zeros((8, 10))
eps = 1e-5
for index in np.ndindex(8, 10):
    step = np.zeros((8, 10))
    step[index] = eps
    rise = loss(batch + step, labels[:8]) - loss(batch - step, labels[:8])
    numerical[index] = rise / (2 * eps)
print(f"largest difference: {np.abs(numerical - by_hand).max():.1e}")
np.testing.assert_allclose(numerical, by_hand, atol=1e-9)

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), width_ratios=[1, 2, 2])
axes[0].imshow(images[doubtful], cmap="gray_r")
axes[0].set(title=f"label {labels[doubtful]}", xticks=[], yticks=[])
classes = np.arange(10)
q = (classes == labels[doubtful]).astype(float)
axes[1].bar(classes - 0.2, p, 0.4, label="p, what it said")
axes[1].bar(classes + 0.2, q, 0.4, label="q, what it should say")
axes[1].set(xticks=classes, xlabel="class", title="probabilities")
axes[1].legend()
axes[2].bar(classes, p - q, color=np.where(p - q > 0, "#d55e00", "#0072b2"))
axes[2].axhline(0, color="black", lw=0.8)
axes[2].set(xticks=classes, xlabel="class", title="p − q: a step goes against it", ylim=(-1, 1))
figure.tight_layout()

# %% [markdown]
# ### Why not squared error?
#
# One could also take $L = \frac12 \sum_k (p_k - q_k)^2$. Its gradient has to pass back through
# softmax. From $\log p_k = z_k - \log\sum_j e^{z_j}$ we have
# $\partial \log p_k / \partial z_i = [k = i] - p_i$, where $[k = i]$ is 1 if $k = i$ and else 0;
# and $\partial p_k = p_k\, \partial \log p_k$. So, writing $r_k = p_k - q_k$,
#
# $$\frac{\partial L}{\partial z_i} = \sum_k r_k\, p_k \big([k = i] - p_i\big)
# = p_i \Big(r_i - \sum_k r_k p_k\Big).$$
#
# Each entry has the factor $p_i$. If the network is sure and wrong, the label has $p_y \approx 0$,
# and the pull on its logit is close to nothing: the worse the mistake, the less is learned from it.
# The logarithm of cross-entropy has the derivative $1/p_y$, which cancels exactly this factor.
#
# The picture has two classes, of which the first is right, and its gradient as a function of
# $z_0 - z_1$.


# %%
def squared_error_gradient(z, q):
    """The gradient of ½ Σ (p − q)² with respect to z. z, q: (n, K) → (n, K)."""
    p = softmax(z)
    r = p - q
    return p * (r - (r * p).sum(axis=1, keepdims=True))


gap = np.linspace(-10, 10, 201)
two = np.stack([gap, np.zeros_like(gap)], axis=1)  # (201, 2)
right = np.tile([1.0, 0.0], (201, 1))
figure, ax = plt.subplots(figsize=(7, 3.6))
ax.plot(gap, (softmax(two) - right)[:, 0], label="cross-entropy: p − q")
ax.plot(gap, squared_error_gradient(two, right)[:, 0], "--", label="squared error")
ax.set(xlabel="logit of the right class − logit of the wrong one", ylabel="gradient")
ax.set_title("Left: sure and wrong. There squared error has nothing to say")
ax.legend()
figure.tight_layout()


def squared_error(z):
    return 0.5 * ((softmax(z) - right) ** 2).sum()


step = np.zeros_like(two)
step[50, 0] = 1e-5  # the same check as above, at one point
slope = (squared_error(two + step) - squared_error(two - step)) / 2e-5
np.testing.assert_allclose(squared_error_gradient(two, right)[50, 0], slope, atol=1e-8)

# %% [markdown]
# ## Label smoothing
#
# What keeps a network from being surer than the digits that it learns from can justify is called
# **regularisation**. Here is one kind, in the loss. With $q_y = 1$ the loss of an image that is
# right can always get smaller, by making $z_y$ larger still: $p_y = 1$ needs an infinite difference
# of logits. **Label smoothing** with a small $\varepsilon$ asks for a little less: it takes
# $\varepsilon$ from the label, and deals it out to all $K$ classes evenly,
#
# $$q_k = (1 - \varepsilon)\,[k = y] + \frac{\varepsilon}{K}.$$
#
# They still add up to 1, and that is all the derivation above used. So the gradient is still
# $p - q$. It is zero where $p = q$, at a *finite* difference of logits between the label and any
# other class:
#
# $$z_y - z_k = \log \frac{q_y}{q_k} = \log \frac{1 - \varepsilon + \varepsilon/K}{\varepsilon/K}.$$

# %%
epsilon, classes_ = 0.1, 10
best_gap = np.log((1 - epsilon + epsilon / classes_) / (epsilon / classes_))
print(f"ε = {epsilon}: the best difference is {best_gap:.2f}")

smooth = tn.CrossEntropyLoss(label_smoothing=epsilon)
at_best = np.zeros((1, 10))
at_best[0, 3] = best_gap
value, gradient = smooth(at_best, [3]), smooth.backward()
print(f"loss there {value:.4f}, largest entry of the gradient {np.abs(gradient).max():.1e}")
assert np.abs(gradient).max() < 1e-15

# %% [markdown]
# The smallest loss is no longer 0; it is $-\sum_k q_k \log q_k$, the entropy of $q$. So losses with
# and without smoothing must not be compared.
#
# ## Experiment: let the logits learn
#
# Leave the network away. Take the ten logits themselves as what is learned, start at zero, and step
# against the gradient again and again, which is called **gradient descent**. A step is the gradient
# times a factor, the **learning rate**; in these lessons it is the *rate* for short. Watch the
# difference between the label's logit and the next one: without smoothing it grows for ever, but
# ever more slowly; with smoothing it comes to rest at the difference that we computed (grey).
# What do a very short and a very long step change, and what a start that is sure and wrong?

# %%
smoothings = [0.0, 0.05, 0.1, 0.3]  # Change: other values of ε, say 0.01 or 0.9
rate = 1.0  # Change: the learning rate, say 0.1 or 10
start = np.zeros((1, 10))  # Change: begin sure and wrong, with start[0, 5] = 10
label, steps = 3, 300


def rest(epsilon):
    """The difference of logits at which the gradient is 0."""
    return np.log((1 - epsilon + epsilon / 10) / (epsilon / 10))


def learn(epsilon, rate, start):
    """(the label's logit − the largest other, loss) of each step"""
    loss = tn.CrossEntropyLoss(label_smoothing=epsilon)
    z, gaps, losses = start.copy(), [], []
    for _ in range(steps):
        losses.append(loss(z, [label]))
        z = z - rate * loss.backward()
        gaps.append(z[0, label] - np.delete(z[0], label).max())
    return np.array(gaps), np.array(losses)


figure, axes = plt.subplots(1, 2, figsize=(11, 3.8))
for epsilon, style in zip(smoothings, ("-", "--", "-.", ":"), strict=False):
    gaps, losses = learn(epsilon, rate, start)
    (line,) = axes[0].plot(gaps, style, label=f"ε = {epsilon}")
    axes[1].plot(losses, style, color=line.get_color())
    if epsilon:
        axes[0].axhline(rest(epsilon), color="lightgrey", zorder=0)
axes[0].set(xlabel="step", title="the label's logit − the largest other")
axes[0].legend()
axes[1].set(xlabel="step", title="loss")
figure.tight_layout()

# %% [markdown]
# ## Questions
#
# **Question 1.** The trained network's loss on these 2,000 digits was printed above. Which
# probability of the right label, the same for every digit, would give the same loss? Is the network
# more, or less, sure than that on most of the digits?
#
# **Question 2.** Multiply all logits by 2. Which predictions change? What happens to the loss, of
# an image that is read correctly and of one that is not? Try factors from 0.3 to 3 on the 2,000
# digits: at which factor is the loss smallest, and what does that say about the network?
#
# **Question 3.** The entries of $p - q$ add up to 0. Show it, in two ways. What follows for the
# biases of the network's last convolution?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# With rate 1 the curves with smoothing are at rest after 300 steps. With rate 0.1 each step is a
# tenth as long, and a curve with a small ε is still on its way. With rate 10 the first step jumps
# beyond the place of rest; most come back, but with ε = 0.3 the steps are too long to settle: the
# logits jump to and fro for ever, and the loss stays above its minimum. That a rate can be too
# large is the subject of lesson 7. Without smoothing there is no place of rest, and ten times the
# rate is simply further along.
#
# From a sure and wrong start the difference first grows by 2 a step, the largest gradient that
# cross-entropy has for it ($1 - p_y$ up and $p_5$ down, both nearly 1): the loss helps most where
# the network is most wrong.

# %%
for epsilon in (0.0, 0.01, 0.1, 0.3, 0.9):
    ends = {r: learn(epsilon, r, np.zeros((1, 10)))[0][-1] for r in (0.1, 1.0, 10.0)}
    place = f"{rest(epsilon):.2f}" if epsilon else "none"
    words = "   ".join(f"rate {r}: {gap:.2f}" for r, gap in ends.items())
    print(f"ε = {epsilon}: place of rest {place}; after {steps} steps, {words}")
    if epsilon:
        assert abs(ends[1.0] - rest(epsilon)) < 0.1 and ends[0.1] < ends[1.0]
        assert (abs(ends[10.0] - rest(epsilon)) < 0.1) == (epsilon != 0.3)
        assert learn(epsilon, 10.0, np.zeros((1, 10)))[0][0] > rest(epsilon)  # the first step
        assert epsilon > 0.01 or rest(epsilon) - ends[0.1] > 1
    else:
        assert ends[0.1] < ends[1.0] < ends[10.0]
wrong = np.zeros((1, 10))
wrong[0, 5] = 10
gaps, _ = learn(0.0, 1.0, wrong)
print("sure and wrong, the first steps:", gaps[:5])
np.testing.assert_allclose(np.diff(gaps[:3]), 2, atol=0.05)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# If every image has $p_y = t$ then $L = -\log t$, so $t = e^{-L}$. This is the geometric mean of
# the $p_y$. Most digits lie far above it: the loss is made by the few that are wrong or doubtful.

# %%
p_label = softmax(logits)[np.arange(2000), labels]
value = tn.CrossEntropyLoss()(logits, labels)
print(f"loss {value:.4f}, e^−loss {np.exp(-value):.4f}, median of p {np.median(p_label):.6f}")
worst = np.sort(-np.log(p_label))[::-1]
print(f"the worst 20 of 2,000 digits make {worst[:20].sum() / worst.sum():.0%} of the loss")
assert np.median(p_label) > np.exp(-value) and worst[:20].sum() > worst.sum() / 2

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# No prediction changes: the largest logit stays the largest. All differences double, so
# probabilities move towards 0 and 1. Of an image that is read correctly the loss falls: in $p_y = 1
# / \sum_j e^{z_j - z_y}$ all differences are at most 0, and twice as far below it. Of one that is
# not, it grows, if the class in the lead is well ahead. If the loss is smallest at a factor above
# 1, the network is less sure than it could be; below 1, it is surer than it should be. This one's
# best factor is a little above 1, and gains little.

# %%
factors = np.geomspace(0.3, 3, 47)
values = [tn.CrossEntropyLoss()(logits * np.float32(f), labels) for f in factors]
best = factors[np.argmin(values)]
print(f"factor 1: loss {value:.5f}; best factor {best:.2f}: loss {min(values):.5f}")
doubled = log_softmax(2 * logits)[np.arange(2000), labels]
fell = doubled > log_softmax(logits)[np.arange(2000), labels]  # a larger log p is a smaller loss
read_right = logits.argmax(axis=1) == labels
print(f"with factor 2 the loss falls for {fell[read_right].mean():.1%} of those read correctly")
print(f"and for {fell[~read_right].sum()} of the {(~read_right).sum()} that are not")
assert 1 < best < 1.5 and fell[read_right].mean() > 0.9 and fell[~read_right].mean() < 0.5
assert (np.log(p_label) == 0)[read_right & ~fell].all()

# %% [markdown]
# (It falls for all that are read correctly in exact arithmetic. Where float32 has rounded $\log p$
# to 0 there is nothing left to fall.)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# First: $\sum_k p_k = 1$ and $\sum_k q_k = 1$, so the difference is 0. Second: adding the same $c$
# to all logits does not change the loss, so its slope in the direction $(1, \ldots, 1)$ is 0; and
# that slope is the sum of the entries of the gradient. The bias of the last convolution is added to
# the logit of its class, so its gradient is that class's entry, summed over the images, and the ten
# bias gradients add up to 0. Plain gradient steps never change the sum of the biases. (BatchNorm's
# parameters and the earlier layers have no such rule.)

# %%
loss = tn.CrossEntropyLoss()
loss(model(as_input(images[:64])), labels[:64])
model.backward(loss.backward())
gradient = model[23].bias.grad  # (10,)
print(gradient, f"sum {gradient.sum():.1e}")
assert abs(gradient.sum()) < 1e-5 * np.abs(gradient).max() + 1e-8

# %% [markdown]
# ## Where to go
#
# - **Exercise:** [`cross_entropy.py`](../../tinynet/exercises/blanks/cross_entropy.py): the loss
#   and its gradient, without overflow. `python -m tinynet.exercise cross_entropy` checks it.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and draw something that is no digit, such
#   as a letter A: softmax must share out 100 % among ten digits, and the bars say so however unlike
#   all of them the drawing is. Choose "the logit", then "the probability", under "What would change
#   its mind".
# - **Next:** [lesson 3](03_backprop.py) takes the gradient of the logits back through the layers.
