"""Remote multicast setup (TS005-1.0.0 and TS005-2.0.0), FPort 200."""
