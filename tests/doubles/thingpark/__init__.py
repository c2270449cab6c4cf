"""A ThingPark to test against: a real HTTP server that plays the network's part, and simulates the fleet behind it.

Written from the published interface, not from our connector: it makes and checks tokens by itself, so that a mistake in
one of them is not made twice.
"""
