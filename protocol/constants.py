"""The numbers that several rooms of the protocol share; none is a setting.

What one swarm may choose differently from another stands in `parameters`.
"""

DIGEST_BYTES = 32
"""Changing breaks: everything. SHA-256, which every language has."""

ROUND_INDEX_MAX = 2**53 - 1
"""Changing breaks: the envelope's schema. Exact in every language's numbers, doubles included."""

WINDOW_ROUNDS = 2
"""Changing breaks: who hears whom. Rounds before and after the current one that are admitted.

Peers that go from round to round by progress drift by one; two leaves room for a slow one.
"""

ENVELOPE_OVERHEAD_BYTES = 193
"""Changing breaks: where contributions are cut. An envelope's largest size without its payload.

1 array, 1 version, 34 swarm, 34 author, 9 round, 5 prompt, 3 + 3 part and parts, 34 digest,
3 payload's own header, 66 signature.
"""

AUTHORS_MAX = 256
"""Changing breaks: nothing on the wire; memory. Authors remembered at one time.

A swarm of this protocol has tens; the rest is room for newcomers. When all seats are taken, who is
known better here than somebody seated takes that one's; among equals who came first stays.
"""

AUTHORS_HELD_MAX = 64
"""Changing breaks: what is trained on. Authors of one round whose contributions are held.

A swarm has `shares` of them. Who gives way is the same as with seats.
"""

PENDING_BYTES_MAX = 64 * 1024 * 1024
"""Changing breaks: nothing on the wire; memory. All parts that wait for their siblings."""

ROUNDS_AHEAD_MAX = 2**24
"""Changing breaks: how far a node can catch up. Claims of rounds further ahead count as none.

A year of two-second rounds; the hash chain walks it in some ten seconds, so a lie costs no more.
"""

OUTCASTS_MAX = 4_096
"""Changing breaks: nothing on the wire; memory. Authors that are known to have equivocated.

They stay out for as long as the swarm's parameters last, unless so many others are convicted after
them: the oldest goes first. An invented author costs its inventor two signatures.
"""

CONVICTIONS_MAX = 64
"""Changing breaks: how far evidence spreads. New outcasts without a seat in one round.

A member's evidence is always heard; what is told of strangers must not flood the swarm.
"""

QUESTION_BYTES_MAX = 49_152
"""Changing breaks: who can ask. Longest question that a node puts to one neighbour."""

ANSWER_BYTES_MAX = 524_288
"""Changing breaks: who can answer. Longest answer to one question.

What does not fit is asked for again, at another time or of another neighbour.
"""
