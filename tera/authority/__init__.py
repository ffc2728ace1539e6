"""The authority: it decides, records, and only then releases its share of a key."""
