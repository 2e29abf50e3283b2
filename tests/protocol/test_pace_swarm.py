"""Whole swarms of paces in simulated time: delays, deaths, joiners and liars, by seed."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise

import pytest

from protocol.constants import WINDOW_ROUNDS
from protocol.identity import PeerId
from protocol.pace import GRACE_DIVISOR, Ending, Jump, Over, Pace

PROMPTS = 3
LIMIT_S = 40.0
SEEDS = range(12)


@dataclass
class Node:
    """One simulated node: samples a round's prompts together, publishes, waits, trains, goes on."""

    me: PeerId
    pace: Pace
    speed_s: float
    alive: bool = True
    training: bool = False
    sampling: bool = False
    open_round: int = 0
    stint: int = 0
    rounds: list[int] = field(default_factory=list)
    endings: list[tuple[int, str, int]] = field(default_factory=list)

    def ended(self, kind: str, *, after: int = -1) -> list[int]:
        return [number for number, ending, _ in self.endings if ending == kind and number > after]


class Swarm:
    """Events in the order of simulated time; messages take random time and arrive once."""

    def __init__(
        self, seed: int, *, delay_s_max: float = 0.5, train_s: tuple[float, float] = (0.1, 1.0)
    ) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a seeded simulation
        self.now_s = 0.0
        self.delay_s_max = delay_s_max
        self.train_s = train_s
        self.nodes: list[Node] = []
        self.cut_off: set[PeerId] = set()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, delay_s: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now_s + delay_s, next(self._order), event))

    def run(self, until_s: float) -> None:
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, event = heapq.heappop(self._events)
            event()
        self.now_s = until_s

    def join(self, *, authors_min: int = 1, begin: int = 0, speed_s: float | None = None) -> Node:
        me = PeerId(len(self.nodes).to_bytes(32, "big"))
        pace = Pace(
            me, contributions_per_author=PROMPTS, round_s_max=LIMIT_S, authors_min=authors_min
        )
        node = Node(me, pace, speed_s or self.rng.uniform(0.5, 1.5))
        self.nodes.append(node)
        self.begin(node, begin)
        return node

    def begin(self, node: Node, round_index: int) -> None:
        node.pace.begin(round_index, self.now_s)
        node.rounds.append(round_index)
        node.open_round = round_index
        node.training = node.sampling = False
        node.stint += 1
        stint = node.stint
        self.settle(node)
        if stint != node.stint or node.training:
            return  # it jumped, or is overtaken: it samples nothing
        node.sampling = True
        for limit_s in (LIMIT_S, LIMIT_S * (1 + 1 / GRACE_DIVISOR)):
            self.at(limit_s, lambda: self.settle(node))
        self.sample(node, 0.0)

    def sample(self, node: Node, after_s: float) -> None:
        stint = node.stint
        self.at(after_s + PROMPTS * node.speed_s, lambda: self.sampled(node, stint))

    def sampled(self, node: Node, stint: int) -> None:
        if not node.alive or node.stint != stint:
            return
        node.sampling = False
        for _ in range(PROMPTS):
            node.pace.contributed(node.me, node.pace.round_index)
            self.publish(node.me, node.pace.round_index)
        self.settle(node)

    def publish(self, author: PeerId, round_index: int) -> None:
        for other in self.nodes:
            if other.me != author:
                delay_s = self.rng.uniform(0.01, self.delay_s_max)
                self.at(delay_s, lambda to=other: self.receive(to, author, round_index))

    def receive(self, node: Node, author: PeerId, round_index: int) -> None:
        """What admission makes of it: within the window it counts, beyond it is a sign of life."""
        if not node.alive or not self.reaches(author, node):
            return
        if abs(round_index - node.open_round) > WINDOW_ROUNDS:
            node.pace.heard(author, round_index)
        else:
            node.pace.contributed(author, round_index)
        self.settle(node)

    def reaches(self, author: PeerId, node: Node) -> bool:
        return (author in self.cut_off) == (node.me in self.cut_off)

    def settle(self, node: Node) -> None:
        if not node.alive or node.training or node.sampling:
            return
        state, now = node.pace.state(self.now_s), node.pace.round_index
        if isinstance(state, Jump):
            node.endings.append((now, "jump", len(node.pace.complete())))
            self.begin(node, state.round_index)
        elif isinstance(state, Over):
            node.endings.append((now, state.ending, len(node.pace.complete())))
            node.training = True
            node.open_round = now + 1
            node.pace.open(node.open_round)
            self.at(self.rng.uniform(*self.train_s), lambda: self.next_round(node, now + 1))

    def next_round(self, node: Node, round_index: int) -> None:
        if node.alive and node.training:
            self.begin(node, round_index)


def skipped(node: Node) -> list[tuple[int, int]]:
    return [(one, two) for one, two in pairwise(node.rounds) if two != one + 1]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_healthy_swarm_goes_in_step_and_misses_nothing(seed: int) -> None:
    swarm = Swarm(seed)
    for _ in range(4):
        swarm.join(authors_min=4)

    swarm.run(300.0)

    for node in swarm.nodes:
        assert len(node.endings) > 40, f"seed {seed}"
        assert {(ending, present) for _, ending, present in node.endings} == {("complete", 4)}
        assert not skipped(node)


@pytest.mark.parametrize("seed", SEEDS)
def test_nodes_that_start_seconds_apart_still_run_round_0_together(seed: int) -> None:
    swarm = Swarm(seed)
    for index in range(4):
        swarm.at(3.0 * index, lambda: swarm.join(authors_min=4))
    # Whoever joins has missed what was published before: here everyone is there first.
    swarm.run(0.0)
    for index in range(3):
        swarm.run(3.0 * (index + 1))

    swarm.run(300.0)

    assert all(len(node.endings) > 20 for node in swarm.nodes), f"seed {seed}"
    for node in swarm.nodes:
        assert len(node.ended("deadline")) <= 1
        assert node.endings[-1][2] == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_node_silenced_midway_costs_one_deadline(seed: int) -> None:
    swarm = Swarm(seed)
    for _ in range(4):
        swarm.join(authors_min=4)
    swarm.run(50.0 + seed)
    swarm.nodes[3].alive = False
    silenced_in = max(node.pace.round_index for node in swarm.nodes)

    swarm.run(400.0)

    for node in swarm.nodes[:3]:
        assert len(node.ended("deadline")) == 1, f"seed {seed}"
        assert silenced_in - 1 <= node.ended("deadline")[0] <= silenced_in + 1
        assert not skipped(node)
        assert node.endings[-1][1:] == ("complete", 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_late_joiner_catches_up_and_is_waited_for(seed: int) -> None:
    swarm = Swarm(seed)
    for _ in range(3):
        swarm.join(authors_min=3)
    swarm.run(100.0 + 0.37 * seed)
    joiner = swarm.join(authors_min=3)

    swarm.run(400.0)

    assert len(joiner.ended("jump")) <= 2, f"seed {seed}"
    assert not joiner.ended("deadline")
    for node in swarm.nodes:
        assert [present for _, _, present in node.endings[-10:]] == [4] * 10, f"seed {seed}"
    for node in swarm.nodes[:3]:
        assert not skipped(node)
        assert not node.ended("deadline")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_swarm_of_one_is_entered_without_a_deadline(seed: int) -> None:
    swarm = Swarm(seed)
    first = swarm.join()
    swarm.run(60.0 + 0.29 * seed)
    second = swarm.join()

    swarm.run(300.0)

    for node in (first, second):
        assert not node.ended("deadline"), f"seed {seed}"
        assert [present for _, _, present in node.endings[-10:]] == [2] * 10, f"seed {seed}"
    assert not skipped(first)


@pytest.mark.parametrize("away_s", [2.0, 6.0, 15.0, 100.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_restarted_node_finds_its_way_back(seed: int, away_s: float) -> None:
    """It goes on from the round it had saved, without what was published meanwhile."""
    swarm = Swarm(seed)
    for _ in range(4):
        swarm.join(authors_min=4)
    swarm.run(60.0)
    lost = swarm.nodes.pop()
    lost.alive = False
    swarm.run(60.0 + away_s)
    back = swarm.join(authors_min=4, begin=lost.pace.round_index, speed_s=lost.speed_s)

    swarm.run(500.0)

    for node in swarm.nodes:
        assert len(node.ended("deadline")) <= 2, f"seed {seed}"
        assert [present for _, _, present in node.endings[-10:]] == [4] * 10, f"seed {seed}"
    assert back.me == lost.me


@pytest.mark.parametrize("claim", [3, 50, 10**6, 10**12])
@pytest.mark.parametrize("seed", range(3))
def test_one_liar_about_the_round_moves_and_delays_nobody(seed: int, claim: int) -> None:
    swarm = Swarm(seed)
    for _ in range(4):
        swarm.join(authors_min=4)
    liar = PeerId(b"\xff" * 32)

    def lie() -> None:
        swarm.publish(liar, max(node.pace.round_index for node in swarm.nodes) + claim)
        swarm.at(0.5, lie)

    lie()
    swarm.run(200.0)

    for node in swarm.nodes:
        assert len(node.endings) > 25, f"seed {seed}"
        assert {ending for _, ending, _ in node.endings} == {Ending.COMPLETE}
        assert min(present for _, _, present in node.endings) == 4
        assert not skipped(node)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_liar_who_speaks_before_all_others_leads_nobody_away(seed: int) -> None:
    """Whoever is to wait for three others does not follow the first voice it hears."""
    swarm = Swarm(seed)
    for speed_s in (0.3, 4.0, 4.5, 5.0):
        swarm.join(authors_min=4, speed_s=speed_s)
    swarm.publish(PeerId(b"\xff" * 32), 50)

    swarm.run(300.0)

    for node in swarm.nodes:
        assert not skipped(node), f"seed {seed}"
        assert {(ending, present) for _, ending, present in node.endings} == {("complete", 4)}


@pytest.mark.parametrize("away_s", [600.0, 1800.0])
@pytest.mark.parametrize("cut_off", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_faster_nodes_that_were_cut_off_meet_the_others_again(
    seed: int, cut_off: int, away_s: float
) -> None:
    """They are the fewer, far ahead, and wait; else the others would never come up to them."""
    swarm = Swarm(seed)
    for number in range(6):
        swarm.join(authors_min=6, speed_s=1.0 if number < cut_off else 1.3)
    swarm.run(60.0)
    swarm.cut_off = {node.me for node in swarm.nodes[:cut_off]}
    swarm.run(60.0 + away_s)
    rounds_ahead = swarm.nodes[0].pace.round_index - swarm.nodes[-1].pace.round_index
    swarm.cut_off = set()

    swarm.run(swarm.now_s + 12.0 * (rounds_ahead + 10) + 2 * LIMIT_S)

    for node in swarm.nodes:
        assert [present for _, _, present in node.endings[-5:]] == [6] * 5, f"seed {seed}"
        assert not skipped(node)


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_waits_for_one_that_only_it_has_heard_does_not_lose_the_others(seed: int) -> None:
    """It comes out of that round a whole deadline later, and is waited for that long."""
    swarm = Swarm(seed)
    for _ in range(4):
        swarm.join(authors_min=4)
    for number in range(3):
        swarm.run(20.0 + 150.0 * number + seed)
        deceived = swarm.nodes[number]
        name = PeerId(bytes([255 - number]) * 32)
        swarm.receive(deceived, name, deceived.pace.round_index)

    swarm.run(800.0)

    for node in swarm.nodes:
        assert {present for _, _, present in node.endings} == {4}, f"seed {seed}"
        assert not skipped(node)
    assert [len(node.ended("deadline")) for node in swarm.nodes] == [1, 1, 1, 0]


@pytest.mark.parametrize("still_s", [45.0, 55.0, 67.0, 75.0, 80.0, 93.0, 107.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_node_that_stood_still_once_is_in_step_again_soon(seed: int, still_s: float) -> None:
    """It is as fast as the others, and would never be in time where nobody waits for it."""
    swarm = Swarm(seed, train_s=(6.4, 7.0))
    for _ in range(4):
        swarm.join(authors_min=4, speed_s=swarm.rng.uniform(3.2, 3.4))
    swarm.run(100.0)
    slept = swarm.nodes[3]
    swarm.run(swarm.now_s + swarm.rng.uniform(0.0, 15.0))
    slept.stint += 1  # what it had in hand comes to nothing
    slept.training, slept.sampling = False, True
    swarm.sample(slept, still_s)
    began = swarm.nodes[0].pace.round_index

    swarm.run(900.0)

    lonely = [
        ended for ended, _, present in swarm.nodes[0].endings if ended > began and present < 4
    ]
    assert len(lonely) <= 7, f"seed {seed}"
    assert [present for _, _, present in swarm.nodes[0].endings[-10:]] == [4] * 10
    assert len(swarm.nodes[0].ended("deadline")) <= 3


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_nobody_stands_still_nor_skips_without_need(seed: int) -> None:
    """Nodes die, come back and join at random; every live one ends rounds to the last."""
    swarm = Swarm(seed, delay_s_max=3.0)
    for _ in range(3):
        swarm.join(authors_min=3)

    def disturb() -> None:
        live = [node for node in swarm.nodes if node.alive]
        if len(swarm.nodes) < 9 and swarm.rng.random() < 0.5:
            swarm.join(speed_s=swarm.rng.uniform(0.2, 4.0))
        elif len(live) > 2:
            swarm.rng.choice(live).alive = False
        swarm.at(swarm.rng.uniform(10.0, 90.0), disturb)

    disturb()
    swarm.run(1500.0)

    for node in swarm.nodes:
        stops = [two - one for one, two in skipped(node)]
        assert all(stop > WINDOW_ROUNDS for stop in stops), f"seed {seed}"
        if node.alive:
            before = len(node.endings)
            swarm.run(swarm.now_s + LIMIT_S + 2.0)
            assert len(node.endings) > before, f"seed {seed}"


def test_a_slow_node_is_waited_for_not_left_behind() -> None:
    """Slower than the rest but within the deadline: the swarm goes at its speed."""
    swarm = Swarm(1)
    for speed_s in (0.2, 0.2, 10.0):
        swarm.join(authors_min=3, speed_s=speed_s)

    swarm.run(1000.0)

    for node in swarm.nodes:
        assert {(ending, present) for _, ending, present in node.endings} == {("complete", 3)}


def test_a_node_slower_than_the_deadline_does_not_hold_the_swarm_for_ever() -> None:
    swarm = Swarm(1)
    for speed_s in (0.5, 0.5, 30.0):
        swarm.join(authors_min=3, speed_s=speed_s)

    swarm.run(1500.0)

    for node in swarm.nodes[:2]:
        assert len(node.ended(Ending.DEADLINE)) <= 3
        assert len(node.endings) > 300
    behind = swarm.nodes[0].pace.round_index - swarm.nodes[2].pace.round_index
    assert behind < 60, "the others' rounds while it samples one, in which it began with them"
