"""Who is asking."""

from dataclasses import dataclass
from enum import StrEnum

from weighbridge.errors import Forbidden


class Role(StrEnum):
    """What a key may do; each role may do all that the ones before it may."""

    READER = "reader"
    """see evaluations, runs, reports and exports"""
    WRITER = "writer"
    """start, cancel and retry runs, upload data"""
    ADMIN = "admin"
    """make and revoke keys"""


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, and in which workspace.

    Attributes:
        workspace_id: everything this caller sees and makes is in it.
        role: what it may do.
        user_id, key_id: None for the operator at the machine's own command line.
        door: through which API or command it came (`native`, `cli`, `oxen`…).
        traceparent: the W3C trace context of the request, if it came with one.
    """

    workspace_id: str
    role: Role
    user_id: str | None = None
    key_id: str | None = None
    door: str = "native"
    traceparent: str | None = None

    def must_be(self, role: Role) -> None:
        """Go on only with this role or a higher one.

        Raises:
            Forbidden: the caller's role is lower.
        """
        if _RANK[self.role] < _RANK[role]:
            raise Forbidden(
                f"this needs a key with the role {role}; yours has the role {self.role}"
            )
