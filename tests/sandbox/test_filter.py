"""The system call filter decides the same for both processors; its machine is played here."""

from __future__ import annotations

import errno
import signal
import struct

import pytest

from proveout.sandbox._filter import refusals

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS = {
    "x86_64": {
        "read": 0, "clone": 56, "socket": 41, "ptrace": 101, "mount": 165, "unshare": 272,
        "bpf": 321, "keyctl": 250, "prlimit64": 302, "setpriority": 141, "execve": 59,
        "clock_settime": 227, "openat": 257, "ioprio_set": 251, "socketpair": 53,
        "inotify_init1": 294,
    },
    "aarch64": {
        "read": 63, "clone": 220, "socket": 198, "ptrace": 117, "mount": 40, "unshare": 97,
        "bpf": 280, "keyctl": 219, "prlimit64": 261, "setpriority": 140, "execve": 221,
        "clock_settime": 112, "openat": 56, "ioprio_set": 30, "socketpair": 199,
        "inotify_init1": 26,
    },
}  # fmt: skip
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
STREAM, DATAGRAM, RAW, SEQPACKET, CLOSE_ON_EXEC = 1, 2, 3, 5, 0x80000
PRIO_USER = 2
NEW_USER, UNIX, INET, ALG, VSOCK = 0x10000000, 1, 2, 38, 40


def decide(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """What the kernel's filter machine answers to a system call."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, audit, 0, *padded)
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x06:
                return int(value)
            case 0x15 | 0x35 | 0x45:
                holds = {
                    0x15: accumulator == value,
                    0x35: accumulator >= value,
                    0x45: bool(accumulator & value),
                }[code]
                at += if_true if holds else if_false
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


@pytest.mark.parametrize("processor", sorted(AUDIT))
@pytest.mark.parametrize("shares_files", [False, True])
def test_what_is_refused_and_what_is_not(processor: str, shares_files: bool) -> None:
    program = refusals(processor, unix_sockets=not shares_files, network=False)
    audit, calls = AUDIT[processor], CALLS[processor]

    def answer(call: str, *arguments: int) -> int:
        return decide(program, audit, calls[call], *arguments)

    for call in ("read", "execve", "openat"):
        assert answer(call) == ALLOW
    for call in ("ptrace", "mount", "unshare", "bpf", "keyctl", "clock_settime"):
        assert answer(call) == FAIL | errno.EPERM
    assert answer("clone", signal.SIGCHLD) == ALLOW
    assert answer("clone", NEW_USER | signal.SIGCHLD) == FAIL | errno.EPERM
    assert decide(program, audit, 435) == FAIL | errno.ENOSYS  # clone3
    assert decide(program, audit, 425) == FAIL | errno.EPERM  # io_uring_setup
    assert answer("prlimit64", 0, 7) == ALLOW
    assert answer("prlimit64", 4321, 7) == FAIL | errno.EPERM
    assert answer("setpriority", 0, 0) == ALLOW
    assert answer("setpriority", 0, 4321) == FAIL | errno.EPERM
    # A whole user by 0, who is the harness's where there is no other.
    assert answer("setpriority", PRIO_USER, 0) == FAIL | errno.EPERM
    assert answer("ioprio_set", 1, 0) == ALLOW
    assert answer("ioprio_set", 3, 0) == FAIL | errno.EPERM
    for kind in (STREAM, SEQPACKET):
        assert answer("socketpair", UNIX, CLOSE_ON_EXEC | kind) == ALLOW
    for kind in (DATAGRAM, RAW):
        said = answer("socketpair", UNIX, CLOSE_ON_EXEC | kind)
        assert said == (FAIL | errno.EPERM if shares_files else ALLOW)
    alone = refusals(processor, unix_sockets=False, network=False, own_ipc=False)
    assert answer("inotify_init1") == ALLOW
    assert decide(alone, audit, calls["inotify_init1"]) == FAIL | errno.EPERM
    for family in (ALG, VSOCK):
        assert answer("socket", family) == FAIL | errno.EACCES
    for family in (UNIX, INET):
        assert answer("socket", family) == (FAIL | errno.EACCES if shares_files else ALLOW)


@pytest.mark.parametrize("processor", sorted(AUDIT))
def test_calls_of_another_kind_of_processor_end_the_process(processor: str) -> None:
    program = refusals(processor, unix_sockets=True, network=False)
    assert decide(program, 0x40000003, 4) == KILL  # 32-bit, where numbers mean other calls
    if processor == "x86_64":
        x32 = 0x40000000 | CALLS[processor]["read"]
        assert decide(program, AUDIT[processor], x32) == FAIL | errno.ENOSYS


def test_a_job_with_a_network_may_make_any_socket() -> None:
    program = refusals("x86_64", unix_sockets=True, network=True)
    assert decide(program, AUDIT["x86_64"], CALLS["x86_64"]["socket"], VSOCK) == ALLOW
