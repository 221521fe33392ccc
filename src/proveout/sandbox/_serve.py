"""The launcher process: `python _serve.py CHANNEL HIGHEST [MODULE ...]`, started by `Launcher`.

The first line that it reads says what is to be hidden from jobs.

It imports the modules once, then forks supervisors for the controller at the other end of the
socket CHANNEL. When that end closes - however the controller ended - everything is killed.
Single-threaded, without a CUDA context and without the controller's environment.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import typing
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # A script's folder comes first on the path; here it must be the one that holds proveout.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from proveout.sandbox import _cgroup, _linux, _script, _supervisor, _tree, _view
from proveout.sandbox._prove import Proof, prove
from proveout.sandbox._records import Level, attempt_fields, exit_line, line, lost

_REPORTS_AT_EXIT = (
    ("torch._subclasses.fake_tensor", "dump_cache_stats"),
    ("torch._dynamo.utils", "dump_compile_times"),
    ("torch._dynamo.eval_frame", "_log_traced_frames"),
)
"""What torch tells a log about its compiler, which nobody asked for when it was imported."""

_CHUNK_BYTES = 1 << 16
_REAP_PAUSE_SECONDS = 0.002


def main(channel: int, highest: Level, modules: list[str]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    _linux.adopt_orphans()
    loaded = preload(modules)
    if _linux.threads() > 1:
        # A fork copies one thread only, so a module that starts some cannot be preloaded.
        os.write(2, b"proveout: preloading started threads; starting without\n")
        os.set_inheritable(channel, True)
        os.execv(sys.executable, [sys.executable, __file__, str(channel), highest])
    del sys.path[0]
    hides, inbox = _read_hides(channel)
    runtime, home = _view.find_runtime(hides), _cgroup.find_home()
    _check_memory(runtime)
    _leave_finalizers_alone()
    _script.set_log_locks_aside()
    gc.collect()
    gc.freeze()
    _linux.use_huge_pages()
    proof = prove(highest, runtime, home)
    attempts = [attempt_fields(attempt) for attempt in proof.attempts]
    if proof.level != "E":  # a Python of its own would not find it there either
        sys.path[:] = [entry for entry in sys.path if not _view.is_source_of_ours(entry)]
    found = {
        "isolation": proof.level,
        "attempts": attempts,
        "shown": runtime.paths,
        "hidden": runtime.hidden,
    }
    _write(channel, line("ready", {"preloaded": loaded, **found}))
    Server(channel, proof, runtime, inbox=inbox).serve()


def _read_hides(channel: int) -> tuple[list[str], bytes]:
    """Patterns of what to hide, and what came after them."""
    received = b""
    while b"\n" not in received:
        chunk = os.read(channel, _CHUNK_BYTES)
        if not chunk:
            sys.exit(0)
        received += chunk
    first, _, rest = received.partition(b"\n")
    patterns: list[str] = json.loads(first)["patterns"]
    return patterns, rest


def _check_memory(runtime: _view.Runtime) -> None:
    """Jobs are forks of this process: what it has imported cannot be hidden from them."""
    files = {getattr(module, "__file__", None): name for name, module in sys.modules.items()}
    if imported := sorted(files[path] for path in runtime.hidden if path in files):
        sys.exit(
            f"proveout: {', '.join(imported)} is to be hidden from trials ([run] hidden), and is "
            "imported where they start; take it off the list, or preload something else"
        )


def preload(modules: list[str]) -> list[str]:
    """Import what can be imported; what cannot is the job's own business."""
    loaded = []
    for name in modules:
        try:
            importlib.import_module(name)
            if name == "torch":
                _warm_torch()
        except Exception as error:
            os.write(2, f"proveout: {name} is not preloaded: {error!r}\n".encode())
        else:
            loaded.append(name)
    return loaded


def _leave_finalizers_alone() -> None:
    """What the preloaded modules want done at exit is not for each fork to do.

    It may concern what the forks share; and torch's own takes 30 ms to no end. To go through them
    only to find that none is due costs a fork two milliseconds in pages that it copies. What a
    script wants done itself is not touched by it.
    """
    finalize: Any = weakref.finalize
    for finalizer in finalize._registry:
        finalizer.atexit = False
    atexit.unregister(finalize._exitfunc)
    finalize._registered_with_atexit = False  # a script's first finalizer puts it back
    # Those of the preloaded modules write to where the launcher does, and keep nothing back.
    getattr(sys.modules.get("logging"), "_handlerList", []).clear()
    for module, name in _REPORTS_AT_EXIT:
        report: Any = getattr(sys.modules.get(module), name, None)
        atexit.unregister(report)


def _warm_torch() -> None:
    """Import what torch imports only when it is used: making the first optimizer takes a second.

    No backward pass: it starts autograd's threads where there is an accelerator.
    """
    torch: Any = importlib.import_module("torch")
    state = torch.random.get_rng_state()
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])
    torch.random.set_rng_state(state)
    if torch.cuda.is_initialized():
        raise RuntimeError("torch has made a CUDA context, which a fork cannot use")


@dataclass
class _Supervisor:
    pid: int
    launch_id: str | None = None
    """What it runs; None while it is idle."""
    inbox: bytes = b""


@dataclass
class Server:
    """Hands requests to supervisors, idle ones first, and their reports to the controller."""

    channel: int
    proof: Proof
    runtime: _view.Runtime
    supervisors: dict[int, _Supervisor] = field(default_factory=dict)
    """By the descriptor that leads to each."""
    inbox: bytes = b""

    def serve(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._take(b"")  # what came with the first line
            while self._serve_once():
                pass
        self._close()

    def _serve_once(self) -> bool:
        waiting = select.poll()
        for descriptor in (self.channel, *self.supervisors):
            waiting.register(descriptor, select.POLLIN)
        for descriptor, _ in waiting.poll():
            if descriptor != self.channel:
                self._hear_supervisor(descriptor)
            elif not self._hear_controller():
                return False
        return True

    def _hear_controller(self) -> bool:
        chunk = os.read(self.channel, _CHUNK_BYTES)
        self._take(chunk)
        return bool(chunk)

    def _take(self, chunk: bytes) -> None:
        *lines, self.inbox = (self.inbox + chunk).split(b"\n")
        for request in lines:
            message = json.loads(request)
            if message["kind"] == "start":
                self._start(message["launch_id"], request)
            else:
                self._cancel(message["launch_id"], request)

    def _start(self, launch_id: str, request: bytes) -> None:
        idle = [fd for fd, supervisor in self.supervisors.items() if supervisor.launch_id is None]
        try:
            descriptor = idle[0] if idle else self._fork_supervisor()
            self.supervisors[descriptor].launch_id = launch_id
            _write(descriptor, request + b"\n")
        except OSError as error:
            os.write(2, f"proveout: cannot start {launch_id}: {error}\n".encode())
            _write(self.channel, exit_line(lost(launch_id)))

    def _cancel(self, launch_id: str, request: bytes) -> None:
        for descriptor, supervisor in self.supervisors.items():
            if supervisor.launch_id == launch_id:
                with contextlib.suppress(OSError):
                    _write(descriptor, request + b"\n")

    def _fork_supervisor(self) -> int:
        # Bare descriptors, not socket objects: one that is collected in a job, after its number
        # was given to a file of the job, would close that file.
        ours, theirs = (end.detach() for end in socket.socketpair())
        pid = os.fork()
        if pid == 0:
            for descriptor in (ours, self.channel, *self.supervisors):
                os.close(descriptor)
            _supervisor.serve(theirs, self.proof.level, self.runtime, self.proof.home)
        os.close(theirs)
        self.supervisors[ours] = _Supervisor(pid)
        return ours

    def _hear_supervisor(self, descriptor: int) -> None:
        supervisor = self.supervisors[descriptor]
        try:
            chunk = os.read(descriptor, _CHUNK_BYTES)
        except ConnectionError:
            chunk = b""
        if not chunk:
            self._bury(descriptor)
            return
        *reports, supervisor.inbox = (supervisor.inbox + chunk).split(b"\n")
        for report in reports:
            supervisor.launch_id = None
            _write(self.channel, report + b"\n")

    def _bury(self, descriptor: int) -> None:
        """A supervisor was killed: so is all that it leaves, and its job is reported lost."""
        supervisor = self.supervisors.pop(descriptor)
        os.close(descriptor)
        os.waitpid(supervisor.pid, 0)
        self._kill_adopted()
        _remove_group(self.proof, supervisor.pid)
        if supervisor.launch_id is not None:
            _write(self.channel, exit_line(lost(supervisor.launch_id)))

    def _kill_adopted(self) -> None:
        """End every process below this one that is no supervisor's."""
        supervised = {supervisor.pid for supervisor in self.supervisors.values()}
        while True:
            adopted = _tree.children(os.getpid()) - supervised
            if not adopted:
                return
            for pid in adopted:
                os.kill(pid, signal.SIGKILL)
            # In any order: the first process of a namespace ends after all others were waited for.
            for pid in adopted:
                os.waitpid(pid, os.WNOHANG)
            time.sleep(_REAP_PAUSE_SECONDS)

    def _close(self) -> None:
        """Closing its channel makes each supervisor kill its job and end."""
        for descriptor in self.supervisors:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, 0)
                _remove_group(self.proof, pid)


def _remove_group(proof: Proof, pid: int) -> None:
    if proof.home is not None:
        _cgroup.Group(proof.home, str(pid)).remove()


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), typing.cast("Level", sys.argv[2]), sys.argv[3:])
    os._exit(0)  # to take torch apart helps nobody
