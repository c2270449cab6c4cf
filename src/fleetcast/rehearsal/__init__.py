"""A campaign in virtual time: the real engine and the real codecs in a simulated world, before anything is sent."""
