"""Traffic engineering: what the best routing makes of a network and its demands, beside what usual ones do.

``load`` reads an instance, ``analyse`` routes it four ways. Least maximum utilisation and maximum concurrent
flow come from linear programmes and are proven in exact fractions. See ``docs/te.md``.
"""

from controller.te.analysis import Analysis, Method, Outcome, analyse, optima
from controller.te.instance import Arc, Instance, checked
from controller.te.load import load, of_network
from controller.te.shortest import Weights

__all__ = [
    "Analysis",
    "Arc",
    "Instance",
    "Method",
    "Outcome",
    "Weights",
    "analyse",
    "checked",
    "load",
    "of_network",
    "optima",
]
