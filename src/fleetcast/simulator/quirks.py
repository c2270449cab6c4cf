"""Where device stacks in the field leave the specifications, by name.

A quirk is a change of traits (numbers and choices the device code reads anyway), a switch that the device code asks for
by name, or both. What is neither is refused: a scenario that names it would otherwise be silently milder than it
says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from fleetcast.errors import Invalid


class Quirk(Enum):
    """A deviation that the device code asks for by name."""

    # Asked for at every frame; members are single, so that their identity will do.
    __hash__ = object.__hash__

    ANSWER_LOST_WHEN_BUSY = auto()
    BLOCK_64K_WRAP = auto()
    CLASS_B_BYTES_NOT_SKIPPED = auto()
    CLASS_B_DROPS_ALL = auto()
    CLASS_B_TIMEOUT_SHORT = auto()
    CLOCK_PERIODICITY_OFFSET = auto()
    CLOCK_VERSION_ON_200 = auto()
    COUNTDOWN_MS_32BIT = auto()
    DELETE_WITHOUT_EFFECT = auto()
    DEVVERSION_UNASKED = auto()
    DR_MASKED = auto()
    FCNT16_FIRST = auto()
    FRAGMENT_ZERO_WRITES_OUTSIDE = auto()
    FRAG_PORT_NEW_DOWNLINK_CANCELS = auto()
    FRAG_SIZE_ALIGN = auto()
    GROUP_STATUS_DROPS_ALL = auto()
    GROUP_STATUS_FIXED_OFFSET = auto()
    GROUP_STATUS_MISPARSE = auto()
    LATE_STATUS_OVERWRITTEN = auto()
    MCKEKEY_ZERO = auto()
    MPA_DELETE_LENGTH = auto()
    MPA_NO_ANSWER_FRAME = auto()
    MPA_STOP_EXCLUSIVE = auto()
    MPA_TOKEN_ONLY = auto()
    PARITY_SLOW = auto()
    RECEIVED_REQ_ON_NEXT_FRAGMENT = auto()
    RESYNC_N_PLUS_1 = auto()
    SECOND_INDEX_MISPARSE = auto()
    SESSIONCNT_SIGNED = auto()
    SETUP_ANS_NO_INDEX = auto()
    SETUP_REFUSAL_ENDS_SESSION = auto()
    SHORT_SESSION_ANSWER = auto()
    SILENT_AFTER_DONE = auto()
    TIMEOUT_RESTARTS = auto()
    TOKEN_BYTE_ECHOED = auto()


TRAIT_CHANGES: Mapping[str, Mapping[str, object]] = {
    "BIG_ENDIAN_STATUS": {"status_layout": "v1_big_endian"},
    "BITMASK_IGNORED": {"checks_mc_group_bit_mask": False},
    "CLASS_A_RX_INTERRUPTS_C": {},  # every simulated radio does one thing at a time
    "CLASS_C_STAYS_ON": {"class_after_session": "unchanged"},
    "CONFIRMED_ANSWERS": {"answers_confirmed": True},
    "DELAYS_IN_MS": {"block_ack_delay.unit_s": 0.001},
    "DELAY_ONLY_MULTICAST": {"block_ack_delay.applies_when": "multicast_only"},
    "DONE_ON_FAILURE": {"too_many_lost": "reports_finished"},
    "FRAGMENTS_FROM_0": {"first_fragment_number": 0},
    "FRAG_SIZE_ALIGN": {"frag_size_multiple_of": 8},
    "FRAG_ANSWER_3S": {"answer_delay_s.fragmentation": (3.0, 3.0)},
    "GROUP0_TIMER": {"session_timer": "one_for_all_group0"},
    "GROUPS_LOST_ON_REBOOT": {"persists.mc_groups": False, "persists.mc_fcnt": False},
    "GROUP_STATUS_TWO_RECORDS": {"answer_buffer_bytes.multicast_setup": 15},
    "LOSSLESS_MISSING_1": {"missing_frag_after_lossless": 1},
    "MEMORY_ERROR_AS_DONE": {"too_many_lost": "reports_finished"},
    "MEMORY_ERROR_STICKS": {"status_memory_error_sticky": True},
    "MIC_UNRELIABLE": {"data_block_mic": "not_compliant"},
    "MIN_FRAG_SIZE": {"min_frag_size": 48},
    "MISSING_COUNTS_REPEATS": {"missing_frag": "m_minus_all_receptions", "fragment_repeated": "count"},
    "MISSING_NEVER_FALLS": {"missing_frag": "lost_never_falls"},
    "MULTICAST_SETUP_ACCEPTED": {"drops_setup_on_multicast": False},
    "NO_FMP": {"packages.firmware_management": None},
    "NO_FUOTA": {
        "packages.multicast_setup": None,
        "packages.fragmentation": None,
        "packages.firmware_management": None,
    },
    "NO_SCHEDULE_WITHOUT_CLOCK": {"clock_unknown": "accept_ffffff_no_start"},
    "NO_SESSION_FULL_LENGTH": {"status_no_session": "bit2_full_length"},
    "NO_SESSION_SILENT": {"status_no_session": "silent"},
    "ONE_COMMAND_PER_PAYLOAD": {"max_commands_per_payload": 1},
    "ONE_GROUP": {"mc_groups": 1},
    "PERIODICITY_UNSUPPORTED": {"clock_request.periodicity_supported": False},
    "REBOOTS_AT_ONCE": {"reboot_after_block": "self_immediate"},
    "REBOOTS_RANDOM_BAD": {"reboot_after_block": "self_random"},
    "REBOOT_TIME_UNIX": {"firmware_management.reboot_time": "compares_unix"},
    "RECEIVED_REQ_ON_NEXT_FRAGMENT": {"block_received_req.sendings": None, "block_received_req.interval_s": None},
    "RECEIVED_REQ_ENDLESS": {"block_received_req.sendings": None, "block_received_req.interval_s": 1.5},
    "SESSIONCNT_RAM": {"session_cnt_persistent": False},
    "SESSION_NOT_STOPPED_AT_BLOCK": {"class_after_block": "unchanged"},
    "SETUP_ERASES_FLASH": {"setup_busy_s": 3.0},
    "START_PAST_BIT4": {"start_in_past": "bit4"},
    "STATUS_V2_IN_V1_LAYOUT": {"status_layout": "v1"},
    "STATUS_ZERO_BEFORE_FIRST": {"missing_frag_before_first": "zero"},
    "STATUS_ZERO_WITHOUT_SESSION": {"status_no_session": "zeros_no_flag"},
    "TAIL_LOSS_SILENT": {"status_participants_0": "if_lost_ever"},
    "UNDEFINED_ALL_BITS": {"undefined_group_status": 28},
    "UNKNOWN_DROPS_ALL": {"unknown_command": "drop_all"},
}
"""What a quirk changes in the traits; a dotted name is a part of a trait."""

NOT_SIMULATED: Mapping[str, str] = {
    "CRC64_HANDSHAKE": "the polynomial of its CRC-64 is not public",
    "FMP_RELEASE_CANDIDATE": "the layout of that draft of TS006 is not public",
    "SIGNATURE_TRAILER": "signatures inside an image are not checked by simulated devices",
}
"""Quirks that are known and not imitated, each with the reason."""


class QuirkNotSimulated(Invalid):
    """A quirk that simulated devices do not have."""

    def __init__(self, name: str) -> None:
        why = NOT_SIMULATED.get(name)
        problem = f"is known but not simulated ({why}): take it out" if why else "does not exist"
        known = "" if why else f"; there are: {', '.join(sorted({*Quirk.__members__, *TRAIT_CHANGES}))}"
        super().__init__(f"quirk {name} {problem}{known}")
        self.name = name


def split(names: Iterable[str]) -> tuple[frozenset[Quirk], dict[str, object]]:
    """The quirks asked for by name, and the changes of traits that the others mean; raises QuirkNotSimulated."""
    switches: set[Quirk] = set()
    changes: dict[str, object] = {}
    for name in names:
        if name not in TRAIT_CHANGES and name not in Quirk.__members__:
            raise QuirkNotSimulated(name)
        changes.update(TRAIT_CHANGES.get(name, {}))
        if name in Quirk.__members__:
            switches.add(Quirk[name])
    return frozenset(switches), changes
