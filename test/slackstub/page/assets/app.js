// Keeps the page fresh and sends what a person does. All HTML comes rendered
// from the server; this script only puts it in place.
(() => {
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];
  const body = document.body;

  // --- refresh: fetch this page again, take over the parts that differ -----
  let running = false, again = false;
  async function refresh() {
    if (running) { again = true; return; }
    running = true;
    try {
      do {
        again = false;
        const res = await fetch(location.href);
        if (!res.ok) break;
        const next = new DOMParser().parseFromString(await res.text(), "text/html");
        for (const part of $$("[data-part]")) {
          const fresh = $(`[data-part="${part.dataset.part}"]`, next);
          if (!fresh) continue;
          if ("list" in part.dataset) takeList(part, fresh); else takePart(part, fresh);
        }
      } while (again);
    } finally { running = false; }
  }

  // Messages keep their element while their version is the same, so that an
  // open menu or a chosen option survives.
  function takeList(part, fresh) {
    const atEnd = part.scrollHeight - part.scrollTop - part.clientHeight < 80;
    const old = new Map($$("[data-key]", part).filter(e => e.parentNode === part).map(e => [e.dataset.key, e]));
    const nodes = [...fresh.children].map(n => {
      const o = old.get(n.dataset.key);
      return o && o.dataset.version === n.dataset.version ? o : document.adoptNode(n);
    });
    part.replaceChildren(...nodes);
    if (atEnd) part.scrollTop = part.scrollHeight;
  }

  function takePart(part, fresh) {
    if (part.innerHTML === fresh.innerHTML || part.dataset.shown === fresh.innerHTML) return;
    const typed = new Map($$("[data-input]", part).map(e => [e.closest("[data-view-id]").dataset.viewId + e.dataset.input, e]));
    const open = new Set($$("details[open]", part).map(e => e.dataset.key));
    part.dataset.shown = fresh.innerHTML;
    part.innerHTML = fresh.innerHTML;
    for (const e of $$("[data-input]", part)) {
      const o = typed.get(e.closest("[data-view-id]").dataset.viewId + e.dataset.input);
      if (o && "value" in o) e.value = o.value;
      if (o && !("value" in o)) $$("input", o).forEach((c, i) => { const n = $$("input", e)[i]; if (n) n.checked = c.checked; });
    }
    for (const e of $$("details", part)) if (open.has(e.dataset.key)) e.open = true;
    const first = $(".modal.top [data-input]", part);
    if (part.dataset.part === "modals" && first && !typed.size) first.focus();
  }

  let timer;
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 30); };
  const stream = new EventSource("/events");
  stream.onmessage = soon;
  stream.onopen = soon;

  // --- doing ---------------------------------------------------------------
  async function send(what, deed) {
    const res = await fetch("/do/" + what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(deed) });
    if (!res.ok) return { ok: false, error: (await res.text()).trim() };
    return res.json();
  }

  function toast(text, bad) {
    const t = $("#toast");
    t.textContent = text;
    t.className = "shown" + (bad ? " bad" : "");
    clearTimeout(t.timer);
    t.timer = setTimeout(() => { t.className = ""; }, bad ? 6000 : 1800);
  }

  function confirmed(e) {
    if (!e.dataset.confirm) return Promise.resolve(true);
    const c = JSON.parse(e.dataset.confirm), d = $("#confirm");
    $("h3", d).innerHTML = c.title;              // rendered and escaped by the server
    $(".confirm-text", d).innerHTML = c.text;
    const [no, yes] = $$("button", d);
    no.innerHTML = c.deny;
    yes.innerHTML = c.confirm;
    yes.className = "btn " + (c.style === "danger" ? "danger" : "primary");
    return new Promise(done => {
      no.onclick = () => d.close("no");
      yes.onclick = () => d.close("yes");
      d.onclose = () => done(d.returnValue === "yes");
      d.returnValue = "";
      d.showModal();
    });
  }

  const deedOf = e => ({ channel: e.dataset.channel || "", ts: e.dataset.ts || "", view: e.dataset.view || "", action: e.dataset.actionId,
    block: e.dataset.inBlock, value: e.dataset.value || "", option: e.dataset.option || "" });

  async function press(e, deed) {
    if (!(await confirmed(e))) return;
    e.classList.add("busy");
    const r = await send("press", deed);
    e.classList.remove("busy");
    e.classList.toggle("failed", !r.ok);
    if (!r.ok) toast("⚠ " + r.error, true);
    soon();
  }

  const multiple = e => e.tagName === "SELECT" && e.multiple ? [...e.selectedOptions].map(o => o.value)
    : $$("input:checked", e).map(c => c.value);

  function collect(modal) {
    const values = {};
    for (const e of $$("[data-input]", modal))
      values[e.dataset.input] = "value" in e && !e.multiple ? e.value : multiple(e).join(",");
    return values;
  }

  const acts = {
    press: e => press(e, deedOf(e)),
    side: () => body.classList.toggle("side-open"),
    async submit(e) {
      e.classList.add("busy");
      const r = await send("submit", { view: e.dataset.view, values: collect(e.closest(".modal")) });
      e.classList.remove("busy");
      if (!r.ok && !/form is not complete/.test(r.error)) toast("⚠ " + r.error, true);
      soon();
    },
    async close(e) { await send("close", { view: e.dataset.view }); soon(); },
    async knob(e) {
      const r = await fetch("/_ctl/" + e.dataset.knob, { method: "POST", headers: { "Content-Type": "application/json" }, body: e.dataset.body });
      const o = await r.json();
      toast(o.ok ? e.textContent : o.error, !o.ok);
      soon();
    },
  };

  document.addEventListener("click", ev => {
    const e = ev.target.closest("[data-act]");
    if (!e) { body.classList.remove("side-open"); return; }
    if (e.dataset.act === "choose") return;
    ev.preventDefault();
    const menu = e.closest("details.overflow");
    if (menu) menu.open = false;
    acts[e.dataset.act]?.(e);
  });

  document.addEventListener("change", ev => {
    const e = ev.target.closest('[data-act="choose"]');
    if (!e) return;
    const deed = deedOf(e);
    if (e.tagName === "SELECT" && !e.multiple || e.tagName === "INPUT") deed.option = e.value;
    else { deed.options = multiple(e); deed.option = deed.options[0] || ""; }
    press(e, deed);
  });

  // --- composing -----------------------------------------------------------
  for (const f of $$("form.composer")) {
    const box = $("textarea", f);
    f.addEventListener("submit", async ev => {
      ev.preventDefault();
      const text = box.value.trim();
      if (!text) return;
      box.value = "";
      const r = await send("say", { channel: body.dataset.channel, thread: f.dataset.thread, text });
      if (!r.ok) { toast("⚠ " + r.error, true); if (!box.value) box.value = text; }
      soon();
    });
    box.addEventListener("keydown", ev => {
      if (ev.key === "Enter" && !ev.shiftKey) { ev.preventDefault(); f.requestSubmit(); }
    });
  }

  // In the last column the newest message is what a reader wants to see.
  for (const part of $$("[data-list]")) part.scrollTop = part.scrollHeight;
})();
