"""What the page shows of one drawing: everything that is computed, as one answer.

The page asks with a dict, which is JSON on the way, and gets a dict, which is `as_bytes` then:

asked   {"drawing": {"strokes": [[[x, y], …], …]}, or {"digit": index of a test digit},
                    or {"misread_after": index}: the next test digit that is read wrong,
         "gradient": {"of": "logit" or "probability", "class": 0 … 9, or null: as it is read},
         "pixel": {"layer", "channel", "row", "column"} to explain, or null}
answer  what `Look.answer` returns
"""

import json
import threading

import numpy as np

import tinynet as tn
from tinynet.loss import softmax
from tinynet.train import STD, as_input

from .explain import explain
from .ink import digit_of
from .seen import DIGITS, Seen

MOST_POINTS = 2000  # of a drawing: many times what a digit takes
NEAREST = 4  # mistakes that are shown


class Look:
    """The trained network and the test digits, for one question at a time, from any thread."""

    def __init__(self):
        self.model = tn.models.mnist_lite(pretrained=True).eval()
        (x, y), (self.x, self.y) = tn.datasets.mnist()
        # copied, so that the memory of all others is given back
        self.seen = Seen(x[:DIGITS].copy(), y[:DIGITS].copy(), most=len(self.x))
        self.mistakes = Mistakes(self.x, self.y)
        self.readings = {}  # of kept digits, by the bytes of their images
        self.lock = threading.Lock()  # a layer keeps what one backward needs

    def read_digits(self, batch_size=16):
        """Find mistakes, and what is usual, while the page is already in use.

        It reads the digits once, with a network of its own; it takes seconds in plain NumPy. A few
        at a time, so that a drawing in between need not wait.
        """
        model = tn.models.mnist_lite(pretrained=True).eval()
        for maps in in_batches(model, self.seen.images, batch_size):
            self.seen.learn(maps)
        for maps in in_batches(model, self.mistakes.x, batch_size):
            self.seen.compare(maps)
            self.mistakes.add(maps)

    def read(self, images):
        """[which digit each of images (n, 28, 28) is read as]; no image is read twice."""
        unread = np.array([image for image in images if image.tobytes() not in self.readings])
        with self.lock:
            logits = [z for maps in in_batches(self.model, unread, 16) for z in maps[-1]]
        for image, z in zip(unread, logits, strict=True):
            self.readings[image.tobytes()] = int(z.argmax())
        return [self.readings[image.tobytes()] for image in images]

    def answer(self, asked):
        """A dict with arrays: images (28, 28) uint8; slope (28, 28) and maps (c, h, w), float32.

        ValueError says what is wrong with the question.
        """
        drawing, gradient, pixel = fields(asked, "drawing", "gradient", "pixel")
        image, index = self.image(drawing)  # (28, 28)
        of, k = checked_gradient(gradient)
        with self.lock:
            maps = activations(self.model, as_input(image[None]))
            slope, k = pixel_gradient(self.model, maps[-1], of, k)
        probabilities = softmax(maps[-1])  # (1, 10)
        layers = [*self.model, "softmax"]
        maps.append(probabilities)
        return {
            "image": image,
            "digit": index,
            "label": None if index is None else int(self.y[index]),
            "digits": len(self.x),
            "probabilities": probabilities[0].tolist(),
            "layers": [
                {"name": str(layer), "maps": y[0]}
                for layer, y in zip(layers, maps[1:], strict=True)
            ],
            "gradient": {"of": of, "class": k, "slope": slope},
            "pixel": explained(layers, maps, pixel),
            "seen": self.seen.answer(maps),
            "mistakes": self.mistakes.nearest(maps),
        }

    def image(self, drawing):
        """The image (28, 28) uint8 that a drawing is, and its index if it is a test digit."""
        if not isinstance(drawing, dict) or len(drawing) != 1:
            raise ValueError('drawing: expected one of "strokes", "digit" and "misread_after"')
        ((kind, value),) = drawing.items()
        if kind == "strokes":
            return digit_of(checked_strokes(value)), None
        if kind == "digit":
            index = checked_int(value, "digit", len(self.x))
        elif kind == "misread_after":
            index = self.mistakes.after(checked_int(value, "misread_after", len(self.x)))
        else:
            raise ValueError(f"drawing: unknown kind {kind!r:.40}")
        return self.x[index], index


class Mistakes:
    """The test digits that the shipped weights get wrong, as far as they have been read."""

    def __init__(self, x, y):
        self.x, self.y = x, y
        self.read = 0  # digits so far
        self.found = []  # [(index, probabilities (10,), features)], in order

    def add(self, maps):
        """The next test digits, by their activations."""
        logits = maps[-1]
        labels = self.y[self.read : self.read + len(logits)]
        for i in np.flatnonzero(logits.argmax(axis=1) != labels):
            p = softmax(logits[i : i + 1])[0]
            self.found.append((self.read + int(i), p, features(maps)[i]))
        self.read += len(labels)

    def after(self, index):
        """The index of the next mistake after this one; after the last comes the first."""
        indices = [i for i, _, _ in list(self.found)]
        if not indices:
            raise ValueError(
                f"{self.read:,} of {len(self.x):,} test digits are read so far, and no mistake is "
                "among them; try again in a moment"
            )
        return next((i for i in indices if i > index), indices[0])

    def nearest(self, maps):
        """Those mistakes whose features are nearest to a drawing's, by its activations."""
        here = features(maps)[0]
        found = [
            (float(np.linalg.norm(there - here)), index, p) for index, p, there in list(self.found)
        ]
        nearest = sorted(found, key=lambda mistake: mistake[0])[:NEAREST]
        return {
            "read": self.read,
            "count": len(found),
            "nearest": [
                {
                    "digit": index,
                    "label": int(self.y[index]),
                    "read_as": int(p.argmax()),
                    "probability": float(p.max()),
                    "distance": distance,
                    "image": self.x[index],
                }
                for distance, index, p in nearest
            ],
        }


def activations(model, x):
    """[x, and the output of each layer], for images x (n, 1, 28, 28)."""
    maps = [x]
    for layer in model:
        maps.append(layer(maps[-1]))
    return maps


def in_batches(model, images, batch_size):
    """The activations of images (n, 28, 28), a few at a time."""
    for start in range(0, len(images), batch_size):
        yield activations(model, as_input(images[start : start + batch_size]))


FEATURES = 20  # maps[20] is what model[19] gave, the second MaxPool2d: (n, 16, 7, 7)


def features(maps):
    """(n, 784): what the network has made of the images where shape is known and place still is."""
    return maps[FEATURES].reshape(len(maps[0]), -1)


def pixel_gradient(model, logits, of, k):
    """How the logit or probability of class k changes with each pixel, and k.

    After a forward that gave logits (1, 10). Returns (28, 28) and the class, the likeliest for
    k None. A pixel counts from 0, paper, to 1, ink.

    dz is what backward starts from. For the logit z_k it is 1 at k; for the probability,
    dp_k/dz_i = p_k · ([i = k] − p_i).
    """
    k = int(logits.argmax()) if k is None else k
    dz = np.zeros_like(logits)
    dz[0, k] = 1
    if of == "probability":
        p = softmax(logits)
        dz = p[0, k] * (dz - p)
    return model.backward(dz)[0, 0] / np.float32(STD), k  # the input is (pixel − MEAN) / STD


def explained(layers, maps, pixel):
    """The explanation of a pixel that was asked for, with its place; None if none was."""
    if pixel is None:
        return None
    names = "layer", "channel", "row", "column"
    values = fields(pixel, *names)
    i = checked_int(values[0], "layer", len(layers))
    sizes = (*maps[i + 1].shape[1:], 1, 1)[:3]  # logits have one row and one column
    place = [checked_int(v, n, m) for v, n, m in zip(values[1:], names[1:], sizes, strict=True)]
    return dict(zip(names, (i, *place), strict=True)) | explain(
        layers[i], maps[i], maps[i + 1], tuple(place)
    )


def as_bytes(answer):
    """A dict with arrays, for the page: the length of its JSON (4 bytes), the JSON, the numbers.

    In the JSON an array is {"array", "shape", "start"}: what JavaScript calls an array of such
    numbers, and where they begin after the JSON, in bytes. The page uses them where they are; to
    write them as text and to read that takes several times as long. Little-endian, C order.
    """
    parts = []

    def placed(array):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"as_bytes: expected an array, got {short(array)}")
        kind, name = ("<u1", "Uint8Array") if array.dtype == np.uint8 else ("<f4", "Float32Array")
        start = sum(map(len, parts))
        parts.append(padded(np.ascontiguousarray(array, kind).tobytes(), b"\0"))
        return {"array": name, "shape": array.shape, "start": start}

    text = padded(json.dumps(answer, default=placed, allow_nan=False).encode(), b" ")
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def padded(content, filler):
    """JavaScript's arrays of float32 begin at multiples of 4 bytes."""
    return content + -len(content) % 4 * filler


def fields(value, *names):
    """The values of a dict's fields, in the order of these names, no more and no fewer."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise ValueError(f"expected an object with {', '.join(names)}, got {short(value)}")
    return [value[name] for name in names]


def checked_strokes(strokes):
    """[(n, 2) float array] of lists of points [x, y] in 0 … 1."""
    if not isinstance(strokes, list) or not all(isinstance(s, list) and s for s in strokes):
        raise ValueError(f"strokes: expected a list of lists of points, got {short(strokes)}")
    if sum(map(len, strokes)) > MOST_POINTS:
        raise ValueError(f"strokes: expected at most {MOST_POINTS:,} points; clear and draw anew")
    for point in (point for stroke in strokes for point in stroke):
        if not isinstance(point, list) or len(point) != 2 or not all(map(is_part, point)):
            raise ValueError(f"strokes: expected points [x, y] in 0 … 1, got {short(point)}")
    return [np.array(stroke, np.float64) for stroke in strokes]


def is_part(value):
    return type(value) in (int, float) and 0 <= value <= 1  # False for NaN


def checked_int(value, name, below):
    if type(value) is not int or not 0 <= value < below:
        raise ValueError(f"{name}: expected an integer in 0 … {below - 1}, got {short(value)}")
    return value


def checked_gradient(gradient):
    of, k = fields(gradient, "of", "class")
    if of not in ("logit", "probability"):
        raise ValueError(f'gradient: expected of "logit" or "probability", got {short(of)}')
    return of, None if k is None else checked_int(k, "class", 10)


def short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
