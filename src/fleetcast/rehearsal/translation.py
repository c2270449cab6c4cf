"""What the simulated network tells → events of the engine, one to one."""

from __future__ import annotations

from typing import assert_never

from fleetcast.campaign import events
from fleetcast.simulator import heard


def event(of: heard.Heard) -> events.Event:
    """The same thing as the engine knows it."""
    match of:
        case heard.Uplink():
            return events.UplinkHeard(
                of.dev_eui, of.f_port, of.payload, of.received_at, of.f_cnt, of.data_rate, of.gateways
            )
        case heard.Joined():
            return events.DeviceRejoined(of.dev_eui)
        case heard.Queued():
            return events.DownlinkQueued(of.effect_id)
        case heard.Sent():
            return events.DownlinkSent(of.effect_id, of.sent_at, of.f_cnt, of.sent_by, of.refused_by)
        case heard.Failed():
            return events.DownlinkFailed(of.effect_id, of.cause, of.detail, of.next_f_cnt)
        case heard.Unknown():
            return events.DownlinkUnknown(of.effect_id)
        case heard.GroupReady():
            return events.GroupReady(of.group, of.next_f_cnt, of.frequency_hz, of.data_rate, of.created_by_us)
        case heard.GroupRefused():
            return events.GroupRefused(of.group, of.why, of.final)
        case heard.ConnectionLost():
            return events.ConnectionLost(of.connection)
        case heard.ConnectionBack():
            return events.ConnectionBack(of.connection)
        case _:
            assert_never(of)
