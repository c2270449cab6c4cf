"""Fleetcast: firmware update campaigns over LoRaWAN."""

__version__ = "0.1.0"
