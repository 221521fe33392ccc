"""Forms of scaling laws. A form is data: its terms, its exponents and a function of both.

    L(x) = w_1 f_1(x; p) + w_2 f_2(x; p) + ...,   w >= 0

The coefficients w are solved for in closed form (variable projection), so that only the few
parameters p are searched; a form that does not fall into terms has one term, its scale. To add a
form, write a `Form` and pass it to `fit_laws(points, forms=[...])`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from proveout.scaling._checks import Floats

Basis = Callable[..., tuple[Floats | float, ...]]


@dataclass(frozen=True)
class Parameter:
    """A parameter that a form is not linear in, and what is believed of it before any run.

    Attributes:
        name: as it is printed.
        typical: the prior's median.
        spread: the prior's sd; of the natural log where `positive`, else in its own unit. The
            search goes no further than `reach` spreads from the median.
        positive: whether it is above zero.
        scale_of: the input in whose unit it is. `typical` is then a multiple of that input's
            geometric middle, so that laws do not depend on units.
    """

    name: str
    typical: float
    spread: float
    positive: bool = True
    scale_of: str | None = None
    reach: float = 4.0

    def value(self, z: Floats, middle: Mapping[str, float]) -> Floats:
        """From `z`, in spreads from the median, to the parameter itself."""
        if not self.positive:
            return self.typical + self.spread * z
        unit = 1.0 if self.scale_of is None else middle[self.scale_of]
        value: Floats = unit * self.typical * np.exp(self.spread * z)
        return value


@dataclass(frozen=True)
class Form:
    """A family of laws.

    Attributes:
        name: as the command line knows it.
        formula: as a person reads it.
        source: the paper.
        inputs: what of a run it needs.
        terms: names of the coefficients w, each at least 0.
        parameters: names and priors of p.
        basis: `basis(x, *p)` gives one array (or number) a term. `x[name]` has shape [n]; each
            parameter has shape [..., 1], so that plain arithmetic gives [..., n].
        floor: the term that no run gets below, if there is one.
        limits: where the form is known to fail, in a sentence.
        prior: how likely it is before any run, relative to the others.
        curve_prior: the same on learning curves; as `prior` if left out.
        zero_prior: the same of losses that may end at zero; as `prior` if left out.
        relative: whether `x[name]` is over the input's geometric middle: for forms of parameters
            that would else have the unit of several inputs.
    """

    name: str
    formula: str
    source: str
    inputs: tuple[str, ...]
    terms: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    basis: Basis = field(repr=False)
    floor: str | None = "E"
    limits: str = ""
    prior: float = 1.0
    relative: bool = False
    curve_prior: float | None = None
    zero_prior: float | None = None

    @property
    def prior_on_curves(self) -> float:
        """How likely it is on learning curves."""
        return self.prior if self.curve_prior is None else self.curve_prior

    @property
    def prior_near_zero(self) -> float:
        """How likely it is of losses that may end at zero."""
        return self.prior if self.zero_prior is None else self.zero_prior

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted."""
        if not (self.inputs and self.terms and self.parameters):
            raise ValueError(f"form {self.name} needs an input, a term and a parameter at least")
        if self.floor is not None and self.floor not in self.terms:
            raise ValueError(f"form {self.name}: floor {self.floor!r} is none of {self.terms}")
        for prior in (self.prior, self.prior_on_curves, self.prior_near_zero):
            if not prior > 0:
                raise ValueError(f"form {self.name}: prior must be above zero, got {prior}")


def _power(x: Mapping[str, Floats], alpha: Floats) -> tuple[Floats | float, ...]:
    return 1.0, x["compute"] ** -alpha


def _floorless(x: Mapping[str, Floats], alpha: Floats) -> tuple[Floats | float, ...]:
    return (x["compute"] ** -alpha,)


def _chinchilla(x: Mapping[str, Floats], alpha: Floats, beta: Floats) -> tuple[Floats | float, ...]:
    return 1.0, x["params"] ** -alpha, x["tokens"] ** -beta


def _tied(x: Mapping[str, Floats], alpha: Floats) -> tuple[Floats | float, ...]:
    return 1.0, x["params"] ** -alpha, x["tokens"] ** -alpha


def _interaction(
    x: Mapping[str, Floats], alpha: Floats, beta: Floats, gamma: Floats
) -> tuple[Floats | float, ...]:
    return 1.0, x["params"] ** -alpha * x["tokens"] ** -gamma, x["tokens"] ** -beta


def _kaplan(
    x: Mapping[str, Floats], alpha: Floats, beta: Floats, balance: Floats
) -> tuple[Floats | float, ...]:
    of_params, of_tokens = -alpha / beta * np.log(x["params"]), np.log(balance / x["tokens"])
    return (np.exp(beta * np.logaddexp(of_params, of_tokens)),)


def _m4(
    x: Mapping[str, Floats], gamma: Floats, bend: Floats, middle: Floats
) -> tuple[Floats | float, ...]:
    """u / (1 - u)^bend = (C / middle)^-gamma, solved for s = log u / (1 - u) by Newton's method."""
    target = -gamma * np.log(x["compute"] / middle)
    s = np.where(target < 0, target, target / bend)
    for _ in range(12):
        small = np.exp(-abs(s))
        both, up = np.log1p(small), np.where(s > 0, 1.0, small) / (1 + small)
        miss = bend * (np.maximum(s, 0) + both) - (np.maximum(-s, 0) + both) - target
        s = s - miss / (1 - up + bend * up)
        if abs(miss).max() < 1e-10:  # and the step just taken has squared it
            break
    return 1.0, 1 / (1 + np.exp(np.minimum(-s, 700)))


def _broken(
    x: Mapping[str, Floats], before: Floats, after: Floats, at: Floats, width: Floats
) -> tuple[Floats | float, ...]:
    relative = np.log(x["compute"] / at)
    bend = (after - before) * width * np.logaddexp(0, relative / width)
    return 1.0, np.exp(np.clip(-before * relative - bend, -700, 700))


def _data_constrained(
    x: Mapping[str, Floats], alpha: Floats, beta: Floats, tokens_kept: Floats, params_kept: Floats
) -> tuple[Floats | float, ...]:
    unique = np.minimum(x["unique_tokens"], x["tokens"])
    tokens = _worth(x["tokens"], unique, tokens_kept)
    enough = np.minimum(x["params"], unique / TOKENS_PER_PARAMETER)
    params = _worth(x["params"], enough, params_kept)
    return 1.0, params**-alpha, tokens**-beta


def _worth(total: Floats, unique: Floats, kept: Floats) -> Floats:
    """What a quantity is worth of which only a part is new: U + U r (1 - exp(-(T / U - 1) / r))."""
    worth: Floats = unique * (1 - kept * np.expm1(-(total / unique - 1) / kept))
    return worth


TOKENS_PER_PARAMETER = 20.0  # compute-optimal (Hoffmann et al. 2022)
_EXPONENT = Parameter("alpha", 0.3, 0.4)

POWER = Form(
    name="power",
    formula="L = E + A C^-alpha",
    source="Kaplan et al. 2020 (arXiv 2001.08361); with a floor, Henighan et al. 2020 (2010.14701)",
    inputs=("compute",),
    terms=("E", "A"),
    parameters=(Parameter("alpha", 0.17, 0.6),),
    basis=_power,
    limits="Runs along the compute-optimal frontier (or any other fixed recipe), no breaks.",
    prior=4.0,
)
FLOORLESS = Form(
    name="floorless",
    formula="L = A C^-alpha",
    source="Kaplan et al. 2020, eq. 1.3 (arXiv 2001.08361), there with alpha = .050",
    inputs=("compute",),
    terms=("A",),
    parameters=(Parameter("alpha", 0.07, 0.7),),
    basis=_floorless,
    floor=None,
    limits="Right only far above a floor.",
    prior=0.15,
    curve_prior=1e-6,
    zero_prior=1.0,  # of losses below 1 that fell far one in five ends at zero
)
CHINCHILLA = Form(
    name="chinchilla",
    formula="L = E + A N^-alpha + B D^-beta",
    source="Hoffmann et al. 2022, approach 3 (arXiv 2203.15556)",
    inputs=("params", "tokens"),
    terms=("E", "A", "B"),
    parameters=(_EXPONENT, Parameter("beta", 0.3, 0.4)),
    basis=_chinchilla,
    limits="Fresh data, one recipe; N and D do not interact.",
)
TIED = Form(
    name="tied",
    formula="L = E + A N^-alpha + B D^-alpha",
    source="Gadre et al. 2024 (arXiv 2403.08540), there as E + (a M^h + b M^-h) C^-h with"
    " M = D / N, alpha = 2 h, C = 6 N D",
    inputs=("params", "tokens"),
    terms=("E", "A", "B"),
    parameters=(_EXPONENT,),
    basis=_tied,
    limits="As chinchilla; over-training moves loss at fixed compute by a factor only.",
)
INTERACTION = Form(
    name="interaction",
    formula="L = E + A N^-alpha D^-gamma + B D^-beta",
    source="ours: what parameters buy depends on the tokens, as in Farseer (Li et al. 2025,"
    " arXiv 2506.10972), whose law has nine parameters where this has six",
    inputs=("params", "tokens"),
    terms=("E", "A", "B"),
    parameters=(
        _EXPONENT,
        Parameter("beta", 0.3, 0.4),
        Parameter("gamma", 0.0, 0.03, positive=False, reach=7.0),
    ),
    basis=_interaction,
    limits="Runs at several N and several D for most of the N; fresh data, one recipe.",
    prior=0.1,
)
KAPLAN = Form(
    name="kaplan",
    formula="L = S (n^(-alpha / beta) + balance / d)^beta, n = N / middle N, d = D / middle D",
    source="Kaplan et al. 2020, eq. 1.5 (arXiv 2001.08361), there as"
    " ((N_c / N)^(alpha_N / alpha_D) + D_c / D)^alpha_D; middles are the runs' geometric means",
    inputs=("params", "tokens"),
    terms=("S",),
    parameters=(
        Parameter("alpha", 0.08, 0.3),
        Parameter("beta", 0.1, 0.3),
        Parameter("balance", 1.0, 1.5),
    ),
    basis=_kaplan,
    floor=None,
    limits="No floor: right only far above one; one recipe, fresh data.",
    prior=0.05,
    relative=True,
)
M4 = Form(
    name="m4",
    formula="L = E + S u, u / (1 - u)^bend = (C / middle)^-gamma",
    source="Alabdulmohsin et al. 2022 (arXiv 2209.06640), there with epsilon_0 = E + S and"
    " beta = middle^gamma S^(1 - bend)",
    inputs=("compute",),
    terms=("E", "S"),
    parameters=(
        Parameter("gamma", 0.3, 0.8),
        Parameter("bend", 1.0, 0.7),
        Parameter("middle", 0.03, 4.0, scale_of="compute"),
    ),
    basis=_m4,
    limits="Metrics with a worst value, such as error rates; a plateau before the fall. On losses"
    " of models of several sizes it forecasts plateaus that do not come.",
    prior=0.2,
    curve_prior=1.0,
)
BROKEN = Form(
    name="broken",
    formula="L = E + A (C / at)^-before (1 + (C / at)^(1 / width))^(-(after - before) width)",
    source="Caballero et al. 2023 (arXiv 2210.14891), one break",
    inputs=("compute",),
    terms=("E", "A"),
    parameters=(
        Parameter("before", 0.12, 1.3),
        Parameter("after", 0.2, 1.0),
        Parameter("at", 1.0, 3.0, scale_of="compute"),
        Parameter("width", 0.5, 0.7),
    ),
    basis=_broken,
    limits="One break, seen in the data; a break to come is not foreseen.",
    prior=0.2,
    curve_prior=0.5,
)
DATA_CONSTRAINED = Form(
    name="data-constrained",
    formula="L = E + A N'^-alpha + B D'^-beta, D' = U + U r (1 - exp(-(D / U - 1) / r)), N' alike",
    source="Muennighoff et al. 2023 (arXiv 2305.16264)",
    inputs=("params", "tokens", "unique_tokens"),
    terms=("E", "A", "B"),
    parameters=(
        _EXPONENT,
        Parameter("beta", 0.3, 0.4),
        Parameter("tokens_kept", 15.0, 1.0),
        Parameter("params_kept", 5.0, 1.2),
    ),
    basis=_data_constrained,
    limits="The parameters that unique data can use are U / 20 here, and in the paper the"
    " fitted law's own optimum, which for its law is U / 20.1.",
)

FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        POWER,
        FLOORLESS,
        CHINCHILLA,
        TIED,
        INTERACTION,
        KAPLAN,
        M4,
        BROKEN,
        DATA_CONSTRAINED,
    )
}


def forms_for(inputs: Mapping[str, object]) -> tuple[Form, ...]:
    """The package's forms that use all of these inputs (or all but the compute, if given too)."""
    names = set(inputs)
    if {"params", "tokens"} <= names:
        names.discard("compute")
    return tuple(form for form in FORMS.values() if set(form.inputs) == names)


def geometric_middle(inputs: Mapping[str, Floats]) -> dict[str, float]:
    """The geometric mean of each input."""
    return {name: math.exp(float(np.log(values).mean())) for name, values in inputs.items()}
