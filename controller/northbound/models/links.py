"""State and counters of the links."""

from __future__ import annotations

from collections.abc import Mapping

from controller.admission import Usage
from controller.counters import PortCounters
from controller.northbound.models.base import Out
from topology.emulation.layout import LinkEnd


class CountersOut(Out):
    """What has crossed a port since it came up; null where the switch does not count."""

    received_packets: int | None
    received_bytes: int | None
    received_dropped: int | None
    received_errors: int | None
    sent_packets: int | None
    sent_bytes: int | None
    sent_dropped: int | None
    sent_errors: int | None

    @classmethod
    def of(cls, counters: PortCounters | None) -> CountersOut | None:
        """Counters, if the switch answered."""
        if counters is None:
            return None
        return cls(**{name: getattr(counters, name) for name in cls.model_fields})


class ReservedOut(Out):
    """What is reserved on one direction of a link, at `rate_scale`."""

    rate_bps: int
    rate_limit_bps: int
    burst_bits: int
    burst_limit_bits: int


class LinkEndOut(Out):
    """One end of a link: a port of the site's switch."""

    site: str
    port: int
    """OpenFlow port number."""
    counters: CountersOut | None
    """Null if the switch is not connected or did not answer."""
    reserved: ReservedOut | None
    """What is reserved on the direction that leaves here; null if the scenario sets nothing aside."""

    @classmethod
    def of(
        cls,
        end: LinkEnd,
        other: str,
        ports: Mapping[tuple[str, int], PortCounters],
        usage: Mapping[tuple[str, str], Usage],
    ) -> LinkEndOut:
        """One end."""
        used = usage.get((end.site, other))
        reserved = None
        if used is not None:
            reserved = ReservedOut(**{name: getattr(used, name) for name in ReservedOut.model_fields})
        counters = CountersOut.of(ports.get((end.site, end.port)))
        return cls(site=end.site, port=end.port, counters=counters, reserved=reserved)


class LinkStateOut(Out):
    """State and counters of a link."""

    id: str
    up: bool
    a: LinkEndOut
    b: LinkEndOut


class LinksOut(Out):
    """State and counters of all links."""

    counters_age_s: float
    """How old the counters are; they are read at most once a second."""
    silent_sites: list[str]
    """Sites whose switches are connected but did not answer in time."""
    links: list[LinkStateOut]
