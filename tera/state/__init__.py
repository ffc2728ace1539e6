"""What has to be remembered between two runs: SQLite files of readers and authorities, and the log in them."""
