"""How a supervisor shuts its jobs in, and how a fork of it becomes a job that is shut in.

    A  everything of B, and a control group holds memory and processes
    B  namespaces: file system, processes, network, IPC and host name of its own
    C  no namespaces: Landlock, a system call filter, resource limits, where possible a user of
       its own
    E  nothing but limits

A supervisor that may make namespaces, as root or as the owner of those that it is in, gives each
job a process-id namespace, whose first process is a `Sleeper`; the job then makes the others.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field

from proveout.sandbox import _cgroup, _filter, _hide, _kernel, _landlock, _linux, _owners, _view
from proveout.sandbox._records import Level, ProcessStart
from proveout.sandbox._tree import Tree

_FIRST_JOB_UID = 1_500_000_000
_JOB_UIDS = 1 << 22


@dataclass
class Cell:
    """What one supervisor has to shut its jobs in with; made once, in the supervisor."""

    level: Level
    runtime: _view.Runtime
    uid: int
    gid: int
    """What jobs run as: a user that nobody else is, where this process is root."""
    landlock: int
    filters: tuple[bytes, bytes]
    """System call filters without and with a network."""
    group: _cgroup.Group | None = None
    owner: int = field(default_factory=os.geteuid)
    """What the supervisor runs as."""
    reads_all: bool = False
    """Whether the supervisor can give a job the right to read what only its owner may."""
    user_processes: int = 0
    """Processes of others that the kernel counts for the same user."""
    hidden: tuple[str, ...] = ()
    """What no job may read of what is shown, or would be."""
    first: int | None = None
    """The first process of the namespace that a job is in."""
    tree: Tree = field(default_factory=lambda: Tree(os.getpid()))
    """Of the supervisor's jobs."""
    _sleeper: _kernel.Sleeper | None = None
    _own_namespace: int = -1
    _searched: set[str] = field(default_factory=set)

    @property
    def in_namespaces(self) -> bool:
        return self.level in ("A", "B")

    @property
    def changes_user(self) -> bool:
        return self.uid != self.owner

    def begin(self, start: ProcessStart) -> None:
        """Get ready for a job; the next fork of this process is in its namespace."""
        self._hide_in_tools(start)
        if (
            self.changes_user
            and not self.reads_all
            and not self._readable(start, self._reads(start))
        ):
            # Another user could not get at the interpreter or the job's folder: without rights,
            # and behind the same walls, it stays this one.
            self.uid, self.gid = self.owner, os.getegid()
        if self.changes_user:
            _owners.give(start.writes, self.uid, self.gid)
        if self.group is not None:
            self.group.limit(start.memory_bytes, start.processes)
        if not self.in_namespaces:
            return
        assert self._sleeper is not None
        _kernel.unshare(_kernel.NEW_PROCESSES)
        try:
            # It inherits that the ends of its children are ignored: so none becomes a zombie.
            before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            self.first = self._sleeper.start()
            signal.signal(signal.SIGCHLD, before)
        except OSError:
            self.forked()
            raise

    def forked(self) -> None:
        """The job is there; further forks are outside again."""
        if self.in_namespaces:
            _kernel.join_namespace(self._own_namespace, _kernel.NEW_PROCESSES)

    def abandon(self, start: ProcessStart) -> None:
        """There is no job after all: nothing of what `begin` did stays."""
        with contextlib.suppress(OSError):
            self.forked()
        self.end()
        if self.first is not None:
            os.waitpid(self.first, 0)
        self.take_back(start)

    def end(self) -> None:
        """The job has ended: so does all that is in its namespace. The caller waits for it."""
        if self.first is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.first, signal.SIGKILL)

    def take_back(self, start: ProcessStart) -> None:
        """Everything of the job is over: what it wrote is its owner's again, and readable."""
        self.first = None
        if self.changes_user:
            _owners.give(start.writes, os.geteuid(), os.getegid(), readable=True)
            if self.level == "C":
                _owners.remove_of(self.uid, "/dev/shm")

    def close(self) -> None:
        if self.group is not None:
            self.group.leave_and_remove()

    def confine(self, start: ProcessStart) -> None:
        """In the fork: give up everything that the job must not have. Raises OSError."""
        if self.level == "E":
            return
        os.umask(0o022)  # what is made for the job is for its user to use
        reads = self._reads(start)
        if self.in_namespaces:
            self._move_in(start, reads)
        self._drop_privileges(keep_reading=self.changes_user and not self._readable(start, reads))
        _linux.die_with_parent()  # a change of user makes the kernel forget it
        _kernel.forbid_new_privileges()
        self._give_up_files(start, reads)
        _kernel.install_filter(self.filters[start.network])

    def _reads(self, start: ProcessStart) -> list[str]:
        return [*start.reads, *_view.tools(start.argv[0], start.environment)]

    def hide(self, paths: Iterable[str]) -> None:
        """From now on this process and its jobs cannot read these."""
        new = [path for path in paths if path not in self.hidden]
        self.hidden += tuple(new)
        if new and self.in_namespaces:
            _hide.cover(new)
        elif new and self.landlock:
            _kernel.forbid_new_privileges()
            _landlock.restrict_reading(self.landlock, _hide.around(self.hidden))

    def _hide_in_tools(self, start: ProcessStart) -> None:
        """What a job's command brings with it may be another Python, with the same library."""
        if self.level != "E" and self.runtime.hides.names:
            tools = self.runtime.lacks(_view.tools(start.argv[0], start.environment))
            new = set(tools) - self._searched
            self.hide(self.runtime.hides.find(sorted(new)))
            self._searched |= new

    def _move_in(self, start: ProcessStart, reads: list[str]) -> None:
        kinds = _kernel.NEW_MOUNTS | _kernel.NEW_IPC | _kernel.NEW_HOST_NAME | _kernel.NEW_CGROUP
        _kernel.unshare(kinds | (0 if start.network else _kernel.NEW_NETWORK))
        if not start.network:
            with contextlib.suppress(OSError):
                _kernel.raise_loopback()
        _kernel.set_host_name("trial")
        _view.enter(
            _view.View(
                self.runtime,
                tuple(reads),
                start.writes,
                accelerators=_has_device(start),
                temporary_bytes=start.memory_bytes // 4,
                uid=self.uid,
                gid=self.gid,
            )
        )

    def _readable(self, start: ProcessStart, reads: list[str]) -> bool:
        """Whether any user may get at what the job needs; at its folder too, where that matters."""
        if self.in_namespaces:
            return all(map(_owners.is_open, [*self.runtime.paths, *reads]))
        own = os.path.dirname(start.writes)
        return all(map(_owners.is_open_from_the_root, [*self.runtime.paths, *reads, own]))

    def _drop_privileges(self, *, keep_reading: bool) -> None:
        """No capability is left, but reading where the interpreter is its owner's alone.

        What can be read is then what the view or Landlock shows, and no more.
        """
        reading = keep_reading and self.reads_all
        keep = 1 << _kernel.DAC_READ_SEARCH if reading else 0
        _kernel.bound_capabilities(keep)
        if self.changes_user:
            if reading:
                _kernel.keep_capabilities_over_uid_change()
            os.setgroups([])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        _kernel.drop_capabilities(keep)
        _kernel.set_dumpable(True)  # else its own /proc/self would be closed to it

    def _give_up_files(self, start: ProcessStart, reads: list[str]) -> None:
        if self.landlock == 0:
            if self.level == "C":
                raise OSError("the kernel has no Landlock, or does not let this process use it")
            return
        accelerators = _has_device(start)
        writes = [start.writes]
        if self.in_namespaces:
            allowed = ["/"]
            writes += ["/tmp", "/dev/shm"]
        else:
            machine = _view.machine_paths(accelerators=accelerators)
            allowed = [*self.runtime.paths, *machine, "/proc", *reads]
            writes += ["/dev/shm"] if self.changes_user else []
        _landlock.restrict(
            self.landlock,
            reads=allowed,
            writes=writes,
            devices=_view.device_paths(accelerators=accelerators),
            network=start.network or self.in_namespaces,  # where there is nobody to talk to
        )


def build(level: Level, runtime: _view.Runtime, home: _cgroup.Home | None) -> Cell:
    """In a supervisor: get what a level needs. Raises OSError, with what is missing."""
    if level == "E":
        uid = os.geteuid()
        return Cell(
            level, runtime, uid, os.getegid(), 0, (b"", b""), user_processes=_processes_of(uid)
        )
    if _kernel.MACHINE is None:
        raise OSError(_kernel.ELSEWHERE)
    group = None
    if level == "A":
        assert home is not None
        group = _cgroup.Group(home, str(os.getpid()))
        group.make_and_enter()
    nested = level in ("A", "B") and not _may_leave_namespaces()
    if nested:
        _nest()
    elif level in ("A", "B") and runtime.hides.names:
        _kernel.unshare(_kernel.NEW_MOUNTS)
        _kernel.make_mounts_private()
    uid = os.geteuid() if nested or os.geteuid() != 0 else _uid_of_its_own()
    cell = Cell(
        level,
        runtime,
        uid=uid,
        gid=uid if uid != os.geteuid() else os.getegid(),
        landlock=_landlock.version(),
        filters=(
            _filter.for_this_machine(
                unix_sockets=level != "C", network=False, own_ipc=level != "C"
            ),
            _filter.for_this_machine(unix_sockets=True, network=True, own_ipc=level != "C"),
        ),
        group=group,
        reads_all=_kernel.has_capability(_kernel.DAC_READ_SEARCH),
    )
    cell.hide(runtime.hidden)
    if cell.in_namespaces:
        cell._own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        cell._sleeper = _kernel.Sleeper()
    elif not cell.changes_user:
        cell.user_processes = _processes_of(uid)
    _kernel.set_dumpable(False)
    return cell


def _may_leave_namespaces() -> bool:
    """Whether this process may make process-id namespaces and come back to its own."""
    if not _kernel.has_capability(_kernel.SYS_ADMIN):
        return False
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _kernel.join_namespace(own, _kernel.NEW_PROCESSES)
    except OSError:
        return False
    finally:
        os.close(own)
    return True


def _nest() -> None:
    """Go on as the first process of namespaces that this user owns.

    There it has every right over further namespaces, and no more than before over anything else.
    The process that calls this waits for the one that goes on, and ends with it.
    """
    uid, gid = os.geteuid(), os.getegid()
    _kernel.unshare(_kernel.NEW_USER | _kernel.NEW_MOUNTS | _kernel.NEW_PROCESSES)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    with contextlib.suppress(OSError), open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")  # none inside of this one
    pid = os.fork()
    if pid != 0:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.waitpid(pid, 0)
        os._exit(0)
    _linux.die_with_parent()
    _kernel.make_mounts_private()
    # What looks after the job's processes counts as this namespace does.
    flags = _kernel.NO_SET_UID | _kernel.NO_DEVICES | _kernel.NO_EXEC
    _kernel.mount("proc", "/proc", "", flags)


def _uid_of_its_own() -> int:
    """A user that nothing else runs as; this process's own where it has no other."""
    ranges = []
    with contextlib.suppress(OSError), open("/proc/self/uid_map") as file:
        ranges = [(int(first), int(count)) for first, _, count in map(str.split, file)]
    mine = os.getpid() % _JOB_UIDS
    for first, count in ranges:
        if first <= _FIRST_JOB_UID and first + count >= _FIRST_JOB_UID + _JOB_UIDS:
            return _FIRST_JOB_UID + mine
    for first, count in ranges:
        if count > 4096:  # a container with some users: the last but one quarter of a thousand
            return first + count - 512 + mine % 256
    others = [first for first, count in ranges for first in (first + count - 1,) if first != 0]
    return others[-1] if others else os.geteuid()


def _has_device(start: ProcessStart) -> bool:
    return start.environment.get("CUDA_VISIBLE_DEVICES", "") not in ("", "-1")


def _processes_of(uid: int) -> int:
    """Threads of a user, as RLIMIT_NPROC counts them."""
    total = 0
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir("/proc")
    for name in names:
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == uid:
                    total += len(os.listdir(f"/proc/{name}/task"))
    return total
