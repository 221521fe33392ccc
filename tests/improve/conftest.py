"""A task that costs next to nothing, improvers of every kind, and a model that says what it is
told to."""

from __future__ import annotations

import contextlib
import json
import re
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from proveout.improve import (
    Book,
    Budget,
    EmbeddedModel,
    Ends,
    Improvement,
    Model,
    Most,
    Place,
    Samples,
    Task,
    Workshop,
    read_improvement,
    read_task,
)

FENCE = "`" * 3

TASK_TOML = """\
name = "{name}"
description = "Write solve(top): a number from 0 to top, the higher the better. {name}"
range = [0, 1]
visible = 2
hidden = 3
seconds = 1.0
"""
TASK = """
from proveout.errors import SolutionFailed

def instances(rng, count):
    return [rng.uniform(1, 2) for _ in range(count)]

def score(instance, call):
    answer = call(instance)
    if type(answer) not in (int, float) or not 0 <= answer <= instance:
        raise SolutionFailed("wrong answer", "not a number from 0 to top")
    return answer / instance
"""
BASELINE = "SHARE = 0.1\n\n\ndef solve(top):\n    return SHARE * top\n"

# Takes over what the model says, with no look at its utility.
TRUSTING = """
import re

ASK = "plainly"


def improve(solution, utility, model, budget):
    prompt = f"{ASK}: {utility.description}\\n```python\\n{solution}\\n```\\n"
    found = re.findall(r"^```\\w*\\n(.*?)^```", model(prompt, 1)[0], re.S | re.M)
    return found[-1] if found else solution
"""
BETTER = TRUSTING.replace('"plainly"', '"carefully"')
WORSE = TRUSTING.replace('"plainly"', '"carelessly"')


def solution(share: float | str) -> str:
    """A program for the task that answers a share of what is possible."""
    return BASELINE.replace("0.1", str(share))


def fenced(program: str) -> str:
    """A reply with a program in it."""
    return f"Here it is:\n\n{FENCE}python\n{program.strip()}\n{FENCE}\n"


def write_task(folder: Path, name: str) -> Path:
    """A task folder, as a user would add one."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "task.toml").write_text(TASK_TOML.format(name=name))
    (place / "task.py").write_text(TASK)
    (place / "baseline.py").write_text(BASELINE)
    return place


@dataclass
class Told(Model):
    """A model that answers by a function of the prompt; a list is answered in turn."""

    answer: Callable[[str], str] | list[str] = field(default_factory=list)
    asked: list[tuple[str, int, float, int]] = field(default_factory=list)
    usd: float = 0.0
    """What a sample costs."""

    @property
    def name(self) -> str:
        """As it stands in the records."""
        return "told"

    def most(self, prompt: str, count: int) -> Most:
        """Twice what it will cost."""
        return Most(2 * count * 10, 2 * count * self.usd)

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """The next answers."""
        self.asked.append((prompt, count, temperature, seed))
        if callable(self.answer):
            texts = tuple(self.answer(prompt) for _ in range(count))
        else:
            texts = tuple(self.answer.pop(0) if self.answer else "no more" for _ in range(count))
        return Samples(texts, 4 * count, 6 * count, count * self.usd)


def by_tone(prompt: str) -> str:
    """Asked carefully, a model gives better programs for a task than asked otherwise."""
    for tone, share in (("carefully", 0.9), ("carelessly", 0.15)):
        if prompt.startswith(tone):
            return fenced(solution(share))
    return fenced(solution(0.4))


def is_about_improvers(prompt: str) -> bool:
    """Whether a prompt asks for an improver and not for a task's program."""
    return bool(re.search(r"improve\(solution, utility, model, budget\)", prompt))


@pytest.fixture
def new_task() -> Callable[[Path, str], Path]:
    """Writes a task folder: `new_task(folder, "name")`."""
    return write_task


@pytest.fixture
def level(tmp_path: Path) -> Task:
    """The task."""
    return read_task(write_task(tmp_path / "tasks", "level"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place to run programs in, shared by the tests of a file."""
    with Place(tmp_path_factory.mktemp("scratch")) as found:
        yield found


@pytest.fixture
def shop(place: Place, tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Makes a workshop around a model: `shop(model)`; all of one test share a book."""
    with Book(tmp_path, Ends(), durable=False) as book:
        yield lambda model=None: Workshop(place, book, model or EmbeddedModel(), "key")


@pytest.fixture
def attempt(shop: Any, level: Task) -> Callable[..., Any]:
    """Runs an improver's body on the task: `attempt("return solution")`."""

    def run(body: str, model: Model | None = None, **budget: Any) -> Any:
        source = "def improve(solution, utility, model, budget):\n"
        source += textwrap.indent(textwrap.dedent(body).strip() + "\n", "    ")
        limits = {"samples": 4, "utility_calls": 4, "seconds": 20.0, "cpu_seconds": 5.0} | budget
        name = f"run-{len(run.done)}"  # type: ignore[attr-defined]
        run.done.append(name)  # type: ignore[attr-defined]
        made = shop(model or Told(by_tone))
        return made.improve_task(name, "tried", source, level, 1, Budget(**limits))

    run.done = []  # type: ignore[attr-defined]
    return run


SPEC = """\
name = "toy"
key = "toy"
improver = "trusting.py"
tasks = ["level"]
held_out = ["other"]
generations = {generations}
approve = {approve}
model = "{model}"

[inner]
samples = 2
utility_calls = 2
time = "{seconds} s"
cpu = "1 s"

[outer]
samples = 1
utility_calls = 1

[gate]
alpha = 0.2
rounds = 14
screen = 1

[run]
workers = {workers}
{run}
"""


@dataclass
class Folder:
    """An improvement folder on disk, with two tasks of its own."""

    folder: Path

    def declare(self, more: str = "", **given: Any) -> Improvement:
        """Writes improve.toml and reads it."""
        usual = {"generations": 1, "approve": "false", "model": "embedded", "workers": 1,
                 "seconds": 20, "run": 'isolation = "E"'}  # fmt: skip
        text = SPEC.format(**(usual | given)) + more
        (self.folder / "improve.toml").write_text(text)
        return read_improvement(self.folder)


@pytest.fixture
def toy_improvement(tmp_path: Path) -> Folder:
    """A folder whose seed improver takes over whatever the model says."""
    folder = tmp_path / "toy"
    write_task(folder, "level")
    write_task(folder, "other")
    (folder / "trusting.py").write_text(TRUSTING)
    return Folder(folder)


@pytest.fixture
def texts() -> dict[str, str]:
    """Improvers by what they do."""
    return {"trusting": TRUSTING, "better": BETTER, "worse": WORSE}


@pytest.fixture
def reply_to() -> Callable[..., Callable[[str], str]]:
    """Makes a model's answers: `reply_to([...])` gives improvers in turn, and programs by tone."""

    def make(improvers: list[str]) -> Callable[[str], str]:
        waiting = list(improvers)

        def answer(prompt: str) -> str:
            if not is_about_improvers(prompt):
                return by_tone(prompt)
            return waiting.pop(0) if waiting else "I have no more ideas."

        return answer

    return make


@pytest.fixture
def told() -> type[Told]:
    """The class of models that say what they are told to."""
    return Told


@pytest.fixture
def served() -> Iterator[Callable[[Callable[[str], str]], str]]:
    """Serves answers in the OpenAI chat protocol on loopback; gives the address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(answer: Callable[[str], str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                try:
                    text = answer(asked["messages"][-1]["content"])
                except ConnectionError:  # it dies while it is asked
                    return
                message = {"role": "assistant", "content": text}
                body = json.dumps({
                    "id": "x", "object": "chat.completion", "created": 1, "model": "toy",
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
                }).encode()  # fmt: skip
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):  # it hangs up on an answer without end
                    self.wfile.write(body)

            def log_message(self, *told: object) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/v1"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
