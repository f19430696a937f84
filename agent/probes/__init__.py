"""Probes: active tests of a target over the network, one file a probe. A probe measures and explains; it never decides alone
that a target is down, which takes several samples and what lies on the way (the collector's judge)."""
