"""In the place of Numba, first on the path: as if it were not installed."""

raise ModuleNotFoundError("No module named 'numba'", name="numba")
