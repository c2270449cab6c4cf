"""A file is signed by a build, and uploaded with its signature by a command."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast, refusal
from tests.firmware.files import mcuboot, mcuboot_covered


def done(*arguments: object) -> str:
    ended = fleetcast(*arguments)
    assert (ended.code, ended.err) == (0, ""), (arguments, ended)
    return ended.out


@pytest.mark.usefixtures("no_login")
def test_a_signed_file_is_taken_and_another_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    image, signature, public = (tmp_path / name for name in ("image.bin", "image.sig", "release.pem"))
    image.write_bytes(bytes(range(200)))
    signature.write_bytes(key.sign(image.read_bytes()))
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(*form))
    with ServerProcess(tmp_path) as running:
        assert running.first is not None
        monkeypatch.setenv("FLEETCAST_TOKEN", running.first["token"])
        monkeypatch.setenv("FLEETCAST_SERVER", running.url)
        done("trusted-key", "create", "name=release", f"public_key=@{public}")
        done("file", "upload", image, "name=good", "--signature", signature)
        shown = json.loads(done("file", "show", "good", "--json"))
        assert (shown["trusted_key_id"], shown["uploaded_by"]) == (1, "admin")
        signature.write_bytes(bytes(64))
        assert "none of the 1 trusted keys" in refusal("file", "upload", image, "name=bad", "--signature", signature)
        assert "this is no signature" in refusal("file", "upload", image, "--signature", image)
        digest = hashlib.sha256(mcuboot_covered(b"application")).digest()
        image.write_bytes(mcuboot(b"application", (0x24, key.sign(digest))))
        said = done("file", "upload", image, "name=booted")
        assert "MCUboot image 1.2.3+4: sha256 right; ed25519 signature by trusted key 1" in said
        assert json.loads(done("file", "show", "booted", "--json"))["mcuboot"]["version"] == "1.2.3+4"
