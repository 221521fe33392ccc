"""Runs of improvers side by side, each worker with a place of its own."""

from __future__ import annotations

import contextlib
import queue
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from proveout.errors import NotIsolated
from proveout.improve._book import Book
from proveout.improve._model import Model
from proveout.improve._place import Place
from proveout.improve._work import Workshop
from proveout.sandbox import LEVELS, Level

Result = TypeVar("Result")
Job = Callable[[Workshop], Result]


class Crew:
    """Use it as a context manager. How many workers there are changes no result."""

    def __init__(
        self, folder: Path, book: Book, model: Model, key: str, workers: int, least: Level
    ) -> None:
        """`least` is the lowest level of isolation that is accepted."""
        scratch = folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)  # of a controller that was killed
        self._places = [Place(scratch) for _ in range(workers)]
        given: dict[tuple[str, int], float] = {}
        self._book, self._least = book, least
        self.model = model
        self._shops = [Workshop(place, book, model, key, given) for place in self._places]
        self._free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Starts the launchers.

        Raises:
            NotIsolated: programs would be shut in less than is accepted.
        """
        with contextlib.ExitStack() as stack:
            for place in self._places:
                stack.enter_context(place)
            level = self.isolation
            if LEVELS.index(level) > LEVELS.index(self._least):
                raise NotIsolated(
                    f"improvers would run at isolation level {level} here, and at least "
                    f"{self._least} is accepted. `proveout doctor` says what would raise it; to "
                    f'run all the same, write isolation = "{level}" into [run]'
                )
            self._stack = stack.pop_all()
        self._pool = ThreadPoolExecutor(len(self._shops), "improver")
        for shop in self._shops:
            self._free.put(shop)
        return self

    def __exit__(self, *error: object) -> None:
        """Has what runs stop, and ends it."""
        self._book.stopping = self._book.stopping or "stopped"
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._stack.close()

    @property
    def isolation(self) -> Level:
        """The level at which everything runs."""
        return max(place.isolation for place in self._places)

    def use(self, model: Model) -> None:
        """Another model answers from now on."""
        self.model = model
        for shop in self._shops:
            shop.model = model

    def do(self, jobs: Sequence[Job[Result]]) -> list[Result]:
        """The results of all jobs, in their order; raises what the first that failed raised."""
        futures = [self._pool.submit(self._one, job) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    def _one(self, job: Job[Result]) -> Result:
        shop = self._free.get()
        try:
            return job(shop)
        finally:
            self._free.put(shop)
