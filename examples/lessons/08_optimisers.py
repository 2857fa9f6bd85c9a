# %% [markdown]
# # 8 · RMSProp, Adam, AdamW: an optimiser of your own
#
# - **Time:** 35 minutes
# - **Before:** lesson 7 (learning rate, momentum, the one-cycle schedule); the geometric series
#   $1 + \beta + \dots + \beta^{t-1} = \frac{1-\beta^t}{1-\beta}$; mean and standard deviation
# - **After:** you can write RMSProp, Adam and AdamW, say where the factor $1 - \beta^t$ comes from,
#   what AdamW decays that Adam does not, and compare optimisers fairly
# - **Code:** [`optim.py`](../../tinynet/optim.py)
#
# SGD has one learning rate for all weights. Lesson 7 showed what that costs in a valley: the steep
# direction forbids the rate that the gentle one needs. The **adaptive** optimisers give each
# parameter a scale of its own. The published run of tinynet's network used one of them, AdamW;
# tinynet has SGD only. We write the others, and then see on digits what they are worth.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input, batches

COLOURS = {"SGD": "#0072b2", "RMSProp": "#d55e00", "Adam": "#009e73", "AdamW": "#cc79a7"}
MARKERS = {"SGD": "o", "RMSProp": "s", "Adam": "^", "AdamW": "D"}

# %% [markdown]
# ## A scale for each parameter
#
# Everything in this lesson happens entry by entry: $w$, its gradient $g$ and all averages have one
# shape, that of the parameter, whether it is (o,) or (o, c, k, k).
#
# How large is a typical gradient of this weight? **RMSProp** (T. Tieleman, G. Hinton, lecture
# notes, 2012) keeps a running mean $v$ of its square, which starts at 0, and divides by the root:
#
# $$v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2 \qquad
#   w \leftarrow w - \eta\,\frac{g}{\sqrt v + \varepsilon}$$
#
# (RMS: root mean square. $\varepsilon$, here 1e-8, stands against a division by 0.) Multiply the
# loss by 1,000: $g$ and $\sqrt v$ both grow 1,000 times, and the step stays the same. The learning
# rate $\eta$ is now in units of the weight: about how far it moves in a step.
#
# ## Running means, and what they forget
#
# **Adam** (D. Kingma, J. Ba, ICLR 2015) also averages the gradient, as momentum does:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,g$$
#
# What is in $m$ after $t$ steps? Put the formula into itself, from $m_0 = 0$ on:
#
# $$m_t = (1-\beta_1)\left(g_t + \beta_1 g_{t-1} + \beta_1^2 g_{t-2} + \dots
#   + \beta_1^{t-1} g_1\right)$$
#
# A gradient from $k$ steps ago counts $(1-\beta_1)\,\beta_1^k$. The weights of a mean have to add
# up to 1. These add up to
#
# $$(1-\beta_1)\,\left(1 + \beta_1 + \dots + \beta_1^{t-1}\right) = 1 - \beta_1^t$$
#
# The rest, $\beta_1^t$, is the weight of the 0 that we started from. So at the beginning $m$ is too
# small, on average by exactly this factor if gradients come from one distribution; and $v$
# likewise, by $1 - \beta_2^t$. Adam divides it out, which is called **bias correction**:
#
# $$\hat m = \frac{m}{1-\beta_1^t} \qquad \hat v = \frac{v}{1-\beta_2^t} \qquad
#   w \leftarrow w - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}$$
#
# In the first step $\hat m = g$ and $\hat v = g^2$: each weight moves by $\eta$, whatever its
# gradient. Without the correction, a constant gradient would make steps of
# $\eta\,(1-\beta_1^t)/\sqrt{1-\beta_2^t}$. With the usual $\beta_1 = 0.9$, $\beta_2 = 0.999$ the
# numerator is soon 1, and the denominator is not:

# %%
t = np.arange(1, 5001)
uncorrected = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)  # (5000,): length of a step, in units of η
print(f"first step {uncorrected[0]:.2f} η, longest {uncorrected.max():.2f} η at step ", end="")
print(f"{uncorrected.argmax() + 1}, still {uncorrected[999]:.2f} η after 1,000 steps")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4))
ago = np.arange(2000)
for beta, style in [(0.9, "-"), (0.99, "--"), (0.999, ":")]:
    left.loglog(ago + 1, (1 - beta) * beta**ago, style, color="black", label=f"β = {beta}")
left.set(xlabel="steps ago, plus 1", ylabel="weight in the mean", ylim=(1e-5, 0.2))
left.set_title("a running mean looks back about 1/(1 − β) steps")
left.legend(frameon=False)
right.semilogx(t, uncorrected, "--", color=COLOURS["Adam"], label="without bias correction")
right.semilogx(t, np.ones(t.size), color=COLOURS["Adam"], label="with it")
right.set(xlabel="step", ylabel="length of a step, in η", ylim=(0, 7))
right.set_title("Adam, if the gradient is constant")
right.legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# ## Weight decay, in two places
#
# **Weight decay** pulls weights towards 0, so that only those grow which the data ask for (lesson
# 12 measures what that is worth). The classical way adds $\frac{\lambda}{2}\|w\|^2$ to the loss,
# hence $\lambda w$ to the gradient. With plain SGD:
#
# $$w \leftarrow w - \eta\,(g + \lambda w) = (1 - \eta\lambda)\,w - \eta g$$
#
# The penalty in the loss (**L2**) and a factor on the weight are the same. With Adam they are not:
# $\lambda w$ in the gradient passes through $\hat m/\sqrt{\hat v}$. If a weight's gradients have
# the size $s$, large compared with $\lambda w$, then $\sqrt{\hat v} \approx s$, and the pull on $w$
# becomes $\eta\lambda w/s$: weights with large gradients are hardly decayed at all. I. Loshchilov
# and F. Hutter (Decoupled weight decay regularization, ICLR 2019) take it out of the gradient
# again. Their **AdamW** is
#
# $$w \leftarrow (1 - \eta\lambda)\,w - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}$$
#
# ## In code
#
# That is all there is. We make our classes from `tn.SGD`: it keeps the parameters in
# `param_groups`, with the settings of each group, and checks them. Only `step` is ours. So
# `tn.OneCycleLR`, which wants an SGD, takes them. It also moves `"momentum"`, where our Adam keeps
# its $\beta_1$; PyTorch's one-cycle does the same. (What we leave out: parameters that are frozen,
# and a `state_dict` that would save $m$ and $v$.)


# %%
class RMSProp(tn.SGD):
    """Steps of g / √v, where v is a running mean of g²."""

    def __init__(self, parameters, lr, beta2=0.99, eps=1e-8):
        super().__init__(parameters, lr)
        self.beta2, self.eps = beta2, eps
        self.v = {}  # Parameter: array of its shape

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                v = self.v.setdefault(p, np.zeros_like(p.data))
                v += (1 - self.beta2) * (p.grad**2 - v)
                p.data -= group["lr"] * p.grad / (np.sqrt(v) + self.eps)


class Adam(tn.SGD):
    """Steps of m / √v, running means of g and g² with bias correction; weight decay is L2."""

    decoupled = False

    def __init__(self, parameters, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
        super().__init__(parameters, lr, momentum=beta1, weight_decay=weight_decay)
        self.beta2, self.eps = beta2, eps
        self.t, self.m, self.v = 0, {}, {}  # m, v: {Parameter: array of its shape}

    def step(self):
        self.t += 1
        for group in self.param_groups:
            lr, beta1, decay = group["lr"], group["momentum"], group["weight_decay"]
            for p in group["params"]:
                g = p.grad
                if self.decoupled:
                    p.data *= 1 - lr * decay
                else:
                    g = g + decay * p.data
                m = self.m.setdefault(p, np.zeros_like(p.data))
                v = self.v.setdefault(p, np.zeros_like(p.data))
                m += (1 - beta1) * (g - m)
                v += (1 - self.beta2) * (g**2 - v)
                m_hat, v_hat = m / (1 - beta1**self.t), v / (1 - self.beta2**self.t)
                p.data -= lr * m_hat / (np.sqrt(v_hat) + self.eps)


class AdamW(Adam):
    """Adam with decoupled weight decay: the weight shrinks by a factor, outside the gradient."""

    decoupled = True


# %% [markdown]
# ($m + (1-\beta)(g - m)$ is $\beta m + (1-\beta)\,g$, written so that it can be done in place.)
#
# ## Is it right?
#
# We compare with the definition, written in another way: no running means, but the list of all past
# gradients. Since $\hat m$ divides by the sum of its weights, it *is* a weighted mean of the past,
# each gradient counting $\beta$ times as much as the one after it, and `np.average` can compute it.
# Five weights, curvatures from 0.01 to 100, 50 noisy steps.

# %%
curvatures = np.geomspace(0.01, 100, 5)  # (5,)
noise = np.random.default_rng(0).standard_normal((50, 5))


def past_mean(past, beta):
    """The mean of past values, (t, 5) to (5,): each counts β times as much as the one after it."""
    return np.average(past, axis=0, weights=beta ** np.arange(len(past))[::-1])


def by_definition(method, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8, decay=0.1):
    """(5,): the weights after 50 steps from 1."""
    w, past = np.ones(5), []
    for t in range(1, 51):
        past.append(curvatures * w + noise[t - 1] + (decay * w if method == "Adam" else 0))
        mean, square = past_mean(past, beta1), past_mean(np.square(past), beta2)
        if method == "RMSProp":  # no mean of the gradient, no correction, no decay
            mean, square = past[-1], (1 - beta2**t) * square
        if method == "AdamW":
            w = w - lr * decay * w
        w = w - lr * mean / (np.sqrt(square) + eps)
    return w


for method, make in [
    ("RMSProp", lambda p: RMSProp(p, lr=0.01)),
    ("Adam", lambda p: Adam(p, lr=0.01, beta2=0.99, weight_decay=0.1)),
    ("AdamW", lambda p: AdamW(p, lr=0.01, beta2=0.99, weight_decay=0.1)),
]:
    w = tn.Parameter(np.ones(5))
    optimizer = make([w])
    for xi in noise:
        w.grad = curvatures * w.data + xi
        optimizer.step()
    np.testing.assert_allclose(w.data, by_definition(method), rtol=1e-9)
    print(f"{method:8} as defined; weights after 50 steps:", w.data.round(3))

# %% [markdown]
# (tinynet's tests compare these three classes with PyTorch's own, where PyTorch is installed.)
#
# And the two kinds of decay. 1,000 copies of a weight start at 1 and get gradients that are nothing
# but noise, of size 1 or 10. Only the decay moves their mean: by $(1-\eta\lambda)^t$, or with L2 in
# Adam by about $(1-\eta\lambda/s)^t$.

# %%
rng = np.random.default_rng(0)
for size in (1, 10):
    for name, make in [("Adam, L2", Adam), ("AdamW", AdamW)]:
        w = tn.Parameter(np.ones(1000))
        optimizer = make([w], lr=0.01, weight_decay=0.1)
        for _ in range(1000):
            w.grad = size * rng.standard_normal(1000)
            optimizer.step()
        pull = 0.01 * 0.1 / (size if name == "Adam, L2" else 1)
        print(f"gradients of size {size:2}, {name:8}: weight 1 → {w.data.mean():.2f}, ", end="")
        print(f"by formula {(1 - pull) ** 1000:.2f}")
        np.testing.assert_allclose(w.data.mean(), (1 - pull) ** 1000, atol=0.05)

# %% [markdown]
# ## The valley again
#
# Lesson 7's valley: curvature 1 along it, 25 across. If it lies along the axes, so that each weight
# has a curvature of its own, $g_k = \lambda_k w_k$, then $\lambda_k$ cancels in
# $\hat m/\sqrt{\hat v}$: Adam walks as if all curvatures were 1. Turn the valley by 45°, and both
# weights have gradients of both sizes: a scale for each *weight* cannot tell the directions apart.
# SGD is the other way round. It knows no axes, a turned valley is the same valley to it, but the
# curvatures limit it.


# %%
def turned(angle):
    """(2, 2): the rotation by this angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def walk(make, angle=0.0, steep=25.0, steps=100):
    """(steps + 1, 2): the weights after each step, in the valley's own directions."""
    axes = turned(angle)  # its columns: along the valley, and across
    second_derivatives = axes @ np.diag([1.0, steep]) @ axes.T
    w = tn.Parameter(axes @ np.array([-2.0, 0.5]))
    optimizer = make([w])
    path = [w.data.copy()]
    for _ in range(steps):
        w.grad = second_derivatives @ w.data
        optimizer.step()
        path.append(w.data.copy())
    return np.array(path) @ axes


WALKERS = {"SGD": lambda p: tn.SGD(p, lr=0.03), "Adam": lambda p: Adam(p, lr=0.03)}
figure, axes = plt.subplots(1, 4, figsize=(13, 3.9), sharex=True, sharey=True)
a, b = np.meshgrid(np.linspace(-2.3, 1, 100), np.linspace(-2.3, 1, 100))
for ax, (name, angle) in zip(axes, [(n, a) for n in WALKERS for a in (0, np.pi / 4)], strict=True):
    along, across = np.einsum("ji,jab->iab", turned(angle), np.stack([a, b]))
    height = (along**2 + 25 * across**2) / 2
    ax.contour(a, b, height, levels=np.geomspace(0.05, 20, 8), colors="#bbbbbb", linewidths=0.8)
    path = walk(WALKERS[name], angle)
    ax.plot(*(path @ turned(angle).T).T, ".-", color=COLOURS[name], linewidth=1, markersize=4)
    ax.plot(0, 0, "k+", markersize=12)
    distance = np.linalg.norm(path[-1])
    ax.set_title(f"{name}, {'turned' if angle else 'straight'}: {distance:.2f} left", fontsize=11)
    ax.set(xlabel="$w_1$", aspect="equal")
    print(f"{name:4} turned by {np.degrees(angle):2.0f}°: {distance:.3f} left after 100 steps")
axes[0].set_ylabel("$w_2$")
figure.tight_layout()

np.testing.assert_allclose(walk(WALKERS["Adam"]), walk(WALKERS["Adam"], steep=1.0), atol=1e-6)
np.testing.assert_allclose(walk(WALKERS["SGD"]), walk(WALKERS["SGD"], np.pi / 4), atol=1e-9)
assert np.linalg.norm(walk(WALKERS["Adam"], np.pi / 4)[-1]) > 5 * np.linalg.norm(
    walk(WALKERS["Adam"])[-1]
)

# %% [markdown]
# So adaptive methods help as far as the troublesome directions lie along single weights. Between
# layers that may be so: lesson 10 has networks in which the gradients of one layer are all larger
# than those of another.
#
# ## Digits: a fair comparison
#
# The network of lesson 7, 3,000 digits, two epochs. Nesterov SGD, RMSProp, Adam and AdamW, the last
# with the published run's weight decay, 0.005; $\beta_2$ stays at its usual value. What makes it
# fair:
#
# - Each method gets three learning rates, a factor of 5 apart. Coarse tries before had shown about
#   where each method's best lies; that is where its three stand.
# - All have the same schedule, `tn.OneCycleLR`, and start, seed by seed, from the same weights and
#   see the same digits in the same order.
# - Of 5,000 held-out digits the first half chooses each method's rate; only the second half is
#   reported, for the best of three on the first half is partly luck.

# %%
(x, y), (x_held, y_held) = tn.datasets.hold_out(*tn.datasets.mnist()[0])
x, y = as_input(x[:3000]), y[:3000]
x_held, y_held = as_input(x_held[:5000]), y_held[:5000]

METHODS = {  # name: (what makes it, learning rates)
    "SGD": (lambda p, lr: tn.SGD(p, lr, momentum=0.9, nesterov=True), [0.02, 0.1, 0.5]),
    "RMSProp": (RMSProp, [0.002, 0.01, 0.05]),
    "Adam": (Adam, [0.006, 0.03, 0.15]),
    "AdamW": (lambda p, lr: AdamW(p, lr, weight_decay=0.005), [0.006, 0.03, 0.15]),
}


def small_network(seed):
    rng = np.random.default_rng(seed)
    return tn.Sequential(
        tn.Conv2d(1, 8, 3, stride=2, padding=1, rng=rng),  # 28×28 to 14×14
        tn.ReLU(),
        tn.BatchNorm2d(8),
        tn.Conv2d(8, 16, 3, stride=2, padding=1, rng=rng),  # 14×14 to 7×7
        tn.ReLU(),
        tn.BatchNorm2d(16),
        tn.Flatten(),
        tn.Linear(16 * 7 * 7, 10, rng=rng),
    )


def train(seed, make, max_lr, epochs=2, loss_scale=1.0):
    """(2,): the accuracy on each half of the held-out digits."""
    model = tn.compile(small_network(seed), threads=1)  # too small to share out
    loss, rng = tn.CrossEntropyLoss(), np.random.default_rng(seed)
    optimizer = make(model.parameters(), max_lr)
    has_momentum = optimizer.param_groups[0]["momentum"] > 0
    steps = epochs * -(-len(x) // 64)
    schedule = tn.OneCycleLR(optimizer, max_lr, steps, cycle_momentum=has_momentum)
    for _ in range(epochs):
        for batch in batches(len(x), 64, rng):
            with np.errstate(over="ignore", invalid="ignore"):
                loss(model(x[batch]), y[batch])
                dlogits = loss.backward()  # (n, 10)
                if not np.isfinite(dlogits).all():
                    return np.full(2, np.nan)  # it exploded
                model.backward_parameters(loss_scale * dlogits)
                optimizer.step()
            schedule.step()
    right = tn.predict_proba(model, x_held, batch_size=500).argmax(axis=1) == y_held
    return right.reshape(2, -1).mean(axis=1)


results = {
    name: np.array([[train(seed, make, lr) for seed in range(3)] for lr in rates])
    for name, (make, rates) in METHODS.items()
}  # name: (rates, seeds, halves)
print("accuracy on the first half, by learning rate; mean ± standard deviation over three seeds")
for name, accuracies in results.items():
    cells = [
        f"{lr:>8}: {a.mean():.1%} ± {a.std(ddof=1):.1%}"
        if np.isfinite(a).all()
        else f"{lr:>8}: {np.isnan(a).sum()} of 3 explode"
        for lr, a in zip(METHODS[name][1], accuracies[:, :, 0], strict=True)
    ]
    print(f"{name:8}" + "".join(cells))

# %%
chosen = {}  # name: (seeds,), the second half at the rate that the first half chose
for name, accuracies in results.items():
    best = np.nan_to_num(accuracies[:, :, 0]).mean(axis=1).argmax()  # exploded counts 0
    chosen[name] = accuracies[best, :, 1]
    gain = chosen[name] - chosen["SGD"]
    print(f"{name:8}{METHODS[name][1][best]:>6}: second half {chosen[name].mean():.1%} ", end="")
    print(f"± {chosen[name].std(ddof=1):.1%}, gain on SGD by seed:", *(f"{g:+.1%}" for g in gain))
p = chosen["SGD"].mean()
print(f"binomial error of one accuracy: {np.sqrt(p * (1 - p) / 2500):.1%}")

figure, ax = plt.subplots(figsize=(8, 3.6))
for k, (name, accuracies) in enumerate(results.items()):
    place = np.arange(3) + (k - 1.5) * 0.14
    style = dict(color=COLOURS[name], markersize=5, linestyle="none", marker=MARKERS[name])
    seeds = np.add.outer(place, [-0.03, 0, 0.03])  # (rates, seeds): beside one another
    ax.plot(seeds.ravel(), accuracies[:, :, 0].ravel(), **style, label=name)
    ax.plot(place, accuracies[:, :, 0].mean(axis=1), "_", color=COLOURS[name], markersize=18)
ax.set_xticks(range(3), ["a fifth of it", "middle rate", "five times it"])
ax.set(ylabel="accuracy, first half", ylim=(0.87, 0.95))
ax.set_title("each mark a seed, each bar the mean of three")
ax.text(2 - 0.21, 0.874, "SGD: explodes, or below", color=COLOURS["SGD"], ha="center")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
figure.tight_layout()

# %% [markdown]
# What three seeds allow to say:
#
# - **The learning rate matters more than the method.** A fifth of the middle rate costs more, on
#   average, than any of the methods gains; and each method's right one is another. "Adam at 0.1
#   against SGD at 0.1" compares nothing. (Adam's two upper rates can hardly be told apart; the
#   experiment goes further up.)
# - **Adam and AdamW are a control.** So short a run decays weights by less than 2 % altogether (the
#   next cell computes it), so the two rows are nearly one method, run twice. What they differ by is
#   mostly chance, and differences as small between other rows mean nothing either.
# - **Adam and SGD: no difference** beyond the noise. RMSProp was ahead of SGD in all three seeds
#   when this was written. Of two methods that are equally good, one or the other wins three times
#   out of three in one case of four: a reason to run more seeds, not a result. So we ran seeds 0 to
#   11, at the middle rates. RMSProp was ahead in eleven, by 0.8 ± 0.2 points (mean ± standard
#   error): now it is one. Adam: 0.1 ± 0.15. After ten epochs, with seeds 0 to 7, RMSProp's lead was
#   0.5 ± 0.2, and on SGD at twice that rate 0.3: the longer the training and the finer the rates,
#   the less is left.
# - **What differs most is the margin.** At five times its middle rate SGD explodes with most seeds,
#   while the adaptive ones lose little: their steps are never longer than some ten $\eta$, whatever
#   the gradient.
#
# All this holds for a network with BatchNorm, trained briefly. Where gradients of different
# parameters differ much more, as in language models with rare words, Adam is what people use; this
# lesson has not measured that.

# %%
gains = {name: (a - chosen["SGD"]).mean() for name, a in chosen.items()}
by_rate = {name: np.nan_to_num(a[:, :, 0]).mean(axis=1) for name, a in results.items()}  # (rates,)
costs = {name: a[1] - a[0] for name, a in by_rate.items()}
for name in METHODS:
    print(f"{name:8} mean gain on SGD {gains[name]:+.1%}; a fifth of its rate costs ", end="")
    print(f"{costs[name]:.1%}, five times its rate {by_rate[name][1] - by_rate[name][2]:.1%}")
assert max(abs(gain) for gain in gains.values()) < np.mean(list(costs.values()))
assert abs(gains["Adam"]) < 0.015 and -0.01 < gains["RMSProp"] < 0.025
losses = [by_rate[name][1] - by_rate[name][2] for name in list(METHODS)[1:]]
assert np.isnan(results["SGD"][2]).any() and max(losses) < 0.04

decay = (1 - 0.03 * 0.005) ** (2 * 47)
print(f"AdamW's decay over 94 steps, even at the full rate 0.03: a factor {decay:.3f}")
assert decay > 0.98

# %% [markdown]
# ## Why tinynet has SGD only
#
# Because these runs show little that would pay for more. Between methods nearly as good as each
# other, take the simplest: SGD with momentum keeps one array for each parameter where Adam keeps
# two, has fewer settings, and reads faster. tinynet's recipes were chosen with it on held-out
# digits; the accuracies stand in the [README](../../README.md), beside those of the published run
# with AdamW. (That is no comparison of optimisers: augmentation and other things differ, too.) And
# whoever needs Adam has just written it.
#
# ## Experiment
#
# Predict, then run: the loss is multiplied by 100. Which of the four notice? Which learning rate
# gives SGD back what it had? Then watch, with the scale back at 1: how far up can SGD's rate go
# before the accuracy falls to that of guessing, and how far Adam's?

# %%
method, max_lr, loss_scale = "Adam", 0.03, 100.0  # Change: "SGD", 0.1; scale 1, 0.01; rates
accuracy = train(0, METHODS[method][0], max_lr, loss_scale=loss_scale)[0]
print(f"{method}, rate {max_lr}, loss times {loss_scale}: ", end="")
print(f"accuracy {accuracy:.1%}" if np.isfinite(accuracy) else "explodes")

# %% [markdown]
# ## Questions
#
# **Question 1.** How much memory do weights, gradients and the optimiser's own arrays take in
# float32: for tinynet's network of 11,950 parameters and for a language model of 7 billion, with
# plain SGD, SGD with momentum, and Adam?
#
# **Question 2.** `tn.OneCycleLR` changes $\beta_1$ at every step, from 0.95 to 0.85 and back. Our
# Adam (and PyTorch's) divides by $1 - \beta_1^t$ with the $\beta_1$ of the moment. Is that still
# the sum of the weights?
#
# **Question 3.** The published run: AdamW, weight decay 0.005, one-cycle with the peak 0.005, 20
# epochs of 469 steps. How much does the decay alone shrink a weight that gets no gradient? Is that
# strong? What would L2 of the same size do to a weight whose gradients have the size 0.001?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# The adaptive ones do not notice: the factor cancels, and only $\varepsilon$ and rounding make a
# difference, by which a few digits change sides. SGD needs a hundredth of its learning rate, and is
# then where it was.
#
# SGD still trains at 0.3, and explodes at 1. At 0.5 Adam is past its best. But it does not explode
# at 50, more than 1,000 times its best rate, and more than three digits in four are read right even
# then: steps are some $\eta$ long and not longer, the schedule makes them small in the end, and
# BatchNorm divides by the size of whatever the weights have become. (One seed here; with six, when
# this was written, it was the same.)

# %%
for name, lr in [("SGD", 0.001), ("Adam", 0.03)]:
    scaled, plain = train(0, METHODS[name][0], lr, loss_scale=100.0), results[name][1, 0]
    print(f"{name:4} loss times 100, rate {lr}: {scaled[0]:.1%}; as in the table: {plain[0]:.1%}")
    np.testing.assert_allclose(scaled, plain, atol=0.03)

for name, lr in [("SGD", 0.3), ("SGD", 1.0), ("Adam", 0.5), ("Adam", 50.0)]:
    accuracy = train(0, METHODS[name][0], lr)[0]
    exploded = np.isnan(accuracy)
    print(f"{name:4} rate {lr:4}: {'explodes' if exploded else f'{accuracy:.1%}'}")
    assert exploded == ((name, lr) == ("SGD", 1.0)) and not accuracy < 0.75
    assert lr != 0.5 or accuracy < results["Adam"][1, 0, 0]

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# Four bytes for each number. Plain SGD keeps nothing, momentum one array for each parameter, Adam
# two. For the small network it does not matter. For the large one, Adam's averages are twice as
# large as the model.

# %%
for parameters in (11_950, 7_000_000_000):
    for name, own in [("plain SGD", 0), ("momentum", 1), ("Adam", 2)]:
        size = 4 * parameters * (2 + own)
        print(f"{parameters:13,} parameters, {name:9}: {size / 1e6:10,.2f} MB")
w = tn.Parameter(np.zeros(11_950, np.float32))
w.grad = np.ones(11_950, np.float32)
adam = Adam([w], lr=0.001)
adam.step()
assert adam.m[w].nbytes + adam.v[w].nbytes == 2 * w.data.nbytes == 2 * 4 * 11_950

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# No. The 0 at the start is multiplied by each step's own $\beta_1$, so its weight is the product of
# all of them, and the others add up to 1 minus this product. With a constant gradient of 1,
# $\hat m$ should be 1. In a short cycle the usual factor is off by nearly a fifth at worst; in a
# long one $\beta_1$ has hardly moved by the time when correction no longer matters.

# %%
for steps in (94, 9380):  # this lesson's runs; the published one's 20 epochs
    w = tn.Parameter(np.zeros(1))
    cycled = tn.SGD([w], lr=0.005, momentum=0.9)
    schedule = tn.OneCycleLR(cycled, 0.005, steps)
    mean, product, usual, exact = 0.0, 1.0, [], []
    for step in range(1, steps + 1):
        beta1 = cycled.param_groups[0]["momentum"]
        mean, product = beta1 * mean + (1 - beta1), product * beta1
        usual.append(mean / (1 - beta1**step))
        exact.append(mean / (1 - product))
        schedule.step()
    off = np.abs(np.array(usual) - 1)
    print(f"{steps:4} steps: with 1 − β₁ᵗ off by up to {off.max():.2%}, at step {off.argmax() + 1}")
    np.testing.assert_allclose(exact, 1, rtol=1e-9)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# Each step multiplies by $1 - \eta_t\lambda$; the product is about $e^{-\lambda\sum\eta_t}$. That
# is a mild pull: in the whole run the weight loses about a ninth. With L2 in Adam, $\lambda w$ is
# divided by 0.001, and the pull is 1,000 times as strong, as long as $\lambda w$ is small beside
# the gradient; beyond that the weight goes to 0 by steps of about $\eta$. The same $\lambda$ means
# something else in each.

# %%
w = tn.Parameter(np.ones(1))
w.grad = np.zeros(1)
published = AdamW([w], lr=0.005, weight_decay=0.005)
schedule = tn.OneCycleLR(published, 0.005, 20 * 469)
rates = []
for _ in range(20 * 469):
    rates += schedule.get_last_lr()
    published.step()
    schedule.step()
print(f"weight 1 → {w.data[0]:.4f}; by the formula {np.exp(-0.005 * sum(rates)):.4f}")
np.testing.assert_allclose(w.data[0], np.exp(-0.005 * sum(rates)), rtol=1e-4)

# %% [markdown]
# ## Where to go
#
# - **Exercises:** [`adam.py`](../../tinynet/exercises/blanks/adam.py): a step of AdamW, which
#   without weight decay is Adam's. `python -m tinynet.exercise adam` checks it. The weight decay of
#   [`sgd.py`](../../tinynet/exercises/blanks/sgd.py) is the L2 kind: its check notices if you write
#   AdamW's.
# - **Draw:** run [`python examples/draw.py`](../draw.py). The network there was trained with SGD.
#   Nothing of how it was trained can be seen on the page: an optimiser is a way to the weights, and
#   no part of the network.
# - **Next:** [lesson 9](09_your_own_layer.py): write a layer of your own.
