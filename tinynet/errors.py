"""The exceptions that tinynet adds to Python's own."""


class FileFormatError(ValueError):
    """A file from outside is not what it says, or not what was asked for; it names the file."""


class GradientError(AssertionError):
    """A hand-written gradient disagrees with the numerical one; it names array, index, values."""


class NotFiniteError(FloatingPointError, ValueError):
    """A number that is infinite or none: in images, weights, running statistics or a loss."""
