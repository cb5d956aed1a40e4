"""Read back a network from the plain data in a result folder: the inverse of ``Network.to_dict``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from topology.network import (
    Comparison,
    Demand,
    Link,
    Network,
    Operator,
    Provenance,
    Routing,
    Service,
    Site,
    SiteKind,
    Source,
    Text,
    TrafficClass,
)


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
        ),
        comparison=Comparison(data["comparison"]["source"], tuple(data["comparison"]["destinations"])),
        sources={id_: Source(**entry) for id_, entry in data["sources"].items()},
        operators={id_: Operator(**_named(entry)) for id_, entry in data["operators"].items()},
        sites={
            id_: Site(**_named(entry | {"kind": SiteKind(entry["kind"])}))
            for id_, entry in data["sites"].items()
        },
        links={id_: Link(**_traced(entry)) for id_, entry in data["links"].items()},
        services={
            id_: Service(**_named(entry | {"instances": tuple(entry["instances"])}))
            for id_, entry in data["services"].items()
        },
        demands={
            id_: Demand(**_traced(entry | {"traffic_class": TrafficClass(entry["traffic_class"])}))
            for id_, entry in data["demands"].items()
        },
    )


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return _traced({**entry, "name": Text(**entry["name"])})


def _traced(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "provenance": _provenance(entry["provenance"])}


def _provenance(entry: Mapping[str, Any]) -> Provenance:
    return Provenance(**{**entry, "sources": tuple(entry["sources"])})
