"""How good the embedded model is: accuracy on held-out problems, greedy and sampled."""

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks.arith import ArithTask

GREEDY = SamplingParameters(temperature=0.0)
SAMPLED = SamplingParameters(temperature=1.0, top_p=0.95)


def accuracy(
    policy: CausalPolicy, sampling: SamplingParameters, *, count: int, seed: int = 0
) -> tuple[float, float]:
    """Return the accuracy and the share of well-formed completions, in percent.

    Args:
        policy: Who writes, one completion a prompt.
        sampling: How.
        count: How many of the held-out prompts, from the first on.
        seed: Another one, other samples.
    """
    task = ArithTask()
    prompts = [task.eval_prompt(index) for index in range(count)]
    requests = [
        SampleRequest(
            prompt_tokens=policy.encode(prompt.text),
            key=noise_key(
                swarm=b"held-out accuracy",
                round_index=seed,
                prompt_index=prompt.index,
                author=b"builtin:tiny",
                index=0,
            ),
        )
        for prompt in prompts
    ]
    scores = [
        task.score(prompt, policy.decode(sampled.tokens), ended=sampled.ended)
        for prompt, sampled in zip(prompts, policy.sample(requests, sampling), strict=True)
    ]
    return (
        round(100 * sum(score.answer_ok for score in scores) / count, 1),
        round(100 * sum(score.format_ok for score in scores) / count, 1),
    )
