"""Where every figure of a candidate comes from: what is computed, from which inputs, and what those rest on.

Formulas are written out with their numbers. An input names its sources by title, or the assumption it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from experiments.proposals.building import link_of, route_km
from experiments.proposals.costs import choice_cost, cost_parts, decision_year, discount
from experiments.proposals.evaluation import alone_portfolio, evaluate
from experiments.proposals.evaluation.money import savings
from experiments.proposals.findings import Choice, Evaluation
from experiments.proposals.flow import built_in, flows_of
from experiments.proposals.model import Build, Candidate, Study
from topology.errors import InputError
from topology.geography import great_circle_km
from topology.network import Provenance, Site, Source


@dataclass(frozen=True, slots=True)
class Input:
    """What goes into a figure. ``rests_on``: sources by title, assumptions in the words of the file."""

    name: str
    value: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One figure. ``name``: as in proposal.json and the CSV files, with its unit; ``formula`` in numbers."""

    name: str
    value: float | None
    formula: str
    inputs: tuple[Input, ...]


def trace(study: Study, candidate: str) -> tuple[Step, ...]:
    """Every figure of a candidate alone, at its first capacity, as early as possible.

    Raises ``InputError`` if the study has no such candidate.
    """
    link = study.candidates.get(candidate)
    if link is None:
        raise InputError(
            f"{candidate!r} is no candidate of {study.id}",
            where="LINK",
            hint=f"its candidates: {', '.join(study.candidates)}",
        )
    portfolio = alone_portfolio(study, link)
    found = evaluate(study, portfolio)
    steps = _Steps(study, link, portfolio[0], found)
    return (*steps.delay(), *steps.cost(), *steps.traffic(), *steps.money(), *steps.effects())


class _Steps:
    """The steps of one candidate."""

    def __init__(self, study: Study, link: Candidate, choice: Choice, found: Evaluation) -> None:
        self._study, self._link, self._choice, self._found = study, link, choice, found
        self._km = route_km(study, link)

    def delay(self) -> Iterator[Step]:
        """Length, fibre delay, latency of the link."""
        study, link, base = self._study, self._link, self._study.base
        here, there = base.sites[link.a], base.sites[link.b]
        if link.follows_route_factor:
            great = great_circle_km(
                here.latitude_deg, here.longitude_deg, there.latitude_deg, there.longitude_deg
            )
            formula = f"great circle {great:.3f} km x route factor {study.figure('route_factor'):g}"
            places = tuple(
                Input(f"{site.id}: latitude, longitude", f"{site.latitude_deg:g}, {site.longitude_deg:g}",
                      rests_on(site.provenance, base.sources))
                for site in (here, there)
            )  # fmt: skip
            inputs: tuple[Input, ...] = (*places, self._figure("route_factor"))
        else:
            along = f"along {', '.join(link.along)}" if link.along else "stated"
            formula, inputs = along, (self._own("route_km", f"{link.route_km:g}"),)
        yield Step("route_km", self._km, formula, inputs)
        built = link_of(study, link, self._choice.capacity_gbps)
        value, provenance = base.figures["fibre_us_per_km"]
        fibre = Input("fibre_us_per_km", f"{value:g}", rests_on(provenance, base.sources))
        yield Step(
            "propagation_ms",
            built.propagation_ms,
            f"{self._km:.3f} km x {value:g} us/km / 1000",
            (fibre,),
        )
        ends = tuple(
            Input(
                f"{site.id}: transit_ms", f"{site.transit_ms:g}", rests_on(self._transit(site), base.sources)
            )
            for site in (here, there)
        )
        yield Step(
            "link_latency_ms",
            base.link_latency_ms(built),
            f"{built.propagation_ms:g} + hand-over {link.handover_ms:g} + "
            f"{here.transit_ms:g}/2 + {there.transit_ms:g}/2",
            (self._own("handover_ms", f"{link.handover_ms:g}"), *ends),
        )

    def _transit(self, site: Site) -> Provenance:
        """Of the figure for its kind of site, unless the site has another value."""
        value, provenance = self._study.base.figures.get(f"transit_ms_{site.kind}", (None, site.provenance))
        return provenance if value == site.transit_ms else site.provenance

    def cost(self) -> Iterator[Step]:
        """Building part by part, operation, present value."""
        study, link, choice = self._study, self._link, self._choice
        parts = cost_parts(study, link, choice.capacity_gbps)
        cost = choice_cost(study, choice)
        if parts.stated and link.build_cny_million is not None:
            figure = link.build_cny_million
            own = Input(
                f"{link.id}: build_cny_million",
                _ranged(figure.value, figure.low, figure.high),
                rests_on(figure.provenance, self._sources),
            )
            yield Step("build_cny_million", cost.build_cny_million, "stated", (own,))
        else:
            kind = "new_cable" if link.build is Build.NEW_CABLE else "existing_fibre"
            per_km = study.figure(f"{kind}_cny_million_per_km")
            yield Step(
                "build_cny_million",
                cost.build_cny_million,
                f"{parts.route_km:.3f} km x {per_km:g} + {parts.amplifier_sites} amplifier sites x "
                f"{study.figure('amplifier_site_cny_million'):g} + {parts.waves} waves x "
                f"{study.figure('wave_cny_million'):g}",
                tuple(
                    map(
                        self._figure,
                        (
                            f"{kind}_cny_million_per_km",
                            "amplifier_site_cny_million",
                            "amplifier_spacing_km",
                            "wave_cny_million",
                            "wave_gbps",
                        ),
                    )
                ),
            )
        yield self._yearly(cost.yearly_cny_million, cost.build_cny_million)
        last = study.first_year + study.years - 1
        decided = decision_year(study, choice)
        factors = math.fsum(discount(study, year) for year in range(choice.year, last + 1))
        yield Step(
            "present_value_cny_million",
            cost.present_value_cny_million,
            f"{cost.build_cny_million:.6g} x {discount(study, decided):.6g} (paid in {decided}) + "
            f"{cost.yearly_cny_million:.6g} x {factors:.6g} (each year {choice.year} to {last})",
            (self._figure("discount_rate_per_year"), self._own("lead_time_years", f"{link.lead_time_years}")),
        )

    def _yearly(self, yearly: float, build: float) -> Step:
        figure = self._link.yearly_cny_million
        if figure is not None:
            own = Input(
                f"{self._link.id}: yearly_cny_million",
                _ranged(figure.value, figure.low, figure.high),
                rests_on(figure.provenance, self._sources),
            )
            return Step("yearly_cny_million", yearly, "stated", (own,))
        ratio = self._study.figure("operation_ratio_per_year")
        inputs = (self._figure("operation_ratio_per_year"),)
        return Step("yearly_cny_million", yearly, f"{build:.6g} x {ratio:g}", inputs)

    def traffic(self) -> Iterator[Step]:
        """Delay saved year by year, its mean, what moves."""
        study, found = self._study, self._found
        flows = flows_of(study)
        terms = []
        for year in range(study.years):
            built = built_in(study, (self._choice,), study.first_year + year)
            before = flows.cost({}, year)
            after = flows.cost(built, year) if built else before
            terms.append(f"{study.first_year + year}: {before:.6g} - {after:.6g}")
        demands = tuple(self._demand(item.demand.id) for item in study.demands)
        unserved = self._figure("unserved_ms")
        yield Step(
            "delay_saved",
            found.delay_saved,
            "least cost of all demands without and with it, Gbit/s x ms; " + "; ".join(terms),
            (unserved, *demands),
        )
        last = study.years - 1
        total = float(flows.rates.gbps[last].sum())
        yield Step(
            "mean_delay_saved_ms",
            found.mean_delay_saved_ms,
            f"of {study.first_year + last}: ({terms[last].partition(': ')[2]}) / {total:.6g} Gbit/s",
            (),
        )
        for id_, moved in found.moved_demands.items():
            yield Step(f"moved_gbps of {id_}", moved, "what of it crosses the link", (self._demand(id_),))

    def money(self) -> Iterator[Step]:
        """Cost per gain, transit, settlement, payback."""
        study, found = self._study, self._found
        present, moved = found.cost.present_value_cny_million, math.fsum(found.moved_demands.values())
        yield Step(
            "cost_per_ms_cny_million",
            found.cost_per_ms_cny_million,
            f"{present:.6g} / {found.mean_delay_saved_ms:.6g} ms",
            (),
        )
        yield Step(
            "cost_per_gbps_cny_million",
            found.cost_per_gbps_cny_million,
            f"{present:.6g} / {moved:.6g} Gbit/s",
            (),
        )
        saved = savings(flows_of(study), (self._choice,))
        for name, value, years in (
            ("transit", found.transit_saved_cny_million, saved.transit_cny_million),
            ("settlement", found.settlement_saved_cny_million, saved.settlement_cny_million),
        ):
            terms = " + ".join(f"{amount:.6g}" for amount in years)
            figure = self._figure(f"{name}_cny_million_per_gbps_year")
            yield Step(f"{name}_saved_cny_million", value, f"year by year {terms}", (figure,))
        yield Step(
            "payback_years",
            found.payback_years,
            f"years until transit and settlement saved, less {found.cost.yearly_cny_million:.6g} a year, "
            f"reach {found.cost.build_cny_million:.6g}",
            (),
        )

    def effects(self) -> Iterator[Step]:
        """Pairs, targets, load and the worst cut."""
        found = self._found
        for pair in found.pairs:
            yield Step(
                f"one_way_ms of {pair.source} > {pair.destination}",
                pair.one_way_after_ms,
                f"{' > '.join(pair.path_after)}; before {pair.one_way_before_ms:.6g} over "
                f"{' > '.join(pair.path_before)}; fibre floor {pair.floor_one_way_ms:.6g}",
                (),
            )
        known = {target.id: target for target in self._study.targets}
        for state in found.targets:
            target = known[state.target]
            limit = Input(
                f"{target.id}: max_one_way_ms",
                f"{target.max_one_way_ms:g}",
                rests_on(target.provenance, self._sources),
            )
            met = "met" if state.met_after else "missed"
            yield Step(
                f"target {state.target}",
                state.after_ms,
                f"the slowest of its pairs; before {state.before_ms:.6g}; {met}",
                (limit,),
            )
        load = found.load_after
        yield Step("max_utilisation", load.utilisation, f"of {load.link}, in the last year", ())
        yield Step(
            "lost_to_single_cut_gbps",
            found.lost_to_single_cut_gbps_after,
            f"to the worst cut of one link; before {found.lost_to_single_cut_gbps_before:.6g}",
            (),
        )

    def _figure(self, name: str) -> Input:
        figure = self._study.figures[name]
        value = _ranged(figure.value, figure.low, figure.high)
        return Input(name, value, rests_on(figure.provenance, self._sources))

    def _own(self, name: str, value: str) -> Input:
        return Input(f"{self._link.id}: {name}", value, rests_on(self._link.provenance, self._sources))

    def _demand(self, id_: str) -> Input:
        item = next(item for item in self._study.demands if item.demand.id == id_)
        growth = item.growth_per_year
        rate = _ranged(growth.value, growth.low, growth.high)
        found = [rests_on(part.provenance, self._sources) for part in (item.demand, growth)]
        rests = tuple(dict.fromkeys(text for texts in found for text in texts))
        return Input(f"demand {id_}", f"{item.demand.rate_gbps:g} Gbit/s, growing {rate} a year", rests)

    @property
    def _sources(self) -> dict[str, Source]:
        return {**self._study.base.sources, **self._study.sources}


def rests_on(provenance: Provenance, sources: Mapping[str, Source]) -> tuple[str, ...]:
    """The sources by title and grade, then the assumption; what has neither, says so."""
    found = [_titled(sources[id_]) if id_ in sources else id_ for id_ in provenance.sources]
    if provenance.assumption:
        found.append(f"assumption: {provenance.assumption}")
    return tuple(found) or ("nothing stated",)


def _titled(source: Source) -> str:
    return f"{source.title} [{source.grade}]" if source.grade else source.title


def _ranged(value: float, low: float, high: float) -> str:
    return f"{value:g}" if low == high else f"{value:g} ({low:g} to {high:g})"
