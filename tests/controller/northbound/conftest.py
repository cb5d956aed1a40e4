"""One controller for the tests that only look, and a fresh one for those that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.controller.northbound.stage import Stage, running


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running() as stage:
        stage.connect()
        yield stage
