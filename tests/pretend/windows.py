"""Windows, as far as Linux can play it for our code.

Pretended: os.name and sys.platform; the functions, flags, signals and modules that Windows lacks;
a file that this process has open, or that is read-only, is neither replaced nor removed, and no
folder is opened; no links are made, as for users without that privilege; names that Windows refuses
are refused, and a second one that differs in capitals; chmod knows read-only alone; text files are
cp1252 and end lines with CR LF where nothing else is said; a closed pipe gives EINVAL; clocks tick
64 times a second; programs start with Windows' arguments, environment and exit codes, and those of
POSIX are not found; multiprocessing spawns.

Not pretended: backslashes and drives in paths; what another process has open; the encoding of
stdout; the console and its Ctrl-C; processes started with -I, which this file does not reach.
"""

import builtins
import errno
import io
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time

from disguise import (
    HERE,
    caller,
    check_case,
    creates,
    hide_modules,
    in_folder,
    is_ours,
    show,
    spawn_only,
)

LACKING_OS = """
chown chroot confstr copy_file_range ctermid environb eventfd eventfd_read eventfd_write fchdir
fchmod fchown fdatasync fork forkpty fpathconf fstatvfs fwalk get_blocking getegid getenvb geteuid
getgid getgrouplist getgroups getloadavg getpgid getpgrp getpriority getrandom getresgid getresuid
getsid getuid getxattr initgroups killpg lchown listxattr lockf login_tty major makedev memfd_create
minor mkfifo mknod nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn
posix_spawnp pread preadv pwrite pwritev readv register_at_fork removexattr sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_param
sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler sched_yield sendfile
set_blocking setegid seteuid setgid setgroups setpgid setpgrp setpriority setregid setresgid
setresuid setreuid setsid setuid setxattr spawnlp spawnlpe spawnvp spawnvpe splice statvfs sync
sysconf tcgetpgrp tcsetpgrp ttyname uname unshare wait wait3 wait4 waitid writev WCOREDUMP
WEXITSTATUS WIFEXITED WIFSIGNALED WIFSTOPPED WNOHANG WTERMSIG WUNTRACED O_CLOEXEC O_DIRECT
O_DIRECTORY O_DSYNC O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_SYNC O_TMPFILE
"""
LACKING_SIGNAL = """
SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT
SIGRTMAX SIGRTMIN SIGSTKFLT SIGSTOP SIGSYS SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2
SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK ITIMER_PROF ITIMER_REAL
ITIMER_VIRTUAL alarm getitimer pause pidfd_send_signal pthread_kill pthread_sigmask setitimer
siginterrupt sigpending sigtimedwait sigwait sigwaitinfo
"""
LACKING_MODULES = """
crypt curses fcntl grp nis posix pty pwd readline resource spwd syslog termios tty
"""
LACKING_TIME = (
    "clock_getres clock_gettime clock_gettime_ns clock_settime pthread_getcpuclockid tzset"
)
NO_PATHS = ("/bin/", "/etc/", "/proc/", "/sys/", "/usr/bin/", "/var/")
MAPS = "/proc/self/maps"  # which this file itself reads
NO_NAMES = "con prn aux nul".split() + [f"{p}{i}" for p in ("com", "lpt") for i in range(1, 10)]
PROGRAMS = (sys.executable, "git")
TEXT = "utf-8" if sys.flags.utf8_mode else "cp1252"
TICK = 1 / 64  # seconds
CRASHED = 0xC0000005  # the exit code of an access violation


# -- files --


def is_held(path):
    """Whether this process has the file open, or in its memory."""
    try:
        wanted = os.stat(path)
    except OSError:
        return False
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(number)), wanted):
                return True
        except OSError:  # closed, as the list's own is
            pass
    with TRUE_OPEN(MAPS) as maps:
        return any(f":{wanted.st_ino:x} " in line or f" {wanted.st_ino} " in line for line in maps)


def may_go(path):
    """PermissionError unless what stands at a path may be removed, replaced or renamed."""
    if os.path.islink(path) or not os.path.isfile(path):
        return
    if not os.stat(path).st_mode & stat.S_IWUSR:
        raise PermissionError(errno.EACCES, "Access is denied", path)
    if is_held(path):
        used = "The process cannot access the file because it is being used by another process"
        raise PermissionError(errno.EACCES, used, path)


def check_name(path, source=None):
    """OSError for a name that cannot be given to a file, or to this one, source."""
    name = os.path.basename(path)
    stem = name.split(".")[0].rstrip().lower()
    if stem in NO_NAMES or any(c in '<>:"|?*\\' or c < " " for c in name):
        raise OSError(errno.EINVAL, "Invalid argument", path)
    check_case(path, source)


def opens(path, mode, flags):
    path = os.fsdecode(path)
    frame = caller("windows", "pathlib", "os")
    ours, module = is_ours(frame), frame.f_globals.get("__name__")
    # the library opens folders by number, and, for a file without a name, by tempfile
    if os.path.isdir(path) and (ours or mode is not None and module != "tempfile"):
        raise PermissionError(errno.EACCES, "Permission denied", path)
    if ours and path.startswith(NO_PATHS) and path != MAPS:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
    if flags & (os.O_WRONLY | os.O_RDWR) and os.path.isfile(path):
        if not os.stat(path).st_mode & stat.S_IWUSR:  # not even for an administrator
            raise PermissionError(errno.EACCES, "Permission denied", path)


def watch(event, arguments):
    """An audit hook, which is told of all that Python does with files."""
    if event == "open":
        if isinstance(arguments[0], (str, bytes)) and isinstance(arguments[2], int):
            opens(*arguments)
            if creates(arguments):
                check_name(os.fsdecode(arguments[0]))
    elif event == "os.mkdir":
        check_name(in_folder(arguments[0], arguments[2]))
    elif event == "os.remove":
        may_go(in_folder(*arguments))
    elif event == "os.rename":
        source, target, one, other = arguments
        may_go(in_folder(source, one))
        may_go(in_folder(target, other))
        check_name(in_folder(target, other), os.fsdecode(source))
    elif event == "os.rmdir":
        path = in_folder(*arguments)
        if os.path.isdir(path) and os.path.samefile(path, "."):
            raise PermissionError(errno.EACCES, "The process cannot access the file", path)
    elif event == "os.symlink":
        error = OSError(errno.EINVAL, "A required privilege is not held by the client")
        error.winerror = 1314
        raise error


@staticmethod  # so that Python 3.10's pathlib, a class of which holds it, makes no method of it
def chmod(path, mode, *, dir_fd=None, follow_symlinks=True, true=os.chmod):
    """A file is read-only or it is not; for a folder that means nothing."""
    writable = mode & stat.S_IWUSR or os.path.isdir(path)
    executable = 0o111 if os.path.isdir(path) else 0
    true(path, (0o666 if writable else 0o444) | executable, dir_fd=dir_fd)


TRUE_OPEN = io.open


@staticmethod  # as above
def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *more, **named):
    """open, with the defaults of Windows for text."""
    if "b" not in mode and is_ours(caller("windows", "pathlib", "os")):
        encoding = TEXT if encoding in (None, "locale") else encoding
        if newline is None and "+" not in mode and "r" not in mode:
            newline = "\r\n"
    return TRUE_OPEN(file, mode, buffering, encoding, errors, newline, *more, **named)


class Pipe(io.FileIO):
    """To write to, until its reader closes it: then Windows says that the argument is invalid."""

    def write(self, data):
        try:
            return super().write(data)
        except BrokenPipeError:
            raise OSError(errno.EINVAL, "Invalid argument") from None


def piped(stream):
    """stdout or stderr, by such a pipe if it is one."""
    if stream is None or not stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
        return stream
    pipe = Pipe(stream.fileno(), "w", closefd=False)
    if isinstance(stream.buffer, io.BufferedWriter):  # not where Python was told to hold nothing
        pipe = io.BufferedWriter(pipe)
    how = dict(line_buffering=stream.line_buffering, write_through=stream.write_through)
    return io.TextIOWrapper(pipe, stream.encoding, stream.errors, **how)


# -- time --


def ticking(clock, tick):
    return lambda: clock() // tick * tick


# -- processes --


def kill(process, number, true=os.kill):
    true(process, 9)


class Popen(subprocess.Popen):
    """A process that our code starts, as it is started on Windows; those of others as usual."""

    ours = False

    def __init__(self, args, *more, **named):
        self.ours = is_ours(caller("windows", "subprocess"))
        if self.ours:
            for name in ("preexec_fn", "pass_fds", "user", "group", "extra_groups", "umask"):
                if named.pop(name, None) not in (None, (), -1):
                    raise ValueError(f"{name} is not supported on Windows platforms")
            named["start_new_session"] = False  # means nothing there
            program = str(args if isinstance(args, (str, os.PathLike)) else args[0])
            if named.get("shell") or program not in PROGRAMS:
                what = "The system cannot find the file specified"
                raise FileNotFoundError(errno.ENOENT, what, program)
            text = any(named.get(name) for name in ("text", "universal_newlines", "errors"))
            if text and not named.get("encoding"):
                named["encoding"] = TEXT
            named["env"] = self.environment(named.get("env"))
        super().__init__(args, *more, **named)

    @staticmethod
    def environment(env):
        """The environment for a new process, which pretends as well."""
        env = dict(os.environ if env is None else env)
        if "SYSTEMROOT" not in env:
            raise OSError("pretend: without SYSTEMROOT in its environment Python does not start")
        paths = [HERE, *filter(None, [env.get("PYTHONPATH")])]
        return env | {"PRETEND": "windows", "PYTHONPATH": os.pathsep.join(paths)}

    @property
    def returncode(self):
        code = self.__dict__.get("returncode")
        if not self.ours or code is None or code >= 0:
            return code
        return 1 if -code in (9, 15) else CRASHED

    @returncode.setter
    def returncode(self, code):
        self.__dict__["returncode"] = code

    def send_signal(self, number):
        if self.ours and number not in (signal.SIGTERM, 9):
            raise ValueError(f"Unsupported signal: {number}")
        super().send_signal(number)


os.chmod = chmod
builtins.open = io.open = opened
sys.stdout, sys.stderr = piped(sys.stdout), piped(sys.stderr)
subprocess.Popen = Popen
context = spawn_only()
for method in set(context._concrete_contexts) - {"spawn"}:
    del context._concrete_contexts[method]
hide_modules(LACKING_MODULES)
show(os, LACKING_OS, kill=kill, linesep="\r\n", name="nt", supports_effective_ids=set())
show(select, "epoll poll")
show(signal, LACKING_SIGNAL)
show(socket, "AF_UNIX recv_fds send_fds sethostname")
show(sys, platform="win32")
clocks = {name: ticking(getattr(time, name), TICK) for name in ("time", "monotonic")}
clocks["time_ns"] = ticking(time.time_ns, 10**9 // 64)
show(time, LACKING_TIME, **clocks)
sys.addaudithook(watch)
