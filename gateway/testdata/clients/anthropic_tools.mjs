// One turn with a tool through Anthropic's npm client.
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey });
const tools = [{ name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } } } }];
const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const answer = await client.messages.stream({ model: "chat", max_tokens: 64, messages, tools }).finalMessage();
const use = answer.content.find((b) => b.type === "tool_use");
messages.push({ role: "assistant", content: answer.content });
messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: `sunny in ${use.input.city}` }] });
console.log((await client.messages.create({ model: "chat", max_tokens: 64, messages, tools })).content[0].text);
