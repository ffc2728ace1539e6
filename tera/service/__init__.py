"""The library over HTTP: a skin of routes, checks and shapes over `tera.library`. Needs the extra `server`."""
