"""Protocol bytes without sockets: bytes in, values out. Pure: no I/O, no clock, no randomness."""
