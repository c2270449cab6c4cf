"""Why a device refuses a fragmentation session (TS004, FragSessionSetupAns)."""

from __future__ import annotations

from fleetcast.fec import MAX_FRAGMENT_NUMBER
from fleetcast.protocol.ts004_fragmentation import v1, v2
from fleetcast.simulator.device_spec import DeviceSpec
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.traits import Traits

_ALGO = 1
_MEMORY = 2
_INDEX = 4
_DESCRIPTOR = 8


def refusals(spec: DeviceSpec, request: v1.FragSessionSetupReq | v2.FragSessionSetupReq, *, in_use: bool) -> int:
    """The status bits of a refusal, 0 when nothing speaks against the session; the counter apart."""
    traits = spec.model.traits
    bits = spec.defects.refuses_fragmentation_bits
    if request.frag_algo != 0:
        bits |= _ALGO
    if _too_large(spec, request):
        bits |= _MEMORY
    if request.frag_index >= traits.frag_sessions or (in_use and traits.setup_same_index == "refuse"):
        bits |= _INDEX
    accepted = spec.model.accepted_descriptors
    if accepted is not None and request.descriptor not in accepted:
        bits |= _DESCRIPTOR
    return bits


def session_cnt_is_new(traits: Traits, session_cnt: int, last: int) -> bool:
    """Whether a SessionCnt is above the last one used on its index; -1: none was."""
    if Quirk.SESSIONCNT_SIGNED in traits.quirks:
        return 0 < (session_cnt - last) % 0x10000 < 0x8000
    return session_cnt > last


def _too_large(spec: DeviceSpec, request: v1.FragSessionSetupReq | v2.FragSessionSetupReq) -> bool:
    traits = spec.model.traits
    checked = traits.setup_refusals
    if not 1 <= request.nb_frag <= MAX_FRAGMENT_NUMBER or request.frag_size == 0:
        return True
    if request.padding >= request.frag_size:
        return True
    if "nb_frag" in checked and request.nb_frag > traits.max_nb_frag:
        return True
    if "frag_size" in checked and request.frag_size > traits.max_frag_size:
        return True
    if request.frag_size < traits.min_frag_size:
        return True
    size = request.nb_frag * request.frag_size
    broken = spec.defects.block_memory_bytes
    if broken is not None and size > broken:
        return True
    return traits.max_block_bytes is not None and size > traits.max_block_bytes
