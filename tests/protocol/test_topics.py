from typing import TYPE_CHECKING

from protocol.topics import address_topic, contribution_topic

if TYPE_CHECKING:
    from conftest import SmallSwarm


def test_topics_name_version_and_swarm(swarm: "SmallSwarm") -> None:
    digest = swarm.parameters.digest().hex()

    assert contribution_topic(swarm.parameters) == f"/drl/1/{digest[:16]}/contributions"
    assert address_topic(swarm.parameters) == f"/drl/1/{digest[:16]}/addresses"


def test_other_parameters_meet_elsewhere(swarm: "SmallSwarm") -> None:
    other = swarm.with_(temperature=0.9).parameters

    assert contribution_topic(other) != contribution_topic(swarm.parameters)
