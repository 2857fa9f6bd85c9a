# %% [markdown]
# # 12 · Over- and underfitting, and what helps
#
# - **Time:** 30 minutes
# - **Before:** lesson 9 (a layer of your own), lesson 11 (error bars, choosing on held-out digits);
#   mean and variance, fitting a line by least squares; for the derivation coordinates in a rotated
#   basis. Who lacks these may take the gap's formula as given: the cell measures it
# - **After:** you can tell over- from underfitting by two curves, derive how the gap between them
#   grows with parameters and shrinks with examples, write dropout, and say what weight decay,
#   dropout, augmentation and early stopping are worth
# - **Code:** [`augment.py`](../../tinynet/augment.py), `weight_decay` in
#   [`optim.py`](../../tinynet/optim.py), `hold_out` in
#   [`datasets`](../../tinynet/datasets/__init__.py)
#
# A network that reads every training digit right may still read one new digit in six wrong. The
# training error says how well it *remembers*. What we want is how well it **generalises**: how it
# does on digits that it has not seen.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input, batches

BLUE, VERMILION = "#0072b2", "#d55e00"

# %% [markdown]
# ## Two errors and a gap
#
# Take a loss, or the part of digits read wrong. On the training digits it is the **training
# error**, on digits held out the **validation error**. Their difference is the **generalisation
# gap**:
#
# $$\text{validation error} = \text{training error} + \text{gap}$$
#
# **Underfitting**: the training error is large already; the model cannot, or was not trained to,
# say what there is to say. **Overfitting**: the training error is small and the gap is large; the
# model has learned what is true of these examples only. The remedies for one are poison for the
# other, so one has to look at both numbers.
#
# ## Where the gap comes from, exactly
#
# For least squares the gap can be computed. There are $n$ measurements $y = f + \varepsilon$, (n,),
# where $f$ is the truth and $\varepsilon$ noise, independent, with mean 0 and variance $\sigma^2$.
# The model is $\hat y = X c$ with features $X$, (n, p), and $p$ coefficients $c$, (p,); say that it
# can represent $f$.
#
# All that the model can say, $Xc$, is a $p$-dimensional plane in $n$-dimensional space. Rotate the
# coordinates so that the first $p$ axes lie in it. A rotation changes no lengths, and noise that is
# equal and independent in all directions stays so. Least squares takes the nearest point of the
# plane: it **copies the first $p$ coordinates of $y$, noise included**, and cannot reach the other
# $n - p$. What remains as training error is the noise in those:
#
# $$\text{training error} = \frac{(n-p)\,\sigma^2}{n} = \sigma^2\left(1 - \frac pn\right)$$
#
# Now measure again at the same places, with fresh noise $\varepsilon'$. The model errs by the new
# noise, $n\sigma^2$ altogether, and by the old one that it has copied, $p\,\sigma^2$. The two are
# independent, so that their variances add up:
#
# $$\text{validation error} = \sigma^2\left(1 + \frac pn\right) \qquad
#   \text{gap} = 2\sigma^2\,\frac pn$$
#
# Each parameter learns one part in $n$ of the noise by heart, and pays twice: once it looks better
# than it is, once it is worse. If the model cannot represent $f$, the squared distance of $f$ from
# the plane, divided by $n$, comes on top of *both*: that is underfitting. We fit polynomials to 20
# points, 2,000 times.

# %%
rng = np.random.default_rng(0)
n, sigma = 20, 0.3
position = np.linspace(-1, 1, n)  # (n,)
truth = np.sin(3 * position + 0.5)  # (n,)
y = truth + sigma * rng.standard_normal((2000, n))  # (drawings, n)
y_new = truth + sigma * rng.standard_normal((2000, n))


def fitted(y, p):
    """(drawings, n): polynomials with p coefficients (degree p − 1), fitted to each row of y."""
    features = np.polynomial.legendre.legvander(position, p - 1)  # (n, p)
    coefficients, *_ = np.linalg.lstsq(features, y.T, rcond=None)  # (p, drawings)
    return (features @ coefficients).T


counts = np.arange(1, 17)
errors = np.array([[np.square(z - fitted(y, p)).mean() for z in (y, y_new)] for p in counts])
missed = np.array([np.square(truth - fitted(truth[None], p)).mean() for p in counts])
formulas = missed[:, None] + sigma**2 * (1 + counts[:, None] / n * [-1, 1])
np.testing.assert_allclose(errors, formulas, rtol=0.05)
assert 2 < counts[errors[:, 1].argmin()] < 8  # the lowest place of the validation error
print("coefficients   training error   validation error   by formula")
for p in (1, 2, 4, 8, 16):
    print(f"{p:7} {errors[p - 1, 0]:18.3f} {errors[p - 1, 1]:16.3f} ", end="")
    print(f"{formulas[p - 1, 0]:15.3f}, {formulas[p - 1, 1]:.3f}")

figure, axes = plt.subplots(1, 4, figsize=(13, 3.3))
for ax, p in zip(axes, (2, 5, 16), strict=False):
    ax.plot(position, truth, "--", color="black", linewidth=1, label="truth")
    ax.plot(position, y[0], "o", color=BLUE, markersize=5, label="measured")
    ax.plot(position, fitted(y[:1], p)[0], color=VERMILION, label="fitted")
    ax.set_title(f"{p} coefficients")
axes[0].legend(frameon=False, fontsize=9)
axes[3].plot(counts, errors[:, 0], "o-", color=BLUE, markersize=4, label="training")
axes[3].plot(counts, errors[:, 1], "s--", color=VERMILION, markersize=4, label="validation")
axes[3].axhline(sigma**2, color="black", linestyle=":", linewidth=1, label="noise, σ²")
axes[3].set(ylim=(0, 0.3), xlabel="coefficients", title="mean squared error")
axes[3].legend(frameon=False, fontsize=9)
figure.tight_layout()

# %% [markdown]
# Left too few coefficients, then about enough, then too many: the curve runs after each point. Only
# the validation error knows: it falls, has a lowest place, and rises again.
#
# ## Digits, and a network that learns them by heart
#
# The family of networks: pixels, one hidden layer of some width, ten logits; to be quick, 2×2
# pixels averaged to one. There are 500 training digits, so that there is something to overfit, 500
# steps of 20 digits, and SGD with momentum at a constant learning rate. The 5,000 held-out digits
# come in two halves: the first is for looking and choosing, the second for what we report. (One
# half may be harder than the other: compare within a half.) The test set is looked at by nobody.
#
# Dropout, which we shall need, is a layer (N. Srivastava and others, JMLR 15, 2014): in training it
# sets each value to 0 with the probability $d$, and divides the others by $1 - d$, so that the mean
# stays: $(1-d) \cdot \frac{x}{1-d} + d \cdot 0 = x$. No unit can rely on one certain other. In
# evaluation it does nothing.


# %%
class Dropout(tn.Layer):
    """In training, zeros with probability d, and the rest divided by 1 − d."""

    def __init__(self, d, rng):
        self.d, self.rng = d, rng

    def forward(self, x):
        keep = np.ones_like(x)
        if self.training:
            keep = ((self.rng.random(x.shape) >= self.d) / (1 - self.d)).astype(x.dtype)
        y = keep * x
        self.save(y, keep)
        return y

    def backward(self, dy):
        (keep,) = self.saved(dy)
        return keep * dy


class Repeated(Dropout):
    """The same zeros each time, without which a gradient check makes no sense."""

    def forward(self, x):
        self.rng = np.random.default_rng(0)
        return super().forward(x)


print(tn.gradcheck(Repeated(0.5, None), rng.standard_normal((4, 5))))
dropped = Dropout(0.5, rng)(np.ones((200, 500)))
np.testing.assert_allclose(dropped.mean(), 1, atol=0.02)

# %%
(images, labels), (held_images, held_labels) = tn.datasets.hold_out(*tn.datasets.mnist()[0])


def pooled(images):
    """(n, 28, 28) to (n, 196): the mean of 2×2 pixels, normalised as `tn.fit` does it."""
    return tn.AvgPool2d(2)(as_input(images)).reshape(-1, 196)


first_half = pooled(held_images[:2500]), held_labels[:2500]
second_half = pooled(held_images[2500:5000]), held_labels[2500:5000]


def measure(model, x, y):
    """(loss, part read wrong)."""
    found = tn.evaluate(model, x, y, batch_size=2500)
    return found.loss, 1 - found.accuracy


def train(seed, width=64, n=500, steps=500, weight_decay=0.0, dropout=0.0, augment=None, every=500):
    """(times, 3, 2): after each `every` steps loss and error, training digits and both halves."""
    rng = np.random.default_rng(seed)
    layers = [tn.Linear(196, width, rng=rng), tn.ReLU(), tn.Linear(width, 10, rng=rng)]
    if dropout:
        layers.insert(2, Dropout(dropout, rng))
    model, loss = tn.Sequential(*layers), tn.CrossEntropyLoss()
    optimizer = tn.SGD(model.parameters(), 0.02, momentum=0.9, weight_decay=weight_decay)
    as_they_are, history, step = pooled(images[:n]), [], 0
    while step < steps:
        x = as_they_are if augment is None else pooled(augment(images[:n], rng))
        for batch in batches(n, 20, rng):
            loss(model(x[batch]), labels[batch])
            model.backward_parameters(loss.backward())
            optimizer.step()
            step += 1
            if step % every == 0:
                sets = [(as_they_are, labels[:n]), first_half, second_half]
                history.append([measure(model, *some) for some in sets])
            if step == steps:
                break
    return np.array(history)


watched = np.array([train(seed, every=25) for seed in range(3)])  # (seeds, times, sets, 2)
steps = np.arange(25, 501, 25)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4))
for ax, which, name in zip(axes, (0, 1), ("loss", "error"), strict=True):
    for seed in range(3):
        once = seed == 0
        ax.plot(steps, watched[seed, :, 0, which], color=BLUE, label="training" if once else None)
        style = dict(color=VERMILION, linestyle="--", label="validation" if once else None)
        ax.plot(steps, watched[seed, :, 1, which], **style)
    ax.set(xlabel="step", title=f"{name}, 500 digits, width 64, three seeds", ylim=(0, None))
    ax.legend(frameon=False)
figure.tight_layout()

mean = watched.mean(axis=0)  # (times, sets, 2)
lowest = mean[:, 1, 0].argmin()
for name, at in [("lowest loss", lowest), ("at the end", -1)]:
    print(f"{name:11}, step {steps[at]}: validation loss {mean[at, 1, 0]:.3f}, ", end="")
    print(f"validation error {mean[at, 1, 1]:.1%}, training error {mean[at, 0, 1]:.1%}")
assert watched[:, -1, 0, 1].max() < 0.005
assert (watched[:, -1, 1, 0] > watched[:, :, 1, 0].min(axis=1) + 0.03).all()
assert mean[-1, 1, 1] < mean[lowest, 1, 1] + 0.01

# %% [markdown]
# All 500 digits are known by heart. The validation *loss* has the shape from the theory, down and
# up again. The *error* does not rise with it: no more digits are read wrong than before. But the
# network gets surer of its answers, of the wrong ones, too, and that is what the loss punishes.
# Which of the two matters depends on whether anybody uses the probabilities.
#
# ## Against the width, and against the number of examples

# %%
widths, numbers = [2, 4, 8, 16, 64], [100, 500, 1000, 2000]
plain = watched[:, -1]  # (seeds, sets, 2): width 64, 500 digits, to the end
by_width = [[train(seed, width=width)[-1] for seed in range(3)] for width in widths[:-1]]
by_width = np.array([*by_width, plain])  # (settings, seeds, sets, 2)
by_number = {n: [train(seed, n=n)[-1] for seed in range(3)] for n in numbers if n != 500}
by_number = np.array([(by_number | {500: plain})[n] for n in numbers])

figure, axes = plt.subplots(1, 3, figsize=(13, 3.5))
for ax, places, found, which, title in [
    (axes[0], widths, by_width, 1, "error, 500 digits"),
    (axes[1], widths, by_width, 0, "loss, 500 digits"),
    (axes[2], numbers, by_number, 1, "error, width 64"),
]:
    for part, name, line in [
        (0, "training", dict(color=BLUE, fmt="o-")),
        (1, "validation", dict(color=VERMILION, fmt="s--")),
    ]:
        values = found[:, :, part, which]  # (settings, seeds)
        spread = values.std(axis=1, ddof=1)
        ax.errorbar(places, values.mean(axis=1), spread, **line, label=name, capsize=3)
    ax.set_xscale("log")
    ax.set_xticks(places, places)
    ax.minorticks_off()
    ax.set(title=title, ylim=(0, None), xlabel="training digits" if ax is axes[2] else "width")
    ax.legend(frameon=False)
figure.tight_layout()

for name, places, found in [("width", widths, by_width), ("digits", numbers, by_number)]:
    for place, of_seeds in zip(places, found, strict=True):
        training, validation = of_seeds[:, 0, 1], of_seeds[:, 1, 1]
        print(f"{name:6} {place:4}: training error {training.mean():5.1%}, validation ", end="")
        print(f"{validation.mean():.1%} ± {validation.std(ddof=1):.1%}, gap ", end="")
        print(f"{(validation - training).mean():.1%}")
errors = by_width[..., 1].mean(axis=1)  # (widths, sets)
assert errors[0, 0] > 0.3 and errors[2:, 0].max() < 0.03 and (np.diff(errors[:, 1]) < 0).all()
gaps = (by_number[:, :, 1, 1] - by_number[:, :, 0, 1]).mean(axis=1)  # (numbers,)
assert (np.diff(gaps) < 0).all()

# %% [markdown]
# - **Width 2 underfits**: the training error itself is large. (There is a gap, too: one does not
#   exclude the other.)
# - **From width 8 on the digits are known nearly by heart**, and every further unit should, by the
#   theory, make things worse. It does not: the widest network has the lowest validation error. The
#   formula is that of least squares with $p < n$. A wide network can read 500 digits right in many
#   ways, and training tends to find one that holds for others, too; why, is a matter of research
#   (M. Belkin and others, PNAS 2019, on what comes beyond the classical curve).
# - **More digits close the gap**, from 100 to 2,000 at each step. (500 steps are too few to learn
#   all 2,000 by heart; that is part of it.)
#
# ## What helps, and how much
#
# Four remedies for overfitting, at width 64 and with 500 digits. What each one does:
#
# - **Weight decay** (lessons 7 and 8) adds $\lambda w$ to the gradient: a weight stays large only
#   if the data pull at it in each step.
# - **Dropout**, behind the hidden layer.
# - **Augmentation** (lesson 11): digits turned, stretched, slanted and moved. Of the four it is the
#   only one that brings in knowledge: that a moved 3 is a 3.
# - **Early stopping**: keep the weights of the step at which the validation loss was lowest. It
#   costs nothing but the validation digits.
#
# The first three get three strengths each; the fourth the 20 times at which we looked. The first
# half of the held-out digits chooses, by the loss (it is less noisy than the error), and the second
# half is reported. As a measure, what 500 *more* training digits are worth.


# %%
def augmentation(strength):
    return tn.augment.RandomAffine(
        rotation=10 * strength, scale=0.1 * strength, shear=0.1 * strength, shift=1.5 * strength
    )


remedies = {  # name: [settings]
    "weight decay": [dict(weight_decay=decay) for decay in (0.003, 0.01, 0.03)],
    "dropout": [dict(dropout=d) for d in (0.1, 0.3, 0.5)],
    "augmentation": [dict(augment=augmentation(strength)) for strength in (0.5, 1.0, 2.0)],
}
outcome = {}  # name: (seeds, sets, 2)
for name, settings in remedies.items():
    tried = np.array([[train(seed, **how)[-1] for seed in range(3)] for how in settings])
    best = tried[:, :, 1, 0].mean(axis=1).argmin()
    outcome[name] = tried[best]
    print(f"{name:13} first half's losses", *tried[:, :, 1, 0].mean(axis=1).round(2), end="")
    print(f": chosen number {best + 1}")
stops = watched[:, :, 1, 0].argmin(axis=1)  # (seeds,)
outcome["early stopping"] = watched[np.arange(3), stops]
outcome["1,000 digits"] = by_number[numbers.index(1000)]
print("early stopping after", *steps[stops], "steps\n")

print(f"{'second half':15}{'error':>15}{'loss':>14}{'gap':>7}   change in error, seed by seed")
for name, found in {"nothing": plain, **outcome}.items():
    error, value = found[:, 2, 1], found[:, 2, 0]
    change = error - plain[:, 2, 1]
    print(f"{name:15}{error.mean():8.1%} ± {error.std(ddof=1):.1%}{value.mean():7.2f} ± ", end="")
    print(f"{value.std(ddof=1):.2f}{(error - found[:, 0, 1]).mean():8.1%}  ", end="")
    print(*(f"{c:+6.1%}" for c in change))
p = plain[:, 2, 1].mean()
print(f"binomial error of one error rate: {np.sqrt(p * (1 - p) / 2500):.1%}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(12, 3.4), sharey=True)
for ax, which, name in zip(axes, (1, 0), ("error, percentage points", "loss"), strict=True):
    for place, found in enumerate(outcome.values()):
        change = (found[:, 2, which] - plain[:, 2, which]) * (100 if which else 1)
        error = change.std(ddof=1) / np.sqrt(3)
        ax.plot(change, np.full(3, -place), "o", color=BLUE, markersize=5)
        ax.errorbar(change.mean(), -place - 0.25, xerr=2 * error, fmt="s", color="black", capsize=3)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlabel=f"change in {name}", title="dots: three seeds; square: mean ± 2 errors")
axes[0].set_yticks(-np.arange(len(outcome)), list(outcome))
figure.tight_layout()

# %% [markdown]
# Honestly:
#
# - **Augmentation** takes about a quarter of the errors away, two points or more in each seed, as
#   much as twice as many digits do. It is the one that knows something.
# - **Weight decay and early stopping** do nothing for the error that can be told from noise. For
#   the *loss* both do much: the network is less sure of its wrong answers. Whoever uses the
#   probabilities should have one of them.
# - **Dropout** is worth about a point: little, and probably real. (That three seeds agree so well
#   is luck. When this was written, nine gained from 0 to 1.3 points, on average 0.7 ± 0.15.)
# - The error bars are short-sighted. A spread from three seeds is itself a rough guess: ± 2 such
#   errors hold the truth in 82 % of cases, not in 95 (the cell tries it). And they know of seeds
#   only: all share the same 2,500 digits, and chance is in those, too.
# - None of this is a law. It holds for one small network on 500 digits. Look at both errors of a
#   network before you reach for a remedy.

# %%
changes = {name: found[:, 2] - plain[:, 2] for name, found in outcome.items()}  # (seeds, 2)
assert (changes["augmentation"][:, 1] < -0.02).all() and (changes["1,000 digits"][:, 1] < 0).all()
assert 0.15 < -changes["augmentation"][:, 1].mean() / plain[:, 2, 1].mean() < 0.35
assert abs((changes["augmentation"] - changes["1,000 digits"])[:, 1].mean()) < 0.02
for name in ("weight decay", "early stopping"):
    assert abs(changes[name][:, 1].mean()) < 0.01 and changes[name][:, 0].mean() < -0.05
assert -0.025 < changes["dropout"][:, 1].mean() < 0
for name, change in changes.items():
    error = change[:, 1].std(ddof=1) / np.sqrt(3)
    print(f"{name:15} changes the error by {change[:, 1].mean():+.1%} ± {error:.1%}", end="")
    print(f", the loss by {change[:, 0].mean():+.2f}")

threes = rng.standard_normal((100_000, 3))  # the truth is 0
held = np.abs(threes.mean(axis=1)) < 2 * threes.std(axis=1, ddof=1) / np.sqrt(3)
print(f"the mean of three ± 2 errors holds the truth in {held.mean():.0%} of cases")
np.testing.assert_allclose(held.mean(), 0.82, atol=0.01)

# %% [markdown]
# ## Experiment
#
# With augmentation no two epochs are the same, and the network is not done after 500 steps. Watch
# both errors at the end of 500, 1,000 and 1,500 steps. Is it over- or underfitting then? Does
# weight decay still help beside it? And what does augmentation do for a width of 4?

# %%
steps, width, decay = 1000, 64, 0.0  # Change: steps 500, 1500; width 4; weight decay 0.003, 0.01
how = dict(augment=augmentation(1.0))  # Change: {}, or strength 0.5, 2
training, _, second = train(0, width, steps=steps, weight_decay=decay, every=steps, **how)[-1]
print(f"training: loss {training[0]:.2f}, error {training[1]:.1%}; ", end="")
print(f"held out: loss {second[0]:.2f}, error {second[1]:.1%}")

# %% [markdown]
# ## Questions
#
# **Question 1.** At width 64 the training error is 0 %, the validation error some 15 %; at width 4
# they are about 7 % and 32 %. The narrow network has the larger gap. Does it need dropout more?
#
# **Question 2.** In the rotated coordinates of the derivation, least squares estimates one
# coefficient as $z = c + \varepsilon$, with noise of variance $\sigma^2$. Weight decay makes
# $\frac{z}{1+\lambda}$ of it (it minimises $(z - w)^2 + \lambda w^2$). Which $\lambda$ gives the
# smallest mean squared error, and can it be 0?
#
# **Question 3.** Somebody has 1,000 labelled digits, and keeps 500 of them for early stopping. Well
# spent?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# At width 64 the error falls until 1,500 steps, for the network is shown new pictures all the time.
# But the digits as they are it knows by heart even so: in the end this is overfitting again, and
# the loss is better with weight decay beside it. (That is one seed. Of seeds 0 to 3, when this was
# written, all had the better loss, and one had its lowest error at 1,000 steps.)
#
# Width 4 has nothing to spare. Augmentation makes its task harder: the training error more than
# doubles, and the held-out error stays where it was, within the noise.

# %%
longer = dict(steps=1500, every=500, augment=augmentation(1.0))
warped, decayed = train(0, **longer), train(0, **longer, weight_decay=0.003)  # (times, sets, 2)
for name, found in [("augmentation", warped), ("with weight decay", decayed)]:
    for count, (training, _, second) in zip((500, 1000, 1500), found, strict=True):
        print(f"{name:17} {count:5} steps: training error {training[1]:5.1%}, ", end="")
        print(f"held out {second[1]:.1%}, loss {second[0]:.2f}")
assert warped[-1, 2, 1] < warped[0, 2, 1] and decayed[-1, 2, 0] < warped[-1, 2, 0]

narrow = np.array([train(s, width=4, augment=augmentation(1.0))[-1] for s in range(3)])
plain_narrow = by_width[widths.index(4)]
for name, found in [("width 4", plain_narrow), ("width 4, augmented", narrow)]:
    training, second = found[:, 0, 1], found[:, 2, 1]
    print(f"{name:18} training error {training.mean():.1%}, ", end="")
    print(f"held out {second.mean():.1%} ± {second.std(ddof=1):.1%}")
harder, elsewhere = (narrow - plain_narrow)[:, [0, 2], 1].mean(axis=0)
assert harder > plain_narrow[:, 0, 1].mean() and abs(elsewhere) < 0.05

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# No. A training error of 7 % says that it lacks units already, and dropout takes away half of them
# in each step. The gap shrinks, because the training error rises; what we want is the sum of the
# two. It needs more units: the wider networks have the smaller gap, too.

# %%
narrow = by_width[widths.index(4)]  # (seeds, sets, 2)
dropped = np.array([train(seed, width=4, dropout=0.5)[-1] for seed in range(3)])
for name, found in [("width 4", narrow), ("width 4, dropout 0.5", dropped)]:
    training, validation = found[:, 0, 1], found[:, 1, 1]
    print(f"{name:20}: training error {training.mean():.1%}, ", end="")
    print(f"validation {validation.mean():.1%} ", end="")
    print(f"± {validation.std(ddof=1):.1%}, gap {(validation - training).mean():.1%}")
assert (dropped[:, :2, 1].mean(axis=0) > narrow[:, :2, 1].mean(axis=0) + 0.05).all()

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# With $s = \frac{1}{1+\lambda}$ the error is $(sz - c)^2$, on average $(1-s)^2 c^2 + s^2\sigma^2$:
# what is lost of the truth, and what is left of the noise. The derivative
# $-2(1-s)c^2 + 2s\sigma^2$ is 0 at $s = \frac{c^2}{c^2+\sigma^2}$, that is at
# $\lambda = \sigma^2/c^2$. Never 0: a little decay always pays, and the more, the more noise there
# is. Too much costs the truth, as it did in the table above.

# %%
c, sigma = 1.0, 0.5
z = c + sigma * rng.standard_normal(200_000)
tried = np.linspace(0, 1, 101)  # λ
errors = [np.square(z / (1 + decay) - c).mean() for decay in tried]
best = tried[np.argmin(errors)]
print(f"best λ {best:.2f}, by formula {sigma**2 / c**2}; ", end="")
print(f"error there {min(errors):.3f}, without decay {errors[0]:.3f}")
np.testing.assert_allclose(best, sigma**2 / c**2, atol=0.05)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# Not here: the 500 are worth much more as training digits than the stop is. (We had 2,500 for the
# choice; with 500 it would be worse.) But without any held-out digits one would not know that
# there is a gap. A way out is to choose the number of steps with 500 held out, and then to train
# once more, on all 1,000.

# %%
for name in ("early stopping", "1,000 digits"):
    print(f"{name:15} second half's error {outcome[name][:, 2, 1].mean():.1%}")
assert (outcome["1,000 digits"][:, 2, 1] < outcome["early stopping"][:, 2, 1]).all()

# %% [markdown]
# ## Where to go
#
# - **Exercise:** [`dropout.py`](../../tinynet/exercises/blanks/dropout.py), forward in both modes
#   and backward: `python -m tinynet.exercise dropout` checks it. And give `tn.fit` some held-out
#   digits as `test`, train a network of your own on 500 others, and plot both losses of the history
#   that it returns. The weight decay of this lesson is a line of
#   [`sgd.py`](../../tinynet/exercises/blanks/sgd.py).
# - **Draw:** run [`python examples/draw.py`](../draw.py) and draw digits as you write them, then
#   slanted, broken, with a flourish. How far does the network generalise to a hand that has not
#   written any of its 60,000 digits?
# - **Next:** [lesson 13](13_fast.py): from the plain convolution to the compiled one.
