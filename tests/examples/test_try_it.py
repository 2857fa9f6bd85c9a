"""The folder try/: its notebooks, its wheels, a copy of Pyodide beside them, and a browser's view.

Pyodide itself is not here. In its place stands a folder with files of the same names: a browser is
followed until its kernel asks for them, and nobody else for anything. The notebooks run in CPython
here, and in WebAssembly's CPython in .ci/wasm.
"""

import base64
import contextlib
import functools
import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import notebooks
import pytest
from cases import running
from exercises.answers import NAMES

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
pytest.importorskip("jupytext")
pytest.importorskip("jupyterlite_pyodide_kernel")
try_it = importlib.import_module("parts.try_it")
constants = importlib.import_module("jupyterlite_pyodide_kernel.constants")

LESSONS = ["01_forward", "02_loss", "03_backprop", "04_convolution", "05_pooling", "12_overfitting"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with lessons/ and exercises/."""
    folder = tmp_path_factory.mktemp("notebooks")
    try_it.write_notebooks(folder)
    return folder


# -- notebooks --


def test_lessons_are_those_that_compile_nothing(made):
    assert sorted(path.stem for path in made.glob("lessons/*")) == LESSONS
    for path in made.glob("lessons/*"):
        sources = notebooks.cells(path)
        assert sources[0] == try_it.SETUP
        lesson = (try_it.LESSONS / f"{path.stem}.py").read_text(encoding="utf-8")
        assert len(sources) == 1 + len(re.findall(r"^# %%(?! \[markdown\])", lesson, re.MULTILINE))
        assert all(source in lesson for source in sources[1:])


def test_links_lead_to_notebooks_or_nowhere(made):
    found = []
    for path in [*made.glob("*/*.ipynb")]:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                links = re.findall(r"\]\(([^)]+)\)", "".join(cell["source"]))
                found += [(path, link) for link in links if not link.startswith("https://")]
    assert ("01_forward.ipynb", "../exercises/conv2d.ipynb") in {(p.name, x) for p, x in found}
    assert ("01_forward.ipynb", "02_loss.ipynb") in {(path.name, link) for path, link in found}
    for path, link in found:
        assert (path.parent / link).is_file(), (path.name, link)


@pytest.mark.parametrize("name", NAMES)
def test_exercise(made, name):
    sources = notebooks.cells(made / "exercises" / f"{name}.ipynb")
    assert "not begun" in notebooks.printed(sources)
    blank = (try_it.BLANKS / f"{name}.py").read_text(encoding="utf-8")
    assert blank.endswith('"""\n\n' + "\n\n\n".join(sources[1:-1]) + "\n")


def test_wrong_answer_is_told_so(made):
    sources = notebooks.cells(made / "exercises" / "relu.ipynb")
    wrong = (
        "import numpy as np\n\ndef forward(x):\n    return x\n\ndef backward(dy, x):\n    return dy"
    )
    assert "Not right yet." in notebooks.printed(notebooks.answered(sources, wrong))


def test_head_of_an_exercise_names_no_command(made):
    for path in made.glob("exercises/*"):
        first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
        text = "".join(first["source"])
        assert text.startswith(f"# Exercise {path.stem}: ") and "python -m" not in text


def test_in_a_browser_the_wheel_is_asked_for(made, tmp_path):
    """The first cell, with a piplite that says what it was asked for."""
    code = "async def install(name):\n    print('asked for', name)\n"
    (tmp_path / "piplite.py").write_text(code, encoding="utf-8")
    run = f"import notebooks; notebooks.run([{try_it.SETUP!r}])"
    assert emscripten(run, tmp_path) == f"asked for {try_it.NAME}\n"


NO_THREADS = """\
import sys, threading
sys.platform = "emscripten"

def start(self):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start
import subprocess
subprocess.Popen = None
sys.modules["numba"] = None
sys.modules["fcntl"] = None
"""


def emscripten(code, *paths):
    """What a Python prints that takes itself for Pyodide: no threads, processes or Numba."""
    here = [*map(str, paths), str(Path(__file__).parent), str(ROOT / "tests"), str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", NO_THREADS + code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(here), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_exercises_in_what_takes_itself_for_pyodide(made, tmp_path):
    code = "async def install(name):\n    pass\n"
    (tmp_path / "piplite.py").write_text(code, encoding="utf-8")
    run = f"import notebooks; notebooks.main('--answers', {str(made / 'exercises')!r})"
    assert emscripten(run, tmp_path) == "".join(f"{name}: right\n" for name in NAMES)


def test_training_and_files_in_what_takes_itself_for_pyodide(tmp_path):
    run = f"""
import numpy as np
import tinynet as tn
model = tn.Sequential(tn.Flatten(), tn.Linear(784, 10, rng=0))
train, test = tn.datasets.mnist()
tn.fit(model, train[0][:200], train[1][:200], test=(test[0][:100], test[1][:100]), epochs=1)
path = {str(tmp_path / "weights.npz")!r}
tn.save(model, path)
other = tn.Sequential(tn.Flatten(), tn.Linear(784, 10))
tn.load(other, path)
same = np.array_equal(other(test[0][:5].astype(np.float32)), model(test[0][:5].astype(np.float32)))
print("same:", same)
"""
    assert emscripten(run).endswith("same: True\n")


# -- wheels --


def test_wheel_of_an_installed_package(tmp_path):
    try_it.pack_wheel("comm", tmp_path)
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"comm-[\d.]+-py3-none-any\.whl", path.name)
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        record = [name for name in names if name.endswith(".dist-info/RECORD")]
        lines = [line.split(",") for line in wheel.read(record[0]).decode().splitlines()]
        assert sorted(name for name, _, _ in lines) == sorted(names)
        for name, digest, size in lines[:-1]:
            data = wheel.read(name)
            right = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={right}", str(len(data)))
        assert "comm/__init__.py" in names
        assert not [name for name in names if name.endswith((".pyc", "INSTALLER"))]


# -- a copy of Pyodide --


@pytest.fixture
def copy(tmp_path):
    """A stand-in: the files and the list of a Pyodide, with nothing in them."""
    folder = tmp_path / "pyodide"
    folder.mkdir()
    for name in try_it.RUNTIME:
        (folder / name).write_text("", encoding="utf-8")
    (folder / "pyodide.mjs").write_text(
        f'var version="{constants.PYODIDE_VERSION}";', encoding="utf-8"
    )
    packages = dict.fromkeys([*try_it.PACKAGES, "Prompt_Toolkit", "unused"], ())
    packages["ipython"] = ("prompt-toolkit",)
    lock = {}
    for name, depends in packages.items():
        file = f"{name}-1-py3-none-any.whl"
        (folder / file).write_text(name, encoding="utf-8")
        digest = hashlib.sha256(name.encode()).hexdigest()
        lock[name] = {"depends": depends, "file_name": file, "sha256": digest}
    text = json.dumps({"packages": lock})
    (folder / "pyodide-lock.json").write_text(text, encoding="utf-8")
    return folder


def test_what_is_needed_of_a_copy(copy):
    names = try_it.files_of_pyodide(copy)
    assert set(names) == {path.name for path in copy.iterdir()} - {"unused-1-py3-none-any.whl"}


def spoil(copy, how):
    if how == "empty":
        shutil.rmtree(copy)
        copy.mkdir()
    elif how == "another":
        (copy / "pyodide.mjs").write_text('var version="0.1.2";', encoding="utf-8")
    elif how == "core":
        (copy / "numpy-1-py3-none-any.whl").unlink()
    elif how == "damaged":
        (copy / "numpy-1-py3-none-any.whl").write_text("numpi", encoding="utf-8")


@pytest.mark.parametrize(
    "how, says",
    [
        ("empty", "is no Pyodide: pyodide.mjs, .* missing there. The folder with all packages is"),
        ("another", rf"expected Pyodide {re.escape(constants.PYODIDE_VERSION)} in .*, got 0\.1\.2"),
        ("core", "numpy is missing in .*: no numpy-1-py3-none-any.whl. The folder with all"),
        ("damaged", "numpy-1-py3-none-any.whl is damaged: its SHA-256"),
    ],
)
def test_another_copy_is_refused_before_anything_is_made(copy, tmp_path, how, says):
    spoil(copy, how)
    with pytest.raises(SystemExit, match=f"docs: .*{says}"):
        try_it.make(tmp_path / "site", copy)
    assert not (tmp_path / "site").exists()


# -- the site, in Chromium --


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, form, *values):
        pass

    def send_response(self, code, message=None):
        self.server.asked.append((self.path.partition("?")[0], code))
        super().send_response(code, message)


@contextlib.contextmanager
def served(folder):
    """A server of a folder, with .asked: [(path, code of the answer)]."""
    handler = functools.partial(Handler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked = []
    with running(server):
        yield server


def visit(site, folder, act):
    """(what act gives for a browser on the site, requests to the site, those to elsewhere).

    Elsewhere is no address: the browser finds localhost alone. What it asks for on its own account,
    as for news of itself, is not the site's.
    """
    webdriver = pytest.importorskip("selenium.webdriver")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    log = folder / "net.json"
    for option in (
        "--headless=new --no-sandbox --disable-gpu --no-first-run --window-size=1280,900",
        f"--user-data-dir={folder / 'profile'} --log-net-log={log}",
    ):
        for one in option.split():
            options.add_argument(one)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost")
    with served(site) as server:
        home = f"http://localhost:{server.server_port}"
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
        try:
            browser.get(home)
            seen = act(browser, server.asked)
        finally:
            browser.quit()
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    about = [event.get("params") or {} for event in events]
    urls = {p["url"] for p in about if "url" in p and str(p.get("initiator")).startswith(home)}
    return seen, server.asked, {url for url in urls if not url.startswith(home)}


def open_first_lesson(browser, asked, until):
    """Click on the first lesson and wait until until() is true; the page's text."""
    browser.find_element("css selector", "li a").click()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        text = browser.execute_script("return document.body.innerText")
        if "A network forward, by hand" in text and until():
            return text
        time.sleep(0.2)
    raise AssertionError(f"the kernel has not asked for Pyodide; the last requests: {asked[-5:]}")


@pytest.mark.slow
def test_in_a_browser(copy, tmp_path):
    """With a copy of Pyodide no word leaves for elsewhere; without, one: for Pyodide."""
    try_it.make(tmp_path / "site", copy)
    site = tmp_path / "site" / "try"
    assert {path.name for path in (site / "pyodide").iterdir()} == set(
        try_it.files_of_pyodide(copy)
    )
    assert not list(site.rglob("*.map"))
    index = json.loads((site / "pypi" / "all.json").read_text(encoding="utf-8"))
    assert set(index) == {try_it.NAME, "comm"}
    with zipfile.ZipFile(*site.glob("pypi/tinynet_numpy-*.whl")) as wheel:
        shipped = {name for name in wheel.namelist() if name.startswith("tinynet/")}
    tracked = subprocess.run(
        ["git", "ls-files", "tinynet"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert {name for name in tracked.stdout.split() if name.endswith((".py", ".npz"))} <= shipped
    assert not [name for name in shipped if "__pycache__" in name]

    def with_copy(browser, asked):
        there = ("/pyodide/pyodide.mjs", 200)
        return open_first_lesson(browser, asked, lambda: there in asked)

    text, asked, elsewhere = visit(site, tmp_path, with_copy)
    assert "This notebook runs in your browser." in text
    assert not elsewhere
    assert {path for path, code in asked if code >= 400} <= {"/favicon.ico"}

    settings = json.loads((site / "jupyter-lite.json").read_text(encoding="utf-8"))
    plugins = settings["jupyter-config-data"]["litePluginSettings"]
    del plugins[f"{try_it.KERNEL}:kernel"]["pyodideUrl"]  # as without a copy
    (site / "jupyter-lite.json").write_text(json.dumps(settings), encoding="utf-8")
    shutil.rmtree(tmp_path / "profile")

    def without(browser, asked):
        def failed():  # to start, for there is nobody to ask
            return any(
                "Uncaught (in promise)" in one["message"] for one in browser.get_log("browser")
            )

        return open_first_lesson(browser, asked, failed)

    _, asked, elsewhere = visit(site, tmp_path, without)
    assert elsewhere == {constants.PYODIDE_CDN_URL + "/pyodide.mjs"}
