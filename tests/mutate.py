"""What would the tests not notice? Changes tinynet at random places, and runs the tests each time.

    python tests/mutate.py --count 500 --seed 0                 # a sample from all modules
    python tests/mutate.py --count 40 tinynet/loss.py tinynet/layers/*.py

A program, not a test. mutants.py says what is changed, one place in each mutant. The tests have to
fail. Those that mirror its module run first; if it survives, all fast ones. Each survivor is a test
that is missing, or a change that makes no difference ("equivalent").

A mutant is made in a temporary copy of the tree. It has limits of time and memory; one that takes
longer (an endless loop) counts as noticed. Kernels run as Python first, which notices most, then
compiled, with a cache of their own.

Results are appended to a file, a line of JSON each: the same command goes on where it was stopped.
(mutmut 3 calls functions through others, which kernels cannot do; cosmic-ray changes the tree
itself, removes no statements, and has one list of tests for all modules.)
"""

import argparse
import json
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from mutants import Mutant, mutants, mutated

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
MEMORY = 16 << 30  # bytes of address space for a run
LAYERS = "test_layer test_contract test_gradcheck test_golden"
TESTS = {  # beside test_<name of the module>, which tests mirror it; the longest prefix counts
    "tinynet/layers/": LAYERS,
    "tinynet/layer.py": f"{LAYERS} test_students",
    "tinynet/sequential.py": f"{LAYERS} test_students test_broken",
    "tinynet/contract.py": f"{LAYERS} test_students test_broken",
    "tinynet/parts.py": "test_students test_layer",
    "tinynet/passes.py": "test_students test_layer",
    "tinynet/windows.py": f"test_conv test_pool {LAYERS}",
    "tinynet/state.py": f"{LAYERS} test_students",
    "tinynet/compiled/": "test_compiled test_running",
    "tinynet/compiled/network.py": "test_compiled test_students test_broken",
    "tinynet/compiled/stages.py": "test_compiled test_students test_running",
    "tinynet/compiled/warp.py": "test_augment",
    "tinynet/datasets/": "test_datasets",
    "tinynet/exercises/": "test_hints test_exercise",
    "tinynet/plot/": "test_plot",
    "tinynet/": "test_train test_checkpoint",
}


def sample(files, count, seed):
    """`count` mutants of these files, or all if there are fewer; the same ones for one seed."""
    found = [m for file in sorted(files) for m in mutants(file, (ROOT / file).read_text("utf-8"))]
    return random.Random(seed).sample(found, min(count, len(found)))


def stages(file):
    """[(arguments of pytest, environment)] to run one after the other, until one fails."""
    prefix = max((prefix for prefix in TESTS if file.startswith(prefix)), key=len)
    names = dict.fromkeys([f"test_{Path(file).stem}", *TESTS[prefix].split()])
    near = [f"tests/{name}.py" for name in names if (ROOT / f"tests/{name}.py").exists()]
    wider, apart = [f"--ignore={path}" for path in [*near, "tests/test_mutate.py"]], {}
    near = ["--doctest-modules", file, *near]
    if file.startswith("tinynet/compiled/"):
        yield near, {"NUMBA_DISABLE_JIT": "1"}
        apart = {"NUMBA_CACHE_DIR": "cache of a mutant"}
    yield near, apart
    yield wider, apart


def run(tree, arguments, environment, limit):
    """What became of a mutant: "killed", "survived" or "timed out"."""
    # no .pyc: Python goes by the second of a change and the size, and two mutants may share both
    process = subprocess.Popen(
        [*PYTEST, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    try:
        return "killed" if process.wait(limit) else "survived"
    except subprocess.TimeoutExpired:
        return "timed out"
    finally:
        try:  # what the tests have started, too
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def tried(mutant, tree, limit):
    """A mutant's fields, its result, the line before and after, and what ran last."""
    path = tree / mutant.file
    source, stat, began = path.read_text("utf-8"), path.stat(), time.perf_counter()
    text = mutated(source, mutant)
    try:
        path.write_text(text, "utf-8")
        for arguments, environment in stages(mutant.file):
            result = run(tree, arguments, environment, limit)
            if result != "survived":
                break
    finally:
        path.write_text(source, "utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # or kernels are compiled anew
        shutil.rmtree(tree / "cache of a mutant", ignore_errors=True)
    was, now = (t.splitlines()[mutant.line - 1].strip() for t in (source, text))
    seconds = round(time.perf_counter() - began, 1)
    last = {"by": " ".join([*environment, *arguments]), "seconds": seconds}
    return {**mutant._asdict(), "was": was, "now": now, "result": result, **last}


def copy_of(tree, folder):
    """With the kernels that Numba has cached, which stay valid; without Python's own .pyc."""
    ignore = shutil.ignore_patterns(".*", "*.pyc", "runs", "build", "dist")
    return Path(shutil.copytree(tree, folder, ignore=ignore))


def run_all(left, options, done):
    """Call done(result) for each, when it is known."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        first = copy_of(ROOT, Path(folder, "0"))
        if subprocess.run(PYTEST, cwd=first).returncode:  # which also fills Numba's cache
            sys.exit("the tests fail without a mutant")
        python = {"NUMBA_DISABLE_JIT": "1"}  # where a test that fails would pass for a kill
        near = [a for m in left for arguments, where in stages(m.file) if where == python
                for a in arguments]  # fmt: skip
        if near and run(first, [*dict.fromkeys(near)], python, 4 * options.limit) != "survived":
            sys.exit("the tests of kernels that run as Python fail without a mutant")
        trees = queue.SimpleQueue()
        for i in range(1, options.jobs):
            trees.put(copy_of(first, Path(folder, str(i))))
        trees.put(first)

        def work(mutant):
            tree = trees.get()
            try:
                return tried(mutant, tree, options.limit)
            finally:
                trees.put(tree)

        pool = ThreadPoolExecutor(options.jobs)
        try:
            for future in as_completed([pool.submit(work, mutant) for mutant in left]):
                done(future.result())
        finally:
            pool.shutdown(cancel_futures=True)


def report(results):
    for r in sorted(results, key=lambda r: (r["result"], r["file"], r["line"])):
        if r["result"] != "killed":
            print(f"\n{r['file']}:{r['line']} {r['result']}\n- {r['was']}\n+ {r['now']}")
    count = {k: sum(r["result"] == k for r in results) for k in ("killed", "timed out", "survived")}
    noticed = 1 - count["survived"] / max(1, len(results))
    print(f"\n{len(results)} mutants: {count}; {noticed:.1%} noticed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", type=Path, help="files (default: all of tinynet)")
    parser.add_argument("--count", type=int, default=500, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=1, help="that run side by side")
    parser.add_argument("--limit", type=float, default=900, help="seconds a run of pytest may take")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"), help="for the results")
    options = parser.parse_args()
    paths = options.modules or ROOT.glob("tinynet/**/*.py")
    files = [path.resolve().relative_to(ROOT).as_posix() for path in paths]
    wanted = sample(files, options.count, options.seed)
    lines = options.out.read_text("utf-8").splitlines() if options.out.exists() else []
    known = {tuple(r[f] for f in Mutant._fields): r for r in map(json.loads, lines)}
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
