"""`fortepiano token …`: tokens of the staff and of bots, and those that browsers keep."""

import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fortepiano.cli.options import ConfigFile, DataDir, now, opened_store, utc

if TYPE_CHECKING:
    from fortepiano.store.records import TokenRecord

__all__ = ["app"]

_LONGEST_LABEL = 80

_USER_ID = re.compile("[0-9a-f]{24}")

app = typer.Typer(help="Tokens of the staff, bots and users.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _token_root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _checked_label(label: str) -> str:
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise typer.BadParameter(f"must be at most {_LONGEST_LABEL} printable characters")
    return label


def _checked_user(user: str | None) -> str | None:
    if user is not None and not _USER_ID.fullmatch(user):
        raise typer.BadParameter("must be a user id: 24 hex digits in lower case")
    return user


@app.command("create")
def create_token(
    scope: Annotated[
        Literal["read", "moderate", "admin", "bot", "user"],
        typer.Option(help="What its holder may do or is.", show_default=False),
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
    user: Annotated[
        str | None,
        typer.Option(
            help="The id of the user that its holder is, for a bot or a user.",
            callback=_checked_user,
            show_default="a new one",
        ),
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token and show it, this once.

    With the scopes read, moderate and admin its holder acts as staff; with bot or user he is one
    certain user, wherever he connects from. A running server accepts it within a second. Nothing
    but the token is on stdout, for scripts.
    """
    from fortepiano.model.identity import new_user_id
    from fortepiano.model.tokens import mint

    if scope in ("bot", "user"):
        user = user or new_user_id()
    elif user is not None:
        raise typer.BadParameter("is for a bot or a user", param_hint="--user")
    secret, record = mint(scope, label, now(), days, user or "")
    with opened_store(config, data_dir) as store:
        store.save_token(record)
    # Only now is it on disk.
    typer.echo(secret)
    typer.echo(
        f"It is not shown again. To revoke it: fortepiano token revoke {record.id}", err=True
    )


@app.command("list")
def list_tokens(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """List tokens, and users whose browsers' tokens are revoked; times are UTC."""
    at = now()
    with opened_store(config, data_dir) as store:
        tokens = store.tokens()
    _print_row("ID", "SCOPE", "CREATED", "EXPIRES", "USER", "LABEL")
    for one in tokens:
        expires = _end_of(one, at)
        _print_row(one.id, one.scope, utc(one.created), expires, one.user_id, one.label)


@app.command("revoke")
def revoke_token(
    token_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `token list` shows it; or a user's id.")
    ],
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token worthless; of a user, all that his browsers have got until now.

    A running server knows within a second.
    """
    from fortepiano.store.records import TokenRecord

    with opened_store(config, data_dir) as store:
        if _USER_ID.fullmatch(token_id):
            # His tokens are signed and not kept, so this is what there is to keep of them.
            at = now()
            store.save_token(
                TokenRecord(token_id, "", "user", "", at, None, user_id=token_id, revoked=at)
            )
            return
        if all(one.id != token_id for one in store.tokens()):
            raise typer.BadParameter(
                "no token has it, see `fortepiano token list`", param_hint="ID"
            )
        store.remove_token(token_id)


@app.command("rotate")
def rotate_keys(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Make a new key for the tokens of browsers (identity.mode = "token").

    A running server signs with it within a second. Tokens that the keys before it have signed are
    accepted and replaced as they come; those of a key that is no longer kept are worthless.
    """
    from fortepiano import config as configuration
    from fortepiano.errors import ConfigError
    from fortepiano.store.keyring import FILE, KeyRing

    settings = configuration.load(config, {"data_dir": data_dir})
    if settings.store.url == "memory:":
        raise ConfigError(["store.url: memory: keeps no keys that a server would find"])
    ring = KeyRing(settings.data_dir / FILE, settings.identity.keys_kept)
    key = ring.rotate(now())
    typer.echo(f"{key.id} signs from now on; {len(ring.keys())} keys are accepted")


def _end_of(one: "TokenRecord", at: int) -> str:
    from fortepiano.model.tokens import is_valid

    if one.revoked is not None:
        return "revoked"
    if not is_valid(one, at):
        return "expired"
    return "never" if one.expires is None else utc(one.expires)


def _print_row(
    token_id: str, scope: str, created: str, expires: str, user: str, label: str
) -> None:
    row = f"{token_id:<24}  {scope:<8}  {created:<16}  {expires:<16}  {user:<24}  {label}"
    typer.echo(row.rstrip())
