"""Make the documentation: a static site that opens offline.

    python examples/docs.py                    # into site/; needs: pip install ".[docs]"
    python examples/docs.py --lessons 02 06    # while you write: these lessons only

index.html          what there is
lessons/            the lessons of examples/lessons/, run here and now, with their pictures
exercises/          the exercises, and each blank
tinynet.html, …     the reference, from the docstrings of every module, with the derivations (pdoc)

Nothing is loaded from elsewhere. Formulas become MathML, which browsers show by themselves, with a
font that comes with the site; the search is a script beside an index. docs_site/ has the pages'
looks, and what makes HTML of notebooks. A lesson that fails stops it.
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
        help="only these, such as 02 06_batchnorm; links to the others lead nowhere. Default: all",
    )
    return parser.parse_args(arguments)


def main(options):
    need("jupytext", "math_core", "nbclient", "nbconvert", "pdoc", "sklearn")
    from parts.docs_site.build import build

    build(options.out, options.lessons)


def need(*names):
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            missing = error.name.partition(".")[0]
            missing = missing.replace("sklearn", "scikit-learn").replace("math_core", "math-core")
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
