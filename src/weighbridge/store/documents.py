"""Documents, as rows. Their files and texts are blobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.benchmark import Document
from weighbridge.store.tables import documents


def file_key(sha256: str) -> str:
    """Where the file with this hash is kept: identical files are stored once."""
    return f"documents/{sha256[:2]}/{sha256}"


def text_key(sha256: str) -> str:
    """Where the text of that file is kept."""
    return f"{file_key(sha256)}.txt"


async def add_document(connection: AsyncConnection, document: Document) -> None:
    """Keep a document."""
    await connection.execute(
        documents.insert().values(
            id=document.id,
            workspace_id=document.workspace_id,
            name=document.name,
            categories=list(document.categories),
            kind=document.kind,
            size=document.size,
            sha256=document.sha256,
            characters=document.characters,
            created_at=document.created_at,
        )
    )


async def find_documents(
    connection: AsyncConnection, workspace_id: str, document_ids: Sequence[str]
) -> dict[str, Document]:
    """Those of these documents that are in the workspace, by id."""
    rows = await connection.execute(
        select(documents).where(
            documents.c.workspace_id == workspace_id, documents.c.id.in_(list(document_ids))
        )
    )
    return {row["id"]: _document(row) for row in rows.mappings()}


async def list_documents(
    connection: AsyncConnection, workspace_id: str, *, start: int, limit: int
) -> list[Document]:
    """Newest first, from the 0-based place `start` on."""
    query = select(documents).where(documents.c.workspace_id == workspace_id)
    rows = await connection.execute(
        query.order_by(documents.c.id.desc()).offset(start).limit(limit)
    )
    return [_document(row) for row in rows.mappings()]


async def count_documents(connection: AsyncConnection, workspace_id: str) -> int:
    """How many the workspace has."""
    query = select(func.count()).where(documents.c.workspace_id == workspace_id)
    return int(await connection.scalar(query) or 0)


def _document(row: RowMapping) -> Document:
    fields: dict[str, Any] = dict(row)
    return Document(**{**fields, "categories": tuple(fields["categories"])})
