"""A report as one file of HTML that needs no network: styles, figures and the script that draws
them are inside. A policy inside forbids everything else."""

import base64
import hashlib

from markupsafe import Markup

from weighbridge.web import static
from weighbridge.web.charts import Chart
from weighbridge.web.rendering import render
from weighbridge.web.reporting.document import Document

_STYLES = "weighbridge.css"
_DRAWING = "figures.js"
_PLOTLY = "plotly.min.js"


def write(document: Document) -> str:
    """The document as HTML."""
    drawn = any(isinstance(it, Chart) for part in document.sections for it in part.blocks)
    scripts = [_ending_in(static.text_of(_PLOTLY)), _drawing()] if drawn else []
    hashes = " ".join(f"'sha256-{_hash(it)}'" for it in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return render(
        "report.html",
        {
            "document": document,
            "policy": policy,
            # Our own files, and that of the installed package; no other text is among them.
            "styles": Markup(static.text_of(_STYLES)),  # noqa: S704
            "scripts": [Markup(it) for it in scripts],  # noqa: S704
        },
    )


def _drawing() -> str:
    return f"{static.text_of(_DRAWING)}\ndraw(document);\n"


def _ending_in(script: str) -> str:
    """A script in which nothing ends its own element."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
