"""Keys, key encapsulation, signatures, hashes: the only layer that touches a cryptographic library."""
