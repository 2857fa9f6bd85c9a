"""Run notebooks as a kernel would: their code cells, in order, in one namespace.

python notebooks.py LESSON              # one notebook
python notebooks.py --answers FOLDER    # the exercises in a folder, with right answers put in
"""

import ast
import inspect
import io
import json
import linecache
import sys
import types
from contextlib import redirect_stdout
from pathlib import Path

from exercises.answers import NAMES, solutions

BLANK = "raise NotImplementedError"


def cells(path):
    """[the source of each code cell] of a notebook."""
    notebook = json.loads(Path(path).read_text(encoding="utf-8"))
    found = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [source if isinstance(source, str) else "".join(source) for source in found]


def run(sources):
    """Run the sources of code cells; what is awaited must be there at once."""
    module = types.ModuleType("__main__")
    for number, source in enumerate(sources):
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        code = compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        result = eval(code, module.__dict__)
        if inspect.iscoroutine(result):
            try:
                result.send(None)
            except StopIteration:
                continue
            raise RuntimeError(f"cell {number} waits for something that is not there")


def answered(sources, answer):
    """The sources of an exercise's cells, with an answer in the place of the first blank one."""
    blank = [source for source in sources if BLANK in source]
    filled = [answer if source == blank[0] else source for source in sources]
    return [source for source in filled if source not in blank[1:]]


def printed(sources):
    """What they print."""
    out = io.StringIO()
    with redirect_stdout(out):
        run(sources)
    return out.getvalue()


def main(first, *rest):
    if first != "--answers":
        return run(cells(first))
    for name in NAMES:
        answer = solutions(name)[0].read_text(encoding="utf-8")
        said = printed(answered(cells(Path(*rest, f"{name}.ipynb")), answer))
        if "All of it is right." not in said:
            sys.exit(f"{name}, with a right answer, says:\n{said}")
        print(f"{name}: right")


if __name__ == "__main__":
    main(*sys.argv[1:])
