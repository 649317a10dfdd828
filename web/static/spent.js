// What a key spent, by day and model, as its gateway wrote it down. Everything is put on the page as text.
(() => {
  "use strict";
  const form = document.getElementById("spent-form");
  if (!form) return;
  const $ = (id) => document.getElementById(id);

  // coins spells rao as TAO, exactly.
  const coins = (rao) => {
    const whole = BigInt(rao) / 1000000000n, rest = String(BigInt(rao) % 1000000000n).padStart(9, "0").replace(/0+$/, "");
    return rest ? `${whole}.${rest}` : String(whole);
  };

  const row = (d) => {
    const tr = document.createElement("tr");
    for (const [i, text] of [d.day, d.model, d.requests, d.tokens_in, d.tokens_out, coins(d.rao), coins(d.miners_rao)].entries()) {
      const cell = document.createElement(i === 0 ? "th" : "td");
      if (i === 0) cell.scope = "row";
      if (i > 1) cell.className = "n";
      cell.textContent = text;
      tr.append(cell);
    }
    return tr;
  };

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const key = form.dataset.key || $("spent-key").value.trim();
    try {
      const response = await fetch("/v1/pay/spending", { headers: { Authorization: "Bearer " + key } });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error.message);
      $("spent").hidden = false;
      $("spent").tBodies[0].replaceChildren(...answer.days.map(row));
      $("spent-note").textContent = `${answer.account}: ${coins(answer.charged_rao)} TAO were charged in all.`;
    } catch (err) {
      $("spent-note").textContent = err.message;
    }
  });
})();
