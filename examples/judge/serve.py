"""Serve a local model over `/v1/chat/completions`, on loopback, with the standard library alone.

    python examples/judge/serve.py                       # the embedded judge, on a free port
    python examples/judge/serve.py --model PATH --port 8000

Prints its URL once it can be asked. It answers greedily, one request at a time, and gives the
likeliest tokens where it is asked for them; so it serves a judge, and whoever wants to try
`judge.backend = "openai:URL"` without an account anywhere. It is no server for strangers.
"""

import argparse
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from node.policy import CausalPolicy, SampleRequest, SamplingParameters
from node.verification.judge import builtin_judge
from node.verification.judge.local import prompt_tokens

BODY_BYTES_MAX = 1 << 20
TOKENS_MAX = 1024


class Completions:
    """Greedy answers of one model.

    Args:
        policy: The model.
        gives_logprobs: Whether it says how likely tokens were; a request for it fails otherwise.
    """

    def __init__(self, policy: CausalPolicy, *, gives_logprobs: bool = True) -> None:
        self._policy = policy
        self._gives_logprobs = gives_logprobs
        self._turn = threading.Lock()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            ValueError: The request is not one that it can serve.
        """
        wants_logprobs = bool(request.get("logprobs"))
        if wants_logprobs and not self._gives_logprobs:
            raise ValueError("logprobs are not supported")
        said = {turn["role"]: str(turn["content"]) for turn in request["messages"]}
        prompt = prompt_tokens(self._policy, said.get("system", ""), said["user"])
        greedy = SamplingParameters(
            temperature=0.0, tokens_max=min(int(request.get("max_tokens", 16)), TOKENS_MAX)
        )
        with self._turn:
            (written,) = self._policy.sample([SampleRequest(prompt_tokens=prompt, key=0)], greedy)
            choice: dict[str, Any] = {
                "index": 0,
                "message": {"role": "assistant", "content": self._policy.decode(written.tokens)},
                "finish_reason": "stop" if written.ended else "length",
            }
            if wants_logprobs:
                count = int(request.get("top_logprobs", 1))
                choice["logprobs"] = {"content": self._logprobs(prompt, written.tokens, count)}
        return {"object": "chat.completion", "model": self._policy.source, "choices": [choice]}

    @torch.inference_mode()
    def _logprobs(
        self, prompt: tuple[int, ...], tokens: tuple[int, ...], count: int
    ) -> list[dict[str, Any]]:
        parts = list(self._policy.completion_logits([prompt], [tokens]))
        order = torch.cat([part.positions for part in parts]).argsort()
        logits = torch.cat([part.logits for part in parts])[order]
        values, ids = logits.log_softmax(-1).topk(count)
        places = []
        for row, best in zip(values.tolist(), ids.tolist(), strict=True):
            entries = [
                {"token": self._policy.tokenizer.decode([token]), "logprob": logprob}
                for token, logprob in zip(best, row, strict=True)
            ]
            places.append({**entries[0], "top_logprobs": entries})
        return places


class Handler(BaseHTTPRequestHandler):
    """Requests in, answers out; set `completions` on a subclass."""

    completions: Completions
    timeout = 30

    def do_POST(self) -> None:
        """Answer `/v1/chat/completions`."""
        length = int(self.headers.get("Content-Length", "0"))
        if self.path != "/v1/chat/completions" or not 0 < length <= BODY_BYTES_MAX:
            self._send(HTTPStatus.NOT_FOUND, {"error": {"message": "no such place"}})
            return
        try:
            answer = self.completions.answer(json.loads(self.rfile.read(length)))
        except (ValueError, KeyError, TypeError) as error:
            self._send(HTTPStatus.BAD_REQUEST, {"error": {"message": str(error)}})
            return
        self._send(HTTPStatus.OK, answer)

    def _send(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: what is asked is nobody's business."""


def main() -> None:
    """Load a model and serve it until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="builtin", help='"builtin", a path or a hub id')
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--no-logprobs", action="store_true", help="refuse to give them")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    is_builtin = arguments.model == "builtin"
    policy = builtin_judge() if is_builtin else CausalPolicy.load(arguments.model)
    handler = type(
        "Handling",
        (Handler,),
        {"completions": Completions(policy, gives_logprobs=not arguments.no_logprobs)},
    )
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
