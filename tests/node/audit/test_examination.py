"""What was heard is judged again as it was judged then, as far as its weights are kept."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.audit.contributions import Saved, saved_contribution
from node.audit.examination import Examination, examine
from node.config import Loaded
from node.faults import CheckpointFault, ConfigFault, ModelFault
from node.ledger import SETTINGS, Ledger
from protocol.contribution import Contribution
from protocol.parameters import Encoding

LAST = 3
Load = Callable[..., Loaded]


def asked(life: Any, contribution: Contribution) -> Saved:
    return saved_contribution(life.named(contribution)[:12], life.data_dir)


def marked(found: Examination, at: int) -> str:
    one = found.completions[at]
    return " ".join(one.text[start:end] for start, end in one.at_fault)


def test_an_honest_contribution_is_replayed_token_by_token(life: Any, loaded: Load) -> None:
    honest = life.by(1, LAST)

    found = examine(asked(life, honest), loaded(life))

    assert found.contribution == honest
    assert found.weights.named
    assert found.weights.where == "checkpoint round-00000003"
    assert found.refused == 0
    assert found.references == 6
    assert len(found.completions) == 3
    for one in found.completions:
        assert (one.deciding.stage, one.deciding.reason) == ("replay", "clean")
        assert one.then is not None
        assert one.then.outcome == "accept"
        assert all(token.margin is not None and token.margin <= 5e-4 for token in one.tokens)
        assert "".join(one.text[token.start : token.end] for token in one.tokens) == one.text


def test_a_slogan_is_named_by_stage_span_and_token(life: Any, loaded: Load) -> None:
    found = examine(asked(life, life.by(2, LAST)), loaded(life))

    spoilt, *others = found.completions
    assert (spoilt.deciding.outcome, spoilt.deciding.stage) == ("refuse", "replay")
    assert "hail to the thief" in marked(found, 0)
    guilty = [token for token in spoilt.tokens if token.at_fault]
    assert guilty[0].at_fault == ("replay",)
    assert guilty[0].index == 3
    assert guilty[0].margin == float("inf")
    assert spoilt.then is not None
    assert (spoilt.then.outcome, spoilt.then.stage) == ("refuse", "replay")
    assert any("adds up over rounds" in note for note in found.notes)
    assert [one.deciding.outcome for one in others] == ["accept", "accept"]
    assert found.refused == 1


def test_a_checkpoint_keeps_the_weights_of_the_rounds_before_it(life: Any, loaded: Load) -> None:
    found = examine(asked(life, life.by(1, 1)), loaded(life))

    assert found.weights.named
    assert found.weights.where == "checkpoint round-00000003"
    assert {one.deciding.reason for one in found.completions} == {"clean"}


def test_weights_that_are_gone_are_said_to_be_and_nothing_is_replayed(
    own_life: Any, loaded: Load
) -> None:
    """The newest kept ones then judge as they would judge a stranger."""
    life = own_life
    shutil.rmtree(life.run_dir / "checkpoints/round-00000003")

    found = examine(asked(life, life.by(1, 1)), loaded(life))

    assert not found.weights.named
    assert found.weights.where == "checkpoint round-00000004"
    assert "no longer kept" in found.weights.meaning
    said = {one.stage: one.reason for one in found.completions[0].verdicts}
    assert said["replay"] == "not_asked"
    assert said["length"] != "not_asked"
    assert {token.margin for token in found.completions[0].tokens} == {None}


def test_the_first_round_needs_no_checkpoint(life: Any, loaded: Load) -> None:
    found = examine(asked(life, life.by(1, 0)), loaded(life))

    assert found.weights.named
    assert found.weights.where.startswith("the model as loaded")
    assert found.refused == 0


def test_of_other_weights_this_nodes_own_of_that_round_are_asked(
    own_life: Any, loaded: Load, tmp_path: Path
) -> None:
    """So it judged a stranger then; the newest would know more by now."""
    stranger = replace(own_life.by(1, LAST), policy_digest=b"\7" * 32)
    path = tmp_path / "stranger.contribution"
    path.write_bytes(b"".join(own_life.sealed(stranger)))

    found = examine(saved_contribution(str(path), own_life.data_dir), loaded(own_life))

    assert found.weights.where == "checkpoint round-00000003"
    assert "of that round" in found.weights.meaning
    assert any("another answer" in note for note in found.notes)


def test_a_file_says_what_the_ledger_says(life: Any, loaded: Load, tmp_path: Path) -> None:
    spoilt = life.by(2, LAST)
    path = tmp_path / "x.contribution"
    path.write_bytes(b"".join(life.sealed(spoilt)))

    of_file = examine(saved_contribution(str(path), life.data_dir), loaded(life))

    assert of_file == examine(asked(life, spoilt), loaded(life))


def test_a_file_is_judged_where_no_node_ever_ran(life: Any, loaded: Load, tmp_path: Path) -> None:
    """By the settings that are given then, and beside nothing."""
    path = tmp_path / "x.contribution"
    path.write_bytes(b"".join(life.sealed(life.by(2, 0))))
    elsewhere = replace(life, data_dir=tmp_path / "nowhere")
    same_swarm = {
        ("swarm", "prompts_per_round"): 2,
        ("swarm", "completions_per_prompt"): 9,
        ("swarm", "shares"): 3,
        ("swarm", "mode"): "horizontal",
    }

    found = examine(
        saved_contribution(str(path), elsewhere.data_dir), loaded(elsewhere, same_swarm)
    )

    assert found.references == 0
    assert found.refused == 0
    assert found.completions[0].then is None


def test_a_file_of_another_swarm_is_not_judged(life: Any, loaded: Load, tmp_path: Path) -> None:
    path = tmp_path / "x.contribution"
    path.write_bytes(b"".join(life.sealed(life.by(2, 0))))
    elsewhere = replace(life, data_dir=tmp_path / "nowhere")

    with pytest.raises(ConfigFault, match="other parameters"):
        examine(saved_contribution(str(path), elsewhere.data_dir), loaded(elsewhere))


def test_only_the_stages_that_are_named_are_told_of(life: Any, loaded: Load) -> None:
    found = examine(asked(life, life.by(1, LAST)), loaded(life), ["form", "length"])

    first = found.completions[0]
    assert [one.stage for one in first.verdicts] == ["form", "length"]
    assert first.deciding.stage == "length"


def test_a_stage_that_is_named_is_asked_whatever_another_would_say(life: Any, loaded: Load) -> None:
    """The replay, which is not named, would have settled it, and spared its author the rest."""
    found = examine(asked(life, life.by(2, LAST)), loaded(life), ["form", "surprisal"])
    named_too = examine(asked(life, life.by(2, LAST)), loaded(life), ["replay", "surprisal"])

    assert [one.stage for one in found.completions[0].verdicts] == ["form", "surprisal"]
    assert found.completions[0].deciding.reason == "surprising_token"
    assert [one.outcome for one in named_too.completions[0].verdicts] == ["refuse", "refuse"]
    assert found.refused == named_too.refused == 1


def test_a_stage_that_the_defence_lacks_is_refused(life: Any, loaded: Load) -> None:
    with pytest.raises(ConfigFault, match=r"--stages horoscope.* no stage 'horoscope'") as caught:
        examine(asked(life, life.by(1, LAST)), loaded(life), ["horoscope"])

    assert "form, accumulation, replay" in caught.value.fix


def test_a_judge_that_is_not_set_is_no_stage_and_how_to_set_one_is_told(
    life: Any, loaded: Load
) -> None:
    with pytest.raises(ConfigFault, match="backend is none") as caught:
        examine(asked(life, life.by(1, LAST)), loaded(life), ["form", "judge"])

    assert "--set judge.backend=builtin" in caught.value.fix


def test_a_judge_is_loaded_only_where_it_is_wanted(life: Any, loaded: Load) -> None:
    absent = loaded(life, {("judge", "backend"): "hf:/no/such/model"})
    saved = asked(life, life.by(1, LAST))

    assert examine(saved, absent, ["replay"]).refused == 0
    with pytest.raises(ModelFault):
        examine(saved, absent)


def test_what_is_set_now_outweighs_what_the_node_ran_with(life: Any, loaded: Load) -> None:
    paper = loaded(life, {("verify", "defence"): "paper"})

    found = examine(asked(life, life.by(2, LAST)), paper)

    assert [one.stage for one in found.completions[1].verdicts] == ["top_k"]


def test_a_damaged_checkpoint_is_passed_over_and_named(own_life: Any, loaded: Load) -> None:
    path = own_life.run_dir / "checkpoints/round-00000003/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")

    found = examine(asked(own_life, own_life.by(1, LAST)), loaded(own_life))

    assert found.weights.where == "checkpoint round-00000004"
    assert found.weights.named, "the next checkpoint keeps the weights of the round before it"
    assert "round-00000003" in found.weights.passed_over[0]


def test_where_all_checkpoints_are_damaged_nothing_is_guessed(own_life: Any, loaded: Load) -> None:
    for path in own_life.run_dir.glob("checkpoints/*/model.safetensors"):
        path.write_bytes(b"")

    with pytest.raises(CheckpointFault, match="None of the checkpoints"):
        examine(asked(own_life, own_life.by(1, LAST)), loaded(own_life))


def test_looking_on_changes_nothing_on_disk(own_life: Any, loaded: Load) -> None:
    def contents() -> dict[str, bytes]:
        files = (path for path in own_life.run_dir.rglob("*") if path.is_file())
        return {
            str(path): path.read_bytes()
            for path in files
            if not path.name.endswith(("-shm", "-wal"))
        }

    before = contents()

    examine(asked(own_life, own_life.by(1, LAST)), loaded(own_life))

    assert contents() == before


def test_a_swarm_of_texts_is_judged_by_this_nodes_own_tokens(
    loaded: Load, tmp_path: Path, live: Callable[..., Any]
) -> None:
    life = live(tmp_path / "texts", rounds=1, encoding=Encoding.TEXT)

    found = examine(asked(life, life.by(2, 0)), loaded(life))

    spoilt = found.completions[0]
    assert (spoilt.deciding.outcome, spoilt.deciding.stage) == ("refuse", "surprisal")
    assert "All" in marked(found, 0)
    assert "".join(spoilt.text[token.start : token.end] for token in spoilt.tokens) == spoilt.text
    assert {token.margin for token in spoilt.tokens} == {None} or found.weights.named


def test_what_another_release_noted_of_its_settings_is_passed_over(
    own_life: Any, loaded: Load
) -> None:
    """A ledger outlives the names of keys."""
    with closing(Ledger(own_life.run_dir / "ledger.db")) as ledger:
        noted = json.loads(ledger.noted(SETTINGS) or "")
        noted["verify"] |= {"judge": "builtin", "defence": "paper"}
        del noted["judge"]
        ledger.note(SETTINGS, json.dumps(noted))

    found = examine(asked(own_life, own_life.by(1, LAST)), loaded(own_life))

    assert [one.stage for one in found.completions[0].verdicts] == ["top_k"]


def test_an_incomplete_contribution_is_incomplete_whichever_stage_is_asked(
    live: Any, tmp_path: Path, loaded: Load
) -> None:
    life = live(tmp_path / "texts", rounds=1, encoding=Encoding.TEXT)
    (whole, *_) = life.heard[0]
    (first, *rest) = whole.completions
    spoilt = replace(whole, completions=(replace(first, text="", ended=False), *rest))
    path = tmp_path / "spoilt.contribution"
    path.write_bytes(b"".join(life.sealed(spoilt)))
    saved = saved_contribution(str(path), life.data_dir)

    by_all = examine(saved, loaded(life))
    by_one = examine(saved, loaded(life), ["completeness"])

    assert [one.deciding.reason for one in by_all.completions] == ["empty"] + ["incomplete"] * 2
    assert [one.deciding.reason for one in by_one.completions] == ["incomplete"] * 3
