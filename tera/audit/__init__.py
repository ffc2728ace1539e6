"""The audit log: events, the Merkle tree over them, and the signed checkpoints that fix it; nothing here does I/O."""
