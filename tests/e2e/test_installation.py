"""Between an installation and the upgrade, the running version serves nothing of the other one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import fortepiano
from support.installed_server import InstalledServer, installed_server
from support.websocket_clients import Clients, new_address

NET = (Path(fortepiano.__file__).parent / "web/assets/net.js").read_text().splitlines()[0]

NEXT = {
    "handlers__hello": ('"motd": context.motd,', '"motd": "version 2",'),
    "http__admin__server": ('"""The status of the server."""', "raise ImportError('version 2')"),
    "http__admin_page__index": ("<title>", "<title>version 2 "),
    "web__index": ("<title>", "<title>version 2 "),
    "web__assets__net": (NET, f"{NET} // version 2"),
}
"""The words of the next version, whose admin API does not fit this one."""

WHY = "fortepiano 2.0 was installed, this server runs 1.0: `fortepiano upgrade`"


@pytest.fixture
def installed() -> Iterator[InstalledServer]:
    with installed_server() as made:
        yield made


def install_next(installed: InstalledServer) -> None:
    installed.install("2.0", **NEXT)


def command(installed: InstalledServer, *arguments: str) -> tuple[int, str]:
    with installed.server.command_of(*arguments) as process:
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


def staff(installed: InstalledServer) -> httpx.Client:
    headers = {"authorization": f"Bearer {installed.server.tokens['admin']}"}
    url = f"http://127.0.0.1:{installed.server.internal_port}"
    return httpx.Client(base_url=url, headers=headers, timeout=20)


def page(installed: InstalledServer) -> dict[str, str]:
    """Return what browsers get of the page and of that of the staff."""
    with httpx.Client(base_url=installed.server.url) as public, staff(installed) as internal:
        text = public.get("/").text
        digest = text.partition('src="/assets/')[2][:12]
        return {
            "page": text,
            "net": public.get("/assets/net.js").text,
            "net by its digest": public.get(f"/assets/{digest}/net.js").text,
            "admin": internal.get("/admin").text,
            "admin main": internal.get("/admin/main.js").text,
        }


async def motd(installed: InstalledServer) -> str:
    async with Clients(installed.server) as clients:
        client = await clients.enter(address=new_address())
        return str((await client.hello())["motd"])


async def test_a_reload_takes_settings_and_leaves_handlers(installed: InstalledServer) -> None:
    install_next(installed)
    (installed.server.folder / "fortepiano.toml").write_text('motd = "as it is set"\n')
    status, said = await asyncio.to_thread(command, installed, "reload")
    assert status == 0
    assert f"fortepiano: the handlers stay as they are: {WHY}" in said.splitlines()
    assert "motd:  → as it is set" in said.splitlines()
    assert await motd(installed) == "as it is set"
    await asyncio.to_thread(installed.server.upgrade)
    assert await motd(installed) == "version 2"


async def test_handlers_edited_in_place_are_reloaded(installed: InstalledServer) -> None:
    path = installed.site / "fortepiano/handlers/hello.py"
    path.write_text(path.read_text().replace('"motd": context.motd,', '"motd": "edited",'))
    status, said = await asyncio.to_thread(command, installed, "reload")
    assert (status, said) == (0, "handlers: read anew\nReloaded.\n")
    assert await motd(installed) == "edited"


def test_pages_stay_those_of_the_running_version(installed: InstalledServer) -> None:
    before = page(installed)
    installed.remove()
    assert page(installed) == before
    install_next(installed)
    assert page(installed) == before
    assert not any("version 2" in text for text in before.values())


def test_pages_edited_in_place_are_served(installed: InstalledServer) -> None:
    before = page(installed)
    (installed.site / "fortepiano/web/assets/net.js").write_text("// edited")
    found = before
    while found["net"] == before["net"]:  # looked for once a second
        found = page(installed)
    assert found["net"] == found["net by its digest"] == "// edited"


def test_the_admin_api_is_not_imported_from_another_version(installed: InstalledServer) -> None:
    install_next(installed)
    with staff(installed) as client:
        answer = client.get("/api/v1/status")
        assert (answer.status_code, answer.json()["detail"]) == (503, WHY)
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code == 200


def test_the_admin_api_in_use_stays(installed: InstalledServer) -> None:
    with staff(installed) as client:
        assert client.get("/api/v1/status").json()["version"] == "1.0"
        install_next(installed)
        assert client.get("/api/v1/status").json()["version"] == "1.0"
        changes = client.get("/api/v1/configuration/changes").json()
        assert changes == {"changed": {}, "waiting": {"handlers": ["1.0", WHY]}, "handlers": False}


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda made: made.install("1.0", **{"web__index": NEXT["web__index"]}), "another build"),
        (InstalledServer.remove, "another fortepiano was installed"),
        (lambda made: made.install_library("2.0"), "some-library 2.0 was installed"),
    ],
    ids=["the same version", "half done", "a library"],
)
def test_each_kind_of_replacement_is_noticed(
    act: Callable[[InstalledServer], None], why: str
) -> None:
    with installed_server(library="1.0") as made:
        act(made)
        with staff(made) as client:
            answer = client.get("/api/v1/status")
            assert answer.status_code == 503
            assert why in answer.json()["detail"]


def test_the_same_files_again_are_no_other_version(installed: InstalledServer) -> None:
    installed.install("1.0")
    with staff(installed) as client:
        assert client.get("/api/v1/status").status_code == 200
    assert command(installed, "reload") == (0, "Nothing has changed.\n")


async def test_the_admin_api_and_new_handlers_may_be_imported_at_once(
    installed: InstalledServer,
) -> None:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{installed.server.internal_port}",
        headers={"authorization": f"Bearer {installed.server.tokens['admin']}"},
        timeout=30,
    ) as client:
        for number in range(5):
            installed.append("handlers/hello.py", f"\n# {number}\n")
            reload = asyncio.create_task(asyncio.to_thread(command, installed, "reload"))
            while not reload.done():
                answers = await asyncio.gather(*(client.get("/api/v1/rooms") for _ in range(4)))
                assert {answer.status_code for answer in answers} == {200}
            assert await reload == (0, "handlers: read anew\nReloaded.\n")
