"""The swarm as a node meets it: publish bytes, be asked about bytes.

`node.mesh.gossip` speaks GossipSub over TCP; `node.mesh.memory` is the same swarm in one process,
seeded, for tests. Neither is imported here, so that naming a type costs no network library.
"""

from node.mesh.mesh import Answer, Decision, Mesh, OnEvent, Validate, no_answer, no_event
from node.mesh.settings import MeshSettings

__all__ = [
    "Answer",
    "Decision",
    "Mesh",
    "MeshSettings",
    "OnEvent",
    "Validate",
    "no_answer",
    "no_event",
]
