"""Multi-package access (TS007-1.0.0), FPort 225: several packages in one frame."""
