"""`fortepiano token …`: tokens of the staff and of bots, and those that browsers store."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fortepiano.cli.options import ConfigFile, DataDir, opened_store, utc
from fortepiano.model.user_ids import is_user_id, new_user_id
from fortepiano.store.record_kinds import TOKEN
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from fortepiano.store.records import TokenRecord

__all__ = ["app"]

_LONGEST_LABEL = 80

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
    if user is not None and not is_user_id(user):
        raise typer.BadParameter("must be a user id: 24 hex digits in lower case")
    return user


@app.command("create")
def create_token(
    scope: Annotated[
        Literal["read", "moderate", "admin", "bot", "user"],
        typer.Option(help="The rights of the token, or its kind of user.", show_default=False),
    ],
    label: Annotated[
        str,
        typer.Option(
            help="A note on its owner or purpose.", callback=_checked_label, show_default=False
        ),
    ] = "",
    days: Annotated[
        int | None,
        typer.Option(help="How many days it is valid.", min=1, max=36_500, show_default="for ever"),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="The id of the user whom it identifies, for a bot or a user.",
            callback=_checked_user,
            show_default="a new one",
        ),
    ] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Make a token and show it, this once.

    With the scopes read, moderate and admin, its holder acts as staff. With bot or user, its holder
    is always the same user, from any address. A running server accepts the token within a second.
    Nothing but the token is on stdout, for scripts.
    """
    from fortepiano.model.tokens import mint

    if scope in ("bot", "user"):
        user = user or new_user_id()
    elif user is not None:
        raise typer.BadParameter("is for a bot or a user", param_hint="--user")
    secret, record = mint(scope, label, now_ms(), days, user or "")
    with opened_store(config, data_dir, kinds=(TOKEN,)) as store:
        store.save_token(record)
    # Not shown earlier: the token is on the disk only now.
    typer.echo(secret)
    typer.echo(
        f"It is not shown again. To revoke it: fortepiano token revoke {record.id}", err=True
    )


@app.command("list")
def list_tokens(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """List tokens, and users whose browsers' tokens are revoked; times are UTC."""
    at = now_ms()
    with opened_store(config, data_dir, kinds=(TOKEN,), only_reads=True) as store:
        tokens = store.tokens()
    _print_row("ID", "SCOPE", "CREATED", "EXPIRES", "USER", "LABEL")
    for token in tokens:
        expires = _end_of(token, at)
        _print_row(token.id, token.scope, utc(token.created), expires, token.user_id, token.label)


@app.command("revoke")
def revoke_token(
    token_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="A token's id, as `token list` shows it; or a user's."),
    ],
    data_dir: DataDir = None,
    config: ConfigFile = None,
) -> None:
    """Revoke a token; of a user, all tokens that their browsers have got until now.

    A running server applies this within a second.
    """
    from fortepiano.store.records import TokenRecord

    with opened_store(config, data_dir, kinds=(TOKEN,)) as store:
        if is_user_id(token_id):
            # Tokens of browsers are signed and not stored; so only their revocation is.
            at = now_ms()
            store.save_token(
                TokenRecord(token_id, "", "user", "", at, None, user_id=token_id, revoked=at)
            )
            return
        if all(token.id != token_id for token in store.tokens()):
            raise typer.BadParameter(
                "no token has it, see `fortepiano token list`", param_hint="ID"
            )
        store.remove_token(token_id)


@app.command("rotate")
def rotate_keys(data_dir: DataDir = None, config: ConfigFile = None) -> None:
    """Make a new key for the tokens of browsers (identity.mode = "token").

    A running server signs with the new key within a second. Tokens signed by earlier keys are
    accepted, and replaced when they are used; tokens of a key that is dropped become worthless.
    """
    from fortepiano import config as configuration
    from fortepiano.errors import ConfigError
    from fortepiano.store.keyring import FILE, KeyRing

    settings = configuration.load(config, {"data_dir": data_dir})
    if settings.store.url == "memory:":
        raise ConfigError(["store.url: memory: keeps no keys that a server would find"])
    ring = KeyRing(settings.data_dir / FILE, settings.identity.keys_kept)
    key = ring.rotate(now_ms())
    typer.echo(f"{key.id} signs from now on; {len(ring.keys())} keys are accepted")


def _end_of(token: "TokenRecord", at: int) -> str:
    from fortepiano.model.tokens import is_valid

    if token.revoked is not None:
        return "revoked"
    if not is_valid(token, at):
        return "expired"
    return "never" if token.expires is None else utc(token.expires)


def _print_row(
    token_id: str, scope: str, created: str, expires: str, user: str, label: str
) -> None:
    row = f"{token_id:<24}  {scope:<8}  {created:<16}  {expires:<16}  {user:<24}  {label}"
    typer.echo(row.rstrip())
