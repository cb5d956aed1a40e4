"""The page: one self-contained HTML file that opens offline, in English and Chinese, on screen and paper."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2

from experiments.report import figures, style
from experiments.report.findings import key_figures, saving_by_cause
from experiments.report.text import both, fill, number, percent, rate, signed, translate
from experiments.report.words import CAUSE_NAMES, FIGURE_NAMES, PART_NAMES, REGION_NAMES
from experiments.results import VARIANTS, LinkCheck, LinkChecks, Manifest, ResultFolder, Summary, Variant
from topology.network import Network, Text

_TEMPLATES = "experiments.report"
MAX_SUBJECTS = 4  # an assumption names at most so many of the parts it holds for


def render(folder: ResultFolder) -> str:
    """The page as text."""
    manifest, summary, links = folder.manifest, folder.summary, folder.links
    networks = {variant: folder.network(variant) for variant in VARIANTS}
    drawn = networks["proposal"] or networks["base"]
    names = _Names(networks)
    rtt, split = figures.delay_charts(summary) if summary.pairs else (None, None)
    return rendered(
        environment().get_template("report.html.j2"),
        manifest,
        summary=summary,
        pairs=figures.by_region(summary),
        title=_title(summary),
        key_figures=key_figures(summary),
        map=figures.route_map(summary, drawn),
        rtt=rtt,
        split=split,
        split_beyond=figures.beyond_split(summary),
        saving_by_cause=saving_by_cause(summary.pairs),
        distributions=figures.distributions(folder, summary),
        throughput=figures.throughput_chart(summary),
        throughput_count=sum(pair.has_throughput for pair in summary.pairs),
        link_chart=figures.link_chart(links),
        links=_worst_first(links),
        failed_links=len(links.failed()) if links else 0,
        worst_delay_error=_worst_delay_error(links),
        processing=_processing(links),
        name=names,
    )


def environment() -> jinja2.Environment:
    """What templates of pages are rendered in."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(_TEMPLATES),
        autoescape=True,  # names come from users' files
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        t=translate,
        fill=fill,
        both=both,
        variants=VARIANTS,
        cause_names=CAUSE_NAMES,
        cause_colours=style.CAUSE_COLOURS,
        part_names=PART_NAMES,
        region_name=lambda region: REGION_NAMES.get(region, Text(region, region)),
        max_subjects=MAX_SUBJECTS,
    )
    made.filters.update({"both": both, "number": number, "signed": signed, "percent": percent, "rate": rate})
    return made


def rendered(template: jinja2.Template, manifest: Manifest, *, css: str = "", **values: object) -> str:
    """A page with what every page has: script and style within it, the time and the options of the run.

    ``css``: style of its own, behind that of all pages.
    """
    script = asset("report.js")
    return template.render(
        manifest=manifest,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        css=asset("report.css") + css,
        created=manifest.created.replace("T", " ").rstrip("Z"),
        options=_options_of(manifest),
        **values,
    )


def asset(name: str) -> str:
    """A file that stands beside the templates."""
    return (resources.files(_TEMPLATES) / "templates" / name).read_text(encoding="utf-8")


def _title(summary: Summary) -> Text:
    titles = [summary.scenarios[v].title for v in ("proposal", "base") if v in summary.scenarios]
    return titles[0] if titles else Text(summary.experiment, summary.experiment)


class _Names:
    """The names of sites, links and figures; an id where the folder knows no name."""

    def __init__(self, networks: dict[Variant, Network | None]) -> None:
        known = [network for network in networks.values() if network is not None]
        self._sites = {id_: site.name for network in known for id_, site in network.sites.items()}
        self._links = {id_: (link.a, link.b) for network in known for id_, link in network.links.items()}
        self._operators = {id_: o.name for network in known for id_, o in network.operators.items()}

    def site(self, id_: str) -> Text:
        """The name of a site."""
        return self._sites.get(id_, Text(id_, id_))

    def subject(self, part: str, id_: str) -> Text:
        """The name of any part that an assumption may hold for."""
        if part == "figure":
            return FIGURE_NAMES.get(id_, Text(id_, id_))
        if part == "link" and id_ in self._links:
            a, b = (self.site(end) for end in self._links[id_])
            return Text(f"{a.en} – {b.en}", f"{a.zh} – {b.zh}")
        if part == "operator":
            return self._operators.get(id_, Text(id_, id_))
        return self.site(id_)


def _worst_first(links: LinkChecks | None) -> list[tuple[Variant, LinkCheck]]:
    if links is None:
        return []
    everything = [(variant, check) for variant, checks in links.networks.items() for check in checks]
    return sorted(
        everything, key=lambda item: (item[1].within_tolerance, -abs(item[1].delay_error_ms or 0.0))
    )


def _worst_delay_error(links: LinkChecks | None) -> float | None:
    errors = [check.delay_error_ms for _, check in _worst_first(links)]
    return max((error for error in errors if error is not None), key=abs, default=None)


def _processing(links: LinkChecks | None) -> dict[Variant, float] | None:
    """The switches' own processing time, if both networks were measured."""
    if links is None or not all(variant in links.switch_processing_ms for variant in VARIANTS):
        return None
    return links.switch_processing_ms


def _options_of(manifest: Manifest) -> Sequence[tuple[str, Any]]:
    """The options of the run, as the page shows them."""
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in manifest.options.items()
    ]
