"""What a job attacks to prove its level: a secret, a ledger, servers and the launcher itself."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from proveout.sandbox._records import Attack, Level

ATTACK_SCRIPT = Path(__file__).with_name("_attack.py")
_SECRET = "what no job may read"
_LEDGER = "what no job may write"
HIDDEN = "hidden"
"""What is hidden in the library of the targets."""

ONLY_IN_NAMESPACES = frozenset({"see other processes"})
"""Attacks that cannot be held without namespaces."""


@dataclass
class Targets:
    """Real files, sockets and a process, in folders of their own; removed in the end."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="proveout-proof-")))
    _sockets: dict[str, socket.socket] = field(default_factory=dict)

    def __enter__(self) -> Self:
        study = self.folder / "study"
        study.mkdir()
        self.library.mkdir()
        for name in ("beside", HIDDEN):
            (self.library / name).write_text(_SECRET)
        (study / "held-out").write_text(_SECRET)
        (study / "ledger").write_text(_LEDGER)
        for path in (study, study / "held-out", study / "ledger", self.folder):
            path.chmod(0o777 if path.is_dir() else 0o666)  # nothing but isolation is in the way
        abstract = f"proveout-{os.getpid()}-{self.folder.name}"
        kinds: dict[str, tuple[int, int, Any]] = {
            "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "unix": (socket.AF_UNIX, socket.SOCK_STREAM, str(study / "socket")),
            "datagrams": (socket.AF_UNIX, socket.SOCK_DGRAM, str(study / "datagrams")),
            "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
        }
        for name, (family, kind, address) in kinds.items():
            server = socket.socket(family, kind)
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen()
            server.setblocking(False)
            self._sockets[name] = server
        for name in ("socket", "datagrams"):
            (study / name).chmod(0o777)
        self._abstract = abstract
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._sockets.values():
            server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def library(self) -> Path:
        """A folder that jobs are to be shown, but for one file in it."""
        return self.folder / "library"

    def prepare(self, level: Level, hidden: Sequence[str]) -> Path:
        """A folder for the attacker, with its list of targets in it, of hidden files too."""
        place = self.folder / f"job-{level}"
        place.mkdir()
        (place / "targets.json").write_text(json.dumps(self._list(hidden)))
        return place

    def _list(self, hidden: Sequence[str]) -> dict[str, Any]:
        study = self.folder / "study"
        return {
            "secret": str(study / "held-out"),
            "beside": str(self.library / "beside"),
            "hidden": hidden,
            "ledger": str(study / "ledger"),
            "outside": str(study),
            "unix": str(study / "socket"),
            "datagrams": str(study / "datagrams"),
            "abstract": self._abstract,
            "tcp": self._sockets["tcp"].getsockname()[1],
            "udp": self._sockets["udp"].getsockname()[1],
            "pid": os.getpid(),
        }

    def found(self, level: Level, said: str) -> tuple[Attack, ...]:
        """What the attacker says it could do, and what it did that is seen from here."""
        report: dict[str, tuple[bool, str]] = json.loads(said.splitlines()[-1])
        attacks = {
            name: Attack(name, bool(held), detail) for name, (held, detail) in report.items()
        }
        seen = {
            "forge the ledger": (self.folder / "study" / "ledger").read_text() != _LEDGER,
            "reach the network by UDP": self._heard("udp"),
            "reach the network by TCP": self._heard("tcp"),
            "reach a socket file by datagrams": self._heard("datagrams"),
        }
        for name, happened in seen.items():
            if happened:
                attacks[name] = Attack(name, held=False, detail="seen from outside")
        return tuple(attacks.values())

    def _heard(self, name: str) -> bool:
        server = self._sockets[name]
        try:
            if name in ("udp", "datagrams"):
                server.recv(16)
            else:
                server.accept()[0].close()
        except BlockingIOError:
            return False
        return True
