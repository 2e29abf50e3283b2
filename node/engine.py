"""The model's side of a round, as plain calls: sample, train, evaluate, save.

It knows nothing of peers, messages or time limits; it may run in this process (tests, the
laboratory) or in one of its own (the daemon), and gives the same results in both.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from node import checkpoint
from node.checkpoint import Snapshot
from node.evaluation import Examiner, mean, watched
from node.faults import ConfigFault
from node.findings import findings_of, tally
from node.policy import CausalPolicy, Sampled, SampleRequest, SamplingParameters, noise_key
from node.rollout import Group, Rollout
from node.roster import watch_roster
from node.standing import Standings
from node.tasks import Score, Task, reward, task_named
from node.trainer import Trainer
from node.verification import Judged, Submission, Taught
from node.verification.form import FormSettings
from node.verification.readings import Reading
from node.verification.verifier import Verifier, judge_named
from node.work import Contributed, EngineSettings, Evaluation, Opened, Trained
from protocol.contribution import Completion, Contribution
from protocol.identity import PeerId
from protocol.parameters import Encoding, Parameters


class Engine:
    """A policy, its trainer and its task.

    Raises:
        ModelFault, TaskFault, CheckpointFault, ConfigFault: One of them cannot be loaded.
    """

    def __init__(self, settings: EngineSettings) -> None:
        torch.set_num_threads(settings.model.threads)
        self._watched = watched(settings.watch)
        self._settings = settings
        self.task: Task = task_named(settings.task.source)
        model = settings.model
        self.policy = CausalPolicy.load(model.source, device=model.device, dtype=model.dtype)
        self.parameters = swarm_parameters(settings, self.task, self.policy)
        self._swarm = self.parameters.digest()
        self._trainer = Trainer(
            self.policy,
            settings.train,
            seed=0,
            temperature=settings.swarm.temperature,
            completion_tokens_max=settings.swarm.completion_tokens_max,
        )
        self._standings = Standings(settings.trust)
        self._roster = watch_roster(Path(settings.data_dir), settings.trust)
        self._verifier = Verifier(
            self.policy,
            self.sampling(),
            form=FormSettings(
                encoding=self.parameters.encoding,
                tokens_max=self.parameters.completion_tokens_max,
                text_bytes_max=self.parameters.text_bytes_max,
                eos_token=self.parameters.eos_token,
            ),
            settings=settings.verify,
            swarm=self._swarm,
            owed=self.parameters.completions_per_author,
            judge=judge_named(settings.judge, settings.verify.defence),
            has_record=lambda author: self._record(author) > 0.0,
        )
        self.run_dir = Path(settings.data_dir) / "swarms" / self._swarm.hex()[:16]
        self._checkpoints = self.run_dir / "checkpoints"

    def open(self, up_to: int | None = None) -> Opened:
        """Go on from the newest whole checkpoint, or from the model as loaded.

        Args:
            up_to: The latest round to go on with; None for any.

        Raises:
            DataDirFault: The run's directory cannot be made.
            CheckpointFault: The checkpoint is of another model, or all there are are damaged.
        """
        checkpoint.prepare(self._checkpoints)
        found = checkpoint.latest(self._checkpoints, up_to=up_to, strict=True)
        next_round = 0
        if found.path is not None:
            snapshot = checkpoint.load(found.path)
            self._trainer.restore(snapshot)
            self._standings.restore(snapshot.state["standings"])
            self._verifier.restore(snapshot.state["verifier"], snapshot.kept)
            next_round = snapshot.round_index
        return Opened(
            parameters=self.parameters,
            run_dir=str(self.run_dir),
            next_round=next_round,
            policy_digest=self.policy.digest().hex(),
            damaged_checkpoints=tuple((str(one.path), one.reason) for one in found.damaged),
        )

    def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round, every completion index of each."""
        started = time.process_time()
        count = self.parameters.completions_per_author
        requests = [
            SampleRequest(
                prompt_tokens=self._prompt(prompt_index),
                key=noise_key(
                    swarm=self._swarm,
                    round_index=round_index,
                    prompt_index=prompt_index,
                    author=author.public_key,
                    index=index,
                ),
            )
            for prompt_index in prompts
            for index in range(count)
        ]
        sampled = self._sample(requests, self.sampling())
        digest = self.policy.digest()
        contributions = tuple(
            Contribution(
                author=author,
                round_index=round_index,
                prompt_index=prompt_index,
                policy_digest=digest,
                completions=tuple(
                    self._completion(one) for one in sampled[at * count : (at + 1) * count]
                ),
            )
            for at, prompt_index in enumerate(prompts)
        )
        return Contributed(
            contributions=contributions,
            tokens=sum(len(one.tokens) for one in sampled),
            cpu_s=time.process_time() - started,
        )

    def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Reward every completion here, verify it, compare it with its group, take one step.

        Args:
            author: This node, whose own reward is reported apart from the others'.
            round_index: Which round's contributions these are.
            contributions: In the canonical order, so that equal nodes stay equal.
        """
        started = time.process_time()
        digest = self.policy.digest()
        scored = [pair for one in contributions for pair in self._submissions(one)]
        items = [item for item, _ in scored]
        judged, taught = self._verifier.verify(items)
        self._roster.look()
        self._standings.settle(round_index, tally(judged, taught))
        groups: dict[int, list[Rollout]] = {}
        usable = [one for one in taught if self._is_sample(one.item) and self._is_read(one.item)]
        heard = self._heard(usable, str(author), digest)
        for one in heard:
            rollout = self._rollout(one, is_own=is_own(one, str(author), digest))
            groups.setdefault(one.item.prompt_index, []).append(rollout)
        self._verifier.close()
        lesson = [Group(prompt_index, tuple(group)) for prompt_index, group in groups.items()]
        step = self._trainer.step(lesson, round_index=round_index)
        return Trained(
            step=step,
            policy_digest=self.policy.digest().hex(),
            completions=len(items),
            found=findings_of(judged, contributions, lesson),
            unusable=sum(not self._is_sample(item) for item in items),
            right=mean([score.answer_ok for _, score in scored]),
            same_policy=sum(one.policy_digest == digest for one in contributions),
            own_reward=mean([item.reward for item in items if item.author == str(author)]),
            peers_reward=mean([item.reward for item in items if item.author != str(author)]),
            unheard=len(usable) - len(heard),
            cpu_s=time.process_time() - started,
        )

    def _heard(self, taught: Sequence[Taught], author: str, digest: bytes) -> Sequence[Taught]:
        """Return what is learnt from: in a swarm of one mind, only what was replayed.

        Reckoned against the places that a round has, so that no number of strangers opens it.

        Args:
            taught: What verification left.
            author: This node.
            digest: Of its weights.
        """
        if not self._verifier.distrusts:
            return taught
        is_closed = self._settings.verify.requires_kin
        places = self.parameters.prompts_per_round * self.parameters.completions_per_prompt
        proven = [one for one in taught if not self._verifier.takes_on_trust(one.item)]
        if not is_closed and len(proven) < self._settings.trust.closed_share * places:
            return taught
        return [
            one
            for one in taught
            if is_own(one, author, digest)
            or not self._verifier.takes_on_trust(one.item)
            or self._roster.is_trusted(PeerId.parse(one.item.author))
        ]

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the defence's stages, in their order."""
        return self._verifier.stages

    def _is_sample(self, item: Submission) -> bool:
        """Tell whether this node's tokenizer makes a text as long as a sample may be."""
        return 0 < len(item.tokens) <= self.parameters.completion_tokens_max

    def _is_read(self, item: Submission) -> bool:
        """Tell whether the weights here can say anything of it; a step on it would come to nought.

        It is nobody's fault: the weights, or the number type that they are in, lack the range.
        """
        return self._verifier.readings.why_unread(item) is None

    def judge(self, contributions: Sequence[Contribution]) -> list[tuple[Judged, Reading]]:
        """Verify one round's contributions with the weights as they are; train on nothing."""
        items = [item for one in contributions for item, _ in self._submissions(one)]
        judged, _ = self._verifier.verify(items)
        return list(zip(judged, self._verifier.readings.of(items), strict=True))

    def hold(self, snapshot: Snapshot, named: bytes = b"") -> bool:
        """Take a checkpoint's weights, or those of an earlier round that it keeps.

        Args:
            snapshot: The checkpoint.
            named: The digest of the weights that are wanted.

        Returns:
            Whether the weights are now those that were named.

        Raises:
            CheckpointFault: It is of another model.
        """
        self._trainer.restore(snapshot)
        self._standings.restore(snapshot.state["standings"])
        kin = self._verifier.readings.kin
        kin.restore(snapshot.state["verifier"]["weights"], snapshot.kept)
        return kin.turn_back(named)

    def evaluate(self, prompts: int) -> Evaluation:
        """Measure accuracy on the first held-out prompts, with noise that never changes."""
        examiner = Examiner(
            policy=self.policy,
            task=self.task,
            sampling=self.sampling(),
            batch_size=self.batch_size,
            payload=self._watched,
        )
        return examiner.evaluate(prompts)

    def forget_after(self, round_index: int) -> None:
        """Remove the checkpoints of later rounds.

        Raises:
            DiskFault: The disk refuses.
        """
        checkpoint.forget_after(self._checkpoints, round_index)

    def save(self, next_round: int) -> None:
        """Put all that a restart needs on the disk, whole or not at all.

        Raises:
            DiskFault: The disk refuses; the last checkpoint stays as it was.
        """
        state = {"standings": self._standings.plain(), "verifier": self._verifier.plain()}
        checkpoint.save(
            self._checkpoints,
            self._trainer.snapshot(next_round, state, self._verifier.kept()),
            keep_last=self._settings.checkpoint.keep_last,
        )

    @property
    def batch_size(self) -> int:
        """Completions sampled at a time."""
        return self._settings.model.batch_size

    def sampling(self) -> SamplingParameters:
        """Return how the swarm samples."""
        swarm = self._settings.swarm
        return SamplingParameters(
            temperature=swarm.temperature,
            top_k=swarm.top_k,
            top_p=swarm.top_p,
            tokens_max=swarm.completion_tokens_max,
        )

    def _sample(
        self, requests: Sequence[SampleRequest], sampling: SamplingParameters
    ) -> list[Sampled]:
        return self.policy.sample(requests, sampling, batch_size=self.batch_size)

    def _prompt(self, prompt_index: int) -> tuple[int, ...]:
        return self.policy.encode(self.task.prompt(prompt_index).text)

    def _completion(self, sampled: Sampled) -> Completion:
        if self.parameters.encoding is Encoding.TEXT:
            return Completion(text=self.policy.decode(sampled.tokens), ended=sampled.ended)
        return Completion(tokens=sampled.tokens, ended=sampled.ended)

    def _submissions(self, contribution: Contribution) -> Iterator[tuple[Submission, Score]]:
        prompt = self.task.prompt(contribution.prompt_index)
        prompt_tokens = self.policy.encode(prompt.text)
        for index, completion in enumerate(contribution.completions):
            tokens = self._tokens(completion)
            text = completion.text or self.policy.decode(tokens)
            score = self.task.score(prompt, text, ended=completion.ended)
            submission = Submission(
                author=str(contribution.author),
                round_index=contribution.round_index,
                prompt_index=contribution.prompt_index,
                index=index,
                prompt=prompt.text,
                text=text,
                tokens=tokens,
                ended=completion.ended,
                reward=reward(score, self.parameters.reward),
                prompt_tokens=prompt_tokens,
                policy_digest=contribution.policy_digest,
            )
            yield submission, score

    def _rollout(self, taught: Taught, *, is_own: bool) -> Rollout:
        item = taught.item
        read = self._verifier.readings.old_logprobs(item)
        on_trust = not is_own and self._verifier.takes_on_trust(item)
        trusted = on_trust and self._roster.is_trusted(PeerId.parse(item.author))
        record = self._record(item.author) if on_trust else 1.0
        return Rollout(
            prompt_tokens=item.prompt_tokens,
            completion_tokens=item.tokens,
            ended=item.ended,
            reward=taught.reward,
            author=item.author,
            index=item.index,
            credit=() if all(taught.credit) else taught.credit,
            weight=taught.weight * record,
            bound=on_trust and not trusted,
            old_logprobs=() if read is None else tuple(read.tolist()),
        )

    def _record(self, author: str) -> float:
        """Return what the completions of an author count, 0 to 1, that no replay proves."""
        trusted = self._roster.is_trusted(PeerId.parse(author))
        return self._standings.weight(author, is_trusted=trusted)

    def _tokens(self, completion: Completion) -> tuple[int, ...]:
        if self.parameters.encoding is Encoding.TOKENS:
            return completion.tokens
        return self.policy.encode_completion(completion.text, ended=completion.ended)


def is_own(one: Taught, author: str, digest: bytes) -> bool:
    """Tell whether a node vouches for a completion itself: it wrote it, with the weights it has.

    What it wrote with weights that it has since given up is a stranger's to all, itself included.
    """
    return one.item.author == author and one.item.policy_digest == digest


def swarm_parameters(settings: EngineSettings, task: Task, policy: CausalPolicy) -> Parameters:
    """Join what the operator set with what the model and the task turned out to be.

    Raises:
        ConfigFault: The numbers contradict each other.
    """
    swarm = settings.swarm
    try:
        return Parameters(
            swarm=swarm.name,
            test_swarm=swarm.test_swarm,
            task=task.name,
            task_digest=task.digest,
            task_prompts=task.train_prompts,
            reward=settings.task.reward,
            model_family=policy.family_digest,
            tokenizer=policy.tokenizer_digest,
            vocabulary_size=policy.vocabulary_size,
            eos_token=policy.eos_token,
            mode=swarm.mode,
            prompt_choice=swarm.prompt_choice,
            encoding=swarm.encoding,
            prompts_per_round=swarm.prompts_per_round,
            completions_per_prompt=swarm.completions_per_prompt,
            shares=swarm.shares,
            temperature=swarm.temperature,
            top_k=swarm.top_k,
            top_p=swarm.top_p,
            completion_tokens_max=swarm.completion_tokens_max,
            join_bits=swarm.join_bits,
        )
    except ValueError as error:
        raise ConfigFault(f"[swarm] {error}", fix="Change the number that is named.") from error
