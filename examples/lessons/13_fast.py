# %% [markdown]
# # 13 · Making it fast
#
# - **Time:** 30 minutes
# - **Before:** lesson 4 (convolution in loops and as im2col); no mathematics beyond counting; what
#   memory, a processor's core and a thread are
# - **After:** you can measure a program's speed, say what the machine's limit for it is, and name
#   the five steps that lead there: measure, vectorise, cache, fuse, thread
# - **Code:** [`layers/conv.py`](../../tinynet/layers/conv.py),
#   [`compiled/`](../../tinynet/compiled), [`compiled/README.md`](../../tinynet/compiled/README.md)
#
# One convolution, written again and again, each time faster, from plain Python to tinynet's
# compiled kernel. All versions compute the same numbers, which the cells assert. Their times are
# those of *your* machine, so nothing is asserted about them: look at what is printed. Close other
# programs first, and do not be surprised if a second run differs by a tenth.

# %%
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import matplotlib.pyplot as plt
import numba
import numpy as np

import tinynet as tn

rng = np.random.default_rng(0)
n, channels, size = 64, 8, 28  # images, channels (in and out), rows and columns
conv = tn.Conv2d(channels, channels, 3, padding=1, rng=0)
weight, bias = conv.weight.data, conv.bias.data  # (8, 8, 3, 3), (8,)
x = rng.standard_normal((n, channels, size, size), np.float32)
expected = conv(x)  # (64, 8, 28, 28): what every version has to give

# %% [markdown]
# ## Measure
#
# Count first. Each output pixel is a sum of $8 \cdot 3 \cdot 3 = 72$ products: 72 multiplications
# and 72 additions. There are $64 \cdot 8 \cdot 28 \cdot 28$ of them. A time becomes a **speed** by
# dividing: operations a second, in GFLOP/s (thousand million floating-point operations a second). A
# speed can be compared with what the machine can do; a time cannot.
#
# How to time: once without looking (the first call compiles, allocates, fills caches), then several
# times, and take the **fastest**. Everything that disturbs, another program or a clock that is
# turned down, makes it slower and nothing makes it faster; so the least disturbed time says most
# about the program. (To say how long a user will wait, take the median.)


# %%
def seconds(function, budget=0.25):
    """The fastest of the calls that fit into the budget, but of at least three."""
    function()
    times, end = [], time.perf_counter() + budget
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


operations = 2 * (channels * 3 * 3) * x.size  # as many output pixels as input pixels
results = {}  # name: (seconds for 64 images, bytes that go to memory or come from it)
must_move = x.nbytes + expected.nbytes  # x is read once, y is written once, at least


def note(name, function, bytes_moved=must_move):
    """Check a version, time it, print and keep the result."""
    y = function()
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    taken = seconds(function)
    results[name] = taken, bytes_moved
    print(f"{name:32} {1e3 * taken:10.2f} ms   {operations / taken / 1e9:8.3f} GFLOP/s")


print(f"{operations / 1e6:.1f} million operations; at least {must_move / 1e6:.1f} MB have to move")

# %% [markdown]
# ## The machine's limits
#
# Two of them. **Arithmetic:** the best that is known for multiplying and adding is a product of two
# large matrices, into which experts have put decades: NumPy's `@`. **Memory:** to copy a large
# array is nothing but moving bytes, each read once and written once.
#
# An operation that does $f$ floating-point operations for each byte that moves (its **intensity**)
# cannot be faster than $f$ times the bandwidth, nor faster than the arithmetic:
#
# $$\text{speed} \le \min(\text{peak},\; f \cdot \text{bandwidth})$$
#
# Drawn over $f$ this is a slope that ends in a flat top: the **roofline** (S. Williams, A.
# Waterman, D. Patterson, CACM 52(4), 2009). Both limits are measured, too, and come out too low if
# another program is at work just then. So we measure them again at the end, and keep the better.


# %%
def measure_roof():
    """(operations a second of a large matrix product, bytes a second of a large copy)"""
    peak = 0
    for k in (512, 1024):
        a, b = rng.random((2, k, k), np.float32)
        product = partial(np.matmul, a, b, out=np.empty_like(a))
        peak = max(peak, 2 * k**3 / seconds(product, budget=0.4))
    source = rng.random(16_000_000, np.float32)  # 64 MB, more than most caches hold
    target = np.empty_like(source)
    return peak, 2 * source.nbytes / seconds(partial(np.copyto, target, source), budget=0.4)


peak, bandwidth = measure_roof()
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
intensity = operations / must_move
print(f"{cores} cores, peak {peak / 1e9:.0f} GFLOP/s, memory {bandwidth / 1e9:.1f} GB/s")
print(
    f"the convolution: {intensity:.1f} operations a byte; the roof changes from slope to flat at ",
    end="",
)
print(f"{peak / bandwidth:.1f}")

# %% [markdown]
# ## Step 0: loops in Python
#
# The definition, as in lesson 4. One image of the 64 is enough, and the time is multiplied by 64.
# For each product Python looks up names, makes index tuples, and wraps each number into an object;
# the multiplication itself is lost in that.


# %%
def framed(x):
    """x in a frame of zeros, one pixel wide: (n, c, h + 2, w + 2)."""
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))


def loops(framed, weight, bias, y):
    for image in range(y.shape[0]):
        for o in range(y.shape[1]):
            for p in range(y.shape[2]):
                for q in range(y.shape[3]):
                    total = bias[o]
                    for c in range(framed.shape[1]):
                        for i in range(3):
                            for j in range(3):
                                total += weight[o, c, i, j] * framed[image, c, p + i, q + j]
                    y[image, o, p, q] = total
    return y


start = time.perf_counter()
one = loops(framed(x[:1]), weight, bias, np.empty_like(x[:1]))
taken = (time.perf_counter() - start) * n
np.testing.assert_allclose(one, expected[:1], rtol=1e-4, atol=1e-5)
results["Python loops"] = taken, must_move
print(f"Python loops: {taken:.0f} s for 64 images, {operations / taken / 1e9:.4f} GFLOP/s")

# %% [markdown]
# ## Step 1: the same loops, compiled
#
# Numba translates the same function to machine code: no names, no objects, numbers in registers.
# Not a line changes.

# %%
OPTIONS = dict(
    nogil=True,  # several threads may run it at once (step 5)
    error_model="numpy",  # no test for division by zero in loops
    fastmath={"nsz", "contract"},  # a·b + c may be one instruction, with one rounding
)
fast_loops = numba.njit(**OPTIONS)(loops)
y = np.empty_like(x)
note("loops, compiled", lambda: fast_loops(framed(x), weight, bias, y))

# %% [markdown]
# ## Step 2: vectorise
#
# A core has vector registers: one instruction multiplies and adds 8 or 16 float32 at once. Why does
# the loop above not use them? Its innermost sum is *one* number that each step needs from the step
# before: a chain. (Adding in another order would break the chain, but rounds differently, so a
# compiler may not.)
#
# So we change the order of the loops, such that the innermost one goes along *independent* output
# pixels: all of them get the same weight times their own input. Numba's compiler vectorises that by
# itself, if the loop is long: it takes some 64 numbers at a time, and a row of 28 is too short.
#
# Here is how to get a long one. Write the image with its frame of zeros row after row into one long
# line of $30 \cdot 30$ numbers. The pixel that is $i$ rows further down and $j$ columns further
# right stands $30 i + j$ places further on, wherever one starts. So for the weight at $(i, j)$, the
# inputs of all output pixels are the line itself, read from place $30 i + j$ on. All nine rows of
# im2col are the *same* line, read from nine places: **im2col without a copy**. (The two positions
# between one row and the next are computed for nothing, and left out when the result is copied.)


# %%
@numba.njit(**OPTIONS)
def lines(framed, weight, bias, y):
    n, channels, h, w = y.shape[0], framed.shape[1], y.shape[2], y.shape[3]
    step = w + 2  # from a row of the frame to the next
    line = framed.reshape(n, channels, (h + 2) * step)
    sums = np.empty(h * step - 2, y.dtype)
    for image in range(n):
        for o in range(y.shape[1]):
            sums[:] = bias[o]
            for c in range(channels):
                for i in range(3):
                    for j in range(3):
                        factor = weight[o, c, i, j]
                        moved = line[image, c, i * step + j :]
                        for q in range(sums.size):
                            sums[q] += factor * moved[q]
            for p in range(h):
                y[image, o, p] = sums[p * step : p * step + w]
    return y


note("along lines", lambda: lines(framed(x), weight, bias, y))

# %% [markdown]
# ## im2col and one matrix product: why is this not the end?
#
# tinynet's plain layer uses the fastest product there is. But it first writes out im2col's matrix,
# in which every pixel stands nine times, and reads it again. Count the bytes: x and y as before,
# plus nine times x, written and read.

# %%
im2col_moves = must_move + 2 * 9 * x.nbytes
note("im2col and matrix product", lambda: conv(x), im2col_moves)
print(f"intensity {operations / im2col_moves:.1f} in place of {intensity:.1f} operations a byte")

# %% [markdown]
# ## Step 3: cache
#
# Memory is not one thing. Beside each core sits a small, quick store (L1, some 32 kB), then a
# larger and slower one (L2), then one that the cores share (L3), then memory itself. What was used
# last is kept near. The next cell adds one array to another, again and again, for arrays of
# different sizes, and shows how many bytes a second one core moves.


# %%
@numba.njit(**OPTIONS)
def add(a, b, times):
    for _ in range(times):
        for i in range(a.size):
            a[i] += b[i]


kilobytes = np.array([4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 32768, 131072])
speeds = []
for kb in kilobytes:
    a, b = np.ones((2, int(kb) * 1024 // 8), np.float32)  # both together kb kilobytes
    times = max(1, 4096 // int(kb))
    moved = 3 * a.nbytes * times  # a and b are read, a is written
    speeds.append(moved / seconds(partial(add, a, b, times), budget=0.05))

figure, ax = plt.subplots(figsize=(8, 3.2))
ax.plot(kilobytes, np.array(speeds) / 1e9, "o-", color="#0072b2")
ax.set_xscale("log", base=2)
ax.set_xticks(
    [4, 32, 256, 2048, 16384, 131072], ["4 kB", "32 kB", "256 kB", "2 MB", "16 MB", "128 MB"]
)
ax.set(xlabel="size of both arrays", ylabel="GB/s of one core", ylim=(0, None))
ax.set_title("the same loop on more data: each step down is a cache that is full")
figure.tight_layout()

# %% [markdown]
# So: cut the work into tiles that fit into a small cache, and do everything with a tile while it is
# there. Our tile is one image with all its channels, in its frame of zeros:
# $8 \cdot 30 \cdot 30 \cdot 4$ bytes, about 29 kB. The frame is one small array, used again for
# each image, in place of `np.pad`'s copy of the whole batch.
#
# The smallest and quickest store of all are the registers. In the loop above, each multiply-add
# loads a sum and stores it again. Now nine inputs pass by while the sum stays in its register: nine
# multiply-adds for each time that it is loaded and stored.


# %%
@numba.njit(**OPTIONS)
def add_taps(frame, step, weight, sums):
    """sums[k] += Σ_ij weight[i, j] · frame[k + i·step + j], for one channel."""
    f, s, m = frame, step, sums.size
    a, b, c = f[0:m], f[1 : m + 1], f[2 : m + 2]
    d, e, g = f[s : m + s], f[s + 1 : m + s + 1], f[s + 2 : m + s + 2]
    t = 2 * s
    h, k, u = f[t : m + t], f[t + 1 : m + t + 1], f[t + 2 : m + t + 2]
    w00, w01, w02 = weight[0]
    w10, w11, w12 = weight[1]
    w20, w21, w22 = weight[2]
    for q in range(m):
        sums[q] += (
            (w00 * a[q] + w01 * b[q] + w02 * c[q])
            + (w10 * d[q] + w11 * e[q] + w12 * g[q])
            + (w20 * h[q] + w21 * k[q] + w22 * u[q])
        )


@numba.njit(**OPTIONS)
def tiles(x, weight, bias, relu, y):
    """3 × 3 convolution with padding 1 of x (n, c, h, w), image by image; then ReLU, if asked."""
    n, channels, h, w = x.shape
    step = w + 2  # a row of the frame
    frame = np.zeros((channels, (h + 2) * step), x.dtype)
    sums = np.empty(h * step - 2, x.dtype)
    for image in range(n):
        for c in range(channels):
            for p in range(h):
                start = (p + 1) * step + 1
                frame[c, start : start + w] = x[image, c, p]
        for o in range(weight.shape[0]):
            sums[:] = bias[o]
            for c in range(channels):
                kernel = weight[o, c]
                rows = ((kernel[0, 0], kernel[0, 1], kernel[0, 2]),
                        (kernel[1, 0], kernel[1, 1], kernel[1, 2]),
                        (kernel[2, 0], kernel[2, 1], kernel[2, 2]))  # fmt: skip
                add_taps(frame[c], step, rows, sums)
            for p in range(h):
                out = y[image, o, p]
                for q in range(w):
                    value = sums[p * step + q]
                    out[q] = max(value, bias.dtype.type(0)) if relu else value
    return y


note("tiles in cache", lambda: tiles(x, weight, bias, False, y))

# %% [markdown]
# ## Step 4: fuse
#
# A ReLU follows. As an operation of its own it reads y from memory and writes it back, and for that
# does one comparison a number: an intensity of 1/8. Into a *fresh* array it is worse, because the
# system has to find, clear and map pages of memory first. In the kernel the numbers are at hand
# anyway, just before they are stored.

# %%
z = np.empty_like(y)
tiles(x, weight, bias, False, y)
alone = seconds(lambda: tiles(x, weight, bias, False, y))
fresh = seconds(lambda: np.maximum(y, 0))
reused = seconds(lambda: np.maximum(y, 0, out=z))
fused = seconds(lambda: tiles(x, weight, bias, True, z))
np.testing.assert_allclose(z, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)
print(f"the convolution alone               {1e3 * alone:7.2f} ms")
print(f"with ReLU into a fresh array        {1e3 * (alone + fresh):7.2f} ms")
print(f"with ReLU into an array kept for it {1e3 * (alone + reused):7.2f} ms")
print(f"with ReLU in the same kernel        {1e3 * fused:7.2f} ms")

expected = np.maximum(expected, 0)  # from here on all versions have the ReLU
results["tiles, then ReLU"] = alone + reused, must_move + 2 * y.nbytes
note("tiles, fused with ReLU", lambda: tiles(x, weight, bias, True, z))

# %% [markdown]
# ## Step 5: thread
#
# Images do not know of one another, so each core can take its share. Compiled with `nogil`, our
# kernel does not hold Python's lock while it runs, and Python's own threads will do.

# %%
pool = ThreadPoolExecutor(cores)
shares = np.array_split(np.arange(n), cores)


def threaded():
    jobs = [
        pool.submit(tiles, x[s[0] : s[-1] + 1], weight, bias, True, z[s[0] : s[-1] + 1])
        for s in shares
        if len(s)
    ]
    for job in jobs:
        job.result()
    return z


note(f"tiles, ReLU, {cores} threads", threaded)

# %% [markdown]
# ## tinynet's own kernel
#
# What is left: our sums still go back to L1 after each input channel. tinynet's kernel keeps a tile
# of 4 output channels × 3 vectors of sums in registers while *all* inputs pass by, and uses each
# input that it loads for 4 channels. Its threads look for work without Python's lock, because to
# wake a Python thread takes 30 to 50 µs, which one sees beside a convolution of one millisecond.
# Its [README](../../tinynet/compiled/README.md) tells the story with numbers. (A compiled network
# copies what goes in and what comes out, so that the caller may keep both. In a network of many
# layers that is little; for this one layer it shows.)

# %%
layers = tn.Sequential(conv, tn.ReLU()).eval()
one_thread, all_threads = tn.compile(layers, threads=1), tn.compile(layers)
note("tinynet, 1 thread", lambda: one_thread(x))
note(f"tinynet, {cores} threads", lambda: all_threads(x))

# %% [markdown]
# ## The whole way
#
# Left, the speed of each version. Right, the same on the roofline of your machine. Versions that
# move the same bytes stand one above the other; im2col stands further left, where the roof is
# lower. (A dot may stand above the *slope*, and rightly: bytes that stay in a cache need not come
# from memory. Above the *flat top* it cannot stand. If it does, the machine was busy both times
# that the top was measured; the picture's title then says so.)

# %%
peak, bandwidth = np.maximum((peak, bandwidth), measure_roof())
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
names = list(results)
speeds = np.array([operations / results[name][0] for name in names])
intensities = np.array([operations / results[name][1] for name in names])
colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(names)))
left.barh(range(len(names)), speeds / 1e9, color=colours)
left.set_xscale("log")
left.set_yticks(range(len(names)), names)
left.invert_yaxis()
left.axvline(peak / 1e9, color="black", linewidth=0.8, linestyle=":")
left.set(xlabel="GFLOP/s", title="speed (dotted: a large matrix product)")

f = np.geomspace(0.5, 100, 100)
right.loglog(f, np.minimum(peak, f * bandwidth) / 1e9, color="black", label="roof, all cores")
right.loglog(
    f,
    np.minimum(peak / cores, f * bandwidth) / 1e9,
    color="black",
    linestyle=":",
    label=f"one core: 1/{cores} of the peak",
)
for colour, i, speed in zip(colours, intensities, speeds, strict=True):
    right.plot(i, speed / 1e9, "o", color=colour, markersize=8)
busy = speeds.max() > peak
title = "the top was measured too low: run again" if busy else "on the roofline"
right.set(xlabel="operations for each byte moved", ylabel="GFLOP/s", title=title)
right.legend(frameon=False, loc="center left", bbox_to_anchor=(0, 0.3))
figure.tight_layout()

# %%
first = results["Python loops"][0]
for name in names:
    taken = results[name][0]
    print(f"{name:32} {first / taken:10,.0f} times Python's speed, ", end="")
    print(f"{operations / taken / peak:6.1%} of the peak")
if busy:
    print("More than 100 %? The machine was busy while the peak was measured: run again.")

# %% [markdown]
# What did each step bring on *your* machine, just now? Less than a tenth is no difference that one
# such measurement can show. A step that brings nothing is no mistake. It has removed a limit that
# was not the one that holds:
#
# - *Tiles* bring little where a large cache held everything already (our framed batch has 1.8 MB).
# - *Fusing* saves one trip of y to memory and back, which is little beside a convolution with 18
#   operations for each byte, and much beside a layer that only scales.
# - *Threads* bring nothing while another program has the other cores, and little where the work is
#   so short that waking a thread takes as long.
#
# So: measure, change one thing, measure again, and keep what helps.


# %%
def verdict(before, after):
    """What a step brought, in words."""
    gain = results[before][0] / results[after][0]
    if abs(gain - 1) < 0.1:
        return "nothing that could be told from noise"
    return f"{gain:,.1f} times as fast" if gain > 1 else f"{1 / gain:.1f} times as slow"


shared = f"{cores} threads"
for what, before, after in [
    ("compile", "Python loops", "loops, compiled"),
    ("vectorise", "loops, compiled", "along lines"),
    ("cache", "along lines", "tiles in cache"),
    ("fuse", "tiles, then ReLU", "tiles, fused with ReLU"),
    ("thread", "tiles, fused with ReLU", f"tiles, ReLU, {shared}"),
    ("registers, 1 thread", "tiles, fused with ReLU", "tinynet, 1 thread"),
    ("registers, threads", f"tiles, ReLU, {shared}", f"tinynet, {shared}"),
]:
    print(f"{what:20} {verdict(before, after)}")

# %% [markdown]
# ## Experiment
#
# Other shapes. Watch how the three versions keep up, and the size of a tile: what happens to our
# tiles when the frame of an image no longer fits into L1, or into L2? What happens with one
# channel?

# %%
shape = 32, 16, 14  # Change: 64, 1, 28; 8, 64, 28; 1, 64, 112; 256, 8, 7


def compare(images, c, side, budget=0.25):
    """{version: GFLOP/s} for images (images, c, side, side)."""
    layer = tn.Conv2d(c, c, 3, padding=1, rng=0)
    u = rng.standard_normal((images, c, side, side), np.float32)
    v, w, bias, fast = np.empty_like(u), layer.weight.data, layer.bias.data, tn.compile(layer)
    np.testing.assert_allclose(tiles(u, w, bias, False, v), layer(u), rtol=1e-3, atol=1e-4)
    versions = {
        "im2col": lambda: layer(u),
        "our tiles, 1 thread": lambda: tiles(u, w, bias, False, v),
        "tinynet, compiled": lambda: fast(u),
    }
    work = 2 * c * 9 * u.size
    return {name: work / seconds(f, budget) / 1e9 for name, f in versions.items()}


print(f"the frame of an image has {4 * shape[1] * (shape[2] + 2) ** 2 / 1024:.0f} kB")
for name, speed in compare(*shape).items():
    print(f"{name:20} {speed:7.1f} GFLOP/s")

# %% [markdown]
# ## Questions
#
# **Question 1.** Convolutions take 80 % of a training step. Somebody makes them 10 times as fast.
# How much faster is the step? And if they took no time at all?
#
# **Question 2.** Is a 1 × 1 convolution of 8 channels to 8 bound by arithmetic or by memory on your
# machine? From how many channels on does that change?
#
# **Question 3.** With one image in place of 64, is the speed of the compiled layer in GFLOP/s the
# same? Where does the difference go?

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### What the experiment shows

# %% [markdown]
# Look at your own table: times are asserted nowhere. On the machine where this was written (two
# shared cores, L2 of 2 MB each), in three runs that differed much:
#
# - tinynet's kernel was the fastest but for one channel. There a number that was fetched takes part
#   in nine products only, and copying is what counts: all three were slow, im2col slowest.
# - im2col gained most from more channels. Its copies grow with the channels, its arithmetic with
#   their square: with 64 of them its product was in two runs of three faster than our tiles.
# - Our tiles did not break down where the frame outgrew L1 (at 64 channels of 28×28) and L2 (of
#   112×112, 3 MB). They pass the frame channel by channel, and one channel with its sums is small
#   enough. What hurt them was short lines: 7×7 pixels are 61 sums, few for a loop that takes some
#   64 at a time.

# %%
for sizes in ((32, 16, 14), (64, 1, 28), (8, 64, 28), (1, 64, 112), (256, 8, 7)):
    kilobytes = 4 * sizes[1] * (sizes[2] + 2) ** 2 / 1024
    words = ", ".join(f"{name} {speed:.1f}" for name, speed in compare(*sizes, budget=0.1).items())
    print(f"{sizes!s:13} frame {kilobytes:5.0f} kB; GFLOP/s: {words}")

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 1

# %% [markdown]
# Of a step of length 1, 0.2 stay as they are and 0.8 become 0.08. That is why tinynet fuses
# BatchNorm and ReLU into the convolutions: after the first step, the rest is what takes the time.
# (Amdahl's law.)

# %%
print(f"{1 / (0.2 + 0.8 / 10):.2f} times; at best {1 / 0.2:.0f} times")

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 2

# %% [markdown]
# For each pixel of an image it does $2 \cdot 8 \cdot 8$ operations, and moves $(8 + 8) \cdot 4$
# bytes: 2 operations a byte, and for $c$ channels $2c^2/8c = c/4$. The roof turns at peak/bandwidth
# operations a byte, which is at four times as many channels.

# %%
turn = peak / bandwidth
print(f"2 operations a byte against {turn:.1f}: bound by ", end="")
print("memory" if 2 < turn else "arithmetic")
print(f"it changes at about {4 * turn:.0f} channels")

# %% [markdown] jp-MarkdownHeadingCollapsed=true
# ### Answer 3

# %% [markdown]
# It is lower. A call has costs that do not depend on the number of images: Python, the checks of x,
# allocating the result, starting a kernel. 64 images share them, one has to pay them alone. (If 64
# come out slower than 16, it is the memory: their x and y together may outgrow a cache.)

# %%
for count in (1, 4, 16, 64):
    taken = seconds(partial(one_thread, x[:count]), budget=0.1)
    speed = operations * count / n / taken / 1e9
    print(f"{count:3} images: {1e6 * taken / count:7.1f} µs an image, {speed:6.1f} GFLOP/s")

# %% [markdown]
# ## Where to go
#
# - **Exercise:** [`conv2d.py`](../../tinynet/exercises/blanks/conv2d.py) once more: `python -m
#   tinynet.exercise conv2d` takes any right answer. Replace your loops one at a time, check after
#   each, and time it.
# - **Draw:** run [`python examples/draw.py`](../draw.py): the foot of the page says how many
#   milliseconds your last stroke took, all layers and pictures included. It runs the *plain*
#   layers.
# - **Next:** [lesson 14](14_your_hand.py): a project, your own digits. How the real kernels came
#   about is told in [`compiled/README.md`](../../tinynet/compiled/README.md).
