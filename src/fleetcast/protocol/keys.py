"""Keys of the FUOTA packages: derive them, and wrap a group's key for one device.

All derivations are one AES-128 block (TS005-1.0.0 and 2.0.0, keys; TS004-2.0.0, data block integrity key). Keys are
`Secret`: they print as `***`. Where keys are stored is no concern of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.secret import Secret

KEY_BYTES = 16


class LorawanVersion(Enum):
    """Which LoRaWAN a device speaks: it decides which root key it has and how McRootKey comes from it."""

    V1_0 = "1.0"
    """1.0.x: the root key is GenAppKey, an extra key made for these packages; not the AppKey of the join."""
    V1_1 = "1.1"
    """1.1: the root key is AppKey."""


class WrongKeyLength(Invalid):
    """A key that does not have 16 bytes; the text never shows it."""

    def __init__(self, name: str, length: int) -> None:
        super().__init__(f"{name} of {length} bytes: an AES-128 key has {KEY_BYTES} bytes, 32 hex digits")
        self.name = name
        self.length = length


def mc_root_key(root_key: Secret, version: LorawanVersion) -> Secret:
    """McRootKey of a device, from GenAppKey (1.0.x) or AppKey (1.1)."""
    lead = b"\x20" if version is LorawanVersion.V1_1 else b"\x00"
    return _derived("root key", root_key, lead + bytes(15))


def mc_ke_key(mc_root_key: Secret) -> Secret:
    """McKEKey of a device, which wraps the keys of its groups."""
    return _derived("McRootKey", mc_root_key, bytes(KEY_BYTES))


def wrap_mc_key(mc_ke_key: Secret, mc_key: Secret) -> bytes:
    """McKey_encrypted for McGroupSetupReq: the inverse cipher, so that a device needs the forward one only."""
    return _aes("McKEKey", mc_ke_key).decryptor().update(_key("McKey", mc_key))


def unwrap_mc_key(mc_ke_key: Secret, mc_key_encrypted: bytes) -> Secret:
    """McKey as a device finds it in McGroupSetupReq."""
    if len(mc_key_encrypted) != KEY_BYTES:
        raise WrongKeyLength("McKey_encrypted", len(mc_key_encrypted))
    return Secret(block_cipher("McKEKey", mc_ke_key)(mc_key_encrypted))


def mc_app_s_key(mc_key: Secret, mc_addr: DevAddr) -> Secret:
    """McAppSKey of a group: encrypts the payloads sent to it."""
    return _derived("McKey", mc_key, b"\x01" + mc_addr.wire() + bytes(11))


def mc_net_s_key(mc_key: Secret, mc_addr: DevAddr) -> Secret:
    """McNetSKey of a group (also written McNwkSKey): signs the frames sent to it."""
    return _derived("McKey", mc_key, b"\x02" + mc_addr.wire() + bytes(11))


def data_block_int_key(root_key: Secret) -> Secret:
    """DataBlockIntKey of a device, from GenAppKey (1.0.x) or AppKey (1.1) alike (TS004-2.0.0)."""
    return _derived("root key", root_key, b"\x30" + bytes(15))


def block_cipher(name: str, key: Secret) -> Callable[[bytes], bytes]:
    """AES-128 in the forward direction over whole blocks, set up once for many calls; not shared between threads.

    Raises WrongKeyLength, calling the key by `name`.
    """
    return _aes(name, key).encryptor().update


def _derived(name: str, key: Secret, block: bytes) -> Secret:
    return Secret(block_cipher(name, key)(block))


def _aes(name: str, key: Secret) -> Cipher[modes.ECB]:
    # One block at a time is what the specifications ask for: nothing longer is ever encrypted this way.
    return Cipher(algorithms.AES(_key(name, key)), modes.ECB())  # noqa: S305 - one block


def _key(name: str, key: Secret) -> bytes:
    if len(key) != KEY_BYTES:
        raise WrongKeyLength(name, len(key))
    return key.reveal()
