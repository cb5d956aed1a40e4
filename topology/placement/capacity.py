"""How many sites each machine may carry: its share by weight, some room, and never more than it states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from topology.errors import InputError, Problem
from topology.placement.model import Machine

BALANCE = 0.1  # room beyond a machine's share of the sites


def limits(
    machines: Sequence[Machine], count: int, pinned: Mapping[str, int], balance: float = BALANCE
) -> list[int]:
    """The most of ``count`` sites that each machine may carry, at least one each.

    ``pinned`` says how many are pinned to each machine. What a machine that states ``sites`` cannot take of
    its share goes to the others. Raises ``InputError`` with everything that leaves a site without a machine,
    or a machine without a site.
    """
    if problems := shortages(machines, count, pinned):
        raise InputError.of(problems)
    shares = _shares(machines, count)
    return [
        min(
            count if machine.sites is None else machine.sites,
            max(1, pinned.get(machine.name, 0), math.ceil(share * (1 + balance) - 1e-9)),
        )
        for machine, share in zip(machines, shares, strict=True)
    ]


def _shares(machines: Sequence[Machine], count: int) -> list[float]:
    """Sites by weight; who states less than that has what it states, and the others share the rest."""
    full: set[int] = set()
    while True:
        rest = count - sum(machines[number].sites or 0 for number in full)
        weight = sum(machine.weight for number, machine in enumerate(machines) if number not in full)
        shares = [
            float(machine.sites or 0) if number in full else rest * machine.weight / weight
            for number, machine in enumerate(machines)
        ]
        more = {
            number
            for number, machine in enumerate(machines)
            if number not in full and machine.sites is not None and machine.sites < shares[number]
        }
        if not more or len(full | more) == len(machines):
            return shares
        full |= more


def shortages(machines: Sequence[Machine], count: int, pinned: Mapping[str, int]) -> list[Problem]:
    """Why ``limits`` cannot be had; each is at a machine's name, or at ``machines``."""
    problems = [
        Problem(
            f"{pinned[machine.name]} sites are pinned to it, but it shall carry at most {machine.sites}",
            machine.name,
            "raise its sites, or pin some elsewhere",
        )
        for machine in machines
        if machine.sites is not None and pinned.get(machine.name, 0) > machine.sites
    ]
    stated = [machine.sites for machine in machines if machine.sites is not None]
    if len(stated) == len(machines) and (room := sum(stated)) < count:
        what = f"the scenario has {count} sites, but all machines together shall carry at most {room}"
        problems.append(Problem(what, "machines", "raise their sites, or add a machine"))
    bare = [machine.name for machine in machines if not pinned.get(machine.name)]
    if (free := count - sum(pinned.values())) < len(bare):
        left = f"{free} site{'' if free == 1 else 's'} not pinned elsewhere"
        what = f"{left} for {len(bare)} machines ({', '.join(bare)}); each carries at least one"
        problems.append(Problem(what, "machines", "take machines out, or pin fewer sites"))
    return problems
