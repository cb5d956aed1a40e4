"""Demands of a year as a flow of minimum cost over the links in service (``flows``)."""

from experiments.proposals.flow.arcs import Arcs, Built, Rates, built_in
from experiments.proposals.flow.flows import Flows, delay_saved, flows_of
from experiments.proposals.flow.routes import Route, Routed

__all__ = ["Arcs", "Built", "Flows", "Rates", "Route", "Routed", "built_in", "delay_saved", "flows_of"]
