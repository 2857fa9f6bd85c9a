"""Pictures of digits, networks and training runs, with matplotlib: `pip install matplotlib`.

Each function takes arrays, or a plain or compiled network, and returns a matplotlib Figure. In a
notebook the figure appears if it is the last line of a cell; in a program, save it:

    from tinynet import plot

    plot.digits(images).savefig("digits.png")

Nothing here shows a window, needs a display, or changes matplotlib's settings; and a network is
after it as it was before: weights, gradients, running statistics and training mode.

architecture.py architecture
images.py      digits, worst_mistakes, mistakes, augmentation
network.py     filters, feature_maps, histograms
training.py    history, rate_finder, confusion_matrix
drawing.py     what they share: a new figure, images in a row, a mosaic of maps
figure.py      the figures, which notebooks can show
"""

from .architecture import architecture
from .images import augmentation, digits, mistakes, worst_mistakes
from .network import feature_maps, filters, histograms
from .training import confusion_matrix, history, rate_finder

__all__ = [
    "architecture",
    "augmentation",
    "confusion_matrix",
    "digits",
    "feature_maps",
    "filters",
    "histograms",
    "history",
    "mistakes",
    "rate_finder",
    "worst_mistakes",
]
