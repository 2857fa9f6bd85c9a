"""Files that students hand in for `relu`, honest and hostile, and the points that each has to get.

ROOT stands for the folder that holds tinynet's source, FOLDER for that in which the student's file
lies; EXECUTABLE for Python.
"""

import sys
from typing import NamedTuple


class Answer(NamedTuple):
    """points: for forward and for backward. says: what the report has to say of it."""

    source: str
    points: tuple
    says: str = ""
    hostile: bool = False


FORWARD = "def forward(x):\n    return np.maximum(x, 0)\n\n"
BACKWARD = "def backward(dy, x):\n    return dy * (x > 0)\n"
NUMPY = "import numpy as np\n\n"
RIGHT = NUMPY + FORWARD + BACKWARD
NO_FORWARD = "def forward(x):\n    raise NotImplementedError\n\n"
NO_BACKWARD = "def backward(dy, x):\n    raise NotImplementedError\n"
LAZY = "def forward(x):\n    return x\n\ndef backward(dy, x):\n    return dy\n"

HONEST = {
    "right": Answer(RIGHT, (10, 10)),
    "right_in_loops": Answer(
        NUMPY + "def forward(x):\n    y = np.zeros_like(x)\n    for i in np.ndindex(x.shape):\n"
        "        if x[i] > 0:\n            y[i] = x[i]\n    return y\n\n" + BACKWARD,
        (10, 10),
    ),
    "right_and_prints": Answer(
        RIGHT + "print('hello')\nfor _ in range(10**5):\n    print('hello')\n", (10, 10)
    ),
    "uses_much_of_python": Answer(
        "import collections, dataclasses, enum, functools, itertools, math, random, time, typing\n"
        "import numpy.linalg, numpy.testing\nPoint = collections.namedtuple('Point', 'x y')\n"
        "@dataclasses.dataclass\nclass A:\n    b: int = 1\n\n"
        "time.sleep(0.001)\nnumpy.random.seed(0)\nrandom.random()\n" + RIGHT,
        (10, 10),
    ),
    "forward_only": Answer(
        NUMPY + FORWARD + NO_BACKWARD, (10, 0), "backward dx: 0 of 10, not begun"
    ),
    "backward_only": Answer(
        NUMPY + NO_FORWARD + BACKWARD, (0, 10), "forward y: 0 of 10, not begun"
    ),
    "no_backward_at_all": Answer(NUMPY + FORWARD, (10, 0), "it has no function backward"),
    "not_begun": Answer(NO_FORWARD + NO_BACKWARD, (0, 0), "not begun"),
    "wrong_at_zero": Answer(
        RIGHT.replace("x > 0", "x >= 0"),
        (10, 7.5),
        "wrong in 2 of 8 tries; “with zeros”: the values are wrong",
    ),
    "float64_always": Answer(
        RIGHT.replace("np.maximum(x, 0)", "np.maximum(x, np.float64(0) * np.ones(x.shape))"),
        (5, 10),
        "the values are right, but float64 for float32",
    ),
    "writes_to_x": Answer(
        NUMPY + "def forward(x):\n    x[x < 0] = 0\n    return x\n\n" + BACKWARD,
        (0, 10),
        "it writes to its argument x",
    ),
    "mask_in_a_global": Answer(
        NUMPY + "def forward(x):\n    global mask\n    mask = x > 0\n    return x * mask\n\n"
        "def backward(dy, x):\n    return dy * mask\n",
        (10, 0),
        "NameError: name 'mask' is not defined, in line 9",
    ),
    "adds_up_from_call_to_call": Answer(
        NUMPY + "total = 0\n" + FORWARD + "def backward(dy, x):\n    global total\n    total += 1\n"
        "    return total * dy * (x > 0)\n",
        (10, 0),
        "the values are wrong",
    ),
    "wrong_shape": Answer(
        RIGHT.replace("np.maximum(x, 0)", "np.maximum(x, 0).ravel()[:-1]"), (0, 10), "got (4,)"
    ),
    "no_arrays": Answer(
        RIGHT.replace("(x, 0)", "(x, 0).tolist()").replace("dy * (x > 0)", "None"),
        (0, 0),
        "expected an array, got list",
    ),
    "two_values": Answer(RIGHT.replace("dy * (x > 0)", "dy * (x > 0), x"), (10, 0), "got tuple"),
    "not_finite": Answer(
        RIGHT.replace("(x, 0)", "(x, 0) / 0").replace("(x > 0)", "np.nan"), (0, 0), "are wrong"
    ),
    "syntax_error": Answer(
        "def forward(x)\n    return x\n", (0, 0), "SyntaxError: expected ':', in line 1"
    ),
    "not_python": Answer("\x7fELF\x00\x01 no text \x00", (0, 0), "cannot be loaded: "),
    "empty": Answer("", (0, 0), "it has no function forward"),
    "endless": Answer(
        NUMPY + "def forward(x):\n    while True:\n        pass\n\n" + BACKWARD,
        (0, 10),
        "had not ended after",
    ),
}

# numbers that look like what the process sends, for a file that writes them itself
FORGED = """
import base64, json
line = json.dumps({"values": [], "arguments": [], "points": 10, "score": 10, "right": True})
"""
EVERYWHERE = """
import os
for fd in range(3, 100):
    try:
        os.write(fd, (line + chr(10)).encode() * 200)
    except OSError:
        pass
"""
FIND_FUNCTIONS = """
import sys
frame = sys._getframe()
while frame is not None:
    for names in (frame.f_globals, frame.f_locals):
        for name in ("right", "close", "fault", "points", "encoded", "send", "limits"):
            if name in names:
                names[name] = lambda *a, **k: True
    frame = frame.f_back
"""
READS = "import numpy as np\nfrom pathlib import Path\ncode = {}\n"
READS += "exec(open('ROOT/tinynet/layers/relu.py').read(), code)\n"
USES = "def forward(x):\n    return tn.ReLU()(x)\n\n" + BACKWARD


def hostile(source, points=(0, 0), says=""):
    return Answer(source, points, says, True)


HOSTILE = {
    "exits_when_loaded": hostile("import os\nos._exit(0)\n", says="ended (exit code 0) after 0 of"),
    "exits_politely": hostile("import sys\nsys.exit(0)\n", says="SystemExit: 0, in line 2"),
    "exits_in_forward": hostile(
        NUMPY + "import os\ndef forward(x):\n    os._exit(0)\n\n" + BACKWARD, (0, 10), "exit code 0"
    ),
    "prints_json": hostile(FORGED + "print(line)\n" * 50 + LAZY, says="the values are wrong"),
    "writes_json_everywhere": hostile(FORGED + EVERYWHERE + LAZY, says="asked for"),
    "writes_json_and_exits": hostile(
        FORGED + EVERYWHERE.replace("* 200", "* 16") + "os._exit(0)\n",
        says="expected 1 value, got 0",
    ),
    "writes_nonsense": hostile(
        FORGED.replace("line = ", "line = '[' * 10**5 #") + EVERYWHERE.replace("* 200", "* 3"),
        says="into the answers",
    ),
    "patches_numpy": hostile(
        NUMPY + "for f in 'allclose isclose array_equal all abs isnan'.split():\n"
        "    setattr(np, f, lambda *a, **k: True)\n" + LAZY,
        says="the values are wrong",
    ),
    "patches_builtins": hostile(
        "import builtins, json\nbuiltins.len = lambda a: 1\n"
        "builtins.isinstance = lambda a, b: True\njson.dumps = lambda a: '{}'\n" + LAZY
    ),
    "patches_the_grader": hostile(FIND_FUNCTIONS + LAZY),
    "patches_main": hostile(
        "import __main__\nfor name in list(vars(__main__)):\n"
        "    setattr(__main__, name, print)\n" + LAZY
    ),
    "imports_tinynet": hostile(
        "import tinynet as tn\n" + USES, says="No module named 'tinynet', in line 1"
    ),
    "imports_tinynet_in_secret": hostile(
        "tn = __import__('tiny' + 'net')\n" + USES, says="No module named 'tinynet'"
    ),
    "finds_tinynet": hostile(
        "import sys\nsys.path.insert(0, 'ROOT')\nimport tinynet as tn\n" + USES,
        says="tinynet/__",
    ),
    "finds_what_is_installed": hostile(
        "import numpy, os, sys\nsys.path.append(os.path.dirname(os.path.dirname(numpy.__file__)))\n"
        "import numba\n" + RIGHT,
        says="no need for",
    ),
    "reads_the_reference": hostile(READS + LAZY, says="layers/relu.py"),
    "reads_with_os_open": hostile(
        "import os\nos.read(os.open('ROOT/tinynet/layers/relu.py', os.O_RDONLY), 99)\n" + LAZY,
        says="layers/relu.py",
    ),
    "reads_from_below": hostile("open('../' * 20 + 'etc/passwd')\n" + RIGHT, says="etc/passwd"),
    "writes_files": hostile(
        "open('FOLDER/written', 'w').write('x')\n" + RIGHT, says="no need for (open "
    ),
    "removes_files": hostile("import os\nos.remove(__file__)\n" + RIGHT, says="(os.remove"),
    "forks": hostile("import os\nwhile True:\n    os.fork()\n" + RIGHT, says="(os.fork"),
    "starts_programs": hostile("import os\nos.system('true')\n" + RIGHT, says="(os.system"),
    "runs_python": hostile(
        "import subprocess\nsubprocess.run(['EXECUTABLE', '-c', 'import tinynet'])\n" + RIGHT,
        says="no need for",
    ),
    "kills_the_grader": hostile("import os\nos.kill(os.getppid(), 9)\n" + RIGHT, says="(os.kill"),
    "reaches_into_memory": hostile(
        "import ctypes\nctypes.string_at(id(ctypes))\n" + RIGHT, says="no need for"
    ),
    "looks_for_the_hook": hostile("import gc\ngc.get_objects()\n" + RIGHT, says="(gc.get_objects"),
    "talks_to_the_network": hostile("import socket\nsocket.socket()\n" + RIGHT, says="no need for"),
    "crashes": hostile(
        NUMPY + "import faulthandler\ndef forward(x):\n    faulthandler._sigsegv()\n\n" + BACKWARD,
        (0, 10),
        "its process ended (signal 11)",
    ),
    "eats_memory": hostile(
        NUMPY + "kept = []\ndef forward(x):\n    while True:\n"
        "        kept.append(bytearray(10**8))\n\n" + BACKWARD,
        (0, 10),
        "MemoryError",
    ),
    "sends_much": hostile(
        NUMPY + "def forward(x):\n    return np.zeros((1000, 1000))\n\n"
        "def backward(dy, x):\n    return np.zeros((300, 400))\n",
        says="its shape (1000, 1000) is far too large",
    ),
    "floods": hostile(
        FORGED + EVERYWHERE.replace("* 200", "* 10**6"), says="more than there is to say"
    ),
    "closes_everything": hostile("import os\nos.closerange(0, 100)\n" + LAZY, says="0 of 16 calls"),
    "poses_as_an_array": hostile(
        NUMPY + "class Array(np.ndarray):\n    def __eq__(self, other):\n        return True\n"
        "    def __sub__(self, other):\n        return np.zeros(self.shape)\n"
        "    __rsub__ = __sub__\n"
        "    def tobytes(self, *a):\n        return b''\n\n"
        "def forward(x):\n    return x.view(Array)\n\n"
        "def backward(dy, x):\n    return dy.view(Array)\n",
        says="the values are wrong",
    ),
    "poses_with_a_class": hostile(
        "class Right:\n    ndim, size, shape, dtype = 1, 5, (5,), float\n"
        "    def __array__(self, *a, **k):\n        raise SystemExit(0)\n"
        "    __eq__ = __le__ = lambda self, other: True\n\n"
        "def forward(x):\n    return Right()\n\ndef backward(dy, x):\n    return Right()\n",
        says="expected an array, got Right",
    ),
    "forges_a_line_of_the_table": hostile(
        "def forward(x):\n    raise ValueError('\\n  forges  20/20  20/20\\x1b[2J\\ud800')\n\n"
        "def backward(dy, x):\n    raise Exception('x' * 10**6)\n",
        says="ValueError: forges 20/20 20/20 [2J",
    ),
    "recurses": hostile(
        NUMPY + "def forward(x):\n    return forward(x)\n\n" + BACKWARD, (0, 10), "RecursionError"
    ),
    "asks_for_more_time": hostile(
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (-1, -1))\n" + RIGHT,
        says="setrlimit",
    ),
}

if sys.platform in ("win32", "darwin"):  # which limit no memory
    del HOSTILE["eats_memory"]
if sys.platform == "win32":  # which has no such functions, and other exit codes
    del HOSTILE["forks"], HOSTILE["asks_for_more_time"]
    says = f"its process ended (exit code {0xC0000005})"
    HOSTILE["crashes"] = HOSTILE["crashes"]._replace(says=says)

ANSWERS = HONEST | HOSTILE
