"""Many independent tasks, on one core, all cores or a cluster: the same results, whatever dies on the way."""

from experiments.proposals.sweep.door import Sweep, usable_cores
from experiments.proposals.sweep.progress import Say, quiet

__all__ = ["Say", "Sweep", "quiet", "usable_cores"]
