"""What an experiment is given: its scenarios, how deep to go, labs to bring up and a folder to write to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from experiments.lab import Lab, LabOptions
from experiments.machines.lab import PlacedLab
from experiments.machines.spreading import Spread
from experiments.results import VARIANTS, ResultFolder, Variant
from topology.errors import InputError
from topology.network import Network
from topology.scenario import load, load_many, load_pair


@dataclass(frozen=True, slots=True)
class Depth:
    """How much to measure.

    Attributes:
        samples: STAMP probes per pair and state.
        probes_per_s: STAMP probes of all pairs together; more would load the machine they measure.
        pings: of the cross-check per pair.
        throughput_s: whole seconds, length of each iperf3 run; 0 leaves throughput out.
        throughput_sites: at most so many destinations get iperf3 runs; 0 means all.
        utilisation: background load of the links on the measured paths; 0 leaves it out.
        packets: of admitted flows, where an experiment sends as their contracts allow.
        repetitions: of each kind of fault, where an experiment breaks things.
        watch_s: how long such an experiment looks for false alarms first.
    """

    samples: int = 1000
    probes_per_s: float = 250.0
    pings: int = 20
    throughput_s: int = 5
    throughput_sites: int = 0
    utilisation: float = 0.16
    packets: int = 110_000
    repetitions: int = 50
    watch_s: float = 600.0

    def interval_ms(self, pairs: int) -> float:
        """Time between two probes of a pair."""
        return 1000.0 * pairs / self.probes_per_s


FULL = Depth()
QUICK = Depth(
    samples=100,
    pings=5,
    throughput_s=1,
    throughput_sites=3,
    packets=12_000,
    repetitions=1,
    watch_s=5.0,
)


@dataclass(frozen=True)
class Run:
    """One run of an experiment.

    Attributes:
        networks: base and proposal; an experiment on one network finds it as ``network`` (and as the base).
        destinations: the sites to measure to; the scenario's own list if none were named.
        say: tells the user which step begins.
        expect: tells the progress display how many seconds the run should take.
        spreads: on which machines each network lies; empty: all of it on this one.
    """

    networks: dict[Variant, Network]
    destinations: tuple[str, ...]
    depth: Depth
    options: LabOptions
    folder: ResultFolder
    say: Callable[[str], None] = field(default=lambda _sentence: None)
    expect: Callable[[float], None] = field(default=lambda _seconds: None)
    spreads: Mapping[Variant, Spread] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        """The network of an experiment on one."""
        return self.networks["base"]

    @contextmanager
    def lab(self, variant: Variant = "base") -> Iterator[Lab]:
        """The network of ``variant``, up and routed; taken down on leaving."""
        network, spread = self.networks[variant], self.spreads.get(variant)
        with (
            Lab(network, self.options, self.say)
            if spread is None
            else PlacedLab(network, spread, self.options, self.say)
        ) as lab:
            yield lab


def load_networks(base: str | None, proposal: str, rate_scale: float | None) -> dict[Variant, Network]:
    """Both networks; without ``base``, the one that ``proposal`` is an overlay of.

    Raises ``InputError`` if one is bad, or if they have nothing to compare.
    """
    if base is None:
        networks = dict(zip(VARIANTS, load_pair(proposal), strict=True))
    else:
        networks = dict(zip(VARIANTS, load_many([base, proposal]), strict=True))
    source = networks["base"].comparison.source
    if source not in networks["proposal"].sites:
        raise InputError(
            f"{source!r}, where {networks['base'].id} measures from, is not in {networks['proposal'].id}",
            hint="base and proposal must share the sites they compare",
        )
    return {variant: scaled(network, rate_scale) for variant, network in networks.items()}


def load_network(scenario: str, rate_scale: float | None) -> dict[Variant, Network]:
    """The one network of an experiment that compares none. Raises ``InputError`` if it is bad."""
    return {"base": scaled(load(scenario), rate_scale)}


def scaled(network: Network, rate_scale: float | None) -> Network:
    """``network`` with its rates emulated 1 : ``rate_scale`` instead of its own scale."""
    return network if rate_scale is None else replace(network, rate_scale=rate_scale)


def choose_destinations(networks: dict[Variant, Network], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The sites to measure to: those named, or those both scenarios name in ``measure``.

    Raises ``InputError`` naming every site that cannot be measured to.
    """
    base = networks["base"]
    shared = [site for site in base.sites if site in networks["proposal"].sites]
    if not wanted:
        wanted = tuple(site for site in base.comparison.destinations if site in shared)
    unknown = [site for site in wanted if site not in shared or site == base.comparison.source]
    if unknown or not wanted:
        raise InputError(
            f"cannot measure to: {', '.join(unknown)}" if unknown else "no site to measure to",
            where="--sites",
            hint="sites of both scenarios: " + ", ".join(s for s in shared if s != base.comparison.source),
        )
    return tuple(dict.fromkeys(wanted))
