from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from proveout.errors import LauncherDied
from proveout.runners import LocalRunner, usable_cores
from proveout.sandbox import Launcher
from proveout.trials import Exit
from tests.runners.conftest import PATH, MakeJob, collect


def launcher_pid(runner: LocalRunner) -> int:
    assert runner._launcher is not None
    assert runner._launcher._process is not None
    return runner._launcher._process.pid


def test_a_hundred_jobs_on_two_slots_come_back_once_each(
    local: LocalRunner, make_job: MakeJob
) -> None:
    for number in range(100):
        local.submit(
            make_job(f"job{number}", "import sys; sys.exit(int(sys.argv[1]))", str(number))
        )
    assert len(local.running) == 100
    exits = collect(local)
    assert sorted((e.job, e.code) for e in exits) == sorted((f"job{n}", n) for n in range(100))
    assert {exit_.ended_by for exit_ in exits} == {"itself"}
    assert local.poll(None) == []


def test_no_more_than_its_slots_run_at_once(local: LocalRunner, make_job: MakeJob) -> None:
    source = """
        import time
        began = time.monotonic()
        time.sleep(0.05)
        print(began, time.monotonic())
    """
    jobs = [make_job(f"job{number}", source) for number in range(8)]
    for job in jobs:
        local.submit(job)
    assert {exit_.code for exit_ in collect(local)} == {0}
    spans = [tuple(map(float, job.log.read_text().split())) for job in jobs]
    for began, _ in spans:
        assert sum(start <= began < end for start, end in spans) <= 2


def test_the_same_id_can_run_again_but_not_twice_at_once(
    local: LocalRunner, make_job: MakeJob
) -> None:
    for code in (3, 4):
        job = make_job("again", f"import sys; sys.exit({code})")
        local.submit(job)
        with pytest.raises(ValueError, match="again"):
            local.submit(job)
        assert [exit_.code for exit_ in collect(local)] == [code]


def test_limits_and_environment_reach_the_job(local: LocalRunner, make_job: MakeJob) -> None:
    local.submit(make_job("slow", "import time; time.sleep(600)", wall_seconds=0.2))
    local.submit(make_job("env", "import os, json; print(json.dumps(dict(os.environ)))"))
    exits = {exit_.job: exit_.ended_by for exit_ in collect(local)}
    assert exits == {"slow": "wall-time", "env": "itself"}
    assert json.loads(make_job("env").log.read_text()) == {"PATH": PATH, "GIVEN": "yes"}


def test_cancel_what_runs_and_what_waits(local: LocalRunner, make_job: MakeJob) -> None:
    for number in range(4):
        local.submit(make_job(f"job{number}", "import time; time.sleep(600)"))
    for job_id in [*local.running, "unknown"]:
        local.cancel(job_id)
    exits = collect(local)
    assert sorted(exit_.job for exit_ in exits) == ["job0", "job1", "job2", "job3"]
    assert {exit_.ended_by for exit_ in exits} == {"cancelled"}


def test_jobs_of_a_dead_launcher_are_lost_and_the_next_ones_run(
    local: LocalRunner, make_job: MakeJob
) -> None:
    for number in range(3):
        local.submit(make_job(f"job{number}", None, "sleep", "600"))
    os.kill(launcher_pid(local), signal.SIGKILL)
    exits = local.poll(60)
    assert [(exit_.job, exit_.ended_by) for exit_ in exits] == [("job0", "lost"), ("job1", "lost")]
    assert local.running == {"job2"}
    local.cancel("job2")
    local.submit(make_job("next", None, "true"))
    assert {e.job: e.ended_by for e in collect(local)} == {"job2": "cancelled", "next": "itself"}


def test_two_deaths_in_a_row_are_an_error(local: LocalRunner, make_job: MakeJob) -> None:
    exits: list[Exit] = []
    for number in range(2):
        local.submit(make_job(f"job{number}", None, "sleep", "600"))
        os.kill(launcher_pid(local), signal.SIGKILL)
        exits += local.poll(60)
    assert [exit_.ended_by for exit_ in exits] == ["lost", "lost"]
    with pytest.raises(LauncherDied, match="SIGKILL"):
        local.submit(make_job("third", None, "true"))


def test_a_job_is_never_found_again(local: LocalRunner) -> None:
    assert local.reattach("job") is False


def test_one_slot_a_core_by_default() -> None:
    with LocalRunner(preload=()) as runner:
        assert runner.slots == usable_cores() >= 1


class Interruption(Exception):
    pass


def test_interruptions_lose_no_exit_and_start_no_job_twice(
    local: LocalRunner, make_job: MakeJob
) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interruption

    jobs = [make_job(f"job{n}", "open(__file__ + '.ran', 'a').write('x')") for n in range(60)]
    for job in jobs:
        local.submit(job)
    exits: list[Exit] = []
    interruptions = 0
    delays = random.Random(1)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        while len(exits) < len(jobs):
            try:
                # Once each time, so that none strikes outside of this block.
                signal.setitimer(signal.ITIMER_REAL, delays.uniform(0.0001, 0.01))
                while local.running:
                    exits.extend(local.poll(60))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interruption:
                interruptions += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # else it would end whoever runs the tests
        signal.signal(signal.SIGALRM, before)
    assert interruptions > 10
    assert sorted(exit_.job for exit_ in exits) == sorted(job.id for job in jobs)
    ran = [file.read_text() for job in jobs for file in job.directory.glob("*.ran")]
    assert ran == ["x"] * len(jobs)


@pytest.mark.parametrize("where", ["before it is understood", "before it is kept"])
def test_an_exit_that_has_come_is_not_waited_for(
    local: LocalRunner, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Its bytes have been taken when an interruption strikes: nothing more comes of that job."""
    owner, name = (Launcher, "_read") if where.endswith("understood") else (LocalRunner, "_take_in")
    goes_on = getattr(owner, name)

    def interrupted(its: Any) -> None:
        if its._ended if isinstance(its, LocalRunner) else b'"exit"' in b"".join(its._chunks):
            raise Interruption
        goes_on(its)

    local.submit(make_job("job", "pass"))
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        with pytest.raises(Interruption):
            local.poll(None)

    def nothing_comes(*_: object) -> None:
        pytest.fail("it waits for what it has")

    monkeypatch.setattr(select, "poll", nothing_comes)
    assert [exit_.job for exit_ in local.poll(None)] == ["job"]


CONTROLLER = """
    import sys
    from pathlib import Path
    from proveout.runners import LocalRunner
    from proveout.trials import Job, Limits

    folder = Path(sys.argv[1])
    interrupted = False
    with LocalRunner(slots=1, preload=()) as runner:
        runner.submit(Job("job", ("python", "job.py"), folder, {}, folder, folder / "log",
                          Limits(60, 10**9, 10**9)))
        while runner.running:
            try:
                for exit_ in runner.poll(60):
                    print(interrupted, exit_.ended_by, exit_.code, flush=True)
            except KeyboardInterrupt:
                interrupted = True
                (folder / "interrupted").touch()
"""

JOB = """
    import pathlib, time
    pathlib.Path("started").touch()
    while not pathlib.Path("interrupted").exists():
        time.sleep(0.01)
"""


def test_an_interrupt_from_the_terminal_does_not_reach_jobs(tmp_path: Path) -> None:
    (tmp_path / "controller.py").write_text(textwrap.dedent(CONTROLLER))
    (tmp_path / "job.py").write_text(textwrap.dedent(JOB))
    controller = subprocess.Popen(
        [sys.executable, "controller.py", str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": PATH, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    while not (tmp_path / "started").exists():
        assert controller.poll() is None
    os.killpg(controller.pid, signal.SIGINT)
    said, _ = controller.communicate(timeout=60)
    assert said == "True itself 0\n"
