"use strict";
// What pages do beyond links and forms: completion and canceling of queries, keys, and a second
// look for counts that were not ready. Without this script everything else works.

document.addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-key='/']");
  if (event.key === "/" && field && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    field.focus();
  }
});

if (document.querySelector("[data-reload]")) {
  setTimeout(() => location.reload(), 2000);
}

// On a narrow screen, rows come first.
if (matchMedia("(max-width: 48rem)").matches) {
  document.querySelectorAll(".facets").forEach((facets) => { facets.open = false; });
}

const form = document.getElementById("query-form");
if (form) {
  const area = document.getElementById("query");
  const list = document.getElementById("suggestions");
  const cancel = document.getElementById("cancel");
  const state = document.getElementById("state");
  let names = null;

  form.addEventListener("submit", () => {
    // Addresses have a limit; a longer query is posted.
    form.method = area.value.length > 4000 ? "post" : "get";
    cancel.hidden = false;
    state.textContent = "Running";
  });
  cancel.addEventListener("click", () => {
    fetch("/sql/cancel", { method: "POST", body: new URLSearchParams({ run: form.elements.run.value }) })
      .then((answer) => answer.json())
      .then((answer) => { state.textContent = answer.canceled ? "Canceled" : "Not running"; });
  });
  window.addEventListener("pageshow", () => { cancel.hidden = true; state.textContent = ""; });

  const word = () => area.value.slice(0, area.selectionStart).match(/(?:(\w+)\.)?(\w*)$/);
  const close = () => {
    list.hidden = true;
    area.setAttribute("aria-expanded", "false");
    area.removeAttribute("aria-activedescendant");
  };
  const select = (index) => {
    const items = [...list.children];
    const chosen = items[(index + items.length) % items.length];
    items.forEach((item) => item.setAttribute("aria-selected", String(item === chosen)));
    area.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  };
  const selected = () => [...list.children].findIndex((item) => item.getAttribute("aria-selected") === "true");
  const accept = (text) => {
    const end = area.selectionStart;
    area.setRangeText(text, end - word()[2].length, end, "end");
    close();
    area.focus();
  };
  const candidates = (table, start) => {
    const lower = area.value.toLowerCase();
    const named = Object.keys(names.tables).filter((name) => new RegExp(`\\b${name}\\b`).test(lower));
    const columns = table && names.tables[table] ? names.tables[table] : named.flatMap((name) => names.tables[name]);
    const all = table ? columns : [...Object.keys(names.tables), ...columns, ...names.functions];
    return [...new Set(all)].filter((name) => name.startsWith(start) && name !== start).slice(0, 12);
  };
  const suggest = async () => {
    const [, table, start] = word();
    if (!table && start.length < 1) { close(); return; }
    names ??= await (await fetch("/words")).json();
    const found = candidates(table && table.toLowerCase(), start.toLowerCase());
    if (!found.length) { close(); return; }
    list.replaceChildren(...found.map((name, number) => {
      const item = document.createElement("li");
      item.id = `suggestion-${number}`;
      item.role = "option";
      item.textContent = name;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); accept(name); });
      return item;
    }));
    list.hidden = false;
    area.setAttribute("aria-expanded", "true");
    select(0);
  };
  area.setAttribute("role", "combobox");
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", "suggestions");
  area.setAttribute("aria-expanded", "false");
  area.addEventListener("input", suggest);
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      select(selected() + (event.key === "ArrowDown" ? 1 : -1));
    } else if (!list.hidden && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      accept(list.children[selected()].textContent);
    } else if (event.key === "Escape") {
      close();
    }
  });
}
