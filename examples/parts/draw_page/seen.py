"""How far a drawing is from all digits seen: what a softmax cannot know.

The ten probabilities add up to 1 whatever is drawn: they compare digits with each other. How unlike
all digits a drawing is can be asked of the features that they are made of, the output of model[22],
which the last convolution reads: the angle between the drawing's and those of the nearest of 2,000
training digits. What angle is usual, the test digits say, which the network was not trained on.

Chosen by measurement: how often a stranger comes out farther than a test digit (the area under the
ROC curve: 1 is always, 0.5 is chance), for 2,000 test digits and 150 to 210 strangers of each kind,
as test_strangers_are_told_from_digits_by_the_angle prints it:

                                 letters,  scribbles  digits  digits   mean
                                 shapes               turned  glued
    1 − the largest probability  0.935     0.988      0.985   0.951    0.965
    distance, of model[22]       0.959     0.980      0.988   0.912    0.960
    angle, of model[22]          0.986     0.998      0.996   0.961    0.985

An angle does not grow with how much ink there is; a distance does. Farther than 99 % of the test
digits are 70 % of the letters and shapes, 51 % of the digits glued of two, and of digits drawn like
the letters none; farther than 90 %, 98, 87 and 9 %.
"""

import numpy as np

FEATURES = 23  # maps[23] is what model[22] gave, before the last convolution: (n, 20, 5, 5)
DIGITS = 2000  # of the training set; 20,000, ten times as long to read, measured hardly better


class Seen:
    """The training digits that drawings are compared with, and how far the test digits are."""

    def __init__(self, images, labels, most):
        """most: as many test digits will be compared."""
        self.images, self.labels = images, labels
        self.directions = np.zeros((0, 500), np.float32)
        self.angles = np.empty(most, np.float32)
        self.compared = 0  # test digits so far

    def learn(self, maps):
        """The next training digits, by their activations."""
        self.directions = np.concatenate([self.directions, directions(maps)])

    def compare(self, maps):
        """The next test digits, once all training digits are learned."""
        angles, _ = self.nearest(maps)
        self.angles[self.compared : self.compared + len(angles)] = angles
        self.compared += len(angles)

    def nearest(self, maps):
        """(angles (n,) in degrees to the nearest training digit, which one (n,))."""
        cosines = directions(maps) @ self.directions.T
        return np.degrees(np.arccos(np.minimum(cosines.max(axis=1), 1))), cosines.argmax(axis=1)

    def answer(self, maps):
        """Of one drawing, for the page; None as long as no test digit is compared."""
        compared = self.compared
        if not compared:
            return None
        (angle,), (i,) = self.nearest(maps)
        return {
            "angle": float(angle),
            "nearer": int(np.count_nonzero(self.angles[:compared] < angle)),
            "compared": compared,
            "digits": len(self.images),
            "label": int(self.labels[i]),
            "image": self.images[i],
        }


def directions(maps):
    """(n, 500): the features of each image, as a vector of length 1."""
    x = maps[FEATURES].reshape(len(maps[0]), -1)
    return x / np.linalg.norm(x, axis=1, keepdims=True)
