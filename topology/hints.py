"""What a reader probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_COMPARED = 500  # comparing letter by letter costs time, and a hint is no search engine

# Words of other tools for what a scenario calls differently.
_OTHER_WORDS = {
    "nodes": "sites",
    "edges": "links",
    "type": "kind",
    "coordinates": "location",
    "lat": "location",
    "lon": "location",
    "latitude": "location",
    "longitude": "location",
    "bandwidth": "capacity_gbps",
    "bw": "capacity_gbps",
    "delay": "latency_ms",
    "distance": "route_km",
    "length": "route_km",
    "loss": "loss_ratio",
    "asn": "as_number",
    "src": "from",
    "source": "from",
    "dst": "to",
    "destination": "to",
}


def did_you_mean(word: str, choices: Iterable[str], *, otherwise: str = "known") -> str:
    """A hint towards the nearest of ``choices``; if none is near, all of them (``otherwise: a, b, c``).

    Without choices the hint is empty.
    """
    known = list(dict.fromkeys(choices))
    nearest = _nearest(word, known)
    if nearest:
        return f"did you mean {' or '.join(repr(choice) for choice in nearest)}?"
    if not known:
        return ""
    shown = ", ".join(known[:20])
    return f"{otherwise}: {shown}{f', … ({len(known)} in all)' if len(known) > 20 else ''}"


def _nearest(word: str, known: list[str]) -> list[str]:
    word = word[:64].casefold()
    if same := [choice for choice in known if choice.casefold() == word]:
        return same[:1]
    if _OTHER_WORDS.get(word) in known:
        return [_OTHER_WORDS[word]]
    if (turned := "--".join(reversed(word.split("--")))) in known:
        return [turned]
    known = known[:MAX_COMPARED]
    if close := get_close_matches(word, known, n=2, cutoff=0.75):
        return close
    if begins := [choice for choice in known if len(word) > 2 and choice.startswith(word)]:
        return begins[:2]
    return get_close_matches(word, known, n=1, cutoff=0.6)
