"""`fleetcast serve`: the server, or one part of it, in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
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
    from fleetcast.wiring import Program


class AddressUnusable(Invalid):
    """The address can't be listened at."""


def serve(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings in a TOML file.", envvar="FLEETCAST_CONFIG", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for the database file and keys.", show_default=False)
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(help="sqlite:///path or postgresql://user@host/name; else a file in --data.", show_default=False),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at; else 127.0.0.1.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: any free one; else 8080.", show_default=False)] = None,
    role: Annotated[str | None, typer.Option(help="all, api or worker; else all.", show_default=False)] = None,
    time_factor: Annotated[
        float | None,
        typer.Option(help="The simulated fleet's time runs so many times as fast; else 1.", show_default=False),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json; else text.", show_default=False)] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Say what is printed as JSON, a line each.")] = False,
) -> None:
    """Run the server: the API, campaigns, and the connections to network servers.

    The first start makes a database, an admin and a connection to a simulated network, and shows password and token
    this once. SIGTERM or Ctrl-C ends it cleanly. All settings: `fleetcast settings`.

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
    logs.configure(settings.log_level, as_json=settings.log_format is process.LogFormat.JSON)
    for name in process.unknown_variables():
        _warn(name)
    listening = _listen(settings.host, settings.port)
    try:
        program = build(settings)
        try:
            _tell_first(program, as_json=json_lines)
            asyncio.run(_run(program, listening, as_json=json_lines))
        finally:
            program.close()
    finally:
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

    server = Server(
        uvicorn.Config(
            program.application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=program.settings.stop_within_s,
            server_header=False,
            h11_max_incomplete_event_size=64_000,
        )
    )

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
            log.info("server.started", url=_url(listening), role=program.settings.role.value)
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


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell(program: Program, listening: socket.socket, *, as_json: bool) -> None:
    settings, url = program.settings, _url(listening)
    if as_json:
        print_json({"url": url, "role": settings.role.value, "database": program.database.where})
        sys.stdout.flush()
        return
    speed = f", time runs {settings.time_factor:g} times as fast" if program.accelerated else ""
    print_line(f"Fleetcast is at {url} (database {program.database.where}{speed})")
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
