"""All judgement: pure, told the time, no I/O."""
