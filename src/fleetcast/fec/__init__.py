"""Forward error correction of TS004 (FragAlgo 0): redundancy out, lost fragments back.

Pure arithmetic on bytes and bits. It knows neither frames nor sessions nor devices, and sends nothing.
"""

from fleetcast.fec.completion import completion
from fleetcast.fec.decoder import BlockIncomplete, Decoder, FragmentLengthWrong
from fleetcast.fec.encoder import BlockEmpty, BlockTooLarge, Encoder, FragmentSizeOutOfRange
from fleetcast.fec.implementation import Implementation, KernelAbsent, active, available
from fleetcast.fec.parity_matrix import MAX_FRAGMENT_NUMBER, SCHEMES, FragmentNumberOutOfRange, Scheme, line, lines
from fleetcast.fec.rank_tracker import RankTracker
from fleetcast.fec.recovery_odds import OutOfReach, coded_needed, completion_probability, extra_distribution
from fleetcast.fec.weak_sizes import Twins, twins, weak

__all__ = [
    "MAX_FRAGMENT_NUMBER",
    "SCHEMES",
    "BlockEmpty",
    "BlockIncomplete",
    "BlockTooLarge",
    "Decoder",
    "Encoder",
    "FragmentLengthWrong",
    "FragmentNumberOutOfRange",
    "FragmentSizeOutOfRange",
    "Implementation",
    "KernelAbsent",
    "OutOfReach",
    "RankTracker",
    "Scheme",
    "Twins",
    "active",
    "available",
    "coded_needed",
    "completion",
    "completion_probability",
    "extra_distribution",
    "line",
    "lines",
    "twins",
    "weak",
]
