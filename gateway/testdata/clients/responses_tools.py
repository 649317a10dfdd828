# One turn with a tool through OpenAI's Python client and the Responses API.
import json
import sys
import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=sys.argv[2])
tools = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}, "strict": False}]
items = [{"role": "user", "content": "What is the weather in Paris?"}]
with client.responses.stream(model="chat", input=items, tools=tools) as stream:
    for _ in stream:
        pass
    answer = stream.get_final_response()
call = next(o for o in answer.output if o.type == "function_call")
items += [{"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
          {"type": "function_call_output", "call_id": call.call_id, "output": "sunny in " + json.loads(call.arguments)["city"]}]
print(client.responses.create(model="chat", input=items, tools=tools).output_text)
