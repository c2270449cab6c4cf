"""Everything that is looked at: typed rows, no writes."""
