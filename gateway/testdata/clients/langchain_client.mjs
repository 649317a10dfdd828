// What LangChain makes of each case: one line of JSON per case.
import { ChatOpenAI } from "@langchain/openai";

const [base, key, ...cases] = process.argv.slice(2);
const model = new ChatOpenAI({ model: "chat", apiKey: key, configuration: { baseURL: base }, streamUsage: true });

async function ask(prompt) {
  if (prompt === "plain") {
    const r = await model.invoke(prompt);
    return [r.content, r.usage_metadata.total_tokens];
  }
  let text = "", usage = 0;
  for await (const chunk of await model.stream(prompt)) {
    text += chunk.content;
    usage = chunk.usage_metadata?.total_tokens ?? usage;
  }
  return [text, usage];
}

for (const name of cases) {
  try {
    const [text, usage] = await ask(name);
    console.log(JSON.stringify({ case: name, text, usage, error: "" }));
  } catch (e) {
    console.log(JSON.stringify({ case: name, text: "", usage: 0, error: `${e.constructor.name}: ${e.message}`.slice(0, 300) }));
  }
}
