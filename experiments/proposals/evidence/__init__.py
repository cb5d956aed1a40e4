"""Evidence from packets: the best portfolios built in the emulated network, measured beside predicted.

The only part of a proposal that needs root. ``evidence`` runs inside a cell and leaves ``evidence/`` in the
result folder; ``read_summary`` reads that back, also outside the cell.
"""

from experiments.proposals.evidence.gather import evidence
from experiments.proposals.evidence.record import EvidenceSummary, read_summary

__all__ = ["EvidenceSummary", "evidence", "read_summary"]
