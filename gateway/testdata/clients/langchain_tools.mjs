// One turn with a tool through LangChain.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";

const [base, apiKey] = process.argv.slice(2);
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
const model = new ChatOpenAI({ model: "chat", apiKey, configuration: { baseURL: `${base}/v1` } }).bindTools(tools);
const messages = [new HumanMessage("What is the weather in Paris?")];
let answer;
for await (const part of await model.stream(messages)) answer = answer ? answer.concat(part) : part;
const [call] = answer.tool_calls;
messages.push(answer, new ToolMessage({ tool_call_id: call.id, content: `sunny in ${call.args.city}` }));
console.log((await model.invoke(messages)).content);
