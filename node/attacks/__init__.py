"""Adversaries: small changes to an honest node, to find out what a swarm withstands."""
