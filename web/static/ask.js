// The box that asks the market: one request, streamed. Answers are put on the page as text, never as HTML.
(() => {
  "use strict";
  const form = document.getElementById("ask-form");
  if (!form) return;
  const $ = (id) => document.getElementById(id);
  let running = null;

  const element = (kind, into, text) => {
    const e = document.createElement("p");
    e.className = kind;
    e.textContent = text;
    into.append(e);
    return e;
  };

  const request = () => {
    const option = $("ask-model").selectedOptions[0];
    const prompt = $("ask-prompt").value;
    if (option.dataset.kind === "completion") {
      return ["/v1/completions", { model: option.value, prompt, max_tokens: 160, stream: true }];
    }
    return ["/v1/chat/completions", { model: option.value, messages: [{ role: "user", content: prompt }], stream: true }];
  };

  // events calls each with the data of every server-sent event of a response.
  const events = async (response, each) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split(/\r?\n\r?\n/);
      rest = parts.pop();
      for (const part of parts) if (part.startsWith("data:")) each(part.slice(5).trim());
    }
  };

  const ask = async (turn, answer, meta) => {
    const [path, body] = request();
    const key = form.dataset.key || $("ask-key").value.trim();
    const began = performance.now();
    const response = await fetch(path, {
      method: "POST", signal: running.signal, body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", Authorization: "Bearer " + key },
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    const of = (name) => response.headers.get("x-agora-" + name) || "–";
    let first = 0;
    await events(response, (data) => {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      first = first || performance.now() - began;
      const choice = chunk.choices && chunk.choices[0];
      if (choice) answer.textContent += choice.text ?? choice.delta?.content ?? "";
    });
    const rank = { chain: "chosen by the chain's ranking", own: "chosen by this validator's scores", none: "drawn evenly" }[of("rank")];
    meta.textContent = `${of("model")}, miner ${of("miner").split("/")[0]} of ${of("subnet")}, ${rank} · first word after ` +
      `${first.toFixed(0)} ms, done after ${(performance.now() - began).toFixed(0)} ms, of which the gateway ${of("overhead-us")} µs`;
  };

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (running) return;
    running = new AbortController();
    $("ask-send").disabled = true;
    $("ask-stop").hidden = false;
    const turn = document.createElement("div");
    turn.className = "turn busy";
    $("ask-log").prepend(turn);
    element("q", turn, $("ask-prompt").value);
    const answer = element("a", turn, "");
    const meta = element("m", turn, "");
    try {
      await ask(turn, answer, meta);
    } catch (err) {
      meta.textContent = err.name === "AbortError" ? "stopped" : "";
      if (err.name !== "AbortError") element("a failed", turn, err.message);
    }
    turn.classList.remove("busy");
    running = null;
    $("ask-send").disabled = false;
    $("ask-stop").hidden = true;
  });
  $("ask-stop").addEventListener("click", () => running && running.abort());
  $("ask-prompt").addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); form.requestSubmit(); }
  });
})();
