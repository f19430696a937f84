"""What the collector asks devices itself, and what devices tell it unasked: polling in the process, traps, discovery."""
