"""Networks as Numba kernels: `tinynet.compile` and what it uses.

simd.py       vectors, as kernels see them
jit.py        how a kernel is compiled, cached and announced
threads.py    one kernel on all cores, with the same bits for any number of them
conv.py, batchnorm.py, relu.py, pool.py    the kernels, plain arrays in, arrays out
warp.py       the kernel of tinynet/augment.py
stages.py     which kernels stand for which layers: the seam between layers and kernels
network.py    the compiled network: stages in a row

Only network.py is imported with tinynet, and it imports the others when a network first runs:
Numba takes a second to import, and who reads or checks plain layers need not wait for it.
"""

from .network import compile

__all__ = ["compile"]
