"""What the site is made of, step by step."""

import asyncio
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from importlib import metadata

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from .. import try_it
from .sources import HERE, ROOT, chosen, write_sources

TIMES = "13_fast"  # the lesson that does
MATHJAX = "sphinx-mathjax-offline"  # of this package one file: all of MathJax, its letters included


def build(out, names=None, pyodide=None):
    """Write the site into the folder `out`, running the lessons whose names begin so; None: all.
    pyodide: the folder of a copy for try/; None: there is none.

    What is kept for the next time lies beside it: a lesson is run again if its code has changed,
    or anything in tinynet.
    """
    started = time.perf_counter()
    paths = chosen(names)
    kept = out.resolve().parent / f".{out.resolve().name}-build"
    with step("the notebooks to try in a browser"):  # first: a damaged Pyodide is said at once
        try_it.make(out, pyodide)
    with step("the sources of the pages"):
        notebooks = write_sources(kept / "sources", run=paths)
        copy_mathjax(kept / "static")
    outputs = kept / f"outputs-{fingerprint()}"
    forget(kept.glob("outputs-*"), outputs)
    run_lessons(notebooks, outputs)
    with step("the pages"):
        make_pages(kept, outputs)
        shutil.copytree(kept / "html", out, dirs_exist_ok=True)
    print(f"The documentation: {out / 'index.html'} ({time.perf_counter() - started:.0f} s)")


@contextmanager
def step(what):
    """Says what is done, and then how long it took."""
    print(f"{what} … ", end="", flush=True)
    started = time.perf_counter()
    yield
    print(f"{time.perf_counter() - started:.1f} s", flush=True)


def fingerprint():
    """Changes with all that a lesson's outputs depend on, but its own code."""
    found = hashlib.sha256(platform.python_version().encode())
    for package in ("numpy", "numba", "matplotlib"):
        found.update(metadata.version(package).encode())
    for path in sorted((ROOT / "tinynet").rglob("*")):
        if path.is_file() and path.suffix not in {".pyc", ".nbi", ".nbc", ".md"}:
            found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def forget(folders, but):
    for folder in folders:
        if folder != but:
            shutil.rmtree(folder)


def run_lessons(paths, folder):
    """Run the notebooks that have no outputs in the folder yet, and put them there, where MyST-NB
    finds them. Two go at a time, each on half of the cores; the one that times things goes last,
    and has them all."""
    cache = get_cache(folder)
    notebooks = {path: nbformat.read(path, as_version=4) for path in paths}
    left = [path for path in paths if not has_outputs(cache, notebooks[path])]
    if len(left) < len(paths):
        same = f"{len(paths) - len(left)} of {len(paths)}"
        print(f"{same} lessons have not changed, and are not run again", flush=True)
    alone = [path for path in left if path.stem == TIMES]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for some, shares in (
        ([path for path in left if path not in alone], [cores[::2], cores[1::2] or cores]),
        (alone, [cores]),
    ):
        for path, seconds in run_side_by_side({path: notebooks[path] for path in some}, shares):
            print(f"lesson {path.stem}: {seconds:.1f} s", flush=True)
            bundle = CacheBundleIn(notebooks[path], str(path), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def run_side_by_side(notebooks, shares):
    """Run the notebooks, each in a process that has one of the shares of the cores, so that their
    threads do not wait for each other; (path, seconds) of each as it ends."""
    free = iter(shares)
    with ThreadPoolExecutor(len(shares), initializer=lambda: keep_to(next(free))) as pool:
        running = {pool.submit(run, notebook): path for path, notebook in notebooks.items()}
        for done in as_completed(running):
            try:
                yield running[done], done.result()
            except CellExecutionError as error:
                pool.shutdown(cancel_futures=True)
                sys.exit(f"docs: lesson {running[done].stem} failed:\n{error}")


def keep_to(cores):
    """From here on this thread, and the processes that it starts, run on these cores."""
    if cores:
        os.sched_setaffinity(0, cores)


def has_outputs(cache, notebook):
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def run(notebook):
    """Run a notebook, in place; returns the seconds it took."""
    started, kernel = time.perf_counter(), dict(notebook.metadata.kernelspec)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("MPLBACKEND", None)  # a notebook's own shows the pictures
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=600,
            record_timing=False,  # nothing but outputs is added, so that they are found again
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR"],  # not that its sockets are this machine's
        )
        asyncio.run(client.async_execute(env=environment))
    notebook.metadata["kernelspec"] = kernel  # by which it is found: running it says more
    return time.perf_counter() - started


def copy_mathjax(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (file,) = (file for file in metadata.files(MATHJAX) if file.name == "tex-svg.js")
    shutil.copyfile(file.locate(), folder / "mathjax.js")


def make_pages(kept, outputs):
    """Run Sphinx; every warning of it is an error."""
    settings = {
        "nb_execution_cache_path": str(outputs),
        "html_static_path": [str(HERE / "static"), str(kept / "static")],
    }
    with patch_docutils(HERE), docutils_namespace():
        sphinx = Sphinx(
            srcdir=kept / "sources",
            confdir=HERE,
            outdir=kept / "html",  # MyST-NB puts a folder of pictures beside it
            doctreedir=kept / "doctrees",
            buildername="html",
            confoverrides=settings,
            status=None,
            warningiserror=True,
            parallel=2 if sys.platform == "linux" else 1,  # by fork, of which others are afraid
        )
        sphinx.build()
    if sphinx.statuscode:
        sys.exit("docs: Sphinx found faults in the pages, which are named above")
