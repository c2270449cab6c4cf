"""Forward error correction of TS004 (FragAlgo 0): redundancy out, lost fragments back.

Pure arithmetic on bytes and bits. It knows neither frames nor sessions nor devices, and sends nothing.
"""

from fleetcast.fec.decoder import BlockIncomplete, Decoder, FragmentLengthWrong
from fleetcast.fec.encoder import BlockEmpty, BlockTooLarge, Encoder, FragmentSizeOutOfRange
from fleetcast.fec.implementation import Implementation, KernelAbsent, active, available
from fleetcast.fec.parity_matrix import MAX_FRAGMENT_NUMBER, SCHEMES, FragmentNumberOutOfRange, Scheme, line, lines

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
    "Scheme",
    "active",
    "available",
    "line",
    "lines",
]
