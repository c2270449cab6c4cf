"""Every test that takes `implementation` runs once for each one that works here: always NumPy, the kernel if built."""

from __future__ import annotations

import pytest

from fleetcast.fec import Implementation, available


@pytest.fixture(params=available())
def implementation(request: pytest.FixtureRequest) -> Implementation:
    found: Implementation = request.param
    return found
