"""Fragmented data block transport (TS004-1.0.0 and TS004-2.0.0), FPort 201."""
