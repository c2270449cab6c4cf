"""TLS served directly, proxies that are believed and others that aren't, limits, and what browsers are told."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.servers import ServerProcess
from tests.cli.terminal import refusal

FORWARDED = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that it signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)  # noqa: TID251 - certificates are checked by the real time
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(*form, plain))
    return paths


def config(tmp_path: Path, **settings: object) -> Path:
    path = tmp_path / "fleetcast.toml"
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
    return path


def test_tls_is_served_and_cookies_are_for_tls_alone(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    path = config(tmp_path, tls_certificate=chain, tls_key=key)
    with ServerProcess(tmp_path, "--config", str(path)) as running:
        assert running.url.startswith("https://127.0.0.1:")
        assert running.first is not None
        with httpx.Client(base_url=running.url, verify=ssl.create_default_context(cafile=chain)) as client:
            body = {"login": "admin", "password": running.first["password"]}
            answer = client.post("/api/v1/session", json=body)
            assert answer.status_code == 201
            assert answer.headers["set-cookie"].startswith("__Host-fleetcast=")
            assert "secure" in answer.headers["set-cookie"].lower()
            assert answer.headers["strict-transport-security"].startswith("max-age=")
            assert client.get("/api/v1/me").json()["login"] == "admin"
        old = ssl.create_default_context(cafile=chain)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with httpx.Client(base_url=running.url, verify=old) as client:
            assert client.get("/healthz").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(running.url.replace("https", "http") + "/healthz", timeout=10)


def test_a_certificate_that_can_not_be_used_is_said_at_once(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    assert "go together" in refusal("serve", "--data", tmp_path, "--config", config(tmp_path, tls_certificate=chain))
    wrong = config(tmp_path, tls_certificate=key, tls_key=chain)
    assert "can't be used" in refusal_after_first("serve", "--data", tmp_path, "--port", 0, "--config", wrong)


def refusal_after_first(*arguments: object) -> str:
    """A refusal of a server that had its first start already told."""
    from tests.cli.terminal import fleetcast

    ended = fleetcast(*arguments)
    assert ended.code == 2, ended
    return ended.err


def test_only_named_proxies_are_believed(tmp_path: Path) -> None:
    for trusted, expected in (("", ("127.0.0.1", False)), ("127.0.0.0/8, 192.0.2.1", ("198.51.100.7", True))):
        folder = tmp_path / (trusted[:3] or "none")
        folder.mkdir()
        path = config(folder, trusted_proxies=trusted)
        with ServerProcess(folder, "--config", str(path)) as running:
            assert running.first is not None
            body = {"login": "admin", "password": running.first["password"]}
            answer = running.post("/api/v1/session", json=body, headers=FORWARDED)
            entries = running.get(
                "/api/v1/audit?filter=kind=user.logged-in",
                headers={"Authorization": f"Bearer {running.first['token']}"},
            ).json()["items"]
            secure = answer.headers["set-cookie"].startswith("__Host-")
            assert (entries[0]["address"], secure) == expected


@pytest.mark.parametrize("proxies", ["0.0.0.0/0", "::/0", "proxy.example", "*"])
def test_everybody_is_no_proxy(tmp_path: Path, proxies: str) -> None:
    said = refusal("serve", "--data", tmp_path, "--config", config(tmp_path, trusted_proxies=proxies))
    assert "trusted_proxies" in said


def test_browsers_are_told_to_do_nothing_with_answers_and_headers_have_a_limit(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as running:
        for path in ("/api/v1/me", "/openapi.json", "/nowhere", "/healthz"):
            headers = running.get(path).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["x-frame-options"] == "DENY"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert "server" not in headers
            assert "strict-transport-security" not in headers
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000)
            assert raw.recv(100).startswith(b"HTTP/1.1 400")
        assert running.get("/healthz").status_code == 200


def test_what_the_server_writes_is_for_its_own_user_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)  # made by somebody else, and open to everybody
    with ServerProcess(tmp_path) as running:
        assert running.get("/readyz").status_code == 200
        written = list((tmp_path / "data").rglob("*"))
        assert any(path.name == "fleetcast.db" for path in written)
        assert [str(path) for path in written if path.stat().st_mode & 0o077] == []
