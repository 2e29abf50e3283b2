"""The trainer with a real transformer, whose tied weights and optimiser go through a disk."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from node import checkpoint
from node.learning import TrainSettings
from node.policy.causal_lm import CausalPolicy
from node.rollout import Group
from node.trainer import Trainer

SETTINGS = TrainSettings(learning_rate=1e-3, minibatches=3, microbatch_size=4)
MakeGroups = Callable[..., list[Group]]


def make_policy(seed: int = 0) -> CausalPolicy:
    config = Qwen2Config(
        vocab_size=12,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        use_cache=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    words = {f"w{token}": token for token in range(11)} | {"<eos>": 11}
    unknown, eos = "w0", "<eos>"
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=unknown))
    return CausalPolicy(model, PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=eos))


def run(policy: CausalPolicy, trainer: Trainer, make_groups: MakeGroups, rounds: range) -> bytes:
    for round_index in rounds:
        trainer.step(make_groups(round_index), round_index=round_index)
    return policy.digest()


def trained(make_groups: MakeGroups, rounds: range) -> bytes:
    policy = make_policy()
    return run(policy, Trainer(policy, SETTINGS, seed=7), make_groups, rounds)


def test_nodes_that_hold_the_same_groups_end_with_one_digest(make_groups: MakeGroups) -> None:
    assert trained(make_groups, range(3)) == trained(make_groups, range(3))
    assert trained(make_groups, range(3)) != trained(make_groups, range(2))


@pytest.mark.parametrize("loaded_seed", [0, 1])
def test_a_resumed_run_ends_with_the_digest_of_an_uninterrupted_one(
    make_groups: MakeGroups, tmp_path: Path, loaded_seed: int
) -> None:
    """Whatever weights the process had before it found the checkpoint."""
    policy = make_policy()
    stopped = Trainer(policy, SETTINGS, seed=7)
    run(policy, stopped, make_groups, range(2))
    path = checkpoint.save(tmp_path, stopped.snapshot(2))

    policy = make_policy(loaded_seed)
    resumed = Trainer(policy, SETTINGS, seed=7)
    resumed.restore(checkpoint.load(path))

    assert run(policy, resumed, make_groups, range(2, 4)) == trained(make_groups, range(4))


def test_tied_weights_are_saved_once_and_stay_tied(tmp_path: Path) -> None:
    policy = make_policy()
    path = checkpoint.save(tmp_path, Trainer(policy, SETTINGS, seed=7).snapshot(0))
    snapshot = checkpoint.load(path)

    other = make_policy(1)
    Trainer(other, SETTINGS, seed=7).restore(snapshot)

    assert "model.embed_tokens.weight" in snapshot.model
    assert "lm_head.weight" not in snapshot.model
    assert other.digest() == policy.digest()
    assert other.model.lm_head.weight is other.model.model.embed_tokens.weight


def test_ratios_of_the_first_step_are_one_within_rounding(make_groups: MakeGroups) -> None:
    """The pass without gradients reads other batches, and must see the same model."""
    policy = make_policy()
    settings = replace(SETTINGS, learning_rate=1e-12)

    report = Trainer(policy, settings, seed=7).step(make_groups(), round_index=0)

    assert report.optimiser_steps == 3
    assert report.ratio_mean == pytest.approx(1.0, abs=1e-6)
