"""What would raise the isolation level on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from proveout.sandbox import _landlock
from proveout.sandbox._examine import Examination

_SETTINGS = {
    "/proc/sys/user/max_user_namespaces": ("0", "sysctl user.max_user_namespaces=10000"),
    "/proc/sys/kernel/unprivileged_userns_clone": (
        "0",
        "sysctl kernel.unprivileged_userns_clone=1",
    ),
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
}


def advice(examination: Examination) -> tuple[str, ...]:
    """Sentences, the one for the next level up last; none at level A."""
    failed = {attempt.level for attempt in examination.attempts if not attempt.holds}
    above = {"A": "A", "B": "AB", "C": "ABC", "E": "ABC"}
    missing = failed & set(above[examination.level])
    told = []
    if "C" in missing and _landlock.version() == 0:
        told.append(
            "level C needs Landlock: a kernel of 5.13 or later with `landlock` among those that "
            "/sys/kernel/security/lsm lists (boot with lsm=landlock,...)"
        )
    if "B" in missing:
        told += _for_namespaces()
    if "A" in missing:
        told.append(_for_groups())
    return tuple(told)


def _for_namespaces() -> list[str]:
    told = [
        f"level B needs user namespaces: {remedy}"
        for file, (value, remedy) in _SETTINGS.items()
        if _read(file) == value
    ]
    if told:
        return told
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return [
            "level B needs namespaces, which this container does not let be made: start it with "
            "--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt "
            "apparmor=unconfined, or run proveout outside of it"
        ]
    return ["level B needs user namespaces, or root with CAP_SYS_ADMIN"]


def _for_groups() -> str:
    if os.geteuid() == 0:
        return (
            "level A needs cgroups that can be written: in a container, mount /sys/fs/cgroup "
            "writable (docker run --cgroupns private --privileged, or podman)"
        )
    return (
        "level A needs a control group of your own: systemd-run --user --scope -p Delegate=yes "
        "proveout run STUDY"
    )


def _read(file: str) -> str | None:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return None
