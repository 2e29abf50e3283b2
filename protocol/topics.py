"""The names of a swarm's gossip topics, which alone may be subscribed to, and of its protocol."""

from protocol.parameters import VERSION, Parameters

_DIGEST_DIGITS = 16  # enough to keep swarms apart by accident; the envelope holds all 64


def contribution_topic(parameters: Parameters) -> str:
    """Return the topic of a swarm's contributions."""
    return _topic(parameters, "contributions")


def address_topic(parameters: Parameters) -> str:
    """Return the topic on which a swarm's peers say where they listen."""
    return _topic(parameters, "addresses")


def question_protocol(parameters: Parameters) -> str:
    """Return the libp2p protocol over which a neighbour is asked for what a node lacks."""
    return _topic(parameters, "lacking")


def _topic(parameters: Parameters, name: str) -> str:
    return f"/drl/{VERSION}/{parameters.digest().hex()[:_DIGEST_DIGITS]}/{name}"
