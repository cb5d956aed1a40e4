"""Optima of SNDlib's networks that are known: unit capacity per direction, demands as stored, splittable."""

from __future__ import annotations

from fractions import Fraction

import pytest

from controller.te import Method, analyse, load

OPTIMA = {
    "abilene": ("599282", "882037.5"),
    "polska": ("994.5", "1458.083"),
    "nobel-germany": ("232/3", "110.75"),
    "geant": ("1103599/3", "568893.58"),
    "germany50": ("129.5", "218.5"),
}


@pytest.mark.parametrize("name", OPTIMA)
def test_known_optima(name: str) -> None:
    best, spread = OPTIMA[name]
    instance = load(f"topohub:sndlib/{name}", unit_capacity=True)
    outcomes = {outcome.method: outcome for outcome in analyse(instance).outcomes}
    for method in (Method.LEAST_UTILISATION, Method.CONCURRENT_FLOW):
        optimum = outcomes[method]
        assert optimum.max_utilisation == Fraction(best)
        assert optimum.concurrent_flow == 1 / Fraction(best)
        assert optimum.proof is not None
        assert optimum.proof.exact
    assert float(outcomes[Method.ECMP].max_utilisation) == pytest.approx(float(spread), abs=0.005)
    assert outcomes[Method.SHORTEST_PATH].max_utilisation >= Fraction(best)
