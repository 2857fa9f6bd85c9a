"""Files that are written whole or not at all: over links, modes, owners, and what may not be."""

import errno
import os
import socket
import stat
import types
from pathlib import Path

import numpy as np
import pytest
from cases import LIMITED, WEBASSEMBLY, WINDOWS, links, modes

import tinynet as tn
from tinynet import files
from tinynet.files import write_atomic

of_posix = pytest.mark.skipif(LIMITED, reason="what POSIX alone has among files")
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def put(path, content=b"new", **more):
    write_atomic(path, lambda file: file.write(content), **more)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def tree(folder):
    """{name: what is there} of a folder: links, modes and contents, with all inside it."""
    return {
        str(p.relative_to(folder)): (
            os.lstat(p).st_mode,
            os.readlink(p) if p.is_symlink() else p.read_bytes() if p.is_file() else None,
        )
        for p in folder.rglob("*")
    }


@pytest.fixture
def umask():
    """Sets the process's umask for one test."""
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)


# -- links --


@links
@pytest.mark.parametrize("target", ["run7", "elsewhere/run7", "../{}/elsewhere/run7", "absolute"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, target, there):
    (tmp_path / "elsewhere").mkdir()
    target = str(tmp_path / "run7") if target == "absolute" else target.format(tmp_path.name)
    link, file = tmp_path / "latest", tmp_path / target
    link.symlink_to(target)
    if there:
        file.write_bytes(b"old")
        file.chmod(0o600)
    put(link)
    assert os.readlink(link) == target and link.read_bytes() == b"new"
    assert file.read_bytes() == b"new" and not file.is_symlink()
    assert len(tree(tmp_path)) == 3  # nothing is left over, here or there
    assert mode(file) == 0o600 or not there


@links
def test_a_chain_of_links_and_a_link_to_the_folder(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "here").symlink_to("runs")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("here/c")
    (tmp_path / "runs" / "c").symlink_to("file")
    put(tmp_path / "a")
    put(tmp_path / "here" / "other")
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["c", "file", "other"]
    assert (tmp_path / "runs" / "file").read_bytes() == b"new"
    assert [p for p in ("a", "b", "here", "runs/c") if not (tmp_path / p).is_symlink()] == []


@links
@pytest.mark.parametrize("links, words", [
    ({"w": "w"}, "w"),
    ({"w": "a", "a": "b", "b": "w"}, "w"),
    ({"w": "gone/file"}, "expected a folder that exists, got .*gone"),
    ({"w": "folder"}, "expected a file to write, got .*w, which is not a file"),
    ({"w": "/dev/null"}, "expected a file to write, got .*w, which is not a file"),
    ({"w": "read only"}, "expected a file that may be written, got .*w, read-only"),
    ({"w": "read only/file"}, "expected a folder that exists"),
])  # fmt: skip
def test_links_that_lead_nowhere_good(tmp_path, links, words):
    (tmp_path / "folder").mkdir()
    (tmp_path / "read only").touch(0o444)
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    before = tree(tmp_path)
    with pytest.raises(OSError, match=words) as info:
        put(tmp_path / "w")
    assert tree(tmp_path) == before
    if links["w"] in ("w", "a"):
        assert info.value.errno == errno.ELOOP


def test_other_names_of_the_file_keep_the_old_one(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    put(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"new" and (tmp_path / "b").read_bytes() == b"old"


# -- modes and owners --


@modes
@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644, 0o664, 0o666, 0o700, 0o755, 0o622, 0o200])
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_mode_of_the_old_file_is_kept(tmp_path, umask, bits, mask):
    path = tmp_path / "w"
    path.write_bytes(b"old")
    path.chmod(bits)
    umask(mask)
    put(path)
    assert mode(path) == bits
    path.chmod(0o600)
    assert path.read_bytes() == b"new"


@modes
@pytest.mark.parametrize("mask, bits", [(0o000, 0o666), (0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_the_usual_mode(tmp_path, umask, mask, bits):
    umask(mask)
    put(tmp_path / "w")
    assert mode(tmp_path / "w") == bits


@modes
@pytest.mark.parametrize("old", [0o600, 0o640, None])
def test_until_it_is_complete_no_more_people_can_read_it(tmp_path, umask, monkeypatch, old):
    path, made, seen = tmp_path / "w", [], []
    if old is not None:
        path.touch()
        path.chmod(old)
    umask(0o027)
    real = os.open

    def opened(name, flags, mode=0o777, **more):
        if flags & os.O_CREAT:
            made.append(mode & ~0o027)
        return real(name, flags, mode, **more)

    monkeypatch.setattr(os, "open", opened)
    write_atomic(path, lambda file: seen.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode)))
    assert made == [0o640 if old is None else 0o600]
    assert seen == [mode(path)] == [0o640 if old is None else old]


@pytest.mark.skipif(WEBASSEMBLY, reason="no modes of files in WebAssembly")
@pytest.mark.parametrize("bits", [0o444, 0o400, 0o440, 0o555, 0o000, 0o044, 0o464])
def test_a_read_only_file_is_refused(tmp_path, bits):
    """For root, too, who may write anything: read-only is what its owner has said."""
    path = tmp_path / "w"
    path.write_bytes(b"old")
    path.chmod(bits)
    written = []
    with pytest.raises(PermissionError, match="fit: expected a file that may be written, got .*w"):
        write_atomic(path, written.append, who="fit")
    assert mode(path) == (0o444 if WINDOWS else bits)
    assert written == [] and list(tmp_path.iterdir()) == [path]
    path.chmod(0o600)
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(not ROOT, reason="only root gives files to others")
def test_owner_and_group_are_kept(tmp_path):
    path = tmp_path / "w"
    path.touch()
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    put(path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, mode(path)) == (12345, 23456, 0o640)


@pytest.mark.skipif(not ROOT, reason="only root gives files to others")
def test_what_one_group_may_is_not_for_another(tmp_path, monkeypatch):
    """A process that may not give a file to its group, as another member of the team may not."""
    path = tmp_path / "w"
    path.touch()
    os.chown(path, 12345, 23456)
    path.chmod(0o664)

    def refuse(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    put(path)
    assert path.read_bytes() == b"new" and mode(path) == 0o604


@modes
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_may_not_be_written(tmp_path, there):
    folder = tmp_path / "folder"
    folder.mkdir()
    if there:
        (folder / "w").write_bytes(b"old")
        (folder / "w").chmod(0o666)
    folder.chmod(0o555)
    for above in list(tmp_path.parents)[:3]:  # pytest's own, which others cannot enter
        above.chmod(0o755)
    tmp_path.chmod(0o755)
    before = tree(folder)
    try:
        if ROOT:  # who may write anywhere
            os.seteuid(65534)
        with pytest.raises(PermissionError, match="expected a folder that may be written, got .*f"):
            put(folder / "w")
    finally:
        if ROOT:
            os.seteuid(0)
    assert tree(folder) == before
    folder.chmod(0o755)


# -- what is there otherwise --


@pytest.mark.parametrize(
    "kind",
    [
        "folder",
        *(pytest.param(k, marks=of_posix) for k in ("pipe", "socket", "device")),
    ],
)
def test_what_is_no_file(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = Path("w")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("w")
    else:
        path = Path("/dev/null")
    before = os.lstat(path).st_mode
    with pytest.raises(FileExistsError, match=f"got {path}, which is not a file"):
        put(path)
    assert os.lstat(path).st_mode == before and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("path, error", [
    ("", IsADirectoryError), ("runs/", IsADirectoryError), (".", IsADirectoryError),
    ("..", IsADirectoryError), ("runs/.", IsADirectoryError), ("runs/w", FileNotFoundError),
    ("file/w", FileNotFoundError), ("w" * 300, OSError), ("w\0.npz", ValueError),
])  # fmt: skip
def test_no_name_for_a_file(tmp_path, monkeypatch, path, error):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(error):
        put(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


class Named:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


@pytest.mark.parametrize("kind", [str, Path, Named, np.str_])
def test_kinds_of_paths(tmp_path, kind):
    put(kind(str(tmp_path / "w")))
    assert (tmp_path / "w").read_bytes() == b"new"


@pytest.mark.parametrize("path", [1, None, b"w", bytearray(b"w"), Named(b"w"), ("w",), np.int64(1)])
def test_kinds_of_what_is_no_path(path):
    with pytest.raises(TypeError, match="save: expected path, a str or os.PathLike, got "):
        put(path)


@pytest.mark.parametrize("left", ["file", pytest.param("link", marks=links)])
def test_what_a_killed_process_left_over(tmp_path, left):
    """Its temporary file, under the name that this one will have, may even be a link."""
    (tmp_path / "precious").write_bytes(b"old")
    if left == "file":
        (tmp_path / ".w.tmp").write_bytes(b"half of a longer file")
        (tmp_path / ".w.tmp").chmod(0o666)
    else:
        (tmp_path / ".w.tmp").symlink_to("precious")
    (tmp_path / "w").touch()
    (tmp_path / "w").chmod(0o600)
    bits = mode(tmp_path / "w")  # of which Windows has but one
    put(tmp_path / "w", temporary=".w.tmp")
    assert (tmp_path / "w").read_bytes() == b"new" and mode(tmp_path / "w") == bits
    assert (tmp_path / "precious").read_bytes() == b"old" and not (tmp_path / "w").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["precious", "w"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("no"), OSError("full")])
def test_a_write_that_stops(tmp_path, error):
    path = tmp_path / "w"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        write_atomic(path, write)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"


# -- what another program has open --


class Refusing:
    """os.replace where another program has the file open, for so many tries."""

    def __init__(self, tries):
        self.tries, self.seen = tries, 0

    def __call__(self, source, target):
        self.seen += 1
        if self.seen <= self.tries:
            raise PermissionError(errno.EACCES, "Access is denied")
        os.replace(source, target)


def with_os(monkeypatch, **other):
    """Let files.py, and nothing else, see os so."""
    monkeypatch.setattr(files, "os", types.SimpleNamespace(**(vars(os) | other)))


def test_windows_is_asked_again_for_about_a_second(tmp_path, monkeypatch):
    path, replace, slept = tmp_path / "w", Refusing(5), []
    path.write_bytes(b"old")
    with_os(monkeypatch, name="nt", replace=replace)
    clock = types.SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(files, "time", clock)
    put(path)
    assert path.read_bytes() == b"new" and replace.seen == 6
    assert 0.2 < sum(slept) < files.PATIENCE == 1
    assert list(tmp_path.iterdir()) == [path]


def test_then_it_says_that_another_program_may_have_the_file_open(tmp_path, monkeypatch):
    path, replace = tmp_path / "history.csv", Refusing(10**6)
    path.write_bytes(b"old")
    with_os(monkeypatch, name="nt", replace=replace)
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    words = (
        r"fit: expected .*, got .*history.csv, which another program .* open \(.* 0.1 s\); close"
    )
    with pytest.raises(PermissionError, match=words):
        put(path, who="fit")
    assert 2 < replace.seen < 30
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("system, number", [("posix", errno.EACCES), ("nt", errno.ENOSPC)])
def test_other_refusals_are_told_at_once(tmp_path, monkeypatch, system, number):
    tries = []

    def refuse(source, target):
        tries.append(target)
        raise OSError(number, "this is why")

    with_os(monkeypatch, name=system, replace=refuse)
    with pytest.raises(OSError, match="this is why"):
        put(tmp_path / "w")
    assert len(tries) == 1 and list(tmp_path.iterdir()) == []


def test_the_first_error_is_told_if_the_half_file_cannot_be_removed(tmp_path, monkeypatch):
    """As where a virus scanner reads it."""
    real = Path.unlink

    def unlink(self, missing_ok=False):
        if self.exists():
            raise PermissionError(errno.EACCES, "held")
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(ZeroDivisionError):
        write_atomic(tmp_path / "w", lambda file: 1 / 0)


def test_a_file_that_this_process_reads(tmp_path, monkeypatch):
    """POSIX replaces it, and who reads it keeps the old one; Windows refuses."""
    path = tmp_path / "w"
    path.write_bytes(b"old")
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    with open(path, "rb") as file:
        if WINDOWS:
            with pytest.raises(PermissionError, match="another program seems to have open"):
                put(path)
        else:
            put(path)
        assert file.read() == b"old"
    put(path)
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


# -- the functions that write so --


@links
def test_save_over_what_is_there(tmp_path):
    real, link = tmp_path / "run7.npz", tmp_path / "latest.npz"
    tn.save(tn.Linear(2, 2, rng=0), real)
    link.symlink_to("run7.npz")
    real.chmod(0o600)
    tn.save(tn.Linear(2, 2, rng=1), link)
    model = tn.Linear(2, 2, rng=2)
    tn.load(model, real)
    np.testing.assert_array_equal(model.weight.data, tn.Linear(2, 2, rng=1).weight.data)
    assert link.is_symlink() and mode(real) == 0o600
    real.chmod(0o444)
    before = tree(tmp_path)
    for path in (real, link):
        with pytest.raises(PermissionError, match=f"save: .*{path.name}, read-only"):
            tn.save(tn.Linear(2, 2, rng=3), path)
    assert tree(tmp_path) == before


@links
def test_history_and_checkpoint_of_fit(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4), np.float32), np.arange(20) % 2
    (tmp_path / "kept").mkdir()
    files = dict(history_path="history.csv", checkpoint_path="checkpoint.npz")
    for name in files.values():
        (tmp_path / name).symlink_to(f"kept/{name}")
    (tmp_path / "kept" / "history.csv").touch()
    (tmp_path / "kept" / "history.csv").chmod(0o600)
    paths = {argument: tmp_path / name for argument, name in files.items()}
    tn.fit(tn.Linear(4, 2, rng=0), x, y, epochs=1, batch_size=10, progress=False, **paths)
    assert all(path.is_symlink() and path.stat().st_size for path in paths.values())
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == sorted(files.values())
    assert mode(tmp_path / "kept" / "history.csv") == 0o600
