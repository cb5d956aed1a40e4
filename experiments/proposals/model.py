"""What is asked: a study of candidate links on a base network. Frozen values, units in their names.

Every figure is a best estimate with a range, because hardly one is known exactly; a figure without doubt has
``low == value == high``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from topology.network import Demand, Network, Provenance, Source, Text

UNSOURCED = Provenance()


class Distribution(StrEnum):
    """How a figure is distributed over its range."""

    TRIANGULAR = "triangular"  # from low to high, the best estimate the mode
    UNIFORM = "uniform"  # anything from low to high is as likely


@dataclass(frozen=True, slots=True)
class Figure:
    """A number somebody has to assume: best estimate and range, ``low <= value <= high``."""

    value: float
    low: float
    high: float
    distribution: Distribution = Distribution.TRIANGULAR
    provenance: Provenance = UNSOURCED

    @property
    def is_certain(self) -> bool:
        """Whether there is nothing to vary."""
        return self.low == self.high


class Build(StrEnum):
    """What has to be built."""

    NEW_CABLE = "new-cable"  # ducts and a cable along the whole route
    EXISTING_FIBRE = "existing-fibre"  # a fibre pair in cables that lie there, lit anew


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link that could be built between two sites of the base network.

    Attributes:
        route_km: length of the fibre. If ``follows_route_factor``, it is the great circle times the study's
            route factor and varies with that figure; otherwise it is stated, or the sum along ``along``.
        along: sites of the base whose links' fibre it follows, ends included; empty if it follows none. Where
            the base has no link between two of them, great circle times route factor (``along_km``).
        capacity_steps_gbps: what it can be built with, ascending; one of them is chosen.
        build_cny_million, yearly_cny_million: stated cost of the *first* step, or ``None``: then it follows
            from the length and the study's unit costs (``costs``).
        lead_time_years: whole years from the decision to service.
        shared_risk_groups: what fails it together with others (RFC 4202).
        operator: an operator of the base network, or empty.
    """

    id: str
    name: Text
    a: str
    b: str
    route_km: float
    follows_route_factor: bool
    build: Build
    capacity_steps_gbps: tuple[float, ...]
    lead_time_years: int
    along: tuple[str, ...] = ()
    build_cny_million: Figure | None = None
    yearly_cny_million: Figure | None = None
    shared_risk_groups: tuple[str, ...] = ()
    operator: str = ""
    handover_ms: float = 0.0
    provenance: Provenance = UNSOURCED


@dataclass(frozen=True, slots=True)
class StudyDemand:
    """A demand of the first year and how it grows; ``growth_per_year`` 0.3 means 30 % more each year."""

    demand: Demand
    growth_per_year: Figure


@dataclass(frozen=True, slots=True)
class Target:
    """A delay that traffic between ``source`` and each of ``destinations`` should keep, one way."""

    id: str
    name: Text
    source: str
    destinations: tuple[str, ...]
    max_one_way_ms: float
    survives_single_cut: bool = False
    provenance: Provenance = UNSOURCED


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on building; ``yearly_cny_million``, if given, has a ceiling for each year."""

    total_cny_million: float
    yearly_cny_million: tuple[float, ...] = ()


# Every figure a study must have, besides those of its candidates and demands. Names carry their units.
FIGURES = (
    "route_factor",  # fibre length / great circle, of candidates that follow it
    "new_cable_cny_million_per_km",
    "existing_fibre_cny_million_per_km",  # one pair for the life of the study, bought or leased in advance
    "amplifier_site_cny_million",  # one every amplifier_spacing_km, for a pair newly lit
    "amplifier_spacing_km",
    "wave_cny_million",  # both transponders and their ports, per wave of wave_gbps
    "wave_gbps",
    "operation_ratio_per_year",  # yearly cost as a share of the building cost
    "discount_rate_per_year",
    "growth_per_year",  # of demands that state none
    "transit_cny_million_per_gbps_year",  # paid for traffic that no new link carries
    "settlement_cny_million_per_gbps_year",  # paid per crossing of a hand-over between operators
    "unserved_ms",  # delay that one unit of demand without a place counts as
    "cuts_per_1000km_year",
    "cut_repair_hours",
    "site_failures_per_year",
    "site_repair_hours",
)


@dataclass(frozen=True)
class Study:
    """A whole question. Candidates, demands and targets keep the order of the file.

    Attributes:
        base: the network as it is; candidates are added to it.
        first_year: calendar year of the first of ``years`` years; demands have their stated rates in it.
        figures: by the names of ``FIGURES``.
        price_year: whose prices all costs are in.
        file: where it was read, for messages.
    """

    id: str
    title: Text
    description: Text
    base: Network
    candidates: Mapping[str, Candidate]
    demands: tuple[StudyDemand, ...]
    targets: tuple[Target, ...]
    budget: Budget
    figures: Mapping[str, Figure]
    first_year: int
    years: int
    price_year: int
    sources: Mapping[str, Source]
    provenance: Provenance = UNSOURCED
    file: str = ""

    def figure(self, name: str) -> float:
        """The best estimate of a figure."""
        return self.figures[name].value
