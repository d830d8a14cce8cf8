"""Data that lie in repositories: found for evaluations, and remembered for where answers go."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.inference import FrameAddress, Inference, files_address, frame_address
from weighbridge.core.versions import Commit, Content, Entry, Kind, Signature
from weighbridge.datasets.cases import check_rows
from weighbridge.datasets.readers import EXTENSIONS
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound, WeighbridgeError
from weighbridge.services.datasets import Datasets
from weighbridge.services.repositories import Repositories
from weighbridge.spec import EvaluationSpec
from weighbridge.store.datasets import Dataset
from weighbridge.store.engine import Store
from weighbridge.store.keys import name_of_user
from weighbridge.versions.base import Repo

_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Source:
    """A file of rows in a repository.

    Attributes:
        branch: None where the revision is a commit.
        path: of the file.
    """

    repo: Repo
    commit: Commit
    branch: str | None
    path: str
    content: Content

    @property
    def address(self) -> str:
        """`namespace/name@commit:path`: the same rows for ever."""
        return f"{self.files}:{self.path}"

    @property
    def files(self) -> str:
        """`namespace/name@commit`."""
        return f"{self.repo.repository.address}@{self.commit.id}"


class FrameSources:
    """Finds data in repositories.

    Args:
        store: where users are.
        repositories: where the data are.
        datasets: where their rows are kept while they are evaluated.
    """

    def __init__(self, store: Store, repositories: Repositories, datasets: Datasets) -> None:
        self._store = store
        self._repositories = repositories
        self._datasets = datasets

    async def settle(
        self, caller: Caller, spec: EvaluationSpec
    ) -> tuple[EvaluationSpec, Source | None]:
        """The evaluation with its revisions pinned to commits, and where its data are, if in a
        repository.

        Raises:
            NotFound: there is no such repository, revision or file.
            Invalid: the file is no file of rows, or `deliver` cannot be done.
        """
        address = None if spec.data is None else frame_address(spec.data)
        source = None
        if address is not None:
            source = await self.find(caller, address)
            changes = {"data": source.address}
            if spec.files is None:
                changes["files"] = source.files
            spec = spec.model_copy(update=changes)
        elif spec.deliver is not None:
            message = "needs `data` in a repository: namespace/repository@branch:path"
            raise InvalidFields([FieldProblem("deliver", message)])
        if spec.files is not None:
            spec = spec.model_copy(update={"files": await self._pinned(caller, spec.files)})
        return spec, source

    async def find(self, caller: Caller, address: FrameAddress) -> Source:
        """A file of rows.

        Raises:
            NotFound: there is no such repository, revision or file.
            Invalid: it is no file of rows.
        """
        repo = await self._repositories.open(caller, address.repository)
        branches = {branch.name for branch in await repo.branches()}
        commit = await repo.commit_at(address.revision)
        entry = await repo.entry(commit, address.path)
        if entry is None or not entry.path:
            raise NotFound(f"there is no file {address.path[:200]!r} at {address.revision}")
        if entry.kind is not Kind.FILE:
            raise Invalid(f"{entry.path!r} is a folder; a file of rows was expected")
        content = await repo.content(entry.hash)
        if content.frame is None:
            raise Invalid(
                f"{entry.path!r} is no file of rows by its name; supported are "
                f"{', '.join(EXTENSIONS)}"
            )
        branch = address.revision if address.revision in branches else None
        return Source(repo, commit, branch, entry.path, content)

    async def take(
        self, caller: Caller, source: Source, evaluation: Evaluation, *, check: bool
    ) -> Dataset:
        """The rows of a file as a data set; taken in once for every commit and path.

        Args:
            check: whether all rows must suit the evaluation, which is looked at before.
        """
        try:
            found = await self._datasets.called(caller, source.address)
        except NotFound:
            pass
        else:
            if check:
                await self._datasets.verify(found, evaluation)
            return found
        async with source.repo.file(source.content, source.path) as path:
            return await self._datasets.import_file(
                caller,
                path,
                name=source.address,
                format=source.content.frame.format if source.content.frame else None,
                check=(lambda rows: check_rows(rows, evaluation)) if check else None,
            )

    async def inference(
        self, caller: Caller, source: Source, evaluation: Evaluation
    ) -> Inference | None:
        """Where the answers of a run go; its `run_id` is still empty. None: nowhere.

        Raises:
            InvalidFields: it is not said to which branch.
        """
        deliver = evaluation.deliver
        if deliver is None:
            return None
        branch = deliver.branch or source.branch
        if branch is None:
            message = "the data are at a commit, not a branch: name the branch to commit to"
            raise InvalidFields([FieldProblem("deliver.branch", message)])
        path = deliver.path or source.path
        there = {it.name for it in await source.repo.branches()}
        head = await source.repo.commit_at(branch) if branch in there else source.commit
        entry = await source.repo.entry(head, path)
        await _must_have_room(source.repo, head, path, entry)
        return Inference(
            run_id="",
            workspace_id=caller.workspace_id,
            repository_id=source.repo.repository.id,
            commit_id=source.commit.id,
            path=source.path,
            column=deliver.column,
            branch=branch,
            target_path=path,
            expected=entry.hash if entry else None,
            message=deliver.message or f"{evaluation.name}: {deliver.column} of {path}",
            author=await self.author(caller),
            auto_commit=deliver.commit,
        )

    async def author(self, caller: Caller) -> Signature:
        """Who signs the commits of a caller."""
        name = _OPERATOR
        if caller.user_id is not None:
            async with self._store.begin() as connection:
                found = await name_of_user(connection, caller.workspace_id, caller.user_id)
            name = found or _OPERATOR
        return Signature(name, f"{name}@localhost")

    async def _pinned(self, caller: Caller, files: str) -> str:
        try:
            address, revision = files_address(files)
            repo = await self._repositories.open(caller, address)
            return f"{address}@{(await repo.commit_at(revision)).id}"
        except WeighbridgeError as error:
            raise InvalidFields([FieldProblem("files", error.message)]) from error


async def _must_have_room(repo: Repo, head: Commit, path: str, entry: Entry | None) -> None:
    """A file cannot be where a folder is, nor below another file."""
    message = None
    if entry is not None and entry.kind is not Kind.FILE:
        message = f"{path!r} is a folder; a file cannot take its place"
    for folder in PurePosixPath(path).parents if entry is None else ():
        above = await repo.entry(head, str(folder)) if folder.name else None
        if above is not None:
            if above.kind is Kind.FILE:
                message = f"{str(folder)!r} is a file; nothing can be below it"
            break
    if message is not None:
        raise InvalidFields([FieldProblem("deliver.path", message)])


def of_run(inference: Inference, run_id: str) -> Inference:
    """An inference as that of a run."""
    return replace(inference, run_id=run_id)
