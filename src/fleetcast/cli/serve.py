"""`fleetcast serve`: the server, or one part of it, in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleetcast.cli.output import print_json, print_line
from fleetcast.errors import Invalid

if TYPE_CHECKING:
    import uvicorn

    from fleetcast.settings import Settings
    from fleetcast.wiring import Program


class AddressUnusable(Invalid):
    """The address can't be listened at."""


class CertificateUnusable(Invalid):
    """The certificate or its key can't be served with."""


def serve(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings in a TOML file.", envvar="FLEETCAST_CONFIG", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder for the database file and keys.", show_default="~/.local/share/fleetcast"),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(help="sqlite:///path or postgresql://user@host/name.", show_default="an SQLite file in --data"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at; 0: any free one.", show_default="8080")] = None,
    role: Annotated[
        str | None,
        typer.Option(
            help="What this process does: api answers requests, worker runs campaigns, all is both.", show_default="all"
        ),
    ] = None,
    time_factor: Annotated[
        float | None,
        typer.Option(help="The simulated fleet's time runs so many times as fast.", show_default="1"),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="text, json or auto: text on a terminal, JSON elsewhere.", show_default="auto")
    ] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Say what is printed as JSON, a line each.")] = False,
) -> None:
    """Run the server: the API, campaigns, and the connections to network servers.

    The first start makes a database, an admin, and a connection to a simulated network, and shows passwords and a
    token this once. SIGTERM or Ctrl-C ends it cleanly: campaigns wait for the next start and go on from there.

    Every flag is a setting too: see `fleetcast settings` for all of them, and how to set them by environment or file.
    For a first look, let time run faster (`fleetcast serve --time-factor 2000`) and fill the server with
    `fleetcast seed-demo`.

    Examples:

        fleetcast serve --help
    """
    from fleetcast import settings as process
    from fleetcast.cli import logs
    from fleetcast.wiring import build

    given = {
        "data_directory": data, "database": database, "host": host, "port": port, "role": role,
        "time_factor": time_factor, "log_format": log_format,
    }  # fmt: skip
    settings = process.load(config, {name: value for name, value in given.items() if value is not None})
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    text = settings.log_format is process.LogFormat.TEXT or (
        settings.log_format is process.LogFormat.AUTO and on_terminal
    )
    logs.configure(settings.log_level, as_json=not text)
    for name in process.unknown_variables():
        _warn(name)
    listening = _listen(settings.host, settings.port)
    # Whatever it writes, be it into a folder that others may look into, is for its own user alone.
    mask = os.umask(0o077)
    try:
        program = build(settings)
        try:
            _tell_first(program, as_json=json_lines)
            asyncio.run(_run(program, listening, as_json=json_lines))
        finally:
            program.close()
    finally:
        os.umask(mask)
        listening.close()


def _warn(name: str) -> None:
    import structlog

    structlog.get_logger("fleetcast").warning("setting.unknown", variable=name, see="fleetcast settings")


def _listen(host: str, port: int) -> socket.socket:
    """Before anything else is begun: an address in use is the most common thing to go wrong."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise AddressUnusable(
            f"can't listen at {host} port {port} ({error.strerror or error}): choose others with --host and --port"
        ) from None
    listening.set_inheritable(False)
    return listening


async def _run(program: Program, listening: socket.socket, *, as_json: bool) -> None:
    import structlog
    import uvicorn

    log = structlog.get_logger("fleetcast")

    class Server(uvicorn.Server):
        """Signals are ours: the worker is to stop with it."""

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    settings = program.settings
    server = Server(
        uvicorn.Config(
            program.application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=settings.stop_within_s,
            server_header=False,
            http="h11",  # the one that keeps to the limit on headers
            h11_max_incomplete_event_size=64_000,
            # Whoever isn't named is not believed: without proxies, nobody is.
            proxy_headers=bool(settings.proxies()),
            forwarded_allow_ips=settings.proxies(),
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            ssl_keyfile_password="none",  # noqa: S106 - an encrypted key is refused, rather than asked about
        )
    )

    _load_certificate(server.config)
    if settings.tls_certificate is None and not settings.proxies() and not _is_loopback(listening):
        log.warning("server.unencrypted", why="passwords and tokens can be read on the way: set tls_certificate")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    serving.add_done_callback(lambda _: stop.set())
    try:
        if program.worker is not None:
            await _or_stopped(program.worker.start(), stop)
        if not stop.is_set():
            _tell(program, listening, as_json=as_json)
            log.info("server.started", url=_url(listening, settings), role=program.settings.role.value)
            await stop.wait()
    finally:
        log.info("server.stopping")
        server.should_exit = True
        await serving
        if program.worker is not None:
            await program.worker.stop()
        log.info("server.stopped")


async def _or_stopped(starting: Any, stop: asyncio.Event) -> None:
    """Start, unless it is to stop before that is done."""
    begun = asyncio.ensure_future(starting)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({begun, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not begun.done():
        begun.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await begun
        return
    begun.result()


def _load_certificate(config: uvicorn.Config) -> None:
    """Raises CertificateUnusable before anything is begun."""
    import ssl

    try:
        config.load()
    except (OSError, ssl.SSLError, ValueError) as error:
        raise CertificateUnusable(
            f"tls_certificate {config.ssl_certfile}, tls_key {config.ssl_keyfile}: can't be used ({error})"
        ) from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2


def _is_loopback(listening: socket.socket) -> bool:
    return ipaddress.ip_address(str(listening.getsockname()[0]).partition("%")[0]).is_loopback


def _url(listening: socket.socket, settings: Settings) -> str:
    host, port = listening.getsockname()[:2]
    scheme = "http" if settings.tls_certificate is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _database(program: Program) -> str:
    """The file, or the URL without its driver and password."""
    file = program.database.file
    return str(file) if file is not None else program.database.where.replace("+psycopg", "", 1)


def _tell(program: Program, listening: socket.socket, *, as_json: bool) -> None:
    settings, url = program.settings, _url(listening, program.settings)
    if as_json:
        print_json({"url": url, "role": settings.role.value, "database": _database(program)})
        sys.stdout.flush()
        return
    speed = f", time runs {settings.time_factor:g} times as fast" if program.accelerated else ""
    print_line(f"Fleetcast is at {url} (database {_database(program)}{speed})")
    if program.first is not None:
        print_line(f"Next, in another terminal: fleetcast login --server {url}")
    sys.stdout.flush()


def _tell_first(program: Program, *, as_json: bool) -> None:
    """At once, whatever happens next: what is shown here is kept nowhere."""
    if program.first is None:
        return
    shown = {
        "login": program.first.login,
        "password": program.first.password.reveal().decode(),
        "token": program.first.token.reveal().decode(),
        "system_login": program.first.system_login,
        "system_password": program.first.system_password.reveal().decode(),
    }
    if as_json:
        print_json({"first_start": shown})
    else:
        print_line("This is the first start. Shown now and never again:")
        for name, value in shown.items():
            print_line(f"  {name:<16} {value}")
    sys.stdout.flush()
