"""The program that runs a student's function on many arguments, in a process of its own.

asking.py starts it for one function of one file, with what to do on stdin, and reads a line of
JSON for each call from its stdout. It is given to Python as text (-c) and imports nothing of
tinynet, which is not there to be found: this process holds arguments, and no right answers. So
whatever a file does here, the most that it can send is numbers, and these are compared elsewhere.
"""

import base64
import json
import os
import sys
import warnings

# What Python reports to audit hooks in the course of honest work. All else ends the process:
# other programs, threads, sockets, files, memory by its address, Python's own frames and hooks.
HARMLESS = """
array.__new__ builtins.id builtins.input code.__new__ compile exec import marshal.loads
object.__getattr__ object.__setattr__ os.listdir os.putenv os.scandir sys._getframe
sys._getframemodulename sys.unraisablehook time.sleep
""".split()


def main():
    request = json.load(sys.stdin.buffer)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nothing, stream.fileno())
    numpy = import_numpy(request["numpy"])
    limit(request["seconds"], request["megabytes"])
    leave = os._exit  # what a file leaves to be done at the end is not done
    guard([os.getcwd(), os.path.dirname(os.__file__), os.path.dirname(numpy.__file__)], answers)

    def send(**what):
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    function, error = load(request["file"], request["function"])
    if error:
        send(unusable=error)
        leave(1)
    warnings.simplefilter("ignore")
    numpy.seterr(all="ignore")
    for call in request["calls"]:
        arguments = [decoded(numpy, a) for a in call]
        try:
            value = function(*arguments)
        except NotImplementedError:
            send(not_begun=True)
        except BaseException as raised:  # SystemExit, too
            send(raises=in_words(raised, request["file"]))
        else:
            several = request["several"] and isinstance(value, (tuple, list))
            send(
                values=[encoded(numpy, a) for a in (value if several else [value])],
                arguments=[encoded(numpy, a) for a in arguments],
            )
    leave(0)


def import_numpy(folder):
    """NumPy, from this folder, in which there may be others: they cannot be imported later."""
    sys.path.append(folder)
    import numpy

    sys.path.remove(folder)
    # the student's file may import others beside it; and Python lists folders that are not there
    sys.path[:] = [os.getcwd(), *filter(os.path.isdir, sys.path)]
    return numpy


def limit(seconds, megabytes):
    """Set what the system has of limits: time, memory, no files, no processes, no threads."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"CPU": seconds, "AS": megabytes << 20, "FSIZE": 0, "NPROC": 0, "CORE": 0}
    for name, value in limits.items():
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
        except (AttributeError, ValueError, OSError):  # macOS limits no memory
            pass


def guard(folders, answers):
    """From here on, whatever is not honest work ends the process, with a word to the grader.

    Python keeps a hook for good, and nothing refers to this one, so that a file cannot change it.
    All that it uses is bound here, for the names of modules can be given new values.
    """
    harmless, file = frozenset(HARMLESS), answers.fileno()
    write, leave, quoted = os.write, os._exit, json.encoder.encode_basestring_ascii
    folders = tuple(folder.replace("\\", "/") + "/" for folder in folders)
    python = folders[1]
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    kinds = type, str, int

    def readable(path):
        kind, text, number = kinds
        if kind(path) is number:  # a file that is open already
            return True
        if kind(path) is not text or ".." in path:
            return False
        path = path.replace("\\", "/") + "/"
        if "-packages/" in path and path.startswith(python):  # what is installed
            return path.startswith(folders[2])
        return path.startswith(folders) or (path[0] != "/" and ":" not in path)

    def fine(event, arguments):
        kind, _, number = kinds
        if event == "open":
            flags = arguments[2]
            return kind(flags) is number and not flags & writing and readable(arguments[0])
        return event in harmless

    def hook(event, arguments):
        kind, text, _ = kinds
        try:
            if kind(event) is not text:
                leave(1)
            if fine(event, arguments):
                return
            what = f"{event} {arguments[0]}" if arguments and kind(arguments[0]) is text else event
            write(file, ('{"refused": ' + quoted(what[:200]) + "}\n").encode())
        except:  # noqa: E722 (an exception would take this frame along to the file)
            pass
        leave(1)

    sys.addaudithook(hook)


def load(file, name):
    """(function, "") of a file in this folder, or (None, what is wrong)."""
    try:
        with open(file, "rb") as source:
            code = compile(source.read(), file, "exec")
        names = {"__name__": os.path.splitext(file)[0], "__file__": file}
        exec(code, names)
    except BaseException as raised:
        return None, f"cannot be loaded: {in_words(raised, file)}"
    if not callable(names.get(name)):
        return None, f"has no function {name}"
    return names[name], ""


def in_words(raised, file):
    """ "ValueError: too few values, in line 12" for the innermost line of the file."""
    line = getattr(raised, "lineno", None) if isinstance(raised, SyntaxError) else None
    step = raised.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == file:
            line = step.tb_lineno
        step = step.tb_next
    text = getattr(raised, "msg", raised) if isinstance(raised, SyntaxError) else raised
    words = f"{type(raised).__name__}: {text}".rstrip(": ")[:300]
    return f"{words}, in line {line}" if line else words


def decoded(numpy, argument):
    """A number as it is, an array from its dtype, shape and bytes in base64."""
    if not isinstance(argument, dict):
        return argument
    data = base64.b64decode(argument["data"])
    return numpy.frombuffer(data, argument["dtype"]).reshape(argument["shape"]).copy()


def encoded(numpy, value):
    """Something that JSON can hold: an array as above, of all else its type.

    Of an array that is far too large the bytes stay here.
    """
    if not isinstance(value, (numpy.ndarray, numpy.generic, float, int)):
        return {"type": type(value).__name__}
    a = numpy.array(value, order="C", subok=False)
    small = a.nbytes < 1 << 20 and a.dtype.kind in "fiub"
    data = base64.b64encode(a.tobytes()).decode() if small else ""
    return {"dtype": a.dtype.str, "shape": a.shape, "data": data}


if __name__ == "__main__":
    main()
