"""All drawings of the page, each in both languages, ready to be inlined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from experiments.report import charts
from experiments.report.map import Route, map_svg
from experiments.report.style import LANGUAGES, Language
from experiments.report.text import fill
from experiments.results import LOAD_STATES, VARIANTS, LoadState, ResultFolder, Summary, Variant
from experiments.results.links import LinkChecks
from experiments.results.summary import Pair
from topology.network import Network, Text


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing in both languages, and in words for those who cannot see it."""

    svg: dict[Language, Markup]
    alt: Text

    @classmethod
    def of(cls, name: str, alt: Text, draw: Callable[[Language, str], str]) -> Drawing:
        """Draw once per language; ``draw`` gets the language and a name for the SVG's ids."""
        # The SVG is safe: matplotlib escapes every text in it.
        return cls({language: Markup(draw(language, f"{name}-{language}")) for language in LANGUAGES}, alt)


def route_map(summary: Summary, network: Network | None) -> Drawing | None:
    """The proposal's network with the routes that probes took on both networks."""
    if network is None or not summary.pairs:
        return None
    routes = [
        Route(path, variant)
        for variant in VARIANTS
        for pair in summary.pairs
        if set(path := pair.on(variant).path) <= set(network.sites)
    ]
    # A link that only the base has is part of the base's routes all the same.
    alt = fill(
        "map.alt",
        sites=len(network.sites),
        links=len(network.links),
        source=summary.pairs[0].source_name,
    )
    return Drawing.of(
        "map", alt, lambda language, name: map_svg(network, language=language, routes=routes, name=name)
    )


def delay_charts(summary: Summary) -> tuple[Drawing, Drawing]:
    """The measured round trips, and the delay by cause."""
    pairs = by_region(summary)
    return (
        Drawing.of(
            "rtt",
            fill("pairs.rtt.alt"),
            lambda language, name: charts.round_trips(pairs, summary.model_variants, language, name),
        ),
        Drawing.of(
            "split",
            fill("split.alt"),
            lambda language, name: charts.delay_split(pairs, language, name),
        ),
    )


def beyond_split(summary: Summary) -> bool:
    """Whether a loaded median lies beyond the chart of the delay by cause."""
    right = charts.split_limit_ms(summary.pairs)
    loaded = [result.loaded for pair in summary.pairs for result in (pair.base, pair.proposal)]
    medians = [one.one_way_ms.median for one in loaded if one is not None and one.one_way_ms is not None]
    return any(median is not None and median > right for median in medians)


def throughput_chart(summary: Summary) -> Drawing | None:
    """What TCP and UDP carried; ``None`` if that was not measured."""
    pairs = [p for p in by_region(summary) if p.has_throughput]
    if not pairs:
        return None
    return Drawing.of(
        "throughput",
        fill("throughput.alt"),
        lambda language, name: charts.throughput(pairs, language, name),
    )


def link_chart(links: LinkChecks | None) -> Drawing | None:
    """Achieved against declared delay of every link."""
    if links is None or not any(links.networks.values()):
        return None
    return Drawing.of(
        "links", fill("links.alt"), lambda language, name: charts.link_errors(links, language, name)
    )


def distributions(folder: ResultFolder, summary: Summary) -> list[Drawing]:
    """One panel per pair: its round trips above the model's empty path, on both networks, idle and loaded."""
    raw = {(v, s): folder.round_trips(v, s) for v in VARIANTS for s in LOAD_STATES}
    panels: list[
        tuple[Pair, dict[tuple[Variant, LoadState], list[float]], dict[tuple[Variant, LoadState], int]]
    ]
    panels = []
    for pair in by_region(summary):
        excess, sent = {}, {}
        for key, by_pair in raw.items():
            rtts = by_pair.get((pair.source, pair.destination), ())
            if any(rtt is not None for rtt in rtts):
                predicted = pair.on(key[0]).predicted_rtt_ms
                excess[key] = sorted(rtt - predicted for rtt in rtts if rtt is not None)
                sent[key] = len(rtts)
        if excess:
            panels.append((pair, excess, sent))
    if not panels:
        return []
    curves = [curve for _, excess, _ in panels for curve in excess.values()]
    low = min(curve[0] for curve in curves)
    high = max(curve[(len(curve) - 1) * 99 // 100] for curve in curves)
    margin = max(0.02, 0.03 * (high - low))
    limits = (min(0.0, low - margin), high + margin)
    drawings = []
    for number, (pair, excess, sent) in enumerate(panels):

        def draw(
            language: Language, name: str, pair: Pair = pair, excess: object = excess, sent: object = sent
        ) -> str:
            title = pair.destination_name.in_language(language)
            return charts.distribution(title, excess, sent, limits, name)  # type: ignore[arg-type]

        alt = fill("distribution.alt", name=pair.destination_name)
        drawings.append(Drawing.of(f"distribution-{number}", alt, draw))
    return drawings


def by_region(summary: Summary) -> list[Pair]:
    """The pairs, those of one region together, else in the order of the scenario."""
    order = list(dict.fromkeys(pair.region for pair in summary.pairs))
    return sorted(summary.pairs, key=lambda pair: order.index(pair.region))
