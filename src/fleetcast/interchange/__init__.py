"""Files that people bring and take away: CSV in, CSV out. Pure."""
