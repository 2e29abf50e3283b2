"""The policy as its users meet it: sampling that can be replayed, and log-probabilities."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from node.faults import ModelFault
from node.policy import (
    CausalPolicy,
    SampleRequest,
    SamplingParameters,
    choose,
    key_tensor,
    noise_key,
)

Make = Callable[..., Any]
CPU = torch.device("cpu")
SAMPLING = SamplingParameters(tokens_max=24)
PROMPTS = [(5, 9, 200), (7,), (1, 2, 3, 4, 5, 6, 7, 8), (5, 9, 201)]


@pytest.fixture
def policy(any_model: Any, tokenizer: Any) -> CausalPolicy:
    return CausalPolicy(any_model, tokenizer)


@pytest.fixture
def lean_policy(qwen2: Make, tokenizer: Any) -> CausalPolicy:
    return CausalPolicy(qwen2(), tokenizer)


def requests(count: int = 24) -> list[SampleRequest]:
    return [
        SampleRequest(
            prompt_tokens=PROMPTS[place % len(PROMPTS)],
            key=noise_key(
                swarm=b"s", round_index=1, prompt_index=place, author=b"a", index=place % 3
            ),
        )
        for place in range(count)
    ]


def test_the_lean_way_is_taken_where_it_is_exact(policy: CausalPolicy) -> None:
    assert policy.is_lean == (policy.model.config.model_type in {"qwen2", "llama"})


def test_completions_end_with_eos_or_at_the_limit(policy: CausalPolicy) -> None:
    sampled = policy.sample(requests(100), SAMPLING)

    assert {completion.ended for completion in sampled} == {True, False}
    for completion in sampled:
        assert policy.eos_token not in completion.tokens[:-1]
        assert completion.ended == (completion.tokens[-1] == policy.eos_token)
        assert completion.ended or len(completion.tokens) == SAMPLING.tokens_max


@pytest.mark.parametrize(
    "sampling",
    [
        SAMPLING,
        SamplingParameters(tokens_max=24, temperature=0.6, top_k=20),
        SamplingParameters(tokens_max=24, top_p=1.0),
        SamplingParameters(tokens_max=24, temperature=0),
    ],
)
def test_a_stranger_can_replay_a_completion_token_by_token(
    policy: CausalPolicy, sampling: SamplingParameters
) -> None:
    """With the model's own forward, one text at a time, from key and prompt alone."""
    asked = requests(4)
    for request, completion in zip(asked, policy.sample(asked, sampling), strict=True):
        text, key = list(request.prompt_tokens), key_tensor([request.key], CPU)
        for position, token in enumerate(completion.tokens):
            with torch.no_grad():
                logits = policy.model(torch.tensor([text])).logits[:, -1]
            assert choose(logits, key, torch.tensor([position]), sampling).item() == token
            text.append(token)


def test_a_completion_does_not_depend_on_its_batch(policy: CausalPolicy) -> None:
    asked = requests(14)
    together = policy.sample(asked, SAMPLING, batch_size=100)

    for batch_size in (1, 5, 13):
        assert policy.sample(asked, SAMPLING, batch_size=batch_size) == together
    assert policy.sample(asked[::-1], SAMPLING) == together[::-1]
    assert policy.sample(asked[3:9], SAMPLING) == together[3:9]


def test_other_keys_give_other_completions(lean_policy: CausalPolicy) -> None:
    same_prompt = [SampleRequest(prompt_tokens=(1, 2), key=key) for key in range(50)]

    sampled = lean_policy.sample(same_prompt, SAMPLING)

    assert len({completion.tokens for completion in sampled}) > 40
    assert lean_policy.sample(same_prompt, SAMPLING) == sampled


def test_greedy_writes_what_transformers_writes(policy: CausalPolicy) -> None:
    greedy = SamplingParameters(temperature=0, tokens_max=20)
    for request, completion in zip(requests(4), policy.sample(requests(4), greedy), strict=True):
        prompt = torch.tensor([request.prompt_tokens])
        written = policy.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=20,
            eos_token_id=policy.eos_token,
            pad_token_id=policy.eos_token,
        )
        assert completion.tokens == tuple(written[0, prompt.shape[1] :].tolist())


def test_the_limit_counts_the_eos(lean_policy: CausalPolicy) -> None:
    one = lean_policy.sample(requests(50), SamplingParameters(tokens_max=1))

    assert {len(completion.tokens) for completion in one} == {1}


def test_no_requests_give_no_completions(lean_policy: CausalPolicy) -> None:
    assert lean_policy.sample([], SAMPLING) == []
    assert lean_policy.logprobs([], []).shape == (0, 0)


def test_sampling_leaves_training_as_it_was(lean_policy: CausalPolicy) -> None:
    """Weights that took part in inference must still take gradients."""
    before = lean_policy.digest()
    sampled = lean_policy.sample(requests(4), SAMPLING)

    completions = [completion.tokens for completion in sampled]
    lean_policy.logprobs(PROMPTS, completions).sum().backward()

    assert lean_policy.digest() == before
    assert all(p.grad is not None for p in lean_policy.model.parameters())
    assert not lean_policy.model.training


def test_new_weights_are_sampled_from_at_once(lean_policy: CausalPolicy) -> None:
    before = lean_policy.sample(requests(), SAMPLING)
    with torch.no_grad():
        for parameter in lean_policy.model.parameters():
            parameter.mul_(1.3)

    assert lean_policy.sample(requests(), SAMPLING) != before


@pytest.mark.parametrize("tokens", [(), (1, 260), (-1,)])
def test_a_prompt_that_is_none_is_refused(
    lean_policy: CausalPolicy, tokens: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="prompt"):
        lean_policy.sample([SampleRequest(prompt_tokens=tokens, key=1)], SAMPLING)
    with pytest.raises(ValueError, match="prompt"):
        lean_policy.logprobs([tokens], [(1,)])


@pytest.mark.parametrize("tokens", [(), (1, 260), (-1,)])
def test_a_completion_that_is_none_is_refused(
    lean_policy: CausalPolicy, tokens: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="completion"):
        lean_policy.logprobs([(1,)], [tokens])
    with pytest.raises(ValueError, match="completion"):
        list(lean_policy.completion_logits([(1,)], [tokens]))


def test_a_text_longer_than_the_model_is_refused_with_a_way_out(policy: CausalPolicy) -> None:
    fits = SampleRequest(prompt_tokens=(1,) * 104, key=1)
    too_long = SampleRequest(prompt_tokens=(1,) * 105, key=1)

    assert len(policy.sample([fits], SAMPLING)) == 1
    with pytest.raises(ModelFault, match=r"105 tokens.*24.*128 positions") as fault:
        policy.sample([too_long], SAMPLING)
    assert "completion_tokens_max" in fault.value.fix
    with pytest.raises(ModelFault, match="128 positions"):
        policy.logprobs([(1,) * 105], [(1,) * 24])


def test_a_batch_of_none_is_refused(lean_policy: CausalPolicy) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        lean_policy.sample(requests(1), SAMPLING, batch_size=0)


def texts(policy: CausalPolicy) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Prompts and completions of unequal lengths, some prompts shared."""
    sampled = policy.sample(requests(10), SAMPLING)
    cut = [sample.tokens[: 1 + 3 * place] for place, sample in enumerate(sampled)]
    return [request.prompt_tokens for request in requests(10)], cut


def naive_logprobs(policy: CausalPolicy, temperature: float) -> Tensor:
    """Each text alone, the full softmax over all of it."""
    prompts, completions = texts(policy)
    rows = []
    for prompt, completion in zip(prompts, completions, strict=True):
        logits = policy.model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        logprobs = torch.log_softmax(logits.float() / temperature, -1)
        rows.append(logprobs.gather(1, torch.tensor(completion)[:, None])[:, 0])
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_logprobs_and_their_gradients_equal_the_full_softmax(
    policy: CausalPolicy, temperature: float
) -> None:
    parameters = dict(policy.model.named_parameters())

    given = policy.logprobs(*texts(policy), temperature=temperature)
    expected = naive_logprobs(policy, temperature)

    assert given.shape == expected.shape
    assert torch.allclose(given, expected, atol=1e-4)
    assert torch.equal(given == 0, expected == 0)
    weighting = torch.randn_like(given)
    ours = torch.autograd.grad(
        (given * weighting).sum(), list(parameters.values()), allow_unused=True
    )
    theirs = torch.autograd.grad((expected * weighting).sum(), list(parameters.values()))
    for name, mine, other in zip(parameters, ours, theirs, strict=True):
        assert mine is not None, name
        scale = other.abs().max() + 1e-3
        assert torch.allclose(mine / scale, other / scale, atol=1e-5), name


def test_logprobs_without_gradients_are_the_same(policy: CausalPolicy) -> None:
    with_gradients = policy.logprobs(*texts(policy))
    with torch.no_grad():
        without = policy.logprobs(*texts(policy))

    assert with_gradients.requires_grad
    assert not without.requires_grad
    assert torch.equal(with_gradients.detach(), without)


def test_completion_logits_replay_what_was_sampled(policy: CausalPolicy) -> None:
    """One prefill judges whole completions: what verification will do."""
    asked = requests()
    sampled = policy.sample(asked, SAMPLING)
    keys = key_tensor([request.key for request in asked], CPU)
    chosen = torch.full((len(asked), SAMPLING.tokens_max), -1)

    with torch.inference_mode():
        for part in policy.completion_logits(
            [request.prompt_tokens for request in asked],
            [completion.tokens for completion in sampled],
            logits_max=7 * policy.vocabulary_size,
        ):
            assert len(part.logits) <= 7
            tokens = choose(part.logits, keys[part.rows], part.positions, SAMPLING)
            chosen[part.rows, part.positions] = tokens

    for row, completion in zip(chosen.tolist(), sampled, strict=True):
        assert tuple(token for token in row if token >= 0) == completion.tokens


class WidestTensor(TorchDispatchMode):
    """Remembers the most numbers that any operation returned in one tensor."""

    numbers = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        result = operation(*arguments, **(named or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return result


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])
def test_a_large_vocabulary_never_stands_beside_all_tokens(
    family: str, qwen2: Make, gpt2: Make, tokenizer: Any
) -> None:
    """16 completions of 20 tokens at 50 000 would be 16 million logits."""
    model = (
        qwen2(vocab_size=50_000, hidden_size=8)
        if family == "qwen2"
        else gpt2(vocab_size=50_000, n_embd=8)
    )
    policy = CausalPolicy(model, tokenizer)
    prompts, completions = [(1, 2, 3)] * 16, [(4,) * 20] * 16

    with WidestTensor() as ours:
        policy.logprobs(prompts, completions, logits_max=400_000).sum().backward()
    with WidestTensor() as theirs, torch.no_grad():
        model(torch.ones(16, 23, dtype=torch.int64))

    assert ours.numbers <= 50_000 * 8
    assert theirs.numbers == 16 * 23 * 50_000


def test_text_survives_the_way_through_tokens(lean_policy: CausalPolicy) -> None:
    text = "<think>2 + 2 = 4, naïvely</think> <answer>4</answer>"

    tokens = lean_policy.encode_completion(text, ended=True)

    assert tokens[-1] == lean_policy.eos_token
    assert lean_policy.decode(tokens) == text
    assert lean_policy.decode(tokens[:-1]) == text
    assert lean_policy.encode_completion(text, ended=False) == tokens[:-1]
    assert lean_policy.encode(text) == tokens[:-1]


def test_spelling_eos_does_not_end_a_completion(lean_policy: CausalPolicy) -> None:
    tokens = lean_policy.encode_completion("4<eos>", ended=False)

    assert lean_policy.eos_token not in tokens
    assert lean_policy.decode(tokens) == "4<eos>"


def test_a_prompt_is_not_closed_by_a_tokenizer_that_closes_texts(
    qwen2: Make, tokenizer: Any
) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", tokenizer.eos_token_id)]
    )
    policy = CausalPolicy(qwen2(), tokenizer)

    assert tokenizer("ab").input_ids[-1] == policy.eos_token
    assert policy.eos_token not in policy.encode("ab")


def test_a_tokenizer_larger_than_its_model_is_refused(qwen2: Make, tokenizer: Any) -> None:
    with pytest.raises(ModelFault, match=r"258 tokens.*only 257") as fault:
        CausalPolicy(qwen2(vocab_size=257), tokenizer)
    assert "trained with" in fault.value.fix


def test_a_saved_policy_loads_as_it_was(
    any_model: Any, tokenizer: Any, save: Callable[..., Any]
) -> None:
    before = CausalPolicy(any_model, tokenizer)
    directory = save(any_model, tokenizer)

    after = CausalPolicy.load(str(directory), device="cpu")

    assert after.digest() == before.digest()
    assert after.family_digest == before.family_digest
    assert after.tokenizer_digest == before.tokenizer_digest
    assert (after.vocabulary_size, after.eos_token) == (260, before.eos_token)
    assert after.sample(requests(4), SAMPLING) == before.sample(requests(4), SAMPLING)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_writes_and_reads(
    qwen2: Make, tokenizer: Any, save: Callable[..., Any], dtype: str
) -> None:
    directory = save(qwen2(), tokenizer)

    policy = CausalPolicy.load(str(directory), device="cpu", dtype=dtype)
    sampled = policy.sample(requests(4), SAMPLING)
    logprobs = policy.logprobs(PROMPTS, [completion.tokens for completion in sampled])

    assert policy.model.dtype == getattr(torch, dtype)
    assert logprobs.dtype == torch.float32
    assert logprobs.isfinite().all()


def test_the_room_imports_without_the_network() -> None:
    """A laboratory that has only torch and transformers can use it."""
    program = (
        "import sys\n"
        "absent = {'libp2p', 'trio', 'structlog', 'typer', 'msgpack', 'nacl', 'base58'}\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in absent: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import node.policy\n"
        "assert not absent & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
