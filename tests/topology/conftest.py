"""Property tests of the pure floor: as many examples as ever, but no deadline, for a machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
