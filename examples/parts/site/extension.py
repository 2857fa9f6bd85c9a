"""What Sphinx is taught: to read the docstrings, and to fold the answers of the lessons."""

import inspect
import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

CODE = re.compile(r"`([^`]+)`")
NAME = re.compile(r"[A-Za-z_][\w.]*")


def setup(app):
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-skip-member", skip)
    app.add_node(Folded, html=(open_folded, close_folded))
    app.add_transform(Fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def skip(app, what, name, thing, skipped, options):
    """True for what a class has from another library, and for values, which have no text."""
    described = inspect.isroutine(thing) or inspect.isclass(thing) or isinstance(thing, property)
    ours = (getattr(thing, "__module__", None) or "tinynet").startswith("tinynet")
    return skipped or not (described and ours)


def read_docstring(app, what, name, thing, options, lines):
    lines[:] = restructured(lines)


def restructured(lines):
    """The lines of a docstring, which is plain text, as reStructuredText.

    What is indented by four after an empty line, such as a formula, stays as it is; so does what
    begins with >>>. The rest is text, in which `this` is code and **this** is bold.
    """
    result, margin, block = [], 0, False  # margin: of the text of a list's item
    for paragraph in re.split(r"\n(?:[ ]*\n)+", "\n".join(lines).strip("\n")):
        indent = len(paragraph) - len(paragraph.lstrip())
        if indent >= margin + 4:
            result += [] if block else [" " * margin + "::", ""]
            block = True
        elif not paragraph.lstrip().startswith(">>>"):
            mark = re.match(r"(-|\d+\.) +", paragraph)
            margin = len(mark[0]) if mark else margin if indent else 0
            paragraph, block = text(paragraph), False
        result += [*paragraph.split("\n"), ""]
    return result


def text(paragraph):
    """A paragraph, in which only ` and ** mean anything."""
    parts = CODE.split(paragraph)
    parts[::2] = [re.sub(r"(\\|(?<!\*)\*(?!\*)|_|\|)", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [as_code(" ".join(part.split())) for part in parts[1::2]]
    for i in range(2, len(parts), 2):
        if parts[i][:1].isalnum():  # as in `Layer`s, where the mark would not end
            parts[i] = "\\ " + parts[i]
    return "".join(parts)


def as_code(words):
    """Code, and a link if it is the name of something that the reference has."""
    return f":py:obj:`{words}`" if NAME.fullmatch(words) else f"``{words}``"


class Folded(nodes.General, nodes.Element):
    """What is hidden until one clicks on its title."""


class Fold(SphinxTransform):
    """Makes what stands below a heading of the class "folded" a box that opens on a click."""

    default_priority = 500

    def apply(self):
        for section in list(self.document.findall(nodes.section)):
            if "folded" in section["classes"]:
                title, *rest = section.children
                section.replace_self(Folded("", *rest, ids=section["ids"], title=title.astext()))


def open_folded(writer, node):
    names = "".join(f' id="{name}"' for name in node["ids"][:1])
    title = writer.encode(node["title"])
    writer.body.append(f'<details class="folded"{names}>\n<summary>{title}</summary>\n')


def close_folded(writer, node):
    writer.body.append("</details>\n")
