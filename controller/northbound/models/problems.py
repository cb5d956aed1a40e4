"""Errors, as RFC 9457 has them."""

from __future__ import annotations

from controller.northbound.models.base import Out
from controller.reservations import Constraint, Refusal


class MistakeOut(Out):
    """One mistake in what was asked."""

    where: str
    what: str
    hint: str


class Problem(Out):
    """An error (RFC 9457, `application/problem+json`)."""

    type: str
    """`about:blank`, or `urn:onehop:problem:NAME`."""
    title: str
    status: int
    detail: str
    mistakes: tuple[MistakeOut, ...] = ()
    """Every mistake in what was asked, at once."""


class RefusalProblem(Problem):
    """A demand that was not admitted: what failed, where, by how much, and what would have been possible."""

    demand: str
    constraint: Constraint
    link: str
    """The link it failed on, and the site its direction leaves; empty where it is none."""
    from_site: str
    asked: int
    available: int
    unit: str
    """Of `asked` and `available`: `bit/s`, `bit`, `ns`, `hops`, or empty."""
    possible: dict[str, int | str]
    """What would have been admitted instead, each alone with all else as asked."""

    @classmethod
    def of(cls, refusal: Refusal) -> RefusalProblem:
        """The problem of a refusal."""
        return cls(
            type="urn:onehop:problem:refused",
            title="The demand cannot be admitted",
            status=409,
            detail=refusal.reason,
            demand=refusal.demand.id,
            constraint=refusal.constraint,
            link=refusal.link,
            from_site=refusal.from_site,
            asked=refusal.asked,
            available=refusal.available,
            unit=refusal.unit,
            possible=refusal.possible,
        )
