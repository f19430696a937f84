"""The ledger: judges fed live, days closed and sealed, and answers for any period as of any moment."""
