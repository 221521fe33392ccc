"""Which parameter is the size, the steps, the seed or the output folder: by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from proveout.study import Value
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
        "n_train", "train_size", "tokens", "max_iter", "n_iter",
    ),
    "size": (
        "width", "n_embd", "d_model", "dim", "hidden", "hidden_size", "hidden_dim", "n_hidden",
        "embed_dim", "model_dim", "channels", "base_channels", "units", "n_units", "size",
        "model_size", "depth", "n_layer", "n_layers", "num_layers", "layers", "n_components",
        "n_estimators", "features", "population", "population_size", "pop_size", "popsize", "pop",
        "nhid", "emsize",
    ),
    "data": ("data", "data_dir", "data_path", "dataset_dir", "dataset_path", "train_file"),
}  # fmt: skip

# What is put together from usual words: `num_train_steps`, `hidden_units`, `default_root_dir`.
_COUNTED = (r"iter|iters|iteration|iterations|step|steps|epoch|epochs|updates|episodes|batches|"
            r"generations|gens?|loops")  # fmt: skip
_FORMS: dict[Role, re.Pattern[str]] = {
    "seed": re.compile(r"(?:(?!eval|data|test|split|val)[a-z]+_)?seed"),
    "out": re.compile(
        r"(?:default_)?(?:out|output|save|log|logs|result|results|checkpoint|checkpoints|ckpt|run|"
        r"work|exp|experiment|tb|tensorboard|model|weights|root)_?(?:to_|log_)?"
        r"(?:dir|folder|path|root|root_dir|file|filename|out|output)|save|save_to|save_model_to"
    ),
    "steps": re.compile(
        rf"(?:max|num|n|nb|total|train|training|no)?_?(?:of_)?(?:train|training|update|optim|sgd|"
        rf"gradient|grad|env)?_?(?:{_COUNTED})_?(?:max|num|total|count)?|num_boost_round|nepochs"
    ),
    "size": re.compile(
        r"(?:num|n|nb)?_?(?:hidden|hid|embed|embedding|embd|emb|ffn|ff|mlp|inner|latent|lstm|rnn|"
        r"gru|base|layer|model|cnn|conv|feature|d)_?(?:dim|dims|size|width|units|channels|nodes|"
        r"neurons|model|ff|hidden|layer|layers|features)(?:_?dim|_?size|_?1)?|nembd|nlayers?|ngf|ndf|n_?filters"
    ),
}  # fmt: skip
_KNOBS = ("lr", "learning_rate", "batch_size", "mini_batch_size", "minibatch_size",
          "weight_decay", "dropout", "momentum", "beta1", "beta2", "warmup_iters", "warmup_steps",
          "warmup", "temperature", "gamma", "alpha", "decay", "label_smoothing", "grad_clip",
          "rate", "sigma", "ridge", "l2", "reg", "max_depth", "clip", "c", "eta",
          "subsample")  # fmt: skip
_RATES = re.compile(r"(?:[a-z]+_)?(?:lr|learning_?rate|step_?size)")
_DEVICES = {"device", "accelerator", "device_type", "device_name", "dev"}


def with_roles(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The same parameters, the best of each role marked.

    All that name a place to write to are `out`.
    """
    chosen: dict[int, Role] = {}
    for role, words in _NAMES.items():
        fits = [(rank + len(words) * _cannot_be_split(each, role), n)
                for n, each in enumerate(parameters)
                if n not in chosen and (rank := _rank(each, role, words)) is not None
                and _may(each, role)]  # fmt: skip
        if fits:
            chosen[min(fits)[1]] = role
            if role == "out":
                chosen |= {n: role for _, n in fits if isinstance(parameters[n].default, str)}
    taken = set(chosen.values())
    return tuple(each.as_role(chosen.get(n, each.role if each.role not in taken else None))
                 for n, each in enumerate(parameters))  # fmt: skip


def _rank(parameter: Parameter, role: Role, words: Sequence[str]) -> int | None:
    last = last_word(parameter.name)
    if last in words:
        return words.index(last)
    form = _FORMS.get(role)
    return len(words) if form is not None and form.fullmatch(last) else None


def _cannot_be_split(parameter: Parameter, role: Role) -> bool:
    """Whether a size has no half and quarter: `layers = 1` beside `hidden_units = 32`."""
    value = parameter.default
    return role == "size" and isinstance(value, int) and (value < 8 or value % 4 != 0)


def last_word(name: str) -> str:
    """`model.hidden-dim` and `HIDDEN_DIM` as `hidden_dim`, and `hiddenDim` too."""
    last = re.split(r"[./]", name)[-1].replace("-", "_")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower()


def _may(parameter: Parameter, role: Role) -> bool:
    """Sizes and steps are numbers; folders are not."""
    value = parameter.default
    if isinstance(value, bool):
        return False
    if role in ("size", "steps", "seed", "compute"):
        return value is None or isinstance(value, int | float)
    if role == "out" and value is None:  # a model that is named may be one that is to be loaded
        return not last_word(parameter.name).startswith(("model", "weights", "checkpoint"))
    return value is None or isinstance(value, str)


def is_knob(name: str) -> bool:
    """Whether it is called like something that people tune."""
    word = last_word(name)
    return word in _KNOBS or _RATES.fullmatch(word) is not None


def is_device(name: str) -> bool:
    """Whether it says on which device a run computes."""
    return last_word(name) in _DEVICES


def is_setting(name: str, value: Value) -> bool:
    """Whether a number or a text in a source is called like a setting of the training."""
    as_parameter = Parameter(name, "constant", name, value)
    known = any(_rank(as_parameter, role, words) is not None and _may(as_parameter, role)
                for role, words in _NAMES.items() if role != "data")  # fmt: skip
    if isinstance(value, str):
        return known or is_device(name)
    return known or is_knob(name) or follows(name) is not None


_SCHEDULES = re.compile(
    r"(?:lr_?)?(?:decay|anneal|warm_?up|cool_?down|scheduler?|stable|burn_?in)_?(?:lr_)?"
    rf"(?:{_COUNTED})|t_?max|num_warmup_steps|warm_?up"
)
_INTERVALS = re.compile(
    r"(?:eval|evaluate|evaluation|val|valid|validate|validation|test)_?(?:interval|every|freq|frequency|"
    r"period|each)(?:_?n)?(?:_(?:iters|steps|epochs))?|(?:check_)?val_every_n_\w+"
)


def follows(name: str) -> str | None:
    """Whether a number counts the steps of a run with it: `schedule`, `interval`, or None.

    A warm-up or a decay is a share of the run; an interval of evaluation must end within it.
    """
    word = last_word(name)
    if _SCHEDULES.fullmatch(word):
        return "schedule"
    return "interval" if _INTERVALS.fullmatch(word) else None


def named(parameters: Iterable[Parameter], name: str) -> Parameter | None:
    """The parameter that a person calls `name`, by its own name, its flag or its placeholder."""
    bare = name.lstrip("-").replace("-", "_")
    for each in parameters:
        if bare in (each.name, each.placeholder, each.spelled.lstrip("-").replace("-", "_")):
            return each
    return None
