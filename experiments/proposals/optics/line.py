"""A generic amplified line in GNPy: what reaches its far end.

```
transceiver - ROADM - EDFA - span - EDFA - span - ... - span - EDFA - ROADM - transceiver
```

Equal spans of standard single-mode fibre (ITU-T G.652; 0.2 dB/km, 0.5 dB per connector), an amplifier before
the first span and one after each. GNPy chooses type and gain of each amplifier ("auto-design") and adds up
amplifier noise and nonlinear interference (GN model: Poggiolini et al., "The GN-Model of Fiber Non-Linear
Propagation and its Applications", J. Lightwave Technol. 32(4), 2014). The equipment is GNPy's generic example
(``equipment.json``), no vendor's: every figure here is indicative.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from experiments.proposals.optics.formats import Comb

LOSS_DB_PER_KM = 0.2
CONNECTOR_DB = 0.5
ROADM_OUT_DBM = -20.0  # per channel of 0 dBm in the span
_EQUIPMENT = Path(__file__).with_name("equipment.json")
_ROUNDING = 1e-9  # so that 1200.0000001 km in spans of 80 are 15 spans, whatever the rounding


@dataclass(frozen=True, slots=True)
class Received:
    """What reaches the far end: GSNR in 0.1 nm over the channels, and the amplifiers on the way."""

    worst_gsnr_db: float
    mean_gsnr_db: float
    channels: int
    amplifiers: int


def spans_for(route_km: float, span_km: float) -> int:
    """How many equal spans, none longer than ``span_km``."""
    return max(1, ceil(route_km / span_km - _ROUNDING))


def received(route_km: float, spans: int, comb: Comb) -> Received:
    """What reaches the far end of ``route_km`` in equal ``spans``. Needs the extra ``optics``.

    Remembered for each length, to 0.1 km (less than 0.01 dB): samples of a Monte Carlo ask again and again.
    """
    return _received(max(0.1, round(route_km, 1)), spans, comb)


@cache
def _received(route_km: float, spans: int, comb: Comb) -> Received:
    with _quiet():
        from gnpy.core.elements import Edfa
        from gnpy.tools.json_io import network_from_json
        from gnpy.tools.worker_utils import designed_network, transmission_simulation

        equipment = _equipment_for(comb)
        network = network_from_json(_line(route_km, spans), equipment)
        network, request, reference = designed_network(
            equipment, network, source="A", destination="B", nodes_list=["B"], loose_list=["STRICT"]
        )
        path = transmission_simulation(equipment, network, request, reference)[0]
        gsnr_db = path[-1].snr_01nm
        return Received(
            worst_gsnr_db=float(gsnr_db.min()),
            mean_gsnr_db=float(gsnr_db.mean()),
            channels=len(gsnr_db),
            amplifiers=sum(isinstance(element, Edfa) for element in path),
        )


def _equipment_for(comb: Comb) -> Any:
    """GNPy's equipment library with ``comb`` as its spectrum and the ROADMs set to the comb's power."""
    equipment = deepcopy(_equipment())
    spectrum = equipment["SI"]["default"]
    spectrum.f_min = comb.first_ghz * 1e9
    # GNPy counts floor((f_max - f_min) / spacing) + 1 channels; a quarter of a slot keeps rounding out of it
    spectrum.f_max = (comb.first_ghz + (comb.channels - 0.75) * comb.spacing_ghz) * 1e9
    spectrum.baud_rate = comb.baud_gbd * 1e9
    spectrum.spacing = comb.spacing_ghz * 1e9
    spectrum.tx_osnr = comb.tx_osnr_db
    spectrum.power_dbm = spectrum.tx_power_dbm = comb.power_dbm
    equipment["Roadm"]["default"].target_pch_out_db = ROADM_OUT_DBM + comb.power_dbm
    return equipment


@cache
def _equipment() -> Any:
    from gnpy.tools.json_io import load_equipment

    return load_equipment(_EQUIPMENT)


def _line(route_km: float, spans: int) -> dict[str, Any]:
    """The line in GNPy's topology format; GNPy puts the amplifiers in."""
    fibre = {
        "length": route_km / spans,
        "length_units": "km",
        "loss_coef": LOSS_DB_PER_KM,
        "con_in": CONNECTOR_DB,
        "con_out": CONNECTOR_DB,
    }
    ends = [("A", "Transceiver"), ("roadm A", "Roadm"), ("roadm B", "Roadm"), ("B", "Transceiver")]
    elements: list[dict[str, Any]] = [{"uid": uid, "type": kind} for uid, kind in ends]
    names = [f"span {number}" for number in range(1, spans + 1)]
    elements += [
        {"uid": name, "type": "Fiber", "type_variety": "SSMF", "params": dict(fibre)} for name in names
    ]
    chain = ["A", "roadm A", *names, "roadm B", "B"]
    connections = [{"from_node": a, "to_node": b} for a, b in pairwise(chain)]
    return {"elements": elements, "connections": connections}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps to itself what GNPy logs and warns of: it speaks of its own files, which a user never sees."""
    logger = logging.getLogger("gnpy")
    before = logger.level, logger.propagate
    silent = logging.NullHandler()  # with no handler at all, Python prints warnings to stderr
    logger.addHandler(silent)
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(silent)
        logger.level, logger.propagate = before
