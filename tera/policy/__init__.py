"""Rules: what they mean and whether they allow."""
