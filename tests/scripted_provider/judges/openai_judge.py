"""Judges the OpenAI dialect with OpenAI's own SDK: openai_judge.py BASE_URL KEY"""

import json
import sys

import openai

from verdict import check, judge, refused, same

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": name,
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
    for name in ("read_file", "list_files")
]


def ask(client, text, **more):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="scripted", messages=messages, **more)


@check
def whole_text(client, **_):
    """a whole text with its usage"""
    completion = ask(client, "say text")
    same(completion.choices[0].message.content, "Hello, wörld \\\\ ~S(x) 🦀!", "text")
    same(completion.choices[0].finish_reason, "stop", "finish")
    usage = completion.usage
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
    assert usage.completion_tokens > 0 and usage.prompt_tokens > 0


@check
def streamed_text(client, **_):
    """a streamed text with usage in the last chunk"""
    chunks = list(ask(client, "say text", stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    same(text, "Hello, wörld \\\\ ~S(x) 🦀!", "text")
    same([chunk.usage is not None for chunk in chunks].index(True), len(chunks) - 1, "usage comes last")
    same(chunks[-1].choices, [], "no choices beside usage")
    same(chunks[0].choices[0].delta.role, "assistant", "role first")
    same(len({chunk.id for chunk in chunks}), 1, "one id")


@check
def no_usage_unless_asked(client, **_):
    """a stream without include_usage has none"""
    chunks = list(ask(client, "say text", stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


@check
def stream_helper(client, **_):
    """the SDK's own accumulator agrees with the whole answer"""
    messages = [{"role": "user", "content": "call two tools"}]
    with client.chat.completions.stream(model="scripted", messages=messages, tools=TOOLS) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    same([call.function.name for call in calls], ["read_file", "list_files"], "names")
    same([json.loads(call.function.arguments)["path"] for call in calls], ["lib/a\\\\b.ex", "lib"], "arguments")
    same(final.choices[0].finish_reason, "tool_calls", "finish")
    same(events.count("tool_calls.function.arguments.done"), 2, "done events")


@check
def parallel_tools_whole(client, **_):
    """parallel calls in a whole answer"""
    message = ask(client, "call two tools", tools=TOOLS).choices[0].message
    same(message.content, None, "content")
    same(len({call.id for call in message.tool_calls}), 2, "two ids")
    same(json.loads(message.tool_calls[0].function.arguments), {"path": "lib/a\\\\b.ex"}, "arguments")


@check
def interleaved_tools(client, **_):
    """fragments of parallel calls in turns"""
    calls = {}
    for chunk in ask(client, "interleave two tools", tools=TOOLS, stream=True):
        for delta in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += delta.id or ""
            call["name"] += delta.function.name or ""
            call["arguments"] += delta.function.arguments or ""
    same([json.loads(calls[index]["arguments"])["path"] for index in (0, 1)], ["lib/one.ex", "lib/two.ex"])


@check
def turns(client, **_):
    """a tool's result leads to the next step, and asking again gives the same answer"""
    messages = [{"role": "user", "content": "call two tools"}]
    message = client.chat.completions.create(model="scripted", messages=messages, tools=TOOLS).choices[0].message
    messages.append(message)
    for call in message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "defmodule A do end"})
    answers = [
        client.chat.completions.create(model="scripted", messages=messages, tools=TOOLS).choices[0].message.content
        for _ in range(2)
    ]
    same(answers, ["I read both."] * 2, "answers")


@check
def unanswered_tool(client, **_):
    """a call without result is refused as the real server does"""
    call = {"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]
    error = refused(
        lambda: client.chat.completions.create(model="scripted", messages=messages), openai.BadRequestError
    )
    assert "call_1" in error.message, error.message


@check
def reasoning(client, **_):
    """reasoning comes as reasoning_content, and is counted"""
    completion = ask(client, "think")
    same(completion.choices[0].message.reasoning_content, "First I look.", "reasoning")
    same(completion.choices[0].message.content, "Forty-two.", "content")
    assert completion.usage.completion_tokens_details.reasoning_tokens > 0


@check
def refusal(client, **_):
    """a refusal of the model"""
    message = ask(client, "refuse").choices[0].message
    same((message.content, message.refusal), (None, "I cannot."), "refusal")


@check
def length(client, **_):
    """an answer cut by the token limit"""
    same(ask(client, "run long").choices[0].finish_reason, "length", "finish")


@check
def rate_limit(client, **_):
    """a 429 with its headers, and the answer after it"""
    error = refused(lambda: ask(client, "limit me"), openai.RateLimitError)
    same(error.code, "rate_limit_exceeded", "code")
    same(error.response.headers["retry-after-ms"], "30", "retry-after-ms")
    same(error.response.headers["x-ratelimit-remaining-requests"], "0", "remaining")
    same(ask(client, "limit me").choices[0].message.content, "At last.", "the second time")


@check
def sdk_retries(client, **_):
    """the SDK's own retries get through a 429 and a 500"""
    patient = client.with_options(max_retries=3)
    same(ask(patient, "fail twice").choices[0].message.content, "Third time.", "text")


@check
def server_error(client, **_):
    """a 500"""
    error = refused(lambda: ask(client, "break"), openai.InternalServerError)
    same(error.status_code, 500, "status")
    same(error.type, "server_error", "type")


@check
def error_in_stream(client, **_):
    """an error inside a stream is raised"""
    error = refused(lambda: ask(client, "break midway", stream=True), openai.APIError)
    same(error.type, "server_error", "type")


@check
def cut_stream(client, **_):
    """a broken connection is noticed"""
    refused(lambda: ask(client, "cut midway", stream=True), openai.APIConnectionError)


@check
def wrong_key(client, base_url, **_):
    """a wrong key, and an unknown model"""
    stranger = openai.OpenAI(base_url=base_url, api_key="wrong", max_retries=0)
    error = refused(lambda: ask(stranger, "say text"), openai.AuthenticationError)
    same(error.code, "invalid_api_key", "code")
    messages = [{"role": "user", "content": "x"}]
    error = refused(
        lambda: client.chat.completions.create(model="other", messages=messages), openai.NotFoundError
    )
    same(error.code, "model_not_found", "code")


@check
def model_list(client, **_):
    """the list of models"""
    same([model.id for model in client.models.list()], ["scripted"], "models")


if __name__ == "__main__":
    base_url, key = sys.argv[1:3]
    judge(client=openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=10), base_url=base_url)
