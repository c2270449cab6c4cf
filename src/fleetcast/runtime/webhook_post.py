"""Posts one message to an address that a user of the service chose, and reaches nothing that it must not.

Whoever may make webhooks could otherwise make this service ask machines that only it can reach. So a host's name is
resolved here, each address is looked at, and the connection goes to the address that was looked at: a name that answers
differently the next time gains nothing. Redirects are not followed, proxies are not used, answers are not read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from fleetcast import __version__

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt."""

    status: int | None
    error: str
    """Empty: it was taken."""
    again_in_s: float | None = None
    """The receiver's own wish (Retry-After), where it has one."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the Internet at large; one wrapped in another counts as what it wraps."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address.teredo is not None:
            return all(is_public(each) for each in address.teredo)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return address.is_global and not address.is_multicast


class Poster:
    """Posts messages; use it as an asynchronous context."""

    def __init__(self, *, private_addresses: bool, within_s: float, trusts: ssl.SSLContext | None = None) -> None:
        """`private_addresses`: whether it may reach addresses that are not public. `trusts` None: the usual CAs."""
        self._private = private_addresses
        self._within_s = within_s
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            verify=True if trusts is None else trusts,
            timeout=within_s,
            # A connection that was proved to be one name's is never used for another name at the same address.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"user-agent": f"Fleetcast/{__version__}"},
        )

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post JSON; whatever goes wrong is told in the answer."""
        try:
            async with asyncio.timeout(self._within_s):
                return await self._post(httpx.URL(url), body, headers)
        except TimeoutError:
            return Answer(None, f"no answer within {self._within_s:g} s")
        except httpx.TimeoutException:
            return Answer(None, f"no answer within {self._within_s:g} s")
        except socket.gaierror as error:
            return Answer(None, f"its host's name can't be resolved ({error.strerror})")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return Answer(None, f"can't be reached ({_said(error)})")

    async def _post(self, url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        port = url.port or (443 if url.scheme == "https" else 80)
        allowed = [each for each in await _resolved(url.host, port) if self._private or is_public(each)]
        if not allowed:
            return Answer(None, f"{url.host} has no public address: deliveries to private ones are not allowed here")
        host = url.netloc.decode("ascii")
        request = self._client.build_request(
            "POST", url.copy_with(host=str(allowed[0])), content=body,
            headers={**headers, "host": host, "content-type": "application/json"},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )  # fmt: skip
        response = await self._client.send(request, stream=True)
        await response.aclose()
        status = response.status_code
        if 200 <= status < 300:
            return Answer(status, "")
        if 300 <= status < 400:
            return Answer(status, f"answered {status}: redirects are not followed")
        return Answer(status, f"answered {status}", _retry_after_s(response.headers.get("retry-after", "")))


async def _resolved(host: str, port: int) -> list[Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _retry_after_s(value: str) -> float | None:
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
