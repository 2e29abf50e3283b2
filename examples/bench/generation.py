"""How fast completions are written, beside `transformers`' own `generate`.

Both write the same prompts with the same model and settings in one process: temperature 1,
top-p 0.95, no top-k, the same longest length and EOS, key/value caches on, prompts padded on
the left for `generate`. They alternate, A B A B, and medians are compared. A token counts up to
and including its completion's EOS, for both.

    python examples/bench/generation.py
    python examples/bench/generation.py --model PATH --batch 8 --batch 32 --threads 2

The last line is JSON with all figures.
"""

import argparse
import json
import statistics
import time
from typing import Any

import torch
import transformers

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import task_named

TOP_P = 0.95
GROUP = 8
"""Completions of one prompt, as in a group of GRPO."""

Tokens = tuple[int, ...]


def main() -> None:
    """Measure every batch size and print a table, then one line of JSON."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    policy = CausalPolicy.load(arguments.model, device="cpu")
    rows = [_compare(policy, batch, arguments) for batch in arguments.batch or [32, 128]]
    print(f"{'batch':>6} {'drl-node':>12} {'generate':>12} {'ratio':>6}   (new tokens per second)")
    for row in rows:
        ours, theirs = row["tokens_per_s"], row["transformers_tokens_per_s"]
        print(f"{row['batch']:>6} {ours:>12.0f} {theirs:>12.0f} {row['ratio']:>6.2f}")
    figures = {
        "bench": "generation",
        "model": arguments.model,
        "threads": arguments.threads,
        "repeats": arguments.repeats,
        "seed": arguments.seed,
        "tokens_max": arguments.tokens_max,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "batches": rows,
    }
    print(json.dumps(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="builtin:tiny", help="what CausalPolicy.load takes")
    parser.add_argument("--batch", type=int, action="append", help="may be given several times")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens-max", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _compare(policy: CausalPolicy, batch: int, arguments: argparse.Namespace) -> dict[str, Any]:
    prompts = _prompts(policy, batch)
    ours: list[tuple[int, float]] = []
    theirs: list[tuple[int, float]] = []
    for repeat in range(arguments.repeats + 1):
        seed = arguments.seed + repeat
        for write, measured in ((_ours, ours), (_theirs, theirs)):
            start = time.perf_counter()
            tokens = write(policy, prompts, seed, arguments.tokens_max)
            measured.append((tokens, time.perf_counter() - start))
    # The first of each is the warm-up.
    speed = statistics.median(tokens / seconds for tokens, seconds in ours[1:])
    their_speed = statistics.median(tokens / seconds for tokens, seconds in theirs[1:])
    return {
        "batch": batch,
        "tokens_per_s": round(speed, 1),
        "transformers_tokens_per_s": round(their_speed, 1),
        "ratio": round(speed / their_speed, 3),
        "tokens": sum(tokens for tokens, _ in ours[1:]),
        "transformers_tokens": sum(tokens for tokens, _ in theirs[1:]),
    }


def _prompts(policy: CausalPolicy, batch: int) -> list[Tokens]:
    task = task_named("builtin:arith")
    return [policy.encode(task.prompt(place // GROUP).text) for place in range(batch)]


def _ours(policy: CausalPolicy, prompts: list[Tokens], seed: int, tokens_max: int) -> int:
    requests = [
        SampleRequest(
            prompt_tokens=prompt,
            key=noise_key(
                swarm=b"bench", round_index=seed, prompt_index=i, author=b"bench", index=0
            ),
        )
        for i, prompt in enumerate(prompts)
    ]
    sampling = SamplingParameters(temperature=1.0, top_p=TOP_P, tokens_max=tokens_max)
    sampled = policy.sample(requests, sampling, batch_size=len(requests))
    return sum(len(completion.tokens) for completion in sampled)


def _theirs(policy: CausalPolicy, prompts: list[Tokens], seed: int, tokens_max: int) -> int:
    torch.manual_seed(seed)
    width = max(map(len, prompts))
    padding = [(policy.eos_token,) * (width - len(prompt)) for prompt in prompts]
    tokens = torch.tensor([(*p, *prompt) for p, prompt in zip(padding, prompts, strict=True)])
    mask = torch.tensor([[0] * len(p) + [1] * (width - len(p)) for p in padding])
    with torch.inference_mode():
        written = policy.model.generate(
            input_ids=tokens,
            attention_mask=mask,
            do_sample=True,
            temperature=1.0,
            top_p=TOP_P,
            top_k=0,
            max_new_tokens=tokens_max,
            eos_token_id=policy.eos_token,
            pad_token_id=policy.eos_token,
            use_cache=True,
        )
    return sum(_length(row, policy.eos_token) for row in written[:, width:].tolist())


def _length(row: list[int], eos_token: int) -> int:
    return row.index(eos_token) + 1 if eos_token in row else len(row)


if __name__ == "__main__":
    main()
