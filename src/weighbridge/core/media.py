"""Where images and videos of a prompt come from: an address, or the data itself."""

from typing import Literal, TypeAlias

Medium: TypeAlias = Literal["image", "video"]

_SHOWN = 80


def media_problem(medium: Medium, address: str) -> str | None:
    """What is wrong with the address of an image or video; None: nothing, or there is none.

    Args:
        medium: which of the two it is to be.
        address: `https://…` (or `http://…`, for endpoints in one's own network),
            `data:<medium>/…;base64,…`, or empty: not sent.
    """
    if not address or address.startswith(("https://", "http://")):
        return None
    if address.startswith(f"data:{medium}/"):
        head, comma, data = address.partition(",")
        if head.endswith(";base64") and comma and data:
            return None
        return f"a data: URI of the {medium} is not `data:{medium}/…;base64,…` with data in it"
    shown = address if len(address) <= _SHOWN else address[: _SHOWN - 1] + "…"
    return (
        f"`{shown}` is neither an https: address nor a `data:{medium}/…;base64,…` URI (files are "
        "not read: put their content into the data as such a URI)"
    )
