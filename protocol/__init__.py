"""What every peer of a swarm must agree on: bytes in, facts out.

No socket, no clock, no model is known here. Time and the current round are arguments, so
that every rule can be tested alone and kept by another implementation; README.md beside
this file describes every byte.
"""
