"""What a band is: data rates, payload sizes, dwell time, receive windows, class B, and where a gateway may send.

A `Band` is a frozen value that holds the regional parameters of one region (RP002) beside the transmitter rules of its
regulation. The figures are in `bands/`, one file per band; `bands.catalog` finds a band by name. Whether a downlink is
allowed is judged in `downlink`, its airtime is computed in `airtime`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from fleetcast.errors import Invalid
from fleetcast.radio.modulation import Modulation
from fleetcast.radio.payload_sizes import LATEST, EarlierPayloads, PayloadLimit, PayloadTables, Revision
from fleetcast.radio.receive_windows import Beacon, ChannelPlan, PingSlotChannel, Rx2
from fleetcast.radio.spectrum import ChannelBlock, DownlinkFrequencies, DownlinkList, FrequencyRange, SubBand

_HEADER_BYTES = 8  # FHDR without FOpts 7, FPort 1: the difference between M and N


class UnknownDataRate(Invalid):
    """The band has no such data rate in this direction."""

    def __init__(self, band: str, dr: int, allowed: tuple[int, ...], why: str) -> None:
        self.band, self.dr, self.allowed = band, dr, allowed
        super().__init__(f"{band} DR{dr} {why}: use {_rates(allowed)}")


class Direction(Enum):
    """Which way a data rate, or a limit, applies."""

    UPLINK = "uplink"
    DOWNLINK = "downlink"
    BOTH = "both"

    def includes(self, wanted: Direction) -> bool:
        """Whether something for this direction serves the wanted one."""
        return self is Direction.BOTH or self is wanted


class Rule(Enum):
    """Whether a limit binds: yes, no, or by the law of the country inside a region of many."""

    YES = "yes"
    NO = "no"
    BY_COUNTRY = "by country"


class Edges(Enum):
    """What the edges of a sub-band bound."""

    CENTRE = "centre frequency"
    OCCUPIED_CHANNEL = "occupied channel"


@dataclass(frozen=True, slots=True)
class DataRate:
    """One row of a band's data-rate table; `since` names the edition that brought it, None for all."""

    dr: int
    modulation: Modulation
    direction: Direction = Direction.BOTH
    since: Revision | None = None


@dataclass(frozen=True, slots=True)
class DwellTime:
    """Longest single transmission: in which directions, at which bandwidth (None: any), who sets it, and from where on.

    The defaults hold before TxParamSetupReq; None where nothing is switched: the limit is already in the payload table.
    """

    limit_ms: int
    applies_to: tuple[Direction, ...]
    set_by: str
    only_bw_hz: int | None = None
    default_uplink: bool | None = None
    default_downlink: bool | None = None


@dataclass(frozen=True, slots=True)
class ListenBeforeTalk:
    """Figures of a listen-before-talk rule; verify them against national law before use."""

    threshold_dbm: float
    scan_us: int
    max_tx_ms: int | None = None
    min_pause_ms: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CountryProfile:
    """What one country inside a region of many allows its gateways; a sketch, to be verified by the operator."""

    name: str
    frequencies: FrequencyRange
    duty_cycle: float
    dwell_400ms: bool
    max_eirp_dbm: float | None = None
    lbt: ListenBeforeTalk | None = None


@dataclass(frozen=True, slots=True)
class DevicePowerLimit:
    """Below this frequency a device may use less power than the band's maximum."""

    below_hz: int
    max_eirp_dbm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The regional parameters of one region and the transmitter rules of its regulation.

    `uplink` None means the sizes of `downlink`; `default_channels_hz` are the join channels of a band whose channels
    the network adds, `uplink_channels` and `downlink_channels` those of a band with fixed channels.
    """

    name: str
    spec_name: str
    source: str
    device_range: FrequencyRange
    data_rates: tuple[DataRate, ...]
    downlink: PayloadTables
    rx2: Rx2
    beacon: Beacon
    ping_slot: PingSlotChannel
    gateway_sub_bands: tuple[SubBand, ...]
    downlink_valid: DownlinkFrequencies
    rx1_dr: tuple[tuple[int, tuple[int, ...]], ...]
    max_eirp_device_dbm: float
    tx_power_steps: int
    duty_cycle_enforced: Rule
    lbt: Rule
    sub_band_edges: Edges
    revision: Revision = LATEST
    frequency_offset_hz: int | None = None
    uplink: PayloadTables | None = None
    earlier_payloads: tuple[EarlierPayloads, ...] = ()
    default_channels_hz: tuple[int, ...] = ()
    uplink_channels: tuple[ChannelBlock, ...] = ()
    downlink_channels: tuple[ChannelBlock, ...] = ()
    channel_plans: tuple[ChannelPlan, ...] = ()
    plan: str | None = None
    rx1_dr_dwell_400ms: tuple[tuple[int, tuple[int, ...]], ...] | None = None
    dwell_time: DwellTime | None = None
    lbt_rule: ListenBeforeTalk | None = None
    max_eirp_device_dbm_rp002_1_0_5: float | None = None
    lower_device_power: tuple[DevicePowerLimit, ...] = ()
    optional_sub_bands: tuple[SubBand, ...] = ()
    country_profiles: tuple[CountryProfile, ...] = ()
    notes: tuple[str, ...] = ()

    def __hash__(self) -> int:
        # A band is a large value; its name and plan tell nearly all of them apart.
        return hash((self.name, self.plan, self.revision))

    def __str__(self) -> str:
        return f"{self.name} {self.plan}" if self.plan else self.name

    def data_rate(self, dr: int, direction: Direction = Direction.DOWNLINK) -> DataRate:
        """The data rate with this number, by default for downlinks; raises UnknownDataRate with those there are.

        In US915 and AU915 one number means different things up and down.
        """
        for rate in self.data_rates:
            if rate.dr == dr and rate.direction.includes(direction):
                return rate
        elsewhere = next((rate for rate in self.data_rates if rate.dr == dr), None)
        if elsewhere is None:
            why = "does not exist"
        else:
            why = f"({elsewhere.modulation}) is for {elsewhere.direction.value}s only"
        raise UnknownDataRate(str(self), dr, self.usable_data_rates(direction), why)

    def usable_data_rates(self, direction: Direction = Direction.DOWNLINK) -> tuple[int, ...]:
        """Numbers of the data rates that can carry a payload in this direction, lowest first."""
        sized = {limit.dr for limit in self._payloads(direction).no_repeater if limit.macpayload_bytes}
        return tuple(sorted(r.dr for r in self.data_rates if r.direction.includes(direction) and r.dr in sized))

    def max_payload(
        self,
        dr: int,
        direction: Direction = Direction.DOWNLINK,
        *,
        repeater: bool = False,
        dwell_limited: bool = False,
    ) -> PayloadLimit:
        """Largest payload at this data rate; `dwell_limited` where TxParamSetupReq (or its default) limits the dwell.

        Raises UnknownDataRate where the band has no such data rate or states no size for it.
        """
        self.data_rate(dr, direction)
        table = self._payloads(direction).table(repeater=repeater, dwell_limited=dwell_limited)
        for limit in table:
            if limit.dr == dr:
                return limit
        sized = tuple(sorted(limit.dr for limit in table if limit.macpayload_bytes))
        raise UnknownDataRate(str(self), dr, sized, f"has no {direction.value} payload size in {self.revision}")

    def _payloads(self, direction: Direction) -> PayloadTables:
        return self.uplink if direction is Direction.UPLINK and self.uplink is not None else self.downlink

    def rx1_data_rate(self, uplink_dr: int, rx1_dr_offset: int = 0, *, dwell_limited: bool = False) -> int:
        """Data rate of RX1 after an uplink, for an RX1DROffset; raises Invalid outside the band's table."""
        table = self.rx1_dr_dwell_400ms if dwell_limited and self.rx1_dr_dwell_400ms else self.rx1_dr
        for dr, by_offset in table:
            if dr == uplink_dr:
                if 0 <= rx1_dr_offset < len(by_offset):
                    return by_offset[rx1_dr_offset]
                raise Invalid(f"{self} has no RX1DROffset {rx1_dr_offset}: use 0 to {len(by_offset) - 1}")
        raise UnknownDataRate(str(self), uplink_dr, tuple(sorted(dr for dr, _ in table)), "has no RX1 row")

    def at(self, revision: Revision) -> Band:
        """The band as devices built for this edition know it: fewer data rates, and payload sizes that have changed.

        A device checks sizes against its own edition: for a mixed fleet take the smallest over the editions in it.
        """
        known = tuple(rate for rate in self.data_rates if rate.since is None or rate.since <= revision)
        # Of several earlier tables the one that ends first, but not before this edition, is meant.
        tables = min(
            (each for each in self.earlier_payloads if revision <= each.until),
            key=lambda each: each.until,
            default=None,
        )
        later_power = self.max_eirp_device_dbm_rp002_1_0_5 if revision >= Revision.RP002_1_0_5 else None
        return replace(
            self,
            revision=revision,
            data_rates=known,
            downlink=self.downlink if tables is None else tables.downlink,
            uplink=self.uplink if tables is None else tables.uplink,
            max_eirp_device_dbm=self.max_eirp_device_dbm if later_power is None else later_power,
        )

    def with_plan(self, name: str, join_channel: int | None = None) -> Band:
        """The band under one of its channel plans; what hangs on the join channel stays open without it.

        Without a join channel RX2 is that of devices activated by personalisation. Raises Invalid for an unknown plan
        or join channel.
        """
        plan = next((each for each in self.channel_plans if each.name.lower() == name.strip().lower()), None)
        if plan is None:
            known = ", ".join(each.name for each in self.channel_plans) or "it has a single one"
            raise Invalid(f"{self.name} has no channel plan {name!r}: {known}")
        group = next((each for each in plan.groups if each.join_channel == join_channel), None)
        if group is None and join_channel is not None:
            known = ", ".join(str(each.join_channel) for each in plan.groups if each.join_channel is not None)
            raise Invalid(f"{self.name} {plan.name} has no join channel {join_channel}: {known or 'leave it out'}")
        return replace(
            self,
            plan=plan.name,
            rx2=Rx2(plan.rx2_dr, (plan.rx2_abp_hz if group is None else group.rx2_hz,)),
            beacon=replace(self.beacon, frequencies_hz=() if group is None else group.beacon_hz),
            ping_slot=replace(self.ping_slot, frequencies_hz=() if group is None else group.ping_hz),
            downlink_valid=DownlinkList(plan.downlink_hz),
            uplink_channels=plan.uplink,
            downlink_channels=plan.downlink,
        )

    def with_sub_bands(self, sub_bands: tuple[SubBand, ...]) -> Band:
        """The band under an operator's own transmitter rules; where sub-bands overlap, the first one named counts."""
        if not sub_bands:
            raise Invalid(f"{self}: without any sub-band nothing may be sent; name at least one")
        for each in sub_bands:
            if not (each.min_hz < each.max_hz and 0 < each.duty_cycle <= 1):
                raise Invalid(f"{self}: {each} is not a sub-band: give min below max and a duty cycle above 0, up to 1")
        return replace(self, gateway_sub_bands=sub_bands)

    def in_country(self, name: str) -> Band:
        """The band under one of its country profiles, found by the beginning of its name; raises Invalid otherwise."""
        for profile in self.country_profiles:
            if name and profile.name.lower().startswith(name.strip().lower()):
                eirp = profile.max_eirp_dbm
                return replace(
                    self.with_sub_bands(
                        (
                            SubBand(
                                profile.frequencies.min_hz,
                                profile.frequencies.max_hz,
                                profile.duty_cycle,
                                # A profile without a power keeps that of the group's common sub-band.
                                max_eirp_dbm=self.gateway_sub_bands[0].max_eirp_dbm if eirp is None else eirp,
                                note=profile.name,
                            ),
                        )
                    ),
                    lbt=Rule.YES if profile.lbt else Rule.NO,
                    lbt_rule=profile.lbt,
                    duty_cycle_enforced=Rule.YES if profile.duty_cycle < 1 else Rule.NO,
                )
        known = ", ".join(profile.name for profile in self.country_profiles) or "none"
        raise Invalid(f"{self} has no profile for {name!r} (known: {known}): give the sub-bands yourself")


def _rates(numbers: tuple[int, ...]) -> str:
    return ", ".join(f"DR{number}" for number in numbers) if numbers else "another band"
