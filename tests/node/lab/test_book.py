"""A book tells completions apart by their true origin, and does not depend on who was first."""

import io
import json

import pytest

from node.lab.book import Book, Origin, is_line, truth_of
from protocol.contribution import Completion, Contribution
from protocol.identity import Keypair

HONEST, MALICIOUS = (Keypair.from_seed(bytes([index]) * 32).peer_id for index in (1, 2))


def completion(*tokens: int) -> Completion:
    return Completion(tokens=tokens, ended=True)


DECOY = completion(7, 7, 0)
WROTE = Contribution(
    author=MALICIOUS,
    round_index=0,
    prompt_index=5,
    policy_digest=b"",
    completions=(completion(1, 0), completion(2, 0)),
)


@pytest.mark.parametrize(
    ("author", "prompt_index", "index", "found", "origin"),
    [
        (HONEST, 5, 0, completion(9, 0), Origin.HONEST),
        (MALICIOUS, 5, 1, completion(2, 0), Origin.UNTOUCHED),
        (MALICIOUS, 5, 0, completion(2, 0), Origin.TAMPERED),
        (MALICIOUS, 5, 7, completion(2, 0), Origin.TAMPERED),
        (MALICIOUS, 6, 0, completion(1, 0), Origin.TAMPERED),
        (MALICIOUS, 5, 0, DECOY, Origin.DECOY),
        (HONEST, 5, 0, DECOY, Origin.HONEST),
    ],
)
def test_only_what_an_attackers_model_wrote_for_that_very_place_is_untouched(
    author: object, prompt_index: int, index: int, found: Completion, origin: Origin
) -> None:
    truth = truth_of([str(HONEST)], [(WROTE,)], DECOY)

    assert truth.origin(str(author), prompt_index, index, found) is origin


def test_a_line_is_known_by_its_kind_and_has_what_belongs_to_it() -> None:
    head = {"kind": "cell", "shared": True, "unshared_because": "", "versions": {}}
    wrong = ({"kind": "cell"}, {"kind": "rounds"}, {"kind": []}, {}, 3, None, [])

    assert is_line(head)
    assert is_line({"kind": "done", "seconds": 1.0})
    assert not [line for line in wrong if is_line(line)]


def test_lines_stand_in_the_order_of_the_nodes_whoever_ends_first() -> None:
    files = []
    for order in ((0, 1), (1, 0)):
        file = io.StringIO()
        book = Book(file, nodes=2)
        for node in order:
            book.enter({"kind": "evaluation", "node": node}, rounds=1)
            book.enter({"kind": "round", "node": node}, rounds=1)
            book.close(1)
        files.append(file.getvalue())

    lines = [json.loads(line) for line in files[0].splitlines()]
    assert files[0] == files[1]
    assert [(line["kind"], line["node"]) for line in lines] == [
        ("round", 0),
        ("round", 1),
        ("evaluation", 0),
        ("evaluation", 1),
    ]


def test_a_round_that_one_node_never_reports_is_written_with_a_later_one() -> None:
    file = io.StringIO()
    book = Book(file, nodes=2)
    book.enter({"kind": "round", "node": 0, "round": 0}, rounds=1)
    book.close(1)

    assert file.getvalue() == ""

    book.flush(5)

    assert json.loads(file.getvalue())["round"] == 0
