"""What a library of containers does, without HTTP: use cases over a catalog, a store and keys."""
