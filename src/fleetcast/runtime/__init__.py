"""What keeps campaigns moving around the pure engine: bytes sealed at the last moment, and answers about the time."""
