"""The interface keeps to its own description, whatever it is asked (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.schemas import BaseSchema

from controller.northbound.description import MEDIA_TYPE
from tests.controller.northbound.stage import NETWORK, TOKEN, Stage

OPERATIONS = [
    *("GET /v1/topology", "GET /v1/plan", "GET /v1/links", "GET /v1/demands", "POST /v1/demands"),
    *("GET /v1/demands/{id}", "DELETE /v1/demands/{id}", "GET /metrics", "GET /healthz"),
]
NEVER_ENDS = "GET /v1/events"
_WITHOUT_PARAMETERS = {"GET /v1/topology", "GET /v1/links", "GET /metrics", "GET /healthz"}
CASES = [(operation, GenerationMode.POSITIVE) for operation in OPERATIONS] + [
    (operation, GenerationMode.NEGATIVE) for operation in OPERATIONS if operation not in _WITHOUT_PARAMETERS
]
_EXAMPLES = 25


@pytest.fixture(scope="module")
def schema(stage: Stage) -> BaseSchema:
    document = stage.get("/openapi.json").json
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert described == {*OPERATIONS, NEVER_ENDS}
    found: BaseSchema = schemathesis.openapi.from_dict(document)
    return found


@pytest.fixture(autouse=True)
def _leave_no_demand(stage: Stage) -> Iterator[None]:
    yield
    for name in set(stage.backend.snapshot.reservations) ^ set(NETWORK.demands):
        assert name not in NETWORK.demands, "only tests that ask for a demand may withdraw it"
        stage.ask("DELETE", f"/v1/demands/{name}", token=TOKEN)


@pytest.mark.parametrize(("operation", "mode"), CASES, ids=str)
def test_answers_are_as_described(
    stage: Stage, schema: BaseSchema, operation: str, mode: GenerationMode
) -> None:
    method, path = operation.split()
    found = schema[path][method]
    checks = _checks(operation)
    statuses = set()

    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=found.as_strategy(generation_mode=mode), data=st.data())
    def all_answers(case: schemathesis.Case, data: st.DataObject) -> None:
        if operation == "POST /v1/demands" and mode is GenerationMode.POSITIVE:
            case.body = _sensible(case.body, data)
        with requests.Session() as session:
            response = case.call(
                base_url=f"http://127.0.0.1:{stage.port}",
                session=session,
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
        statuses.add(response.status_code)
        case.validate_response(response, checks=checks)
        if response.status_code >= 400:
            assert response.headers["content-type"] == [MEDIA_TYPE]

    all_answers()
    if operation == "POST /v1/demands":
        expected = {201, 409, 422} if mode is GenerationMode.POSITIVE else {422}
        assert expected <= statuses


def _checks(operation: str) -> list[Any]:
    # Left to tests of our own, which know where an answer without the token is right.
    left_out = {"ignored_auth", "unsupported_method", "max_response_time"}
    if operation == "POST /v1/demands":
        # A demand may fit the description and still make no sense here: an unknown site is a 422.
        left_out.add("positive_data_acceptance")
    names = [name for name in CHECKS.get_all_names() if name not in left_out]
    checks = list(CHECKS.get_by_names(names))
    assert len(checks) > 5
    return checks


def _sensible(body: Any, data: st.DataObject) -> Any:
    """Mostly a demand between sites that there are: else nearly all would fail for unknown names."""
    if not isinstance(body, dict) or data.draw(st.integers(0, 3)) == 0:
        return body
    source, destination = data.draw(st.permutations(list(NETWORK.sites)))[:2]
    left = {
        key: value for key, value in body.items() if not key.startswith(("avoid", "serv", "sour", "max_h"))
    }
    rate = data.draw(st.sampled_from([0.001, 1, 1e5]))
    sensible = {"from": source, "to": destination, "rate_gbps": rate, "burst_mbit": 1, "max_one_way_ms": 100}
    return left | sensible | {"protection": "none"}
