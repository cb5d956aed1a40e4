"""A resolved network from plain data: the inverse of ``Network.to_dict``.

Result folders keep networks in this form, and a lab hands it to its controller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from topology.burstloss import GilbertElliott
from topology.errors import InputError
from topology.network import (
    Comparison,
    Demand,
    Link,
    Network,
    Operator,
    Protection,
    Provenance,
    ReservedClass,
    Routing,
    Service,
    Site,
    SiteKind,
    Source,
    Text,
    TrafficClass,
    Transport,
)
from topology.variation import JitterDistribution


def network_from_dict(data: Mapping[str, Any]) -> Network:
    """The network whose ``to_dict`` is ``data``.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` where ``data`` is not such a value.
    """
    return Network(
        id=data["id"],
        base=data["base"],
        title=Text(**data["title"]),
        description=Text(**data["description"]),
        rate_scale=float(data["rate_scale"]),
        figures={
            name: (entry["value"], _provenance({k: v for k, v in entry.items() if k != "value"}))
            for name, entry in data["figures"].items()
        },
        routing=Routing(
            dscp=MappingProxyType(
                {TrafficClass(name): dscp for name, dscp in data["routing"]["dscp"].items()}
            ),
            compute_min_capacity_gbps=data["routing"]["compute_min_capacity_gbps"],
            reserved=_reserved(data["routing"].get("reserved")),
        ),
        comparison=Comparison(data["comparison"]["source"], tuple(data["comparison"]["destinations"])),
        sources={id_: Source(**entry) for id_, entry in data["sources"].items()},
        operators={id_: Operator(**_named(entry)) for id_, entry in data["operators"].items()},
        sites={
            id_: Site(**_named(entry | {"kind": SiteKind(entry["kind"])}))
            for id_, entry in data["sites"].items()
        },
        links={id_: _link(entry) for id_, entry in data["links"].items()},
        services={
            id_: Service(**_named(entry | {"instances": tuple(entry["instances"])}))
            for id_, entry in data["services"].items()
        },
        demands={id_: demand_from_dict(entry) for id_, entry in data["demands"].items()},
    )


def demand_from_dict(entry: Mapping[str, Any]) -> Demand:
    """The demand whose ``dataclasses.asdict`` is ``entry``; raises as ``network_from_dict`` does."""
    typed: dict[str, Any] = {"traffic_class": TrafficClass(entry["traffic_class"])}
    if "protection" in entry:  # result folders of version 0.1 have none of these
        typed["protection"] = Protection(entry["protection"])
        typed["transport"] = Transport(entry["transport"])
        typed["avoid_sites"] = tuple(entry["avoid_sites"])
        typed["avoid_operators"] = tuple(entry["avoid_operators"])
    return Demand(**_traced({**entry, **typed}))


def read_network(path: Path) -> Network:
    """The network in a JSON file that holds its ``to_dict``. Raises ``InputError`` if it holds none."""
    try:
        return network_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"holds no resolved network ({error})", where=str(path)) from None


def _link(entry: Mapping[str, Any]) -> Link:
    typed: dict[str, Any] = {"shared_risk_groups": tuple(entry.get("shared_risk_groups", ()))}
    if "jitter_distribution" in entry:
        typed["jitter_distribution"] = JitterDistribution(entry["jitter_distribution"])
    if "burst_loss" in entry:
        typed["burst_loss"] = GilbertElliott(**entry["burst_loss"])
    return Link(**_traced({**entry, **typed}))


def _reserved(entry: Mapping[str, Any] | None) -> ReservedClass | None:
    return None if entry is None else ReservedClass(**entry)


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return _traced({**entry, "name": Text(**entry["name"])})


def _traced(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "provenance": _provenance(entry["provenance"])}


def _provenance(entry: Mapping[str, Any]) -> Provenance:
    return Provenance(**{**entry, "sources": tuple(entry["sources"])})
