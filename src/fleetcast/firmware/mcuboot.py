"""What MCUboot images say of themselves: version, sizes, hashes and signatures, and whether the image is whole.

Hashes are checked here. Signatures are only read, with what each is over: whose they are, somebody must say who knows
keys. (MCUboot, docs/design.md, "Image format": struct image_header, image_tlv_info, image_tlv; all little-endian.)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fleetcast.errors import Invalid

_HEADER = struct.Struct("<IIHHIIBBHII")
_MAGIC: Final = 0x96F3B83D
_TLV_INFO = struct.Struct("<HH")
_PROTECTED_MAGIC: Final = 0x6908
_TLV_MAGIC: Final = 0x6907
_KEY_HASH: Final = 0x01
_DIGESTS: Final = {0x10: "sha256", 0x11: "sha384", 0x12: "sha512"}
_PURE: Final = 0x25
"""The signature is over the image itself, not over its digest."""
_SECURITY_COUNTER: Final = 0x50
_ENCRYPTED_FLAGS: Final = 0x04 | 0x08
_COUNTER_BYTES: Final = 4
_SEQUENCE: Final = 0x30


class ImageBroken(Invalid):
    """An MCUboot image that every boot loader would refuse."""


class SignatureKind(StrEnum):
    """What a signature was made with; only the TLV's type says it."""

    RSA_2048 = "rsa-2048"
    ECDSA_P224 = "ecdsa-p224"
    ECDSA = "ecdsa"
    RSA_3072 = "rsa-3072"
    ED25519 = "ed25519"


_SIGNATURES: Final = {
    0x20: SignatureKind.RSA_2048,
    0x21: SignatureKind.ECDSA_P224,
    0x22: SignatureKind.ECDSA,
    0x23: SignatureKind.RSA_3072,
    0x24: SignatureKind.ED25519,
}


@dataclass(frozen=True, slots=True)
class McubootSignature:
    """A signature as it stands in an image, believed by nobody yet."""

    kind: SignatureKind
    key_hash: str
    """SHA-256 of the public key that it names, in hex; empty: it names none."""
    signature: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    """What it is over: the image's digest, computed from its bytes; with `pure` the bytes themselves."""
    pure: bool


@dataclass(frozen=True, slots=True)
class McubootHeader:
    """What an MCUboot image says."""

    version: str
    """`major.minor.revision+build`."""
    load_address: int
    header_bytes: int
    image_bytes: int
    flags: int
    encrypted: bool
    """Its hash and signatures are over what only devices can read."""
    security_counter: int | None
    """Against going back to older images; None: it has none."""
    hash_checked: str | None
    """The digest that was compared with the image, and is right; None: none could be."""
    signatures: tuple[McubootSignature, ...]
    tail: bool
    """Whether bytes follow that nothing in the image covers, other than fill (0x00, 0xFF)."""
    damage: str | None
    """Why no boot loader would take it, whatever its keys; None: nothing found."""
    problem: str | None
    """The same, or why a boot loader that wants a hash would refuse it."""

    def refuse_damaged(self) -> None:
        """Raises ImageBroken with the reason."""
        if self.damage is not None:
            raise ImageBroken(f"this MCUboot image {self.version} can't start anywhere: {self.damage}")


def begins_mcuboot(head: bytes) -> bool:
    """Whether these first bytes are those of an MCUboot image."""
    return len(head) >= _HEADER.size and int.from_bytes(head[:4], "little") == _MAGIC


def read_mcuboot_header(data: bytes) -> McubootHeader | None:
    """What the image says, or None where the bytes do not begin with one."""
    if not begins_mcuboot(data):
        return None
    _, load_address, header_bytes, protected_bytes, image_bytes, flags, major, minor, revision, build, _ = (
        _HEADER.unpack_from(data)
    )
    encrypted = bool(flags & _ENCRYPTED_FLAGS)
    read = _Trailer(data, header_bytes, image_bytes, protected_bytes, encrypted=encrypted)
    return McubootHeader(
        version=f"{major}.{minor}.{revision}+{build}",
        load_address=load_address,
        header_bytes=header_bytes,
        image_bytes=image_bytes,
        flags=flags,
        encrypted=encrypted,
        security_counter=read.security_counter,
        hash_checked=read.hash_checked,
        signatures=tuple(read.signatures),
        tail=read.tail,
        damage=read.damage,
        problem=read.damage or read.missing,
    )


class _Trailer:
    """Header and image are followed by the protected TLVs, where there are any, and by the others."""

    def __init__(
        self, data: bytes, header_bytes: int, image_bytes: int, protected_bytes: int, *, encrypted: bool
    ) -> None:
        self.security_counter: int | None = None
        self.hash_checked: str | None = None
        self.signatures: list[McubootSignature] = []
        self.tail = False
        self.damage: str | None = None
        self.missing: str | None = None
        self._encrypted = encrypted
        self._pure = False
        protected_at = header_bytes + image_bytes
        self._covered = data[: protected_at + protected_bytes]
        if header_bytes < _HEADER.size:
            self.damage = f"its header says that it is {header_bytes} bytes long: it has {_HEADER.size} at least"
            return
        if len(self._covered) < protected_at + protected_bytes:
            self.damage = f"its header speaks of {protected_at + protected_bytes} bytes, {len(data)} are here: cut off"
            return
        if protected_bytes:
            if _area(data, protected_at, _PROTECTED_MAGIC) != protected_bytes:
                self.damage = "the protected TLVs that its header names are not there: the file is cut off or damaged"
                return
            self._protected(protected_at + _TLV_INFO.size, protected_at + protected_bytes)
        self._others(data, protected_at + protected_bytes)

    def _protected(self, at: int, end: int) -> None:
        for kind, content in self._each(self._covered, at, end):
            if kind == _PURE:
                self._pure = True
            elif kind == _SECURITY_COUNTER and len(content) == _COUNTER_BYTES:
                self.security_counter = int.from_bytes(content, "little")

    def _others(self, data: bytes, at: int) -> None:
        area = _area(data, at, _TLV_MAGIC)
        if area is None and data[at : at + 2] == _TLV_MAGIC.to_bytes(2, "little"):
            self.damage = self.damage or "the TLVs behind the image (hash, signature) are cut off"
            return
        if area is None:
            self.tail = bool(data[at:].strip(b"\0\xff"))
            self.missing = "no TLVs behind the image (hash, signature): it was never signed, or they are cut off"
            return
        self.tail = bool(data[at + area :].strip(b"\0\xff"))
        found = list(self._each(data, at + _TLV_INFO.size, at + area))
        self._pure = self._pure or any(kind == _PURE for kind, _ in found)
        digest = hashlib.sha256(self._covered).digest()
        for kind, content in found:
            if kind in _DIGESTS and not self._encrypted:
                digest = hashlib.new(_DIGESTS[kind], self._covered).digest()
                if content != digest:
                    name = _DIGESTS[kind].upper().replace("SHA", "SHA-")
                    self.damage = self.damage or f"its {name} is not that of the image: the file is damaged"
                    continue
                self.hash_checked = _DIGESTS[kind]
        if self.damage is None and not any(kind in _DIGESTS for kind, _ in found) and not self._pure:
            self.missing = "its TLVs hold no hash: a boot loader refuses it"
        signed, key_hash = self._covered if self._pure else digest, ""
        for kind, content in found:
            if kind == _KEY_HASH:
                key_hash = content.hex()
            elif kind in _SIGNATURES:
                which = _SIGNATURES[kind]
                trimmed = _without_padding(content) if "ecdsa" in which else content
                self.signatures.append(McubootSignature(which, key_hash, trimmed, signed, self._pure))
                key_hash = ""

    def _each(self, data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        while at < end:
            if at + _TLV_INFO.size > end:
                self.damage = self.damage or "its TLVs end in the middle of one: the file is damaged"
                return
            kind, size = _TLV_INFO.unpack_from(data, at)
            at += _TLV_INFO.size
            if at + size > end:
                self.damage = self.damage or f"its TLV 0x{kind:02X} is longer than the TLVs are: the file is damaged"
                return
            yield kind, data[at : at + size]
            at += size


def _area(data: bytes, at: int, magic: int) -> int | None:
    """The size of the TLV area here, its own header included; None where there is none, or not all of it."""
    if at + _TLV_INFO.size > len(data):
        return None
    found, size = _TLV_INFO.unpack_from(data, at)
    return int(size) if found == magic and _TLV_INFO.size <= size and at + size <= len(data) else None


def _without_padding(signature: bytes) -> bytes:
    """An ECDSA signature as it was made: boot loaders of old take it in one length alone, filled up with zeros."""
    if len(signature) < 2 or signature[0] != _SEQUENCE:
        return signature
    length = 2 + signature[1]
    return signature if signature[length:].strip(b"\0") else signature[:length]
