"""The system calls that a job may not make, as a seccomp filter for the kernel.

What is refused are ways into other processes, into the kernel's rarer corners and out of the
namespaces that a job is put in. Everything else a training program may need stays allowed.
"""

from __future__ import annotations

import errno
import struct

from proveout.sandbox import _kernel

_SAME_EVERYWHERE = {  # added since x86_64 and aarch64 count alike
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "process_mrelease": 448,
    "open_tree_attr": 467,
}
_REFUSED = {
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "swapon": 167,
        "swapoff": 168, "unshare": 272, "setns": 308, "keyctl": 250, "add_key": 248,
        "request_key": 249, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298,
        "kexec_load": 246, "kexec_file_load": 320, "init_module": 175, "finit_module": 313,
        "delete_module": 176, "reboot": 169, "acct": 163, "quotactl": 179, "syslog": 103,
        "clock_settime": 227, "settimeofday": 164, "sethostname": 170, "setdomainname": 171,
        "iopl": 172, "ioperm": 173, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "fanotify_init": 300, "vhangup": 153, "lookup_dcookie": 212, "modify_ldt": 154,
        "personality": 135,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "swapon": 224,
        "swapoff": 225, "unshare": 97, "setns": 268, "keyctl": 219, "add_key": 217,
        "request_key": 218, "bpf": 280, "userfaultfd": 282, "perf_event_open": 241,
        "kexec_load": 104, "kexec_file_load": 294, "init_module": 105, "finit_module": 273,
        "delete_module": 106, "reboot": 142, "acct": 89, "quotactl": 60, "syslog": 116,
        "clock_settime": 112, "settimeofday": 170, "sethostname": 161, "setdomainname": 162,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "fanotify_init": 262, "vhangup": 58,
        "lookup_dcookie": 18, "personality": 92,
    },
}  # fmt: skip
_NOTES = {  # left in a namespace for IPC or beside files that are not its own, or news of others
    "x86_64": {
        "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66,
        "semtimedop": 220, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240,
        "mq_unlink": 241, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "setxattrat": 463,
        "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199, "removexattrat": 466,
        "inotify_init": 253, "inotify_init1": 294,
    },
    "aarch64": {
        "shmget": 194, "shmat": 196, "shmctl": 195, "semget": 190, "semop": 193, "semctl": 191,
        "semtimedop": 192, "msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187,
        "mq_open": 180, "mq_unlink": 181, "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7,
        "setxattrat": 463, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
        "removexattrat": 466, "inotify_init1": 26,
    },
}  # fmt: skip
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SOCKET_PAIR = {"x86_64": 53, "aarch64": 199}
_WITHOUT_CONNECTION = 2
"""A bit of the types of sockets that send to any address: one of a pair can be given another."""
_CLONE3 = 435
_ONLY_ITSELF = {  # calls that reach others of the same user: (number, which argument names whom)
    "x86_64": {
        "prlimit64": (302, 0), "setpriority": (141, 1), "sched_setscheduler": (144, 0),
        "sched_setparam": (142, 0), "sched_setattr": (314, 0), "ioprio_set": (251, 1),
    },
    "aarch64": {
        "prlimit64": (261, 0), "setpriority": (140, 1), "sched_setscheduler": (119, 0),
        "sched_setparam": (118, 0), "sched_setattr": (274, 0), "ioprio_set": (30, 1),
    },
}  # fmt: skip
_OF_ONE_PROCESS = {  # and these reach a whole user by his number, or by 0: (number, what may be)
    "x86_64": {"setpriority": (141, 0), "ioprio_set": (251, 1)},
    "aarch64": {"setpriority": (140, 0), "ioprio_set": (30, 1)},
}
_NEW_NAMESPACES = 0x7E020080
"""Flags of clone() that ask for a namespace: mounts, cgroup, names, IPC, user, ids, net, time."""

_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_X32_CALLS = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _PROCESSOR_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000


def refusals(processor: str, *, unix_sockets: bool, network: bool, own_ipc: bool = True) -> bytes:
    """The filter for a processor, as an array of `struct sock_filter`.

    Args:
        processor: "x86_64" or "aarch64".
        unix_sockets: whether sockets between processes may be made. Where a job shares the file
            system with others, the sockets of these are in its reach; then only pairs with a
            connection may.
        network: whether sockets of every kind may be made.
        own_ipc: whether the job has namespaces for IPC and mounts; where it shares them with
            others, shared memory, semaphores, message queues, attributes of files and
            watching them are refused: a job could leave notes there, and find them.
    """
    program = [
        (_LOAD, 0, 0, _PROCESSOR_AT),
        (_EQUAL, 1, 0, _AUDIT[processor]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if processor == "x86_64":
        program += _answer(_AT_LEAST, _X32_CALLS, _FAIL | errno.ENOSYS)
    # Its flags lie in memory, where a filter cannot look; C libraries fall back to clone().
    program += _answer(_EQUAL, _CLONE3, _FAIL | errno.ENOSYS)
    shared = () if own_ipc else _NOTES[processor].values()
    for number in sorted({*_REFUSED[processor].values(), *_SAME_EVERYWHERE.values(), *shared}):
        program += _answer(_EQUAL, number, _FAIL | errno.EPERM)
    program += _of_call(_CLONE[processor], _answer_bits(_NEW_NAMESPACES))
    refused = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    for number, argument in _ONLY_ITSELF[processor].values():
        program += _of_call(number, [(_EQUAL, 1, 0, 0), refused], argument)
    for number, kind in _OF_ONE_PROCESS[processor].values():
        program += _of_call(number, [(_EQUAL, 1, 0, kind), refused])
    if not network and not unix_sockets:
        program += _of_call(_SOCKET_PAIR[processor], _answer_bits(_WITHOUT_CONNECTION), 1)
    if not network:
        program += _of_call(_SOCKET[processor], _families(unix_sockets))
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


_Instructions = list[tuple[int, int, int, int]]
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def _answer(test: int, value: int, answer: int) -> _Instructions:
    return [(test, 0, 1, value), (_RETURN, 0, 0, answer)]


def _of_call(number: int, body: _Instructions, argument: int = 0) -> _Instructions:
    """Only for one call: what one of its arguments may not be; the low half of it."""
    reload = [(_LOAD, 0, 0, _NUMBER_AT)]
    inside = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument), *body, *reload]
    return [(_EQUAL, 0, len(inside), number), *inside]


def _answer_bits(bits: int) -> _Instructions:
    return [(_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, _FAIL | errno.EPERM)]


def _families(unix_sockets: bool) -> _Instructions:
    """Sockets that lead nowhere: to processes beside it, and in a network of its own."""
    families = (_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK) if unix_sockets else ()
    allowed: _Instructions = []
    for family in families:
        allowed += _answer(_EQUAL, family, _ALLOW)
    return [*allowed, (_RETURN, 0, 0, _FAIL | errno.EACCES)]


def for_this_machine(*, unix_sockets: bool, network: bool, own_ipc: bool) -> bytes:
    """The filter that jobs of this machine get."""
    processors = {audit: name for name, audit in _AUDIT.items()}
    assert _kernel.MACHINE is not None
    processor = processors[_kernel.MACHINE.audit]
    return refusals(processor, unix_sockets=unix_sockets, network=network, own_ipc=own_ipc)
