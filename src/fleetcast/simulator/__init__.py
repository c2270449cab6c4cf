"""A world to practise in: devices, air, gateways and a network server, in virtual time; never used in service."""
