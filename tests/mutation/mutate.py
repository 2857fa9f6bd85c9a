"""What would the tests not notice? Changes tinynet at random places, and runs the tests each time.

    python tests/mutation/mutate.py --count 500 --seed 0                 # a sample from all modules
    python tests/mutation/mutate.py --count 40 tinynet/loss.py tinynet/layers/*.py

A program, not a test; needs coverage, and a system that can fork. mutants.py says what is changed,
one place in each mutant. The tests have to fail. Each survivor is a test that is missing, or a
change that makes no difference ("equivalent").

First all fast tests run without a mutant, while coverage notes which of them reach which lines, in
the processes that they start, too. A mutant is made in a temporary copy of the tree; of the tests
that reach its line, those of its own module come first, then the others, the quickest first; those
left out as too long cannot notice it. It has limits of time and memory; one that takes longer (an
endless loop) counts as noticed. Kernels run as Python first, which notices most, then compiled,
with a cache of their own.

Results are appended to a file, a line of JSON each: the same command goes on where it was stopped;
with --again it tries the survivors again, after tests were written for them. A survivor that makes
no difference to what is computed is marked by hand, "survived" to "equivalent", and does not count.
(mutmut 3 calls functions through others, which kernels cannot do; cosmic-ray changes the tree
itself, removes no statements, and has one list of tests for all modules.)
"""

import argparse
import ast
import bisect
import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import queue
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest
from mutants import Mutant, mutants, mutated

ROOT = Path(__file__).resolve().parents[2]
PASSED = pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED
OUTPUT = "output.txt"  # of the last run, in its tree
MEMORY = 16 << 30  # bytes of address space for a run
PYTHON = {"NUMBA_DISABLE_JIT": "1"}  # kernels run as Python,
KERNELS = "test_augment", "test_compiled", "test_running"  # in these: others would take an hour
PRELOADED = "numpy numba pytest matplotlib coverage".split()  # where each run begins
SETTINGS = """[run]
data_file = {folder}/coverage
parallel = true
sigterm = true
include = {tree}/tinynet/*
context = ${{PYTEST_CURRENT_TEST-}}
"""


def sample(files, count, seed):
    """`count` mutants of these files, or all if there are fewer; the same ones for one seed."""
    found = [m for file in sorted(files) for m in mutants(file, (ROOT / file).read_text("utf-8"))]
    return random.Random(seed).sample(found, min(count, len(found)))


def function(test):
    """tests/test_a.py::test_b of tests/test_a.py::test_b[3] (call); of a fixture the file."""
    return test.split("::")[0] if "(setup)" in test else re.split(r"\[| \(", test)[0]


class Recorder:
    """A plugin of pytest that tells coverage which test runs, and takes its time."""

    def __init__(self, measured):
        self.measured, self.seconds = measured, Counter()

    def pytest_runtest_setup(self, item):
        self.measured.switch_context(function(f"{item.nodeid} (setup)"))

    def pytest_runtest_call(self, item):
        self.measured.switch_context(function(item.nodeid))

    def pytest_runtest_logreport(self, report):
        self.seconds[function(report.nodeid)] += report.duration


class Chosen:
    """A plugin of pytest that runs these test functions only, in this order."""

    def __init__(self, functions):
        self.place = {name: i for i, name in enumerate(functions)}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if function(item.nodeid) in self.place]
        items.sort(key=lambda item: self.place[function(item.nodeid)])


def begin(tree, environment):
    """A new process that will run tests in `tree`: quiet, in a group of its own, limited."""
    import resource  # not on Windows, which cannot fork, either

    os.setsid()
    os.chdir(tree)
    sys.path[:] = [str(tree), *(p for p in sys.path if p != str(ROOT))]
    # no .pyc: Python goes by the second of a change and the size, and two mutants may share both
    sys.dont_write_bytecode = True
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    os.environ.update({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree), **environment})
    import numba

    numba.config.reload_config()
    with contextlib.suppress(ValueError):  # macOS limits no memory
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for standard in (1, 2):
        os.dup2(os.open(tree / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), standard)


def tests(paths, plugin, *more):
    return pytest.main([*paths, "-q", "-p", "no:cacheprovider", *more], plugins=[plugin])


def record(tree, environment, path, out):
    """In a process of its own: write [exit code, seconds of each function, {file: {line:
    functions}}] of one file of tests."""
    import coverage

    begin(tree, environment)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "settings")
        settings.write_text(SETTINGS.format(folder=folder, tree=tree), encoding="utf-8")
        # processes that the tests start find this before anything else
        site = Path(folder, "sitecustomize.py")
        site.write_text("import coverage\ncoverage.process_startup()\n", encoding="utf-8")
        os.environ["COVERAGE_PROCESS_START"] = str(settings)
        os.environ["PYTHONPATH"] += os.pathsep + folder
        measured = coverage.Coverage(config_file=str(settings))
        recorder = Recorder(measured)
        measured.start()
        code = tests([path], recorder)
        measured.stop()
        measured.save()
        measured.combine()
        data, lines = measured.get_data(), {}
        for file in data.measured_files():
            found = lines[Path(file).relative_to(tree).as_posix()] = {}
            for line, contexts in data.contexts_by_lineno(file).items():
                found[line] = sorted({function(context) for context in contexts} - {""})
    out.write_text(json.dumps([code, recorder.seconds, lines]), encoding="utf-8")


def notice(tree, environment, functions):
    """In a process of its own: exit with 0 if all these tests pass."""
    begin(tree, environment)
    paths = dict.fromkeys(name.split("::")[0] for name in functions)
    os._exit(tests(paths, Chosen(functions), "-x"))


def run(target, tree, environment, *arguments, limit):
    """The exit code of target in a process of its own; None if it takes longer."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(PRELOADED)
    process = fork.Process(target=target, args=(tree, environment, *arguments))
    process.start()
    try:
        process.join(limit)
        return process.exitcode
    finally:
        try:  # what the tests have started, too
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nothing is left; so says macOS
            process.kill()
        process.join()


def digest(tree, path, environment):
    """A name for a file of tests, and all that it rests on, as it now is."""
    found = hashlib.sha256(repr(environment).encode())
    support = [p for p in (tree / "tests").rglob("*.py") if not p.name.startswith("test_")]
    sources = [*(tree / "tinynet").rglob("*.py"), *(tree / "examples").rglob("*.py")]
    for file in [tree / path, *sorted(support), *sorted(sources)]:
        found.update(file.read_bytes())
    return f"{Path(path).stem}-{found.hexdigest()[:20]}.json"


class Reach:
    """Which test functions reach which lines, and the seconds they take."""

    def __init__(self, environment):
        self.environment = environment
        self.seconds, self.lines = {}, defaultdict(lambda: defaultdict(set))

    def record(self, path, folder, tree):
        """Run a file of tests without a mutant; folder: what is known from earlier."""
        out = folder / digest(tree, path, self.environment)
        if not out.exists():
            run(record, tree, self.environment, path, out, limit=3600)
        known = json.loads(out.read_text("utf-8")) if out.exists() else (None, {}, {})
        code, seconds, reached = known
        if code not in PASSED:
            out.unlink(missing_ok=True)
            said = (tree / OUTPUT).read_text("utf-8", "replace")
            sys.exit(f"{said}\n{path} fails without a mutant")
        self.seconds |= seconds
        self.add(reached)

    def add(self, reached):
        for file, lines in reached.items():
            for line, functions in lines.items():
                self.lines[file][int(line)].update(functions)

    def tests_of(self, mutant, source):
        """[those of its own module, the others]: test functions that reach a mutant's line. What
        runs on import has no tests of its own: those of the function, class, module around it."""
        spans, bodies = [(mutant.line, mutant.line), (1, source.count("\n") + 1)], set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.stmt) and node.lineno <= mutant.line <= node.end_lineno:
                spans.append((node.lineno, node.end_lineno))
            if isinstance(node, ast.FunctionDef):
                bodies.update(range(node.body[0].lineno, node.end_lineno + 1))
        found, lines = set(), self.lines[mutant.file]
        for first, last in sorted(spans, key=lambda span: span[1] - span[0]):
            reached = bodies & {*range(first, last + 1)} if not found else ()
            found.update(*(lines[line] for line in reached))
        # a fixture belongs to all tests of its file
        found = [f for f in self.seconds if f in found or f.split("::")[0] in found]
        found.sort(key=self.seconds.get)
        mine = [f for f in found if f"/test_{Path(mutant.file).stem}.py::" in f]
        return [mine, [f for f in found if f not in mine]]


def stages(mutant, source, reaches, most):
    """[(environment, test functions, the seconds they take)] to run until one fails; the longest
    are left out if all of them take more than `most` seconds."""
    for reach in reaches[::-1] if mutant.file.startswith("tinynet/compiled/") else reaches[:1]:
        left = most
        for functions in reach.tests_of(mutant, source):
            total = list(itertools.accumulate(map(reach.seconds.get, functions)))
            functions = functions[: bisect.bisect(total, left)]
            if functions:
                left -= total[len(functions) - 1]
                yield reach.environment, functions, total[len(functions) - 1]


def tried(mutant, reaches, options, tree):
    """A mutant's fields, its result, the line before and after, and how many tests ran."""
    path = tree / mutant.file
    source, stat, began = path.read_text("utf-8"), path.stat(), time.perf_counter()
    text, result, count = mutated(source, mutant), "survived", 0
    try:
        path.write_text(text, "utf-8")
        for environment, functions, seconds in stages(mutant, source, reaches, options.most):
            if mutant.file.startswith("tinynet/compiled/"):
                environment = {"NUMBA_CACHE_DIR": str(tree / "cache of a mutant"), **environment}
            count += len(functions)
            code = run(notice, tree, environment, functions, limit=options.limit + 10 * seconds)
            if code not in PASSED:
                result = "timed out" if code is None else "killed"
                break
    finally:
        path.write_text(source, "utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # or kernels are compiled anew
        shutil.rmtree(tree / "cache of a mutant", ignore_errors=True)
    was, now = (t.splitlines()[mutant.line - 1].strip() for t in (source, text))
    seconds = round(time.perf_counter() - began, 1)
    more = {"was": was, "now": now, "result": result, "functions": count, "seconds": seconds}
    return {**mutant._asdict(), **more}


def copy_of(tree, folder):
    """With the kernels that Numba has cached, which stay valid; without Python's own .pyc."""
    ignore = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "*.pyc", "runs", "build", "dist")
    return Path(shutil.copytree(tree, folder, ignore=ignore))


def run_all(left, options, done):
    """Call done(result) for each, when it is known."""
    known = options.out.with_suffix(".reach").resolve()
    known.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        trees = queue.SimpleQueue()
        for i in range(options.jobs):
            trees.put(copy_of(ROOT, Path(folder, str(i))))

        def work(task, *arguments):
            tree = trees.get()
            try:
                return task(*arguments, tree)
            finally:
                trees.put(tree)

        def all_of(calls):
            pool = ThreadPoolExecutor(options.jobs)
            try:
                yield from as_completed([pool.submit(work, *call) for call in calls])
            finally:
                pool.shutdown(cancel_futures=True)

        print("all tests, without a mutant", flush=True)
        reaches = Reach({}), Reach(PYTHON)
        found = sorted(ROOT.glob("tests/*/test_*.py"))
        paths = [path.relative_to(ROOT).as_posix() for path in found if path.stem != "test_mutate"]
        calls = [(reaches[0].record, path, known) for path in paths]
        if any(mutant.file.startswith("tinynet/compiled/") for mutant in left):
            paths = [path for path in paths if Path(path).stem in KERNELS]
            calls += [(reaches[1].record, path, known) for path in paths]
        for future in all_of(calls):
            future.result()
        reaches[0].add(reaches[1].lines)  # compiled, kernels are not traced
        print(sum(reaches[0].seconds.values()), "s of tests", flush=True)
        for future in all_of((tried, mutant, reaches, options) for mutant in left):
            done(future.result())


def report(results):
    for r in sorted(results, key=lambda r: (r["result"], r["file"], r["line"])):
        if r["result"] != "killed":
            print(f"\n{r['file']}:{r['line']} {r['result']}\n- {r['was']}\n+ {r['now']}")
    kinds = "killed", "timed out", "survived", "equivalent"
    count = {kind: sum(r["result"] == kind for r in results) for kind in kinds}
    noticed = 1 - count["survived"] / max(1, len(results) - count["equivalent"])
    print(f"\n{len(results)} mutants: {count}; {noticed:.1%} noticed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", type=Path, help="files (default: all of tinynet)")
    parser.add_argument("--count", type=int, default=500, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=1, help="that run side by side")
    parser.add_argument("--limit", type=float, default=120, help="seconds beyond 10 times as long")
    parser.add_argument("--most", type=float, default=100, help="seconds of tests for one mutant")
    parser.add_argument("--again", action="store_true", help="try the survivors again")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"), help="for the results")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # it prints lines of source
    paths = options.modules or ROOT.glob("tinynet/**/*.py")
    files = [path.resolve().relative_to(ROOT).as_posix() for path in paths]
    wanted = sample(files, options.count, options.seed)
    lines = options.out.read_text("utf-8").splitlines() if options.out.exists() else []
    known = {tuple(r[f] for f in Mutant._fields): r for r in map(json.loads, lines)}
    if options.again:
        known = {key: r for key, r in known.items() if r["result"] != "survived"}
    left = [mutant for mutant in wanted if mutant not in known]
    with options.out.open("a", encoding="utf-8") as out:

        def done(result):
            known[tuple(result[f] for f in Mutant._fields)] = result
            print(json.dumps(result), file=out, flush=True)
            print(result["result"], f"{result['file']}:{result['line']}", result["now"], flush=True)

        if left:
            run_all(left, options, done)
    report([known[mutant] for mutant in wanted])


if __name__ == "__main__":
    main()
