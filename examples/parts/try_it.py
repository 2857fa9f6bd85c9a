"""The folder try/: lessons and exercises as notebooks that run in the reader's own browser.

make(out) writes it. It is a JupyterLite site: any web server can hand it out, and nothing runs
there. Python itself is Pyodide, in WebAssembly; tinynet is a wheel in the folder, so that no
notebook asks a package index for anything. Pyodide, NumPy and matplotlib come from Pyodide's own
servers, or from a copy of it: then all that a browser asks for is in the folder.
"""

import ast
import base64
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import jinja2
import jupytext
from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tinynet.exercises import EXERCISES

ROOT = Path(__file__).resolve().parents[2]
LESSONS = ROOT / "examples" / "lessons"
BLANKS = ROOT / "tinynet" / "exercises" / "blanks"
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "tinynet")  # of the wheel
NAME = "tinynet-numpy"
KERNEL = "@jupyterlite/pyodide-kernel-extension"
KERNELSPEC = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}

# -- notebooks --

SETUP = f"""\
import sys

if sys.platform == "emscripten":  # in a browser: tinynet comes from where this page came from
    import piplite

    await piplite.install("{NAME}")"""
BROWSER = """\
**This notebook runs in your browser.** Python takes its time to start, the first time most of all.
Begin with the cell below, which fetches tinynet. What you write is kept in this browser only:
*File → Download* takes it elsewhere. Commands that begin with `python` need tinynet installed."""
HOW = """\
Write the body of each function in place of `raise NotImplementedError`, run its cell, then the last
one: it says what is right, and where to look if something is not. It can be run as often as you
like. A loop that never ends holds Python up: *Kernel → Restart Kernel* ends it."""
CHECK_ON_COMMAND_LINE = re.compile(r"Check your answer with\n\n    .*\n?")
LINK = re.compile(r"\[((?:`[^`]*`|[^\]`])*)\]\((?!https?:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def write_notebooks(folder):
    """Write lessons/ and exercises/; returns {section: [(address, title)]}."""
    lessons = [(f"lessons/{path.stem}.ipynb", lesson(path)) for path in without_kernels()]
    exercises = [(f"exercises/{name}.ipynb", exercise(name)) for name in EXERCISES]
    for address, notebook in lessons + exercises:
        path = folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        jupytext.write(notebook, path, fmt="ipynb")
    return {
        "Lessons": [(address, heading(notebook)) for address, notebook in lessons],
        "Exercises": [
            (address, heading(notebook)[len("Exercise ") :]) for address, notebook in exercises
        ],
    }


@functools.cache
def without_kernels():
    """The lessons that compile nothing: where Python is in a browser, Numba is not."""
    paths = sorted(LESSONS.glob("[0-9]*.py"))
    return [path for path in paths if "tn.compile(" not in path.read_text(encoding="utf-8")]


def lesson(path):
    """The notebook of a lesson, with what a browser needs behind its head."""
    cells = jupytext.read(path).cells
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, path.parent)
    return notebook([cells[0], new_markdown_cell(BROWSER), new_code_cell(SETUP), *cells[1:]])


def exercise(name):
    """The notebook of an exercise: its blank, a cell for each function, and one that checks."""
    source = (BLANKS / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    text = CHECK_ON_COMMAND_LINE.sub("", ast.get_docstring(tree))
    head, _, rest = text.removeprefix("Exercise: ").partition("\n")
    title = f"# Exercise {name}: {head.rstrip('.')}"
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    starts = [tree.body[1].lineno, *(node.lineno for node in functions), None]
    lines = source.splitlines()
    parts = [
        "\n".join(lines[start - 1 : end and end - 1]).strip()
        for start, end in zip(starts, starts[1:], strict=False)
    ]
    names = ", ".join(node.name for node in functions)
    check = f'import tinynet.exercise\n\ntinynet.exercise.check("{name}", {names})'
    return notebook(
        [
            new_markdown_cell("\n\n".join([title, *rest.split("\n\n"), HOW])),
            new_markdown_cell(BROWSER),
            *map(new_code_cell, [SETUP, *parts, check]),
        ]
    )


def notebook(cells):
    return new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})


def heading(notebook):
    return notebook.cells[0].source.partition("\n")[0].lstrip("# ")


def relinked(markdown, folder):
    """The Markdown with its links to lessons and blanks leading to their notebooks, where there are
    such; of links to other files of the repository the words are left."""

    def replace(match):
        label, target = match.groups()
        path = (folder / target).resolve()
        if path in without_kernels():
            return f"[{label}]({path.stem}.ipynb)"
        if path.parent == BLANKS and path.stem in EXERCISES:
            return f"[{label}](../exercises/{path.stem}.ipynb)"
        return label if path.exists() else match[0]

    return LINK.sub(replace, markdown)


# -- wheels --


def build_wheel(folder):
    """Put tinynet's wheel into a folder. It is built from a copy, which leaves the clone alone."""
    with tempfile.TemporaryDirectory() as work:
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(ROOT / name, Path(work, name))
        build = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
        run([sys.executable, "-c", build, str(folder)], work)


def pack_wheel(name, folder):
    """Put a wheel of an installed package into a folder: one that is Python alone."""
    package = importlib.metadata.distribution(name)
    target = folder / f"{name}-{package.version}-py3-none-any.whl"
    left_out = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}
    record = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in package.files:
            if file.name in left_out or "__pycache__" in file.parts or file.parts[0] == "..":
                continue
            data = file.locate().read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{file.as_posix()},sha256={digest},{len(data)}\n")
            wheel.writestr(file.as_posix(), data)
        own = f"{name}-{package.version}.dist-info/RECORD"
        wheel.writestr(own, "".join([*record, f"{own},,\n"]))


# -- Pyodide --

RUNTIME = "pyodide.mjs pyodide.asm.mjs pyodide.asm.wasm python_stdlib.zip pyodide-lock.json".split()
PACKAGES = "micropip ipython jedi traitlets numpy tqdm matplotlib".split()  # kernel's, and ours


def files_of_pyodide(folder):
    """The names of those files of an unpacked Pyodide that the notebooks need.

    Ends the program if one is missing or damaged, or Pyodide is another than JupyterLite's.
    """
    missing = [name for name in RUNTIME if not (folder / name).is_file()]
    if missing:
        sys.exit(f"docs: {folder} is no Pyodide: {', '.join(missing)} missing there. {where()}")
    text = (folder / "pyodide.mjs").read_text(encoding="utf-8")
    if f'"{PYODIDE_VERSION}"' not in text:
        found = ", ".join(re.findall(r'"(\d+\.\d+\.\d+\w*)"', text)) or "of no version"
        sys.exit(f"docs: expected Pyodide {PYODIDE_VERSION} in {folder}, got {found}. {where()}")
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    lock = {one_spelling(name): package for name, package in lock.items()}
    wanted, names = list(PACKAGES), set()
    while wanted:
        name = one_spelling(wanted.pop())
        if name not in names:
            names.add(name)
            wanted += lock[name]["depends"]
    for name in sorted(names):
        path = folder / lock[name]["file_name"]
        if not path.is_file():
            sys.exit(f"docs: {name} is missing in {folder}: no {path.name}. {where()}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != lock[name]["sha256"]:
            sys.exit(f"docs: {path} is damaged: its SHA-256 is not the one in pyodide-lock.json")
    return RUNTIME + [lock[name]["file_name"] for name in sorted(names)]


def one_spelling(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def where():
    return (
        f"The folder with all packages is pyodide-{PYODIDE_VERSION}.tar.bz2, unpacked, from "
        f"https://github.com/pyodide/pyodide/releases/tag/{PYODIDE_VERSION}"
    )


# -- the site --


def make(out, pyodide=None):
    """Write out/try. pyodide: the folder of an unpacked Pyodide; None: from Pyodide's servers."""
    target = Path(out).resolve() / "try"
    needed = [] if pyodide is None else files_of_pyodide(Path(pyodide))
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        sections = write_notebooks(work / "notebooks")
        (work / "wheels").mkdir()
        build_wheel(work / "wheels")
        pack_wheel("comm", work / "wheels")  # the kernel needs it, and Pyodide has none
        configure(work, target, bool(pyodide))
        run([sys.executable, "-m", "jupyterlite_core", "build"], work)
    if pyodide:
        (target / "pyodide").mkdir()
        for name in needed:
            shutil.copyfile(Path(pyodide, name), target / "pyodide" / name)
    template = Path(__file__).with_suffix(".html.jinja2").read_text(encoding="utf-8")
    page = jinja2.Template(template, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = page.render(sections=sections, own=bool(pyodide), version=PYODIDE_VERSION)
    (target / "index.html").write_text(page, encoding="utf-8")


def configure(work, target, own):
    """Write JupyterLite's settings: of the build, and of the site. own: whether Pyodide is ours."""
    settings = {"disablePyPIFallback": True}
    if own:
        settings["pyodideUrl"] = "./pyodide/pyodide.mjs"
    site = {"appName": "tinynet", "litePluginSettings": {f"{KERNEL}:kernel": settings}}
    build = {
        "LiteBuildConfig": {
            "output_dir": str(target),
            "cache_dir": str(work / "cache"),
            "contents": [str(work / "notebooks")],
            "apps": ["notebooks", "tree"],
            "ignore_sys_prefix": ["federated_extensions"],  # what else is installed beside it
            "federated_extensions": [str(kernel_extension())],
            "no_sourcemaps": True,
            "no_unused_shared_packages": True,
            "no_libarchive": True,
        },
        "PipliteAddon": {"piplite_urls": [str(work / "wheels")]},
    }
    (work / "jupyter_lite_config.json").write_text(json.dumps(build), encoding="utf-8")
    site = {"jupyter-lite-schema-version": 0, "jupyter-config-data": site}
    (work / "jupyter-lite.json").write_text(json.dumps(site), encoding="utf-8")


def kernel_extension():
    """The folder of the kernel's part for the browser."""
    files = importlib.metadata.files("jupyterlite-pyodide-kernel")
    package = f"labextensions/{KERNEL}/package.json"
    return next(f for f in files if f.as_posix().endswith(package)).locate().resolve().parent


def run(command, folder):
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},  # it prints paths
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        sys.exit(f"docs: {' '.join(command)} ended with code {done.returncode}:\n{output}")
