"""Which figures of a study are in doubt, and the study with other values in their place.

Figures are taken to vary independently of each other. The ranges of a study are of such different origin that
correlations between them would be one more guess. Demands that state no growth of their own share one figure,
and vary together. Sites, base links, budget and targets are as stated: they are what is asked, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from experiments.proposals.model import Figure, Study, StudyDemand


@dataclass(frozen=True, slots=True)
class Assumption:
    """A figure with a range. ``name``: that of a figure of the study, ``candidate ID: build_cny_million``,
    ``candidate ID: yearly_cny_million`` or ``demand ID: growth_per_year``."""

    name: str
    figure: Figure


def assumptions(study: Study) -> tuple[Assumption, ...]:
    """All figures with a range: the study's, then its candidates', then its demands', in their order."""
    found = list(study.figures.items())
    for candidate in study.candidates.values():
        found += [
            (_of_candidate(candidate.id, name), figure)
            for name, figure in (
                ("build_cny_million", candidate.build_cny_million),
                ("yearly_cny_million", candidate.yearly_cny_million),
            )
            if figure is not None
        ]
    found += [
        (_of_demand(entry), entry.growth_per_year) for entry in study.demands if not _shares(study, entry)
    ]
    return tuple(Assumption(name, figure) for name, figure in found if not figure.is_certain)


def varied(study: Study, values: Mapping[str, float]) -> Study:
    """The study with these values (by names of ``assumptions``) for certain; other figures as they are."""
    unknown = set(values) - {assumption.name for assumption in assumptions(study)}
    if unknown:
        raise KeyError(f"no assumption of {study.id}: {sorted(unknown)}")

    def of(name: str, figure: Figure) -> Figure:
        return certain(figure, values[name]) if name in values else figure

    def optional(name: str, figure: Figure | None) -> Figure | None:
        return None if figure is None else of(name, figure)

    return replace(
        study,
        figures={name: of(name, figure) for name, figure in study.figures.items()},
        candidates={
            id_: replace(
                candidate,
                build_cny_million=optional(
                    _of_candidate(id_, "build_cny_million"), candidate.build_cny_million
                ),
                yearly_cny_million=optional(
                    _of_candidate(id_, "yearly_cny_million"), candidate.yearly_cny_million
                ),
            )
            for id_, candidate in study.candidates.items()
        },
        demands=tuple(
            replace(
                entry,
                growth_per_year=of(
                    "growth_per_year" if _shares(study, entry) else _of_demand(entry), entry.growth_per_year
                ),
            )
            for entry in study.demands
        ),
    )


def certain(figure: Figure, value: float) -> Figure:
    """A figure that is known to be ``value``."""
    return replace(figure, value=value, low=value, high=value)


def _shares(study: Study, entry: StudyDemand) -> bool:
    """Whether a demand grows as the study says, having stated nothing else."""
    return entry.growth_per_year == study.figures["growth_per_year"]


def _of_candidate(id_: str, name: str) -> str:
    return f"candidate {id_}: {name}"


def _of_demand(entry: StudyDemand) -> str:
    return f"demand {entry.demand.id}: growth_per_year"
