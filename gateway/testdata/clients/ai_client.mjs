// What Vercel's ai package makes of each case: one line of JSON per case.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const [base, key, ...cases] = process.argv.slice(2);
const model = createOpenAICompatible({ name: "agora", baseURL: base, apiKey: key, includeUsage: true })("chat");

async function ask(prompt) {
  if (prompt === "plain") {
    const r = await generateText({ model, prompt });
    return [r.text, r.usage.totalTokens];
  }
  let text = "", usage = 0, failure;
  const r = streamText({ model, prompt, onError: () => {} });
  for await (const part of r.fullStream) {
    if (part.type === "text-delta") text += part.text;
    if (part.type === "finish") usage = part.totalUsage.totalTokens ?? 0;
    if (part.type === "error") failure ??= part.error;
  }
  if (failure) throw failure;
  return [text, usage];
}

for (const name of cases) {
  try {
    const [text, usage] = await ask(name);
    console.log(JSON.stringify({ case: name, text, usage, error: "" }));
  } catch (e) {
    console.log(JSON.stringify({ case: name, text: "", usage: 0, error: String(e?.message ?? JSON.stringify(e)).slice(0, 300) }));
  }
}
