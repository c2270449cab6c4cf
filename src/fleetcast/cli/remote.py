"""The way to a running server: its address and token, one request, and its refusals as errors of ours.

`fleetcast login` keeps server and token in a file that its owner alone may read. `FLEETCAST_SERVER` and
`FLEETCAST_TOKEN` go before it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from fleetcast.errors import Conflict, FleetcastError, Forbidden, Invalid, NotFound, Unavailable
from fleetcast.secret import Secret

if TYPE_CHECKING:
    import httpx

DEFAULT_SERVER: Final = "http://127.0.0.1:8080"
_ROOT: Final = "/api/v1"
_PATIENCE_S: Final = 120
_PAGE: Final = 1000
_SHOWN: Final = 20


class NotLoggedIn(Forbidden):
    """No token is at hand, or the server doesn't take it."""

    def __init__(self, why: str, server: str) -> None:
        super().__init__(f"{why}: fleetcast login --server {server}, or set FLEETCAST_TOKEN")


class NoServer(Unavailable):
    """Nobody answers at the address."""

    def __init__(self, server: str, why: str) -> None:
        super().__init__(
            f"no Fleetcast answers at {server} ({why}): start one with fleetcast serve, or name another with "
            "fleetcast login --server"
        )


class BadRows(Invalid):
    """The server took nothing of a file; `rows` has what it says of each bad row, as far as it says it."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.rows: list[dict[str, Any]] = [dict(each) for each in problem["errors"]]
        self.bad_rows = int(problem["bad_rows"])
        rows = "1 bad row" if self.bad_rows == 1 else f"{self.bad_rows} bad rows"
        super().__init__(f"nothing was imported: {rows}")


class ServerFault(Unavailable):
    """The server failed by a fault of its own."""


@dataclass(frozen=True, slots=True)
class Login:
    """Which server, and what one identifies oneself with."""

    server: str
    token: Secret | None


def login_file() -> Path:
    """Where `fleetcast login` keeps server and token (XDG base directories)."""
    named = os.environ.get("XDG_CONFIG_HOME")
    return (Path(named) if named else Path.home() / ".config") / "fleetcast" / "login.json"


def known_login() -> Login:
    """From the environment, else as `fleetcast login` left it; raises Invalid for a file that others may read."""
    from fleetcast.settings import ClientSettings

    given, kept = ClientSettings(), _kept()
    server = (given.server or kept.get("server") or DEFAULT_SERVER).rstrip("/")
    if given.token is not None:
        return Login(server, Secret(given.token.get_secret_value().encode()))
    # A token is for the server that gave it: named another one, it is not told.
    token = kept.get("token") if server == kept.get("server") else None
    return Login(server, Secret(token.encode()) if token else None)


def keep_login(login: Login) -> Path:
    """Keep server and token for the next commands."""
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = "" if login.token is None else login.token.reveal().decode()
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"server": login.server, "token": token}, file)
    beside.replace(path)
    return path


def _kept() -> dict[str, str]:
    path = login_file()
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Invalid(f"{path} holds a token and may be read by others: chmod 600 {path}")
        kept = json.loads(path.read_text())
        return {name: str(kept[name]) for name in ("server", "token")}
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError):
        raise Invalid(f"{path} is damaged: run fleetcast login again") from None


class Remote:
    """A server, asked as whoever is logged in."""

    def __init__(self, client: httpx.Client, server: str) -> None:
        self._client = client
        self.server = server

    def ask(self, method: str, path: str, body: object = None, **how: Any) -> Any:
        """The answer as JSON, None where it has no body; raises what the server's refusal stands for."""
        if body is not None:
            how["json"] = body
        with self._explained():
            answer = self._client.request(method, f"{_ROOT}{path}", **how)
        self._refuse(answer)
        return answer.json() if answer.content else None

    def get(self, path: str, **parameters: Any) -> Any:
        """What stands there."""
        return self.ask("GET", path, params=_present(parameters))

    def post(self, path: str, body: object = None, **how: Any) -> Any:
        """What was made of it."""
        return self.ask("POST", path, body, **how)

    def items(self, path: str, *, most: int | None = None, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page after page by cursor, at most so many."""
        left, cursor = most, None
        while left is None or left > 0:
            limit = _PAGE if left is None else min(left, _PAGE)
            page = self.get(path, limit=limit, cursor=cursor, **parameters)
            yield from page["items"]
            cursor = page["next_cursor"]
            left = None if left is None else left - len(page["items"])
            if cursor is None:
                return

    def description(self) -> dict[str, Any]:
        """The server's own description of its API (OpenAPI)."""
        with self._explained():
            answer = self._client.get("/openapi.json")
        self._refuse(answer)
        found: dict[str, Any] = answer.json()
        return found

    def download(self, path: str, out: BinaryIO) -> int:
        """Write what stands there to a file; how many bytes."""
        size = 0
        with self._explained(), self._client.stream("GET", f"{_ROOT}{path}") as answer:
            if answer.is_error:
                answer.read()
            self._refuse(answer)
            for part in answer.iter_bytes():
                size += out.write(part)
        return size

    def follow(self, path: str) -> Iterator[dict[str, Any]]:
        """Server-sent events, until the server ends them."""
        with self._explained(), self._client.stream("GET", f"{_ROOT}{path}") as answer:
            if answer.is_error:
                answer.read()
            self._refuse(answer)
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException:
            raise NoServer(self.server, f"no answer within {_PATIENCE_S} s") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NoServer(self.server, str(error) or type(error).__name__) from None

    def _refuse(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        try:
            problem: dict[str, Any] = dict(answer.json())
        except (ValueError, TypeError):
            problem = {}
        said = _said(problem) or f"the server answered {answer.status_code}"
        if "bad_rows" in problem:
            raise BadRows(problem)
        if answer.status_code == 401:
            raise NotLoggedIn("the server doesn't know who is asking", self.server)
        raise _family(answer.status_code)(said)


def _family(status: int) -> type[FleetcastError]:
    match status:
        case 403:
            return Forbidden
        case 404:
            return NotFound
        case 409 | 412:
            return Conflict
        case 503:
            return Unavailable
        case _ if status >= 500:
            return ServerFault
        case _:
            return Invalid


def _said(problem: Mapping[str, Any]) -> str:
    """The problem document in one line: what is wrong, and what to do where the server says it."""
    detail = str(problem.get("detail") or problem.get("title") or "")
    fields = [
        f"{each['field']}: {each['message']}"
        for each in problem.get("errors", ())[:_SHOWN]
        if "field" in each and str(each["message"]) not in detail
    ]
    remedy = str(problem.get("remedy") or "")
    parts = [detail, *fields, *([remedy] if remedy and remedy not in detail else [])]
    return "; ".join(part.rstrip(".") for part in parts if part)


def _present(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, "", [], ())}


@contextmanager
def connect(
    login: Login | None = None, *, basic: tuple[str, str] | None = None, patience_s: float = _PATIENCE_S
) -> Iterator[Remote]:
    """A server to ask: the one logged in at, unless told otherwise. Raises NotLoggedIn when there is no token."""
    import httpx

    found = login or known_login()
    headers = {"User-Agent": "fleetcast"}
    if basic is None:
        if found.token is None:
            raise NotLoggedIn("not logged in", found.server)
        headers["Authorization"] = f"Bearer {found.token.reveal().decode()}"
    if not found.server.startswith(("http://", "https://")):
        raise Invalid(f"{found.server!r} is no address of a server: write it as {DEFAULT_SERVER}")
    # Streams of events say something every few seconds; anything slower than this is no server any more.
    with httpx.Client(base_url=found.server, headers=headers, auth=basic, timeout=patience_s) as client:
        yield Remote(client, found.server)
