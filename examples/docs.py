"""Make the documentation: a static site that opens offline.

    python examples/docs.py                 # into site/; needs: pip install ".[docs]"

index.html          what there is
tinynet.html, …     the reference, from the docstrings of every module, with the derivations (pdoc)
lessons/            the lessons of examples/lessons/, run here and now, with their pictures

A lesson that fails stops it. Formulas become MathML, which browsers show by themselves.
"""

import argparse
import html
import pkgutil
import re
import shutil
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs without installing, too

import tinynet as tn  # noqa: E402

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word;
  font: 1.05rem/1.6 system-ui, sans-serif;
  color: light-dark(#222, #ddd); background: light-dark(#fff, #16181c); }}
a {{ color: light-dark(#0b57a4, #7db8f5); }}
pre {{ overflow-x: auto; padding: .7rem 1rem; font-size: .85rem; line-height: 1.45;
  background: light-dark(#f4f5f7, #22252b); border-radius: .3rem; }}
code {{ font-size: .92em; }}
.output pre {{ background: none; border-left: 3px solid light-dark(#ccd, #446); }}
.output img {{ max-width: 100%; background: #fff; }}
.wide, math[display=block] {{ display: block; overflow-x: auto; }}
summary {{ cursor: pointer; padding: .4rem 0; font-weight: bold; }}
th, td {{ padding: .1rem .8rem .1rem 0; text-align: left; vertical-align: top; }}
</style>
{body}
</html>
"""


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="Make the documentation, a static site.")
    parser.add_argument("--out", type=Path, default=Path("site"), help="a folder; default: site")
    parser.add_argument("--lessons", nargs="*", help="only these, such as 01_forward; default: all")
    return parser.parse_args(arguments)


def main(options):
    try:
        import jupytext
        import latex2mathml.converter  # noqa: F401
        import nbclient
        import nbconvert  # noqa: F401
        import pdoc
        import sklearn  # noqa: F401
    except ImportError as error:
        name = error.name.partition(".")[0].replace("sklearn", "scikit-learn")
        sys.exit(
            f"docs: needs {name}; install it with: pip install {name} "
            '(all that is needed, in a clone: pip install ".[docs]")'
        )
    modules = [name for _, name, _ in pkgutil.walk_packages(tn.__path__, "tinynet.")]
    names = [name for name in modules if not name.endswith("__main__")]
    with warnings.catch_warnings():  # those in tinynet.__all__ are found twice, and written once
        warnings.filterwarnings("ignore", "The module specification", UserWarning)
        pdoc.pdoc("tinynet", *names, output_directory=options.out)

    (options.out / "lessons").mkdir(exist_ok=True)
    titles = []
    for path in sorted((ROOT / "examples" / "lessons").glob("[0-9]*.py")):
        if options.lessons is not None and path.stem not in options.lessons:
            continue
        notebook = jupytext.read(path)
        print(path.stem, flush=True)
        nbclient.NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": ROOT}}
        ).execute()
        titles.append((path.stem, title(notebook)))
        body = f'<p><a href="../index.html">tinynet</a></p>\n{lesson(notebook, options.out)}'
        write(options.out / "lessons" / f"{path.stem}.html", titles[-1][1], body)
    write(options.out / "index.html", "tinynet", index(titles, ["tinynet", *names]))
    print(f"The documentation: {options.out / 'index.html'}")


def title(notebook):
    """The first heading."""
    return next(line for line in notebook.cells[0].source.splitlines() if line.startswith("# "))[2:]


def lesson(notebook, site):
    """The HTML of a notebook that has run, without the page around it."""
    from nbconvert import HTMLExporter

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mathml(relinked(cell.source, site))
    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)
    parts = []
    for heading, cells in folded(notebook.cells):
        part = type(notebook)({**notebook, "cells": cells})
        body, _ = exporter.from_notebook_node(part)
        if heading:
            body = f"<details>\n<summary>{html.escape(heading)}</summary>\n{body}\n</details>"
        parts.append(body)
    return "\n".join(parts)


def folded(cells):
    """[(heading, cells)]: what Jupyter hides below a heading, and with None what it shows."""
    groups = [(None, [])]
    for cell in cells:
        if cell.metadata.get("jp-MarkdownHeadingCollapsed"):
            groups.append((cell.source.lstrip("# "), []))
            continue
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            groups.append((None, []))
        groups[-1][1].append(cell)
    return groups


def mathml(markdown):
    """Markdown with its $…$ and $$…$$ as MathML, and code between backticks as it was."""
    from latex2mathml.converter import convert

    def replace(match):
        code, display, inline = match.groups()
        if code:
            return code
        tex = (display or inline).replace("\n", " ").strip()
        return convert(tex, display="block" if display else "inline")

    pattern = r"(```.*?```|`[^`\n]*`)|\$\$(.+?)\$\$|\$([^$\n]+(?:\n[^$\n]+)*)\$"
    return re.sub(pattern, replace, markdown, flags=re.DOTALL)


def relinked(markdown, site):
    """Links to files of the repository lead to their pages, or to a copy of the file."""

    def replace(match):
        path, fragment = match.group(1), match.group(2) or ""
        target = (ROOT / "examples" / "lessons" / path).resolve()
        if not target.exists():
            raise FileNotFoundError(f"docs: a lesson links to {path}, which is not there")
        inside = target.relative_to(ROOT)
        if target.parent == ROOT / "examples" / "lessons" and target.suffix == ".py":
            return f"]({target.stem}.html{fragment})"
        if inside.parts[0] == "tinynet" and target.suffix == ".py":
            module = inside.parent if target.name == "__init__.py" else inside.with_suffix("")
            return f"](../{module.as_posix()}.html{fragment})"
        if target.is_dir():
            if inside.parts[0] == "tinynet":
                return f"](../{inside.as_posix()}.html{fragment})"
            target, inside = target / "README.md", inside / "README.md"
        copy = site / "files" / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, copy)
        return f"](../files/{inside.as_posix()}{fragment})"

    return re.sub(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)", replace, markdown)


def index(lessons, modules):
    """The first page: the lessons by title, the modules with the first sentence of their text."""
    items = [
        f'<li><a href="lessons/{stem}.html">{html.escape(title)}</a></li>'
        for stem, title in lessons
    ]
    rows = []
    for name in modules:
        text = (sys.modules[name].__doc__ or "").strip().split("\n\n")[0]
        rows.append(
            f'<tr><td><a href="{name.replace(".", "/")}.html">{name}</a></td>'
            f"<td>{html.escape(text)}</td></tr>"
        )
    return (
        f"<h1>tinynet</h1>\n<p>{html.escape(tn.__doc__)}</p>\n"
        f"<h2>Lessons</h2>\n<ul>\n{chr(10).join(items)}\n</ul>\n"
        f'<h2>Reference</h2>\n<div class="wide"><table>\n{chr(10).join(rows)}\n</table></div>'
    )


def write(path, title, body):
    path.write_text(PAGE.format(title=html.escape(title), body=body), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(parse())
    except OSError as error:
        sys.exit(f"docs: {error}")
