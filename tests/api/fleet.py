"""A small fleet, made through the API alone."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api

KEY = "000102030405060708090A0B0C0D0E0F"


def eui(number: int) -> str:
    return f"{0x0200_0000_0000_0000 + number:016X}"


def connection(api: Api, name: str = "practice") -> int:
    return int(api.post("/connections", {"name": name, "kind": "simulated"})["id"])


def profile(api: Api, name: str = "Pump", **more: Any) -> int:
    said = {
        "name": name, "producer_id": "ACME", "module_id": name, "hw_revision": 1, "multicast_setup_version": "1",
        "fragmentation_version": "1", "firmware_management_version": "1", "clock_sync_version": "1",
        "uplink_period_s": 600, "reboots": "command",
    }  # fmt: skip
    return int(api.post("/device-profiles", said | more)["id"])


def device(api: Api, number: int, connection_id: int, profile_id: int, **more: Any) -> int:
    said = {
        "dev_eui": eui(number), "connection_id": connection_id, "device_profile_id": profile_id,
        "lorawan_version": "1.0", "key": KEY, "firmware_version": "1.0.0.0",
    }  # fmt: skip
    return int(api.post("/devices", said | more)["id"])


def group(api: Api, connection_id: int, number: int = 1, **more: Any) -> int:
    said = {
        "dev_eui": f"{0x0300_0000_0000_0000 + number:016X}", "connection_id": connection_id, "session_class": "C",
        "band": "EU868", "dev_addr": f"{0x01FC_0000 + number:08X}", "frequency_hz": 869_525_000, "data_rate": 5,
        "redundancy": "ADAPTIVE",
    }  # fmt: skip
    return int(api.post("/multicast-groups", said | more)["id"])


def file(api: Api, profile_id: int, content: bytes = bytes(600), name: str = "new", **more: Any) -> int:
    said = {"name": name, "kind": "firmware", "version": "2.0.0.0", "device_profile_id": profile_id}
    made = int(api.post("/files", said | more)["id"])
    api.put(f"/files/{made}/content", content=content)
    return made
