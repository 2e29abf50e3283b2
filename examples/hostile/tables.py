"""Random sequences of calls at what remembers peers and messages, held against plain models.

hypothesis draws the sequences and shrinks the one that fails. Each machine states what must hold
after every call: bounds, and what a slow but obvious model says.
"""

from typing import Any

import ground
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from node.mesh.conduct import BAR_S_MAX, Conduct
from node.mesh.door import PENDING_PER_ADDRESS_MAX, Door, DoorLimits
from node.mesh.mesh import no_event
from protocol.admission import Admission
from protocol.envelope import open_part
from protocol.errors import Refused
from protocol.evidence import Evidence

STEPS = 30
"""Calls in one sequence."""

PEERS = [ground.keypair(f"table {number}").peer_id for number in range(6)]
HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "2001:db8::1")
LIMITS = DoorLimits(per_address=3, per_network=5, in_all=7)


class ConductMachine(RuleBasedStateMachine):
    """What is held against peers, over days of two clocks."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.wall_s = 1e9
        self.conduct = Conduct(
            None,
            clock=lambda: self.now_s,
            wall=lambda: self.wall_s,
            on_event=no_event,
            spared=frozenset(PEERS[:1]),
        )

    @rule(seconds=st.sampled_from([0.1, 60.0, 3600.0, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        """Move both clocks on."""
        self.now_s += seconds
        self.wall_s += seconds

    @rule(seconds=st.sampled_from([-86_400.0, -60.0, 86_400.0]))
    def the_wall_clock_is_set(self, seconds: float) -> None:
        """Move one clock alone."""
        self.wall_s += seconds

    @rule(peer=st.sampled_from(PEERS), times=st.integers(1, 12))
    def invalid(self, peer: Any, times: int) -> None:
        """Let a peer send invalid messages; ten at once are always too many."""
        found = [self.conduct.note_invalid(peer) for _ in range(times)]
        assert found == sorted(found)
        assert times < 10 or found[-1]  # noqa: PLR2004 - the aim itself

    @rule(peer=st.sampled_from(PEERS), host=st.sampled_from([*HOSTS, None]))
    def cut(self, peer: Any, host: str | None) -> None:
        """Cut a peer: it is barred at once, unless the operator named it."""
        self.conduct.cut(peer, host, "test")
        assert self.conduct.bars_peer(peer) is (peer != PEERS[0])

    @rule(peer=st.sampled_from(PEERS))
    def pardon(self, peer: Any) -> None:
        """Forgive a peer."""
        self.conduct.pardon(peer)
        assert not self.conduct.bars_peer(peer)

    @invariant()
    def no_bar_outlasts_its_longest(self) -> None:
        """Whatever the clocks did."""
        for bar in self.conduct.bars().values():
            assert 0 < bar.until_s - self.wall_s <= BAR_S_MAX
        assert not self.conduct.bars_peer(PEERS[0])


class DoorMachine(RuleBasedStateMachine):
    """Callers that come, prove themselves, make way and leave in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.port = 0
        self.pending: list[tuple[str, int]] = []
        self.settled: list[tuple[str, int]] = []
        self.door = Door(LIMITS, is_barred=lambda _host: False, clock=lambda: self.now_s)

    @rule(host=st.sampled_from(HOSTS))
    def call(self, host: str) -> None:
        """Come to the door."""
        self.now_s += 0.06
        self.port += 1
        caller = (host, self.port)
        if self.door.enter(caller, lambda: self.pending.remove(caller)):
            self.pending.append(caller)

    @rule(at=st.integers(0, 50))
    def settle(self, at: int) -> None:
        """Prove oneself."""
        if self.pending:
            caller = self.pending.pop(at % len(self.pending))
            if self.door.settle(caller):
                self.settled.append(caller)

    @rule(at=st.integers(0, 50))
    def leave(self, at: int) -> None:
        """Go, pending or settled."""
        here = [*self.pending, *self.settled]
        if here:
            caller = here[at % len(here)]
            self.door.leave(caller)
            for known in (self.pending, self.settled):
                if caller in known:
                    known.remove(caller)

    @invariant()
    def no_limit_is_passed(self) -> None:
        """And the door counts as one would by hand."""
        hosts = [host for host, _ in self.settled]
        assert len(hosts) <= LIMITS.in_all
        assert all(hosts.count(host) <= LIMITS.per_address for host in HOSTS)
        assert sum(host.startswith("10.0.0.") for host in hosts) <= LIMITS.per_network
        assert sum(self.door.settled().values()) == len(hosts)
        waiting = [host for host, _ in self.pending]
        assert all(waiting.count(host) <= PENDING_PER_ADDRESS_MAX for host in HOSTS)


class AdmissionMachine(RuleBasedStateMachine):
    """Authors that answer, answer twice, and are convicted, as rounds go by."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.admission = Admission(ground.PARAMETERS, ground.SCHEDULE)
        self.answered: dict[tuple[str, int, int], int] = {}
        self.out: set[str] = set()

    @rule(
        name=st.sampled_from("abc"),
        ahead=st.integers(-3, 4),
        place=st.integers(0, 1),
        salt=st.integers(0, 1),
    )
    def answer(self, name: str, ahead: int, place: int, salt: int) -> None:
        """Publish an answer; the first one binds, and another one convicts."""
        round_index = max(0, self.now + ahead)
        slot = (name, round_index, place)
        data = message(name, round_index, place, salt)
        try:
            self.admission.admit(data, round_index=self.now)
        except Refused as refused:
            if refused.evidence is not None:
                assert self.answered[slot] != salt
                self.out.add(name)
        else:
            assert slot not in self.answered
            assert abs(round_index - self.now) <= 2  # noqa: PLR2004 - the window
            assert name not in self.out
            self.answered[slot] = salt

    @rule(name=st.sampled_from("abcde"))
    def convict(self, name: str) -> None:
        """Tell the proof that somebody answered twice."""
        second = open_part(message(name, 0, 0, 1), ground.PARAMETERS)
        first = open_part(message(name, 0, 0, 0), ground.PARAMETERS)
        proof = Evidence.of(second, first.statement()).to_bytes()
        try:
            self.admission.convict(proof, round_index=self.now)
        except Refused:
            assert name in self.out
        else:
            assert name not in self.out
            self.out.add(name)

    @rule(rounds=st.integers(1, 4))
    def go_on(self, rounds: int) -> None:
        """Enter a later round."""
        self.now += rounds
        self.admission.advance(self.now)

    @invariant()
    def who_is_out_is_known(self) -> None:
        """And nobody else is."""
        assert self.admission.outcasts == {ground.keypair(name).peer_id for name in self.out}


_MESSAGES: dict[tuple[str, int, int, int], bytes] = {}


def message(name: str, round_index: int, place: int, salt: int) -> bytes:
    """Return a contribution, made once."""
    key = (name, round_index, place, salt)
    if key not in _MESSAGES:
        _MESSAGES[key] = ground.message(ground.keypair(name), round_index, place, salt=salt)
    return _MESSAGES[key]


MACHINES = (ConductMachine, DoorMachine, AdmissionMachine)


def sequences(count: int, seed: int) -> int:
    """Run at least so many sequences, shared among the machines; return how many that were."""
    each = -(-count // len(MACHINES))
    for machine in MACHINES:
        machine._hypothesis_internal_use_seed = seed  # noqa: SLF001 - what `seed()` sets on functions
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            machine,
            settings=settings(
                max_examples=each,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    return each * len(MACHINES)
