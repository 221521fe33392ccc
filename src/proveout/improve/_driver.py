"""Runs one program in the sandbox, for the controller at the other end of two named pipes.

The first frame says what is run: an improver, once, with channels to a model, a utility and a
budget; or solutions, one after the other, each in a fork that answers one call after the other. It
imports nothing of proveout.

Nothing here protects anything: the program shares this address space and may do with it what it
likes. What protects is outside, and so is all counting. The watch only tells the controller what it
saw being tried.
"""

# ruff: noqa: PTH100, PTH109, PTH120 - in a fork, where pathlib would cost more

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import struct
import sys
import time
from typing import Any

MOST_FRAME_BYTES = 1 << 20
MOST_NOTES = 100
_TOLD_TO_END = 33
"""The exit status of a solution that was told to end."""
_PROCESSES = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "os.forkpty", "os.kill", "os.killpg", "signal.pthread_kill", "pty.spawn",
)  # fmt: skip
_FILES = (
    "open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.rmdir",
    "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "shutil.rmtree",
)  # fmt: skip
_HARMLESS = ("socket.__new__", "socket.gethostname")
_OWN_WORDS = [f"__{name}__" for name in
              ("eq", "ne", "lt", "le", "gt", "ge", "hash", "float", "repr", "str")]  # fmt: skip
_MEMORY = ("ctypes.dlopen", "gc.get_objects", "gc.get_referrers")


class Pipe:
    """Frames to and from the controller."""

    def __init__(self) -> None:
        self._into = os.open("to", os.O_RDONLY)
        self._out = os.open("from", os.O_WRONLY)
        self._notes = 0

    def send(self, message: dict[str, Any]) -> bool:
        """Whether it went: what is too long does not."""
        body = json.dumps(message, allow_nan=False).encode()
        if len(body) > MOST_FRAME_BYTES:
            return False
        data = struct.pack(">I", len(body)) + body
        while data:
            data = data[os.write(self._out, data) :]
        return True

    def receive(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._exactly(4))
        message: dict[str, Any] = json.loads(self._exactly(length))
        return message

    def note(self, kind: str, detail: str) -> None:
        """Tells the controller that something was tried."""
        self._notes += 1
        if self._notes <= MOST_NOTES:
            self.send({"kind": "note", "what": kind, "detail": detail[:200]})

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            chunk = os.read(self._into, count - len(found))
            if not chunk:
                os._exit(0)  # the controller has gone
            found += chunk
        return found


class _Missing:
    """The last of the finders: asked for what no other has found."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if path is None:
            self._pipe.note("import", name)


def watch(pipe: Pipe) -> None:
    """Tells of what the program tries, from now on; the standard library alone is importable."""
    import encodings.idna  # noqa: F401 - so that a look at the network is not a look at files too

    library = os.path.dirname(os.__file__)
    sys.path[:] = [entry for entry in sys.path if "-packages" not in entry]
    sys.meta_path.append(_Missing(pipe))
    own = os.getcwd()
    busy: list[bool] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if busy or ("." not in event and event != "open"):
            return
        busy.append(True)
        try:
            if event.startswith("socket.") and event not in _HARMLESS:
                pipe.note("network", event)
            elif event in _PROCESSES:
                pipe.note("process", event)
            elif event in _MEMORY:
                pipe.note("memory", event)
            elif event in _FILES and _outside(arguments[0], own, library):
                pipe.note("file", f"{event} {arguments[0]!r}")
        finally:
            busy.pop()

    sys.addaudithook(hook)


def _outside(path: Any, own: str, library: str) -> bool:
    """Whether a path is neither in the process's own folder nor the interpreter's."""
    if not isinstance(path, (str, bytes)):
        return False
    text = os.path.abspath(os.fsdecode(path))
    return not text.startswith((own, library, "/tmp", "/dev/null", "/dev/urandom"))


def said(error: BaseException) -> dict[str, str]:
    """An exception in a line."""
    try:
        text = str(error)
    except BaseException:
        text = "?"
    return {"type": type(error).__name__, "text": text[:500]}


def disguised(value: Any) -> bool:
    """Whether a value has a class of the program's own that says how it compares or prints."""
    own = [each for each in type(value).__mro__ if each.__module__ == "program"]
    return any(name in vars(each) for each in own for name in _OWN_WORDS)


def load(source: str, name: str) -> Any:
    """Runs a program's text and returns the function that it defines."""
    space: dict[str, Any] = {"__name__": "program", "__builtins__": __builtins__}
    exec(compile(source, "program.py", "exec", dont_inherit=True), space)
    function = space.get(name)
    if not callable(function):
        raise NameError(f"the program defines no function {name!r}")
    return function


def host_solutions(pipe: Pipe, start: dict[str, Any]) -> None:
    """Forks for each solution that it is told of, and waits until that has ended."""
    import gc

    gc.freeze()
    while True:
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            random.seed(start["seed"])
            serve_solution(pipe, start)
            os._exit(_TOLD_TO_END)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)  # what it started and left
        if status != _TOLD_TO_END << 8:
            pipe.send({"kind": "gone", "token": start["token"], "status": status})
        start = pipe.receive()


def serve_solution(pipe: Pipe, start: dict[str, Any]) -> None:
    """Answers calls until it is told to end."""
    token = {"token": start["token"]}
    watch(pipe)
    try:
        function = load(start["source"], start["function"])
    except BaseException as error:
        pipe.send({"kind": "broken", **token, **said(error)})
    else:
        pipe.send({"kind": "ready", **token})
    while (call := pipe.receive())["kind"] == "call":
        answer(pipe, token, function, call["arguments"])


def answer(pipe: Pipe, token: dict[str, Any], function: Any, arguments: list[Any]) -> None:
    """One call, answered whatever happens in it."""
    try:
        value = function(*arguments)
    except BaseException as error:
        pipe.send({"kind": "raised", **token, **said(error)})
        return
    if disguised(value):
        pipe.note("disguise", type(value).__name__)
    try:
        sent = pipe.send({"kind": "answer", **token, "value": value})
    except BaseException as error:
        pipe.send({"kind": "no json", **token, **said(error)})
        return
    if not sent:
        pipe.send({"kind": "no json", **token, "type": "", "text": "an answer of more than 1 MB"})


class Refused(RuntimeError):
    """A request over what is left; nothing was charged for it."""


class _Sealed:
    """Says no to being written, and says that it was tried."""

    _name: str
    _pipe: Pipe
    _ask: Any
    _left: dict[str, Any]

    def __init__(self, name: str, pipe: Pipe, **parts: Any) -> None:
        vars(self).update(_name=name, _pipe=pipe, **parts)

    def __setattr__(self, name: str, value: Any = None) -> None:
        kind = "budget" if self._name == "budget" else "score"
        self._pipe.note(kind, f"writes {self._name}.{name}")
        raise AttributeError(f"{self._name}.{name} cannot be written")

    __delattr__ = __setattr__


class Budget(_Sealed):
    """What is left, as the controller last said."""

    @property
    def samples(self) -> int:
        return int(self._left["samples"])

    @property
    def utility_calls(self) -> int:
        return int(self._left["utility_calls"])

    @property
    def tokens(self) -> float:
        return _or_endless(self._left["tokens"])

    @property
    def usd(self) -> float:
        return _or_endless(self._left["usd"])

    @property
    def seconds(self) -> float:
        passed: float = time.monotonic() - self._left["at"]
        return max(0.0, float(self._left["seconds"]) - passed)


class Utility(_Sealed):
    """The score of a candidate on the visible instances, from 0 to 1."""

    def __call__(self, candidate: str) -> float:
        if type(candidate) is not str:
            if disguised(candidate):
                self._pipe.note("disguise", f"utility({type(candidate).__name__})")
            return 0.0
        return float(self._ask({"kind": "utility", "candidate": candidate})["score"])


class Model(_Sealed):
    """Replies to a prompt."""

    def __call__(self, prompt: str, count: int = 1, temperature: float = 0.7) -> list[str]:
        request = {"prompt": str(prompt), "count": int(count), "temperature": float(temperature)}
        return list(self._ask({"kind": "model", **request})["texts"])


def run_improver(pipe: Pipe, start: dict[str, Any]) -> None:
    """Runs it once and tells what it returned."""
    left = _at_now(start["budget"])

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        if not pipe.send(request):
            raise Refused("a request of more than 1 MB")
        reply = pipe.receive()
        left.update(_at_now(reply["budget"]))
        if reply["kind"] == "refused":
            raise Refused(reply["why"])
        return reply

    utility = Utility("utility", pipe, _ask=ask, description=start["description"])
    model, budget = Model("model", pipe, _ask=ask), Budget("budget", pipe, _left=left)
    watch(pipe)
    try:
        improve = load(start["source"], "improve")
        returned = improve(start["solution"], utility, model, budget)
    except BaseException as error:
        pipe.send({"kind": "raised", **said(error)})
        return
    if type(returned) is not str:
        if disguised(returned):
            pipe.note("disguise", f"returned a {type(returned).__name__}")
        pipe.send({"kind": "no text", "type": type(returned).__name__})
    elif len(returned) > MOST_FRAME_BYTES or not pipe.send(
        {"kind": "returned", "solution": returned}
    ):
        pipe.send({"kind": "too long", "bytes": len(returned)})


def _at_now(budget: dict[str, Any]) -> dict[str, Any]:
    return {**budget, "at": time.monotonic()}


def _or_endless(value: float | None) -> float:
    return float("inf") if value is None else value


def main() -> None:
    pipe = Pipe()
    start = pipe.receive()
    if start["kind"] == "improver":
        random.seed(start["seed"])
        run_improver(pipe, start)
    else:
        host_solutions(pipe, start)


if __name__ == "__main__":
    sys.setrecursionlimit(5000)
    main()
