"""Which links to build, how large and when: mixed-integer programmes over the options (``choice``).

``pareto`` is the front of cost against delay (``front``) and against resilience (``resilient``).
"""

from experiments.proposals.portfolio.choice import Emptiness, WhyEmpty, best, why_empty
from experiments.proposals.portfolio.front import delay_front
from experiments.proposals.portfolio.interactions import interactions
from experiments.proposals.portfolio.next_step import next_yuan
from experiments.proposals.portfolio.pareto import pareto
from experiments.proposals.portfolio.resilient import resilience_front

__all__ = [
    "Emptiness",
    "WhyEmpty",
    "best",
    "delay_front",
    "interactions",
    "next_yuan",
    "pareto",
    "resilience_front",
    "why_empty",
]
