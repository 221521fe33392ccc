"""Landlock: a process gives up all files but some, for itself and for all that comes of it.

https://docs.kernel.org/userspace-api/landlock.html; what an older kernel lacks is left out, and
what that means for the level is found out by attacking it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from proveout.sandbox import _kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_AND_REMOVE = sum(1 << bit for bit in (4, 5, 7, 8, 9, 10, 12))
_MAKE_DEVICES = 1 << 6 | 1 << 11
_MOVE, _TRUNCATE, _DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL

_READS = _EXECUTE | _READ_FILE | _READ_FOLDER
_WRITES = _READS | _WRITE_FILE | _MAKE_AND_REMOVE | _MOVE | _TRUNCATE
_USES = _READ_FILE | _WRITE_FILE | _DEVICE_CONTROL

_BIND_AND_CONNECT_TCP = 3
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2


def version() -> int:
    """The ABI that this kernel offers; 0 where it has none."""
    if _kernel.MACHINE is None:
        return 0
    try:
        return _kernel.call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    except OSError:
        return 0


def restrict(
    abi: int,
    *,
    reads: Iterable[str],
    writes: Iterable[str],
    devices: Iterable[str],
    network: bool,
) -> None:
    """Leave this process only what is named; paths that do not exist are passed over.

    New privileges must be forbidden before. Signals and abstract sockets stay among the processes
    that come of this one, from ABI 6 on; without `network` no TCP, from ABI 4 on.
    """
    known = _known(abi)
    tcp = 0 if network or abi < 4 else _BIND_AND_CONNECT_TCP
    scopes = _SIGNALS | _ABSTRACT_SOCKETS if abi >= 6 else 0
    granted = ((reads, _READS & known), (writes, _WRITES & known), (devices, _USES & known))
    _enforce(_attributes(abi, known, tcp, scopes), granted)


def restrict_reading(abi: int, reads: Iterable[str]) -> None:
    """Let this process read the content of files at and below `reads` alone, and do all else."""
    _enforce(_attributes(abi, _READ_FILE), ((reads, _READ_FILE),))


def _attributes(abi: int, files: int, tcp: int = 0, scopes: int = 0) -> bytes:
    """`struct landlock_ruleset_attr`, as long as the kernel's version of it is."""
    known_bytes = 24 if abi >= 6 else 16 if abi >= 4 else 8
    return struct.pack("<QQQ", files, tcp, scopes)[:known_bytes]


def _enforce(attributes: bytes, granted: Iterable[tuple[Iterable[str], int]]) -> None:
    ruleset = _kernel.call(
        _CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    )
    try:
        for paths, rights in granted:
            for path in paths:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    _allow(ruleset, path, rights)
        _kernel.call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _known(abi: int) -> int:
    known = _READS | _WRITES | _MAKE_DEVICES
    known &= ~(_MOVE | _TRUNCATE)
    for since, right in ((2, _MOVE), (3, _TRUNCATE), (5, _DEVICE_CONTROL)):
        known |= right if abi >= since else 0
    return known


def _allow(ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("<Qi", rights, descriptor)
        _kernel.call(_ADD, ctypes.c_int(ruleset), _PATH_BENEATH, rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
