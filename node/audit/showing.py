"""A contribution that was judged again, for people and for machines."""

import json
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from node.audit.examination import Examination, Examined, Token
from node.audit.findings import said_of
from node.audit.writing import finite, marked, number, visible
from node.tables import plain_table, screen, show_table
from node.work import Said
from protocol.errors import Rejected

OUTSIDE = "outside"
"""A margin without end: no noise chooses the token."""


def show(found: Examination, *, explain: bool) -> None:
    """Print an examination: what was asked, then each completion with its verdicts."""
    console = screen()
    for line in heading(found):
        console.print(line, soft_wrap=True)
    for one in found.completions:
        console.print()
        console.print(summary(one))
        console.print(marked(one.text, one.at_fault, coloured=console.is_terminal), soft_wrap=True)
        for table in [verdict_table(one), *([token_table(one)] if explain else [])]:
            show_table(table)
    console.print()
    console.print(f"{found.refused} of {len(found.completions)} completions are refused")


def heading(found: Examination) -> Iterable[Text]:
    """Yield what was judged, and with what."""
    one, weights = found.contribution, found.weights
    lines = {
        "contribution": one.digest().hex(),
        "author": str(one.author),
        "round": f"{one.round_index}, prompt {one.prompt_index}",
        "prompt": visible(found.prompt),
        "weights": f"{weights.where} ({weights.digest[:16]}). {weights.meaning}",
        "compared with": f"{found.references} completions of others to the same prompt",
    }
    for name, value in lines.items():
        yield Text(f"{name:<14}{value}")
    for damaged in weights.passed_over:
        yield Text(f"{'passed over':<14}{visible(damaged)}")
    for note in found.notes:
        yield Text(f"{'note':<14}{note}")


def summary(one: Examined) -> Text:
    """Return one line on a completion."""
    ended = "" if one.ended else ", cut off"
    then = f"; then: {brief(one.then)}" if one.then else ""
    return Text(
        f"completion {one.index}: reward {number(one.reward)}{ended}, {brief(one.deciding)}{then}",
        style="bold",
    )


def brief(verdict: Said) -> str:
    """Return a verdict in three words."""
    return " ".join(part for part in (verdict.outcome, verdict.stage, verdict.reason) if part)


def verdict_table(completion: Examined) -> Table:
    """Return what each stage said."""
    headings = ("stage", "outcome", "reason", "value", "threshold", "where", "detail")
    table = plain_table(*headings, wide="detail")
    for one in completion.verdicts:
        spans = ", ".join(f"{unit} {start}-{end - 1}" for start, end, unit in one.spans)
        cells = (one.stage, one.outcome, one.reason, number(one.value), number(one.threshold))
        table.add_row(*cells, spans, visible(one.detail))
    return table


def token_table(one: Examined) -> Table:
    """Return what the weights say of each token."""
    threshold = replayed(one.verdicts)
    headings = ("place", "token", "id", "p", "rank", "tail", "margin", "threshold", "at fault")
    table = plain_table(*headings)
    for token in one.tokens:
        table.add_row(
            str(token.index),
            Text(visible(one.text[token.start : token.end]) or "(no text)"),
            str(token.token),
            f"{token.p:.3g}",
            str(token.rank),
            f"{token.tail_mass:.3g}",
            margin(token),
            "" if token.margin is None else number(threshold),
            ", ".join(token.at_fault),
            style="red" if token.at_fault else "",
        )
    return table


def margin(token: Token) -> str:
    """Return by how much a token loses in the replay."""
    if token.margin is None:
        return "not replayed"
    return OUTSIDE if finite(token.margin) is None else f"{token.margin:.3g}"


def replayed(verdicts: Iterable[Said]) -> float | None:
    """Return the margin that the replay allows, where it was asked."""
    return next((one.threshold for one in verdicts if one.stage == "replay"), None)


def to_json(found: Examination, *, explain: bool) -> str:
    """Return an examination as one JSON object."""
    one, weights = found.contribution, found.weights
    return json.dumps(
        {
            "contribution": one.digest().hex(),
            "author": str(one.author),
            "round_index": one.round_index,
            "prompt_index": one.prompt_index,
            "prompt": found.prompt,
            "policy_digest": one.policy_digest.hex(),
            "swarm": found.parameters.digest().hex(),
            "weights": {
                "digest": weights.digest,
                "named": weights.named,
                "where": weights.where,
                "meaning": weights.meaning,
                "passed_over": list(weights.passed_over),
            },
            "references": found.references,
            "notes": list(found.notes),
            "refused": found.refused,
            "completions": [completion_json(each, explain=explain) for each in found.completions],
        }
    )


def completion_json(one: Examined, *, explain: bool) -> dict[str, object]:
    """Return one completion for JSON, with its tokens where they are asked for."""
    fields: dict[str, object] = {
        "index": one.index,
        "text": one.text,
        "ended": one.ended,
        "reward": one.reward,
        **said_of(one.deciding),
        "verdicts": [said_of(each) for each in one.verdicts],
        "at_fault": [list(stretch) for stretch in one.at_fault],
        "then": said_of(one.then) if one.then else None,
    }
    threshold = replayed(one.verdicts)
    if explain:
        fields["tokens"] = [token_json(one, each, threshold) for each in one.tokens]
    return fields


def token_json(one: Examined, token: Token, threshold: float | None) -> dict[str, object]:
    """Return one token for JSON; a margin without end is null, as where none can be told."""
    return {
        "index": token.index,
        "token": token.token,
        "text": one.text[token.start : token.end],
        "p": token.p,
        "rank": token.rank,
        "tail_mass": token.tail_mass,
        "margin": None if token.margin is None else finite(token.margin),
        "outside": token.margin is not None and finite(token.margin) is None,
        "threshold": None if token.margin is None else threshold,
        "at_fault": list(token.at_fault),
    }


def show_refusal(refused: Rejected, *, as_json: bool) -> None:
    """Print why admission lets nothing of it in."""
    reason = refused.reason
    told = {"reason": reason.value, "meaning": reason.meaning, "detail": refused.detail}
    if as_json:
        print(json.dumps({"rejected": told}))
    else:
        print(f"rejected at admission: {reason.value}. {reason.meaning} {visible(refused.detail)}")
