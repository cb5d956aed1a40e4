"""One traffic matrix under several routings: what each makes of the network, and how far from the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from controller.te.instance import Instance
from controller.te.program import Objective, Solution, solve
from controller.te.proof import Proof, most_utilised, prove
from controller.te.shortest import Weights, loads, weights_of
from controller.te.splits import Split

Say = Callable[[str], None]


class Method(StrEnum):
    """How traffic is routed."""

    SHORTEST_PATH = "shortest path"
    ECMP = "ECMP"
    LEAST_UTILISATION = "minimum maximum utilisation"
    CONCURRENT_FLOW = "maximum concurrent flow"


@dataclass(frozen=True)
class Outcome:
    """What one routing makes of the network.

    Attributes:
        weights: of the paths; ``None`` for an optimum, which has no paths given.
        loads: what each arc carries when all demands are met once.
        max_utilisation: largest load over capacity, exactly; above 1 the demands do not fit.
        bottlenecks: by number, the arcs that reach it; of an optimum those that are full in *every* optimal
            routing (``proof``).
        proof: of an optimum.
    """

    method: Method
    weights: Weights | None
    loads: tuple[Fraction, ...]
    max_utilisation: Fraction
    bottlenecks: tuple[int, ...]
    proof: Proof | None = None

    @property
    def concurrent_flow(self) -> Fraction:
        """By what factor all demands could grow together on this routing until an arc is full."""
        return 1 / self.max_utilisation


@dataclass(frozen=True)
class Analysis:
    """All outcomes of one instance, the optima last."""

    instance: Instance
    outcomes: tuple[Outcome, ...]

    @property
    def optimum(self) -> Outcome:
        """The routing of least maximum utilisation."""
        return next(each for each in self.outcomes if each.method is Method.LEAST_UTILISATION)


def analyse(
    instance: Instance, weights: Sequence[Weights] = (Weights.HOPS,), say: Say = lambda sentence: None
) -> Analysis:
    """Shortest paths and ECMP by each of ``weights``, and both optima. ``say`` hears what begins.

    The instance must be routable (``instance.checked``). Raises ``InputError`` for weights it does not have.
    """
    lengths = [weights_of(instance, kind) for kind in weights]
    outcomes = []
    for kind, length in zip(weights, lengths, strict=True):
        say(f"shortest paths by {kind}")
        for method in (Method.SHORTEST_PATH, Method.ECMP):
            carried = loads(instance, length, even=method is Method.ECMP)
            outcomes.append(_routed(instance, method, kind, carried))
    return Analysis(instance, (*outcomes, *optima(instance, say)))


def optima(instance: Instance, say: Say = lambda sentence: None) -> tuple[Outcome, Outcome]:
    """Minimum maximum utilisation and maximum concurrent flow, each solved and each proven.

    Commodities are gathered at the sources or at the destinations, whichever are fewer.
    """
    sources, destinations = ({pair[end] for pair in instance.demands} for end in (0, 1))
    turned = len(destinations) < len(sources)
    work = instance.turned() if turned else instance
    say("minimum maximum utilisation: linear programme")
    least = solve(work, Objective.LEAST_UTILISATION)
    first = _optimal(work, Method.LEAST_UTILISATION, least, turned, say)
    say("maximum concurrent flow: linear programme")
    most = solve(work, Objective.CONCURRENT_FLOW, least.basis)
    return first, _optimal(work, Method.CONCURRENT_FLOW, most, turned, say)


def _optimal(work: Instance, method: Method, solution: Solution, turned: bool, say: Say) -> Outcome:
    say(f"{method}: proof in exact fractions")
    proof = prove(work, solution)
    if turned:
        splits = {
            (source, destination): tuple(Split(part.path[::-1], part.rate) for part in parts)
            for (destination, source), parts in proof.splits.items()
        }
        proof = replace(proof, splits=splits)
    priced = tuple(arc for arc, price in enumerate(proof.prices) if price)
    return Outcome(method, None, proof.loads, proof.upper, priced, proof)


def _routed(instance: Instance, method: Method, weights: Weights, carried: tuple[Fraction, ...]) -> Outcome:
    most = most_utilised(instance, carried)
    full = tuple(
        number
        for number, (load, arc) in enumerate(zip(carried, instance.arcs, strict=True))
        if load == most * arc.capacity
    )
    return Outcome(method, weights, carried, most, full)
