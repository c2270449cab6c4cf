"""Detached signatures over files: Ed25519 (RFC 8032), and ECDSA on P-256 with SHA-256 (FIPS 186-5). Pure."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from fleetcast.errors import Invalid

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256"
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


def read_public_key(pem: str) -> tuple[str, str]:
    """Algorithm and PEM in its one form of a public key; raises Invalid for any other, private ones above all."""
    key = _read(pem)
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    algorithm = ED25519 if isinstance(key, ed25519.Ed25519PublicKey) else ECDSA_P256
    return algorithm, key.public_bytes(*form).decode()


def is_signed_by(pem: str, signature: bytes, content: bytes) -> bool:
    """Whether this is the key's signature over the content: raw 64 bytes for Ed25519, DER for ECDSA."""
    key = _read(pem)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, content)
        else:
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def is_signed_over_digest(pem: str, signature: bytes, digest: bytes) -> bool:
    """Whether this is the key's signature over something with this digest, as boot loaders' images carry them.

    Ed25519 takes a digest for what is signed; ECDSA takes it, SHA-256 alone, in place of one of its own.
    """
    key = _read(pem)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, digest)
        elif len(digest) == hashes.SHA256.digest_size:
            key.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _read(pem: str) -> PublicKey:
    if "PRIVATE KEY" in pem:
        raise Invalid("this is a private key: keep it to yourself, and send the public one")
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, TypeError):
        raise Invalid("can't be read: send a public key in PEM (BEGIN PUBLIC KEY)") from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise Invalid("is neither an Ed25519 key nor an ECDSA key on P-256")
