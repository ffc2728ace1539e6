"""Where a library keeps the containers' bytes: one port, and a folder or an object store behind it."""
