"""What transceivers send and what they need: generic formats from 100G to 800G, and combs of channels.

Needed is a GSNR in 0.1 nm (12.5 GHz) at the receiver, before any margin. The formats up to 63.1 GBd are those
of the OpenROADM MSA 5.0 as GNPy ships them (``eqpt_config_openroadm_ver5.json``). Those of 126.2 GBd are the
same modulations at twice the symbol rate, which need the same signal-to-noise ratio per symbol:

```
GSNR in 0.1 nm  =  GSNR per symbol + 10 log10(symbol rate / 12.5 GHz)        so 3.01 dB more
```

That is an assumption: no such list is published as GNPy's is. Transceivers with shaped constellations (PCS)
need less; how much less is the vendor's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

OPENROADM = "OpenROADM MSA 5.0, as in GNPy's eqpt_config_openroadm_ver5.json"
DOUBLED = "assumption: the OpenROADM MSA 5.0 format at twice its symbol rate, same SNR per symbol"
SYSTEM_MARGIN_DB = 2.0  # ageing, repairs, what the model leaves out; GNPy's default (SI, sys_margins)
REFERENCE_GBD = 32.0  # at this symbol rate a channel enters a span with 0 dBm, at any other with the same
# power spectral density, whose optimum hardly depends on the symbol rate (GN model)


C_BAND_GHZ = (191_275.0, 196_125.0)  # what GNPy's amplifiers carry: 97 slots of 50 GHz


@dataclass(frozen=True, slots=True)
class Comb:
    """Equal channels side by side that fill a band.

    Attributes:
        tx_osnr_db: of the transmitter, in 0.1 nm.
        band_ghz: lower edge of the first slot, and what no slot reaches beyond.
    """

    baud_gbd: float
    spacing_ghz: float
    tx_osnr_db: float
    band_ghz: tuple[float, float] = C_BAND_GHZ

    @property
    def channels(self) -> int:
        return int((self.band_ghz[1] - self.band_ghz[0]) // self.spacing_ghz)

    @property
    def first_ghz(self) -> float:
        """Centre of the first channel."""
        return self.band_ghz[0] + self.spacing_ghz / 2

    @property
    def power_dbm(self) -> float:
        """What each channel enters a span with."""
        return 10 * log10(self.baud_gbd / REFERENCE_GBD)


@dataclass(frozen=True, slots=True)
class Format:
    """A way to send ``rate_gbps`` on one wave, and the GSNR in 0.1 nm that it needs."""

    rate_gbps: float
    modulation: str
    comb: Comb
    required_gsnr_db: float
    provenance: str


def _doubled(rate_gbps: float, of: Format) -> Format:
    comb = Comb(2 * of.comb.baud_gbd, 150.0, of.comb.tx_osnr_db + 10 * log10(2))
    return Format(rate_gbps, of.modulation, comb, of.required_gsnr_db + 10 * log10(2), DOUBLED)


REFERENCE = Comb(
    REFERENCE_GBD, 50.0, 40.0
)  # GNPy's default; ``gsnr_db`` of the findings is its worst channel

_SINGLE = Comb(31.57, 50.0, 36.0)
_OPENROADM = Comb(63.1, 87.5, 36.0)
_QPSK_200 = Format(200, "DP-QPSK", _OPENROADM, 17.0, OPENROADM)
_8QAM_300 = Format(300, "DP-8QAM", _OPENROADM, 21.0, OPENROADM)
_16QAM_400 = Format(400, "DP-16QAM", _OPENROADM, 24.0, OPENROADM)

FORMATS = (
    Format(100, "DP-QPSK", _SINGLE, 12.0, OPENROADM),
    _QPSK_200,
    _doubled(400, _QPSK_200),
    _16QAM_400,
    _doubled(600, _8QAM_300),
    _doubled(800, _16QAM_400),
)
RATES_GBPS = tuple(sorted({entry.rate_gbps for entry in FORMATS}))
