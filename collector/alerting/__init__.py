"""The live side of incidents: looks at the ledger, asks the pure pager, writes what it decides. It judges nothing itself."""
