"""`weighbridge datasets`: what is stored, in which versions, under which tags."""

from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.options import with_settings
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import count, moment, printable
from weighbridge.dialects.native import translate
from weighbridge.settings import Settings
from weighbridge.store.datasets import Dataset

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def datasets() -> None:
    """List data sets and their versions; add, look at and tag them.

    A data set is kept by content: the same name with other content is its next version. An
    evaluation names one as `data: NAME` (the newest version), `NAME@3`, `NAME@TAG` or by its id,
    and its runs stay with the version they began with.
    """


@datasets.command("list")
@click.argument("name", required=False)
@click.option("--tag", help="Only versions with this tag.")
@click.option("--selected", is_flag=True, help="Those, too, that evaluations selected from others.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@_as_json
@with_settings()
def list_(
    *,
    settings: Settings,
    name: str | None,
    tag: str | None,
    selected: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List versions, newest first; of one data set when its NAME is given."""

    async def work(session: Session) -> list[Dataset]:
        return await session.services.datasets.list(
            session.caller, after=None, limit=limit, name=name, tag=tag, selected=selected
        )

    found = in_session(settings, work)
    if found or as_json:
        _print(found, as_json=as_json)
    else:
        click.echo(f"no such data set in {settings.data}", err=True)


@datasets.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="What it is called; the file's name otherwise.")
@click.option("--format", "file_format", help="When the file's name does not tell it.")
@click.option("--tag", "tags", multiple=True, help="Give the version this tag.")
@_as_json
@with_settings()
def add(
    *,
    settings: Settings,
    file: Path,
    name: str | None,
    file_format: str | None,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Keep a csv, tsv, jsonl, json, parquet or arrow FILE as a new version."""

    async def work(session: Session) -> Dataset:
        datasets = session.services.datasets
        kept = await datasets.import_file(session.caller, file, name=name, format=file_format)
        for tag in tags:
            kept = await datasets.tag(session.caller, kept.id, tag)
        return kept

    _print([in_session(settings, work)], as_json=as_json)


@datasets.command("show")
@click.argument("reference", metavar="DATASET")
@click.option(
    "--rows",
    type=click.IntRange(0, 1_000),
    default=5,
    show_default=True,
    help="How many of its first rows.",
)
@with_settings()
def show(*, settings: Settings, reference: str, rows: int) -> None:
    """Show a version as JSON, then its first rows, one a line.

    DATASET is an id, NAME, NAME@3 or NAME@TAG.
    """

    async def work(session: Session) -> tuple[Dataset, list[dict[str, object]]]:
        datasets = session.services.datasets
        found = await datasets.called(session.caller, reference)
        return found, await datasets.page(found, limit=rows)

    found, first = in_session(settings, work)
    click.echo(translate.from_dataset(found).model_dump_json())
    for row in first:
        click.echo(orjson.dumps(row))


@datasets.command("tag")
@click.argument("reference", metavar="DATASET")
@click.argument("tag")
@click.option("--remove", is_flag=True, help="Take the tag away.")
@_as_json
@with_settings()
def tag(*, settings: Settings, reference: str, tag: str, remove: bool, as_json: bool) -> None:
    """Give a version a TAG; it moves here if another version had it."""

    async def work(session: Session) -> Dataset:
        datasets = session.services.datasets
        change = datasets.untag if remove else datasets.tag
        return await change(session.caller, reference, tag)

    _print([in_session(settings, work)], as_json=as_json)


def _print(found: Sequence[Dataset], *, as_json: bool) -> None:
    if as_json:
        for dataset in found:
            click.echo(translate.from_dataset(dataset).model_dump_json())
        return
    rows = table(
        "id", "name", "version", "tags", "rows", "columns", "made", numbers=("version", "rows")
    )
    for dataset in found:
        add_row(
            rows,
            dataset.id,
            printable(dataset.name, 40),
            str(dataset.version),
            ", ".join(dataset.tags),
            count(dataset.frame.rows),
            printable(", ".join(dataset.frame.columns), 40),
            moment(dataset.created_at),
        )
    output().print(rows)
