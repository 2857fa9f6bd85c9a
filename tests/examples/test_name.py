"""The distribution is tinynet-numpy: another project has the name tinynet, on PyPI.

So nothing here may tell anyone to install that; whoever has a clone installs what is in it.
"""

import configparser
import importlib
import re
import sys
import types
from fnmatch import fnmatch
from pathlib import Path

import pytest

import tinynet as tn

ROOT = Path(__file__).parents[2]
FOLDERS = (".ci", "examples", "tests", "tinynet")
STRANGER = (
    # what an installer is given, up to the end of the command
    r"\b(?:pip3?|pipx|uv|conda|mamba|poetry)\s(?:[^\n&|;`]*\s)?(?:install|add)\b[^\n&|;`]*[\s'\"=]"
    r"tinynet(?!-numpy)(?![\w./])",
    r"(?<![\w.-])tinynet\[[a-z]",  # an extra, wherever it stands
    r"(?:install|download) the (?:package|distribution) tinynet\b(?!-numpy)",
)
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")


def texts():
    """{path: text} of all that people read or run, as a clone or an sdist has it."""
    paths = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file()]
    paths += [ROOT / name for name in ("README.md", "setup.cfg", "pyproject.toml", "MANIFEST.in")]
    kinds = {".py", ".md", ".html", ".js", ".cfg", ".toml", ".in", ".txt", ""}
    return {
        path: path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in kinds and path != Path(__file__) and not path.name.endswith("ubyte")
    }


def advised(text):
    return [match[0] for pattern in STRANGER for match in re.finditer(pattern, text)]


def test_nothing_says_to_install_tinynet():
    files = texts()
    assert len(files) > 100 and ROOT / "tinynet" / "onnx.py" in files
    assert {str(path): found for path, text in files.items() if (found := advised(text))} == {}


@pytest.mark.parametrize("text", [
    "pip install tinynet",
    "python -m pip install -U tinynet",
    "pip install 'tinynet[plot]'",
    'pip install --upgrade "tinynet>=0.1" numpy',
    "python -m pip -q install numpy tinynet",
    "pip install 'numpy' 'tinynet'",
    "uv add tinynet",
    "    tinynet[test,docs]",
    "needs matplotlib: 'tinynet[plot]'",
])  # fmt: skip
def test_what_would_be_found(text):
    assert advised(text)


@pytest.mark.parametrize("text", [
    'pip install ".[plot]" && python -m tinynet.exercise conv2d',
    "pip install . ; python -c 'import tinynet'",
    "pip install tinynet-numpy",
    "`pip install matplotlib`; then tinynet draws",
    "tinynet-numpy[plot]",
    "this installs tinynet and trains the network",
])  # fmt: skip
def test_what_would_not(text):
    assert not advised(text)


def test_extras_in_commands_stand_in_double_quotes():
    """Every shell takes those; single quotes are part of the name in Windows' cmd.

    Within a whole line for cmd, which stands in double quotes, they need none.
    """
    for path, text in texts().items():
        text = re.sub(r'cmd /[ck] "[^"\n]*"', "", text)
        commands = re.findall(r"""pip install ['"\\]*\.\[[^\n`]*""", text)
        assert all(re.match(r'pip install \\?"\.\[[a-z,]+\]\\?"', c) for c in commands), path


def test_extras_in_commands_exist():
    named = {
        extra
        for text in texts().values()
        for extras in re.findall(r'pip install \\?"\.\[([a-z,]+)\]', text)
        for extra in extras.split(",")
    }
    assert {"plot", "lessons", "docs", "test", "dev"} <= named
    assert named <= set(CONFIG["options.extras_require"])


def test_metadata():
    assert CONFIG["metadata"]["name"] == "tinynet-numpy"
    assert CONFIG["metadata"]["version"] == tn.__version__
    extras = CONFIG["options.extras_require"]
    for extra in extras:
        own = [line for line in extras[extra].split("\n") if line.startswith("tinynet")]
        for line in own:
            names = re.fullmatch(r"tinynet-numpy\[([a-z,]+)\]", line)[1].split(",")
            assert set(names) <= set(extras) - {extra}


def test_files_that_are_no_modules_are_shipped():
    """What the package reads, and py.typed, by which type checkers read its hints."""
    data = CONFIG["options.package_data"]
    shipped = {
        ROOT.joinpath(*package.split("."), pattern)
        for package in data
        for pattern in re.split(r"[,\s]+", data[package].strip())
    }
    package = ROOT / "tinynet"
    files = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    others = [p for p in files if p.suffix not in (".py", ".nbi", ".nbc")]
    assert package / "py.typed" in others
    for path in others:
        assert any(fnmatch(str(path), str(pattern)) for pattern in shipped), path


@pytest.mark.parametrize("missing, package", [
    ("jupytext", "jupytext"), ("myst_nb", "myst-nb"), ("sklearn", "scikit-learn"),
])  # fmt: skip
def test_docs_name_the_package_that_is_missing(missing, package, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    docs = importlib.import_module("docs")
    names = "furo jupytext jupyterlite_core jupyterlite_pyodide_kernel myst_nb sklearn sphinx"
    for name in [*names.split(), "sphinx_copybutton"]:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit, match=f"^docs: needs {package}; .*: pip install {package} "):
        docs.main(docs.parse([]))


@pytest.mark.parametrize("system, machine, numba", [
    ("linux", "x86_64", {"0.62.0", "0.62.1", "0.68.1"}), ("win32", "AMD64", {"0.62.1", "0.68.1"}),
    ("darwin", "arm64", {"0.62.1", "0.68.1"}), ("darwin", "x86_64", {"0.62.0", "0.62.1"}),
    ("emscripten", "wasm32", None),
])  # fmt: skip
def test_numba_is_asked_for_where_there_is_a_wheel(system, machine, numba):
    """None: not at all. Intel Macs have none of 0.63 and newer."""
    requirements = pytest.importorskip("packaging.requirements")
    place = {"sys_platform": system, "platform_machine": machine}
    asked = [
        one.specifier
        for line in CONFIG["options"]["install_requires"].split("\n")
        if line and (one := requirements.Requirement(line)).name == "numba"
        if one.marker is None or one.marker.evaluate(place)
    ]
    assert bool(asked) == (numba is not None)
    there = {"0.61.2", "0.62.0", "0.62.1", "0.68.1"}
    for specifier in asked:
        there &= set(specifier.filter(there))
    assert not asked or there >= numba and "0.61.2" not in there
    assert ("0.68.1" in there) == (not asked or "0.68.1" in numba)
