// One turn with a tool through Vercel's ai package.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";

const [base, apiKey] = process.argv.slice(2);
const model = createOpenAICompatible({ name: "agora", baseURL: `${base}/v1`, apiKey })("chat");
const weather = tool({
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
  execute: async ({ city }) => `sunny in ${city}`,
});
const r = streamText({ model, prompt: "What is the weather in Paris?", tools: { weather }, stopWhen: stepCountIs(3) });
console.log(await r.text);
