# One turn with a tool through LiteLLM, which goes to the gateway's chat and to its messages.
import json
import sys
import litellm

tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
for model, base in (("openai/chat", sys.argv[1] + "/v1"), ("anthropic/chat", sys.argv[1])):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    ask = lambda **more: litellm.completion(model=model, api_base=base, api_key=sys.argv[2], messages=messages, tools=tools, **more)
    answer = litellm.stream_chunk_builder(list(ask(stream=True))).choices[0].message
    call = answer.tool_calls[0]
    messages += [answer.model_dump(exclude_none=True),
                 {"role": "tool", "tool_call_id": call.id, "content": "sunny in " + json.loads(call.function.arguments)["city"]}]
    said = ask().choices[0].message.content
    assert said == "The tool said: sunny in Paris", said
print(said)
