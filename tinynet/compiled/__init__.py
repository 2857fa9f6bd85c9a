"""Networks as Numba kernels: `tinynet.compile` and what it uses.

simd.py       vectors, as kernels see them
jit.py        how a kernel is compiled, cached and announced
threads.py    one kernel on all cores, with the same bits for any number of them
conv.py, batchnorm.py, relu.py, pool.py    the kernels, plain arrays in, arrays out
stages.py     which kernels stand for which layers: the seam between layers and kernels
network.py    the compiled network: stages in a row

`import tinynet` must not import Numba, so nothing above network.py's stages is imported here.
"""

from .network import compile

__all__ = ["compile"]
