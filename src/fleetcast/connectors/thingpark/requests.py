"""Downlink requests to ThingPark: their query, and what the answers mean. Pure.

Both editions of the interface are understood: v2 answers 202, or 409 with a code in JSON; v1 answers 200, or 350 and
404 with a sentence in HTML. Source: "AS to LRC tunnel" contract, release 7.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fleetcast.connectors.port import Cause, ConnectorError, EffectId
from fleetcast.connectors.thingpark.tokens import request_token
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, to_datetime
from fleetcast.secret import Secret

CODES: Final[Mapping[int, Cause]] = {
    100: Cause.NOT_PERMITTED,
    101: Cause.COUNTER_REJECTED,
    102: Cause.COUNTER_REJECTED,
    103: Cause.NOT_PERMITTED,
    104: Cause.BAD_REQUEST,
    105: Cause.AUTH,
    106: Cause.AUTH,
    107: Cause.AUTH,
    108: Cause.AUTH,
    109: Cause.AUTH,
    110: Cause.CLOCK_SKEW,
    111: Cause.AUTH,
    112: Cause.EXPIRED,
    113: Cause.TOO_LONG,
    114: Cause.NOT_PERMITTED,
    115: Cause.NO_GATEWAY,
    116: Cause.TOO_LONG,
    117: Cause.BAD_REQUEST,
    118: Cause.BAD_REQUEST,
    119: Cause.MUST_CIPHER,
    121: Cause.RATE_LIMITED,
}
"""What the codes of a refusal mean."""
UNKNOWN_TARGET: Final = 100

_SENTENCES: Final = (
    ("no base station", 115),
    ("token bucket", 121),
    ("counter value already used", 101),
    ("counter value increment too large", 102),
    ("provided encrypted", 119),
    ("invalid deveui", 100),
    ("confirmed downlink", 103),
    ("invalid lora port", 104),
    ("as_id is mandatory", 105),
    ("bad as_id", 107),
    ("missing timestamp", 106),
    ("frame timestamp", 110),
    ("bad token", 111),
    ("iso8601", 109),
    ("decrypt error", 108),
    ("validitytime", 112),
    ("according to current dr", 116),
    ("payload too big", 113),
    ("invalid payload size", 113),
    ("transmission disabled", 114),
    ("correlationid", 117),
    ("must not be empty", 118),
    ("security check", 111),
)
"""How v1 says the same, in parts of a sentence; the first that fits counts."""
_TAKEN_V1: Final = "request queued by lrc"
_PAUSE_S: Final = 30.0
"""After a token bucket ran dry, where nothing else is told."""


class Refused(ConnectorError):
    """ThingPark refused a request; `code` None: it named none that is known."""

    def __init__(self, cause: Cause, detail: str, code: int | None = None, **more: Any) -> None:
        super().__init__(cause, detail, **more)
        self.code = code
        self.clock_ahead_s: float | None = None
        """By how much ThingPark's clock is ahead of ours, where the answer told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downlink:
    """One request; what is None is left out."""

    target: DevEui
    f_port: int | None = None
    payload: bytes | None = None
    f_cnt: int | None = None
    flush: bool = False
    valid_until: InstantMs | None = None
    effect: EffectId | None = None
    retry_ineligible_gateways: bool | None = None


def query(downlink: Downlink, as_id: str, key: Secret | None, now: InstantMs) -> str:
    """The query of a request, percent-encoded, with its token where there is a key."""
    parameters: list[tuple[str, str]] = [("DevEUI", str(downlink.target))]
    if downlink.payload is not None:
        parameters += [("FPort", str(downlink.f_port)), ("Payload", downlink.payload.hex().upper())]
    if downlink.f_cnt is not None:
        parameters.append(("FCntDn", str(downlink.f_cnt)))
    if downlink.flush:
        parameters.append(("FlushDownlinkQueue", "1"))
    if downlink.valid_until is not None:
        parameters.append(("ValidityTime", written(downlink.valid_until)))
    if key is not None:
        parameters += [("AS_ID", as_id), ("Time", written(now))]
    if downlink.effect is not None:
        parameters.append(("CorrelationID", str(downlink.effect)))
    if downlink.retry_ineligible_gateways is not None:
        parameters.append(("RetryIneligibleGateways", "1" if downlink.retry_ineligible_gateways else "0"))
    if key is not None:
        parameters.append(("Token", request_token(parameters, key)))
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters)


def written(instant: InstantMs) -> str:
    """An instant as ThingPark wants it: milliseconds, and a numeric offset."""
    return to_datetime(instant).isoformat(timespec="milliseconds")


def refusal(status: int, headers: Mapping[str, str], body: str) -> Refused | None:
    """What an answer means; None: the request was taken."""
    said = _said(body)
    if status == 202 or (status == 200 and _TAKEN_V1 in said.lower()):
        return None
    document = _json(body)
    code = document.get("code") if document else _code_of(said)
    if isinstance(code, int) and code in CODES:
        return _refused(code, document, said)
    if status in (401, 403):
        return Refused(Cause.AUTH, f"HTTP {status}: {said or 'the address does not let us in'}")
    if status == 429:
        return Refused(Cause.RATE_LIMITED, "HTTP 429", retry_after_s=_retry_after(headers))
    if status == 503:
        return Refused(Cause.UNREACHABLE, "HTTP 503: out of service", retry_after_s=_retry_after(headers))
    if status >= 500:
        # A proxy that lost its server, or the server in the middle of it: nobody knows what was taken.
        return Refused(Cause.UNREACHABLE, f"HTTP {status}", maybe_taken=True)
    if 200 <= status < 300:
        return Refused(Cause.UNKNOWN, f"HTTP {status} with words we don't know: {said}", maybe_taken=True)
    if status in (301, 302, 307, 308, 404, 405):
        return Refused(Cause.BAD_REQUEST, f"HTTP {status}: this is not the address for downlinks")
    return Refused(Cause.UNKNOWN, f"HTTP {status}: {said}")


def _refused(code: int, document: Mapping[str, Any] | None, said: str) -> Refused:
    about = document or {}
    message = about.get("message")
    detail = f"{message if isinstance(message, str) else said} (code {code})"[:200]
    expected, max_size = about.get("expected"), about.get("maxSize")
    if document is None and (found := re.search(r"expected\s*=\s*(\d{1,10})", said, re.IGNORECASE)):
        expected = found[1]
    return Refused(
        CODES[code],
        detail,
        code,
        next_f_cnt=_counter(expected),
        max_size=_counter(max_size),
        retry_after_s=_PAUSE_S if code == 121 else None,
    )


def _counter(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _json(body: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _said(body: str) -> str:
    """The text of an HTML answer, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", body[:4000]).split())[:200]


def _code_of(said: str) -> int | None:
    lower = said.lower()
    return next((code for words, code in _SENTENCES if words in lower), None)


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else _PAUSE_S
