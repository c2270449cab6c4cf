"""Errors as problem documents (RFC 9457): one status for each family, and every bad field named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from fleetcast.actions.authentication import TooManyAttempts, Unauthenticated
from fleetcast.actions.fields import InvalidFields
from fleetcast.actions.seen import BadRows, FieldWrong, PlanRefused, Stale, Taken
from fleetcast.errors import Conflict, Damaged, FleetcastError, Forbidden, Invalid, NotFound, Unavailable
from fleetcast.queries.lists import BadList

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final[dict[type[FleetcastError], tuple[int, str]]] = {
    Unauthenticated: (401, "who is asking is not known"),
    TooManyAttempts: (429, "too many attempts"),
    Forbidden: (403, "not allowed"),
    NotFound: (404, "not found"),
    Stale: (412, "changed meanwhile"),
    Conflict: (409, "not in this state"),
    Unavailable: (503, "not available just now"),
    Damaged: (500, "stored data is damaged"),
    Invalid: (422, "invalid"),
}
SENTENCES: Final = {
    400: "The body can't be read: it is no JSON.",
    401: "Who is asking is not known.",
    403: "Not allowed.",
    404: "There is no such thing.",
    409: "Not in this state, or another one has the same name.",
    412: "Somebody else changed it meanwhile.",
    408: "Nothing more of the body came.",
    413: "The body is too large.",
    415: "The body is packed (Content-Encoding): send it as it is.",
    429: "Too many logins failed, or too much was uploaded: wait as long as Retry-After says.",
    422: "Something in the request can't be as it is; `errors` names every field.",
    503: "The database can't be reached just now.",
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_MOST_ERRORS: Final = 10_000
_RETRY_AFTER_S: Final = "5"
_log = structlog.get_logger("fleetcast.api")


class Problem(JSONResponse):
    """A problem document."""

    media_type = MEDIA_TYPE

    def __init__(
        self, status: int, title: str, detail: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__({"title": title, "status": status, "detail": _plain(detail), **more}, status, headers)


def install(app: FastAPI) -> None:
    """Every error of ours, and every refusal of the framework's, leaves as a problem document."""
    app.add_exception_handler(FleetcastError, _ours)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _bug)


def _ours(request: Request, error: Exception) -> Response:
    family = next(each for each in type(error).__mro__ if each in _STATUS)
    status, title = _STATUS[family]
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="fleetcast", Basic realm="fleetcast"'
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.wait_s)
    if status == 503:
        headers["Retry-After"] = _RETRY_AFTER_S
    if status >= 500:
        _log.error("request.failed", path=request.url.path, why=str(error))
    return Problem(status, title, str(error), headers, **_named(error))


def _named(error: Exception) -> dict[str, Any]:
    match error:
        case InvalidFields(problems=problems):
            return {"errors": [{"field": each.field, "message": each.message} for each in problems]}
        case BadRows(complaints=complaints):
            rows = [
                {"line": each.line, "column": each.column, "message": _plain(each.cause)}
                for each in complaints[:_MOST_ERRORS]
            ]
            return {"errors": rows, "bad_rows": len({each.line for each in complaints})}
        case BadList() | FieldWrong():
            return {"errors": [{"field": error.field, "message": _plain(error.message)}]}
        case PlanRefused():
            return {"reason": error.reason, "remedy": error.remedy}
        case Taken(columns=columns):
            taken = [each for each in columns if each not in ("subscriber_id", "connection_id")]
            return {"errors": [{"field": each, "message": "another one has this value"} for each in taken]}
        case _:
            return {}


def _not_understood(_request: Request, error: Exception) -> Response:
    found: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    if any(each["type"] == "json_invalid" for each in found):
        return Problem(400, "no JSON", "the body can't be read as JSON", errors=[])
    errors = [
        {
            "field": ".".join(str(part) for part in each["loc"][1:]) or str(each["loc"][0]),
            "message": _plain(_said(each)),
        }
        for each in found
    ]
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors[:5])
    return Problem(422, "invalid", detail, errors=errors)


def _said(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _framework(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # pragma: no cover - it is installed for this type alone
        raise error
    if error.status_code < 400 or error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=dict(error.headers or {}))
    return Problem(error.status_code, str(error.detail).lower(), str(error.detail), dict(error.headers or {}))


def _bug(request: Request, error: Exception) -> Response:
    _log.error("request.bug", method=request.method, path=request.url.path, exc_info=error)
    return Problem(500, "a fault in Fleetcast", "the request failed by a fault of ours: the log has the particulars")


def _plain(text: str) -> str:
    """Text that any reader of JSON takes: halves of characters are shown as they are numbered."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def document(status: int, title: str, detail: str) -> bytes:
    """A problem document for where no framework is at hand."""
    return json.dumps({"title": title, "status": status, "detail": detail}).encode()
