"""Shared fixtures. Tiers: pure (no mark), ``switch`` and ``emulated`` (root, inside a cell)."""

from __future__ import annotations

import os
import shutil

import pytest

from topology.emulation.cell import fresh_network_namespace, inside_cell

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
