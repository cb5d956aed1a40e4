"""Every text of the report, in both languages, by key. ``{fields}`` are filled in by the page."""

from __future__ import annotations

import tomllib
from importlib import resources

from topology.network import SiteKind, Text

KIND_NAMES: dict[SiteKind, Text] = {
    SiteKind.HUB: Text("Computing hub", "国家枢纽节点"),
    SiteKind.CLUSTER: Text("Data-centre cluster", "数据中心集群"),
    SiteKind.METRO: Text("City", "城市节点"),
    SiteKind.POP: Text("Backbone node", "骨干网节点"),
    SiteKind.INTERCONNECTION: Text("Interconnection point", "骨干直联点"),
    SiteKind.IXP: Text("Exchange centre", "新型交换中心"),
    SiteKind.CDN: Text("CDN node", "CDN 节点"),
}

REGION_NAMES: dict[str, Text] = {
    "bth": Text("Beijing-Tianjin-Hebei", "京津冀"),
    "yrd": Text("Yangtze River Delta", "长三角"),
    "gba": Text("Greater Bay Area", "粤港澳大湾区"),
}

CAUSE_NAMES: dict[str, Text] = {
    "propagation": Text("Fibre", "光纤传播"),
    "transit": Text("Transit sites", "中转节点"),
    "handover": Text("Carrier hand-over", "网间互联"),
    "queueing": Text("Queueing under load", "负载下排队"),
}

PART_NAMES: dict[str, Text] = {
    "figure": Text("Whole scenario", "整个场景"),
    "operator": Text("Operator", "运营商"),
    "site": Text("Site", "站点"),
    "link": Text("Link", "链路"),
    "service": Text("Service", "服务"),
    "demand": Text("Demand", "需求"),
}

FIGURE_NAMES: dict[str, Text] = {
    "fibre_us_per_km": Text("Delay of fibre, µs/km", "光纤时延（微秒/公里）"),
    "route_factor": Text("Fibre route / great circle", "光缆长度与大圆距离之比"),
    "capacity_gbps": Text("Capacity of a link, Gbit/s", "链路容量（Gbit/s）"),
    "queue_ms": Text("Depth of a queue, ms", "队列深度（毫秒）"),
    "handover_ms": Text("Hand-over between carriers, ms", "网间互联时延（毫秒）"),
    "transit_ms": Text("Transit of a site, ms", "节点中转时延（毫秒）"),
    "loss_ratio": Text("Random loss", "随机丢包率"),
    "jitter_ms": Text("Jitter, ms", "抖动（毫秒）"),
} | {
    f"transit_ms_{kind}": Text(f"Transit of a site, ms: {name.en}", f"{name.zh}中转时延（毫秒）")
    for kind, name in KIND_NAMES.items()
}

_FILES = ("words.toml", "determinism.toml", "failover.toml", "proposal.toml")

WORDS: dict[str, Text] = {
    key: Text(**texts)
    for name in _FILES
    for key, texts in tomllib.loads(
        (resources.files("experiments.report") / "templates" / name).read_text(encoding="utf-8")
    ).items()
}
