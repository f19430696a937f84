"""Files of settings that may be large and may come from other programs: strict, with every problem told at once."""
