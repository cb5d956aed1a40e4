"""The theorems, in a line each; ``docs/bounds.md`` has them at length, and the papers' titles.

LBT: J.-Y. Le Boudec, P. Thiran, "Network Calculus", Springer LNCS 2050, 2001.
DNC: A. Bouillard, M. Boyer, E. Le Corronc, "Deterministic Network Calculus", ISTE/Wiley, 2018.
"""

from __future__ import annotations

DELAY = (
    "delay = latency + burst / rate: horizontal deviation of the aggregate at a FIFO server "
    "(LBT, theorem 1.4.2)"
)
BUSY = (
    "delay = (burst + rate * latency) / (rate - flows' rate): longest backlogged period of a strict server, "
    "for any order of service (DNC, chapter 5)"
)
BACKLOG = "backlog = burst + flows' rate * latency: vertical deviation (LBT, theorem 1.4.1)"
BACKLOG_SHAPED = (
    "vertical deviation from the links' and flows' concave arrival curve (LBT, theorem 1.4.1 and section 1.5)"
)
DELAY_SHAPED = (
    "TFA++: horizontal deviation from the links' and flows' concave arrival curve "
    "(Mifdaoui and Leydier 2017; Thomas, Le Boudec, Mifdaoui 2019; LBT, theorem 1.4.2 and section 1.5)"
)
BUSY_SHAPED = (
    "longest backlogged period of a strict server under the links' and flows' concave arrival curve "
    "(DNC, chapter 5)"
)
SUM = "TFA: sum of the servers' delays on the path (Schmitt and Zdarsky 2006)"
SUM_SHAPED = "TFA++: sum of the servers' delays on the path (Mifdaoui and Leydier 2017)"
SFA_DELAY = "horizontal deviation from the concatenation of residual services (LBT, theorems 1.4.2 and 1.4.6)"
SFA_BACKLOG = "vertical deviation from the concatenation of residual services (LBT, theorems 1.4.1 and 1.4.6)"
RESIDUAL_FIFO = "SFA, FIFO residual service (LBT, section 6.2.2)"
RESIDUAL_ARBITRARY = "SFA, residual service under any order (LBT, theorem 6.2.1)"
CROSS_ALONE_FIFO = (
    "cross traffic grown without the flow itself: it bounds the residual of whole stretches, "
    "which overlap nowhere (docs/bounds.md, 'Cross traffic')"
)
CROSS_ALONE_ARBITRARY = (
    "cross traffic grown without the flow itself: it is worst for a flow to come last "
    "where nothing leaves its path and acts on it again (docs/bounds.md, 'Cross traffic')"
)
CROSS_WITH = "cross traffic grown with the flow itself"
PRIORITY = "in what the higher classes and a lower packet leave: non-preemptive priority (LBT, section 6.2.1)"
FULL_RATE = "no bound: the flows send at the server's full rate, so that it may stay busy for ever"
NOTHING_LEFT = "no bound: the other flows leave nothing of a server"
