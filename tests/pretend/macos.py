"""macOS, as far as Linux can play it for our code.

Pretended: sys.platform; the functions, flags and signals of Linux that macOS lacks; ru_maxrss in
bytes; no limit of memory; no /proc; multiprocessing spawns; a group of processes that have ended is
not killed but refused; the folder for temporary files is reached by a link; a file system to which
capitals do not matter refuses a second file of the same name.

Not pretended: the processor, its page size and its instructions; names of files in other Unicode
forms; the programs that Linux alone has, but for those named below.
"""

import errno
import os
import resource
import select
import signal
import socket
import sys
import time

from disguise import caller, check_case, creates, in_folder, is_ours, show, spawn_only

LACKING_OS = """
copy_file_range eventfd eventfd_read eventfd_write fdatasync getrandom getresgid getresuid getxattr
listxattr memfd_create pidfd_open pipe2 posix_fadvise posix_fallocate removexattr
sched_getaffinity sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
sched_setparam sched_setscheduler setns setresgid setresuid setxattr splice timerfd_create unshare
waitid O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE SCHED_BATCH SCHED_IDLE
"""
LACKING_SIGNAL = """
SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo
"""
LACKING_RESOURCE = """
prlimit RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_OFILE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING
"""
LACKING_PROGRAMS = ("setpriv", "taskset", "unshare", "prlimit")


def getrusage(who, true=resource.getrusage):
    usage = list(true(who))
    usage[2] *= 1024  # ru_maxrss, in bytes
    return resource.struct_rusage(usage)


def setrlimit(which, limits, true=resource.setrlimit):
    if which == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    true(which, limits)


def killpg(group, number, true=os.killpg):
    try:
        with open(f"/proc/{group}/stat", encoding="ascii") as file:
            ended = file.read().rpartition(") ")[2].startswith("Z")
    except OSError:
        ended = False
    if ended:
        raise PermissionError(errno.EPERM, "Operation not permitted")
    true(group, number)


def watch(event, arguments):
    """An audit hook, which is told of all that Python does with files."""
    if event == "open" and creates(arguments):
        check_case(os.fsdecode(arguments[0]))
    elif event == "os.mkdir":
        check_case(in_folder(arguments[0], arguments[2]))
    elif event == "os.rename":
        check_case(in_folder(arguments[1], arguments[3]), os.fsdecode(arguments[0]))
    elif event == "subprocess.Popen" and os.path.basename(arguments[0]) in LACKING_PROGRAMS:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", arguments[0])
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith("/proc"):
        if is_ours(caller("pathlib", "os")):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", arguments[0])


spawn_only()
show(os, LACKING_OS, killpg=killpg)
show(resource, LACKING_RESOURCE, getrusage=getrusage, setrlimit=setrlimit)
show(select, "epoll")
show(signal, LACKING_SIGNAL)
show(socket, "AF_NETLINK AF_PACKET AF_VSOCK SOCK_CLOEXEC SOCK_NONBLOCK")
show(sys, platform="darwin")
show(time, "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid")
sys.addaudithook(watch)
