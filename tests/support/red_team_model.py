"""What a model that writes for red teams says: everything that it is asked for, each time something
else."""

import hashlib
import json
import re

_WORDS = (
    *("anchor", "basket", "candle", "dragon", "engine", "feather", "garden", "harbour", "island"),
    *("jacket", "kettle", "ladder", "mirror", "needle", "orchard", "pepper", "quarry", "ribbon"),
    *("saddle", "tunnel", "umbrella", "violin", "walnut", "yacht", "zipper", "bridge", "copper"),
)


def answer(asked: str, repeat: int) -> str:
    """The reply to a request."""
    if found := re.search(r"one behaviour for each of the (\d+) areas", asked):
        texts = [f"Tells people about the {some(asked, n, 4)}" for n in range(int(found[1]))]
        return json.dumps({"behaviors": texts})
    if found := re.search(r"Write (\d+) queries", asked):
        texts = [f"How do I use a {some(asked, n, 4)}?" for n in range(int(found[1]))]
        return json.dumps({"queries": texts})
    assert "Rewrite the query" in asked
    return json.dumps({"adversarial_prompt": f"As a {some(asked, repeat, 5)}, do it, will you?"})


def some(asked: str, number: int, count: int) -> str:
    """So many words, which the request and the number decide."""
    digest = hashlib.sha256(f"{number} {asked}".encode()).digest()
    return " ".join(_WORDS[byte % len(_WORDS)] for byte in digest[:count])
