"""Judges the Anthropic dialect with Anthropic's own SDK: anthropic_judge.py BASE_URL KEY"""

import sys

import anthropic
import httpx2

from verdict import check, judge, refused, same

TOOLS = [
    {
        "name": name,
        "description": name,
        "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    }
    for name in ("read_file", "list_files")
]


def ask(client, text, **more):
    messages = [{"role": "user", "content": text}]
    return client.messages.create(model="scripted", max_tokens=4096, messages=messages, **more)


def streamed(client, text, **more):
    messages = [{"role": "user", "content": text}]
    with client.messages.stream(model="scripted", max_tokens=4096, messages=messages, **more) as stream:
        events = [event.type for event in stream]
        return events, stream.get_final_message()


@check
def whole_text(client, **_):
    """a whole text with its usage"""
    message = ask(client, "say text")
    same(message.content[0].text, "Hello, wörld \\\\ ~S(x) 🦀!", "text")
    same(message.stop_reason, "end_turn", "stop")
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


@check
def streamed_text(client, **_):
    """a streamed text; the SDK's accumulator agrees with the whole answer"""
    events, message = streamed(client, "say text")
    whole = ask(client, "say text")
    same(message.content[0].text, whole.content[0].text, "text")
    same(message.usage.output_tokens, whole.usage.output_tokens, "usage")
    same(message.stop_reason, "end_turn", "stop")
    same((events[0], events[-1]), ("message_start", "message_stop"), "order")


@check
def raw_events(client, **_):
    """every event of a raw stream is of a type the SDK knows"""
    known = {
        "message_start", "content_block_start", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    }
    events = [event.type for event in ask(client, "think", stream=True)]
    same(set(events), known, "types")


@check
def parallel_tools(client, **_):
    """parallel calls, streamed and whole, with the same arguments"""
    _events, message = streamed(client, "call two tools", tools=TOOLS)
    whole = ask(client, "call two tools", tools=TOOLS)
    for answer in (message, whole):
        calls = [block for block in answer.content if block.type == "tool_use"]
        same([call.name for call in calls], ["read_file", "list_files"], "names")
        same([call.input["path"] for call in calls], ["lib/a\\\\b.ex", "lib"], "arguments")
        same(answer.stop_reason, "tool_use", "stop")
        same(len({call.id for call in calls}), 2, "two ids")


@check
def turns(client, **_):
    """a tool's result leads to the next step, and asking again gives the same answer"""
    messages = [{"role": "user", "content": "call two tools"}]
    message = client.messages.create(model="scripted", max_tokens=99, messages=messages, tools=TOOLS)
    messages.append({"role": "assistant", "content": message.content})
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "defmodule A do end"}
        for block in message.content
        if block.type == "tool_use"
    ]
    messages.append({"role": "user", "content": results})
    answers = [
        client.messages.create(model="scripted", max_tokens=99, messages=messages, tools=TOOLS).content[0].text
        for _ in range(2)
    ]
    same(answers, ["I read both."] * 2, "answers")


@check
def thinking(client, **_):
    """thinking with signature and redacted thinking, streamed as whole; both come back accepted"""
    options = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    _events, message = streamed(client, "think", **options)
    same([block.type for block in message.content], ["thinking", "redacted_thinking", "text"], "blocks")
    same(message.content[0].thinking, "First I look.", "thinking")
    whole = ask(client, "think", **options)
    same(message.content[0].signature, whole.content[0].signature, "signature")
    messages = [
        {"role": "user", "content": "think"},
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": "go on"},
    ]
    answer = client.messages.create(model="scripted", max_tokens=99, messages=messages)
    same(answer.content[0].text, "Thought on.", "answer")


@check
def changed_thinking(client, **_):
    """thinking that comes back changed is refused"""
    block = {"type": "thinking", "thinking": "Something else.", "signature": "sig+/0000000000000000=="}
    messages = [
        {"role": "user", "content": "think"},
        {"role": "assistant", "content": [block]},
        {"role": "user", "content": "go on"},
    ]
    error = refused(
        lambda: client.messages.create(model="scripted", max_tokens=99, messages=messages),
        anthropic.BadRequestError,
    )
    assert "signature" in str(error), error


@check
def cache(client, **_):
    """a marked prefix is written to the cache, then read from it"""
    system = [{"type": "text", "text": "You are a test. " * 20, "cache_control": {"type": "ephemeral"}}]
    first, second = (ask(client, "say text", system=system).usage for _ in range(2))
    same(first.cache_read_input_tokens, 0, "first read")
    assert first.cache_creation_input_tokens > 0
    same(second.cache_read_input_tokens, first.cache_creation_input_tokens, "second read")
    same(second.input_tokens, first.input_tokens, "input beside the cache")


@check
def rate_limit(client, **_):
    """a 429 with its headers, and the answer after it"""
    error = refused(lambda: ask(client, "limit me"), anthropic.RateLimitError)
    same(error.body["error"]["type"], "rate_limit_error", "type")
    same(error.response.headers["retry-after"], "1", "retry-after")
    same(error.response.headers["anthropic-ratelimit-requests-remaining"], "0", "remaining")
    assert error.response.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    same(ask(client, "limit me").content[0].text, "At last.", "the second time")


@check
def sdk_retries(client, **_):
    """the SDK's own retries get through a 429 and a 500"""
    same(ask(client.with_options(max_retries=3), "fail twice").content[0].text, "Third time.", "text")


@check
def server_errors(client, **_):
    """a 500 and a 529"""
    error = refused(lambda: ask(client, "break"), anthropic.InternalServerError)
    same(error.body["error"]["type"], "api_error", "type")
    error = refused(lambda: ask(client, "overload"), anthropic.APIStatusError)
    same((error.status_code, error.body["error"]["type"]), (529, "overloaded_error"), "overload")


@check
def error_in_stream(client, **_):
    """an error inside a stream is raised"""
    error = refused(lambda: ask(client, "break midway", stream=True), anthropic.APIStatusError)
    same(error.body["error"]["type"], "server_error", "type")


@check
def cut_stream(client, **_):
    """a broken connection is noticed"""
    refused(lambda: ask(client, "cut midway", stream=True), httpx2.HTTPError)


@check
def wrong_key(client, base_url, **_):
    """a wrong key, and an unknown model"""
    stranger = anthropic.Anthropic(base_url=base_url, api_key="wrong", max_retries=0)
    refused(lambda: ask(stranger, "say text"), anthropic.AuthenticationError)
    messages = [{"role": "user", "content": "x"}]
    refused(
        lambda: client.messages.create(model="other", max_tokens=9, messages=messages), anthropic.NotFoundError
    )


@check
def stop_reasons(client, **_):
    """an answer cut by the token limit, and a refusal"""
    same(ask(client, "run long").stop_reason, "max_tokens", "stop")
    same(ask(client, "refuse").stop_reason, "refusal", "stop")


@check
def counting(client, **_):
    """counting tokens agrees with the bill"""
    messages = [{"role": "user", "content": "say text"}]
    counted = client.messages.count_tokens(model="scripted", messages=messages).input_tokens
    same(counted, ask(client, "say text").usage.input_tokens, "tokens")


@check
def model_list(client, **_):
    """the list of models"""
    same([model.id for model in client.models.list()], ["scripted"], "models")


if __name__ == "__main__":
    base_url, key = sys.argv[1:3]
    client = anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0, timeout=10)
    judge(client=client, base_url=base_url)
