"""A report of ThingPark → what was heard. Pure: the same document always means the same.

Documents come typed or with every scalar as text; both are read. Unknown documents and fields mean nothing. What can't
be right raises `Malformed`, and then nothing of it is told.

Source: tunnel interface of ThingPark 7.3, documents DevEUI_uplink, DevEUI_downlink_Sent, DevEUI_multicast_summary,
DevEUI_notification.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from fleetcast.connectors.port import (
    Cause,
    DeviceStatus,
    DownlinkFailed,
    DownlinkSent,
    EffectId,
    Heard,
    Joined,
    MulticastProgress,
    Reception,
    SessionReset,
    Uplink,
)
from fleetcast.errors import Damaged, Invalid
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs, from_datetime
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.modulation import LoRa

Fields: TypeAlias = Mapping[str, Any]

_LARGEST_COUNTER: Final = 0xFFFFFFFF
_LARGEST_PAYLOAD_DIGITS: Final = 2 * 255
_NO_BATTERY: Final = 255
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

CAUSES: Final[Mapping[str, Cause]] = {
    "A0": Cause.RADIO_ERROR,
    "A1": Cause.RADIO_ERROR,
    "A2": Cause.BUSY,
    "A3": Cause.BUSY,
    "A4": Cause.BUSY,
    "A5": Cause.RADIO_ERROR,
    "A6": Cause.RADIO_ERROR,
    "B0": Cause.TOO_LATE,
    "D0": Cause.DUTY_CYCLE,
    "DA": Cause.DUTY_CYCLE,
    "DB": Cause.TOO_LONG,
    "DC": Cause.NO_GPS,
    "DD": Cause.NO_GATEWAY,
    "DE": Cause.NOT_PERMITTED,
    "DF": Cause.NOT_PERMITTED,
    "E0": Cause.TOO_LATE,
    "E1": Cause.QUEUE_FULL,
    "E2": Cause.COUNTER_REJECTED,
    "E3": Cause.EXPIRED,
    "E4": Cause.SESSION_CHANGED,
}
"""DeliveryFailedCause and LrrFailedDistribution; a frame that a device never had can be sent again whatever the cause,
so one that isn't listed is a radio error."""
_NO_CAUSE: Final = frozenset({"", "00", "C0"})
"""C0 says that RX2 was chosen; it is no failure."""


# The same devices speak again and again.
_known_dev_eui = lru_cache(maxsize=1 << 15)(DevEui)
_known_dev_addr = lru_cache(maxsize=1 << 15)(DevAddr)


class Malformed(Damaged):
    """A report that can't be right; the text says which field, and quotes no payload."""


@dataclass(frozen=True, slots=True)
class Document:
    """One report: its kind and its fields."""

    kind: str
    fields: Fields


def read(body: bytes) -> Document:
    """The document in the body of a report; raises Malformed."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is no JSON") from None
    if not isinstance(whole, dict) or len(whole) != 1:
        raise Malformed("the body is no object with one document in it")
    ((kind, fields),) = whole.items()
    if not isinstance(fields, dict):
        raise Malformed(f"{kind[:40]!r} has no fields")
    return Document(kind, fields)


class Translator:
    """Translates the documents of one connection; it knows the band, to tell data rates by."""

    def __init__(self, band: Band) -> None:
        self._data_rates: dict[int, int] = {}
        for rate in band.data_rates:
            modulation = rate.modulation
            if (
                isinstance(modulation, LoRa)
                and modulation.bw_hz == 125_000
                and rate.direction.includes(Direction.UPLINK)
            ):
                self._data_rates.setdefault(modulation.sf, rate.dr)

    def translate(self, document: Document) -> tuple[Heard, ...]:
        """What a report tells: nothing, where it is none of our business. Raises Malformed."""
        fields = document.fields
        match document.kind:
            case "DevEUI_uplink":
                return self._uplink(fields)
            case "DevEUI_downlink_Sent":
                return _sent(fields)
            case "DevEUI_multicast_summary":
                return _summary(fields)
            case "DevEUI_notification":
                return _notification(fields)
            case _:
                return ()

    def _uplink(self, fields: Fields) -> tuple[Heard, ...]:
        if "FPort" not in fields and "rawJoinRequest" in fields:
            return ()  # a join request in the form of an uplink; the join is told apart
        f_port = 0
        if fields.get("FPort") is not None:
            f_port = _whole(fields, "FPort", most=255)
        payload = _payload(fields)
        if not f_port or (fields.get("PayloadEncryption") is not None and _whole(fields, "PayloadEncryption", most=9)):
            # Without the AppSKey nobody can read it here: that the device spoke is all that is known.
            f_port, payload = 0, b""
        sf = fields.get("SpFact")
        dev_addr = fields.get("DevAddr")
        return (
            Uplink(
                _dev_eui(fields),
                f_port,
                payload,
                _time(fields),
                _whole(fields, "FCntUp"),
                None if sf is None else self._data_rates.get(_whole(fields, "SpFact", most=99)),
                _gateways(fields),
                None if dev_addr is None else _dev_addr(dev_addr),
            ),
        )


def effect_of(fields: Fields) -> EffectId | None:
    """Which of our downlinks a report is about; None: it is about somebody else's."""
    text = fields.get("CorrelationID")
    if not isinstance(text, str) or len(text) != 16:
        return None
    try:
        return EffectId.parse(text)
    except Invalid:
        return None


def _sent(fields: Fields) -> tuple[Heard, ...]:
    _dev_eui(fields)
    effect, at = effect_of(fields), _time(fields)
    delivered = _whole(fields, "DeliveryStatus", most=1)
    if effect is None:
        return ()
    if delivered:
        # FCntDn is the frame's counter or the next one, depending on the release: it is not passed on.
        gateway = fields.get("Lrrid")
        return (DownlinkSent(effect, at, None, (gateway,) if isinstance(gateway, str) and gateway else ()),)
    causes = [str(fields.get(f"DeliveryFailedCause{n}") or "").upper()[:2] for n in (3, 4, 2, 1)]
    decisive = next((each for each in causes if each not in _NO_CAUSE), "")
    cause = CAUSES.get(decisive, Cause.RADIO_ERROR)
    return (DownlinkFailed(effect, cause, f"not sent, cause {decisive or 'not told'}"),)


def _summary(fields: Fields) -> tuple[Heard, ...]:
    group, effect, at = _dev_eui(fields), effect_of(fields), _time(fields)
    status = fields.get("TransmissionStatus")
    if not isinstance(status, str):
        raise Malformed("TransmissionStatus is missing")
    total, ok, failed = (_whole(fields, name, most=100_000) for name in ("LrrCnt", "LrrSuccessCnt", "LrrFailedCnt"))
    f_cnt = None if fields.get("FCntDn") is None else _whole(fields, "FCntDn")
    distribution = _distribution(fields)
    if effect is None:
        return ()
    match status:
        case "SUCCESS":
            return (DownlinkSent(effect, at, f_cnt),)
        case "ABORTED" if ok:
            return (DownlinkSent(effect, at, f_cnt),)
        case "ABORTED" if not total:
            return (DownlinkFailed(effect, Cause.NO_GATEWAY, "no base station is associated with the group"),)
        case "ABORTED":
            most = max(distribution, key=lambda each: distribution[each], default="")
            told = ", ".join(f"{count} for {cause}" for cause, count in distribution.items())
            detail = f"{failed} base stations did not send: {told or 'no cause told'}"
            return (DownlinkFailed(effect, CAUSES.get(most, Cause.RADIO_ERROR), detail),)
        case _:  # a round that others follow
            return (MulticastProgress(group, effect, total, ok, failed),)


def _notification(fields: Fields) -> tuple[Heard, ...]:
    kind = fields.get("Type")
    if not isinstance(kind, str):
        raise Malformed("Type is missing")
    dev_eui, at = _dev_eui(fields), _time(fields)
    match kind:
        case "join":
            return (Joined(dev_eui, at),)
        case "reset":
            reason = fields.get("Var1")
            return (SessionReset(dev_eui, at, reason[:40] if isinstance(reason, str) else ""),)
        case "devstatusans":
            battery = _whole(fields, "Var1", most=255)
            margin = _whole(fields, "Var2", least=-32, most=31)
            return (DeviceStatus(dev_eui, at, None if battery == _NO_BATTERY else battery, margin),)
        case _:
            return ()


# Fields


def _whole(fields: Fields, name: str, *, least: int = 0, most: int = _LARGEST_COUNTER) -> int:
    value = fields.get(name)
    if type(value) is not int:
        value = _read_whole(value)
        if value is None:
            raise Malformed(f"{name} is no whole number")
    if not least <= value <= most:
        raise Malformed(f"{name} is not between {least} and {most}")
    return value


def _read_whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20:
        return int(value)
    return None


def _number(value: object) -> float | None:
    """A figure that is nice to have: what is no number is not told."""
    try:
        figure = float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    return figure if figure is not None and -1000 < figure < 1000 else None


def _dev_eui(fields: Fields) -> DevEui:
    value = fields.get("DevEUI")
    if not isinstance(value, str) or len(value) != 16:
        raise Malformed("DevEUI is missing, or has not 16 hex digits")
    try:
        return _known_dev_eui(value)
    except Invalid:
        raise Malformed("DevEUI has not 16 hex digits") from None


def _dev_addr(value: object) -> DevAddr:
    try:
        return _known_dev_addr(value if isinstance(value, str) else "")
    except Invalid:
        raise Malformed("DevAddr has not 8 hex digits") from None


def _payload(fields: Fields) -> bytes:
    value = fields.get("payload_hex")
    if value is None:
        return b""
    if not isinstance(value, str) or len(value) > _LARGEST_PAYLOAD_DIGITS:
        raise Malformed("payload_hex is no text of at most 510 digits")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise Malformed("payload_hex is not written in pairs of hex digits") from None


def _time(fields: Fields) -> InstantMs:
    value = fields.get("Time")
    when = parse_time(value) if isinstance(value, str) else None
    if when is None:
        raise Malformed("Time is missing, or no time")
    return when


def parse_time(text: str) -> InstantMs | None:
    """ISO 8601, with or without fraction; without an offset it is UTC. None: it is no time."""
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return from_datetime(when) if _EARLIEST <= when <= _LATEST else None
    except (ValueError, OverflowError):
        return None


def _gateways(fields: Fields) -> tuple[Reception, ...]:
    """Those that heard it, as far as they are told; the best alone where there is no list."""
    listed = fields.get("Lrrs")
    listed = listed.get("Lrr") if isinstance(listed, dict) else None
    if isinstance(listed, dict):
        listed = [listed]
    if not isinstance(listed, list) or not listed:
        listed = [fields]
    found = []
    for each in listed[:32]:
        name = each.get("Lrrid") if isinstance(each, dict) else None
        if isinstance(name, str) and 0 < len(name) <= 32 and name.isascii() and name.isalnum():
            found.append(Reception(name, _number(each.get("LrrRSSI")), _number(each.get("LrrSNR"))))
    return tuple(found)


def _distribution(fields: Fields) -> dict[str, int]:
    """`A3=2,D0=7` → how many base stations failed by cause."""
    text = fields.get("LrrFailedDistribution")
    found: dict[str, int] = {}
    for part in text.split(",")[:50] if isinstance(text, str) else ():
        cause, _, count = part.strip().partition("=")
        if cause and len(cause) <= 4 and cause.isascii() and cause.isalnum() and count.isascii() and count.isdigit():
            found[cause.upper()] = int(count[:9])
    return found
