"""What the parts of a study are called, in both languages; an id where there is no name."""

from __future__ import annotations

from experiments.proposals.findings import Portfolio
from experiments.proposals.model import Study
from experiments.report.words import FIGURE_NAMES, WORDS
from topology.network import Text

_AND = Text(" and ", "和")
_COMMA = Text(", ", "、")


class StudyNames:
    """The names of a study's candidates, sites, links, demands and figures."""

    def __init__(self, study: Study) -> None:
        self._study = study
        ends = [{link.a, link.b} for link in study.candidates.values()]
        shared = set.intersection(*ends) if len(ends) > 1 else set()
        self._hub = shared.pop() if len(shared) == 1 else ""

    @property
    def hub(self) -> Text | None:
        """The end that all candidates share, if there is one: it need not be said in every row."""
        return self.site(self._hub) if self._hub else None

    def site(self, id_: str) -> Text:
        """The name of a site."""
        known = self._study.base.sites.get(id_)
        return known.name if known else Text(id_, id_)

    def candidate(self, id_: str) -> Text:
        """The full name of a candidate."""
        known = self._study.candidates.get(id_)
        return known.name if known else Text(id_, id_)

    def short(self, id_: str) -> Text:
        """A candidate by its other end, where all share one; else its full name."""
        known = self._study.candidates.get(id_)
        if known is None or not self._hub:
            return self.candidate(id_)
        return self.site(known.b if known.a == self._hub else known.a)

    def portfolio(self, portfolio: Portfolio) -> Text:
        """The candidates of a portfolio in one line, short."""
        if not portfolio:
            return WORDS["proposal.nothing"]
        return listed([self.short(choice.candidate) for choice in portfolio])

    def link(self, id_: str) -> Text:
        """A candidate's name, or the two ends of a link of the base."""
        if id_ in self._study.candidates:
            return self.candidate(id_)
        known = self._study.base.links.get(id_)
        return self.pair(known.a, known.b) if known else Text(id_, id_)

    def pair(self, a: str, b: str) -> Text:
        """Two sites."""
        here, there = self.site(a), self.site(b)
        return Text(f"{here.en} – {there.en}", f"{here.zh}—{there.zh}")

    def pair_of(self, text: str) -> Text:
        """Two sites written as ``a > b``."""
        a, found, b = text.partition(" > ")
        return self.pair(a, b) if found else Text(text, text)

    def path(self, path: tuple[str, ...]) -> Text:
        """The sites of a path."""
        names = [self.site(id_) for id_ in path]
        return Text(" → ".join(name.en for name in names), " → ".join(name.zh for name in names))

    def failed(self, parts: tuple[str, ...]) -> Text:
        """What a cut takes away: links by id, ``site:ID``, ``group:NAME``."""
        names = [self._failed(part) for part in parts]
        return Text(" + ".join(name.en for name in names), " + ".join(name.zh for name in names))

    def _failed(self, part: str) -> Text:
        kind, found, id_ = part.partition(":")
        if found and kind == "site":
            name = self.site(id_)
            return Text(f"site {name.en}", f"站点{name.zh}")
        if found and kind == "group":
            return Text(f"shared risk {id_}", f"共享风险组 {id_}")
        return self.link(part)

    def target(self, id_: str) -> Text:
        """The name of a target."""
        return next((target.name for target in self._study.targets if target.id == id_), Text(id_, id_))

    def binding(self, texts: tuple[str, ...]) -> Text:
        """What binds, as ``NextYuan`` names it, in one line; of one kind all together."""
        found: dict[str, list[Text]] = {}
        for text in texts:
            kind, name = self._binding(text)
            found.setdefault(kind, []).append(name)
        parts = []
        for kind, names in found.items():
            word, part = WORDS.get(f"proposal.binding.{kind}", Text("{}", "{}")), listed(names)
            parts.append(Text(word.en.format(part.en), word.zh.format(part.zh)))
        return listed(parts)

    def _binding(self, text: str) -> tuple[str, Text]:
        if text == "budget":
            return "budget", Text("", "")
        for start, kind in (
            ("yearly budget ", "year"),
            ("capacity of ", "capacity"),
            ("lead time of ", "lead"),
        ):
            if text.startswith(start):
                id_ = text.removeprefix(start)
                return kind, self.short(id_) if id_ in self._study.candidates else self.link(id_)
        return "other", Text(text, text)

    def figure(self, name: str) -> Text:
        """A figure of the study, a headline figure, or an assumption that was varied."""
        for key in (f"proposal.headline.{name}", f"proposal.figure.{name}"):
            if key in WORDS:
                return WORDS[key]
        if name in FIGURE_NAMES:
            return FIGURE_NAMES[name]
        if name in self._study.candidates:
            return self.candidate(name)
        return self._figure_of_part(name)

    def _figure_of_part(self, name: str) -> Text:
        """``candidate shanghai: build_cny_million`` and the like, with the parts' names in."""
        kind, _, rest = name.partition(" ")
        id_, found, what = rest.partition(": ")
        if not found:
            return Text(name, name)
        known = {"candidate": self.candidate, "target": self.target}.get(kind)
        part = known(id_) if known else Text(id_, id_)
        figure = WORDS.get(f"proposal.figure.{what}", Text(what, what))
        return Text(f"{part.en}: {figure.en}", f"{part.zh}：{figure.zh}")


def listed(names: list[Text]) -> Text:
    """``a, b and c``."""
    if len(names) < 2:
        return names[0] if names else Text("", "")
    *first, last = names
    return Text(
        _COMMA.en.join(name.en for name in first) + _AND.en + last.en,
        _COMMA.zh.join(name.zh for name in first) + _AND.zh + last.zh,
    )
