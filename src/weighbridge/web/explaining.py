"""Words of the engine in the words of people: what a failure means, how an interval was made."""

FAILURES = {
    "rate_limited": "The endpoint asked to slow down for longer than we waited. Lower "
    "concurrency, or retry later.",
    "server_error": "The endpoint broke. Retry later.",
    "timeout": "No answer came in time. Raise timeout, or ask for fewer tokens, and retry.",
    "connection": "The endpoint could not be reached. See whether it is up, then retry.",
    "malformed": "What came back was no answer of this protocol. See the endpoint's address and "
    "protocol in the models file.",
    "unauthorized": "The endpoint refused our key. Set the right one, then retry.",
    "forbidden": "The key may not use this model. Set another, then retry.",
    "not_found": "The endpoint has no such model or address. Mend the models file, then retry.",
    "bad_request": "The endpoint refused what it was sent. Its message says why; a retry alone "
    "changes nothing.",
    "context_length": "Prompt and answer are longer than the model takes. Shorten them, or ask "
    "another model.",
    "content_filter": "The endpoint's own filter stopped it. That is its answer to this prompt.",
    "unsupported": "The model cannot do what was asked for.",
    "internal": "A fault of ours. The server's log says more.",
    "unanswered": "No answer was handed in for these cases.",
    "scoring": "The answer is there, but no call to the judge got through. A retry asks the judge "
    "only.",
}
"""Kind of failure → what it means, and what to do."""

METHODS = {
    "wilson": "Wilson's interval for a share",
    "t": "Student's t over the cases",
    "clustered": "takes account of cases that belong together",
    "no-spread": "all scores are the same: from their bounds and number",
    "sequential": "holds however often the run was looked at before it stopped",
    "jackknife": "groups of cases left out in turn",
}
"""How an interval was made → the same in words."""


def failure(kind: str) -> str:
    """What a kind of failure means, and what to do."""
    return FAILURES.get(kind, "See the message of a case.")


def method(name: str) -> str:
    """How an interval was made."""
    return METHODS.get(name, name)
