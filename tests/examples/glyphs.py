"""Strokes of digits, and of what is none, as a hand draws them, on a pad whose sides are 1 long."""

import math

import numpy as np


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


LETTERS = {  # and shapes, which are no digits; none that a hand writes like one, as O, S and Z
    "A": [line((0.3, 0.8), (0.5, 0.2), (0.7, 0.8)), line((0.38, 0.6), (0.62, 0.6))],
    "E": [line((0.68, 0.2), (0.35, 0.2), (0.35, 0.8), (0.68, 0.8)), line((0.35, 0.5), (0.62, 0.5))],
    "F": [line((0.68, 0.2), (0.35, 0.2), (0.35, 0.8)), line((0.35, 0.5), (0.62, 0.5))],
    "H": [
        line((0.33, 0.2), (0.33, 0.8)),
        line((0.67, 0.2), (0.67, 0.8)),
        line((0.33, 0.5), (0.67, 0.5)),
    ],
    "K": [line((0.35, 0.2), (0.35, 0.8)), line((0.68, 0.2), (0.35, 0.52), (0.68, 0.8))],
    "M": [line((0.28, 0.8), (0.32, 0.2), (0.5, 0.6), (0.68, 0.2), (0.72, 0.8))],
    "N": [line((0.32, 0.8), (0.32, 0.2), (0.68, 0.8), (0.68, 0.2))],
    "R": [
        line((0.36, 0.8), (0.36, 0.2), (0.5, 0.2))
        + arc(0.5, 0.35, 0.16, 0.15, -90, 90)
        + line((0.5, 0.5), (0.36, 0.5), (0.68, 0.8))
    ],
    "T": [line((0.28, 0.2), (0.72, 0.2)), line((0.5, 0.2), (0.5, 0.8))],
    "U": [
        line((0.33, 0.2), (0.33, 0.6))
        + arc(0.5, 0.6, 0.17, 0.2, 180, 0)
        + line((0.67, 0.6), (0.67, 0.2))
    ],
    "W": [line((0.25, 0.2), (0.37, 0.8), (0.5, 0.35), (0.63, 0.8), (0.75, 0.2))],
    "X": [line((0.3, 0.2), (0.7, 0.8)), line((0.7, 0.2), (0.3, 0.8))],
    "heart": [
        arc(0.4, 0.4, 0.1, 0.12, 170, 360)
        + arc(0.6, 0.4, 0.1, 0.12, 180, 370)
        + line((0.7, 0.43), (0.5, 0.8), (0.3, 0.42))
    ],
    "star": [
        line((0.5, 0.15), (0.68, 0.8), (0.2, 0.38), (0.8, 0.38), (0.32, 0.8), (0.5, 0.15)),
    ],
    "square": [line((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3))],
    "triangle": [line((0.5, 0.2), (0.75, 0.75), (0.25, 0.75), (0.5, 0.2))],
}


def as_a_hand(strokes, rng):
    """Points of the same figure drawn once more, not quite alike."""
    angle, shear = rng.normal(0, 0.2), rng.normal(0, 0.15)
    sides = np.diag(rng.uniform(0.75, 1.25, 2)) + [[0, shear], [0, 0]]
    turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return [
        (np.array(stroke) - 0.5) @ (turn @ sides).T
        + np.cumsum(rng.normal(0, 0.006, (len(stroke), 2)), axis=0)
        for stroke in strokes
    ]


def scribble(rng):
    """One to three smooth lines through random points."""
    strokes = []
    for _ in range(rng.integers(1, 4)):
        corners = rng.uniform(0.1, 0.9, (rng.integers(4, 12), 2))
        t = np.linspace(0, 1, 12)[:, None]
        ease = t * t * (3 - 2 * t)
        strokes.append(
            np.concatenate([a + ease * (b - a) for a, b in zip(corners, corners[1:], strict=False)])
        )
    return strokes
