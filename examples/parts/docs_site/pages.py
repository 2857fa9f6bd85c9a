"""A folder of pages that know each other: addresses, links, and the index for the search."""

import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath

import jinja2

from . import convert
from .text import Sections, with_ids

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
LESSONS, EXERCISES = ROOT / "examples" / "lessons", ROOT / "examples" / "exercises"
BLANKS = ROOT / "tinynet" / "exercises" / "blanks"
DRAW = ROOT / "examples" / "draw.py"
LINK = re.compile(  # code, or [label](path#fragment) to a file
    r"(```.*?```)|\[((?:`[^`]*`|[^\]`])*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)|(`[^`\n]*`)",
    re.DOTALL,
)


class Site:
    """The site in a folder. `add` writes a page; `finish` what all pages need."""

    def __init__(self, folder):
        self.folder = folder
        self.written = set()  # addresses
        self.linked = {}  # {address: a Markdown file of the repository that a page has linked to}
        self.sections = []  # [title of the page, address with #name, heading, text]
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True
        )
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, address, title, body, before=None, after=None, **more):
        """Write a page. body: HTML. before, after: (address, title) of its neighbours."""
        body, headings = with_ids(body)
        for name, heading, text in Sections(body).found:
            self.sections.append([title, f"{address}#{name}" if name else address, heading, text])
        page = self.templates.get_template("page.html").render(
            title=title,
            body=body,
            headings=headings,
            before=before and (relative(before[0], address), before[1]),
            after=after and (relative(after[0], address), after[1]),
            root="../" * address.count("/"),
            places=places(),
            **more,
        )
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        self.written.add(address)

    def add_markdown(self, path, **neighbours):
        """Write the page of a Markdown file of the repository."""
        text = path.read_text(encoding="utf-8")
        address = address_of(path)
        body = convert.of_markdown(self.relinked(text, path.parent, address))
        self.add(address, title_of(text), body, **neighbours)

    def relinked(self, markdown, folder, address):
        """The Markdown with its links to files of the repository, seen from a folder of it, made
        links from a page of the site: to their pages, or to a copy of the file."""

        def replace(match):
            _, label, path, fragment, _ = match.groups()
            if path is None:  # code
                return match[0]
            target = (folder / path).resolve()
            if not target.exists():
                raise FileNotFoundError(f"{address} links to {path}, which is not there")
            if target.is_dir() and not (target / "README.md").exists() and not module(target):
                return label  # a folder without a text about it
            return f"[{label}]({relative(self.at(target), address)}{fragment or ''})"

        return LINK.sub(replace, markdown)

    def at(self, path):
        """The address of a file of the repository, which will be there when all is written."""
        address = address_of(path)
        if path.is_dir() and not module(path):
            path = path / "README.md"
        if address.startswith("files/"):
            if path.suffix == ".md":
                self.linked[address] = path
            else:
                self.copied(path)
        return address

    def copied(self, path):
        """Copy a file of the repository to the site; returns the address."""
        address = f"files/{path.relative_to(ROOT).as_posix()}"
        copy = self.folder / address
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        return address

    def finish(self):
        """Write the Markdown files that were linked to, the looks, and the index for the search."""
        while left := self.linked.keys() - self.written:
            for address in sorted(left):
                self.add_markdown(self.linked[address])
        shutil.copytree(HERE / "font", self.folder / "font", dirs_exist_ok=True)
        for name in ("site.js", "find.js"):
            shutil.copyfile(HERE / name, self.folder / name)
        style = (HERE / "style.css").read_text(encoding="utf-8") + convert.colours()
        (self.folder / "style.css").write_text(style, encoding="utf-8")
        index = json.dumps(self.sections, ensure_ascii=False, separators=(",", ":"))
        # a script, since a page that was opened as a file may not read another one
        text = f"window.SECTIONS = {index};\n"
        (self.folder / "find-index.js").write_text(text, encoding="utf-8")


def address_of(path):
    """Where a file or folder of the repository is in the site."""
    if path.is_dir() and not module(path):
        path = path / "README.md"
    if path.parent == LESSONS and path.suffix in {".py", ".md"}:
        return f"lessons/{'index' if path.stem == 'README' else path.stem.lower()}.html"
    if path == EXERCISES / "README.md":
        return "exercises/index.html"
    if path.parent == BLANKS and path.suffix == ".py":
        return f"exercises/{path.stem}.html"
    if path == DRAW:
        return "draw.html"
    if module(path):
        return module(path).replace(".", "/") + ".html"
    inside = path.relative_to(ROOT)
    if path.suffix == ".md":
        inside = inside.with_suffix(".html")
    return f"files/{inside.as_posix()}"


def module(path):
    """The name of the module of tinynet that a file or a folder is, or None."""
    inside = path.relative_to(ROOT)
    if inside.parts[:1] != ("tinynet",) or path.stem == "__main__":
        return None
    if path.is_dir():
        return ".".join(inside.parts) if (path / "__init__.py").exists() else None
    if path.suffix != ".py":
        return None
    inside = inside.parent if path.stem == "__init__" else inside.with_suffix("")
    return ".".join(inside.parts)


def relative(address, page):
    """The link that leads from a page to an address."""
    return PurePosixPath(os.path.relpath(address, os.path.dirname(page) or ".")).as_posix()


def places():
    """[(title, address)]: what the top of each page leads to."""
    found = [("Lessons", "lessons/index.html"), ("Exercises", "exercises/index.html")]
    found.append(("Draw", "draw.html"))
    for name, title in (("GLOSSARY", "Glossary"), ("TEACHING", "For teachers")):
        if (LESSONS / f"{name}.md").exists():
            found.append((title, address_of(LESSONS / f"{name}.md")))
    return [*found, ("Reference", "tinynet.html")]


def title_of(markdown):
    """The first heading."""
    return next(line for line in markdown.splitlines() if line.startswith("# "))[2:]
