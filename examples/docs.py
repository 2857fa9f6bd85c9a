"""Make the documentation: a static site that opens offline.

    python examples/docs.py                    # into site/; needs: pip install ".[docs]"
    python examples/docs.py --lessons 02 06    # while you write: run these lessons only
    python examples/docs.py --pyodide FOLDER   # try/ then needs no internet

lessons/      the lessons of examples/lessons/, run here and now, with their pictures; glossary
exercises/    the exercises: each blank, and what the checker says of some wrong answers
reference/    the docstrings of every module, with the derivations and the source
results/      the runs behind the figures
try/          lessons and exercises as notebooks that run in the reader's browser

Sphinx makes it, with MyST-NB for the lessons; parts/site/ has its settings. A lesson that has not
changed is not run again, and one that fails stops it. Nothing is loaded from elsewhere, but for
try/, whose Python comes from Pyodide's servers if there is no copy of it.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs without installing, too
sys.path.insert(0, str(Path(__file__).resolve().parent))


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="Make the documentation, a static site.")
    parser.add_argument("--out", type=Path, default=Path("site"), help="a folder; default: site")
    parser.add_argument(
        "--lessons",
        nargs="*",
        metavar="NAME",
        help="run only these, such as 02 06_batchnorm. Default: all",
    )
    parser.add_argument(
        "--pyodide",
        type=Path,
        metavar="FOLDER",
        help="an unpacked Pyodide, to be copied into try/; default: its servers",
    )
    return parser.parse_args(arguments)


def main(options):
    need("furo", "jupytext", "jupyterlite_core", "jupyterlite_pyodide_kernel", "myst_nb", "sklearn")
    need("sphinx", "sphinx_copybutton")
    from parts.site.build import build

    build(options.out, options.lessons, options.pyodide)


def need(*names):
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            missing = error.name.partition(".")[0]
            missing = {"sklearn": "scikit-learn"}.get(missing, missing).replace("_", "-")
            sys.exit(
                f"docs: needs {missing}; install it with: pip install {missing} "
                '(all that is needed, in a clone: pip install ".[docs]")'
            )


if __name__ == "__main__":
    from tinynet.printing import ending_quietly

    try:
        with ending_quietly():
            main(parse())
    except OSError as error:
        sys.exit(f"docs: {error}")
