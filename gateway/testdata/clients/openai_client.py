"""What openai-python makes of each case: one line of JSON per case."""
import json
import sys

import openai

base, key, cases = sys.argv[1], sys.argv[2], sys.argv[3:]
client = openai.OpenAI(base_url=base, api_key=key)


def ask(case):
    messages = [{"role": "user", "content": case}]
    if case == "plain":
        r = client.chat.completions.create(model="chat", messages=messages)
        return r.choices[0].message.content, r.usage.total_tokens
    text, usage = "", 0
    for chunk in client.chat.completions.create(model="chat", messages=messages, stream=True, stream_options={"include_usage": True}):
        if chunk.usage:
            usage = chunk.usage.total_tokens
        for choice in chunk.choices:
            text += choice.delta.content or ""
    return text, usage


for case in cases:
    try:
        text, usage = ask(case)
        print(json.dumps({"case": case, "text": text, "usage": usage, "error": ""}), flush=True)
    except Exception as e:
        print(json.dumps({"case": case, "text": "", "usage": 0, "error": f"{type(e).__name__}: {e}"[:300]}), flush=True)
