"""The authority: what decides, records and releases, and the databases below it."""
