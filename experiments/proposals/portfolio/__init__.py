"""Which links to build, how large and when: mixed-integer programmes over the options (``choice``)."""

from experiments.proposals.portfolio.choice import Emptiness, WhyEmpty, best, why_empty

__all__ = ["Emptiness", "WhyEmpty", "best", "why_empty"]
