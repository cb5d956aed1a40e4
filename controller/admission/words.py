"""Figures in the sentences of refusals: rounded so that what is short never looks enough."""

from __future__ import annotations

from collections.abc import Mapping

_STEPS = {
    "bit/s": ((10**9, "Gbit/s"), (10**6, "Mbit/s"), (10**3, "kbit/s"), (1, "bit/s")),
    "bit": ((10**6, "Mbit"), (10**3, "kbit"), (1, "bit")),
    "ns": ((10**6, "ms"), (10**3, "us"), (1, "ns")),
}


def at_most(value: int, unit: str) -> str:
    """A figure for people, rounded down to three decimals; ``unit`` is ``bit/s``, ``bit`` or ``ns``."""
    return _shown(value, unit, 0)


def at_least(value: int, unit: str) -> str:
    """The same, rounded up."""
    return _shown(value, unit, 1)


def _shown(value: int, unit: str, up: int) -> str:
    step, name = next(((step, name) for step, name in _STEPS[unit] if abs(value) >= step), _STEPS[unit][-1])
    thousandths = -(-value * 1000 // step) if up else value * 1000 // step
    whole, part = divmod(thousandths, 1000)
    return f"{whole}{f'.{part:03d}'.rstrip('0').rstrip('.')} {name}"


def possibilities(possible: Mapping[str, int | str]) -> str:
    """The end of a refusal's sentence: what would have been admitted; empty if nothing would."""
    told = []
    for name, value in possible.items():
        if name == "rate_bps":
            told.append(f"a rate of up to {at_most(int(value), 'bit/s')}")
        elif name == "burst_bits":
            told.append(f"a burst of up to {at_most(int(value), 'bit')}")
        elif name == "max_one_way_ns":
            told.append(f"a limit of {at_least(int(value), 'ns')} or more")
        elif name == "max_hops":
            told.append(f"{value} hops or more")
        else:
            told.append("no protection" if value == "none" else f"protection: {value}")
    return f"; possible would be {', or '.join(told)}" if told else ""
