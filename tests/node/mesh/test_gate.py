"""What becomes of a message, one check after another."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from libp2p.pubsub.pb import rpc_pb2

from node.mesh.gate import AUTHOR_BURST, Fate, Gate, JudgeError
from node.mesh.mesh import Decision
from node.mesh.seen import SeenIds
from node.mesh.wire import FrameError, signed_message
from protocol.identity import Keypair, PeerId

OWN, AUTHOR, FORWARDER = (Keypair.from_seed(bytes([one]) * 32) for one in (1, 2, 3))


@dataclass
class Judged:
    """A gate and what its judge was asked."""

    decide: Callable[[], Decision] = lambda: Decision.ACCEPT
    asked: list[tuple[bytes, PeerId, PeerId]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = Gate(
            own=OWN.peer_id,
            judges={"ours": self.judge},
            message_bytes_max=100,
            seen=SeenIds(lambda: 0.0),
            clock=lambda: 0.0,
        )

    def judge(self, data: bytes, forwarder: PeerId, author: PeerId) -> Decision:
        self.asked.append((data, forwarder, author))
        return self.decide()

    def fate(self, message: rpc_pb2.Message) -> Fate:
        return self.gate.pass_through(message, FORWARDER.peer_id).fate


def message(
    data: bytes = b"data", *, seqno: int = 1, keypair: Keypair = AUTHOR, topic: str = "ours"
) -> rpc_pb2.Message:
    return signed_message(data, topic=topic, seqno=seqno, keypair=keypair)[0]


def test_a_new_message_is_asked_about_with_forwarder_and_author() -> None:
    judged = Judged()

    passage = judged.gate.pass_through(message(), FORWARDER.peer_id)

    assert passage.fate is Fate.ACCEPTED
    assert (passage.author, passage.topic) == (AUTHOR.peer_id, "ours")
    assert passage.serialized == message().SerializeToString()
    assert judged.asked == [(b"data", FORWARDER.peer_id, AUTHOR.peer_id)]


@pytest.mark.parametrize(
    ("decision", "fate"), [(Decision.IGNORE, Fate.IGNORED), (Decision.REJECT, Fate.REJECTED)]
)
def test_what_is_not_accepted_has_nothing_to_forward(decision: Decision, fate: Fate) -> None:
    passage = Judged(lambda: decision).gate.pass_through(message(), FORWARDER.peer_id)

    assert passage.fate is fate
    assert passage.serialized == b""


@pytest.mark.parametrize("decision", list(Decision))
def test_a_message_is_asked_about_once_whatever_the_answer(decision: Decision) -> None:
    judged = Judged(lambda: decision)

    judged.fate(message())

    assert judged.fate(message()) is Fate.DUPLICATE
    assert len(judged.asked) == 1


def test_another_number_is_another_message() -> None:
    judged = Judged()

    assert [judged.fate(message(seqno=one)) for one in (1, 2)] == [Fate.ACCEPTED] * 2


def test_a_message_that_names_us_is_not_taken_from_another() -> None:
    """After a restart our neighbours may still hand us what we sent before."""
    judged = Judged()

    assert judged.fate(message(keypair=OWN)) is Fate.OWN
    assert judged.asked == []


def test_another_topic_is_nobodys_fault() -> None:
    judged = Judged()

    assert judged.fate(message(topic="theirs")) is Fate.FOREIGN
    assert judged.asked == []


def test_a_forged_message_is_not_asked_about() -> None:
    judged = Judged()
    forged = message()
    forged.data = b"dota"

    passage = judged.gate.pass_through(forged, FORWARDER.peer_id)

    assert (passage.fate, passage.topic) == (Fate.FORGED, "ours")
    assert judged.asked == []


def test_a_forger_cannot_make_us_deaf_to_the_message_it_imitates() -> None:
    judged = Judged()
    forged = message()
    forged.data = b"dota"

    assert [judged.fate(forged), judged.fate(message())] == [Fate.FORGED, Fate.ACCEPTED]


def test_an_author_that_signs_more_than_its_share_is_not_looked_at_and_not_forgotten() -> None:
    """What was passed over can still come from another neighbour, when there is time for it."""
    judged = Judged()
    judged.gate._authors.charge(AUTHOR.peer_id, AUTHOR_BURST - 1)

    fates = [judged.fate(message(seqno=one)) for one in (1, 2, 2)]

    assert fates == [Fate.ACCEPTED, Fate.HURRIED, Fate.HURRIED]
    assert len(judged.asked) == 1


def test_nobody_uses_up_another_authors_share_by_forging() -> None:
    judged = Judged()
    judged.gate._authors.charge(AUTHOR.peer_id, AUTHOR_BURST - 1)
    for seqno in range(2, 100):
        forged = message(seqno=seqno)
        forged.data = b"dota"
        assert judged.fate(forged) is Fate.FORGED

    assert judged.fate(message()) is Fate.ACCEPTED


def test_a_message_of_the_wrong_shape_is_refused_by_its_frame() -> None:
    with pytest.raises(FrameError, match="message empty or too long"):
        Judged().fate(message(bytes(101)))


def test_a_judge_that_raises_is_told_apart_from_a_peer_that_errs() -> None:
    def broken() -> Decision:
        raise FrameError("ours, though it looks like theirs")

    with pytest.raises(JudgeError) as failed:
        Judged(broken).fate(message())

    assert isinstance(failed.value.__cause__, FrameError)


def test_a_judge_that_does_not_decide_has_failed() -> None:
    with pytest.raises(JudgeError):
        Judged(lambda: None).fate(message())  # type: ignore[arg-type, return-value]
