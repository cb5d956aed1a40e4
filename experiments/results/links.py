"""``links.json``: what each link was declared to do and what it really did, per direction."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from experiments.results.model import SCHEMA_VERSION, ResultModel, Variant


class LinkFigures(ResultModel):
    """One direction of a link: emulated (scaled) rate, one-way delay, random loss. ``None``: not measured."""

    rate_mbps: float | None = None
    delay_ms: float | None = None
    loss_ratio: float | None = None


class LinkCheck(ResultModel):
    """One direction of one link, from site ``source`` to site ``destination``.

    ``reasons``: what was out of tolerance, one sentence each, in English.
    """

    link: str
    source: str
    destination: str
    declared: LinkFigures
    achieved: LinkFigures
    within_tolerance: bool
    reasons: tuple[str, ...] = ()

    @property
    def delay_error_ms(self) -> float | None:
        """Achieved minus declared delay."""
        if self.achieved.delay_ms is None or self.declared.delay_ms is None:
            return None
        return self.achieved.delay_ms - self.declared.delay_ms

    @property
    def rate_ratio(self) -> float | None:
        """Achieved over declared rate."""
        if self.achieved.rate_mbps is None or not self.declared.rate_mbps:
            return None
        return self.achieved.rate_mbps / self.declared.rate_mbps


class LinkChecks(ResultModel):
    """Every direction of every link of both networks."""

    schema_version: int = SCHEMA_VERSION
    networks: dict[Variant, tuple[LinkCheck, ...]]
    switch_processing_ms: dict[Variant, float] = Field(default_factory=dict)
    """The emulated switches' own processing per hop, measured idle; every link's pipe is shorter by it."""

    def failed(self) -> Sequence[tuple[Variant, LinkCheck]]:
        """The directions out of tolerance."""
        return [
            (v, check)
            for v, checks in self.networks.items()
            for check in checks
            if not check.within_tolerance
        ]
