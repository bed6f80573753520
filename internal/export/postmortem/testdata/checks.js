// What accessibility checkers look at first, on the page as it is shown: a list of
// what is wrong. Contrast is that of WCAG 2.1, 1.4.3: 4.5, and 3 for large text.
(() => {
  const wrong = [];
  const say = (e, s) => wrong.push(`${s}: ${(e.outerHTML || "").slice(0, 140)}`);
  if (!document.documentElement.lang) wrong.push("the page has no language");
  if (!document.title) wrong.push("the page has no title");
  if (document.querySelectorAll("main").length !== 1) wrong.push("there is not one main");
  if (!document.querySelector("meta[name=viewport]")) wrong.push("there is no viewport");

  let level = 0;
  const heads = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")];
  if (heads.filter((h) => h.tagName === "H1").length !== 1) wrong.push("there is not one h1");
  for (const h of heads) {
    const n = Number(h.tagName[1]);
    if (n > level + 1) say(h, `a heading of level ${n} after ${level}`);
    if (!h.textContent.trim()) say(h, "an empty heading");
    level = n;
  }

  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) {
    if (ids.has(e.id)) say(e, "an id twice");
    ids.add(e.id);
  }
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const e of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) if (!ids.has(id)) say(e, `${attribute} names no element`);
    }
  }
  for (const a of document.querySelectorAll("a[href^='#']")) {
    if (!ids.has(decodeURIComponent(a.getAttribute("href").slice(1)))) say(a, "a link to nothing");
  }
  for (const a of document.querySelectorAll("a, button, summary")) if (!a.textContent.trim()) say(a, "nothing to read in it");
  for (const i of document.querySelectorAll("input, select, textarea")) if (!(i.labels && i.labels.length) && !i.getAttribute("aria-label")) say(i, "no label");
  for (const s of document.querySelectorAll("svg")) if (s.getAttribute("role") !== "img" || !s.getAttribute("aria-label")) say(s, "a picture without a name");
  for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) say(e, "an order of its own for the tab key");
  for (const r of document.querySelectorAll("[role=region]")) if (!r.getAttribute("aria-label")) say(r, "a region without a name");
  for (const e of document.querySelectorAll(".scroll, pre")) if (e.scrollWidth > e.clientWidth && e.tabIndex !== 0) say(e, "scrolls, and not with the keyboard");
  for (const t of document.querySelectorAll("table")) {
    if (!t.querySelector("th[scope=col]")) say(t, "a table without heads of its columns");
    for (const th of t.querySelectorAll("th")) {
      if (!th.scope) say(th, "a head of nothing");
      if (th.scope === "col" && !th.textContent.trim()) say(th, "an empty head");
    }
  }
  for (const l of document.querySelectorAll("ul, ol")) for (const c of l.children) if (c.tagName !== "LI") say(c, "in a list and no item");
  for (const l of document.querySelectorAll("dl")) {
    for (const c of l.children) if (!(c.tagName === "DIV" && c.querySelector("dt") && c.querySelector("dd"))) say(c, "in a list of terms and none");
  }

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data;
    return [d[0], d[1], d[2], d[3] / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    const layers = [];
    for (let p = e; p; p = p.parentElement) {
      const c = rgba(getComputedStyle(p).backgroundColor);
      if (c[3] > 0) layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.data.trim() || done.has(e) || e.closest("script, style, title") || !e.getClientRects().length) continue;
    done.add(e);
    const style = getComputedStyle(e);
    if (style.visibility === "hidden" || e.classList.contains("skip")) continue;
    let back = ground(e);
    if (e.closest("svg")) {
      // Boxes of the flow chart lie under their text; take what is there.
      const r = e.getBoundingClientRect();
      const box = [...e.ownerSVGElement.querySelectorAll("rect.box")].find((b) => {
        const q = b.getBoundingClientRect();
        return q.left <= r.left && q.right >= r.right && q.top <= r.top && q.bottom >= r.bottom;
      });
      if (box) back = over(rgba(getComputedStyle(box).fill), back);
    }
    const fore = over(rgba(e.closest("svg") ? style.fill : style.color), back);
    const [a, b] = [light(fore), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const px = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    if (ratio < (px >= 24 || (px >= 18.66 && bold) ? 3 : 4.5)) say(e, `contrast ${ratio.toFixed(2)} (${style.color} on ${back.slice(0, 3)})`);
  }
  return wrong;
})();
