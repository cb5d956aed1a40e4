"""``summary.json``: what a run found, per pair of sites, with what the model predicts beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.results.manifest import Backend, Host, ScenarioReference
from experiments.results.model import SCHEMA_VERSION, ResultModel, Variant
from experiments.results.provenance import Assumption, SourceReference
from experiments.results.statistics import DelayStatistics, OneWayStatistics
from experiments.results.targets import NATIONAL_TARGETS, Target, TargetsMet, targets_met
from topology.network import Network, Text

TOLERANCE_RATIO = 0.03
TOLERANCE_MS = 0.5
"""A measured round trip agrees with the model within 3 % or 0.5 ms, whichever is larger."""


def within_tolerance(measured_rtt_ms: float, predicted_rtt_ms: float) -> bool:
    """Whether a median round trip agrees with what was predicted."""
    return abs(measured_rtt_ms - predicted_rtt_ms) <= max(TOLERANCE_MS, TOLERANCE_RATIO * predicted_rtt_ms)


class DelaySplit(ResultModel):
    """Predicted one-way delay by cause, in milliseconds. ``queueing_ms`` only under the stated load."""

    propagation_ms: float
    transit_ms: float
    handover_ms: float
    queueing_ms: float = 0.0

    @property
    def empty_ms(self) -> float:
        """One-way delay of the empty path."""
        return self.propagation_ms + self.transit_ms + self.handover_ms

    @property
    def total_ms(self) -> float:
        """One-way delay under load."""
        return self.empty_ms + self.queueing_ms

    @classmethod
    def of_path(cls, network: Network, path: Sequence[str], queueing_ms: float = 0.0) -> DelaySplit:
        """Split what ``Network.path_latency_ms`` adds up: fibre, hand-over, half of each end's transit."""
        links = list(network.path_links(tuple(path)))
        transit_ms = sum(network.sites[end].transit_ms / 2 for link in links for end in (link.a, link.b))
        return cls(
            propagation_ms=round(sum(link.propagation_ms for link in links), 6),
            transit_ms=round(transit_ms, 6),
            handover_ms=round(sum(link.handover_ms for link in links), 6),
            queueing_ms=round(queueing_ms, 6),
        )


class Throughput(ResultModel):
    """What iperf3 carried, in Mbit/s of payload at the emulated scale; ``None``: not measured."""

    tcp: float | None = None
    udp: float | None = None


class Ping(ResultModel):
    """The cross-check: round trips as ``ping`` reports them, in milliseconds."""

    min: float
    avg: float
    max: float
    sent: int | None = None
    lost: int | None = None


class Loaded(ResultModel):
    """The same pair with background traffic. ``utilisation``: share of each link's rate, 0 to 1.

    ``queueing_rtt_ms``: loaded median minus idle median round trip.
    """

    utilisation: float
    rtt_ms: DelayStatistics
    one_way_ms: OneWayStatistics | None = None
    queueing_rtt_ms: float | None = None


class PairResult(ResultModel):
    """One pair on one network (``base`` or ``proposal``). Make it with ``of``, which derives the rest."""

    path: tuple[str, ...]
    """Sites that probes really crossed, in order, ends included; the planned path if not ``path_proven``."""
    planned_path: tuple[str, ...]
    path_proven: bool
    """Every captured probe crossed exactly ``planned_path``."""
    hops: int
    """Links crossed: one fewer than the sites of ``path``."""
    rtt_ms: DelayStatistics
    one_way_ms: OneWayStatistics
    delay_variation_ms: float | None
    """99th percentile minus minimum of the one-way delay (RFC 5481)."""
    predicted_rtt_ms: float
    """Round trip of the empty path by the model."""
    predicted: DelaySplit
    floor_rtt_ms: float
    """Round trip of light in fibre along the great circle; the same for base and proposal."""
    stretch: float | None
    """Median round trip over the floor."""
    declared_mbps: float
    """Emulated rate of the narrowest link on the path."""
    throughput_mbps: Throughput
    tcp_retransmits: int | None = None
    udp_loss_ratio: float | None = None
    ping_ms: Ping | None = None
    sent: int
    lost: int
    loaded: Loaded | None = None
    targets: TargetsMet
    error_ms: float | None
    """Median measured round trip minus predicted."""
    within_tolerance: bool
    attempts: int = 1
    """How often the idle delay was measured; ``rtt_ms`` is the last. Pairs off the model are repeated."""

    @classmethod
    def of(
        cls,
        *,
        path: Sequence[str],
        planned_path: Sequence[str],
        path_proven: bool,
        rtt_ms: DelayStatistics,
        one_way_ms: OneWayStatistics,
        predicted: DelaySplit,
        floor_rtt_ms: float,
        declared_mbps: float,
        throughput_mbps: Throughput | None = None,
        tcp_retransmits: int | None = None,
        udp_loss_ratio: float | None = None,
        ping_ms: Ping | None = None,
        loaded: Loaded | None = None,
        attempts: int = 1,
    ) -> PairResult:
        """A pair's result from what was measured (idle) and predicted; the rest is derived here."""
        predicted_rtt_ms = round(2 * predicted.empty_ms, 6)
        median = rtt_ms.median
        error = None if median is None else round(median - predicted_rtt_ms, 6)
        return cls(
            path=tuple(path),
            planned_path=tuple(planned_path),
            path_proven=path_proven,
            hops=len(path) - 1,
            rtt_ms=rtt_ms,
            one_way_ms=one_way_ms,
            delay_variation_ms=one_way_ms.variation_ms,
            predicted_rtt_ms=predicted_rtt_ms,
            predicted=predicted,
            floor_rtt_ms=round(floor_rtt_ms, 6),
            stretch=None if median is None or floor_rtt_ms <= 0 else round(median / floor_rtt_ms, 4),
            declared_mbps=declared_mbps,
            throughput_mbps=throughput_mbps or Throughput(),
            tcp_retransmits=tcp_retransmits,
            udp_loss_ratio=udp_loss_ratio,
            ping_ms=ping_ms,
            sent=rtt_ms.sent,
            lost=rtt_ms.lost,
            loaded=None if loaded is None else _with_queueing(loaded, median),
            targets=targets_met(one_way_ms.median, median, floor_rtt_ms),
            error_ms=error,
            within_tolerance=median is not None and within_tolerance(median, predicted_rtt_ms),
            attempts=attempts,
        )


def _with_queueing(loaded: Loaded, idle_median_ms: float | None) -> Loaded:
    if idle_median_ms is None or loaded.rtt_ms.median is None:
        return loaded
    return loaded.model_copy(update={"queueing_rtt_ms": round(loaded.rtt_ms.median - idle_median_ms, 6)})


class Pair(ResultModel):
    """One pair of sites on both networks. ``region``: a label for grouping, as in the scenario."""

    source: str
    destination: str
    source_name: Text
    destination_name: Text
    region: str = ""
    floor_rtt_ms: float
    base: PairResult
    proposal: PairResult

    @property
    def saving_ms(self) -> float | None:
        """Median round trip that the proposal saves; negative if it costs."""
        if self.base.rtt_ms.median is None or self.proposal.rtt_ms.median is None:
            return None
        return self.base.rtt_ms.median - self.proposal.rtt_ms.median

    @property
    def has_throughput(self) -> bool:
        """Whether iperf3 ran between the pair on either network."""
        rates = (self.base.throughput_mbps, self.proposal.throughput_mbps)
        return any(value is not None for rate in rates for value in (rate.tcp, rate.udp))

    def on(self, variant: Variant) -> PairResult:
        """The result on one of the two networks."""
        return self.base if variant == "base" else self.proposal


class ModelVariant(ResultModel):
    """A further network, computed but not emulated: predicted round trip in ms by destination site."""

    id: str
    title: Text
    predicted_rtt_ms: dict[str, float]


class Verdict(ResultModel):
    """The answer in one sentence. ``ok`` is false if no verdict can be given; ``reasons`` then say why."""

    ok: bool
    text: Text
    reasons: tuple[Text, ...] = ()

    @classmethod
    def unreliable(cls, reasons: tuple[Text, ...]) -> Verdict:
        """None, because what the run measured cannot be relied on."""
        return cls(
            ok=False,
            text=Text(
                "No verdict: the measurements of this run cannot be relied on.",
                "不作结论：本次运行的测量结果不可采信。",
            ),
            reasons=reasons,
        )


class Conclusion(ResultModel):
    """What every summary begins with, whatever was asked."""

    schema_version: int = SCHEMA_VERSION
    experiment: str
    scenarios: dict[Variant, ScenarioReference]
    rate_scale: float
    backend: Backend
    verdict: Verdict


class Summary(Conclusion):
    """Everything a comparison of two networks found; complete in itself."""

    pairs: tuple[Pair, ...]
    model_variants: tuple[ModelVariant, ...] = ()
    targets: tuple[Target, ...] = NATIONAL_TARGETS
    assumptions: tuple[Assumption, ...] = ()
    sources: tuple[SourceReference, ...] = ()
    host: Host


def summary_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``summary.json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Summary.model_json_schema(mode="serialization"),
    }
