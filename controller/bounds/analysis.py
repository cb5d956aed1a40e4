"""All methods on one system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from controller.bounds import theorems
from controller.bounds.bursts import Bursts, delay_rule, propagate, residual_rule
from controller.bounds.curves import RateLatency, TokenBucket
from controller.bounds.residual import residual_priority
from controller.bounds.results import Analysis, Bounds, Figure, Method, MethodResult
from controller.bounds.sfa import flow_bounds
from controller.bounds.system import Flow, Multiplexing, Server, System, overloads
from controller.bounds.tfa import flow_delay, server_bounds
from topology.errors import InputError, Problem


def analyse(
    servers: Iterable[Server],
    flows: Iterable[Flow],
    multiplexing: Multiplexing | Sequence[Multiplexing] = Multiplexing.FIFO,
    methods: Sequence[Method] = (),
) -> Analysis:
    """Delay and backlog by each method, exact where no cycle makes it hard.

    Without ``methods``: TFA and SFA, and TFA++ if any server states its link's rate. A method that has no
    answer says so in its result. Raises ``InputError`` with every misfit and overloaded server, or if no
    method has an answer.
    """
    system = System.of(servers, flows)
    if problems := overloads(system):
        raise InputError.of(problems)
    disciplines = [multiplexing] if isinstance(multiplexing, Multiplexing) else list(multiplexing)
    results = [
        _result(system, discipline, method)
        for discipline in disciplines
        for method in methods or _fitting(system)
    ]
    if results and all(result.refused for result in results):
        whys = dict.fromkeys(result.refused for result in results)
        raise InputError.of([Problem(why) for why in whys])
    return Analysis(system, tuple(results))


def _fitting(system: System) -> tuple[Method, ...]:
    if any(server.link_rate is not None for server in system.servers.values()):
        return (Method.TFA, Method.TFA_SHAPED, Method.SFA)
    return (Method.TFA, Method.SFA)


def _result(system: System, multiplexing: Multiplexing, method: Method) -> MethodResult:
    analysed = _Gathered()
    try:
        if multiplexing is Multiplexing.PRIORITY:
            _by_class(system, method, analysed)
        else:
            _one_class(system, multiplexing, method, analysed, "")
    except InputError as error:
        return MethodResult(multiplexing, method, refused=str(error))
    flows = {flow: analysed.flows[flow] for flow in system.flows}
    return MethodResult(
        multiplexing, method, flows, analysed.servers, analysed.exact, tuple(dict.fromkeys(analysed.cycles))
    )


@dataclass(slots=True)
class _Gathered:
    """What has been found so far, class by class."""

    flows: dict[str, Bounds] = field(default_factory=dict)
    servers: dict[str, Bounds] = field(default_factory=dict)
    exact: bool = True
    cycles: list[tuple[str, ...]] = field(default_factory=list)


def _one_class(
    system: System, multiplexing: Multiplexing, method: Method, gathered: _Gathered, remark: str
) -> Bursts:
    """Analyse flows that are all of one class; returns how bursty they are inside the network."""
    shaped = method is Method.TFA_SHAPED
    rule = delay_rule(multiplexing) if shaped else residual_rule(multiplexing)
    bursts = propagate(system, rule)
    gathered.exact &= bursts.exact
    gathered.cycles += bursts.cycles
    if method is Method.SFA:
        for flow in system.flows.values():
            gathered.flows[flow.id] = _noted(flow_bounds(bursts, flow, multiplexing), remark)
        return bursts
    servers = {
        server: _noted(server_bounds(bursts, server, multiplexing, shaped=shaped), remark)
        for server, flows in system.at.items()
        if flows
    }
    for flow in system.flows.values():
        summed = flow_delay([servers[server] for server in flow.path], shaped=shaped)
        gathered.flows[flow.id] = _noted(Bounds(summed), remark)
    gathered.servers.update(servers)
    return bursts


def _by_class(system: System, method: Method, gathered: _Gathered) -> None:
    """Non-preemptive strict priority: each class, FIFO in itself, in what the higher ones leave.

    A server's bounds are those of each class that crosses it, under ``server, class N``.
    """
    higher: dict[str, TokenBucket] = {server: TokenBucket(0, 0) for server in system.servers}
    for priority in sorted({flow.priority for flow in system.flows.values()}):
        members = [flow.id for flow in system.flows.values() if flow.priority == priority]
        services = _left_to(system, members, priority, higher)
        own = _Gathered()
        bursts = _one_class(system.only(members, services), Multiplexing.FIFO, method, own, theorems.PRIORITY)
        gathered.flows.update(own.flows)
        gathered.servers.update({f"{name}, class {priority}": found for name, found in own.servers.items()})
        gathered.exact &= own.exact
        gathered.cycles += own.cycles
        for server, flows in bursts.system.at.items():
            rate = bursts.system.rate(flows)
            higher[server] += TokenBucket(rate, bursts.together(flows, server))


def _left_to(
    system: System, members: Sequence[str], priority: int, higher: Mapping[str, TokenBucket]
) -> dict[str, RateLatency]:
    services = {}
    for name in dict.fromkeys(server for flow in members for server in system.flows[flow].path):
        lower = [
            Fraction(system.flows[flow].max_packet)
            for flow in system.at[name]
            if system.flows[flow].priority > priority
        ]
        services[name] = residual_priority(
            system.servers[name].service, higher[name], max(lower, default=Fraction(0))
        )
    return services


def _noted(bounds: Bounds, remark: str) -> Bounds:
    if not remark:
        return bounds
    delay, backlog = (_with(figure, remark) for figure in (bounds.delay, bounds.backlog))
    assert delay is not None
    return replace(bounds, delay=delay, backlog=backlog)


def _with(figure: Figure | None, remark: str) -> Figure | None:
    return None if figure is None else replace(figure, theorem=f"{figure.theorem}; {remark}")
