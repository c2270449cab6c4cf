"""Who sent a report, and what it says: everything between the bytes of a POST and what was heard. No I/O.

Whoever can't show that he is ThingPark gets no further than the token.
"""

from __future__ import annotations

import hmac

from fleetcast.connectors.port import Heard, HttpAnswer, HttpReport
from fleetcast.connectors.thingpark.settings import Options
from fleetcast.connectors.thingpark.tokens import is_signed, parse_query
from fleetcast.connectors.thingpark.translate import Document, Malformed, Translator, parse_time, read
from fleetcast.instants import InstantMs

_SUMMARY = "DevEUI_multicast_summary"


class Stranger(Exception):
    """A report that can't be shown to come from ThingPark."""

    def __init__(self, why: str, status: int = 403) -> None:
        self.answer = HttpAnswer(status, why)
        super().__init__(why)


class Reports:
    """Reads the reports of one connection."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._path = None if options.path_secret is None else options.path_secret.reveal()
        self._translator = Translator(options.band)

    def read(self, report: HttpReport, now: InstantMs) -> tuple[Heard, ...]:
        """What it says. Raises Stranger and Malformed."""
        if self._path is not None and not hmac.compare_digest(report.path.encode(errors="replace"), self._path):
            raise Stranger("the last part of the address is not the secret one")
        document = read(report.body)
        if self._options.as_key is not None:
            self._prove(report.query, document, now)
        return self._translator.translate(document)

    def _prove(self, raw: bytes, document: Document, now: InstantMs) -> None:
        options = self._options
        try:
            query = parse_query(raw)
        except ValueError:
            raise Malformed("the query is no text") from None
        key = options.as_key
        if key is None or not is_signed(document.kind, document.fields, query, key):
            if not (document.kind == _SUMMARY and options.unsigned_summaries):
                raise Stranger("bad token: compare the tunnel interface authentication key on both sides")
            return
        if query["AS_ID"] != options.as_id:
            raise Stranger("another AS_ID: compare it on both sides")
        if options.report_age_s:
            sent_at = parse_time(query["Time"])
            if sent_at is None:
                raise Malformed("the query's Time is no time")
            if abs(sent_at - now) > 1000 * options.report_age_s:
                raise Stranger(
                    f"Time is off by more than {options.report_age_s} s: an old report, or clocks that differ"
                )
