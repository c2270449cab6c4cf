"""Actility ThingPark: reports in and downlinks out by HTTP (its tunnel interface for application servers)."""
