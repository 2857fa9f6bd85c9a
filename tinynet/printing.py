"""Text on streams that cannot show all of it: → as ->, H ≥ 3 as H >= 3, σ² as sigma^2.

Names of layers, errors and tables are written with the signs of the formulas. Not every stream has
them. On Windows before Python 3.15, what goes to a file or to a pipe is encoded as that system's
language was before Unicode, which mostly has × and ², and neither → nor ≥; on any system it may be
ASCII. There `print(model)` would end in UnicodeEncodeError, and a traceback would say \\u2265.

So importing tinynet changes the process in one thing. A way to encode what an encoding lacks is
registered (`codecs.register_error`, as "tinynet"), and sys.stdout and sys.stderr are given it, in
place of raising an error, or of stderr's \\u2265. What they can show is written as it always was;
under UTF-8, that is everything but halves of a pair of surrogates, as in the name of a file that
is no text. Streams for which something else was chosen (PYTHONIOENCODING=ascii:replace) keep it;
so do those put in their place later, and files: open these with encoding="utf-8".
"""

import codecs
import contextlib
import errno
import os
import sys
import unicodedata

SIGNS = {
    "→": "->", "←": "<-", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~", "±": "+/-",
    "−": "-", "–": "-", "—": "-", "×": "x", "·": "*", "÷": "/", "⁄": "/", "⋯": "...",
    "√": "sqrt", "∞": "inf", "∂": "d", "Σ": "sum", "∑": "sum", "λ": "lambda", "µ": "u",
    "‖": "||", "⟨": "<", "⟩": ">", "⌈": "ceil(", "⌉": ")", "⌊": "floor(", "⌋": ")",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'",
    "°": " degrees", "§": "section ",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "_hat", "\N{COMBINING MACRON}": "_bar",  # x̂, w̄
}  # fmt: skip
BAR = "▏▎▍▌▋▊▉█"  # what bars of progress are made of
SIGNS |= dict.fromkeys(BAR, "#")
MARKS = {"<super>": "^", "<sub>": "_"}  # by what Unicode says of ² and ₁

# What a program gets that prints to a pipe whose reader has gone: on Windows the second.
CLOSED = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


def spell(error):
    """For codecs: what the encoding lacks, in ASCII, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, end = error.object, error.end
    while end < len(text) and _mark(text[end]) and _mark(text[end]) == _mark(text[end - 1]):
        end += 1  # the rest of a power, of which the encoding may have a part: 2⁵³ as 2^53
    return spelled(text[error.start : end], before=text[end : end + 1]), end


def spelled(text, before=""):
    """The text in ASCII, with "?" for what has no such spelling. before: the next character."""
    result, mark = "", ""
    for character, following in zip(text, [*text[1:], before], strict=True):
        sign = _sign(character)
        result += sign.removeprefix(mark)
        mark = _mark(character)
        word = not character.isascii() and len(sign) > 1 and sign[-1].isalpha() and not mark
        if word and _sign(following)[:1].isalnum():
            result += " "  # Σdy as sum dy
    return result


def _sign(character):
    if character.isascii():
        return character
    if character in SIGNS:
        return SIGNS[character]
    parts = unicodedata.normalize("NFKD", character)  # é: e and an accent; ²: 2; …: three dots
    if parts != character:
        sign = "".join(_sign(part) for part in parts if not unicodedata.combining(part))
        return "?" if "?" in sign else _mark(character) + sign
    if unicodedata.combining(character):
        return ""
    name = unicodedata.name(character, "?")
    if name.startswith("GREEK"):  # … SMALL LETTER SIGMA
        letter = name.split()[-1]
        return letter.lower() if " SMALL " in name else letter.capitalize()
    return "?"


def _mark(character):
    """ "^" for superscripts, "_" for subscripts, otherwise ""."""
    return MARKS.get(unicodedata.decomposition(character).split(" ")[0], "")


def shows(stream, text):
    """Whether a stream's encoding has all of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def prepare():
    """Give sys.stdout and sys.stderr the way above, if all they have is to fail, or \\u2265."""
    codecs.register_error("tinynet", spell)
    for stream in (sys.stdout, sys.stderr):
        # None, closed, or an object of somebody's: not ours to change
        with contextlib.suppress(AttributeError, LookupError, OSError, ValueError, TypeError):
            utf = codecs.lookup(stream.encoding).name.startswith("utf")
            failing = ["strict"] if utf else ["strict", "surrogateescape", "backslashreplace"]
            if stream.errors in failing:
                stream.reconfigure(errors="tinynet")


# -- programs whose reader goes, as `head` does when it has seen enough --


def drop_unprintable(error):
    """Whether the error is of a pipe that nobody reads; then Python need not try again."""
    gone = isinstance(error, OSError) and error.errno in CLOSED and error.filename is None
    if gone:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return gone


@contextlib.contextmanager
def ending_quietly():
    """For the main part of a program: if its reader goes, it ends with code 1 and says nothing."""
    try:
        yield
    except OSError as error:
        if not drop_unprintable(error):
            raise
        sys.exit(1)
    finally:
        try:
            print(end="", flush=True)  # what Python would write in the end, and complain
        except OSError as error:
            drop_unprintable(error)
