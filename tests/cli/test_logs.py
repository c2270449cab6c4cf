"""What a log must never show."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from fleetcast.cli import logs


@pytest.fixture
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("as_it_was")
@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_local_variables(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", as_json=as_json)

    def fail(number: int) -> float:
        key = f"c0ffee{number}"
        assert key
        return 1 / number

    try:
        fail(0)
    except ZeroDivisionError as error:
        structlog.get_logger("test").error("request.bug", exc_info=error)
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "c0ffee0" not in shown
