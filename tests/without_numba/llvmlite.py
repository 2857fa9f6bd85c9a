"""In the place of Numba's library, as numba.py is in that of Numba."""

raise ModuleNotFoundError("No module named 'llvmlite'", name="llvmlite")
