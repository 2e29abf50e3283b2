"""A judge behind HTTP: any server that speaks the chat completions of OpenAI.

It asks several at once, each with a deadline, and turns every failure into a silence. The key
is sent to the server and to nobody else: neither faults nor details of verdicts contain it.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

from node.faults import ConfigFault
from node.settings import home_resolved
from node.verdict import Reason
from node.verification.judge.chat import reply_of, request_body
from node.verification.judge.exchange import Address, UnansweredError, address_of, post
from node.verification.judge.replies import Question, Reply, Silence

KEY_VARIABLE = "DRL_JUDGE_KEY"
KEY_CHARACTERS_MAX = 4096
_OK = 200
_NOT_UNDERSTOOD = frozenset({400, 422})
_GRACE_S = 0.5
"""For threads whose connection was just cut to say so."""


class RemoteJudge:
    """A server that judges.

    Args:
        address: Where it is.
        model: What it calls the judge.
        key: Its API key, if it wants one.
        timeout_s: How long it may take over one question.
        concurrency: How many questions it is asked at once.
        clock: Seconds, as `time.monotonic`.
    """

    template = "default"
    reserved: tuple[str, ...] = ()

    def __init__(
        self,
        address: Address,
        *,
        model: str,
        key: str | None,
        timeout_s: float,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"{address.host}:{address.port}"
        self._address = address
        self._model = model
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout_s = timeout_s
        self._concurrency = concurrency
        self._clock = clock
        self._gives_logprobs = True

    def ask(self, questions: list[Question], *, until: float) -> list[Reply]:
        """Return a reply to each question, in their order."""
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="judge")
        try:
            asked = [pool.submit(self._ask, question, until) for question in questions]
            wait(asked, max(0.0, until - self._clock()) + _GRACE_S)
            return [_given(one) for one in asked]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, question: Question, until: float) -> Reply:
        left = until - self._clock()
        if left <= 0:
            return Silence(Reason.JUDGE_UNASKED, "the round's time for judging was up")
        deadline = self._clock() + min(left, self._timeout_s)
        logprobs = self._gives_logprobs
        try:
            status, content = self._post(question, deadline, logprobs=logprobs)
            if logprobs and not question.in_words and status in _NOT_UNDERSTOOD:
                status, content = self._post(question, deadline, logprobs=False)
                if status == _OK:  # else it was for something else, such as the text's length
                    self._gives_logprobs = False
        except UnansweredError as error:
            return Silence(Reason.JUDGE_SILENT, str(error))
        if status != _OK:
            return Silence(Reason.JUDGE_SILENT, f"the server answered with status {status}")
        return reply_of(content, question)

    def _post(self, question: Question, deadline: float, *, logprobs: bool) -> tuple[int, bytes]:
        body = request_body(question, model=self._model, logprobs=logprobs)
        left = max(0.001, deadline - self._clock())
        return post(self._address, body, headers=self._headers, timeout_s=left)


def _given(asked: Future[Reply]) -> Reply:
    if asked.done():
        return asked.result()
    return Silence(Reason.JUDGE_SILENT, "no answer in time")


def remote_judge(
    place: str, *, environment: Mapping[str, str], timeout_s: float, concurrency: int
) -> RemoteJudge:
    """Return the judge at an address.

    Args:
        place: `URL#MODEL`; without a model, one that is called "default".
        environment: Where `DRL_JUDGE_KEY` or `DRL_JUDGE_KEY_FILE` may stand.
        timeout_s: How long it may take over one question.
        concurrency: How many questions it is asked at once.

    Raises:
        ConfigFault: The address or the key cannot be used.
    """
    url, _, model = place.partition("#")
    address, key = address_of(url), key_in(environment)
    if key is not None and not address.is_private:
        raise ConfigFault(
            f"the judge's key would travel to {address.host} for everybody to read",
            fix="use https, or a server on this machine, or unset the key",
        )
    return RemoteJudge(
        address,
        model=model or "default",
        key=key,
        timeout_s=timeout_s,
        concurrency=concurrency,
    )


def key_in(environment: Mapping[str, str]) -> str | None:
    """Return the API key that an environment holds or names a file of; None without one.

    Raises:
        ConfigFault: The file cannot be read, or what is in it is no key.
    """
    key, origin = environment.get(KEY_VARIABLE), KEY_VARIABLE
    path = environment.get(f"{KEY_VARIABLE}_FILE")
    if key is None and path is not None:
        origin = path
        try:
            with home_resolved(path).open(encoding="ascii") as file:
                key = file.read(KEY_CHARACTERS_MAX + 1)
        except (OSError, ValueError) as error:
            raise ConfigFault(
                f"the judge's key cannot be read from {path} ({type(error).__name__})",
                fix=f"let {KEY_VARIABLE}_FILE name a readable file that holds the key alone",
            ) from None  # the error of a decoding would quote the key
    if key is None:
        return None
    key = key.strip()
    if not key or len(key) > KEY_CHARACTERS_MAX or not all("!" <= sign <= "~" for sign in key):
        raise ConfigFault(
            f"what is in {origin} is no API key: it is empty, too long, or has blanks in it",
            fix="give the key alone, in plain characters",
        )
    return key
