"""What one direction of a link was seen to do, and whether that is what it declares. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topology.burstloss import GilbertElliott
from topology.emulation.links import LinkProperties
from topology.emulation.links.classes import LinkClass
from topology.emulation.links.shaped import ShapedClass
from topology.variation import kolmogorov_distance, kolmogorov_limit, median_error


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far achieved may be from declared.

    Attributes:
        delay_ratio, delay_ms: the median delay may be off by the larger of the two. With jitter, by four
            standard errors of the median more.
        rate_ratio: the rate may be off by this share.
        loss_probability: losses are wrong if a link with the declared loss would lose so many, or so few,
            with less than this probability (exact binomial, or exact chain of bursts; each side). A link that
            declares no loss must not lose a single frame.
        jitter_probability: a jitter is wrong if one of the declared distribution would be as far from it with
            less than this probability, after the allowance for the delay.
    """

    delay_ratio: float = 0.03
    delay_ms: float = 0.25
    rate_ratio: float = 0.05
    loss_probability: float = 1e-6
    jitter_probability: float = 1e-6


DEFAULT_TOLERANCE = Tolerance()


@dataclass(frozen=True, slots=True)
class ClassReading:
    """What one class of a link was seen to do, beside what it declares.

    Attributes:
        said: what the kernel says of it, read back; ``None`` where there is no such class.
        rate_mbps: what it got while every class of the link wanted more; ``None`` where too few frames
            arrived.
    """

    declared: LinkClass
    said: ShapedClass | None
    rate_mbps: float | None

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ClassReading:
        """The reading whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        said = fields["said"]
        return cls(
            declared=LinkClass.from_dict(fields["declared"]),
            said=None if said is None else ShapedClass(**{**said, "dscp": tuple(said["dscp"])}),
            rate_mbps=fields["rate_mbps"],
        )

    def problems(self, tolerance: Tolerance = DEFAULT_TOLERANCE) -> list[str]:
        """What is outside ``tolerance``, a sentence each. More than its rate is no fault of a class."""
        declared_mbps = self.declared.rate_bps / 1e6
        if self.rate_mbps is None:
            return [f"too few frames of class {self.declared.name} came through to measure its rate"]
        if self.rate_mbps < declared_mbps * (1 - tolerance.rate_ratio):
            return [
                f"class {self.declared.name} got {self.rate_mbps:.3f} Mbit/s under contention,"
                f" declared {declared_mbps:.3f} Mbit/s (tolerance {tolerance.rate_ratio:.0%})"
            ]
        return []


@dataclass(frozen=True, slots=True)
class LinkReading:
    """What one direction of a link was seen to do, beside what it declares.

    Attributes:
        source, destination: site ids.
        delay_min_ms, delay_median_ms, delay_p95_ms: one-way delay from HTB's egress to the far switch's
            interface; ``None`` where nothing arrived.
        rate_mbps: rate of a train of frames; ``None`` where too few arrived.
        sent, lost: frames that left HTB, and those of them that did not arrive.
        reordered: frames that arrived after a later one; ``duplicated``: arrived more than once.
        faults: where the pipe or HTB itself says something else than the layout.
        attempts: how many times it was measured; this is the last.
        jitter_distance: how far the delays are from the declared distribution, in shares of all frames
            (Kolmogorov's D, ``variation.kolmogorov_distance``); ``None`` without jitter, or where frames
            that came so close on each other wait for each other.
        classes: each class of the link; empty where it has none.
    """

    link: str
    source: str
    destination: str
    declared: LinkProperties
    probes: int
    delay_min_ms: float | None
    delay_median_ms: float | None
    delay_p95_ms: float | None
    rate_mbps: float | None
    sent: int
    lost: int
    reordered: int
    duplicated: int
    faults: tuple[str, ...] = ()
    attempts: int = 1
    classes: tuple[ClassReading, ...] = ()
    jitter_distance: float | None = None

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LinkReading:
        """The reading whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        typed = {
            **fields,
            "declared": LinkProperties.from_dict(fields["declared"]),
            "faults": tuple(fields["faults"]),
            "classes": tuple(ClassReading.from_dict(one) for one in fields["classes"]),
        }
        return cls(**typed)

    @property
    def delay_error_ms(self) -> float:
        """Median delay minus that of the declared distribution; infinite where nothing arrived."""
        if self.delay_median_ms is None:
            return math.inf
        return self.delay_median_ms - self.declared.median_delay_ms

    def problems(self, tolerance: Tolerance = DEFAULT_TOLERANCE) -> list[str]:
        """What is outside ``tolerance``, a sentence each; empty when the link does what it declares."""
        found = list(self.faults)
        if self.delay_median_ms is None:
            return [*found, f"none of {self.sent} frames came through"]
        declared = self.declared
        allowed_ms = max(tolerance.delay_ratio * declared.delay_ms, tolerance.delay_ms)
        error = median_error(declared.jitter_distribution)
        allowed_ms += 4 * error * declared.jitter_ms / math.sqrt(max(1, self.probes))
        if abs(self.delay_error_ms) > allowed_ms:
            found.append(
                f"delay {self.delay_median_ms:.3f} ms, declared {declared.median_delay_ms:.3f} ms"
                f" (tolerance {allowed_ms:.3f} ms)"
            )
        if self.rate_mbps is None:
            found.append("too few frames came through to measure the rate")
        elif abs(self.rate_mbps / declared.rate_mbps - 1) > tolerance.rate_ratio:
            found.append(
                f"rate {self.rate_mbps:.3f} Mbit/s, declared {declared.rate_mbps:.3f} Mbit/s"
                f" (tolerance {tolerance.rate_ratio:.0%})"
            )
        if self.jitter_distance is not None and self.jitter_distance > kolmogorov_limit(
            self.probes, tolerance.jitter_probability
        ):
            found.append(
                f"the delays are no {declared.jitter_distribution} variation of {declared.jitter_ms:g} ms:"
                f" off by {self.jitter_distance:.0%} of {self.probes} frames"
            )
        if not self._loss_credible(tolerance.loss_probability):
            bursts = "" if declared.burst_loss is None else " in bursts"
            found.append(
                f"lost {self.lost} of {self.sent} frames, declared {declared.loss_ratio:.4%}{bursts}"
            )
        if self.reordered and not declared.reorders:
            found.append(f"{self.reordered} of {self.sent} frames came out of order")
        if self.duplicated:
            found.append(f"{self.duplicated} of {self.sent} frames came twice")
        return found + [problem for each in self.classes for problem in each.problems(tolerance)]

    def _loss_credible(self, probability: float) -> bool:
        bursts = self.declared.burst_loss
        if bursts is None:
            return loss_credible(self.lost, self.sent, self.declared.loss_ratio, probability)
        return burst_loss_credible(self.lost, self.sent, bursts, probability)


def jitter_distance(declared: LinkProperties, delays_ms: Sequence[float], tolerance: Tolerance) -> float:
    """Kolmogorov's D of delays of a link with jitter, each allowed the tolerance of the delay. Pure."""
    jitter_ms = declared.achievable_jitter_ms
    allowed_ms = max(tolerance.delay_ratio * declared.delay_ms, tolerance.delay_ms)
    return kolmogorov_distance(
        declared.jitter_distribution,
        [(delay_ms - declared.delay_ms) / jitter_ms for delay_ms in delays_ms],
        allowed_ms / jitter_ms,
    )


def burst_loss_credible(lost: int, sent: int, bursts: GilbertElliott, probability: float) -> bool:
    """As ``loss_credible``, for a link whose losses come in ``bursts``. Pure."""
    at_most = bursts.probability_of_at_most(lost, sent)
    at_least = 1 - bursts.probability_of_at_most(lost - 1, sent)
    return min(at_most, at_least) >= probability


def loss_credible(lost: int, sent: int, loss_ratio: float, probability: float) -> bool:
    """Whether a link that loses ``loss_ratio`` may have lost ``lost`` of ``sent``. Pure.

    False if so many or more, or so few or fewer, have less than ``probability`` (binomial distribution).
    """
    if sent == 0:
        return True
    if loss_ratio <= 0 or loss_ratio >= 1:
        return lost == (sent if loss_ratio >= 1 else 0)
    at_most = math.fsum(_binomial(k, sent, loss_ratio) for k in range(lost + 1))
    at_least = math.fsum(_binomial(k, sent, loss_ratio) for k in range(lost, sent + 1))
    return min(at_most, at_least) >= probability


def _binomial(k: int, n: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))
