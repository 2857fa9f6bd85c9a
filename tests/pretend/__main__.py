"""Run Python as if on another system: what that system lacks is taken away, in every process.

    python tests/pretend windows -m pytest -q -n 2
    python tests/pretend macos script.py

Only our own code is shown the other system: Python's library and installed packages have chosen
their functions for Linux and need them. Nothing is added, so what runs here may still fail there;
what fails here would fail there. windows.py and macos.py say what is pretended, and what is not.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SYSTEMS = ("windows", "macos")


def temporary_folder(system, parent):
    """The way to a folder for temporary files, as it is on this system."""
    if system == "windows":  # named after whoever sits there, with what no regex takes as it is
        folder = parent / "Users\\Zoë Müller"
        folder.mkdir()
        return folder
    (parent / "private").mkdir()  # by a link, so that it has two names
    (parent / "var").symlink_to("private")
    return parent / "var"


def main(system, *arguments):
    if system not in SYSTEMS:
        sys.exit(f"pretend: expected one of {', '.join(SYSTEMS)}, got {system}")
    here = Path(__file__).resolve().parent
    paths = [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PRETEND": system, "PYTHONPATH": os.pathsep.join(paths)}
    # kernels yield otherwise where there is no call for it: another system's are none of ours
    environment["NUMBA_CACHE_DIR"] = str(Path(sys.prefix) / "pretend" / system)
    if system == "windows":
        environment["SYSTEMROOT"] = "C:\\Windows"
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)  # others may go through it, where tests of root's take their part
        environment["TMPDIR"] = str(temporary_folder(system, Path(parent)))
        sys.exit(subprocess.run([sys.executable, *arguments], env=environment).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:] or [""])
