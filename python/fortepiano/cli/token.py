"""`fortepiano token …`: tokens of the staff."""

from typing import Annotated, Literal

import typer

from fortepiano.cli.options import ConfigFile, DataDir, now, opened_store, utc

__all__ = ["app"]

_LONGEST_LABEL = 80

app = typer.Typer(help="Tokens of the staff.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _token_root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _checked_label(label: str) -> str:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise typer.BadParameter(f"must be at most {_LONGEST_LABEL} printable characters")
    return label


@app.command("create")
def create_token(
    scope: Annotated[
        Literal["read", "moderate", "admin"],
        typer.Option(help="What its holder may do.", show_default=False),
    ],
    label: Annotated[
        str,
        typer.Option(
            help="Whose it is or what it is for.", callback=_checked_label, show_default=False
        ),
    ] = "",
    days: Annotated[
        int | None,
        typer.Option(help="For how long it is valid.", min=1, max=36_500, show_default="for ever"),
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token of the staff and show it, this once.

    A running server accepts it within a second. Nothing but the token is on stdout, for scripts.
    """
    from fortepiano.model.staff import mint

    secret, record = mint(scope, label, now(), days)
    with opened_store(config, data_dir) as store:
        store.save_token(record)
    # Only now is it on disk.
    typer.echo(secret)
    typer.echo(
        f"It is not shown again. To revoke it: fortepiano token revoke {record.id}", err=True
    )


@app.command("list")
def list_tokens(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """List the tokens of the staff; times are UTC."""
    from fortepiano.model.staff import is_valid

    at = now()
    with opened_store(config, data_dir) as store:
        tokens = store.tokens()
    _tell_row("ID", "SCOPE", "CREATED", "EXPIRES", "LABEL")
    for one in tokens:
        end = "never" if one.expires is None else utc(one.expires)
        expires = end if is_valid(one, at) else "expired"
        _tell_row(one.id, one.scope, utc(one.created), expires, one.label)


@app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")],
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token of the staff worthless.

    A running server knows within a second.
    """
    with opened_store(config, data_dir) as store:
        if all(one.id != token_id for one in store.tokens()):
            raise typer.BadParameter(
                "no token has it, see `fortepiano token list`", param_hint="ID"
            )
        store.remove_token(token_id)


def _tell_row(token_id: str, scope: str, created: str, expires: str, label: str) -> None:
    typer.echo(f"{token_id:<8}  {scope:<8}  {created:<16}  {expires:<16}  {label}".rstrip())
