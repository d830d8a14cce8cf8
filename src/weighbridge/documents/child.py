"""Reads one document and writes its text to standard output; run as a process of its own.

    python -m weighbridge.documents.child KIND PATH

Ends with 3 when there is too much text, 4 when there is none, and 5 with one line on standard error
when the document cannot be read.
"""

import importlib
import resource
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_CHARACTERS = 20_000_000
_MEMORY = 2 << 30
_CPU_S = 120
_MOST_PAGES = 10_000
_MOST_UNPACKED = 512 << 20
_MOST_PARTS = 10_000
TOO_LONG, NO_TEXT, REFUSED = 3, 4, 5
"""How the process ends when it has something to say; anything else means that it broke."""


class _Refused(Exception):
    """The document cannot be read; the message says why."""


def main(kind: str, path: Path) -> int:
    """Read a document.

    Returns:
        How the process is to end.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    out = sys.stdout.buffer
    total = 0
    try:
        for part in _READERS[kind](path):
            total += len(part)
            if total > MOST_CHARACTERS:
                return TOO_LONG
            out.write(part.encode("utf-8", "replace"))
    except (MemoryError, RecursionError):
        return _say("it needs more memory than it may have")
    except _Refused as error:
        return _say(str(error))
    except Exception as error:  # noqa: BLE001 (readers of others raise whatever they like)
        return _say(f"it is damaged ({type(error).__name__})")
    out.flush()
    return 0 if total else NO_TEXT


def _say(reason: str) -> int:
    sys.stderr.write(reason + "\n")
    return REFUSED


def _pdf(path: Path) -> Iterator[str]:
    reader: Any = importlib.import_module("pypdf").PdfReader(path, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise _Refused("it is encrypted; send it without a password")
    if len(reader.pages) > _MOST_PAGES:
        raise _Refused(f"it has over {_MOST_PAGES:,} pages; send it in parts")
    for page in reader.pages:
        text: str = page.extract_text()
        if text.strip():
            yield text.strip() + "\n\n"


def _docx(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
            raise _Refused("it unpacks to more than a document has")
        if "word/document.xml" not in archive.namelist():
            raise _Refused("it is a zip file, and no Word document")
    document: Any = importlib.import_module("docx").Document(str(path))
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                cells = [cell.text.strip() for cell in row.cells]
                # A cell that spans several columns is given once for each of them.
                once = [text for at, text in enumerate(cells) if not at or text != cells[at - 1]]
                yield " | ".join(once) + "\n"
            yield "\n"
        elif block.text.strip():
            yield block.text.strip() + "\n\n"


def _html(path: Path) -> Iterator[str]:
    data = path.read_bytes()
    lxml: Any = importlib.import_module("lxml.html")
    if not data.strip():
        return
    parser = lxml.HTMLParser(
        encoding=None if b"charset" in data[:2_048].lower() else "utf-8", no_network=True
    )
    tree = lxml.fromstring(data, parser=parser)
    yield importlib.import_module("inscriptis").Inscriptis(tree).get_text()


_READERS = {"pdf": _pdf, "docx": _docx, "html": _html}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
