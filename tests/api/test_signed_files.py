"""What lands in the field is vouched for: signatures by trusted keys, and a policy that refuses everything else."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.api import fleet
from tests.api.conftest import Api
from tests.firmware.files import mcuboot, mcuboot_covered

CONTENT = bytes(range(256)) * 3
Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
KEYS: dict[str, Key] = {
    "ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
    "ecdsa-p256": ec.derive_private_key(12345, ec.SECP256R1()),
}


def public(key: Any) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(*form)
    return pem.decode()


def signed(key: Key, content: bytes = CONTENT) -> dict[str, str]:
    made = (
        key.sign(content)
        if isinstance(key, ed25519.Ed25519PrivateKey)
        else key.sign(content, ec.ECDSA(hashes.SHA256()))
    )
    return {"Fleetcast-Signature": base64.b64encode(made).decode()}


def trust(api: Api, name: str) -> int:
    return int(api.post("/trusted-keys", {"name": name, "public_key": public(KEYS[name])})["id"])


def upload(api: Api, number: int, headers: dict[str, str], status: int = 200, content: bytes = CONTENT) -> Any:
    made = api.post("/files", {"name": f"file {number}", "kind": "binary"})["id"]
    answer = api.put(f"/files/{made}/content", content=content, headers=headers, status=status)
    return api.get(f"/files/{made}") if status == 200 else answer


@pytest.mark.parametrize("name", list(KEYS))
def test_a_file_says_which_trusted_key_signed_it_and_who_sent_it(api: Api, name: str) -> None:
    number = trust(api, name)
    assert api.get(f"/trusted-keys/{number}")["algorithm"] == name
    shown = upload(api, 1, signed(KEYS[name]))
    assert (shown["trusted_key_id"], shown["uploaded_by"]) == (number, "admin")
    assert api.get("/audit?limit=1")["items"][0]["more"]["trusted_key_id"] == number


@pytest.mark.parametrize("name", list(KEYS))
def test_a_signature_that_is_not_right_is_refused_and_nothing_is_kept(api: Api, name: str) -> None:
    upload(api, 1, signed(KEYS[name]), status=422)  # by nobody who is trusted
    number = trust(api, name)
    other = signed(KEYS[name], CONTENT + b"!")
    for n, headers in enumerate([other, {"Fleetcast-Signature": "AAAA"}, {"Fleetcast-Signature": "%"}], 2):
        upload(api, n, headers, status=422)
    assert {each["sha256"] for each in api.get("/files")["items"]} == {None}
    api.post(f"/trusted-keys/{number}/archive", status=200)
    upload(api, 9, signed(KEYS[name]), status=422)
    api.post(f"/trusted-keys/{number}/restore", status=200)
    upload(api, 10, signed(KEYS[name]))


def test_by_policy_unsigned_files_are_neither_taken_nor_sent(api: Api) -> None:
    connection, profile = fleet.connection(api), fleet.profile(api)
    fleet.device(api, 1, connection, profile)
    file = fleet.file(api, profile)
    sets = api.post("/device-sets", {"name": "s", "dev_euis": [fleet.eui(1)]})["id"]
    region = api.post("/regions", {"name": "r", "multicast_group_ids": [fleet.group(api, connection)]})["id"]
    draft = {"name": "c", "type": "firmware", "device_set_ids": [sets], "region_ids": [region], "file_id": file,
             "max_duration_minutes": 1440}  # fmt: skip
    campaign = api.post("/campaigns", draft)["id"]
    number = trust(api, "ed25519")
    api.patch("/subscriber", {"requires_signature": True})
    assert "signed files only" in upload(api, 1, {}, status=422)["detail"]
    assert upload(api, 2, signed(KEYS["ed25519"]))["trusted_key_id"] == number
    assert "signed files only" in api.post(f"/campaigns/{campaign}/start", status=422)["detail"]
    api.patch("/subscriber", {"requires_signature": False})
    api.post(f"/campaigns/{campaign}/start", status=200)


def test_what_is_signed_is_what_was_uploaded_not_what_became_of_it(api: Api) -> None:
    trust(api, "ed25519")
    profile = fleet.profile(api)
    said = {"name": "hex", "kind": "firmware", "version": "2.0.0.0", "device_profile_id": profile}
    number = api.post("/files", said)["id"]
    text = b":0400000001020304F2\n:00000001FF\n"
    done = api.put(f"/files/{number}/content?convert=true", content=text, headers=signed(KEYS["ed25519"], text))
    assert (done["original_format"] != "binary", api.get(f"/files/{number}")["size_bytes"]) == (True, 4)


@pytest.mark.parametrize("kind", ["private", "rsa", "p384", "text"])
def test_what_is_no_key_to_be_trusted_is_refused(api: Api, kind: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text = {
        "private": lambda: KEYS["ed25519"].private_bytes(*form).decode(),
        "rsa": lambda: public(rsa.generate_private_key(65537, 2048)),
        "p384": lambda: public(ec.generate_private_key(ec.SECP384R1())),
        "text": lambda: "hello",
    }[kind]()
    problem = api.post("/trusted-keys", {"name": "x", "public_key": text}, status=422)
    assert problem["errors"][0]["field"] == "public_key"
    assert text.splitlines()[min(1, len(text.splitlines()) - 1)] not in problem["detail"]


def test_a_trusted_key_itself_never_changes(api: Api) -> None:
    number = trust(api, "ed25519")
    api.patch(f"/trusted-keys/{number}", {"name": "release"})
    api.patch(f"/trusted-keys/{number}", {"public_key": public(KEYS["ecdsa-p256"])}, status=422)
    assert api.get(f"/trusted-keys/{number}")["public_key"] == public(KEYS["ed25519"])


def image(name: str, *, tail: bytes = b"", pure: bool = False) -> bytes:
    """An MCUboot image, signed as its build tool does."""
    covered = mcuboot_covered(CONTENT)
    digest = hashlib.sha256(covered).digest()
    key = KEYS[name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        made = (0x24, key.sign(covered if pure else digest))
    else:
        made = (0x22, key.sign(covered, ec.ECDSA(hashes.SHA256())).ljust(72, b"\0"))
    return mcuboot(CONTENT, *([(0x25, b"\x01")] if pure else []), (0x01, b"k" * 32), made) + tail


@pytest.mark.parametrize(("name", "pure"), [("ed25519", False), ("ed25519", True), ("ecdsa-p256", False)])
def test_the_signature_in_an_mcuboot_image_vouches_for_it(api: Api, name: str, pure: bool) -> None:
    api.patch("/subscriber", {"requires_signature": True})
    refused = upload(api, 1, {}, status=422, content=image(name, pure=pure))["detail"]
    assert "signed files only" in refused
    assert "is by none of the trusted keys" in refused
    number = trust(api, name)
    shown = upload(api, 2, {}, content=image(name, pure=pure))
    assert shown["trusted_key_id"] == number
    assert (shown["mcuboot"]["version"], shown["mcuboot"]["hash_checked"]) == ("1.2.3+4", "sha256")
    kind = "ecdsa" if name == "ecdsa-p256" else name
    assert shown["mcuboot"]["signatures"] == [{"kind": kind, "key_hash": (b"k" * 32).hex(), "trusted_key_id": number}]
    listed = {each["name"]: each["mcuboot"] for each in api.get("/files")["items"]}
    assert listed == {"file 1": None, "file 2": shown["mcuboot"]}
    assert api.get("/audit?limit=1")["items"][0]["more"]["mcuboot_version"] == "1.2.3+4"


def test_an_mcuboot_signature_vouches_for_nothing_that_it_does_not_cover(api: Api) -> None:
    trust(api, "ed25519")
    api.patch("/subscriber", {"requires_signature": True})
    assert "does not cover" in upload(api, 1, {}, status=422, content=image("ed25519", tail=b"more"))["detail"]
    assert "carries no signature" in upload(api, 2, {}, status=422, content=mcuboot(CONTENT))["detail"]
    # Both signatures may stand side by side; a detached one that is wrong is refused all the same.
    both = image("ed25519", tail=b"more")
    assert upload(api, 3, signed(KEYS["ed25519"], both), content=both)["mcuboot"]["unsigned_tail"] is True
    upload(api, 4, signed(KEYS["ed25519"]), status=422, content=image("ed25519"))


def test_an_mcuboot_image_that_is_damaged_is_refused_with_the_reason(api: Api) -> None:
    whole = image("ed25519")
    for number, (broken, why) in enumerate(
        (
            (whole[:100] + b"X" + whole[101:], "SHA-256 is not that of the image"),
            (whole[:200], "cut off"),
            (whole[:-1], "are cut off"),
        )
    ):
        assert why in upload(api, number, {}, status=422, content=broken)["detail"]
    assert {each["sha256"] for each in api.get("/files")["items"]} == {None}
    unsigned = upload(api, 9, {}, content=mcuboot_covered(CONTENT))["mcuboot"]
    assert (unsigned["hash_checked"], "never signed" in unsigned["problem"]) == (None, True)


def test_a_file_whose_key_is_trusted_no_more_is_not_sent(api: Api) -> None:
    connection, profile = fleet.connection(api), fleet.profile(api)
    fleet.device(api, 1, connection, profile)
    sets = api.post("/device-sets", {"name": "s", "dev_euis": [fleet.eui(1)]})["id"]
    region = api.post("/regions", {"name": "r", "multicast_group_ids": [fleet.group(api, connection)]})["id"]
    number = trust(api, "ed25519")
    said = {"name": "image", "kind": "firmware", "version": "2.0.0.0", "device_profile_id": profile}
    file = api.post("/files", said)["id"]
    api.put(f"/files/{file}/content", content=image("ed25519"))
    api.patch("/subscriber", {"requires_signature": True})
    draft = {"name": "c", "type": "firmware", "device_set_ids": [sets], "region_ids": [region], "file_id": file,
             "max_duration_minutes": 1440}  # fmt: skip
    campaign = api.post("/campaigns", draft)["id"]
    api.post(f"/trusted-keys/{number}/archive", status=200)
    assert "signed files only" in api.post(f"/campaigns/{campaign}/start", status=422)["detail"]
    api.post(f"/trusted-keys/{number}/restore", status=200)
    api.post(f"/campaigns/{campaign}/start", status=200)
