"""Shared fixtures. Tiers: pure (no mark), ``switch`` and ``emulated`` (root, inside a cell)."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

from topology.emulation.cell import fresh_network_namespace, inside_cell

# As many examples as ever, however long they take: a machine may be busy, or emulated.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
pytest.register_assert_rewrite("tests.golden")  # what differs is shown, as in the tests themselves


@pytest.fixture
def cell() -> None:
    """A fresh network namespace inside a cell; skips, with the reason, where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if shutil.which("ovs-vswitchd") is None:
        pytest.skip("needs Open vSwitch")
    if not inside_cell():
        pytest.skip("runs inside a cell: use ./onehop test")
    fresh_network_namespace()
