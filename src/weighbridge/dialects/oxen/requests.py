"""From a request for an evaluation to ours: for the route, and for the form on the pages, which
shows the request that it stands for."""

import asyncio
import itertools

from weighbridge.core.versions import Kind, Located
from weighbridge.datasets.readers import EXTENSIONS, rows_of
from weighbridge.datasets.rows import Row
from weighbridge.dialects.oxen import evaluations as translate
from weighbridge.dialects.oxen.errors import parsed
from weighbridge.errors import Invalid, NotFound
from weighbridge.providers.catalog import Catalog
from weighbridge.spec import EvaluationSpec
from weighbridge.versions.base import Repo

_EXAMPLES = 20


async def spec_of(repo: Repo, resource: str, body: object, catalog: Catalog) -> EvaluationSpec:
    """The evaluation that a request asks for.

    Args:
        resource: branch or commit, and the path of the file. body: as JSON has it.

    Raises:
        NotFound: there is no such revision or file.
        Invalid: something is wrong with the request, by the vendor's names of its fields.
    """
    wanted = parsed(translate.REQUEST, body)
    translate.required_fields(body)
    at = await repo.locate(resource)
    examples = await _examples(repo, at) if wanted.input_type != "text" else []
    await _must_be_there(repo, at)
    try:
        return translate.to_spec(wanted, repo.repository, at, examples, catalog)
    except Invalid as error:
        raise translate.refused(error) from error


async def _must_be_there(repo: Repo, at: Located) -> None:
    entry = await repo.entry(at.commit, at.path)
    if entry is None or not at.path:
        raise NotFound(f"there is no file {at.path!r} at {at.revision}")
    if entry.kind is not Kind.FILE:
        raise Invalid(f"{at.path!r} is a folder; a data frame was expected")


async def _examples(repo: Repo, at: Located) -> list[Row]:
    await _must_be_there(repo, at)
    entry = await repo.entry(at.commit, at.path)
    content = await repo.content(entry.hash) if entry else None
    if content is None or content.frame is None:
        raise Invalid(f"{at.path!r} is no data frame; supported are {', '.join(EXTENSIONS)}")
    kind = content.frame.format
    async with repo.file(content, at.path) as path:
        return await asyncio.to_thread(
            lambda: list(itertools.islice(rows_of(path, kind), _EXAMPLES))
        )
