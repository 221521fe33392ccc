"""Control groups: memory and processes of a job counted and held by the kernel.

One group a supervisor, in which it is itself and into which its jobs are born. To move a process
into a group costs the kernel some ten milliseconds; to change a limit costs nothing.
Works with cgroup v2 where its controllers are delegated, and with the v1 controllers.
"""

from __future__ import annotations

import contextlib
import glob
import os
from dataclasses import dataclass, field

_PREFIX = "proveout-"
_SLACK_BYTES = 64 << 20
"""Above the limit, so that the supervisor, which can say so, is the first to find a job over it."""
_SLACK_PROCESSES = 8
"""The same; the supervisor and the namespace's first process count too."""


@dataclass(frozen=True)
class Home:
    """Folders of the cgroup file system below which groups can be made, by controller."""

    memory: str
    pids: str
    version: int
    accounting: str = ""
    """Of v1's accounting of processor time, which it counts apart; empty where there is none."""
    shares: str = ""
    """Of v1's division of processor time: jobs side by side have as much each, however many
    processes they are. v2 does so by itself where it hands `cpu` on."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(filter(
            None, (self.memory, self.pids, self.accounting, self.shares))))  # fmt: skip

    def sweep(self) -> None:
        """Remove groups without processes that an earlier launcher left, as it was killed."""
        for parent in self.folders:
            for folder in glob.glob(os.path.join(glob.escape(parent), _PREFIX + "*")):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


@dataclass
class Group:
    """The group of one supervisor and of the job that it runs."""

    home: Home
    name: str
    _limits: tuple[int, int] | None = field(default=None, repr=False)
    _killed_before: int = 0
    _refused_before: int = 0

    @property
    def _memory(self) -> str:
        return os.path.join(self.home.memory, _PREFIX + self.name)

    @property
    def _pids(self) -> str:
        return os.path.join(self.home.pids, _PREFIX + self.name)

    @property
    def _folders(self) -> tuple[str, ...]:
        return tuple(os.path.join(parent, _PREFIX + self.name) for parent in self.home.folders)

    def make_and_enter(self) -> None:
        """Raises OSError where that is not allowed; those of processor time may be missing."""
        for folder, parent in zip(self._folders, self.home.folders, strict=True):
            needed = parent in (self.home.memory, self.home.pids)
            with contextlib.suppress(*[] if needed else [OSError]):
                os.mkdir(folder)
                _write(f"{folder}/cgroup.procs", str(os.getpid()))

    def limit(self, memory_bytes: int, processes: int) -> None:
        """For the next job; raises OSError."""
        self._killed_before, self._refused_before = self._killed(), self._refused()
        if self._limits == (memory_bytes, processes):
            return
        most = str(memory_bytes + _SLACK_BYTES)
        if self.home.version == 2:
            _write(f"{self._memory}/memory.max", most)
            with contextlib.suppress(OSError):  # where the kernel does not count swap
                _write(f"{self._memory}/memory.swap.max", "0")
        else:
            with contextlib.suppress(OSError):
                _write(f"{self._memory}/memory.memsw.limit_in_bytes", "-1")
            _write(f"{self._memory}/memory.limit_in_bytes", most)
            with contextlib.suppress(OSError):
                _write(f"{self._memory}/memory.memsw.limit_in_bytes", most)
        _write(f"{self._pids}/pids.max", str(processes + _SLACK_PROCESSES))
        self._limits = memory_bytes, processes

    @property
    def memory_was_refused(self) -> bool:
        """Whether the kernel ended a process of this job for want of memory."""
        return self._killed() > self._killed_before

    @property
    def processes_were_refused(self) -> bool:
        """Whether this job was refused a process or a thread."""
        return self._refused() > self._refused_before

    @property
    def cpu_seconds(self) -> float:
        """Used by all that ever was in the group, as the kernel counts it: by processes that nobody
        waits for, too. 0 where it does not say."""
        if self.home.version == 2:
            return _counter(f"{self._memory}/cpu.stat", "usage_usec") / 1e6
        if not self.home.accounting:
            return 0.0
        place = os.path.join(self.home.accounting, _PREFIX + self.name, "cpuacct.usage")
        with contextlib.suppress(OSError, ValueError), open(place) as file:
            return int(file.read()) / 1e9
        return 0.0

    def _killed(self) -> int:
        name = "memory.events" if self.home.version == 2 else "memory.oom_control"
        return _counter(f"{self._memory}/{name}", "oom_kill")

    def _refused(self) -> int:
        return _counter(f"{self._pids}/pids.events", "max")

    def leave_and_remove(self) -> None:
        """From inside, when the supervisor ends by itself."""
        for folder, parent in zip(self._folders, self.home.folders, strict=True):
            with contextlib.suppress(OSError):
                _write(f"{parent}/cgroup.procs", str(os.getpid()))
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def remove(self) -> None:
        """From outside, once its processes have ended."""
        for folder in self._folders:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def find_home() -> Home | str:
    """Where groups may be made; or why nowhere."""
    paths = _own_paths()
    mounts = _mounts()
    unified = mounts.get("cgroup2")
    if unified is not None and "" in paths:
        home = _unified_home(unified, paths[""])
        if home is not None:
            return home
    folders = {
        name: os.path.normpath(mounts[name] + "/" + paths[name])
        for name in ("memory", "pids", "cpuacct", "cpu")
        if name in mounts and name in paths
    }
    if {"memory", "pids"} <= folders.keys():
        writable = {name: at for name, at in folders.items() if os.access(at, os.W_OK)}
        if {"memory", "pids"} <= writable.keys():
            return Home(writable["memory"], writable["pids"], 1,
                        writable.get("cpuacct", ""), writable.get("cpu", ""))  # fmt: skip
        return f"{folders['memory']} cannot be written"
    if unified is None:
        return "no cgroup file system is mounted"
    return (
        f"no group of {unified} that this process may write hands on both memory and pids to the "
        "groups below it (see cgroup.subtree_control)"
    )


def _unified_home(mount: str, path: str) -> Home | None:
    """This process's group or the nearest above whose groups below have the controllers."""
    folder = os.path.normpath(mount + "/" + path)
    while folder.startswith(mount):
        with contextlib.suppress(OSError):
            with open(f"{folder}/cgroup.subtree_control") as file:
                handed_on = file.read().split()
            writable = os.access(folder, os.W_OK) and os.access(f"{folder}/cgroup.procs", os.W_OK)
            if {"memory", "pids"} <= set(handed_on) and writable:
                return Home(folder, folder, version=2)
        if folder == mount:
            break
        folder = os.path.dirname(folder)
    return None


def _own_paths() -> dict[str, str]:
    """This process's group in each hierarchy, by controller; "" names the unified one."""
    paths: dict[str, str] = {}
    with contextlib.suppress(OSError), open("/proc/self/cgroup") as file:
        for row in file:
            _, controllers, path = row.rstrip("\n").split(":", 2)
            paths |= dict.fromkeys(controllers.split(","), path)
    return paths


def _mounts() -> dict[str, str]:
    """Where each hierarchy is mounted, by controller; "cgroup2" names the unified one."""
    mounts: dict[str, str] = {}
    with contextlib.suppress(OSError), open("/proc/self/mountinfo") as file:
        for row in file:
            fields, _, rest = row.partition(" - ")
            kind, _, options = rest.split()[:3]
            root, place = fields.split()[3:5]
            if root != "/":
                continue  # only a part of the hierarchy: paths would not lead to our groups
            if kind == "cgroup2":
                mounts.setdefault("cgroup2", place)
            elif kind == "cgroup":
                for option in options.split(","):
                    mounts.setdefault(option, place)
    return mounts


def _counter(file_name: str, key: str) -> int:
    with contextlib.suppress(OSError, ValueError), open(file_name) as file:
        for row in file:
            name, _, value = row.partition(" ")
            if name == key:
                return int(value)
    return 0


def _write(file_name: str, text: str) -> None:
    with open(file_name, "w") as file:
        file.write(text)
