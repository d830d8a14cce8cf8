"""Templates: where they are, and what they can call."""

from functools import cache
from typing import Any

import jinja2

from weighbridge.core.outcome import Failed, Status, Ungraded
from weighbridge.core.run import FINISHED, RunState
from weighbridge.web import charts, hostile, rows, static, words


@cache
def environment() -> jinja2.Environment:
    """The environment of all templates: everything is escaped, and a name that is not there is an
    error instead of nothing."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("weighbridge.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.filters |= {
        "count": words.count,
        "decimal": words.decimal,
        "signed": words.signed,
        "percent": words.percent,
        "p_value": words.p_value,
        "money": words.money,
        "seconds": words.seconds,
        "size": words.size,
        "moment": words.moment,
        "plural": words.plural,
        "visible": hostile.visible,
        "shown": hostile.shown,
        "preview": hostile.preview,
        "markdown": hostile.markdown,
        "door": words.door,
        "evaluation_kind": words.evaluation_kind,
    }
    made.tests |= {
        "ungraded": lambda outcome: isinstance(outcome, Ungraded),
        "unscored": lambda outcome: isinstance(outcome, Failed),
    }
    made.globals |= {
        "static": static.address,
        "plotly_styles_left_out": static.styles_left_out,
        "figure": charts.in_page,
        "FINISHED": FINISHED,
        "RunState": RunState,
        "cell_of": rows.cell_of,
        "Status": Status,
        "LONGEST_SHOWN": hostile.LONGEST_SHOWN,
    }
    return made


def render(template: str, context: dict[str, Any]) -> str:
    """A template filled in.

    Args:
        template: its file's name.
    """
    return environment().get_template(template).render(context)
