"""The daemon: rooms from pure mathematics (floor 0) up to the command line (floor 5)."""
