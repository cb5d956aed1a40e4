"""How fast failures are gone through, and how that compares with plain networkx.

- 10,000 failures of ``topozoo/Chinanet`` (38 sites): every single and every double failure of links and
  sites, the rest random triples. For each: pairs cut off and delay added, over all pairs. networkx does the
  same in the same run, one Dijkstra per site and failure; every answer is checked to be the same. Seconds are
  those of the processor, one core.
- every cut of a link of ``backbone/world`` (3,815 sites, 5,189 links), all 7.3 million pairs, on all cores.
  Seconds are those of the clock, so they grow with what else the machine does; the processor's are told, too.
  A few cuts are checked against all distances computed anew.
"""

from __future__ import annotations

import random
import resource
import time
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np

from controller.paths import link_latency_ns
from experiments.proposals.findings import Cut
from experiments.proposals.resilience import given_cuts, single_cuts
from experiments.proposals.resilience.effects import Question, by_elimination
from experiments.proposals.resilience.failures import SITE, elements, singles
from experiments.proposals.sweep import Say, Sweep, quiet, usable_cores
from topology.errors import MeasurementError
from topology.network import Network
from topology.scenario import load

SMALL, LARGE = "topohub:topozoo/Chinanet", "topohub:backbone/world"
SEED = 20240301
AIM_SECONDS = 300
CHECKED = 3  # cuts of the large network


def bench_failures(count: int = 10_000, large: str = LARGE, say: Say = quiet) -> list[dict[str, Any]]:
    """Both of the above. Raises ``MeasurementError`` if two answers differ."""
    return [_against_networkx(load(SMALL), count), _every_cut(load(large), say)]


def _against_networkx(network: Network, count: int) -> dict[str, Any]:
    asked = scenarios(network, count)
    begun = time.process_time()
    ours = given_cuts(network, None, asked)
    ours_s = time.process_time() - begun
    plain = _PlainNetworkx(network)
    begun = time.process_time()
    theirs = [plain.cut(names) for names in asked]
    theirs_s = time.process_time() - begun
    for here, there in zip(ours, theirs, strict=True):
        _check(here, there)
    return {
        "what": f"{count} failures of {len(network.sites)} sites, all pairs",
        "ours": round(count / ours_s),
        "other": round(count / theirs_s),
        "unit": "/s CPU",
        "ratio": round(theirs_s / ours_s, 1),
        "against": "plain networkx",
    }


def scenarios(network: Network, count: int) -> list[tuple[str, ...]]:
    """Single failures of links and sites, then double ones, then random triples."""
    names = [*network.links, *(SITE + site for site in network.sites)]
    found: list[tuple[str, ...]] = [*((name,) for name in names), *combinations(names, 2)]
    dice = random.Random(SEED)
    while len(found) < count:
        found.append(tuple(dice.sample(names, 3)))
    return found[:count]


class _PlainNetworkx:
    """The same as one would write it with networkx alone."""

    def __init__(self, network: Network) -> None:
        self._graph = nx.Graph()
        self._graph.add_nodes_from(network.sites)
        self._ends = {link.id: (link.a, link.b) for link in network.links.values()}
        for link in network.links.values():
            self._graph.add_edge(link.a, link.b, ns=link_latency_ns(network, link))
        self._before = dict(nx.all_pairs_dijkstra_path_length(self._graph, weight="ns"))

    def cut(self, names: tuple[str, ...]) -> Cut:
        """What the failure of links and sites does to all pairs."""
        graph = self._graph.copy()
        for name in names:
            if name.startswith(SITE):
                graph.remove_edges_from(list(graph.edges(name.removeprefix(SITE))))
            else:
                graph.remove_edges_from([self._ends[name]])
        cut_off = served = added_ns = 0
        for source, after in nx.all_pairs_dijkstra_path_length(graph, weight="ns"):
            before = self._before[source]
            cut_off += len(before) - len(after)
            served += len(after) - 1
            added_ns += sum(ns - before[site] for site, ns in after.items())
        mean_ms = added_ns / served / 1e6 if served else 0.0
        return Cut(names, lost_gbps=cut_off / 2, delay_added_ms=mean_ms, pairs_cut_off=cut_off // 2)


def _every_cut(network: Network, say: Say) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    cuts = single_cuts(network, None, sites=False, groups=False, sweep=Sweep(), say=say)
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    _check_some(network, cuts)
    return {
        "what": f"{len(cuts)} cuts of a link of {len(network.sites)} sites, all pairs, "
        f"{usable_cores()} processes, {processor_s:.0f} s CPU",
        "ours": round(seconds, 1),
        "other": AIM_SECONDS,
        "unit": "s",
        "ratio": round(AIM_SECONDS / seconds, 2),
        "against": "aim",
    }


def _check_some(network: Network, cuts: tuple[Cut, ...]) -> None:
    """The worst cut, and some others, from all distances anew."""
    question = Question(network, None)
    chosen = elements(network, question.wires, sites=False, groups=False)
    worst = max(range(len(cuts)), key=lambda row: cuts[row].delay_added_ms)
    rows = [worst, *random.Random(SEED).sample(range(len(cuts)), CHECKED - 1)]
    expected = by_elimination(question, chosen, singles(len(chosen))[np.array(rows)])
    for number, row in enumerate(rows):
        there = Cut(
            cuts[row].failed,
            lost_gbps=float(expected.lost_gbps[number]),
            delay_added_ms=float(expected.delay_added_ms[number]),
            pairs_cut_off=int(expected.pairs_cut_off[number]),
        )
        _check(cuts[row], there)


def _check(here: Cut, there: Cut) -> None:
    """Pairs exactly; means within the rounding of a division."""
    if here.pairs_cut_off != there.pairs_cut_off or abs(here.delay_added_ms - there.delay_added_ms) > 1e-9:
        raise MeasurementError(f"answers differ: {here} and {there}")
