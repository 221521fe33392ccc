"""System calls of isolation that Python does not offer. Each raises OSError where it fails."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import signal
import socket
import struct
from dataclasses import dataclass

_CLONE_VM = 0x100
NEW_MOUNTS, NEW_CGROUP, NEW_HOST_NAME, NEW_IPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEW_USER, NEW_PROCESSES, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000

READ_ONLY, NO_SET_UID, NO_DEVICES, NO_EXEC = 1, 2, 4, 8
_MS_BIND, _MS_RECURSIVE, _MS_PRIVATE = 4096, 16384, 1 << 18
_DETACH, _RECURSIVE_ATTRIBUTES = 2, 0x8000

_SET_DUMPABLE, _KEEP_CAPABILITIES = 4, 8
_SET_SECCOMP, _DROP_BOUND, _NO_NEW_PRIVILEGES, _AMBIENT = 22, 24, 38, 47
_CAPABILITIES_V3 = 0x20080522
DAC_READ_SEARCH, SYS_ADMIN = 2, 21
_LAST_CAPABILITY = 63


@dataclass(frozen=True)
class Machine:
    """Numbers that differ between processors."""

    audit: int
    """What the kernel calls the processor in a seccomp filter."""
    pivot_root: int
    capset: int
    sleeper: bytes
    """Code that asks to be killed with its parent, then sleeps for ever and touches no memory."""


_MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        155,
        126,
        # prctl(PR_SET_PDEATHSIG, SIGKILL); do pause(); while (1)
        bytes.fromhex("bf01000000 be09000000 b89d000000 0f05 b822000000 0f05 ebf7"),
    ),
    "aarch64": Machine(
        0xC00000B7,
        41,
        91,
        # the same, with ppoll(NULL, 0, NULL, NULL, 0) for want of a pause()
        struct.pack(
            "<12I",
            0xD2800020, 0xD2800121, 0xD2800002, 0xD28014E8, 0xD4000001,
            0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800928, 0xD4000001, 0x17FFFFFA,
        ),
    ),
}  # fmt: skip
MACHINE = _MACHINES.get(platform.machine()) if os.uname().sysname == "Linux" else None
ELSEWHERE = "isolation is built for Linux on x86_64 and aarch64"
_MOUNT_SETATTR = 442  # the same everywhere, as all of Landlock's

_libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> int:
    """A system call by its number."""
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    return _checked(result, f"system call {number}")


def _checked(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _path(path: str | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def mount(kind: str, target: str, options: str = "", flags: int = 0) -> None:
    """Mount a file system of the given kind (tmpfs, proc)."""
    data = options.encode() or None
    result = _libc.mount(kind.encode(), _path(target), kind.encode(), ctypes.c_ulong(flags), data)
    _checked(result, f"mount {kind} on {target}")


def bind(source: str, target: str) -> None:
    """Make a file or a folder with all below it appear at `target` too."""
    flags = ctypes.c_ulong(_MS_BIND | _MS_RECURSIVE)
    _checked(_libc.mount(_path(source), _path(target), None, flags, None), f"bind {source}")


def make_mounts_private() -> None:
    """What is mounted here from now on shows nowhere else."""
    flags = ctypes.c_ulong(_MS_PRIVATE | _MS_RECURSIVE)
    _checked(_libc.mount(None, b"/", None, flags, None), "make mounts private")


def restrict_mount(target: str, flags: int, *, undo: int = 0, below: bool = False) -> None:
    """Set READ_ONLY, NO_SET_UID, NO_DEVICES, NO_EXEC on a mount, or on all below it too."""
    attributes = struct.pack("<QQQQ", flags, undo, 0, 0)
    call(
        _MOUNT_SETATTR, -100, _path(target), _RECURSIVE_ATTRIBUTES if below else 0, attributes,
        ctypes.c_size_t(len(attributes)),
    )  # fmt: skip


def change_root(folder: str) -> None:
    """Make a mounted folder the root; nothing of the old one can be reached any more."""
    assert MACHINE is not None
    os.chdir(folder)
    call(MACHINE.pivot_root, b".", b".")
    _checked(_libc.umount2(b".", _DETACH), "unmount the old root")
    os.chdir("/")


def unshare(namespaces: int) -> None:
    _checked(_libc.unshare(ctypes.c_int(namespaces)), "unshare")


def join_namespace(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def set_host_name(name: str) -> None:
    _checked(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def raise_loopback() -> None:
    """Let a network of its own talk to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14s", b"lo", 1 | 64, b""))


class Sleeper:
    """The first process of a process-id namespace, at the price of a stack.

    It shares this process's memory, of which it touches nothing: it sleeps in six instructions.
    The kernel keeps it from being signalled from inside, makes it the parent of whatever is
    orphaned there, and ends everything that is inside when it ends.
    """

    _STACK_BYTES = 4096

    def __init__(self) -> None:
        assert MACHINE is not None
        self._code = mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._code.write(MACHINE.sleeper)
        self._entry = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._stack = ctypes.create_string_buffer(self._STACK_BYTES)
        self._top = (ctypes.addressof(self._stack) + self._STACK_BYTES) & ~15

    def start(self) -> int:
        """Its process id, as seen from here. SIGCHLD should be ignored meanwhile."""
        flags = ctypes.c_int(_CLONE_VM | signal.SIGCHLD)
        pid = _libc.clone(
            ctypes.c_void_p(self._entry), ctypes.c_void_p(self._top), flags, ctypes.c_void_p(0)
        )
        return _checked(int(pid), "clone")


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same user may look into this one."""
    _libc.prctl(_SET_DUMPABLE, ctypes.c_ulong(dumpable), 0, 0, 0)


def has_capability(number: int) -> bool:
    """Whether this process may use a capability now."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - once a launch
            row = next(row for row in file if row.startswith(b"CapEff:"))
    except (OSError, StopIteration):
        return False
    return bool(int(row.split()[1], 16) >> number & 1)


def keep_capabilities_over_uid_change() -> None:
    _libc.prctl(_KEEP_CAPABILITIES, ctypes.c_ulong(1), 0, 0, 0)


def bound_capabilities(keep: int) -> None:
    """No program that is executed can get a capability beyond the mask `keep`."""
    for number in range(_LAST_CAPABILITY + 1):
        if not keep >> number & 1 and _libc.prctl(_DROP_BOUND, ctypes.c_ulong(number), 0, 0, 0):
            break  # beyond the last that there is, or not allowed, and then there are none


def drop_capabilities(keep: int = 0) -> None:
    """Give up every capability that is not in the mask, for good once privileges cannot grow."""
    assert MACHINE is not None
    _libc.prctl(_AMBIENT, ctypes.c_ulong(4), 0, 0, 0)
    header = struct.pack("<Ii", _CAPABILITIES_V3, 0)
    low, high = keep & 0xFFFFFFFF, keep >> 32
    call(MACHINE.capset, header, struct.pack("<6I", low, low, low, high, high, high))
    for number in range(_LAST_CAPABILITY + 1):
        if keep >> number & 1:
            ambient = [ctypes.c_ulong(value) for value in (2, number, 0, 0)]
            _checked(_libc.prctl(_AMBIENT, *ambient), "prctl PR_CAP_AMBIENT_RAISE")


def forbid_new_privileges() -> None:
    result = _libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), 0, 0, 0)
    _checked(result, "prctl PR_SET_NO_NEW_PRIVS")


def install_filter(program: bytes) -> None:
    """Hold this process and all that comes of it to a seccomp filter."""
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    mode = [ctypes.c_ulong(2), ctypes.c_char_p(header), ctypes.c_ulong(0), ctypes.c_ulong(0)]
    _checked(_libc.prctl(_SET_SECCOMP, *mode), "prctl PR_SET_SECCOMP")
