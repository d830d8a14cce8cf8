"""Where versioned data lies beside the rows."""

import asyncio
import shutil
from pathlib import Path


def blob_key(sha256: str) -> str:
    """Where a content lies in the blob store."""
    return f"versions/{sha256[:2]}/{sha256}"


def upload_folder(data: Path, upload_id: str) -> Path:
    """Where the parts of a file are gathered, in the data folder."""
    return data / "uploads" / upload_id


async def remove_folder(folder: Path) -> None:
    """Remove a folder with what is in it; one that is not there is no error."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
