"""How to start one of these programs again, as a line to paste into the shell that it runs in.

Nobody tells a program on Windows which shell started it, and cmd and PowerShell quote differently.
Most lines are the same in both; of one that is not, each shell gets its own.
"""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

WINDOWS = os.name == "nt"
PLAIN = re.compile(r"[\w./\\:-]+")  # no shell on Windows sees more in these than they are


def again(program, *arguments):
    """The program's file with arguments, of which a Path is a file or folder."""
    words = [program, *arguments]
    words = [near(word) if isinstance(word, Path) else word for word in words]
    if not WINDOWS:
        return shlex.join([python(), *words])
    return for_windows([python(), *(word.replace("\\", "/") for word in words)])


def python():
    """This Python: by its name alone, as in an active environment, if that finds it."""
    name = Path(sys.executable).name
    found = shutil.which(name)
    if found and os.path.normcase(found) == os.path.normcase(sys.executable):
        return name.removesuffix(".exe")
    return near(Path(sys.executable))


def near(path):
    """The path as text, from the current folder if it is below that: there is less to quote."""
    path, here = path.absolute(), Path.cwd()
    if not path.is_relative_to(here):
        return str(path)
    text = str(path.relative_to(here))
    # a name alone would be looked for on the PATH, and one that begins with - is an option
    return text if os.sep in text and text[0] != "-" else os.path.join(".", text)


def for_windows(words):
    """A line for cmd and PowerShell, or where they differ a line for each.

    Windows has no " in paths, and none of ours ends in \\, which would escape a quote behind it.
    """
    cmd = " ".join(map(cmd_quoted, words))
    powershell = " ".join(map(powershell_quoted, words))
    if powershell[0] in "\"'":
        powershell = f"& {powershell}"  # or the words would be printed
    is_for_cmd = not re.search("%.+%", cmd)  # no quotes keep cmd from looking for a variable there
    if is_for_cmd and cmd == powershell:
        return cmd
    return f"\n  in cmd: {cmd}" * is_for_cmd + f"\n  in PowerShell: {powershell}"


def cmd_quoted(word):
    return word if PLAIN.fullmatch(word) else f'"{word}"'


def powershell_quoted(word):
    """As for cmd, unless it has what acts within double quotes there, or ends them."""
    if not re.search("[$`“”„]", word):
        return cmd_quoted(word)
    return "'" + re.sub("(['‘’‚‛])", r"\1\1", word) + "'"
