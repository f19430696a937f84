"""Timelines of a file through the real core: the format of the golden vectors in, segments and figures out."""
