"""What the words on the page mean, in a sentence each."""

from __future__ import annotations

VERDICTS = {
    "holds": "better than the baseline at the target with the certainty that the study asks for, "
    "measured at two rungs or more",
    "fades": "gains at small scale; at the target less than half of that is expected",
    "reverses": "gains at small scale and is worse at the target",
    "undecided": "what was measured is not enough to say",
    "no effect": "as good as the baseline at the target, within the least gain worth having",
    "hurts": "worse than the baseline at the target",
    "rejected": "failed an audit, or its gain was not there with its targets withheld: what it "
    "measured does not count",
    "broken": "most of its trials failed, so there is nothing to compare",
}

ACTIONS = {
    "Buy": "bought",
    "EndLadder": "the ladder ends",
    "Promote": "checked with targets withheld",
    "Merge": "merge",
    "MakeForecast": "forecast",
    "ScoreForecast": "forecast scored",
}
"""What the policy's actions are called where people read of them."""

TRUST = {
    "audited": "a separate process served the program's raw predictions, and an evaluator that "
    "never ran the program's code computed the number",
    "re-evaluated": "the study's own evaluation command, from protected files, computed the number "
    "in a process of its own",
    "reported": "the program said so itself; nothing checked it",
}

ISOLATION = {
    "A": "trials ran behind namespaces, file and system-call filters and a control group: they "
    "could not reach the held-out data, the ledger, the network or each other",
    "B": "trials ran behind namespaces, file and system-call filters, without a control group: "
    "they could not reach the held-out data, the ledger, the network or each other",
    "C": "trials ran behind file and system-call filters, without namespaces: they could not open "
    "the held-out data or the ledger, nor reach the network",
    "E": "trials ran as ordinary processes with limits on time, memory and disk. The held-out data "
    "was not given to them, but nothing in the kernel kept a program that looks for it away, so no "
    "idea can be said to hold",
}
