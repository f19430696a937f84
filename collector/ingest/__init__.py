"""The agents' door: identity, limits, admission, group commit."""
