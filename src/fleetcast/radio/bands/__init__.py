"""One file per band: figures only, each with its source; `catalog` finds them by name."""
