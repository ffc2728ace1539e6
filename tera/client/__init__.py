"""Calling what runs elsewhere: an authority, over HTTP."""
