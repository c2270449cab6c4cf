"""Application layer clock synchronisation (TS003-1.0.0 and TS003-2.0.0), FPort 202."""
