"""All demands placed together, and how far the answers one by one were from that.

First as much as possible is admitted (``Objective``), then as fast as possible: the delay of every admitted
demand, of primary and backup together, weighted by its rate. What the solver proposes counts only once
admission itself has taken it, reservation by reservation, in whole numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from controller.admission import Admission
from controller.admission.question import Asker
from controller.charges import failover_bound_ns
from controller.mesh import Directions, Mesh
from controller.placement.goals import Delay, Worth
from controller.placement.options import Option, Taken, Task
from controller.placement.result import Objective, Placement, Score
from controller.placement.stages import Clock, Finding, Pool, reach
from controller.reservations import FIRST_PORT, LAST_PORT, Answer, Reservation, ReservedPath
from topology.errors import InputError
from topology.network import Demand, Network

_WORTH_SHARE = 0.7  # of the time, at most, for the first goal


def optimise(
    network: Network,
    demands: Sequence[Demand],
    *,
    objective: Objective = Objective.RATE,
    rate_scale: float = 1.0,
    seconds: float = 60.0,
    say: Callable[[str], None] = lambda sentence: None,
) -> Placement:
    """Place ``demands`` together, and one by one for comparison.

    Never worse than one by one. What ``seconds`` do not suffice to prove is not claimed; as long as they do,
    the same input gives the same answer. ``say`` is told each step.

    Raises ``InputError`` if the scenario sets nothing aside for reserved traffic, or for demands that make no
    sense on it; ``MachineError`` without HiGHS.
    """
    clock = Clock(seconds)
    asker = Asker(network, rate_scale)
    mesh = asker.mesh
    tasks = [Task(demand.id, asker.query(demand), demand.protection) for demand in _distinct(demands)]
    say("admitting one by one")
    admission = Admission(network, rate_scale=rate_scale)
    one_by_one = tuple(admission.ask(demand) for demand in demands)
    start = tuple(_option(mesh, task, answer) for task, answer in zip(tasks, one_by_one, strict=True))
    worths = [task.query.rate_bps if objective is Objective.RATE else 1 for task in tasks]
    say("listing the fastest paths")
    pool = Pool(mesh, tasks)
    first = Clock(clock.left_s * _WORTH_SHARE)
    most = reach(Worth(tasks, worths), pool, start, first, say)
    least = reach(Delay(tasks, worths, -most.value), pool, most.taken, clock, say)
    taken = canonical(tasks, least.taken)
    answers = _replayed(network, rate_scale, demands, tasks, taken)
    return _placement(objective, answers, one_by_one, most, least)


def canonical(tasks: Sequence[Task], taken: Taken) -> Taken:
    """Demands that ask for the same get what they get in their order: the first is admitted, and fastest."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for number, task in enumerate(tasks):
        alike.setdefault((task.query, task.protection), []).append(number)
    sorted_: list[Option | None] = list(taken)
    for numbers in alike.values():
        options = sorted((option for n in numbers if (option := taken[n])), key=lambda option: option.order)
        for place, number in enumerate(numbers):
            sorted_[number] = options[place] if place < len(options) else None
    return tuple(sorted_)


def _distinct(demands: Sequence[Demand]) -> Sequence[Demand]:
    seen: set[str] = set()
    for demand in demands:
        if demand.id in seen:
            raise InputError("two demands have this id", where=f"demand {demand.id}")
        seen.add(demand.id)
    return demands


def _option(mesh: Mesh, task: Task, answer: Answer) -> Option | None:
    """What an answer of admission has taken."""
    if not isinstance(answer, Reservation):
        return None
    backup = mesh.directions(answer.backup.sites) if answer.backup else ()
    return Option.of(mesh, task, mesh.directions(answer.primary.sites), backup)


def _replayed(
    network: Network, rate_scale: float, demands: Sequence[Demand], tasks: Sequence[Task], taken: Taken
) -> tuple[Answer, ...]:
    """The answers, once admission has taken every reservation; it also says why it cannot take the rest.

    What was left out although there is room (time had run out) is admitted here.
    """
    admission = Admission(network, rate_scale=rate_scale)
    mesh = Mesh(network, rate_scale=rate_scale)
    used: Counter[tuple[str, str, str]] = Counter()
    answers: dict[str, Answer] = {}
    for demand, task, option in zip(demands, tasks, taken, strict=True):
        pair = (demand.source, demand.destination, str(demand.transport))
        port = FIRST_PORT + used[pair]
        if option is not None and port <= LAST_PORT:
            reservation = _reservation(mesh, demand, task, option, port)
            admission.restore(reservation)
            answers[demand.id] = reservation
            used[pair] += 1
    for demand in demands:
        if demand.id not in answers:
            answers[demand.id] = admission.ask(demand)
    return tuple(answers[demand.id] for demand in demands)


def _reservation(mesh: Mesh, demand: Demand, task: Task, option: Option, port: int) -> Reservation:
    primary, backup = option.primary, option.backup
    return Reservation(
        demand=demand,
        port=port,
        rate_bps=task.query.rate_bps,
        burst_bits=task.query.burst_bits,
        primary=_path(mesh, primary),
        backup=_path(mesh, backup) if backup else None,
        failover_bound_ns=failover_bound_ns(mesh, primary, backup) if backup else None,
    )


def _path(mesh: Mesh, path: Directions) -> ReservedPath:
    propagation_ns = sum(mesh.propagation_ns[direction] for direction in path)
    return ReservedPath(mesh.site_ids(path), propagation_ns, mesh.path_bound_ns(path))


def score(answers: Sequence[Answer], objective: Objective) -> Score:
    """How good a set of answers is."""
    admitted = [answer for answer in answers if isinstance(answer, Reservation)]
    rate_bps = sum(each.rate_bps for each in admitted)
    return Score(
        admitted=len(admitted),
        rate_bps=rate_bps,
        worth=rate_bps if objective is Objective.RATE else len(admitted),
        rate_delay=sum(
            r.rate_bps * (r.primary.bound_ns + (r.backup.bound_ns if r.backup else 0)) for r in admitted
        ),
    )


def _placement(
    objective: Objective,
    answers: tuple[Answer, ...],
    one_by_one: tuple[Answer, ...],
    most: Finding,
    least: Finding,
) -> Placement:
    return Placement(
        objective=objective,
        answers=answers,
        one_by_one=one_by_one,
        score=score(answers, objective),
        sequential=score(one_by_one, objective),
        worth_bound=-most.bound,
        worth_proof=most.proof,
        rate_delay_bound=least.bound,
        rate_delay_proof=least.proof,
    )
