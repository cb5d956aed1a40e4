"""The versioned result folder: what it holds, how it is written, how it is read years later."""

from experiments.results.folder import RESULTS_DIRECTORY, ResultFolder
from experiments.results.links import LinkCheck, LinkChecks, LinkFigures
from experiments.results.manifest import (
    Backend,
    Host,
    HostLoad,
    HostVerdict,
    Manifest,
    ScenarioReference,
)
from experiments.results.model import LOAD_STATES, SCHEMA_VERSION, VARIANTS, LoadState, Variant, utc_now
from experiments.results.provenance import Assumption, SourceReference, assumptions_of, sources_of
from experiments.results.statistics import DelayStatistics, OneWayStatistics
from experiments.results.summary import (
    Conclusion,
    DelaySplit,
    Loaded,
    ModelVariant,
    Pair,
    PairResult,
    Ping,
    Summary,
    Throughput,
    Verdict,
    summary_schema,
    within_tolerance,
)
from experiments.results.targets import NATIONAL_TARGETS, Target, TargetsMet, targets_met
from experiments.results.verdict import conclude

__all__ = [
    "LOAD_STATES",
    "NATIONAL_TARGETS",
    "RESULTS_DIRECTORY",
    "SCHEMA_VERSION",
    "VARIANTS",
    "Assumption",
    "Backend",
    "Conclusion",
    "DelaySplit",
    "DelayStatistics",
    "Host",
    "HostLoad",
    "HostVerdict",
    "LinkCheck",
    "LinkChecks",
    "LinkFigures",
    "LoadState",
    "Loaded",
    "Manifest",
    "ModelVariant",
    "OneWayStatistics",
    "Pair",
    "PairResult",
    "Ping",
    "ResultFolder",
    "ScenarioReference",
    "SourceReference",
    "Summary",
    "Target",
    "TargetsMet",
    "Throughput",
    "Variant",
    "Verdict",
    "assumptions_of",
    "conclude",
    "sources_of",
    "summary_schema",
    "targets_met",
    "utc_now",
    "within_tolerance",
]
