"""Quantities as people write them, exact: ``10 Mbit/s``, ``1.5 ms``, ``8/3``.

Inside, data are bits and times are seconds, or neither has a unit (examples of textbooks).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

_BITS = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9, "Tbit": 10**12}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
DATA_BITS = _BITS | {unit: 8 * number for unit, number in _BYTES.items()}
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "µs": 10**6, "ns": 10**9}
TIME_SECONDS = {unit: Fraction(1, number) for unit, number in _PER_SECOND.items()}
LEAST, MOST = Fraction(1, 10**18), Fraction(10**24)  # in bits, seconds, bit/s: products stay within a double

_NUMBER = r"\+?(\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE]([-+]?\d{1,2}))?"
_QUANTITY = re.compile(rf"\s*{_NUMBER}(?:\s*/\s*(\d{{1,6}}))?\s*([A-Za-zµμ]+(?:\s*/\s*[A-Za-zµμ]+)?)?\s*")


class Kind(StrEnum):
    """What is measured."""

    DATA = "data"
    TIME = "time"
    RATE = "rate"


NAMES = {Kind.DATA: "an amount of data", Kind.TIME: "a time", Kind.RATE: "a rate"}
EXAMPLES = {Kind.DATA: "1500 B", Kind.TIME: "1.5 ms", Kind.RATE: "10 Mbit/s"}


@dataclass(frozen=True, slots=True)
class Written:
    """A quantity as it stands.

    Attributes:
        number: the number alone.
        unit: its unit, empty if it has none.
    """

    number: Fraction
    unit: str


def written(text: str) -> Written | None:
    """The number and unit in a text; ``None`` if it is no quantity. Negative ones are none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    digits, exponent, divisor, unit = match.groups()
    number = Fraction(digits) * Fraction(10) ** int(exponent or 0)
    if divisor is not None:
        if int(divisor) == 0:
            return None
        number /= int(divisor)
    return Written(number, re.sub(r"\s", "", unit or "").replace("μ", "µ"))


def factor(unit: str, kind: Kind) -> Fraction | None:
    """What one ``unit`` is in bits, seconds or bit/s; ``None`` if it is no unit of that kind."""
    if kind is Kind.DATA:
        return Fraction(DATA_BITS[unit]) if unit in DATA_BITS else None
    if kind is Kind.TIME:
        return TIME_SECONDS.get(unit)
    data, _, time = unit.partition("/")
    return (
        Fraction(DATA_BITS[data]) / TIME_SECONDS[time] if data in DATA_BITS and time in TIME_SECONDS else None
    )


def units(kind: Kind) -> str:
    """The units of a kind, for a message."""
    if kind is Kind.RATE:
        return "bit/s, kbit/s, Mbit/s, Gbit/s, B/s, or any unit of data by any of time"
    return ", ".join(DATA_BITS if kind is Kind.DATA else TIME_SECONDS)
