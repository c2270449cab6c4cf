"""What an operator fills in for a connection to ThingPark, and what becomes of it."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from fleetcast.connectors.connection import Field, FieldType, FieldWrong, Settings
from fleetcast.connectors.port import Counting
from fleetcast.radio.band import Band
from fleetcast.radio.bands import catalog
from fleetcast.secret import Secret

FIELDS: Final = (
    Field(
        name="downlink_url", required=True,
        sentence="Where downlinks are sent: https://HOST/thingpark/lrc/rest/v2/downlink, before release 7.3 "
        "https://HOST/thingpark/lrc/rest/downlink.",
    ),
    Field(
        name="as_id", default="",
        sentence="AS_ID of the application server that stands for Fleetcast in ThingPark, such as TWA_100000001.42.AS.",
    ),
    Field(
        name="as_key", secret=True,
        sentence="Tunnel interface authentication key of that application server (LRC-AS key): 32 hex digits. Without "
        "it downlinks are not signed, and path_secret has to tell who sends reports.",
    ),
    Field(
        name="path_secret", secret=True,
        sentence="A last part of the address that reports are sent to, /intake/NUMBER/SECRET, which nobody else knows.",
    ),
    Field(
        name="band", default="EU868", choices=catalog.names(),
        sentence="The band of its devices: reports tell spreading factors, and the band which data rates those are.",
    ),
    Field(
        name="multicast_counter", default="either", choices=tuple(each.value for each in Counting),
        sentence="Who counts and encrypts multicast frames: either (Fleetcast, unless a campaign leaves it to the "
        "network), caller (Fleetcast), or network, where multicast groups were given their application key.",
    ),
    Field(
        name="sent_reports", type=FieldType.YES_NO, default=True,
        sentence="Whether the connectivity plan has the feature downlink sent indication.",
    ),
    Field(
        name="unsigned_summaries", type=FieldType.YES_NO, default=False,
        sentence="Take multicast summaries whose token is wrong: release 6.1 computed it otherwise. Needs path_secret.",
    ),
    Field(
        name="retry_ineligible_gateways", type=FieldType.YES_NO, default=False,
        sentence="Let base stations that are down be tried again for each multicast frame, which delays it by rounds.",
    ),
    Field(
        name="multicast_report_within_s", type=FieldType.NUMBER, default=30, least=1, most=3600,
        sentence="How long to wait for the summary of a multicast frame; longer where the plan sends a frame again.",
    ),
    Field(
        name="requests_per_second", type=FieldType.NUMBER, default=5, least=0.01, most=10_000,
        sentence="Downlink requests a second that ThingPark is sent at most, over a longer time.",
    ),
    Field(
        name="report_age_s", type=FieldType.WHOLE, default=60, least=0, most=86_400,
        sentence="A signed report whose Time is off by more is refused, since somebody may play it again; 0: never.",
    ),
    Field(
        name="clock_tolerance_s", type=FieldType.WHOLE, default=10, least=1, most=3600,
        sentence="By how much the clocks here and there may differ (maxTimestampDeviation of the application server).",
    ),
    Field(
        name="ca_certificates", default="",
        sentence="Certificates (PEM) of who signed the certificate of HOST, in place of those the machine trusts.",
    ),
    Field(
        name="client_certificate", default="",
        sentence="Certificate (PEM) that Fleetcast shows to HOST, with those that lead to its root.",
    ),
    Field(name="client_key", secret=True, sentence="The private key (PEM, no password) of client_certificate."),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The same, checked and read."""

    downlink_url: str
    as_id: str
    as_key: Secret | None
    path_secret: Secret | None
    band: Band
    counting: Counting
    sent_reports: bool
    unsigned_summaries: bool
    retry_ineligible_gateways: bool
    multicast_report_within_s: float
    requests_per_second: float
    report_age_s: int
    clock_tolerance_s: int
    tls: ssl.SSLContext

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What was filled in; raises FieldWrong where that can't be right."""
        key, path_secret = settings.secrets.get("as_key"), settings.secrets.get("path_secret")
        as_id, url = settings.text("as_id"), settings.text("downlink_url")
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise FieldWrong("downlink_url", f"{url[:80]!r}: write https://HOST/thingpark/lrc/rest/v2/downlink")
        if key is not None and not re.fullmatch(rb"[0-9A-Fa-f]{32}", key.reveal()):
            raise FieldWrong("as_key", "write 32 hex digits")
        if key is not None and not re.fullmatch(r"[0-9A-Za-z._-]{1,100}", as_id):
            raise FieldWrong("as_id", "must be given with as_key: letters, digits, dots, dashes and underscores")
        if path_secret is not None and not re.fullmatch(rb"[0-9A-Za-z._~-]{16,200}", path_secret.reveal()):
            raise FieldWrong("path_secret", "write 16 to 200 letters, digits, dots, dashes, tildes or underscores")
        if key is None and path_secret is None:
            raise FieldWrong("as_key", "must be given, or path_secret: else anybody could send reports")
        if settings.yes("unsigned_summaries") and path_secret is None:
            raise FieldWrong("unsigned_summaries", "needs path_secret: something has to tell who sends a summary")
        return cls(
            downlink_url=url,
            as_id=as_id,
            as_key=key,
            path_secret=path_secret,
            band=catalog.band(settings.text("band")),
            counting=Counting(settings.text("multicast_counter")),
            sent_reports=settings.yes("sent_reports"),
            unsigned_summaries=settings.yes("unsigned_summaries"),
            retry_ineligible_gateways=settings.yes("retry_ineligible_gateways"),
            multicast_report_within_s=settings.number("multicast_report_within_s"),
            requests_per_second=settings.number("requests_per_second"),
            report_age_s=settings.whole("report_age_s"),
            clock_tolerance_s=settings.whole("clock_tolerance_s"),
            tls=_tls(settings),
        )


def _tls(settings: Settings) -> ssl.SSLContext:
    ca, certificate, key = (
        settings.text("ca_certificates"), settings.text("client_certificate"), settings.secrets.get("client_key"),
    )  # fmt: skip
    try:
        context = ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError):
        raise FieldWrong("ca_certificates", "this is no certificate: paste it whole, BEGIN and END included") from None
    if bool(certificate) != (key is not None):
        raise FieldWrong("client_certificate", "client_certificate and client_key are given together")
    if key is not None:
        _show(context, certificate, key)
    return context


def _show(context: ssl.SSLContext, certificate: str, key: Secret) -> None:
    """The library reads files alone: one that only we can read, for a moment."""
    descriptor, path = tempfile.mkstemp(prefix="fleetcast-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.encode() + b"\n" + key.reveal() + b"\n")
        context.load_cert_chain(path, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise FieldWrong(
            "client_certificate", "certificate and key don't fit, are no PEM, or the key has a password"
        ) from None
    finally:
        os.unlink(path)


def _no_password() -> str:
    raise ValueError("the key has a password")
