"""Why a device failed: typed causes, each with its text and what an operator can do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """A failure cause; its value is the text people see."""

    NEVER_HEARD = "never heard"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    CLOCK_OFF = "clock off"
    WRONG_ROOT_KEY = "wrong root key"
    TOO_MANY_LOST = "too many fragments lost"
    MEMORY_USED_UP = "decoder memory used up"
    INTEGRITY = "integrity check failed"
    NO_VALID_IMAGE = "no valid image"
    WRONG_IMAGE_VERSION = "wrong image version"
    WRONG_HARDWARE = "wrong hardware"
    WRONG_BASE_VERSION = "wrong base version"
    DID_NOT_REBOOT = "did not reboot"
    WRONG_VERSION_RUNNING = "wrong version running"
    NOT_HEALTHY = "not healthy after update"
    REJOINED = "rejoined during session"
    TIME_OVER = "time over"
    NETWORK_REFUSED_GROUP = "network refused the group"
    NETWORK_ERROR = "network error"
    STOPPED = "stopped"
    CAMPAIGN_FAILED = "campaign failed"


ADVICE: dict[Cause, str] = {
    Cause.NEVER_HEARD: "Check that the device is powered and in range; retry it when it has been heard.",
    Cause.NO_ANSWER: "Check the FPorts and package versions of its profile, and its downlink reception.",
    Cause.REFUSED: "The device said why: compare its limits with its profile, then retry.",
    Cause.CLOCK_OFF: "Check that the device speaks clock synchronisation (TS003), or widen the time tolerance.",
    Cause.WRONG_ROOT_KEY: "Compare the device key (GenAppKey for 1.0.x, AppKey for 1.1) with the device's own.",
    Cause.TOO_MANY_LOST: "Raise the redundancy or the maximum duration, or give it a group with a stronger link.",
    Cause.MEMORY_USED_UP: "Its decoder can't repair so many losses: use a stronger link, or a smaller file.",
    Cause.INTEGRITY: "The bytes arrived but their check failed: compare the parity scheme and the device key.",
    Cause.NO_VALID_IMAGE: "The device found no valid image: check its signature, and that the file suits this profile.",
    Cause.WRONG_IMAGE_VERSION: "The image holds another version than the file's: correct the file's version.",
    Cause.WRONG_HARDWARE: "The hardware differs from the profile's: give the device its own profile.",
    Cause.WRONG_BASE_VERSION: "The delta does not fit what it runs: send the full firmware.",
    Cause.DID_NOT_REBOOT: "It runs the old version still: check that it reboots on command, or power-cycle it.",
    Cause.WRONG_VERSION_RUNNING: "It runs a version that nobody sent: check the image and its boot loader.",
    Cause.NOT_HEALTHY: "It reported the new version and then fell silent: look at this device before going on.",
    Cause.REJOINED: "It restarted during the transfer: retry it; if it happens again, look at its power supply.",
    Cause.TIME_OVER: "Give the campaign a longer maximum duration, or retry the device.",
    Cause.NETWORK_REFUSED_GROUP: "See what the network server says about the multicast group, and correct the group.",
    Cause.NETWORK_ERROR: "The network server did not carry the message: check the connection, then retry.",
    Cause.STOPPED: "Somebody stopped the campaign; retry the device when wanted.",
    Cause.CAMPAIGN_FAILED: "Nothing was wrong with it when the campaign failed: see why that was, then retry.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A cause with its particulars, such as `missing 3 of 420` or the request that was not answered."""

    cause: Cause
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.cause.value} ({self.detail})" if self.detail else self.cause.value

    @property
    def advice(self) -> str:
        """What an operator can do."""
        return ADVICE[self.cause]
