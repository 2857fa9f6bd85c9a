# %% [markdown]
# # 7 · SGD, momentum, Nesterov and the one-cycle rate
#
# - **Time:** 45 minutes
# - **Before:** lesson 2 (a loss and its gradient); linear algebra up to the eigenvalues of a 2 × 2
#   matrix, complex ones too; for "Noise", variance and covariance. Who lacks these may take the
#   three limits and the formula for $V$ as given: the cells measure them
# - **After:** you can say at which rate training explodes and why, what momentum changes and what
#   it does not, find a rate in a minute, and read a comparison of optimisers with suspicion
# - **Code:** [`optim.py`](../../tinynet/optim.py), [`find_lr.py`](../../tinynet/find_lr.py)
#
# Backpropagation says in which direction each weight should move. How far, nobody says. That is the
# **learning rate**, the *rate* for short, and the number of a training run to get right first. It
# is not learned but chosen: a **hyperparameter**, as are momentum, weight decay and the number of
# channels. We look at it where all can be computed, on a valley with two weights; then at what
# noise does; then on digits.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinynet as tn
from tinynet.train import as_input, batches

COLOURS = {"SGD": "#555555", "momentum": "#d55e00", "Nesterov": "#0072b2"}
LINES = {"SGD": "-", "momentum": "--", "Nesterov": "-."}

# %% [markdown]
# ## A valley
#
# Near a minimum, every smooth loss looks like a quadratic. Along its principal axes (the
# eigenvectors of the matrix of its second derivatives) the quadratic falls apart into separate
# parabolas, one for each weight:
#
# $$L(w) = \tfrac12 \sum_k \lambda_k w_k^2 \qquad g_k = \frac{\partial L}{\partial w_k} =
#   \lambda_k w_k$$
#
# The curvatures $\lambda_k > 0$ say how steep each one is. We take two weights, $\lambda_1 = 1$ (a
# gentle slope along the valley) and $\lambda_2 = 25$ (its steep walls). SGD with the rate $\eta$
# does
#
# $$w_k \leftarrow w_k - \eta g_k = (1 - \eta\lambda_k)\, w_k$$
#
# Each step multiplies $w_k$ by the same number. It shrinks if $|1 - \eta\lambda_k| < 1$, that is if
#
# $$0 < \eta < \frac{2}{\lambda_k}$$
#
# The steepest direction sets the limit, 2/25 = 0.08 here. The gentlest sets the time: with
# $\eta = 0.08$ one step shrinks $w_1$ only by the factor $1 - 0.08 = 0.92$. The ratio
# $\kappa = \lambda_\text{max}/\lambda_\text{min}$, the **condition number**, is what makes a valley
# slow. We walk with tinynet's own SGD, giving it the gradient ourselves.

# %%
curvature = np.array([1.0, 25.0])  # (2,): λ
start = np.array([-2.0, 0.5])


def walk(
    rate,
    momentum=0.0,
    nesterov=False,
    steps=60,
    curvature=curvature,
    start=start,
    lowest=0,
    decay=0,
):
    """(steps + 1, …): the weights after each step of tinynet's SGD on the quadratic.

    lowest: where the quadratic has its minimum. decay: weight decay, of which below.
    """
    w = tn.Parameter(start.copy())
    optimizer = tn.SGD([w], rate, momentum, nesterov, decay)
    path = [w.data.copy()]
    for _ in range(steps):
        w.grad = curvature * (w.data - lowest)
        optimizer.step()
        path.append(w.data.copy())
    return np.array(path)


path = walk(0.03, steps=10)
by_hand = start * (1 - 0.03 * curvature) ** np.arange(11)[:, None]
np.testing.assert_allclose(path, by_hand, rtol=1e-12)

for rate in (0.079, 0.081):
    print(f"rate {rate}: after 60 steps the steep weight is {walk(rate)[-1, 1]:+.3f}")
    assert (abs(walk(rate)[-1, 1]) < abs(start[1])) == (rate < 0.08)


# %%
def draw_valley(ax, path, colour, title):
    a, b = np.meshgrid(np.linspace(-2.3, 1.3, 80), np.linspace(-0.8, 0.8, 80))
    height = (curvature[0] * a**2 + curvature[1] * b**2) / 2
    ax.contour(a, b, height, levels=np.geomspace(0.05, 8, 8), colors="#cccccc", linewidths=0.8)
    inside = np.clip(path, [-2.3, -0.8], [1.3, 0.8])
    ax.plot(*inside.T, ".-", color=colour, linewidth=1, markersize=5)
    ax.plot(0, 0, "k+", markersize=10)
    ax.set(title=title, xlim=(-2.3, 1.3), ylim=(-0.8, 0.8), xlabel="$w_1$")


figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), sharey=True)
for ax, rate, comment in zip(
    axes, [0.02, 0.076, 0.0815], ["slow", "zigzags", "explodes"], strict=True
):
    draw_valley(ax, walk(rate, steps=40), COLOURS["SGD"], f"SGD, rate {rate}: {comment}")
axes[0].set_ylabel("$w_2$")
figure.tight_layout()

# %% [markdown]
# ## Momentum
#
# A ball rolling down does not stop at each step. Momentum keeps a velocity $v$, a sum of past
# gradients that fades by the factor $\mu$ each step:
#
# $$v \leftarrow \mu v + g \qquad w \leftarrow w - \eta v$$
#
# **On a steady slope** $g$ is constant, and $v$ grows to $g + \mu g + \mu^2 g + \dots = g/(1-\mu)$.
# With $\mu = 0.9$ steps become 10 times as long. The number that matters is therefore the
# **effective rate** $\eta/(1-\mu)$.
#
# **Across the valley** gradients change sign and cancel in $v$. How much that helps, the algebra
# says. For one weight with curvature $\lambda$, put $g = \lambda w$ in. The step is then a matrix:
#
# $$\begin{pmatrix} w \\ v \end{pmatrix} \leftarrow
#   \begin{pmatrix} 1 - \eta\lambda & -\eta\mu \\ \lambda & \mu \end{pmatrix}
#   \begin{pmatrix} w \\ v \end{pmatrix}$$
#
# (first row: $w - \eta(\mu v + \lambda w)$). After many steps, what counts is the larger of the
# absolute values of its two eigenvalues $r$: each step multiplies by it, and it must be below 1.
# With the trace (sum of the eigenvalues) $1 + \mu - \eta\lambda$ and the determinant (their
# product) $(1 - \eta\lambda)\mu + \eta\mu\lambda = \mu$, the eigenvalues solve
#
# $$r^2 - (1 + \mu - \eta\lambda)\, r + \mu = 0$$
#
# If they are complex they are conjugates, $|r|^2$ is their product, and so $|r| = \sqrt\mu$,
# whatever the curvature is! That is the case while
# $(1 - \sqrt\mu)^2 < \eta\lambda < (1 + \sqrt\mu)^2$. The walk fails when a root reaches $-1$: put
# $r = -1$ in, and $2 + 2\mu - \eta\lambda = 0$. (A root of 1 would need $\eta\lambda = 0$.) So
#
# $$\eta < \frac{2\,(1 + \mu)}{\lambda}$$
#
# with $\mu = 0.9$ nearly twice what plain SGD allows, and at the same time the gentle direction
# moves 10 times as fast.
#
# ## Nesterov
#
# Nesterov's idea: the velocity will carry us on anyway, so use the gradient's correction as if we
# were already there. In the form that PyTorch and tinynet use:
#
# $$v \leftarrow \mu v + g \qquad w \leftarrow w - \eta\,(g + \mu v)$$
#
# Put the new $v = \mu v + \lambda w$ into the second formula; the matrix is now
#
# $$\begin{pmatrix} 1 - \eta\lambda(1+\mu) & -\eta\mu^2 \\ \lambda & \mu \end{pmatrix} \qquad
#   \text{trace } (1+\mu)(1-\eta\lambda), \quad \text{determinant } \mu\,(1-\eta\lambda)$$
#
# Complex eigenvalues now have $|r| = \sqrt{\mu(1-\eta\lambda)}$: the steeper the direction, the
# more it is damped. That is the gain. The price: $r = -1$ gives
# $1 + (1+\mu)(1-\eta\lambda) + \mu(1-\eta\lambda) = 0$, hence the limit
#
# $$\eta < \frac{2\,(1+\mu)}{(1+2\mu)\,\lambda}$$
#
# for $\mu = 0.9$ that is $1.36/\lambda$, which is *less* than plain SGD's $2/\lambda$. The next
# cell computes eigenvalues, and finds the three limits once more by walking.


# %%
def step_matrix(rate, curvature, momentum, nesterov):
    """(2, 2): what one step does to (w, v)."""
    if nesterov:
        first = [1 - rate * curvature * (1 + momentum), -rate * momentum**2]
    else:
        first = [1 - rate * curvature, -rate * momentum]
    return np.array([first, [curvature, momentum]])


def factor(rate, momentum, nesterov):
    """By how much a step multiplies in the long run, for curvature 1."""
    return np.abs(np.linalg.eigvals(step_matrix(rate, 1.0, momentum, nesterov))).max()


def limit_by_walking(momentum, nesterov):
    """The largest rate for which a walk of 2,000 steps gets nearer, by halving an interval."""
    low, high = 0.0, 4.0
    for _ in range(14):
        middle = (low + high) / 2
        end = walk(middle, momentum, nesterov, 2000, np.array([1.0]), np.array([1.0]))[-1]
        low, high = (middle, high) if abs(end[0]) < 1 else (low, middle)
    return low


METHODS = {"SGD": (0.0, False), "momentum": (0.9, False), "Nesterov": (0.9, True)}
limits = {"SGD": 2, "momentum": 2 * 1.9, "Nesterov": 2 * 1.9 / 2.8}
with np.errstate(over="ignore", invalid="ignore"):  # walks above the limit overflow
    for name, method in METHODS.items():
        found = limit_by_walking(*method)
        print(f"{name:9} limit: {limits[name]:.4f}/λ by algebra, {found:.4f}/λ by walking")
        np.testing.assert_allclose(found, limits[name], rtol=2e-3)
        np.testing.assert_allclose(factor(limits[name], *method), 1, rtol=1e-9)
np.testing.assert_allclose(factor(0.5, 0.9, False), np.sqrt(0.9))
np.testing.assert_allclose(factor(0.5, 0.9, True), np.sqrt(0.9 * (1 - 0.5)))

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
rates = np.linspace(0.002, 4, 1200)
for name, method in METHODS.items():
    look = dict(color=COLOURS[name], linestyle=LINES[name], label=name)
    left.plot(rates, [factor(r, *method) for r in rates], **look)
    left.axvline(limits[name], color=COLOURS[name], linestyle=":", linewidth=1)
left.axhline(1, color="black", linewidth=0.8)
left.set(ylim=(0, 1.3), xlabel="rate × curvature, ηλ", ylabel="a step multiplies by")
left.set_title("below 1: converges; lower: faster (μ = 0.9)")
left.legend(loc="lower right")
for name, (momentum, nesterov) in METHODS.items():
    distance = np.linalg.norm(walk(0.03, momentum, nesterov, 150), axis=1)
    right.semilogy(distance, color=COLOURS[name], linestyle=LINES[name], label=name)
right.set(xlabel="step", ylabel="distance from the minimum")
right.set_title("in the valley, all with rate 0.03")
right.legend(frameon=False)
figure.tight_layout()

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), sharey=True)
for ax, (name, (momentum, nesterov)) in zip(axes, METHODS.items(), strict=True):
    path = walk(0.03, momentum, nesterov, steps=40)
    draw_valley(ax, path, COLOURS[name], f"{name}, rate 0.03, 40 steps")
axes[0].set_ylabel("$w_2$")
figure.tight_layout()

# %% [markdown]
# ## Weight decay
#
# A large weight is a strong opinion about a few pixels. To keep weights small unless the digits
# insist, add $\frac{\rho}{2} \lVert w \rVert^2$ to the loss, with a small number $\rho$, the
# **weight decay**. This is the commonest kind of **regularisation**, and here is all it does to
# SGD: its gradient is $\rho w$, so
#
# $$g \leftarrow \frac{\partial L}{\partial w} + \rho\, w \qquad v \leftarrow \mu v + g \qquad
#   w \leftarrow w - \eta v$$
#
# (with Nesterov $w \leftarrow w - \eta\,(g + \mu v)$, as before). It is added to $g$ *before* the
# velocity is: so it goes into $v$, and momentum multiplies it by $1/(1 - \mu)$ in the long run like
# the rest of the gradient. (To shrink the weights beside the velocity is another method; lesson 8
# has it.) The exercise `sgd` writes λ for our $\rho$, since λ is a curvature here.
#
# In a parabola with its minimum at $w^*$ the gradient becomes $\lambda\,(w - w^*) + \rho w =
# (\lambda + \rho)\,w - \lambda w^*$. Every curvature grows by $\rho$, and the walk ends at
#
# $$w = \frac{\lambda}{\lambda + \rho}\, w^*$$
#
# A steep direction, of which the digits say much, hardly feels it. A gentle one is pulled to 0.

# %%
for name, (momentum, nesterov) in METHODS.items():
    decayed = walk(0.03, momentum, nesterov, decay=0.5)
    steeper = walk(0.03, momentum, nesterov, curvature=curvature + 0.5)
    np.testing.assert_allclose(decayed, steeper, rtol=1e-9, atol=1e-12)  # it is in the velocity
    end = walk(0.03, momentum, nesterov, 2000, lowest=np.array([1.0, 1.0]), decay=0.5)[-1]
    np.testing.assert_allclose(end, curvature / (curvature + 0.5))
    print(f"{name:9} minimum at (1, 1), decay 0.5: the walk ends at {end.round(3)}")

# %% [markdown]
# tinynet's recipes decay the weights of convolutions and Linear layers, and leave out biases and
# BatchNorm's parameters, which are few and hold no opinion about single pixels.
#
# ## Noise
#
# The S of SGD: each batch gives the gradient plus an error. Let the error be $\xi$, with mean 0 and
# variance $\tau^2$, and independent from step to step. For one weight,
#
# $$w \leftarrow (1 - \eta\lambda)\,w - \eta\,\xi$$
#
# In the long run, the variance $V$ of $w$ no longer changes. Variances of independent terms add up,
# with squared factors, so $V = (1-\eta\lambda)^2\,V + \eta^2\tau^2$, and, as
# $1 - (1-\eta\lambda)^2 = \eta\lambda(2 - \eta\lambda)$,
#
# $$V = \frac{\eta\,\tau^2}{\lambda\,(2 - \eta\lambda)}$$
#
# SGD with a constant rate never arrives: it circles around the minimum, the wider the larger the
# rate. Large rates to travel, small ones to arrive: that is the reason for a **schedule**.
#
# Does momentum average the noise away? With $g = \lambda w + \xi$ the new velocity is
# $v' = \mu v + \lambda w + \xi$, and the new weight $w' = w - \eta v'$. In the long run new and old
# have the same variances, $V$ of the weight and $U$ of the velocity, and the same covariance $C$ of
# the two. Three equations:
#
# - $w = w' + \eta v'$, so $V = V + 2\eta C + \eta^2 U$: hence $C = -\eta U/2$.
# - The covariance of $w'$ and $v'$ is that of $w$ and $v'$, less $\eta U$: so
#   $C = \lambda V + \mu C - \eta U$, and with the first line $\lambda V = \eta U (1+\mu)/2$.
# - The variance of $v'$ is $U = \mu^2 U + \lambda^2 V + 2\mu\lambda C + \tau^2$. Put $V$ and $C$
#   in: $U\,(1 - \mu^2) = \eta\lambda U\,(1-\mu)/2 + \tau^2$, which gives $U$.
#
# $$V = \frac{\eta}{1-\mu} \cdot \frac{\tau^2}{\lambda} \cdot \frac{1+\mu}{2(1+\mu) - \eta\lambda}$$
#
# For small $\eta$ this is $\frac{\eta}{1-\mu} \cdot \frac{\tau^2}{2\lambda}$: just what plain SGD
# has at the effective rate. So no: at the same effective rate momentum is as fast along gentle
# slopes, and as noisy. We let 4,000 weights walk side by side and measure.

# %%
rng = np.random.default_rng(0)


def spread(rate, momentum=0.0, steps=600, copies=4000):
    """The variance of a weight in the long run, for curvature 1 and noise of variance 1."""
    w = tn.Parameter(np.zeros(copies))
    optimizer = tn.SGD([w], rate, momentum)
    for _ in range(steps):
        w.grad = w.data + rng.standard_normal(copies)
        optimizer.step()
    return w.data.var()


print("  η     μ    effective   variance measured   by formula")
for rate, momentum in [(0.5, 0.0), (0.1, 0.0), (0.01, 0.9), (0.02, 0.0), (0.002, 0.9)]:
    formula = rate / (1 - momentum) * (1 + momentum) / (2 * (1 + momentum) - rate)
    measured = spread(rate, momentum)
    effective = rate / (1 - momentum)
    print(f"{rate:5}  {momentum:3} {effective:9.2f} {measured:15.4f} {formula:16.4f}")
    np.testing.assert_allclose(measured, formula, rtol=0.1)

# %% [markdown]
# ## The one-cycle schedule
#
# `tn.OneCycleLR` (L. Smith, N. Topin, arXiv:1708.07120) moves the rate along half a cosine from
# $\eta_\text{max}/25$ up to $\eta_\text{max}$ during the first 30 % of the steps, and along another
# one down to almost nothing: from $a$ to $b$, while a part $t$ from 0 to 1 of the way passes,
#
# $$b + \frac{a - b}{2}\,(1 + \cos \pi t)$$
#
# The momentum goes the other way, 0.95 to 0.85 and back: where steps are long, the past counts
# less. The slow start is there because an untrained network's gradients are large and change
# quickly; the long way down, because of the formula for $V$.

# %%
steps, highest = 200, 0.1


def half_cosine(a, b, t):
    return b + (a - b) / 2 * (1 + np.cos(np.pi * t))


top = 0.3 * steps - 1  # the step with the highest rate
t_up, t_down = np.arange(0, top + 1) / top, np.arange(1, steps - top) / (steps - 1 - top)
lowest = highest / 25 / 1e4
by_hand = [half_cosine(highest / 25, highest, t_up), half_cosine(highest, lowest, t_down)]

w = tn.Parameter(np.zeros(1))
w.grad = np.zeros(1)
optimizer = tn.SGD([w], highest, momentum=0.9, nesterov=True)
schedule = tn.OneCycleLR(optimizer, highest, steps)
rates, momenta = [], []
for _ in range(steps):
    rates.append(optimizer.param_groups[0]["lr"])
    momenta.append(optimizer.param_groups[0]["momentum"])
    optimizer.step()
    schedule.step()
np.testing.assert_allclose(rates, np.concatenate(by_hand), rtol=1e-9)
print(f"first rate {rates[0]:.4f}, highest {max(rates):.4f}, last {rates[-1]:.1e}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3))
left.plot(rates, color="black")
left.set(title="rate", xlabel="step")
right.plot(momenta, color="black")
right.set(title="momentum", xlabel="step")
figure.tight_layout()

# %% [markdown]
# ## Digits: find the rate
#
# Nobody knows a network's curvatures. But one can look: raise the rate by the same factor at each
# step, and note the loss. This is the **range test** of L. Smith (WACV 2017). We take a small
# network (two convolutions with stride 2, and a Linear), so that the rest of this lesson takes
# seconds; 4,000 digits to train on, and 3,000 others, held out of the training set too, to test on.
# Each step takes 64 digits. One time through all 4,000, each once, in an order drawn anew, is an
# **epoch**: here 63 steps.

# %%
(x, y), (x_held, y_held) = tn.datasets.hold_out(*tn.datasets.mnist()[0])
x, y = as_input(x[:4000]), y[:4000]
x_held, y_held = as_input(x_held[:3000]), y_held[:3000]


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


def range_test(model, lowest=1e-3, highest=10.0, steps=100):
    """(rates, losses), by hand; it spoils the model's weights."""
    loss, rng = tn.CrossEntropyLoss(), np.random.default_rng(0)
    optimizer = tn.SGD(model.parameters(), lowest, momentum=0.9, nesterov=True)
    order = [b for _ in range(2) for b in batches(len(x), 64, rng)]  # two epochs: enough batches
    rates, losses = np.geomspace(lowest, highest, steps), []
    for rate, batch in zip(rates, order, strict=False):
        losses.append(loss(model(x[batch]), y[batch]))
        if not np.isfinite(losses[-1]):
            break
        model.backward(loss.backward())
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return rates[: len(losses)], np.array(losses)


with np.errstate(over="ignore", invalid="ignore"):  # it explodes, as it should
    rates, losses = range_test(tn.compile(small_network(seed=0)))
settings = dict(lowest=1e-3, steps=100, batch_size=64, weight_decay=0.0, progress=False)
rates_tn, losses_tn = tn.find_lr(tn.compile(small_network(seed=0)), x, y, **settings)
np.testing.assert_allclose(losses_tn, losses[: len(losses_tn)], rtol=1e-5)
np.testing.assert_allclose(rates_tn, rates[: len(rates_tn)])
print(f"by hand {len(losses)} steps; tn.find_lr the same, and it stops after {len(losses_tn)}")

# %%
tn.plot.rate_finder(rates_tn, losses_tn)

# %% [markdown]
# Left, little moves; then the loss falls; then comes a floor, where longer steps no longer help;
# and then it explodes. A rule of thumb: a constant rate belongs where the fall ends; the peak of a
# one-cycle may stand on the floor, but a good factor, three or more, below the explosion. The test
# sees the beginning of training only: it says where to search, and the table below searches there.
#
# ## Digits: what is each part worth?
#
# Five methods, five rates, three seeds (of weights and of the order of digits): 75 short trainings
# of two epochs, tested on the held-out digits. Every method gets the same choice of rates, because
# a method that was tuned against one that was not is no comparison; and they reach far enough that
# no method has its best rate at the edge of the table, which the cell asserts. (Were it there, a
# rate beyond might be better still, and the table would have to grow.) The ± is the standard
# deviation over the seeds.


# %%
def train(seed, max_lr, momentum=0.0, nesterov=False, one_cycle=False, epochs=2, stop=None):
    """The accuracy on held-out digits after training; nan if the loss was not finite."""
    model = tn.compile(small_network(seed), threads=1)  # too small to share out
    loss, rng = tn.CrossEntropyLoss(), np.random.default_rng(seed)
    optimizer = tn.SGD(model.parameters(), max_lr, momentum, nesterov)
    steps = epochs * -(-len(x) // 64)
    if one_cycle:
        schedule = tn.OneCycleLR(optimizer, max_lr, steps, cycle_momentum=momentum > 0)
    order = [batch for _ in range(epochs) for batch in batches(len(x), 64, rng)]
    for batch in order[:stop]:
        with np.errstate(over="ignore", invalid="ignore"):
            value = loss(model(x[batch]), y[batch])
            if not np.isfinite(value):
                return np.nan
            model.backward_parameters(loss.backward())
        optimizer.step()
        if one_cycle:
            schedule.step()
    with np.errstate(over="ignore", invalid="ignore"):
        return tn.evaluate(model, x_held, y_held, batch_size=500).accuracy


methods = {
    "SGD": {},
    "SGD, one-cycle": dict(one_cycle=True),
    "momentum 0.9": dict(momentum=0.9),
    "Nesterov 0.9": dict(momentum=0.9, nesterov=True),
    "Nesterov, one-cycle": dict(momentum=0.9, nesterov=True, one_cycle=True),
}
candidates = [0.01, 0.03, 0.1, 0.3, 1.0]
results = {
    name: np.array([[train(seed, rate, **how) for seed in range(3)] for rate in candidates])
    for name, how in methods.items()
}  # name: (rates, seeds)
print(f"{'rate':20}" + "".join(f"{rate:>15}" for rate in candidates))
for name, accuracies in results.items():
    cells = [
        f"{a.mean():.1%} ± {a.std(ddof=1):.1%}" if np.isfinite(a).all() else "explodes"
        for a in accuracies
    ]
    print(f"{name:20}" + "".join(f"{cell:>15}" for cell in cells))
print("(explodes: in at least one of the three seeds the loss was not finite)")
chosen = {
    name: int(np.nanargmax(accuracies.mean(axis=1))) for name, accuracies in results.items()
}  # name: the place of its best rate
assert all(0 < place < len(candidates) - 1 for place in chosen.values())

# %%
figure, ax = plt.subplots(figsize=(10, 4))
colours = ["#555555", "#009e73", "#d55e00", "#0072b2", "#cc79a7"]
looks = dict(zip(results, zip(colours, "oD^sv", strict=True), strict=True))
for k, (name, accuracies) in enumerate(results.items()):
    colour, marker = looks[name]
    place = np.arange(len(candidates)) + (k - 2) * 0.16
    dots = dict(linestyle="none", marker=marker, color=colour, markersize=4, label=name)
    ax.plot(np.repeat(place, 3), accuracies.ravel(), **dots)
    ax.plot(place, accuracies.mean(axis=1), "_", color=colour, markersize=14)
ax.set_xticks(range(len(candidates)), [f"rate {rate}" for rate in candidates])
ax.set(ylabel="read right", ylim=(0.8, 0.95))
ax.set_title("each dot a seed, each bar the mean of three (below 80 %, or exploded: none)")
ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
figure.tight_layout()

# %% [markdown]
# Read the table as an honest referee would:
#
# - The best rate of each row matters, not a column: momentum at 0.03 is a different effective rate
#   from SGD at 0.03. At the same effective rate, 0.1, the two are alike (momentum at 0.01, SGD at
#   0.1). In the column of 0.3 momentum explodes: its effective rate is 3, and plain SGD explodes at
#   1 already.
# - At the best rate of each, plain momentum is worth no more than about the spread over seeds. That
#   fits the noise calculation: with small batches and few steps it is noise that limits, more than
#   the condition number. Nesterov is worth a little more, in each of the three seeds. Where a
#   valley is long and noise small, momentum is worth what the figure with the quadratic shows.
# - Plain SGD gains more from the schedule than from momentum, and Nesterov gains less from it: what
#   parts are worth does not add up. The schedule also makes larger rates usable: the best rate of
#   both methods is three times as large with it.
# - Three seeds are few. What helps is that all methods start from the same three networks and see
#   the same digits in the same order, so that we can compare them seed by seed, as the next cell
#   does: part of the luck is common to both, and cancels. Lesson 11 goes on from here.
#
# (Which row and which rate is best was *chosen* on the held-out digits, so the best numbers of the
# table flatter a little. Lesson 11 says by how much.)

# %%
best = {name: accuracies[chosen[name]] for name, accuracies in results.items()}  # (seeds,) each
for name, accuracies in best.items():
    gain = accuracies - best["SGD"]
    print(f"{name:20} {accuracies.mean():.1%}, better than SGD, seed by seed: ", end="")
    print("  ".join(f"{g:+.1%}" for g in gain))
gain = {name: accuracies.mean() - best["SGD"].mean() for name, accuracies in best.items()}
of_schedule = best["Nesterov, one-cycle"].mean() - best["Nesterov 0.9"].mean()
assert gain["momentum 0.9"] < 2 * max(best["SGD"].std(ddof=1), best["momentum 0.9"].std(ddof=1))
assert (best["Nesterov 0.9"] > best["SGD"]).all() and (best["SGD, one-cycle"] > best["SGD"]).all()
assert gain["SGD, one-cycle"] > max(gain["momentum 0.9"], of_schedule)
for without, scheduled in (("SGD", "SGD, one-cycle"), ("Nesterov 0.9", "Nesterov, one-cycle")):
    assert chosen[scheduled] == chosen[without] + 1  # the next rate: three times as large
alike = results["momentum 0.9"][0] - results["SGD"][2]  # rates 0.01 and 0.1
assert abs(alike.mean()) < 0.01 and np.isnan(results["SGD"][4]).any()
assert np.isnan(results["momentum 0.9"][3]).any()  # at 0.3

# %% [markdown]
# ## Experiment
#
# Three walkers in a valley of your own. Watch how many steps each needs to come within 0.001 of the
# minimum. Which momentum is best for a condition number of 25, of 100, of 1,000? What happens with
# too much of it?
#
# The theory, for plain momentum: the factor $|r| = \sqrt\mu$ holds from
# $\eta\lambda = (1-\sqrt\mu)^2$ to $(1+\sqrt\mu)^2$, so choose $\mu$ and $\eta$ such that the
# gentlest direction stands at the lower end and the steepest at the upper. The ratio of the two is
# $\kappa$, so $\sqrt\kappa = \frac{1+\sqrt\mu}{1-\sqrt\mu}$, or
# $\sqrt\mu = \frac{\sqrt\kappa-1}{\sqrt\kappa+1}$. The cell prints this $\mu$, its $\eta$ and the
# factor: try them.

# %%
condition, rate, mu = 100.0, 0.01, 0.9  # Change: 25, 100, 1000; rates up to 2 / condition; 0 … 0.99


def steps_needed(condition, rate, momentum=0.0, nesterov=False):
    """How many steps until the walk stays within 0.001 of the minimum; inf if more than 3,000."""
    curvature = np.array([1.0, condition])
    path = walk(rate, momentum, nesterov and momentum > 0, 3000, curvature)
    far = np.flatnonzero(~(np.linalg.norm(path, axis=1) < 1e-3))
    return far[-1] + 1 if far[-1] < 3000 else np.inf


def theory(condition):
    """(μ, η, factor)"""
    root = (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1)
    return root**2, (1 + root) ** 2 / condition, root


for name, momentum, nesterov in [
    ("SGD", 0.0, False),
    ("momentum", mu, False),
    ("Nesterov", mu, True),
]:
    print(f"{name:9} {steps_needed(condition, rate, momentum, nesterov)} steps")
print("theory: μ = {:.3f}, η = {:.4f}, factor {:.3f}".format(*theory(condition)))

# %% [markdown]
# ## Questions
#
# **Question 1.** A colleague's run uses SGD without momentum at rate 0.2. You want momentum 0.95
# and the same progress along gentle slopes. Which rate? What do you gain, and how close is each to
# its limit, in a direction with $\lambda = 8$?
#
# **Question 2.** In the figure with eigenvalues, Nesterov's curve is lowest at $\eta\lambda = 1$.
# How low, and why?
#
# **Question 3.** A one-cycle run of four epochs is stopped after two, because somebody needs the
# machine. Is the result as good as that of a one-cycle run of two epochs?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# The theory's $\mu$ is 0.44 for a condition number of 25, 0.67 for 100 and 0.88 for 1,000: the
# longer the valley, the more of the past is wanted. With this $\mu$ and its rate the steps grow
# about like $\sqrt\kappa$, where plain SGD at its own best rate, $2/(1 + \kappa)$, needs a number
# that grows like $\kappa$. Too much momentum overshoots: with $\mu$ = 0.99 the ball rolls to and
# fro, each step multiplies by no less than $\sqrt{0.99}$, and at $\kappa$ = 25 plain SGD is the
# faster.

# %%
needed = {}
for condition in (25.0, 100.0, 1000.0):
    mu, rate, _ = theory(condition)
    needed[condition] = plain, best_mu, too_much = (
        steps_needed(condition, 2 / (1 + condition)),
        steps_needed(condition, rate, mu),
        steps_needed(condition, rate, 0.99),
    )
    print(f"κ = {condition:.0f}: SGD at its best rate {plain} steps; momentum {mu:.2f} ", end="")
    print(f"{best_mu}; momentum 0.99 {too_much}")
    assert best_mu < plain and best_mu < too_much
ratio = needed[1000.0][1] / needed[25.0][1]  # √40 = 6.3
print(f"40 times the condition number: {ratio:.1f} times as many steps with momentum")
assert ratio < 10 and needed[100.0][0] > 3 * needed[25.0][0] and needed[25.0][2] > needed[25.0][0]

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# The effective rate $\eta/(1-\mu)$ should be 0.2, so $\eta = 0.2 \cdot 0.05 = 0.01$. Without
# momentum $\eta\lambda = 1.6$ of at most 2; with it $\eta\lambda = 0.08$ of at most 3.9. Far from
# the limit in steep directions, one could go up with the rate, if noise permits: that is the gain.

# %%
ends = []
for rate, momentum in [(0.2, 0.0), (0.01, 0.95)]:
    gentle = walk(rate, momentum, steps=2000, curvature=np.array([0.005]), start=np.array([1.0]))
    print(
        f"η = {rate}, μ = {momentum}: gentle weight after 2,000 steps {gentle[-1, 0]:.4f}, ", end=""
    )
    print(f"ηλ = {rate * 8:.2f} of at most {2 * (1 + momentum):.1f}")
    ends.append(gentle[-1, 0])
np.testing.assert_allclose(*ends, rtol=0.05)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# At $\eta\lambda = 1$, trace and determinant are both 0, so both eigenvalues are 0: whatever was
# there is gone after two steps. The gradient step $1 - \eta\lambda$ alone hits the minimum exactly,
# and the look ahead takes back what the velocity adds.

# %%
gone = walk(1.0, 0.9, True, 4, np.array([1.0]), np.array([1.0]))
print("w after each step:", gone.ravel().round(12) + 0.0)
np.testing.assert_allclose(gone[2:], 0, atol=1e-12)

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# No. In the middle of the long schedule the rate is still high, and the weights circle as wide as
# the formula for $V$ says. A schedule has to be told beforehand when it ends; that is the one
# inconvenience of it. (An average of the weights may make up for some of this: lesson 11.)

# %%
cycle = dict(momentum=0.9, nesterov=True, one_cycle=True, max_lr=0.1)
whole = np.array([train(seed, **cycle) for seed in range(3)])
halved = np.array([train(seed, **cycle, epochs=4, stop=126) for seed in range(3)])
print("a run of two epochs:          ", " ".join(f"{a:.1%}" for a in whole))
print("two epochs of a run of four:  ", " ".join(f"{a:.1%}" for a in halved))
assert halved.mean() < whole.mean()

# %% [markdown]
# ## Where to go
#
# - **Exercises:** [`sgd.py`](../../tinynet/exercises/blanks/sgd.py), with weight decay, momentum
#   and Nesterov, and [`one_cycle.py`](../../tinynet/exercises/blanks/one_cycle.py). `python -m
#   tinynet.exercise sgd` checks the first.
# - **Draw:** run [`python examples/draw.py`](../draw.py) and look at the kernels' effects in the
#   first layers: all these numbers began as noise, and SGD with this lesson's schedule made them.
# - **Next:** [lesson 8](08_optimisers.py): a learning rate for each parameter, and an optimiser of
#   your own.
