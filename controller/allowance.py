"""How much a peer may do: a token bucket, so that nobody keeps the controller from its work."""

from __future__ import annotations

import threading
import time


class Allowance:
    """A token bucket (RFC 2697 calls its size a committed burst). Safe to use from several threads.

    Args:
        per_second: how many tokens come back each second.
        burst: how many it holds at most, and at first.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._filled_at = time.monotonic()
        self._lock = threading.Lock()

    def take(self, tokens: float = 1.0) -> bool:
        """Whether ``tokens`` are there; if so, they are gone now."""
        with self._lock:
            self._fill()
            if tokens > self._tokens:
                return False
            self._tokens -= tokens
            return True

    @property
    def full(self) -> bool:
        """Whether nothing has been taken for so long that it makes no difference any more."""
        with self._lock:
            self._fill()
            return self._tokens >= self._burst

    def seconds_until(self, tokens: float = 1.0) -> float:
        """How long until ``tokens`` are there, if nobody takes any meanwhile."""
        with self._lock:
            self._fill()
            return max(0.0, (tokens - self._tokens) / self._per_second)

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
