from typing import TYPE_CHECKING

from protocol.topics import address_topic, contribution_topic, question_protocol

if TYPE_CHECKING:
    from conftest import SmallSwarm


def test_topics_name_version_and_swarm(swarm: "SmallSwarm") -> None:
    digest = swarm.parameters.digest().hex()

    assert contribution_topic(swarm.parameters) == f"/drl/1/{digest[:16]}/contributions"
    assert address_topic(swarm.parameters) == f"/drl/1/{digest[:16]}/addresses"
    assert question_protocol(swarm.parameters) == f"/drl/1/{digest[:16]}/lacking"


def test_other_parameters_meet_elsewhere(swarm: "SmallSwarm") -> None:
    other = swarm.with_(temperature=0.9).parameters

    assert contribution_topic(other) != contribution_topic(swarm.parameters)
    assert question_protocol(other) != question_protocol(swarm.parameters)
