"""What a job sees of the file system: its own folder, its data, and what programs need to run.

Paths inside equal paths outside. What is not listed here is not there.
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from proveout.sandbox import _hide, _kernel
from proveout.sandbox._hide import is_below

_SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
)  # fmt: skip
_SETTINGS = ("alternatives", "ld.so.cache", "localtime", "nsswitch.conf", "OpenCL")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ACCELERATORS = ("/dev/nvidia*", "/dev/kfd", "/dev/dri")
_MACHINE = ("/sys/devices/system",)
_MACHINE_WITH_ACCELERATORS = ("/sys",)

_TEMPORARY = ("/tmp", "/dev/shm")
_STAGE = "/proc"
"""Where the view is put together: it exists everywhere, and nothing that is shown lies below it."""


@dataclass(frozen=True)
class Runtime:
    """What every job may read beyond its own: the system, the interpreter, its libraries."""

    paths: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    """Links at the root, such as /bin to usr/bin: (path, where it leads)."""
    hides: _hide.Patterns = field(default_factory=lambda: _hide.Patterns(()))
    """What of these paths, and of the tools of a command, no job may read."""
    hidden: tuple[str, ...] = ()
    """What was found of that."""

    def lacks(self, paths: Iterable[str]) -> list[str]:
        """The paths, and what they lead to, that are not shown already."""
        roots = [*self.paths, *(path for path, _ in self.links)]
        both = [each for path in paths for each in (path, os.path.realpath(path))]
        return [path for path in both if not any(is_below(path, root) for root in roots)]


def find_runtime(hides: Sequence[str] = ()) -> Runtime:
    """Of this machine and of the Python that runs here, without what is to be hidden."""
    paths = [path for path in _SYSTEM if os.path.isdir(path) and not os.path.islink(path)]
    paths += [f"/etc/{name}" for name in _SETTINGS if os.path.exists(f"/etc/{name}")]
    links = [
        (path, os.path.relpath(os.path.realpath(path), "/"))
        for path in _SYSTEM
        if os.path.islink(path)
    ]
    paths += _interpreter()
    shown, patterns = _outermost(paths), _hide.Patterns(tuple(hides))
    return Runtime(shown, tuple(links), patterns, patterns.find(shown))


def _interpreter() -> list[str]:
    """The trees of this Python, and folders beyond them that it imports from, but not ours."""
    paths = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    paths += [entry for entry in sys.path if os.path.isdir(entry) and not is_source_of_ours(entry)]
    paths += [entry for entry in sys.path if entry.endswith(".zip") and os.path.isfile(entry)]
    executable = os.path.realpath(sys.executable)
    paths += [executable]
    return [
        each for path in paths if not _holds_a_home(path) for each in (path, os.path.realpath(path))
    ]


def is_source_of_ours(folder: str) -> bool:
    """A checkout: where proveout is installed, it lies among the libraries, and is no secret."""
    here = os.path.isdir(os.path.join(folder, "proveout", "sandbox"))
    return here and not folder.endswith(("site-packages", "dist-packages"))


def _holds_a_home(path: str) -> bool:
    """The root and folders above a home are never shown as a whole."""
    home = os.path.expanduser("~")
    return is_below(home, path) and path != "/usr"


def tools(command: str, environment: Mapping[str, str]) -> list[str]:
    """What a command needs beyond the system: its installation, and libraries it is told of."""
    paths = [environment.get("CUDA_HOME", "")]
    paths += environment.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    own = command in ("python", "python3", sys.executable)  # the interpreter is shown already
    found = None if own else _which(command, environment)
    if found is not None:
        real = os.path.realpath(found)
        folder = os.path.dirname(real)
        above = os.path.dirname(folder)
        whole = os.path.basename(folder) == "bin" and not _holds_a_home(above)
        paths += [found, above if whole else real]
    return [path for path in paths if os.path.isabs(path) and not _holds_a_home(path)]


def _which(command: str, environment: Mapping[str, str]) -> str | None:
    if "/" in command:
        return command if os.path.isabs(command) and os.access(command, os.X_OK) else None
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, command)
        if os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def machine_paths(*, accelerators: bool) -> tuple[str, ...]:
    """Descriptions of the machine that programs read: cores, caches, with accelerators more."""
    return _MACHINE_WITH_ACCELERATORS if accelerators else _MACHINE


def device_paths(*, accelerators: bool) -> list[str]:
    """The device files that a job may use."""
    paths = [f"/dev/{name}" for name in _DEVICES]
    if accelerators:
        paths += [path for pattern in _ACCELERATORS for path in sorted(glob.glob(pattern))]
    return [path for path in paths if os.path.exists(path)]


@dataclass(frozen=True)
class View:
    """What one job sees, beyond the runtime."""

    runtime: Runtime
    reads: tuple[str, ...]
    writes: str
    accelerators: bool
    temporary_bytes: int
    """Size of each of /tmp and /dev/shm, which lie in memory."""
    uid: int
    gid: int


def enter(view: View) -> None:
    """Make the view this process's root. It has mounts of its own, and the right to change them."""
    _kernel.make_mounts_private()
    _kernel.mount("tmpfs", _STAGE, "size=4m,mode=755", _kernel.NO_SET_UID | _kernel.NO_DEVICES)
    for path, leads in view.runtime.links:
        os.symlink(leads, _STAGE + path)
    made: set[str] = {""}
    _write_settings(view, made)
    machine = machine_paths(accelerators=view.accelerators)
    devices = device_paths(accelerators=view.accelerators)
    own = dict.fromkeys((view.writes, os.path.realpath(view.writes)))
    mine = _kernel.NO_SET_UID | _kernel.NO_DEVICES
    for path in _TEMPORARY:
        _make_folder(path, made)
        options = f"size={view.temporary_bytes},mode=1777,nr_inodes=100k"
        _kernel.mount("tmpfs", _STAGE + path, options, mine)
    for path in sorted({*view.runtime.paths, *machine, *view.runtime.lacks(view.reads)}):
        if _make_place(path, made):
            _kernel.bind(path, _STAGE + path)
    for path in ("/proc", *own, *devices):
        _make_place(path, made)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{_STAGE}/dev/{name}")
    os.symlink("/proc/self/fd", f"{_STAGE}/dev/fd")
    _kernel.restrict_mount(_STAGE, _kernel.READ_ONLY | mine, below=True)
    for path in _TEMPORARY:
        _kernel.restrict_mount(_STAGE + path, 0, undo=_kernel.READ_ONLY)
    for path in own:
        _kernel.bind(path, _STAGE + path)
        _kernel.restrict_mount(_STAGE + path, mine, below=True)
    for path in devices:
        _kernel.bind(path, _STAGE + path)
    _mount_processes()
    _kernel.change_root(_STAGE)


def _mount_processes() -> None:
    flags = _kernel.NO_SET_UID | _kernel.NO_DEVICES | _kernel.NO_EXEC
    try:
        _kernel.mount("proc", f"{_STAGE}/proc", "", flags)
    except OSError:
        # A container that hides parts of /proc does not let it be mounted anew. Its own cannot be
        # had either: it lies below the stage. Programs then see no process, not even themselves.
        return


def _make_place(path: str, made: set[str]) -> bool:
    """Something of the same kind to bind a path to; False where there is no such path."""
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False
    if is_folder:
        _make_folder(path, made)
    else:
        _make_folder(os.path.dirname(path), made)
        with contextlib.suppress(OSError):  # it is there already, below a folder that is shown
            os.close(os.open(_STAGE + path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    return True


def _make_folder(path: str, made: set[str]) -> None:
    missing = []
    while path not in made and path != "/":
        made.add(path)
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        with contextlib.suppress(OSError):  # as in _make_place
            os.mkdir(_STAGE + each, 0o755)


def _write_settings(view: View, made: set[str]) -> None:
    """Names for the job's user, and none for anybody else."""
    _make_folder("/etc", made)
    texts = {
        "passwd": f"trial:x:{view.uid}:{view.gid}::/tmp:/bin/sh\n",
        "group": f"trial:x:{view.gid}:\n",
        "hosts": "127.0.0.1 localhost trial\n",
    }
    for name, text in texts.items():
        file = os.open(f"{_STAGE}/etc/{name}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(file, text.encode())
        os.close(file)


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Without those that lie below others."""
    kept: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        if not any(is_below(path, other) for other in kept):
            kept.append(path)
    return tuple(kept)
