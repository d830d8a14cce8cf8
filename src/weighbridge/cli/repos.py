"""`weighbridge repos`: versioned data, from the command line."""

import asyncio
import codecs
import sys
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import click
from pydantic import BaseModel

from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.differences import print_difference
from weighbridge.cli.options import Address, with_server, with_settings
from weighbridge.cli.places import ANYTHING, AT, FILE, REPOSITORY, Place
from weighbridge.cli.remote import connect
from weighbridge.cli.repo_files import files_to_send, save_all
from weighbridge.cli.repositories import Repositories, with_repositories
from weighbridge.cli.results import LocalResults, Results
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import count, moment, printable, read_span
from weighbridge.core.versions import Collected, Kind
from weighbridge.dialects.native import wire_repositories as wire
from weighbridge.settings import Settings

Item = TypeVar("Item")
_NAMED_COLUMNS = 6

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_message = click.option("-m", "--message", help="Of the commit; says what was done otherwise.")


@click.group()
def repos() -> None:
    """Versioned data: repositories, their files, branches and commits.

    A place is written NAMESPACE/REPOSITORY[@REVISION][:PATH]; a revision is a branch or the id of a
    commit, `main` when left out. An evaluation reads a file of rows from one (`data:
    shop/reviews@main:reviews.csv`), and `weighbridge infer` commits a model's answers as a column.
    """


@repos.command("list")
@click.option("--namespace", metavar="NAME", help="Only those of this namespace.")
@_as_json
@with_settings()
@with_server
def list_(
    *, settings: Settings, address: Address | None, namespace: str | None, as_json: bool
) -> None:
    """List repositories, by name."""

    async def work(repositories: Repositories) -> list[wire.Repository]:
        return [it async for it in repositories.list(namespace=namespace)]

    found = with_repositories(settings, address, work)
    if as_json:
        return _print_json(found)
    if not found:
        return click.echo(f"no repository in {address.url if address else settings.data}", err=True)
    rows = table("repository", "description", "made")
    for one in found:
        name = f"{one.namespace}/{one.name}" + (" (empty)" if one.is_empty else "")
        add_row(rows, name, printable(one.description or "", 60), moment(one.created_at))
    return output().print(rows)


@repos.command("create")
@click.argument("place", metavar="REPOSITORY", type=REPOSITORY)
@click.option("--description", help="For people.")
@_as_json
@with_settings()
@with_server
def create(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    description: str | None,
    as_json: bool,
) -> None:
    """Make an empty repository. Its first commit makes its first branch."""

    async def work(repositories: Repositories) -> wire.Repository:
        return await repositories.create(place.repository, description=description)

    made = with_repositories(settings, address, work)
    if as_json:
        _print_json([made])
    else:
        click.echo(f"made {made.namespace}/{made.name}", err=True)


@repos.command("delete")
@click.argument("place", metavar="REPOSITORY", type=REPOSITORY)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings()
@with_server
def delete(*, settings: Settings, address: Address | None, place: Place, yes: bool) -> None:
    """Remove a repository with everything in it. Runs over its data stay."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("this removes all files and commits: say so with --yes")
        click.confirm(f"Remove {place.repository} with all its commits?", abort=True, err=True)

    async def work(repositories: Repositories) -> None:
        await repositories.delete(place.repository)

    with_repositories(settings, address, work)
    click.echo(f"removed {place.repository}", err=True)


@repos.command("branches")
@click.argument("place", metavar="REPOSITORY", type=REPOSITORY)
@_as_json
@with_settings()
@with_server
def branches(*, settings: Settings, address: Address | None, place: Place, as_json: bool) -> None:
    """List the branches of a repository, and the commit that each is at."""

    async def work(repositories: Repositories) -> list[wire.Branch]:
        return await repositories.branches(place.repository)

    found = with_repositories(settings, address, work)
    if as_json:
        return _print_json(found)
    if not found:
        return click.echo(f"{place.repository} is empty: it has no branch yet", err=True)
    rows = table("branch", "commit")
    for one in found:
        add_row(rows, one.name, one.commit_id)
    return output().print(rows)


@repos.command("branch")
@click.argument("place", metavar="REPOSITORY[@REVISION]", type=AT)
@click.argument("name")
@click.option("--delete", "remove", is_flag=True, help="Remove the branch NAME instead.")
@with_settings()
@with_server
def branch(
    *, settings: Settings, address: Address | None, place: Place, name: str, remove: bool
) -> None:
    """Make a branch NAME at a branch or commit (`main` when left out)."""

    async def work(repositories: Repositories) -> str:
        if remove:
            await repositories.delete_branch(place.repository, name)
            return f"removed the branch {name}"
        made = await repositories.create_branch(place.repository, name, revision=place.revision)
        return f"{made.name} is at {made.commit_id}"

    click.echo(with_repositories(settings, address, work), err=True)


@repos.command("ls")
@click.argument("place", metavar="PLACE", type=ANYTHING)
@click.option("-r", "--recursive", is_flag=True, help="All files below, and no folders.")
@_as_json
@with_settings()
@with_server
def ls(
    *, settings: Settings, address: Address | None, place: Place, recursive: bool, as_json: bool
) -> None:
    """List what is in a folder, with the rows and columns of files of rows."""

    async def work(repositories: Repositories) -> list[wire.Entry]:
        return [
            it
            async for it in repositories.entries(
                place.repository, place.path, revision=place.revision, recursive=recursive
            )
        ]

    found = with_repositories(settings, address, work)
    if as_json:
        return _print_json(found)
    rows = table("path", "size", "rows", "columns", "changed", "by", numbers=("size", "rows"))
    for one in found:
        by = one.changed_by
        add_row(
            rows,
            printable(one.path, 80) + ("/" if one.kind is Kind.FOLDER else ""),
            count(one.size),
            count(one.frame.rows) if one.frame else "",
            printable(", ".join(one.frame.columns), 60) if one.frame else "",
            moment(by.created_at) if by else None,
            printable(by.message, 40) if by else None,
        )
    return output().print(rows)


@repos.command("log")
@click.argument("place", metavar="PLACE", type=ANYTHING)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="At most so many.",
)
@_as_json
@with_settings()
@with_server
def log(
    *, settings: Settings, address: Address | None, place: Place, limit: int, as_json: bool
) -> None:
    """List the commits that led to a revision, newest first.

    Where PLACE names a path, only those that changed it.
    """

    async def work(repositories: Repositories) -> list[wire.Commit]:
        commits = repositories.log(
            place.repository, revision=place.revision, path=place.path or None
        )
        return await _first(commits, limit)

    found = with_repositories(settings, address, work)
    if as_json:
        return _print_json(found)
    rows = table("commit", "made", "by", "message")
    for one in found:
        add_row(
            rows,
            one.id,
            moment(one.created_at),
            printable(one.author.name, 30),
            printable(one.message, 80),
        )
    return output().print(rows)


@repos.command("cat")
@click.argument("place", metavar="FILE", type=FILE)
@with_settings()
@with_server
def cat(*, settings: Settings, address: Address | None, place: Place) -> None:
    """Write a file to stdout, byte for byte; to a terminal without what could harm it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace") if sys.stdout.isatty() else None

    def write(piece: bytes, *, last: bool = False) -> None:
        if decoder is not None:
            sys.stdout.write(printable(decoder.decode(piece, final=last)))
        else:
            sys.stdout.buffer.write(piece)

    async def work(repositories: Repositories) -> None:
        async for piece in repositories.stream(
            place.repository, place.path, revision=place.revision
        ):
            await asyncio.to_thread(write, piece)
        write(b"", last=True)

    with_repositories(settings, address, work)
    sys.stdout.flush()


@repos.command("put")
@click.argument("place", metavar="PLACE", type=ANYTHING)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@_message
@_as_json
@with_settings()
@with_server
def put(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    files: tuple[Path, ...],
    message: str | None,
    as_json: bool,
) -> None:
    """Commit files and folders of this machine to a branch, all of them or none.

    PLACE is a folder, or for one FILE the path that it gets: as `cp` has it, `:data/` is a folder
    in any case. Files whose names end like files of rows must be such files.
    """

    async def work(repositories: Repositories) -> wire.Committed:
        wanted = await files_to_send(repositories, place, files)
        return await repositories.commit(
            place.repository, wanted, branch=place.revision, message=message
        )

    _print_commit(with_repositories(settings, address, work), as_json=as_json)


@repos.command("get")
@click.argument("place", metavar="PLACE", type=ANYTHING)
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@with_settings()
@with_server
def get(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    target: Path | None,
    force: bool,
) -> None:
    """Save a file, or a folder with all that is in it, here or as TARGET."""

    async def work(repositories: Repositories) -> tuple[int, Path]:
        return await save_all(repositories, place, target, force=force)

    files, where = with_repositories(settings, address, work)
    click.echo(f"saved {count(files)} file{'' if files == 1 else 's'}: {where}", err=True)


@repos.command("rm")
@click.argument("place", metavar="PLACE", type=FILE)
@_message
@_as_json
@with_settings()
@with_server
def rm(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    message: str | None,
    as_json: bool,
) -> None:
    """Commit that a file or folder is removed from a branch.

    It stays at the commits before.
    """

    async def work(repositories: Repositories) -> wire.Committed:
        return await repositories.remove(
            place.repository, place.path, branch=place.revision, message=message
        )

    _print_commit(with_repositories(settings, address, work), as_json=as_json)


@repos.command("diff")
@click.argument("place", metavar="PLACE", type=ANYTHING)
@click.argument("head", metavar="REVISION")
@click.option("--rows", is_flag=True, help="Show what differs in the one file that PLACE names.")
@click.option(
    "--key", "keys", multiple=True, metavar="COLUMN", help="Says which row is which; with --rows."
)
@click.option(
    "--limit",
    type=click.IntRange(0, 1_000),
    default=20,
    show_default=True,
    help="So many rows that came, went and changed are shown.",
)
@_as_json
@with_settings()
@with_server
def diff(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    head: str,
    rows: bool,
    keys: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List the files that are other at REVISION than at PLACE.

    Of files of rows with the rows before and after, and the columns that came, went or have another
    type. With --rows, or a --key, the rows of one file are compared, by position or by key columns;
    the lines, if it is another text.
    """
    if rows or keys:
        if not place.path:
            raise click.UsageError("--rows compares one file: name it, REPOSITORY@REVISION:PATH")
        return _show_difference(settings, address, place, head, keys, limit, as_json=as_json)

    async def work(repositories: Repositories) -> list[wire.FileChange]:
        return [
            it
            async for it in repositories.changes(
                place.repository, place.revision, head, path=place.path
            )
        ]

    found = with_repositories(settings, address, work)
    if as_json:
        return _print_json(found)
    if not found:
        return click.echo(f"nothing differs between {place.revision} and {head}", err=True)
    shown = table("", "path", "size", "rows", "columns", numbers=("size", "rows"))
    for one in found:
        add_row(
            shown,
            one.how.value,
            printable(one.path, 80),
            _from_to(one.size_before, one.size_after),
            _from_to(one.frame.rows_before, one.frame.rows_after) if one.frame else "",
            _columns(one.frame) if one.frame else "",
        )
    return output().print(shown)


def _show_difference(
    settings: Settings,
    address: Address | None,
    place: Place,
    head: str,
    keys: tuple[str, ...],
    limit: int,
    *,
    as_json: bool,
) -> None:
    async def work(repositories: Repositories) -> wire.FileDifference:
        return await repositories.difference(
            place.repository, place.revision, head, place.path, keys=keys, limit=limit
        )

    found = with_repositories(settings, address, work)
    if as_json:
        _print_json([found])
    else:
        print_difference(found)


@repos.command("merge")
@click.argument("place", metavar="REPOSITORY[@BRANCH]", type=AT)
@click.argument("head", metavar="REVISION")
@_message
@click.option("--dry-run", is_flag=True, help="Say what it would do; do nothing.")
@_as_json
@with_settings()
@with_server
def merge(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    head: str,
    message: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Merge REVISION into a branch (`main` when left out).

    Where both have changed the same file, nothing is done, and the files are named (exit code 1).
    """

    async def plan(repositories: Repositories) -> wire.MergePlan:
        return await repositories.merge_plan(place.repository, place.revision, head)

    async def do(repositories: Repositories) -> wire.Committed:
        return await repositories.merge(place.repository, place.revision, head, message=message)

    if dry_run:
        _print_plan(with_repositories(settings, address, plan), as_json=as_json)
    else:
        _print_commit(with_repositories(settings, address, do), as_json=as_json)


@repos.command("gc")
@click.option(
    "--older-than",
    metavar="TIME",
    default="1d",
    show_default=True,
    help="Only what nobody has touched for 30d, 12h, 90m or 2w.",
)
@with_settings()
def gc(*, settings: Settings, older_than: str) -> None:
    """Forget what no branch, draft or result leads to, everywhere."""
    span = read_span(older_than)
    if span is None:
        raise click.BadParameter(f"{older_than!r} is not a time like 30d, 12h, 90m or 2w")

    async def work(session: Session) -> Collected:
        return await session.services.repositories.collect_garbage(
            session.caller, older_than_s=span.total_seconds()
        )

    found = in_session(settings, work)
    click.echo(
        f"forgot {count(found.commits)} commits and {count(found.contents)} contents, "
        f"{found.bytes / 2**20:,.1f} MiB",
        err=True,
    )


@repos.command("commit-result")
@click.argument("run_id", metavar="RUN")
@click.option("--branch", "to", metavar="NAME", help="Another one than was named; made if needed.")
@_message
@_as_json
@with_settings()
@with_server
def commit_result(
    *,
    settings: Settings,
    address: Address | None,
    run_id: str,
    to: str | None,
    message: str | None,
    as_json: bool,
) -> None:
    """Commit the column of a RUN that was held, or met a conflict.

    RUN is a run's id, or `latest`. Held are those of `infer --no-commit`, and of evaluations with
    `deliver: {commit: false}`.
    """

    async def work(results: Results) -> wire.ColumnDelivery:
        run = await results.called(run_id)
        return await results.commit_delivery(run.id, branch=to, message=message)

    async def here(session: Session) -> wire.ColumnDelivery:
        return await work(LocalResults(session))

    async def there(server: Address) -> wire.ColumnDelivery:
        async with connect(server) as connected:
            return await work(connected)

    done = in_session(settings, here) if address is None else asyncio.run(there(address))
    if as_json:
        _print_json([done])
    else:
        place = f"{done.repository}@{done.branch}:{done.path}"
        click.echo(f"{done.commit_id}  {printable(done.column, 60)} of {place}")


async def _first(items: AsyncIterator[Item], limit: int) -> list[Item]:
    found = []
    async for item in items:
        found.append(item)
        if len(found) == limit:
            break
    return found


def _print_json(found: Sequence[BaseModel]) -> None:
    for one in found:
        click.echo(one.model_dump_json())


def _print_commit(done: wire.Committed, *, as_json: bool) -> None:
    if as_json:
        _print_json([done])
    elif done.changed:
        click.echo(f"{done.commit.id}  {done.branch}  {printable(done.commit.message, 100)}")
    else:
        click.echo(f"nothing to do: {done.branch} has that already ({done.commit.id})", err=True)


def _print_plan(plan: wire.MergePlan, *, as_json: bool) -> None:
    if as_json:
        return _print_json([plan])
    for path in plan.conflicts:
        click.echo(f"conflict  {printable(path, 200)}")
    for path in plan.files_set:
        click.echo(f"set       {printable(path, 200)}")
    for path in plan.files_removed:
        click.echo(f"remove    {printable(path, 200)}")
    told = "cannot be merged" if not plan.possible else "can be merged"
    how = " by moving the branch" if plan.fast_forward and plan.commits else ""
    return click.echo(f"{told}{how}: {count(len(plan.commits))} commits", err=True)


def _from_to(before: int | None, after: int | None) -> str:
    if before == after:
        return count(before)
    return f"{count(before)} → {count(after)}"


def _columns(frame: wire.FrameChange) -> str:
    parts = [f"+{name}" for name in frame.columns_added]
    parts += [f"-{name}" for name in frame.columns_removed]
    parts += [f"{name}: {old} → {new}" for name, (old, new) in frame.columns_retyped.items()]
    more = len(parts) - _NAMED_COLUMNS
    shown = [printable(part, 60) for part in islice(parts, _NAMED_COLUMNS)]
    return ", ".join([*shown, *([f"{count(more)} more"] if more > 0 else [])])
