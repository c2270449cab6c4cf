"""What a multicast group's air can carry: band, sub-band, data rate, and the largest fragment for each profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from fleetcast.errors import Invalid
from fleetcast.planning.facts import Group, Profile
from fleetcast.planning.plan import PlannedGroup
from fleetcast.planning.refusals import PlanRefused
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES, downlink_airtime_us
from fleetcast.radio.band import Band, Direction, UnknownDataRate
from fleetcast.radio.bands import catalog
from fleetcast.radio.downlink import check_downlink, sub_band_of
from fleetcast.radio.fragments import max_fragment_bytes
from fleetcast.radio.modulation import Fsk, LoRa, LrFhss, Modulation
from fleetcast.radio.payload_sizes import LATEST, Revision
from fleetcast.radio.spectrum import SubBand

STATUS_REQUEST_BYTES = 2
"""FragSessionStatusReq with its command identifier (TS004, 0x01)."""

CHANNELS = 8
"""Uplink channels that answers spread over: what a common gateway hears at once."""


@dataclass(frozen=True)
class GroupAir:
    """One group with the band it sends in; made by `group_air`, which refuses what may not be sent."""

    group: Group
    band: Band
    sub_band: SubBand
    modulation: Modulation

    @cached_property
    def speed(self) -> float:
        """Bits a second: orders data rates by how strong a link they need."""
        return bit_rate(self.modulation)

    @property
    def sub_band_label(self) -> str:
        """How the sub-band is called in plans: its letter, or its edges."""
        return _label(self.sub_band)

    @property
    def status_request_airtime_us(self) -> int:
        """Time on air of a FragSessionStatusReq."""
        return downlink_airtime_us(self.modulation, PHY_OVERHEAD_BYTES + STATUS_REQUEST_BYTES)

    def largest_fragment_bytes(self, profile: Profile) -> int:
        """The largest fragment that a device of this profile takes from this group; 0: it can't use the data rate.

        Where the profile doesn't say which edition of the regional parameters it was built for, the least of the first
        and the last.
        """
        editions = (Revision.LORAWAN_1_0, LATEST) if profile.revision is None else (profile.revision,)
        return min(
            profile.max_fragment_bytes, *(_largest(self.band, self.group, profile.repeater, each) for each in editions)
        )


@lru_cache(maxsize=4096)
def _largest(band: Band, group: Group, repeater: bool, edition: Revision) -> int:
    try:
        return max_fragment_bytes(band.at(edition), group.data_rate, repeater=repeater, dwell_limited=group.dwell_time)
    except UnknownDataRate:
        return 0


def group_air(group: Group) -> GroupAir:
    """The air of a group; raises PlanRefused for a band, data rate or frequency that can't be used, saying what can."""
    try:
        band = catalog.band(group.band, plan=group.channel_plan)
        if group.country is not None:
            band = band.in_country(group.country)
        rate = check_downlink(band, group.frequency_hz, group.data_rate, dwell_limited=group.dwell_time)
        sub_band = sub_band_of(band, group.frequency_hz, rate.modulation.occupied_bandwidth_hz)
    except Invalid as refusal:
        raise PlanRefused(f"multicast group {group.dev_eui}", str(refusal), "groups") from refusal
    return GroupAir(group, band, sub_band, rate.modulation)


def in_sub_band(planned: PlannedGroup, frequency_hz: int) -> bool:
    """Whether a frequency lies in the sub-band that a group was planned for."""
    try:
        band = catalog.band(planned.band)
        modulation = band.data_rate(planned.data_rate, Direction.DOWNLINK).modulation
        return _label(sub_band_of(band, frequency_hz, modulation.occupied_bandwidth_hz)) == planned.sub_band
    except Invalid:
        return False


def link_speed(band: Band, uplink_dr: int | None) -> float | None:
    """Bits a second of the fastest downlink that a device allows which is heard at this data rate; None: unknown."""
    if uplink_dr is None:
        return None
    try:
        downlink_dr = band.rx1_data_rate(uplink_dr)
        return bit_rate(band.data_rate(downlink_dr, Direction.DOWNLINK).modulation)
    except Invalid:
        return None


def _label(sub_band: SubBand) -> str:
    return sub_band.name or f"{sub_band.min_hz}-{sub_band.max_hz}"


def bit_rate(modulation: Modulation) -> float:
    """Raw bits a second at coding rate 4/5."""
    match modulation:
        case LoRa(sf, bw_hz):
            return sf * bw_hz / (1 << sf) * 0.8
        case Fsk(bitrate_bps):
            return float(bitrate_bps)
        case LrFhss():
            return 0.0
