"""What the network server tells about its work, and how that gets lost, doubled or late on its way."""

from __future__ import annotations

from fleetcast.instants import InstantMs
from fleetcast.simulator.chance import Dice
from fleetcast.simulator.heard import ConnectionBack, ConnectionLost, Failed, Sent, Unknown, Uplink
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.timeline import Timeline


class Reports:
    """The way from the network server to the application."""

    def __init__(self, timeline: Timeline, settings: NetworkSettings, dice: Dice, start: InstantMs) -> None:
        self._timeline = timeline
        self._settings = settings
        self._dice = dice
        self._outages_us = tuple(
            (start * 1000 + round(begin * 1e6), start * 1000 + round(end * 1e6)) for begin, end in settings.outages_s
        )
        for begin_us, end_us in self._outages_us:
            timeline.tell_at(begin_us, ConnectionLost(settings.connection))
            timeline.tell_at(end_us, ConnectionBack(settings.connection))

    @property
    def interrupted(self) -> bool:
        """Whether the connection is out of service now."""
        now_us = self._timeline.now_us
        return any(begin_us <= now_us < end_us for begin_us, end_us in self._outages_us)

    def uplink(self, uplink: Uplink) -> None:
        """An uplink, now."""
        settings, dice, timeline = self._settings, self._dice, self._timeline
        if self._outages_us and self.interrupted:
            return
        if settings.uplinks_lost and dice.happens(settings.uplinks_lost):
            return
        if settings.uplinks_late and dice.happens(settings.uplinks_late):
            timeline.tell_at(timeline.now_us + self._late_us(), uplink)
        else:
            timeline.tell(uplink)
        if settings.uplinks_doubled and dice.happens(settings.uplinks_doubled):
            timeline.tell_at(timeline.now_us + self._late_us(), uplink)

    def outcome(self, outcome: Sent | Failed, after_us: int = 0) -> None:
        """The final word on a downlink, so long from now."""
        settings, dice = self._settings, self._dice
        at_us = self._timeline.now_us + after_us + settings.report_delay_ms * 1000
        if dice.happens(settings.reports_lost):
            if settings.report_timeout_s is not None:
                self._timeline.tell_at(at_us + settings.report_timeout_s * 1_000_000, Unknown(outcome.effect_id))
            return
        if dice.happens(settings.reports_late):
            at_us += self._late_us()
        self._timeline.tell_at(at_us, outcome)
        if dice.happens(settings.reports_doubled):
            self._timeline.tell_at(at_us + self._late_us(), outcome)

    def _late_us(self) -> int:
        return round(self._dice.roll() * self._settings.late_by_s * 1e6)
