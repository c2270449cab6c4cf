"""The commands about what a fleet is made of: devices, profiles, sets, groups, regions, files, connections."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from fleetcast.cli.arguments import FileUnusable
from fleetcast.cli.assignments import body_of, fields_of
from fleetcast.cli.nouns import AsJson, Assignments, Named, Noun, commands_of, show_done, show_list, show_one
from fleetcast.cli.output import counted, print_json, print_line
from fleetcast.cli.remote import connect

_LONGEST_SIGNATURE: Final = 100

DEVICE = Noun(
    "device", "device", "/devices",
    ("dev_eui", "name", "device_profile_name", "firmware_version", "last_uplink_at", "connection_name"),
    ("dev_eui", "name"),
)  # fmt: skip
PROFILE = Noun(
    "profile", "device profile", "/device-profiles", ("id", "name", "producer_id", "module_id", "hw_revision")
)
DEVICE_SET = Noun("device-set", "device set", "/device-sets", ("id", "name", "device_count", "description"))
GROUP = Noun(
    "group", "multicast group", "/multicast-groups",
    ("dev_eui", "name", "session_class", "band", "dev_addr", "data_rate", "redundancy", "next_f_cnt"),
    ("dev_eui", "name"),
)  # fmt: skip
REGION = Noun("region", "region", "/regions", ("id", "name", "multicast_group_ids", "description"))
FILE = Noun("file", "file", "/files", ("id", "name", "kind", "version", "size_bytes", "sha256"))
CONNECTION = Noun(
    "connection", "connection", "/connections", ("id", "name", "kind", "enabled", "state", "state_detail")
)

TRUSTED_KEY = Noun("trusted-key", "trusted key", "/trusted-keys", ("id", "name", "algorithm", "description"))

device = commands_of(DEVICE)
trusted_key = commands_of(TRUSTED_KEY)
profile = commands_of(PROFILE)
device_set = commands_of(DEVICE_SET)
group = commands_of(GROUP)
region = commands_of(REGION)
file = commands_of(FILE)
connection = commands_of(CONNECTION)

DevEuis = Annotated[list[str], typer.Argument(help="DevEUIs.", show_default=False)]
_MESSAGES = ("at", "direction", "f_port", "f_cnt", "payload", "outcome")


@device.command()
def key(named: Named, *, as_json: AsJson = False) -> None:
    """Show a device's key: a right of its own, which leaves a line in the journal."""
    with connect() as remote:
        show_one(remote.post(f"/devices/{DEVICE.one(remote, named)['id']}/key"), as_json=as_json)


@device.command()
def messages(
    named: Named, *, limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 50, as_json: AsJson = False
) -> None:
    """List what was said to and by a device, the newest first."""
    with connect() as remote:
        found = remote.items(f"/devices/{DEVICE.one(remote, named)['id']}/messages", most=limit)
        show_list(found, _MESSAGES, as_json=as_json)


@device_set.command()
def devices(
    named: Named, *, limit: Annotated[int, typer.Option(help="So many at most; 0: all.")] = 100, as_json: AsJson = False
) -> None:
    """List the devices in a set."""
    with connect() as remote:
        found = remote.items(f"/device-sets/{DEVICE_SET.one(remote, named)['id']}/devices", most=limit or None)
        show_list(found, DEVICE.columns, as_json=as_json)


@device_set.command()
def add(named: Named, dev_euis: DevEuis, *, as_json: AsJson = False) -> None:
    """Put devices into a set."""
    _change_members(named, dev_euis, [], as_json=as_json)


@device_set.command()
def remove(named: Named, dev_euis: DevEuis, *, as_json: AsJson = False) -> None:
    """Take devices out of a set."""
    _change_members(named, [], dev_euis, as_json=as_json)


def _change_members(named: str, add: list[str], remove: list[str], *, as_json: bool) -> None:
    with connect() as remote:
        path = f"/device-sets/{DEVICE_SET.one(remote, named)['id']}/devices"
        show_done(DEVICE_SET, remote.post(path, {"add": add, "remove": remove}), "changed", as_json=as_json)


@group.command()
def keys(named: Named, *, as_json: AsJson = False) -> None:
    """Show a group's keys: a right of its own, which leaves a line in the journal."""
    with connect() as remote:
        show_one(remote.post(f"/multicast-groups/{GROUP.one(remote, named)['id']}/keys"), as_json=as_json)


@file.command()
def upload(
    path: Annotated[Path, typer.Argument(help="The file.", show_default=False)],
    assignments: Assignments = None,
    *,
    convert: Annotated[bool, typer.Option("--convert", help="Turn Intel HEX, S-records or ELF into a binary.")] = False,
    signature: Annotated[
        Path | None,
        typer.Option(help="A detached signature over it by a trusted key, as openssl writes it.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file: its name, kind, version and profile as FIELD=VALUE (see `fields`); else a binary of its own name.

    If its content is refused, nothing stays behind but an archived entry.
    """
    if not path.is_file():
        raise FileUnusable(f"{path}: there is no such file")
    headers = {"Content-Type": "application/octet-stream"} | _signature(signature)
    with connect() as remote:
        given = body_of(remote, fields_of(remote.description(), FILE.path), assignments or [])
        made = remote.post(FILE.path, {"name": path.name, "kind": "binary"} | given)
        try:
            with path.open("rb") as content:
                done = remote.ask(
                    "PUT", f"{FILE.path}/{made['id']}/content", content=content,
                    params={"convert": str(convert).lower(), "name": path.name},
                    headers=headers,
                )  # fmt: skip
        except BaseException:
            remote.post(f"{FILE.path}/{made['id']}/archive")
            raise
        if as_json:
            print_json(remote.get(f"{FILE.path}/{made['id']}"))
            return
        print_line(f"file {made['id']} uploaded: {made['name']}, {counted(done['size_bytes'], 'byte')}")
        print_line(f"sha256 {done['sha256']}")
        if done["remark"]:
            print_line(done["remark"])
        if done["mcuboot"]:
            print_line(_mcuboot(done["mcuboot"]))
        if done["trusted_key_id"]:
            print_line(f"signed by trusted key {done['trusted_key_id']}")


def _mcuboot(image: Mapping[str, Any]) -> str:
    checked = f"{image['hash_checked']} right" if image["hash_checked"] else "hash not checked"
    signed = ", ".join(
        f"{each['kind']} signature by "
        + (f"trusted key {each['trusted_key_id']}" if each["trusted_key_id"] else "no trusted key")
        for each in image["signatures"]
    )
    said = ["encrypted" if image["encrypted"] else checked, signed or "no signature"]
    said += [image["problem"]] if image["problem"] else []
    said += ["bytes follow that nothing covers"] if image["unsigned_tail"] else []
    return f"MCUboot image {image['version']}: {'; '.join(said)}"


def _signature(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if not path.is_file() or path.stat().st_size > _LONGEST_SIGNATURE:
        raise FileUnusable(f"{path}: this is no signature: 64 bytes of Ed25519, or ECDSA on P-256 in DER")
    return {"Fleetcast-Signature": base64.b64encode(path.read_bytes()).decode()}


@file.command()
def download(
    named: Named, out: Annotated[Path, typer.Option("--out", help="Where to write it.", show_default=False)]
) -> None:
    """Download the content of a file."""
    with connect() as remote:
        found = FILE.one(remote, named)
        # A file cut off in the middle must not look like a whole one.
        beside = out.with_name(f"{out.name}.part")
        try:
            with beside.open("wb") as target:
                size = remote.download(f"{FILE.path}/{found['id']}/content", target)
            beside.replace(out)
        finally:
            beside.unlink(missing_ok=True)
    print_line(f"{out}: {counted(size, 'byte')}")


@connection.command()
def kinds(*, as_json: AsJson = False) -> None:
    """List the kinds of network servers that are installed, and the settings of each."""
    with connect() as remote:
        found = remote.get("/connection-kinds")
    if as_json:
        for each in found:
            print_json(each)
        return
    for each in found:
        print_line(f"{each['name']}: {each['sentence']}")
        for field in each["fields"]:
            where = "secrets" if field["secret"] else "settings"
            default = "must be given" if field["required"] else f"default {field['default']}"
            print_line(f"  {where}.{field['name']}  {field['sentence']} ({field['type']}, {default})")
