"""Strokes of the ten digits as a hand draws them, on a pad whose sides are 1 long."""

import math


def line(*corners, step=0.03):
    """Points [x, y] from corner to corner, as far apart as a moving pointer's."""
    points = [list(corners[0])]
    for (x0, y0), (x1, y1) in zip(corners, corners[1:], strict=False):
        n = max(1, round(math.hypot(x1 - x0, y1 - y0) / step))
        points += [[x0 + (x1 - x0) * i / n, y0 + (y1 - y0) * i / n] for i in range(1, n + 1)]
    return points


def arc(x, y, rx, ry, start, end):
    """Points on an ellipse around (x, y); angles in degrees, clockwise from the right."""
    n = max(2, round(abs(end - start) / 15))
    angles = [math.radians(start + (end - start) * i / n) for i in range(n + 1)]
    return [[x + rx * math.cos(a), y + ry * math.sin(a)] for a in angles]


GLYPHS = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
    1: [line((0.52, 0.2), (0.48, 0.8))],
    2: [arc(0.5, 0.36, 0.18, 0.16, -160, 20) + line((0.66, 0.45), (0.32, 0.8), (0.7, 0.8))],
    3: [arc(0.48, 0.35, 0.18, 0.15, -150, 90) + arc(0.48, 0.65, 0.2, 0.15, -90, 150)],
    4: [line((0.36, 0.2), (0.3, 0.52), (0.7, 0.52)), line((0.64, 0.2), (0.6, 0.82))],
    5: [
        line((0.4, 0.22), (0.37, 0.48)) + arc(0.46, 0.62, 0.19, 0.18, -120, 140),
        line((0.4, 0.22), (0.68, 0.22)),
    ],
    6: [line((0.58, 0.18), (0.42, 0.4)) + arc(0.5, 0.62, 0.16, 0.18, -170, 190)],
    7: [line((0.3, 0.22), (0.7, 0.22), (0.45, 0.82))],
    8: [arc(0.5, 0.34, 0.15, 0.14, 90, -270) + arc(0.5, 0.64, 0.17, 0.16, -90, 270)],
    9: [arc(0.5, 0.36, 0.16, 0.16, 0, -360) + line((0.66, 0.36), (0.6, 0.82))],
}
