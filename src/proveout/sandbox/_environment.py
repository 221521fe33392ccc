"""What the launcher takes over from the environment of its controller."""

from __future__ import annotations

import os

from proveout.errors import UserError
from proveout.sandbox._records import LEVELS, Level

HIGHEST_VARIABLE = "PROVEOUT_HIGHEST_ISOLATION"

_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_KEPT_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_")

_MALLOC = ":".join(
    (
        # Memory in huge pages makes forks cheaper (glibc 2.35; see _linux.use_huge_pages).
        "glibc.malloc.hugetlb=1",
        # What a batch frees is kept for the next one, up to 256 MB: to give it back and get it
        # anew, zeroed, took up to half as long as the forward pass itself.
        "glibc.malloc.trim_threshold=268435456",
        "glibc.malloc.mmap_threshold=33554432",
    )
)


def launcher_environment() -> dict[str, str]:
    """What the launcher may know: its forks can read this, so it holds no key and no secret."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    return {
        **kept,
        "PYTHONHASHSEED": "0",
        # NumPy's and MKL's thread pools start at import and would not survive a fork.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # Asking whether there is a GPU must not make a CUDA context.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        "GLIBC_TUNABLES": _MALLOC,
    }


def highest_from_outside() -> Level:
    """Somebody who wants to see a lower level at work may ask for it in the environment."""
    asked = os.environ.get(HIGHEST_VARIABLE, "A")
    if asked not in LEVELS:
        raise UserError(f"{HIGHEST_VARIABLE} is {asked!r}; allowed: {', '.join(LEVELS)}")
    return asked
