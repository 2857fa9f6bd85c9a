"""What is printed can be printed: where stdout and stderr are not UTF-8, and where nobody reads.

Each process here writes in an encoding that has not all of our signs: cp1252, as on Windows when
output goes to a file or a pipe, and ASCII, where paths are taken for ASCII, too.
"""

import ast
import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from cases import write_digits
from exercises.answers import SOLUTIONS

from tinynet import printing
from tinynet.printing import spelled

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OLD = {"PYTHONUTF8": "0", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
ENCODINGS = {
    "cp1252": {**OLD, "PYTHONIOENCODING": "cp1252"},
    "ascii": {**OLD, "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
}
each_encoding = pytest.mark.parametrize("encoding", ENCODINGS)
SOURCES = sorted(
    path for folder in ("tinynet", "examples", "tests") for path in (ROOT / folder).rglob("*.py")
)


def run(encoding, *arguments, cwd=ROOT, code=0):
    """(stdout, stderr) of a Python with these arguments."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        cwd=cwd,
        env=os.environ | ENCODINGS[encoding],
    )
    out, error = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert "UnicodeEncodeError" not in error
    # but for repr of paths that are no text, where Python itself writes \udc…
    assert not re.search(r"\\u(?!dc)[0-9a-f]{4}", out + error), out + error
    assert done.returncode == code, error
    return out, error


# -- spelling --


@pytest.mark.parametrize(
    "text, ascii_text",
    [
        ("Conv2d(1→8, k=3×5)", "Conv2d(1->8, k=3x5)"),
        ("H ≥ 3, labels in 0 … k − 1", "H >= 3, labels in 0 ... k - 1"),
        ("x̂ = (x − μ)/√(σ² + ε)", "x_hat = (x - mu)/sqrt(sigma^2 + epsilon)"),
        ("dβ = Σdy, ±1/√in_features", "dbeta = sum dy, +/-1/sqrt in_features"),
        ("Σ_k q_k, β₁ and β₁₂, λp, x̂_j", "sum_k q_k, beta_1 and beta_12, lambda p, x_hat_j"),
        ("2⁵³, A⁻¹, Wᵀ, σ²³", "2^53, A^-1, W^T, sigma^23"),
        ("⟨dL/dx, v⟩ of ‖p‖² ≈ ½", "<dL/dx, v> of ||p||^2 ~ 1/2"),
        ("50%|████▌  |", "50%|#####  |"),
        ("Zoë’s “naïve” Ünïcode", 'Zoe\'s "naive" Unicode'),
        ("e\N{COMBINING ACUTE ACCENT}t\N{COMBINING DIAERESIS}", "et"),
        ("日本, 한, ß", "??, ?, ?"),
        ("a file's name: \udcff", "a file's name: ?"),
        ("a\n\tb", "a\n\tb"),
    ],
)
def test_spelled(text, ascii_text):
    assert spelled(text) == ascii_text


def test_every_character_of_our_own_has_a_spelling():
    """In source, comments too, which tracebacks print; not in tests, which try others."""
    ours = [path for path in SOURCES if ROOT / "tests" not in path.parents]
    used = set("".join(path.read_text("utf-8") for path in ours))
    beyond = {c for c in used if not c.isascii()}
    assert {"→", "≥", "²", "β"} <= beyond
    missing = {c: unicodedata.name(c, "") for c in beyond if "?" in spelled(c)}
    assert not missing
    assert all(spelled(c).isascii() for c in beyond)


@pytest.mark.parametrize(
    "encoding, text, expected",
    [
        ("cp1252", "3×3 → 5²", "3×3 -> 5²"),
        ("cp1252", "2⁵³ ≥ Σdy", "2^53 >= sum dy"),  # of ⁵³ cp1252 has the ³
        ("ascii", "2⁵³ ≥ Σdy", "2^53 >= sum dy"),
        ("ascii", "σβ₁x", "sigma beta_1x"),
        ("latin-1", "é€日", "é??"),
        ("cp850", "██▌ →", "██# ->"),
        ("utf-8", "→ \udcff ≥", "→ ? ≥"),
        ("utf-16-le", "→ \ud800 ≥", "→ ? ≥"),
        ("ascii", "→" * 10_000, "->" * 10_000),
    ],
)
def test_encoding_what_can_be_encoded_stays(encoding, text, expected):
    assert text.encode(encoding, "tinynet").decode(encoding) == expected


def test_it_is_for_encoding_alone():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "tinynet")


# -- streams --


@pytest.mark.parametrize(
    "encoding, errors, after",
    [
        ("cp1252", "strict", "tinynet"),
        ("ascii", "backslashreplace", "tinynet"),
        ("ascii", "surrogateescape", "tinynet"),
        ("utf-8", "strict", "tinynet"),
        ("utf-8", "backslashreplace", "backslashreplace"),
        ("utf-8", "surrogateescape", "surrogateescape"),
        ("ascii", "replace", "replace"),
        ("cp1252", "xmlcharrefreplace", "xmlcharrefreplace"),
    ],
)
def test_streams_that_would_fail_are_prepared(encoding, errors, after, monkeypatch):
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding, errors, write_through=True)
        monkeypatch.setattr(sys, name, stream)
        printing.prepare()
        assert (stream.encoding, stream.errors) == (encoding, after)
        stream.write("a")
        assert stream.buffer.getvalue() == "a".encode(encoding)  # as unbuffered as it was


class Odd:
    """Somebody's stream, of which little is as usual."""

    encoding, errors = "of my own", "strict"


def closed():
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    stream.close()
    return stream


def detached():
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    stream.detach()
    return stream


def full():
    """It cannot write what it holds; but in the end, of which newer Pythons would tell."""

    class Full(io.RawIOBase):
        refused = 0

        def writable(self):
            return True

        def write(self, data):
            self.refused += 1
            if self.refused == 1:
                raise OSError(errno.ENOSPC, "full")
            return len(data)

    stream = io.TextIOWrapper(io.BufferedWriter(Full()), "ascii")
    stream.write("a")
    return stream


@pytest.mark.parametrize("make", [lambda: None, closed, detached, full, io.StringIO, object, Odd])
def test_other_streams_are_left_alone(make, monkeypatch):
    for name in ("stdout", "stderr"):
        with monkeypatch.context() as patch:
            patch.setattr(sys, name, make())
            printing.prepare()


def test_whether_a_stream_shows_a_text():
    def stream(encoding):
        return io.TextIOWrapper(io.BytesIO(), encoding)

    assert printing.shows(stream("utf-8"), printing.BAR) and printing.shows(io.StringIO(), "→")
    assert not printing.shows(stream("cp1252"), printing.BAR)
    assert not printing.shows(stream("ascii"), "→") and printing.shows(stream("ascii"), "->")


# -- what ours print --

MESSAGES = """
import sys, warnings
import numpy as np
import tinynet as tn
from tinynet import exercise
from tinynet.compiled.jit import say

folder, answer = sys.argv[1:]
model = tn.models.mnist_lite(0)
print(model)
print(tn.summary(model, (1, 28, 28)))
print(tn.gradcheck(tn.Conv2d(1, 2, 3), np.ones((2, 1, 5, 5))))
print(tn.Flatten(size=(2, 3)))
for wrong in (
    lambda: tn.SGD(model.parameters(), lr=-1),
    lambda: tn.Conv2d(1, 2, 3)(np.ones((1, 1, 2, 2))),
    lambda: tn.datasets.mnist(folder),
    lambda: tn.load(model, folder),
    lambda: tn.plot.confusion_matrix([-1], [0]),
):
    try:
        wrong()
    except (ValueError, OSError) as error:
        print(type(error).__name__, error)
exercise.main(["batchnorm2d", answer])
warnings.warn("of σ² → ∞")
x, y = np.zeros((8, 28, 28), np.uint8), np.arange(8)
tn.fit(tn.Sequential(tn.Flatten(), tn.Linear(784, 10)), x, y, epochs=1, batch_size=4)
say("compiling …")
1 / 0  # → ≥ “日本”
"""
ANSWER = """import numpy as np


def forward(x, weight, bias, running_mean, running_var, momentum, eps, training):
    print("é → 日本")
    raise ValueError("σ² ≥ 0, “日本”")


def backward(dy, x, weight, eps, training):
    raise NotImplementedError
"""


@pytest.fixture
def answer(tmp_path):
    path = tmp_path / "répon日.py"
    path.write_text(ANSWER, encoding="utf-8")
    return path


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(MESSAGES, encoding="utf-8")
    return path


@each_encoding
def test_what_a_program_with_tinynet_prints(encoding, program, answer):
    out, error = run(encoding, program, answer.parent / "é日本", answer, code=1)
    times, dots, quoted = ("×", "…", "“??”") if encoding == "cp1252" else ("x", "...", '"??"')
    for words in (
        "Sequential(Conv2d(1->8, k=3, p=1), ",
        "Gradients of Conv2d(1->2, k=3), all right:",
        f"Flatten(size=2{times}3)",
        "SGD: expected lr >= 0, got -1",
        "with H >= 3 and W >= 3",
        "raises ValueError: ",
        "all right",
    ):
        assert words in out
    lines = error.splitlines()
    assert any("of sigma" in line and " -> inf" in line for line in lines)  # the warning
    (bar,) = (line for line in lines if line.startswith("Epoch 1/1: 100%|"))
    assert re.match(r"Epoch 1/1: 100%\|#{10}\| 2/2 ", bar)
    assert f"tinynet: compiling {dots}" in lines
    source, last = lines[-2:] if "^" not in lines[-2] else lines[-3::2]
    assert (
        source == f"    1 / 0  # -> >= {quoted}" and last == "ZeroDivisionError: division by zero"
    )


def test_where_they_can_be_shown_our_signs_stay(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    code = 'import tinynet as tn; print(tn.Linear(3, 2)); raise ValueError("≥ “日本”")'
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment
    )
    assert done.stdout == "Linear(3→2)\n"
    assert done.stderr.splitlines()[-1] == "ValueError: ≥ “日本”"


# -- the texts of options, which are printed before tinynet is imported --

HELP = """
import contextlib, io, json, runpy, sys
said = {}
for path, wrong in json.loads(sys.argv[1]).items():
    for arguments in (["--help"], ["--no-such-option"], wrong):
        sys.argv = [path, *arguments]
        sys.path.insert(0, path.rpartition("/")[0])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            with contextlib.redirect_stderr(io.StringIO()) as error:
                try:
                    if path.endswith(".py"):
                        runpy.run_path(path, run_name="__main__")
                    else:
                        runpy.run_module(path, run_name="__main__")
                except SystemExit:
                    pass
        said[f"{path} {arguments}"] = out.getvalue() + error.getvalue()
print(json.dumps(said))
"""
WRONG = {  # an argument that each program refuses with words of its own
    "benchmark.py": ["--network", "none"],
    "docs.py": ["--out"],
    "draw.py": ["--port", "70000"],
    "mnist_lite.py": ["--epochs", "0"],
    "mutate.py": ["--count", "many"],
    "pictures.py": ["--out"],
    "reproduce.py": ["best", "--seeds", "x"],
    "search.py": ["--rounds", "x"],
}


def programs():
    """The paths of files that say what they do with --help."""
    return [
        path
        for path in SOURCES
        if path != Path(__file__) and "__main__" in (source := path.read_text("utf-8"))
        if "ArgumentParser(" in source
    ]


@pytest.mark.skipif(os.name == "nt", reason="mutate.py, one of them, needs a system that can fork")
def test_help_and_complaints_are_ascii():
    files = {path.as_posix(): WRONG[path.name] for path in programs() if path.name in WRONG}
    files["tinynet.exercise"] = ["--grade", "é", "--time", "0"]
    assert {path.name for path in programs()} == {*WRONG, "exercise.py"}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HELP, json.dumps(files)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said) == 3 * len(files)
    for what, text in said.items():
        assert "usage: " in text and text.isascii(), (what, text)


# -- files, and what other processes print --


def without_encoding(source):
    """[line] of calls that read or write text in whatever encoding the machine has."""
    if not re.search(r"\b(f?d?open|read_text|write_text)\(|\btext=", source):
        return []  # most files, without parsing them
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        modes = [given.get("mode", "")]
        if name == "open" and isinstance(node.func, ast.Name) or name == "fdopen":
            modes += map(ast.unparse, node.args[1:2])
            text = not any("b" in mode for mode in modes)
        elif name in ("read_text", "write_text"):
            text = len(node.args) < 1 + (name == "write_text")
        else:  # of subprocess
            text = "text" in given and name in ("run", "Popen", "check_output", "dict")
        if text and "encoding" not in given:
            found.append(node.lineno)
    return found


def test_no_file_is_read_or_written_in_the_machines_own_encoding():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in without_encoding(path.read_text("utf-8"))
    ]
    assert not wrong


@pytest.mark.parametrize(
    "source, wrong",
    [
        ("open(path)", True),
        ("open(path, 'w', newline='')", True),
        ("open(path, mode='r')", True),
        ("path.read_text()", True),
        ("path.write_text(text)", True),
        ("subprocess.run(command, text=True)", True),
        ("os.fdopen(3, 'w')", True),
        ("open(path, 'rb')", False),
        ("open(path, mode='wb')", False),
        ("open(path, encoding='utf-8')", False),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text, encoding='utf-8')", False),
        ("subprocess.run(command, encoding='utf-8')", False),
        ("subprocess.run(command, capture_output=True)", False),
        ("archive.open(name)", False),
    ],
)
def test_calls_without_an_encoding_are_found(source, wrong):
    assert bool(without_encoding(source)) == wrong


# -- where nobody reads --

UNBUFFERED = {"PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize(
    "arguments, environment, stderr_too",
    [
        (["-m", "tinynet.exercise"], {}, False),  # noticed when Python ends
        (["-m", "tinynet.exercise"], UNBUFFERED, False),  # noticed by the first line
        (["-m", "tinynet.exercise", "--help"], {}, False),
        ([EXAMPLES / "research" / "reproduce.py", "default", "--table"], {}, True),
        ([EXAMPLES / "mnist_lite.py", "--plain", "--out", "OUT"], UNBUFFERED, False),
    ],
    ids=["at the end", "first line", "help", "table, stderr too", "training"],
)
def test_a_reader_that_has_gone_ends_a_program_quietly(
    arguments, environment, stderr_too, tmp_path
):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, *(str(a).replace("OUT", str(tmp_path)) for a in arguments)],
        stdout=write,
        stderr=write if stderr_too else subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""} | environment,
        encoding="utf-8",
    )
    os.close(write)
    assert not done.stderr
    assert done.returncode in (0, 1)  # Python's own complaint ends with 120


@pytest.fixture
def gone():
    """A stream to a pipe that nobody reads, which holds a line."""
    read, write = os.pipe()
    os.close(read)
    stream = open(write, "w", encoding="ascii")
    stream.write("a line")
    yield stream
    stream.close()  # fails where it was not dropped


def test_windows_has_another_error_for_it(gone, monkeypatch):
    monkeypatch.setattr(sys, "stdout", gone)
    error = OSError(errno.EINVAL, "Invalid argument")
    monkeypatch.setattr(printing, "CLOSED", {errno.EPIPE})
    assert not printing.drop_unprintable(error)
    monkeypatch.setattr(printing, "CLOSED", {errno.EPIPE, errno.EINVAL})
    assert not printing.drop_unprintable(OSError(errno.EINVAL, "Invalid argument", "a?.npz"))
    with pytest.raises(BrokenPipeError):
        gone.flush()
    assert printing.drop_unprintable(error)
    gone.flush()


def test_other_errors_are_not_of_a_pipe(gone, monkeypatch):
    monkeypatch.setattr(sys, "stdout", gone)
    for error in (KeyboardInterrupt(), ValueError("x"), OSError(errno.ENOSPC, "full")):
        assert not printing.drop_unprintable(error)
        with pytest.raises(type(error)), printing.ending_quietly():
            raise error


def test_a_program_without_stdout_ends_as_others_do(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with printing.ending_quietly():
        print("nobody hears")
    with pytest.raises(SystemExit, match="3"), printing.ending_quietly():
        sys.exit(3)


# -- every program, in both encodings --


@pytest.fixture
def digits(tmp_path):
    """A folder with a few of the real digits."""
    return write_digits(tmp_path / "é日本", 60, 30)


@pytest.mark.slow
@each_encoding
def test_training_and_its_report(encoding, digits, tmp_path):
    out = tmp_path / "runs é日"
    program = [EXAMPLES / "mnist_lite.py", "--data-dir", digits, "--epochs=2", "--report"]
    said, log = run(encoding, *program, "--out", out)
    (folder,) = out.iterdir()
    assert re.search(rf"Weights and history: .*{folder.name}", said) and "Report: " in said
    assert re.search(r"^Epoch 2/2: 100%\|#{10}\| ", log, re.MULTILINE)
    run(encoding, EXAMPLES / "mnist_lite.py", "--resume", folder)
    (digits / "t10k-images-idx3-ubyte").write_bytes(b"")
    said, error = run(encoding, *program, "--out", out, code=1)
    assert error.startswith("mnist_lite: ") and "t10k-images-idx3-ubyte" in error


@pytest.mark.slow
@each_encoding
def test_tables_and_pictures(encoding, tmp_path):
    folder = tmp_path / "results é日"
    shutil.copytree(EXAMPLES / "results", folder)
    for name, *words in (["reproduce.py", "default"], ["search.py"]):
        program = [EXAMPLES / "research" / name, *words]
        said, _ = run(encoding, *program, "--table", "--out", folder)
        assert said.startswith("| recipe |")
    said, _ = run(encoding, EXAMPLES / "research" / "pictures.py", "--out", folder)
    assert len(said.splitlines()) == 2
    said, _ = run(encoding, EXAMPLES / "benchmark.py", "--where", "--seconds=0", "--batch-size=8")
    assert "| Conv2d(1->8, k=3, p=1) |" in said


@pytest.mark.slow
@each_encoding
def test_exercises_and_grading(encoding, answer, tmp_path):
    folder = tmp_path / "students é日"
    right = (SOLUTIONS / "batchnorm2d.py").read_text("utf-8")
    for student, source in {"Zoë 日": ANSWER, "ann": right}.items():
        (folder / student).mkdir(parents=True)
        (folder / student / "batchnorm2d.py").write_text(source, encoding="utf-8")
    said, _ = run(encoding, "-m", "tinynet.exercise", "batchnorm2d", answer, code=1)
    assert "sigma" in said
    report = tmp_path / "é日.json"
    said, _ = run(encoding, "-m", "tinynet.exercise", "--grade", folder, "--json", report)
    points = [s["points"] for s in json.loads(report.read_text("utf-8"))["students"]]
    assert sorted(points) == [0, 60]
    assert "raises ValueError: sigma" in " ".join(said.split())


@pytest.mark.slow
@each_encoding
def test_the_page_to_draw_on(encoding, tmp_path):
    folder = tmp_path / "é日"
    program = [EXAMPLES / "draw.py", "--no-browser", "--keep", folder]
    with subprocess.Popen(
        [sys.executable, *map(str, program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | ENCODINGS[encoding],
    ) as process:
        lines = [process.stdout.readline().decode(encoding) for _ in range(2)]
        process.kill()
    assert lines[0].startswith("Draw a digit: http://") and lines[1].startswith("It keeps digits")
    shutil.rmtree(folder)
    folder.touch()
    _, error = run(encoding, *program, code=1)
    assert error.startswith("draw: cannot keep digits in ")


@pytest.mark.slow
def test_the_documentation(tmp_path):
    for module in ("jupytext", "sphinx", "myst_nb", "furo", "sphinx_copybutton", "sklearn"):
        pytest.importorskip(module)
    _, error = run("ascii", EXAMPLES / "docs.py", "--lessons", "é", "--out", tmp_path, code=1)
    assert error.startswith("docs: no lesson is called ")
