"""The numbers and choices an operator may set: per subscriber, overridden per campaign.

Names are those that users of this kind of product know; each has its unit here. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from fleetcast.errors import Invalid
from fleetcast.radio.duty_cycle import DutyCycleUse

__all__ = ["BelowThreshold", "Conflicts", "DutyCycleUse", "LateStart", "Policy", "Setup", "TransferUntil"]


class Setup(StrEnum):
    """How devices go through the setup stages: all together, or each at its own pace."""

    STAGED = "staged"
    PIPELINED = "pipelined"


class BelowThreshold(StrEnum):
    """What a stage that ends below the success threshold does to the campaign."""

    FAIL = "fail"
    CONTINUE = "continue"


class TransferUntil(StrEnum):
    """How long `adaptive` and `carousel` go on."""

    EVERYONE = "everyone"
    THRESHOLD = "threshold"


class LateStart(StrEnum):
    """What happens when a session start given by the operator can't be met."""

    MOVE = "move"
    FAIL = "fail"


class Conflicts(StrEnum):
    """What a device that another running campaign uses does to the start."""

    LEAVE_OUT = "leave out"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every setting of a campaign, with its default."""

    ucast_msg_delay_ms: int = 1000
    """Least time between two unicast downlinks of a connection."""
    mcast_msg_delay_ms: int = 0
    """Least time between two multicast downlinks of a group, beyond what air, device and network server need."""
    msg_retries: int = 2
    """Sendings of a request after the first."""
    delivery_timeout_s: int = 60
    """A downlink without a report is taken as unknown after this."""
    mcsession_delay_s: int = 60
    """Least time between the last session request and the session start."""
    classb_start_beacons_delay: int = 2
    """Beacon periods kept for acquisition before a class B start."""
    first_fragment_delay_s: int = 3
    """From a class C session start to the first fragment."""
    datafrag_loops_max: int = 10
    """Most passes of uncoded fragments without FEC, the first included."""
    frag_redundancy_max: int | None = None
    """Most coded fragments of a fragmentation session; None: as many as the counter allows."""
    stage_complete_delay: int = 1
    """Grace at the end of a stage, in uplinks."""
    complete_delay_s: int = 0
    """More grace before the campaign ends."""
    fuota_process_max_time_s: int = 300
    """What a device needs to check and flash an image and be back."""
    fsession_status_threshold: int = 5
    """Percent of devices still open above which a status request goes over multicast."""
    fsession_status_spread_s: int | None = None
    """Width of the status answers; None: computed; rounded up to what BlockAckDelay can carry."""
    fsession_status_timeout_s: int = 60
    """Waiting for status answers after the spread."""
    summary_reports_disabled: bool = False
    """Go by time, not by the network's reports that a multicast was sent."""
    summary_report_timeout_s: int = 30
    """Longest wait for such a report; in class B after the slots in which the group's gateways take turns."""
    retry_ineligible_gateways: bool = True
    """Also gateways that can't send just now: passed on by ThingPark connections with each multicast, else unused."""
    time_sync_tolerance_s: int = 1
    """AppTimeReq without AnsRequired isn't answered below this difference: for the time service, not the engine."""
    encrypt_disabled: bool = False
    """Leave multicast payloads in clear for the network server to encrypt, where both can; for whoever seals them."""
    mcgroup_validity_coeff: float = 1.0
    """Widens the counter window of McGroupSetupReq."""
    fsize: int | None = None
    """Fixed fragment size in bytes; None: chosen."""
    fsize_optimization: int = 4
    """Chosen fragment sizes are a multiple of this (flash writes)."""
    setup: Setup = Setup.STAGED
    below_threshold: BelowThreshold = BelowThreshold.FAIL
    transfer_until: TransferUntil = TransferUntil.EVERYONE
    late_start: LateStart = LateStart.MOVE
    duty_cycle_use: DutyCycleUse = DutyCycleUse.EVEN
    duty_cycle_share: int = 80
    """Percent of the regulation's hourly airtime that campaigns may use."""
    class_c_at_once: bool = False
    """Devices in class C for good are addressed without first contact."""
    reboot_spread_s: int = 0
    """Reboot times are spread over this span."""
    soak_s: int = 0
    """How long a device must speak at its old period after the update to be healthy; 0: not asked."""
    conflicts: Conflicts = Conflicts.LEAVE_OUT

    def __post_init__(self) -> None:
        at_least = {
            "datafrag_loops_max": 1, "fsize_optimization": 1, "duty_cycle_share": 1, "delivery_timeout_s": 1,
            "summary_report_timeout_s": 1, "mcgroup_validity_coeff": 1,
        }  # fmt: skip
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and value < at_least.get(field.name, 0):
                raise Invalid(f"{field.name} {value}: at least {at_least.get(field.name, 0)}")
        for name in ("duty_cycle_share", "fsession_status_threshold"):
            if getattr(self, name) > 100:
                raise Invalid(f"{name} {getattr(self, name)}: at most 100 percent")
        if self.fsize is not None and not 1 <= self.fsize <= 255:
            raise Invalid(f"fsize {self.fsize}: 1 to 255 bytes")
