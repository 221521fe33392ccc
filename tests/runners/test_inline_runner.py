from __future__ import annotations

import pytest

from proveout.runners import InlineRunner
from proveout.trials import Exit
from tests.runners.conftest import MakeJob


def run(make_job: MakeJob, source: str | None, *argv: str, **limits: float) -> Exit:
    with InlineRunner() as runner:
        runner.submit(make_job("job", source, *argv, **limits))
        assert runner.running == {"job"}
        (exit_,) = runner.poll(None)
        assert runner.poll(0) == []
        assert not runner.running
        return exit_


def test_exit_status_and_use(make_job: MakeJob) -> None:
    source = """
        import os, sys, time
        while time.process_time() < 0.05:
            pass
        print(os.environ["GIVEN"])
        sys.exit(3)
    """
    exit_ = run(make_job, source)
    assert (exit_.ended_by, exit_.code, exit_.signal) == ("itself", 3, None)
    assert exit_.cpu_seconds >= 0.05
    assert exit_.wall_seconds > 0
    assert exit_.peak_memory_bytes > 1_000_000
    assert make_job("job").log.read_text() == "yes\n"


def test_ended_by_a_signal(make_job: MakeJob) -> None:
    exit_ = run(make_job, "import os; os.kill(os.getpid(), 15)")
    assert (exit_.ended_by, exit_.code, exit_.signal) == ("itself", None, 15)


def test_the_wall_limit_holds_for_the_whole_group(make_job: MakeJob) -> None:
    exit_ = run(make_job, None, "sh", "-c", "sleep 600 & wait", wall_seconds=0.2)
    assert (exit_.ended_by, exit_.code, exit_.signal) == ("wall-time", None, 9)


def test_the_log_is_capped(make_job: MakeJob) -> None:
    run(make_job, "print('x' * 50_000)", log_bytes=1000)
    *_, last = make_job("job").log.read_text().splitlines()
    assert last == (
        "proveout: the log is full at 1000 bytes; 49001 more bytes of output were dropped"
    )


def test_a_command_that_does_not_exist(make_job: MakeJob) -> None:
    assert run(make_job, None, "no-such-command").code == 127
    assert "no-such-command was not found" in make_job("job").log.read_text()


def test_what_an_inline_runner_cannot_do() -> None:
    with InlineRunner() as runner:
        assert runner.slots == 1
        runner.cancel("job")
        assert runner.reattach("job") is False


def test_an_id_is_collected_before_it_runs_again(make_job: MakeJob) -> None:
    with InlineRunner() as runner:
        runner.submit(make_job("job", "pass"))
        with pytest.raises(ValueError, match="collected"):
            runner.submit(make_job("job", "pass"))
