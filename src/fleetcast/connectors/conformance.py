"""The promises of the port, as checks that any connector can run against a network that it may use for practice.

They open the connection, register nothing, and leave it closed. What a server can't do by its own word (capabilities)
is not asked of it. Whoever tests a connector calls `check_all`, or one check at a time to see which promise is broken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from fleetcast.connectors.port import (
    Capabilities,
    Connector,
    ConnectorError,
    Counting,
    DownlinkFailed,
    DownlinkSent,
    EffectId,
    GroupReady,
    GroupRefused,
    Heard,
    MulticastDownlink,
    MulticastGroup,
    Told,
    UnicastDownlink,
    Uplink,
    same_thing_key,
)
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.data_frames import PayloadCipher
from fleetcast.protocol.packages import Direction
from fleetcast.secret import Secret


class PromiseBroken(AssertionError):
    """A connector does not do what the port promises; the text says which promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the checks need of whoever runs them."""

    connect: Callable[[], Awaitable[Connector]]
    """Another connector to the same network, its devices provided where it has to be told; not opened."""
    now: Callable[[], InstantMs]
    device: DevEui
    """One that speaks now and then."""
    group: MulticastGroup
    """One that may be made, sent to, and released."""
    f_port: int = 42


async def check_all(bench: Bench) -> None:
    """Every promise; raises PromiseBroken for the first that isn't kept."""
    for check in (
        every_send_ends_in_one_last_word,
        the_same_effect_is_sent_once,
        a_report_survives_a_restart,
        what_was_not_acknowledged_is_told_again,
        ensuring_a_group_twice_gives_one,
        keys_of_a_busy_group_stay,
        a_counter_is_used_once,
        what_is_flushed_is_reported,
    ):
        await check(bench)


async def every_send_ends_in_one_last_word(bench: Bench) -> None:
    """Sent or failed, once, for what is sent to a device and for what is sent to a group."""
    async with _open(bench) as (connector, capabilities):
        ready = await _ensured(connector, bench)
        unicast, multicast = EffectId(1, 1), EffectId(1, 2)
        await connector.send_unicast(_unicast(bench), unicast)
        await connector.send_multicast(_multicast(bench, capabilities, ready.next_f_cnt), multicast)
        words = await _last_words(connector, {unicast, multicast})
        for effect in (unicast, multicast):
            _demand(len(words[effect]) == 1, f"effect {effect} had {len(words[effect])} last words, it must have one")


async def the_same_effect_is_sent_once(bench: Bench) -> None:
    """Asked for again under the same id, a downlink is recognised, or harmless: never two last words that differ."""
    async with _open(bench) as (connector, _):
        effect = EffectId(1, 3)
        await connector.send_unicast(_unicast(bench), effect)
        try:
            await connector.send_unicast(_unicast(bench), effect)
        except ConnectorError as error:
            _demand(not error.maybe_taken, "a repeated effect that is refused was surely not taken")
        words = await _last_words(connector, {effect})
        kinds = {type(word) for word in words[effect]}
        _demand(len(kinds) == 1, f"effect {effect} was reported both as sent and as failed")


async def a_report_survives_a_restart(bench: Bench) -> None:
    """A connector that is closed between hand-over and report finds the report afterwards, under the same id."""
    effect = EffectId(1, 4)
    async with _open(bench) as (connector, _):
        await connector.send_unicast(_unicast(bench), effect)
    async with _open(bench) as (connector, _):
        await _last_words(connector, {effect})


async def what_was_not_acknowledged_is_told_again(bench: Bench) -> None:
    """Only where the server keeps messages (`uplink_replay`)."""
    async with _open(bench) as (connector, capabilities):
        if not capabilities.uplink_replay:
            return
        first = await _first_uplink(connector)
    async with _open(bench) as (connector, _):
        again = await _first_uplink(connector)
        _demand(same_thing_key(again) == same_thing_key(first), "an uplink that was not acknowledged was lost")


async def ensuring_a_group_twice_gives_one(bench: Bench) -> None:
    """The second time changes nothing, and tells that it was there."""
    async with _open(bench) as (connector, _):
        first = await _ensured(connector, bench)
        second = await _ensured(connector, bench)
        _demand(not second.created, "a group that was there was reported as created")
        _demand(second.next_f_cnt >= first.next_f_cnt, "the counter of a group went back")
        _demand(
            (second.frequency_hz, second.data_rate) == (first.frequency_hz, first.data_rate),
            "a group has other parameters the second time",
        )


async def keys_of_a_busy_group_stay(bench: Bench) -> None:
    """While frames wait, a group with other keys is refused, or left for a person; never changed."""
    async with _open(bench) as (connector, capabilities):
        ready = await _ensured(connector, bench)
        effects = {EffectId(1, 5), EffectId(1, 6)}
        later = bench.now() + 20_000
        for number, effect in enumerate(sorted(effects)):
            frame = _multicast(bench, capabilities, ready.next_f_cnt + number, not_before=later)
            await connector.send_multicast(frame, effect)
        other = replace(bench.group, mc_net_s_key=Secret(bytes(range(16, 32))))
        answer = await connector.ensure_multicast_group(other)
        _demand(not isinstance(answer, GroupReady), "the keys of a group were changed while frames waited for it")
        await _last_words(connector, effects)
        if isinstance(answer, GroupRefused):
            await _ensured(connector, bench)


async def a_counter_is_used_once(bench: Bench) -> None:
    """Where the caller counts, a value that was used is refused, with the one that would do."""
    async with _open(bench) as (connector, capabilities):
        if capabilities.multicast_counter is Counting.NETWORK:
            return
        ready = await _ensured(connector, bench)
        first, again = EffectId(1, 7), EffectId(1, 8)
        await connector.send_multicast(_multicast(bench, capabilities, ready.next_f_cnt), first)
        other = _multicast(bench, capabilities, ready.next_f_cnt, b"other")
        refused: int | None = None
        try:
            await connector.send_multicast(other, again)
        except ConnectorError as error:
            refused = error.next_f_cnt
            words = await _last_words(connector, {first})
        else:
            words = await _last_words(connector, {first, again})
            word = words[again][0]
            _demand(isinstance(word, DownlinkFailed), "a counter was used for two payloads")
            refused = word.next_f_cnt if isinstance(word, DownlinkFailed) else None
        _demand(isinstance(words[first][0], DownlinkSent), "the first use of a counter was refused")
        _demand(refused == ready.next_f_cnt + 1, f"the counter wanted next was told as {refused}")


async def what_is_flushed_is_reported(bench: Bench) -> None:
    """What was dropped from a queue ends in a last word too."""
    async with _open(bench) as (connector, _):
        effect = EffectId(1, 9)
        await connector.send_unicast(_unicast(bench), effect)
        await connector.flush(bench.device)
        await _last_words(connector, {effect})


@asynccontextmanager
async def _open(bench: Bench) -> AsyncIterator[tuple[Connector, Capabilities]]:
    connector = await bench.connect()
    try:
        yield connector, await connector.open()
    finally:
        await connector.close()


async def _ensured(connector: Connector, bench: Bench) -> GroupReady:
    answer = await connector.ensure_multicast_group(bench.group)
    if not isinstance(answer, GroupReady):
        raise PromiseBroken(f"the group for practice could not be made: {answer}")
    return answer


async def _first_uplink(connector: Connector) -> Uplink:
    async for told in connector.heard():
        if isinstance(told.heard, Uplink):
            return told.heard
        told.acknowledge()
    raise PromiseBroken("heard() ended while the connection was open")


async def _last_words(
    connector: Connector, effects: set[EffectId]
) -> dict[EffectId, list[DownlinkSent | DownlinkFailed]]:
    """What is reported until every effect had a last word, and three further messages came."""
    words: dict[EffectId, list[DownlinkSent | DownlinkFailed]] = {effect: [] for effect in effects}
    seen: set[str] = set()
    more = 3
    async for told in connector.heard():
        one: Heard = told.heard
        _take(told)
        if isinstance(one, DownlinkSent | DownlinkFailed) and one.effect_id in words:
            if same_thing_key(one) not in seen:  # the same report twice is no second word
                words[one.effect_id].append(one)
            seen.add(same_thing_key(one))
        if all(words.values()):
            more -= 1
            if more == 0:
                return words
    raise PromiseBroken("heard() ended before every effect had a last word")


def _take(told: Told) -> None:
    told.acknowledge()


def _unicast(bench: Bench) -> UnicastDownlink:
    return UnicastDownlink(bench.device, bench.f_port, b"\x01", bench.now() + 3_600_000)


def _multicast(
    bench: Bench, capabilities: Capabilities, f_cnt: int, payload: bytes = b"\x02", not_before: InstantMs | None = None
) -> MulticastDownlink:
    """A frame as the server wants it: with a counter where we count, encrypted under it where we encrypt."""
    group = bench.group
    at = bench.now() if not_before is None else not_before
    if capabilities.multicast_counter is Counting.NETWORK or group.network_counts:
        return MulticastDownlink(group.dev_eui, bench.f_port, payload, None, at)
    encrypted = capabilities.multicast_cipher is not Counting.NETWORK
    if encrypted:
        payload = PayloadCipher(group.mc_app_s_key).crypt(payload, Direction.DOWN, group.mc_addr, f_cnt)
    return MulticastDownlink(group.dev_eui, bench.f_port, payload, f_cnt, at, encrypted)


def _demand(kept: bool, promise: str) -> None:
    if not kept:
        raise PromiseBroken(promise)
