"""The national latency targets a result is held against, with their sources and what those leave open."""

from __future__ import annotations

from typing import Literal

from experiments.results.model import ResultModel
from topology.network import Text

Circle = Literal[1, 5, 20]

CIRCLES_MS: tuple[Circle, ...] = (1, 5, 20)
"""One-way latency circles: within a city, within a region, across hubs."""

THEORY_FACTOR = 1.5
"""Between hub clusters, delay is to be at most this multiple of the theoretical delay."""


class Target(ResultModel):
    """One national target.

    ``limit`` is in ``unit``: ``ms`` one way, or ``x``, a multiple of the theoretical delay.
    """

    id: str
    limit: float
    unit: Literal["ms", "x"]
    text: Text
    source: Text
    open_question: Text | None = None
    """What the source does not say, and how this report reads it."""


_CIRCLE_SOURCE = Text(
    en="NDRC and four other departments, opinions on building the national computing network, December 2023",
    zh="国家发展改革委等五部门，关于深入实施“东数西算”工程、加快构建全国一体化算力网的实施意见，"
    "2023 年 12 月",
)
_CIRCLE_QUESTION = Text(
    en="The source says neither where the delay is taken nor whether it is one-way; "
    "read here as the one-way network delay.",
    zh="来源未说明测量位置，也未说明是否为单向；本报告按网络单向时延理解。",
)

NATIONAL_TARGETS: tuple[Target, ...] = (
    Target(
        id="circle-1",
        limit=1,
        unit="ms",
        text=Text("Latency circle within a city: 1 ms", "城市内时延圈：1 毫秒"),
        source=_CIRCLE_SOURCE,
        open_question=_CIRCLE_QUESTION,
    ),
    Target(
        id="circle-5",
        limit=5,
        unit="ms",
        text=Text("Latency circle within a region: 5 ms", "区域内时延圈：5 毫秒"),
        source=_CIRCLE_SOURCE,
        open_question=_CIRCLE_QUESTION,
    ),
    Target(
        id="circle-20",
        limit=20,
        unit="ms",
        text=Text("Latency circle across national hubs: 20 ms", "跨国家枢纽时延圈：20 毫秒"),
        source=_CIRCLE_SOURCE,
        open_question=_CIRCLE_QUESTION,
    ),
    Target(
        id="theory-1.5",
        limit=THEORY_FACTOR,
        unit="x",
        text=Text(
            "Direct networks between hub clusters: at most 1.5 times the theoretical delay",
            "枢纽集群间直连网络：时延不高于理论时延的 1.5 倍",
        ),
        source=Text(
            "MIIT and five other departments, action plan for computing infrastructure, October 2023",
            "工业和信息化部等六部门，算力基础设施高质量发展行动计划，2023 年 10 月",
        ),
        open_question=Text(
            "The plan does not define “theoretical”; read here as light in fibre along the great circle. "
            "Chinese trunk cables are about 1.6 times that long, so usual fibre routes miss this reading.",
            "文件未定义“理论时延”；本报告按光纤中光沿大圆距离传播的时延理解。"
            "我国干线光缆长度约为大圆距离的 1.6 倍，按此理解，常规路由的光缆均难以达到。",
        ),
    ),
)


class TargetsMet(ResultModel):
    """Which targets one measured delay meets."""

    circle_ms: Circle | None
    """The smallest circle that holds the median one-way delay; ``None`` beyond 20 ms or if all was lost."""
    within_1_5_of_theory: bool
    """Median round trip at most 1.5 times the fibre floor. Only a yardstick where they are no clusters."""


def targets_met(one_way_ms: float | None, rtt_ms: float | None, floor_rtt_ms: float) -> TargetsMet:
    """Hold a median one-way delay and round trip against the targets; ``None`` (all lost) meets none."""
    circle = next((c for c in CIRCLES_MS if one_way_ms is not None and one_way_ms <= c), None)
    within = rtt_ms is not None and rtt_ms <= THEORY_FACTOR * floor_rtt_ms
    return TargetsMet(circle_ms=circle, within_1_5_of_theory=within)
