"""Where a Redis can be: sockets, passwords, TLS, clusters, sentinels, and nowhere."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano.errors import StoreError
from fortepiano.store import (
    AuditQuery,
)
from fortepiano.store.lease import Lease
from fortepiano.store.owner import this_process
from fortepiano.store.redis import RedisStore
from fortepiano.store.redis_url import without_secrets
from fortepiano.store.salts import SALTS
from support.one_of_each import KICKED, assert_filled, fill
from support.records import LONG, until
from support.redis import RedisServer, run_redis
from support.server import free_port

pytestmark = pytest.mark.needs("redis-server")


def leased(url: str, folder: Path) -> RedisStore:
    """Return the store of a server."""
    return RedisStore(url, "test", folder / SALTS, Lease(this_process()))


def assert_second_is_refused(url: str, folder: Path) -> None:
    with pytest.raises(StoreError, match=f"process {os.getpid()} on .* uses the prefix test"):
        leased(url, folder).open()


class TestPlaces:
    def test_unix_socket(self, tmp_path: Path) -> None:
        path = tmp_path / "redis.sock"
        with run_redis("--unixsocket", str(path)):
            store = leased(f"unix://{path}?db=2", tmp_path)
            store.open()
            with closing(store):
                assert_second_is_refused(f"unix://{path}?db=2", tmp_path)
                store.save_ban(KICKED)
                assert store.flush(LONG)

    def test_password(self, tmp_path: Path) -> None:
        with run_redis() as server:
            with server.client() as client:
                client.config_set("requirepass", "sesame")
            url = f"redis://:sesame@127.0.0.1:{server.port}"
            store = RedisStore(url, "test", tmp_path / SALTS)
            store.open()
            with closing(store):
                assert store.healthy
            wrong = leased(url.replace("sesame", "barley"), tmp_path)
            wrong.open()
            with closing(wrong):
                assert not wrong.healthy
                assert "barley" not in str(wrong.last_error)

    def test_cluster(self, tmp_path: Path) -> None:
        with run_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
            with server.client() as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
                while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                    time.sleep(0.05)
            url = f"redis+cluster://127.0.0.1:{server.port},127.0.0.1:{free_port()}"
            for _ in range(2):
                store = leased(url, tmp_path)
                store.open()
                with closing(store):
                    until(store, lambda store=store: store._connected)
                    assert_second_is_refused(url, tmp_path)
                    act = fill(store)
                    assert store.flush(LONG), store.last_error
                    assert store.audit(AuditQuery(limit=1)) == [act]
                    assert_filled(store)

    def test_sentinel(self, tmp_path: Path) -> None:
        (tmp_path / "watch").mkdir()
        with run_redis() as server:
            config = tmp_path / "sentinel.conf"
            config.write_text(f"sentinel monitor main 127.0.0.1 {server.port} 1\n")
            sentinel = RedisServer(tmp_path / "watch")
            try:
                sentinel.start_sentinel(config)
                url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/main/3"
                store = leased(url, tmp_path)
                store.open()
                with closing(store):
                    until(store, lambda: store._connected)
                    assert_second_is_refused(url, tmp_path)
                    store.save_ban(KICKED)
                    assert store.flush(LONG)
            finally:
                sentinel.kill()
            with server.client() as client:
                assert client.execute_command("SELECT", 3)
                assert client.hlen("{test}:ban") == 1

    @pytest.mark.parametrize(
        "url",
        [
            "redis://127.0.0.1:{}",
            "unix:///nowhere/{}",
            "redis+cluster://127.0.0.1:{}",
            "redis+sentinel://127.0.0.1:{}/main",
            "redis://nowhere.invalid:{}",
        ],
    )
    def test_nobody_answers_about_the_lease(self, url: str, tmp_path: Path) -> None:
        store = leased(url.format(free_port()), tmp_path)
        store.open()
        store._close_seconds = 0.01
        with closing(store):
            assert not store.healthy

    @pytest.mark.parametrize(
        "url",
        [
            "redis://localhost:port",
            "redis://localhost?socket_timeout=soon",
            "redis+sentinel://localhost",
            "redis+cluster://,",
        ],
    )
    def test_impossible_urls(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="cannot be used"):
            RedisStore(url, "test", tmp_path / SALTS).open()

    def test_tls(self, tmp_path: Path) -> None:
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:P-256", "-subj", "/CN=localhost", "-days", "2"),
                *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate),
            ],
            check=True,
            capture_output=True,
        )
        tls = free_port()
        files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
        options = ("--tls-port", str(tls), "--tls-auth-clients", "no")
        with run_redis(*options, *files):
            url = f"rediss://localhost:{tls}/0"
            store = leased(f"{url}?ssl_ca_certs={certificate}", tmp_path)
            store.open()
            with closing(store):
                assert store.healthy, store.last_error
                assert_second_is_refused(f"{url}?ssl_ca_certs={certificate}", tmp_path)
            store = leased(url, tmp_path)
            store.open()
            with closing(store):  # nobody vouches for the certificate
                assert not store.healthy
                assert "certificate" in str(store.last_error)

    def test_no_password_is_told(self) -> None:
        url = "redis+sentinel://ann:secret@a:1,b:2/main/0?password=secret"
        assert without_secrets(url) == "redis+sentinel://a:1,b:2/main/0"
