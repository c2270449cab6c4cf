"""What a device says about a block (FragSessionStatusAns), by the text of TS004 and as stacks in the field say it."""

from __future__ import annotations

from fleetcast.simulator.packages.reception import Reception
from fleetcast.simulator.traits import Traits

CID = 0x01
_SESSION_MISSING = 4
_MIC_ERROR = 2
_MEMORY_ERROR = 1
_COUNT_BITS = 0x3FFF
NEVER_ANY = (0, 0, 0)
"""Counts of a decoder that never had a session."""

Counts = tuple[int, int, int]
"""NbFragReceived, MissingFrag and the error bits of a status."""


def missing_frag(traits: Traits, nb_frag: int, got: Reception) -> int:
    """MissingFrag before it is cut to a byte, as this stack counts."""
    lost = got.lost(nb_frag)
    if got.received == 0:
        return 0 if traits.missing_frag_before_first == "zero" else nb_frag
    if got.complete and lost == 0 and traits.missing_frag_after_lossless:
        return traits.missing_frag_after_lossless
    match traits.missing_frag:
        case "lost_never_falls":
            return lost
        case "lost_until_complete":
            return 0 if got.complete else lost
        case "m_minus_all_receptions":
            return max(nb_frag - got.received, 0)
        case "m_minus_rank" | "m_minus_received_then_lost_minus_rank":
            # M - received, while nothing coded came, and lost - rank of the coded ones are both M - rank.
            return got.missing


def nb_frag_received(traits: Traits, nb_frag: int, got: Reception) -> int:
    """NbFragReceived, as this stack counts."""
    match traits.nb_frag_received:
        case "last_number":
            return got.last_n
        case "last_number_minus_lost":
            return max(got.last_n - got.lost(nb_frag), 0)
        case "received_without_repeats":
            return got.distinct
        case "all_receptions" | "big_endian":
            return got.received


def answers_participants_0(traits: Traits, nb_frag: int, got: Reception) -> bool:
    """Whether a request to those that miss fragments is answered."""
    match traits.status_participants_0:
        case "if_lost_ever":
            return got.lost(nb_frag) > 0
        case "if_missing_gt_0":
            return missing_frag(traits, nb_frag, got) > 0
        case "text":
            return not got.complete


def counts(traits: Traits, nb_frag: int, got: Reception, *, mic_error: bool, memory_error: bool) -> Counts:
    """The parts of a status."""
    missing = missing_frag(traits, nb_frag, got)
    bits = _MEMORY_ERROR * memory_error | _MIC_ERROR * (mic_error and got.complete)
    if got.received == 0 and traits.missing_frag_before_first == "zero":
        bits &= _MEMORY_ERROR  # the decoder's fresh record: all zero, but for an error that sticks
    return min(nb_frag_received(traits, nb_frag, got), _COUNT_BITS), min(missing, 255), bits


def written(traits: Traits, version: int, frag_index: int, said: Counts) -> bytes:
    """The answer in the layout of this stack."""
    received, missing, bits = said
    layout = traits.status_layout or f"v{version}"
    received_and_index = (frag_index << 14 | received).to_bytes(2, "little")
    if layout == "v1_big_endian":
        received_and_index = received_and_index[::-1]
    if layout == "v2":
        return bytes([CID, bits]) + received_and_index + bytes([missing])
    return bytes([CID]) + received_and_index + bytes([missing, bits if version >= 2 else bits & _MEMORY_ERROR])


def without_session(traits: Traits, version: int, frag_index: int, last: Counts | None) -> bytes:
    """The answer about a session that is not there; no bytes: silence. `last` are the counts of the one before."""
    match traits.status_no_session:
        case "silent":
            return b""
        case "zeros_no_flag":
            return bytes([CID, 0, 0, 0, 0])
        case "decoder_state":
            return written(traits, version, frag_index, last or NEVER_ANY)
        case "bit2_full_length":
            if last is None:
                return bytes([CID, _SESSION_MISSING | _MIC_ERROR, 0, 0, 0])
            return written(traits, version, frag_index, (last[0], last[1], _SESSION_MISSING))
        case "text":
            return bytes([CID, _SESSION_MISSING]) if version >= 2 else b""
