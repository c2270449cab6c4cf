"""The device side of the FUOTA packages: each answers its commands and keeps its state."""
