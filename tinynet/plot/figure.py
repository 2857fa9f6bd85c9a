"""The figures that tinynet.plot returns. Only this file imports matplotlib."""

from io import BytesIO

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that notebooks show once, where it is a cell's last line.

    Figures made by pyplot would be shown twice there, since pyplot shows what it made when a cell
    ends, and outside of notebooks it would keep them all in memory.
    """

    def _repr_png_(self):
        png = BytesIO()
        self.savefig(png, format="png", bbox_inches="tight")
        return png.getvalue()
