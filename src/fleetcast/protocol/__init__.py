"""What is said on the air: bytes and the commands they mean, keys, frames and GPS time. Pure: no I/O, clock or chance.

Start at `packages` for what there is, at `payload` (one package) or `multi_package_frame` (several) for bytes, at
`wire` for how a command is declared. What a command means for a campaign is decided above.
"""
