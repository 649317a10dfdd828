// What the openai package makes of each case: one line of JSON per case.
import OpenAI from "openai";

const [base, key, ...cases] = process.argv.slice(2);
const client = new OpenAI({ baseURL: base, apiKey: key });

async function ask(content) {
  const messages = [{ role: "user", content }];
  if (content === "plain") {
    const r = await client.chat.completions.create({ model: "chat", messages });
    return [r.choices[0].message.content, r.usage.total_tokens];
  }
  let text = "", usage = 0;
  for await (const chunk of await client.chat.completions.create({ model: "chat", messages, stream: true, stream_options: { include_usage: true } })) {
    usage = chunk.usage?.total_tokens ?? usage;
    for (const choice of chunk.choices) text += choice.delta.content ?? "";
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
