"""The resources: each a function from the controller's values to a model."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from controller.admission import Held
from controller.northbound.backend import Backend
from controller.northbound.metrics import Metrics
from controller.northbound.models.base import TextOut
from controller.northbound.models.demands import DemandsOut, HeldOut, ReservationOut
from controller.northbound.models.links import LinkEndOut, LinksOut, LinkStateOut
from controller.northbound.models.network import HealthOut, LinkOut, PlanOut, SiteOut, TopologyOut
from controller.northbound.models.problems import RefusalProblem
from controller.northbound.problems import answer, problem
from controller.northbound.settings import Limits
from controller.northbound.stream import EventStreamResponse, Streams, Wish
from controller.reservations import Refusal
from controller.snapshot import Snapshot
from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.network import TrafficClass
from topology.scenario.asking import AskedDemand, read_demand

# Only describes it: the guard asks for the token.
_TOKEN = Depends(HTTPBearer(auto_error=False, description="The controller's token."))

Offset = Annotated[int, Query(ge=0, le=10**9, description="How many to leave out.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="The most to answer.")]
SiteId = Annotated[str | None, Query(max_length=64)]
DemandId = Annotated[str, Path(max_length=64, description="Id of a demand.")]
_NO_DEMAND = "no demand of this id is admitted"


def routes(backend: Backend, streams: Streams, metrics: Metrics, limits: Limits) -> APIRouter:
    """All resources over ``backend``."""
    router = APIRouter()
    layout = backend.layout

    @router.get("/v1/topology", tags=["network"])
    def topology() -> TopologyOut:
        """Sites and links of the scenario, and which work."""
        network, snapshot = backend.network, backend.snapshot
        return TopologyOut(
            scenario=network.id,
            digest=network.digest(),
            title=TextOut(en=network.title.en, zh=network.title.zh),
            rate_scale=network.rate_scale,
            sites=[SiteOut.of(site, layout, snapshot.switches) for site in network.sites.values()],
            links=[
                LinkOut.of(link, network, link.id not in snapshot.failed_links)
                for link in network.links.values()
            ],
        )

    @router.get("/v1/plan", tags=["network"])
    def plan(
        source: SiteId = None,
        destination: SiteId = None,
        class_: Annotated[TrafficClass | None, Query(alias="class")] = None,
        offset: Offset = 0,
        limit: Limit = 1000,
    ) -> PlanOut:
        """The paths in force: all, or those from a site, to a site, of a class."""
        return PlanOut.of(
            backend.snapshot.plan,
            source=source,
            destination=destination,
            traffic_class=class_,
            offset=offset,
            limit=limit,
        )

    @router.get("/v1/links", tags=["network"])
    def links() -> LinksOut:
        """State and counters of all links. Counters are read from the switches, at most once a second."""
        return _links(backend)

    @router.get("/v1/demands", tags=["demands"])
    def demands(offset: Offset = 0, limit: Limit = 1000) -> DemandsOut:
        """The admitted demands in the order of admission, and how their promises stand."""
        snapshot = backend.snapshot
        held = list(snapshot.standing.held.values())
        return DemandsOut(
            rate_scale=backend.network.rate_scale,
            failed_links=list(snapshot.failed_links),
            total=len(held),
            offset=offset,
            demands=[_held(one, snapshot, layout) for one in held[offset : offset + limit]],
        )

    @router.post(
        "/v1/demands", tags=["demands"], status_code=201, dependencies=[_TOKEN], response_model=ReservationOut
    )
    def ask(asked: AskedDemand, response: Response) -> Any:
        """Ask for a promise. The answer is a reservation, or a refusal that says what stood against it."""
        if len(backend.snapshot.reservations) >= limits.demands:
            return answer(
                problem(409, f"{limits.demands} reservations stand already", name="too-many-demands")
            )
        data = asked.model_dump(mode="json", by_alias=True, exclude_unset=True)
        reply = backend.ask(read_demand(data, backend.network))
        if isinstance(reply, Refusal):
            return answer(RefusalProblem.of(reply))
        response.headers["Location"] = f"/v1/demands/{reply.id}"
        return ReservationOut.of(reply, layout)

    @router.get("/v1/demands/{id}", tags=["demands"])
    def demand(id: DemandId) -> HeldOut:  # noqa: A002  it is the name in the path
        """One admitted demand, and how its promise stands."""
        snapshot = backend.snapshot
        held = snapshot.standing.held.get(id)
        if held is None:
            raise HTTPException(404, _NO_DEMAND)
        return _held(held, snapshot, layout)

    @router.delete("/v1/demands/{id}", tags=["demands"], dependencies=[_TOKEN])
    def withdraw(id: DemandId) -> ReservationOut:  # noqa: A002
        """Give back exactly what was reserved; the answer says what that was."""
        try:
            return ReservationOut.of(backend.withdraw(id), layout)
        except InputError:
            raise HTTPException(404, _NO_DEMAND) from None

    @router.get("/v1/events", tags=["events"], status_code=200, response_class=EventStreamResponse)
    async def events(
        event: Annotated[list[str], Query(max_length=32, description="Only events of these names.")] = [],  # noqa: B006
        counters: Annotated[bool, Query(description="Send all counters every second.")] = False,
        replay: Annotated[int, Query(ge=0, le=10_000, description="Begin with as many past events.")] = 0,
        last_event_id: Annotated[str | None, Header(max_length=128, description="Go on after it.")] = None,
    ) -> Response:
        """What happens, as it happens (server-sent events): links, switches, repairs, promises, counters."""
        feed = streams.feed
        after = max(0, feed.last - replay)
        if last_event_id:
            after = feed.number_of(last_event_id) or 0
        wish = Wish(after, frozenset(event), counters)

        async def state() -> dict[str, Any]:
            return await run_in_threadpool(_state, backend.snapshot, feed.run)

        async def counted() -> dict[str, Any]:
            value = await run_in_threadpool(_links, backend)
            return value.model_dump(mode="json")

        return EventStreamResponse(streams, wish, state, counted)

    @router.get("/metrics", tags=["operation"])
    def exposition(request: Request) -> Response:
        """Metrics for Prometheus."""
        text, media_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(text, media_type=media_type)

    @router.get("/healthz", tags=["operation"])
    def health() -> HealthOut:
        """Whether the controller works and all switches are connected."""
        return _health(backend)

    return router


def _held(held: Held, snapshot: Snapshot, layout: Layout) -> HeldOut:
    return HeldOut.held(held, layout, snapshot.pending.get(held.reservation.id, ()))


def _links(backend: Backend) -> LinksOut:
    reading, usage = backend.counters(), backend.usage()
    failed = backend.snapshot.failed_links
    return LinksOut(
        counters_age_s=round(max(0.0, time.monotonic() - reading.at), 3),
        silent_sites=list(reading.silent_sites),
        links=[
            LinkStateOut(
                id=link.link,
                up=link.link not in failed,
                a=LinkEndOut.of(link.a, link.b.site, reading.ports, usage),
                b=LinkEndOut.of(link.b, link.a.site, reading.ports, usage),
            )
            for link in backend.layout.links.values()
        ],
    )


def _health(backend: Backend) -> HealthOut:
    snapshot = backend.snapshot
    switches, programmed = len(backend.layout.sites), sum(snapshot.switches.values())
    return HealthOut(
        status="ok" if programmed == switches else "degraded",
        scenario=backend.network.id,
        switches=switches,
        switches_connected=len(snapshot.switches),
        switches_programmed=programmed,
        links_down=len(snapshot.failed_links),
        reservations=len(snapshot.reservations),
    )


def _state(snapshot: Snapshot, run: str) -> dict[str, Any]:
    """What a stream begins with, so that a reader need not ask for it and wonder what happened meanwhile."""
    return {
        "event": "state",
        "run": run,
        "plan": snapshot.plan.digest(),
        "without_links": list(snapshot.failed_links),
        "switches": dict(snapshot.switches),
        "reservations": {name: str(held.state) for name, held in snapshot.standing.held.items()},
    }
