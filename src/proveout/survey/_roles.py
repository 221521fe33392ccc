"""Which parameter is the size, the steps, the seed or the output folder: by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from proveout.survey._records import Parameter, Role

# Earlier words win: of `epochs` and `max_steps` the second ends a run wherever both are given.
_NAMES: dict[Role, tuple[str, ...]] = {
    "seed": ("seed", "random_seed", "rng_seed", "random_state", "manual_seed", "global_seed"),
    "out": (
        "out", "out_dir", "outdir", "output", "output_dir", "output_folder", "output_path",
        "run_dir", "save_dir", "save_path", "work_dir", "workdir", "result_dir", "results",
        "results_dir", "log_dir", "logdir", "ckpt_dir", "checkpoint_dir", "exp_dir", "dir",
    ),
    "compute": ("flops", "compute", "max_flops", "compute_budget", "flop_budget"),
    "steps": (
        "max_iters", "max_steps", "num_steps", "n_steps", "train_steps", "num_iterations",
        "max_iterations", "iterations", "n_iters", "num_iters", "iters", "steps", "total_steps",
        "total_timesteps", "timesteps", "max_evals", "evaluations", "generations", "epochs",
        "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "rounds", "num_samples",
        "n_train", "train_size", "tokens",
    ),
    "size": (
        "width", "n_embd", "d_model", "dim", "hidden", "hidden_size", "hidden_dim", "n_hidden",
        "embed_dim", "model_dim", "channels", "base_channels", "units", "n_units", "size",
        "model_size", "depth", "n_layer", "n_layers", "num_layers", "layers", "n_components",
        "n_estimators", "features", "population",
    ),
    "data": ("data", "data_dir", "data_path", "dataset_dir", "dataset_path", "train_file"),
}  # fmt: skip


def with_roles(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The same parameters, the best of each role marked."""
    chosen: dict[int, Role] = {}
    for role, words in _NAMES.items():
        fits = [(rank, n) for n, each in enumerate(parameters)
                if n not in chosen and (rank := _rank(each, words)) is not None
                and _may(each, role)]  # fmt: skip
        if fits:
            chosen[min(fits)[1]] = role
    return tuple(each.as_role(chosen.get(n)) for n, each in enumerate(parameters))


def _rank(parameter: Parameter, words: Sequence[str]) -> int | None:
    last = re.split(r"[./]", parameter.name)[-1].lower().replace("-", "_")
    return words.index(last) if last in words else None


def _may(parameter: Parameter, role: Role) -> bool:
    """Sizes and steps are numbers; folders are not."""
    value = parameter.default
    if isinstance(value, bool):
        return False
    if role in ("size", "steps", "seed", "compute"):
        return value is None or isinstance(value, int | float)
    return value is None or isinstance(value, str)


def named(parameters: Iterable[Parameter], name: str) -> Parameter | None:
    """The parameter that a person calls `name`, by its own name, its flag or its placeholder."""
    bare = name.lstrip("-").replace("-", "_")
    for each in parameters:
        if bare in (each.name, each.placeholder, each.spelled.lstrip("-").replace("-", "_")):
            return each
    return None
