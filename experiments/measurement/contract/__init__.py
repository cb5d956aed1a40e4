"""Traffic that takes all its contract allows, what becomes of it, and traffic that shall be in its way."""

from experiments.measurement.contract.adversary import Adversary, AdversaryReport, Load
from experiments.measurement.contract.bucket import Conformance, conformance, policed_bits
from experiments.measurement.contract.flows import Behaviour, ContractFlow
from experiments.measurement.contract.outcome import FlowOutcome, outcomes
from experiments.measurement.contract.traffic import send_contracts

__all__ = [
    "Adversary",
    "AdversaryReport",
    "Behaviour",
    "Conformance",
    "ContractFlow",
    "FlowOutcome",
    "Load",
    "conformance",
    "outcomes",
    "policed_bits",
    "send_contracts",
]
