"""What the simulated network tells → ThingPark's documents, and the requests that carry them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, to_datetime
from fleetcast.simulator import heard

CUSTOMER = "100000001"
CAUSES: dict[heard.FailureCause, str] = {
    "queue full": "E1",
    "no gateway": "DD",
    "duty cycle": "D0",
    "too late": "B0",
    "refused": "A1",
    "expired": "E3",
    "counter refused": "E2",
    "size refused": "A5",
    "connection lost": "DD",
    "other": "A3",
}
_SF = {0: 12, 1: 11, 2: 10, 3: 9, 4: 8, 5: 7}


@dataclass(frozen=True)
class Asked:
    """A downlink that was asked for, as long as nothing was reported on it."""

    target: DevEui
    f_port: int
    correlation: str
    is_group: bool


def written(instant: InstantMs) -> str:
    return to_datetime(instant).isoformat(timespec="milliseconds")


def uplink(told: heard.Uplink) -> dict[str, Any]:
    gateways = [{"Lrrid": _lrr(name), "Chain": 0, "LrrRSSI": -97.0, "LrrSNR": 7.5} for name in told.gateways]
    fields: dict[str, Any] = {
        "Time": written(told.received_at), "DevEUI": str(told.dev_eui), "FCntUp": told.f_cnt, "MType": 2,
        "CustomerID": CUSTOMER, "SpFact": _SF.get(told.data_rate, 7), "Lrrs": {"Lrr": gateways},
        "DevLrrCnt": len(gateways), "ModelCfg": "0", "Late": 0,
    }  # fmt: skip
    if told.f_port:
        fields |= {"FPort": told.f_port, "payload_hex": told.payload.hex(), "PayloadEncryption": 0}
    if gateways:
        fields |= {"Lrrid": gateways[0]["Lrrid"], "LrrRSSI": -97.0, "LrrSNR": 7.5}
    return {"DevEUI_uplink": fields}


def sent(told: heard.Sent, asked: Asked) -> dict[str, Any]:
    if asked.is_group:
        ok, failed = len(told.sent_by), len(told.refused_by)
        return _summary(told.sent_at, asked, "SUCCESS" if not failed else "ABORTED", ok, failed, told.f_cnt)
    return {
        "DevEUI_downlink_Sent": {
            "Time": written(told.sent_at), "DevEUI": str(asked.target), "FPort": asked.f_port, "FCntDn": 7,
            "DeliveryStatus": 1, "DeliveryFailedCause1": "00", "DeliveryFailedCause2": "00", "TransmissionSlot": 1,
            "Lrrid": _lrr(told.sent_by[0]) if told.sent_by else "", "CorrelationID": asked.correlation,
            "CustomerID": CUSTOMER,
        }
    }  # fmt: skip


def failed(told: heard.Failed, asked: Asked, now: InstantMs) -> dict[str, Any] | None:
    """None: ThingPark says nothing of what was flushed."""
    if told.cause == "flushed":
        return None
    cause = CAUSES[told.cause]
    if asked.is_group:
        return _summary(now, asked, "ABORTED", 0, 2, None, f"{cause}=2")
    return {
        "DevEUI_downlink_Sent": {
            "Time": written(now), "DevEUI": str(asked.target), "FPort": asked.f_port, "FCntDn": 7, "DeliveryStatus": 0,
            "DeliveryFailedCause1": "C0", "DeliveryFailedCause2": cause, "TransmissionSlot": 2,
            "CorrelationID": asked.correlation, "CustomerID": CUSTOMER,
        }
    }  # fmt: skip


def joined(told: heard.Joined) -> dict[str, Any]:
    return {
        "DevEUI_notification": {
            "Time": written(told.at), "DevEUI": str(told.dev_eui), "Type": "join", "CustomerID": CUSTOMER,
        }
    }  # fmt: skip


def signed_query(document: dict[str, Any], as_id: str, key: str, number: int, now: InstantMs) -> str:
    """The query that a document is POSTed with."""
    ((kind, fields),) = document.items()
    elements = {
        "DevEUI_uplink": ("CustomerID", "DevEUI", "FPort", "FCntUp", "payload_hex"),
        "DevEUI_downlink_Sent": ("CustomerID", "DevEUI", "FPort", "FCntDn"),
        "DevEUI_multicast_summary": ("CustomerID", "DevEUI", "FPort", "FCntDn"),
        "DevEUI_notification": ("CustomerID", "DevEUI"),
    }[kind]
    body = "".join(str(fields.get(name, 0 if name == "FPort" else "")) for name in elements)
    parameters = {
        "LrnDevEui": fields["DevEUI"], "LrnFPort": str(fields.get("FPort", 0)), "LrnInfos": f"{as_id}-1-{number}",
        "AS_ID": as_id, "Time": written(now),
    }  # fmt: skip
    decoded = "&".join(f"{name}={value}" for name, value in parameters.items())
    token = hashlib.sha256(f"{body}{decoded}{key}".encode()).hexdigest()
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items()) + f"&Token={token}"


def _summary(
    at: InstantMs, asked: Asked, status: str, ok: int, failed: int, f_cnt: int | None, causes: str = ""
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "Time": written(at), "DevEUI": str(asked.target), "FPort": asked.f_port, "TransmissionStatus": status,
        "LrrCnt": ok + failed, "LrrSuccessCnt": ok, "LrrFailedCnt": failed, "CorrelationID": asked.correlation,
        "CustomerID": CUSTOMER,
    }  # fmt: skip
    if f_cnt is not None:
        fields["FCntDn"] = f_cnt
    if causes:
        fields["LrrFailedDistribution"] = causes
    return {"DevEUI_multicast_summary": fields}


def _lrr(name: str) -> str:
    return f"A{int(name.removeprefix('gateway ')):07X}"
