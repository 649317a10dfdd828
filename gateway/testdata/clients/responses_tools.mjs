// One turn with a tool through OpenAI's npm client and the Responses API.
import OpenAI from "openai";

const [base, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey });
const tools = [{ type: "function", name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } }, strict: false }];
const input = [{ role: "user", content: "What is the weather in Paris?" }];
const answer = await client.responses.stream({ model: "chat", input, tools }).finalResponse();
const call = answer.output.find((o) => o.type === "function_call");
input.push({ type: "function_call", call_id: call.call_id, name: call.name, arguments: call.arguments });
input.push({ type: "function_call_output", call_id: call.call_id, output: `sunny in ${JSON.parse(call.arguments).city}` });
console.log((await client.responses.create({ model: "chat", input, tools })).output_text);
