# One turn with a tool through Anthropic's Python client.
import sys
import anthropic

client = anthropic.Anthropic(base_url=sys.argv[1], api_key=sys.argv[2])
tools = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
messages = [{"role": "user", "content": "What is the weather in Paris?"}]
with client.messages.stream(model="chat", max_tokens=64, messages=messages, tools=tools) as stream:
    answer = stream.get_final_message()
use = next(b for b in answer.content if b.type == "tool_use")
messages += [{"role": "assistant", "content": answer.content},
             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny in " + use.input["city"]}]}]
print(client.messages.create(model="chat", max_tokens=64, messages=messages, tools=tools).content[0].text)
assert client.messages.count_tokens(model="chat", messages=messages[:1]).input_tokens > 0
