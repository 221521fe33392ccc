"""Whether viewers slow the controller: blocks with and without them, side by side.

A machine's disk and neighbours change from minute to minute by more than viewers could, so nothing
is compared across minutes: each pair is two short blocks one after the other, with viewers and
without, in random order, and what is told is the median of the pairs' ratios.
"""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import os
import random
import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

_SETTLE_SECONDS = 0.8
"""Between blocks: until the viewers are there, or gone, and what they asked for is answered."""

_BOOTSTRAPS = 4000


@dataclass(frozen=True)
class Work:
    """What one block of the controller's work took."""

    append_seconds: float
    """The median of an append that is synced to the disk."""
    cpu_seconds: float
    """Of the controller's own thread, a trial."""
    trials_per_second: float


@dataclass(frozen=True)
class Viewed:
    """What viewers cost: medians of paired ratios, each with a 95% bootstrap interval."""

    append: tuple[float, float, float]
    cpu: tuple[float, float, float]
    pairs: int
    updates_per_second: float
    """That each viewer heard of and fetched."""
    trials_per_second: float
    alone_seconds: float
    """The median append without viewers."""


class Viewers:
    """Browsers' part, in a process of its own: each hears of changes and fetches the page."""

    def __init__(self, host: str, slug: str, token: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")  # no copy of this process's ledger
        self._ours, theirs = context.Pipe()
        self._process = context.Process(
            target=_look, args=(theirs, host, slug, token, count), daemon=True
        )
        self._process.start()

    def come(self) -> None:
        """All connect."""
        self._ours.send("come")
        self._ours.recv()

    def leave(self) -> int:
        """All disconnect; how many updates they fetched since they came."""
        self._ours.send("leave")
        return int(self._ours.recv())

    def close(self) -> None:
        """Ends them."""
        self._ours.send("end")
        self._process.join(10)
        self._process.kill()


def _look(pipe: Connection, host: str, slug: str, token: str, count: int) -> None:
    os.nice(19)  # they stand for other machines than the controller's
    viewers: list[_Viewer] = []
    while (told := pipe.recv()) != "end":
        if told == "come":
            viewers = [_Viewer(host, slug, token) for _ in range(count)]
            for viewer in viewers:
                viewer.start()
            pipe.send("here")
        else:
            for viewer in viewers:
                viewer.leave()
            pipe.send(sum(viewer.updates for viewer in viewers))


class _Viewer(threading.Thread):
    def __init__(self, host: str, slug: str, token: str) -> None:
        super().__init__(daemon=True)
        self._host, self._page = host, f"/s/{slug}/"
        self._key = {"Authorization": f"Bearer {token}"}
        self._listening = self._connected()
        self._listening.request("GET", f"/s/{slug}/events", headers=self._key)
        self._told = self._listening.getresponse()
        self.updates = 0

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, timeout=60)

    def run(self) -> None:
        pages = self._connected()
        with contextlib.suppress(OSError, http.client.HTTPException):  # it left
            while line := self._told.readline():
                if line.startswith(b"event: changed"):
                    pages.request("GET", self._page, headers=self._key)
                    pages.getresponse().read()
                    self.updates += 1
        pages.close()

    def leave(self) -> None:
        if self._listening.sock is not None:
            self._listening.sock.shutdown(socket.SHUT_RDWR)
        self.join(60)
        self._listening.close()


def interleaved(
    work: Callable[[], Work], viewers: Viewers, pairs: int, count: int, seed: int = 0
) -> Viewed:
    """Does `work` in so many pairs of blocks and says what the viewers changed."""
    rng = random.Random(seed)
    watched, alone, updates, looked = list[Work](), list[Work](), 0, 0.0
    for _ in range(pairs):
        for with_viewers in rng.sample((True, False), 2):
            if with_viewers:
                viewers.come()
                began = time.perf_counter()
                time.sleep(_SETTLE_SECONDS)
                watched.append(work())
                looked += time.perf_counter() - began
                updates += viewers.leave()
            else:
                time.sleep(_SETTLE_SECONDS)
                alone.append(work())
    return Viewed(
        _ratio([a.append_seconds / b.append_seconds for a, b in zip(watched, alone, strict=True)]),
        _ratio([a.cpu_seconds / b.cpu_seconds for a, b in zip(watched, alone, strict=True)]),
        pairs,
        updates / max(1, count) / looked,
        sum(each.trials_per_second for each in watched) / len(watched),
        statistics.median(each.append_seconds for each in alone),
    )


def _ratio(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Their median, and the ends of its 95% interval over pairs drawn again."""
    values = np.asarray(ratios)
    drawn = np.random.default_rng(0).choice(values, (_BOOTSTRAPS, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return float(np.median(values)), float(low), float(high)
