"""What LiteLLM makes of each case: one line of JSON per case."""
import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched
import litellm

base, key, cases = sys.argv[1], sys.argv[2], sys.argv[3:]


def ask(case):
    how = dict(model="openai/chat", messages=[{"role": "user", "content": case}], api_base=base, api_key=key)
    if case == "plain":
        r = litellm.completion(**how)
        return r.choices[0].message.content, r.usage.total_tokens
    text, usage = "", 0
    for chunk in litellm.completion(stream=True, stream_options={"include_usage": True}, **how):
        if getattr(chunk, "usage", None):
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
