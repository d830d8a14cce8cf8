"""Names of files and folders that others chose: which of them can be kept as they are."""

import unicodedata

LONGEST = 255
"""Bytes that a name may have in UTF-8."""

_DEVICES = frozenset(
    {"aux", "con", "nul", "prn", "conin$", "conout$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"}
)


def problem_of(name: str) -> str | None:
    """Why a name of a file or folder, without those it lies in, is refused.

    Returns:
        What is wrong with it, to follow the name in a sentence; None: nothing is.
    """
    if not name.strip():
        return "is empty"
    if name in {".", ".."}:
        return "leads out of its folder"
    if "/" in name or "\\" in name:
        return "holds a slash or backslash; folders may not lie in folders"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        return "holds a control character"
    if len(name.encode("utf-8", "replace")) > LONGEST:
        return f"has over {LONGEST} bytes"
    if name.partition(".")[0].rstrip().lower() in _DEVICES:
        return "is the name of a device on Windows"
    return None


def extension_of(name: str) -> str:
    """The extension with its dot, in lower case; empty: it has none, as `.profile`."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if stem.strip(".") and dot and extension else ""
