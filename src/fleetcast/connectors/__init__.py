"""How network servers are reached: one port, one folder per server."""
