"""Networks as Numba kernels: `tinynet.compile` and what it uses.

available.py  whether Numba is there
simd.py       vectors, as kernels see them, and tiles of them
jit.py        how a kernel is compiled, cached and announced
threads.py    one kernel on all cores, with the same bits for any number of them
frame.py      images in a frame of padding, where im2col needs no copy
plan.py       where everything stands in the frames of one convolution
conv.py, batchnorm.py, relu.py, pool.py    the kernels, plain arrays in, arrays out
warp.py       the fast one of the two in tinynet/augment.py
memory.py     the arrays of a network, allocated once
stages.py     which kernels stand for which layers: the seam between layers and kernels
network.py    the compiled network: stages in a row
README.md     why it is fast: the machine's limit, what each part saves, what did not help

Only network.py and available.py are imported with tinynet, and the others when something is
compiled: Numba takes a second to import, and who reads or checks plain layers need not wait for it.
Nor need it be there: plain layers, and all that is made of them, do without it.
"""

from .network import compile

__all__ = ["compile"]
