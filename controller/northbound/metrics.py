"""What the controller counts, in the words of Prometheus: base units, totals end in ``_total``.

Everything is read when somebody asks; between two scrapes nothing is kept but the counts of requests.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from controller.admission import State
from controller.northbound.backend import Backend
from controller.northbound.feed import EventFeed
from controller.northbound.stream import Streams
from topology.network import ROUTED_CLASSES

_NANOSECONDS = 10**9
_ANSWER_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The registry of one interface, apart from the process-wide default one."""

    def __init__(self, backend: Backend, feed: EventFeed, streams: Streams) -> None:
        # When a count began is of no use to anyone, and doubles the series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Controller(backend, feed, streams))
        self.requests = Counter(
            "onehop_http_requests",
            "Answered requests of the HTTP interface.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.answer_seconds = Histogram(
            "onehop_http_answer_seconds",
            "Time until an answer began.",
            ["route"],
            registry=self._registry,
            buckets=_ANSWER_BUCKETS_S,
        )

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format a scraper accepts, and its media type."""
        encoder, media_type = choose_encoder(accept)
        return encoder(self._registry), media_type


class _Controller(Collector):
    def __init__(self, backend: Backend, feed: EventFeed, streams: Streams) -> None:
        self._backend = backend
        self._feed = feed
        self._streams = streams
        self._started = time.time()

    def describe(self) -> Iterable[Metric]:
        """Nothing before it is asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        yield from self._process()
        yield from self._network()
        yield from self._promises()
        yield from self._ports()

    def _process(self) -> Iterator[Metric]:
        network, tally = self._backend.network, self._feed.tally()
        info = GaugeMetricFamily("onehop_scenario_info", "What is routed.", labels=["scenario", "digest"])
        info.add_metric([network.id, network.digest()], 1)
        yield info
        yield _gauge("onehop_start_time_seconds", "When the interface started (Unix time).", self._started)
        yield _gauge("onehop_event_streams", "Open event streams.", self._streams.open)
        events = CounterMetricFamily("onehop_events", "Events by name.", labels=["event"])
        for name, count in sorted(tally.events.items()):
            events.add_metric([name], count)
        yield events
        yield CounterMetricFamily("onehop_repairs", "New plans put in force.", value=tally.repairs)
        yield CounterMetricFamily(
            "onehop_repair_seconds",
            "Time from hearing of a change to the last confirmation, summed over all repairs.",
            value=tally.repair_seconds,
        )

    def _network(self) -> Iterator[Metric]:
        network, snapshot = self._backend.network, self._backend.snapshot
        switches = GaugeMetricFamily(
            "onehop_switch_connected", "Whether a site's switch has a control connection.", labels=["site"]
        )
        for site in network.sites:
            switches.add_metric([site], site in snapshot.switches)
        yield switches
        programmed = GaugeMetricFamily(
            "onehop_switch_programmed", "Whether it has confirmed to hold all it should.", labels=["site"]
        )
        for site in network.sites:
            programmed.add_metric([site], snapshot.switches.get(site, False))
        yield programmed
        up = GaugeMetricFamily("onehop_link_up", "Whether a link works.", labels=["link"])
        for link in network.links:
            up.add_metric([link], link not in snapshot.failed_links)
        yield up
        paths = GaugeMetricFamily("onehop_planned_paths", "Paths of the plan in force.", labels=["class"])
        for traffic_class in ROUTED_CLASSES:
            count = sum(1 for _, _, planned in snapshot.plan.paths if planned is traffic_class)
            paths.add_metric([traffic_class], count)
        yield paths
        unreachable = len(snapshot.plan.unreachable)
        yield _gauge("onehop_unreachable_pairs", "Ordered pairs of sites that no path joins.", unreachable)

    def _promises(self) -> Iterator[Metric]:
        standing = self._backend.snapshot.standing
        by_state = GaugeMetricFamily("onehop_reservations", "Reservations by state.", labels=["state"])
        for state in State:
            by_state.add_metric([state], len(standing.in_state(state)))
        yield by_state
        bound = GaugeMetricFamily(
            "onehop_reservation_bound_seconds",
            "Proven bound on the one-way delay on the path in use; absent while broken.",
            labels=["demand"],
        )
        for name, held in standing.held.items():
            if held.primary is not None:
                bound.add_metric([name], held.primary.bound_ns / _NANOSECONDS)
        yield bound
        labels = ["link", "from", "to"]
        rate = GaugeMetricFamily(
            "onehop_reserved_bits_per_second", "Reserved rate of a link direction.", labels=labels
        )
        limit = GaugeMetricFamily(
            "onehop_reservable_bits_per_second", "The most that may be reserved there.", labels=labels
        )
        for usage in self._backend.usage().values():
            direction = [usage.link, usage.from_site, usage.to_site]
            rate.add_metric(direction, usage.rate_bps)
            limit.add_metric(direction, usage.rate_limit_bps)
        yield rate
        yield limit

    def _ports(self) -> Iterator[Metric]:
        reading, layout = self._backend.counters(), self._backend.layout
        link_of = {
            (end.site, end.port): link.link for link in layout.links.values() for end in (link.a, link.b)
        }
        for name, what in (
            ("received_bytes", "Bytes that came into a switch at a port."),
            ("sent_bytes", "Bytes that left a switch at a port."),
            ("received_packets", "Packets that came into a switch at a port."),
            ("sent_packets", "Packets that left a switch at a port."),
            ("received_dropped", "Packets dropped on coming in at a port."),
            ("sent_dropped", "Packets dropped on leaving at a port."),
            ("received_errors", "Packets that came in at a port with errors."),
            ("sent_errors", "Packets that could not leave at a port for errors."),
        ):
            family = CounterMetricFamily(f"onehop_port_{name}", what, labels=["site", "port", "link"])
            for (site, port), counters in reading.ports.items():
                if (value := getattr(counters, name)) is not None:
                    family.add_metric([site, str(port), link_of.get((site, port), "")], value)
            yield family
        silent = GaugeMetricFamily(
            "onehop_switch_silent",
            "1 for a connected switch that did not tell its counters.",
            labels=["site"],
        )
        for site in reading.silent_sites:
            silent.add_metric([site], 1)
        yield silent


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)
