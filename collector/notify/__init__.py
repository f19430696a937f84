"""Says what was decided: outbox, dispatch, channels, words. It decides nothing and judges nothing."""
