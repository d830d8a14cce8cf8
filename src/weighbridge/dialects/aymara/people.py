"""Who did something, as the vendor tells it."""

from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.review import Override
from weighbridge.core.suite import Verdict
from weighbridge.dialects.aymara import ids, wire
from weighbridge.services.pass_rates import PASSED

_HERE = "weighbridge"


def user(name: str, workspace_id: str) -> dict[str, Any]:
    """A user. Its name stands where the vendor has an address."""
    workspace = ids.shown(ids.WORKSPACE, workspace_id)
    return {
        "email": name,
        "feature_flags": {"enable_dashboard": False},
        "is_admin": False,
        "is_impersonating": False,
        "org_admin_emails": None,
        "organization": {"name": _HERE, "org_uuid": organization(workspace_id)},
        "workspace": {
            "name": None,
            "organization_name": _HERE,
            "organization_uuid": organization(workspace_id),
            "workspace_uuid": workspace,
        },
    }


def organization(workspace_id: str) -> str:
    """The organization of a workspace: each is its own."""
    return f"org.{ids.shown(ids.WORKSPACE, workspace_id)}"


def history(caller: Caller, first: Verdict, said: list[Override]) -> list[dict[str, Any]]:
    """What people said of a response, the oldest first, each beside what counted before.

    Args:
        first: what the judge had said.
    """
    entries = []
    before = (first.passed, first.confidence, first.explanation)
    for it in said:
        after = (
            (*before[:2], it.reason)
            if it.value is None
            else (
                it.value >= PASSED,
                it.confidence,
                it.reason,
            )
        )
        entries.append(
            {
                "answer_history_uuid": ids.shown(ids.OVERRIDE, it.id),
                "updated_at": wire.moment(it.created_at),
                "previous_is_passed": before[0],
                "previous_confidence": before[1],
                "previous_explanation": before[2],
                "new_is_passed": after[0],
                "new_confidence": after[1],
                "new_explanation": after[2],
                "updated_by": user(it.author, caller.workspace_id),
            }
        )
        before = after
    return entries
