"""A job that tries to get out: `python _attack.py TARGETS.json`, run in a cell like any other.

It does nothing else, does no harm where it succeeds, and prints what it could do as one line of
JSON: {name: [held, detail]}. It imports nothing of proveout, which is not in its reach.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

_PTRACE_SEIZE = 0x4206
_NEW_USER_NAMESPACE = 0x10000000
_READING = 1 << 2
"""The one capability that a job may have: to read what it is shown."""
_libc = ctypes.CDLL(None, use_errno=True)

Attack = Callable[[dict[str, Any]], str]
"""Returns what it could do; raises OSError where it was kept from it."""


def read_held_out(targets: dict[str, Any]) -> str:
    with open(targets["secret"]) as file:
        return f"read {len(file.read())} characters"


def read_what_is_hidden(targets: dict[str, Any]) -> str:
    """What held-out data was copied from, among files that can be read."""
    try:
        with open(targets["beside"]) as file:
            file.read()
    except OSError:
        return "could not read what lies beside it"
    inside = [os.path.join(folder, name) for path in targets["hidden"]
              for folder, _, names in os.walk(path) for name in names]  # fmt: skip
    for path in (*targets["hidden"], *inside):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            return f"read {len(file.read())} bytes of {path}"
    raise PermissionError(errno.EACCES, f"none of {len(targets['hidden'])} opens")


def forge_ledger(targets: dict[str, Any]) -> str:
    with open(targets["ledger"], "r+") as file:
        file.write("forged")
    return "changed the ledger"


def follow_link(targets: dict[str, Any]) -> str:
    with contextlib.suppress(FileExistsError):
        os.symlink(targets["secret"], "link-out")
    try:
        with open("link-out") as file:
            return f"read {len(file.read())} characters through a link"
    finally:
        os.unlink("link-out")


def write_outside(targets: dict[str, Any]) -> str:
    path = os.path.join(targets["outside"], "planted")
    with open(path, "w"):
        return f"made {path}"


def connect_tcp(targets: dict[str, Any]) -> str:
    with socket.socket() as any_socket:
        any_socket.settimeout(0.5)
        any_socket.connect(("127.0.0.1", targets["tcp"]))
    return "reached a server of this machine"


def send_udp(targets: dict[str, Any]) -> str:
    """Whether it arrives is seen at the other end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        any_socket.sendto(b"hello", ("127.0.0.1", targets["udp"]))
    raise OSError("sent, and nobody heard it")


def connect_unix_socket(targets: dict[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX) as any_socket:
        any_socket.connect(targets["unix"])
    return "reached a server through its socket file"


def send_to_unix_socket(targets: dict[str, Any]) -> str:
    """By one of a pair, which needs no other right than to make pairs."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendto(b"hello", targets["datagrams"])
    return "sent to a server through its socket file"


def connect_abstract_socket(targets: dict[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX) as any_socket:
        any_socket.connect("\0" + targets["abstract"])
    return "reached a server through its abstract socket"


def signal_launcher(targets: dict[str, Any]) -> str:
    os.kill(targets["pid"], 0)
    return "could end the launcher"


def trace_launcher(targets: dict[str, Any]) -> str:
    pid, nothing = ctypes.c_long(targets["pid"]), ctypes.c_long(0)
    if _libc.ptrace(ctypes.c_long(_PTRACE_SEIZE), pid, nothing, nothing) == -1:
        raise _last_error()
    return "could read and change the launcher's memory"


def limit_launcher(targets: dict[str, Any]) -> str:
    resource.prlimit(targets["pid"], resource.RLIMIT_NOFILE)
    return "could change the launcher's limits"


def renice_user(targets: dict[str, Any]) -> str:
    os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_PROCESS, 0))
    return "could slow every process of its user down"


def watch_others(targets: dict[str, Any]) -> str:
    descriptor = _libc.inotify_init1(ctypes.c_int(0))
    if descriptor == -1:
        raise _last_error()
    try:
        if _libc.inotify_add_watch(descriptor, targets["ledger"].encode(), ctypes.c_int(2)) == -1:
            raise _last_error()
    finally:
        os.close(descriptor)
    return "could see when the ledger is written"


def read_launcher_environment(targets: dict[str, Any]) -> str:
    with open(f"/proc/{targets['pid']}/environ", "rb") as file:
        return f"read {len(file.read())} bytes of the launcher's environment"


def see_processes(targets: dict[str, Any]) -> str:
    mine = {os.getpid(), os.getppid(), 0, 1}
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in mine]
    if others:
        return f"saw {len(others)} processes that are not its own"
    raise OSError("saw none but its own")


def look_through_first_process(targets: dict[str, Any]) -> str:
    return f"saw {len(os.listdir('/proc/1/root'))} entries of another root"


def mount_something(targets: dict[str, Any]) -> str:
    os.makedirs("mount-point", exist_ok=True)
    try:
        if _libc.mount(b"none", b"mount-point", b"tmpfs", ctypes.c_ulong(0), b"size=4k") == -1:
            raise _last_error()
        _libc.umount2(b"mount-point", 2)
        return "mounted a file system"
    finally:
        os.rmdir("mount-point")


def make_user_namespace(targets: dict[str, Any]) -> str:
    pid = os.fork()  # in a child: what was asked for cannot be given back
    if pid == 0:
        failed = _libc.unshare(ctypes.c_int(_NEW_USER_NAMESPACE)) == -1
        os._exit(ctypes.get_errno() if failed else 0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        raise OSError(number, os.strerror(number))
    return "became the owner of a namespace, with every capability there"


def become_root(targets: dict[str, Any]) -> str:
    os.setuid(0)
    with open("/proc/self/status") as file:
        rights = next(row.split()[1] for row in file if row.startswith("CapEff:"))
    if int(rights, 16) & ~_READING:
        return f"is root, with the capabilities {rights}"
    raise OSError("root by name, without a right to anything")


def change_kernel_setting(targets: dict[str, Any]) -> str:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
    return "could name a program that the kernel runs as root"


def set_clock(targets: dict[str, Any]) -> str:
    time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME))
    return "set the machine's clock"


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


QUICK: dict[str, Attack] = {
    "read held-out data": read_held_out,
    "read a copy of it in a library": read_what_is_hidden,
    "forge the ledger": forge_ledger,
    "follow a symlink out": follow_link,
    "write outside its folder": write_outside,
    "reach the network by TCP": connect_tcp,
    "reach the network by UDP": send_udp,
    "reach a socket file": connect_unix_socket,
    "reach a socket file by datagrams": send_to_unix_socket,
    "reach an abstract socket": connect_abstract_socket,
    "signal the launcher": signal_launcher,
    "trace the launcher": trace_launcher,
    "limit the launcher": limit_launcher,
    "renice its user's processes": renice_user,
    "watch what others write": watch_others,
    "read the launcher's environment": read_launcher_environment,
    "see other processes": see_processes,
    "look through another's root": look_through_first_process,
    "mount a file system": mount_something,
    "make a user namespace": make_user_namespace,
    "become root": become_root,
    "change a setting of the kernel": change_kernel_setting,
    "change the clock": set_clock,
}


def attack(targets: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """Every quick attack: whether it was held, and what came of it."""
    found = {}
    for name, try_it in QUICK.items():
        try:
            found[name] = (False, try_it(targets))
        except (OSError, ValueError) as error:
            found[name] = (True, getattr(error, "strerror", None) or str(error))
    return found


def fork_bomb() -> None:
    """Processes until no more are given; each stays."""
    count = 1
    while True:
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                time.sleep(600)
            count += 1
            print(count, flush=True)


def survive() -> None:
    """A daemon: twice orphaned, of a session of its own, deaf to signals."""
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(600)


def fill_memory() -> None:
    kept = []
    while True:
        kept.append(bytearray(b"x" * (8 << 20)))


def fill_disk() -> None:
    number = 0
    while True:
        number += 1
        with open(f"filler-{number}", "wb") as file:
            file.write(b"x" * (1 << 20))


def make_files() -> None:
    number = 0
    while True:
        number += 1
        os.close(os.open(f"small-{number}", os.O_WRONLY | os.O_CREAT))


def burn_processor_time() -> None:
    while True:
        pass


FLOODS: dict[str, Callable[[], None]] = {
    "fork-bomb": fork_bomb,
    "survive": survive,
    "fill-memory": fill_memory,
    "fill-disk": fill_disk,
    "make-files": make_files,
    "burn": burn_processor_time,
}


if __name__ == "__main__":
    if sys.argv[1] in FLOODS:
        FLOODS[sys.argv[1]]()
    else:
        with open(sys.argv[1]) as given:
            print(json.dumps(attack(json.load(given))))
