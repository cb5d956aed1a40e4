"""A result folder of ``determinism`` as a run would leave it, made up. For tests only."""

from __future__ import annotations

import json
import random
from pathlib import Path

from controller.link_service import link_services
from experiments.catalog.determinism import Determinism
from experiments.determinism import telling
from experiments.determinism.bounds import flow_bounds
from experiments.determinism.cast import CROWD, LIAR, LIES, OVERLOAD, Cast, real_bounds_ns
from experiments.determinism.verdict import conclude
from experiments.hosts import host_verdict
from experiments.measurement.contract import AdversaryReport, Behaviour, ContractFlow, Load, outcomes
from experiments.measurement.contract.flows import Pace
from experiments.measurement.contract.outcome import FORMATS
from experiments.measurement.endpoint import Endpoint
from experiments.results import Backend, Host, LinkChecks, Manifest, ResultFolder, ScenarioReference
from experiments.results.determinism import DeterminismSummary, Phase
from topology.emulation.layout import Layout
from topology.scenario import load

CAST = Cast.of(load("tiny-deterministic"))
LAYOUT = Layout.of(CAST.network)
BOUNDS = flow_bounds(
    list(CAST.reservations.values()),
    link_services(CAST.network, rate_scale=CAST.network.rate_scale),
    lying=(LIAR,),
)
NEVER = 1 << 62


def flow(name: str, behaviour: Behaviour = Behaviour.GREEDY, factor: int = 1, port: int = 0) -> ContractFlow:
    """A flow of the cast, between hosts that do not exist."""
    one = CAST.reservations[name]
    ends = [
        Endpoint(site, LAYOUT.sites[site].host_ip, "/proc/0/ns/net")
        for site in (one.demand.source, one.demand.destination)
    ]
    return ContractFlow(
        name, *ends, port or one.port, factor * one.rate_bps, factor * one.burst_bits, behaviour
    )


def write_phase(
    folder: Path, phase: Phase, flows: list[ContractFlow], count: int, delay_ns: dict[str, tuple[int, int]]
) -> None:
    """Packets by the real schedule; each takes between the two delays of its flow, ``NEVER`` for lost."""
    chance = random.Random(phase)
    lines: dict[str, list[str]] = {kind: [] for kind in FORMATS}
    for number, each in enumerate(flows):
        pace = Pace(each, number, 1, 20_000_000)
        for packet in range(count):
            at_ns, size = pace.due_ns, pace.frame_bytes
            pace.sent(at_ns)
            lines["sent"].append(f"[{number},{packet},{at_ns},{size},1]")
            least, most = delay_ns[each.id]
            if most != NEVER or packet % 3 == 0:
                took = least if most == NEVER else round(chance.uniform(least, most))
                lines["received"].append(f"[{number},{packet},{at_ns + took},44]")
    for kind, form in FORMATS.items():
        header = {"format": form, "version": 1, "flows": [each.to_dict() for each in flows]}
        text = "\n".join([json.dumps(header), *lines[kind]]) + "\n"
        (folder / f"{phase}.{kind}.jsonl").write_text(text)


def write_folder(path: Path, *, late_ns: int = 0, busy: bool = False) -> DeterminismSummary:
    """Write everything a run writes, and return its summary. ``late_ns``: added to every loaded delay."""
    names = [one.id for one in CAST.honest]
    propagation = {name: BOUNDS[name].propagation_ns for name in names}
    host = Host(kernel="Linux", python="3.11", cpu_model="a processor", cpu_count=2)
    reference = ScenarioReference(id=CAST.network.id, title=CAST.network.title, digest="ab" * 32)
    manifest = Manifest(
        experiment="determinism",
        created="2024-06-01T08:00:00Z",
        status="complete",
        onehop="0.1.0",
        seed=1,
        scenarios={"base": reference},
        rate_scale=CAST.network.rate_scale,
        backend=Backend(datapath="userspace", pipe="userspace"),
        host=host,
    )
    folder = ResultFolder.create(manifest, path=path)
    folder.write_network("base", CAST.network)
    idle = {name: (ns + 100_000, ns + 300_000) for name, ns in propagation.items()}
    loaded = {name: (ns + 200_000 + late_ns, ns + 5_000_000 + late_ns) for name, ns in propagation.items()}
    loaded |= {LIAR: (8_000_000, NEVER), CROWD: (9_000_000, NEVER)}
    plain = {name: (ns + 10_000_000, ns + 30_000_000) for name, ns in propagation.items()}
    crowd = ContractFlow(CROWD, *_ends("qingyang", "beijing"), 41_000, 2_800_000, 20_000, Behaviour.STEADY)
    write_phase(path, "idle", [flow(name, Behaviour.SPARSE) for name in names], 100, idle)
    write_phase(
        path, "loaded", [*(flow(name) for name in names), flow(LIAR, factor=LIES), crowd], 400, loaded
    )
    write_phase(path, "best-effort", [flow(name, port=40_000) for name in names], 100, plain)
    found = {
        phase: outcomes(path / f"{phase}.sent.jsonl", path / f"{phase}.received.jsonl")
        for phase in ("idle", "loaded", "best-effort")
    }
    real = real_bounds_ns((one.demand for one in CAST.honest), CAST.network)
    flows = tuple(
        telling.promised_flow(
            CAST.network,
            one,
            BOUNDS[one.id],
            real[one.id],
            found["idle"][one.id],
            found["loaded"][one.id],
            found["best-effort"][one.id],
        )
        for one in CAST.honest
    )
    loads = [Load(link.link, link.a.interface, 30.0) for link in LAYOUT.links.values()][:1]
    report = AdversaryReport(10.0, tuple(loads), (round(30e6 * 10 / 8 / 1514),))
    flooded = telling.flooded_of(LAYOUT, report, {loads[0].interface: 20_000})
    liar = telling.liar_of(CAST.liar, found["loaded"])
    verdict = host_verdict(0.99 if busy else 0.4, too_busy=busy)
    summary = DeterminismSummary(
        experiment=Determinism.name,
        scenarios=manifest.scenarios,
        rate_scale=manifest.rate_scale,
        backend=manifest.backend,
        verdict=conclude(flows, liar, flooded, 1200, OVERLOAD, LinkChecks(networks={"base": ()}), verdict),
        packets=sum(each.loaded.sent for each in flows),
        lost=sum(each.loaded.lost for each in flows),
        duplicated=0,
        beyond_bound=sum(each.beyond_bound for each in flows),
        beyond_tight=sum(each.beyond_tight for each in flows),
        violations=sum(each.violations for each in flows),
        method="tfa, sfa",
        flows=flows,
        refused={},
        liar=liar,
        crowd=telling.crowd_of(found["loaded"]),
        flooded=flooded,
        classes=(),
        host=host.model_copy(update={"verdict": verdict}),
    )
    folder.write_summary(summary)
    return summary


def _ends(source: str, destination: str) -> tuple[Endpoint, Endpoint]:
    first, second = (
        Endpoint(site, LAYOUT.sites[site].host_ip, "/proc/0/ns/net") for site in (source, destination)
    )
    return first, second
