"""Firmware management (TS006-1.0.0), FPort 203."""
